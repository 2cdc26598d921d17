"""A recording evaluated again, and compared (recordings.md §6, §7)."""
