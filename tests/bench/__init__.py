"""Performance goals, each measured against its yardstick in the same run: `python -m tests.bench`."""
