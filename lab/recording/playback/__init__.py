"""A recording's answers given to somebody's client (recordings.md §15)."""
