"""A recording's requests sent to another server, and its answers compared (recordings.md §6.3)."""
