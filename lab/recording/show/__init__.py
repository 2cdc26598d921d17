"""A recording for people and for other programs (recordings.md §9)."""
