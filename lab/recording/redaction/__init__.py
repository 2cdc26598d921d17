"""What is secret in a line, and what stands there instead (recordings.md §5)."""
