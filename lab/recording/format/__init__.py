"""The file: lines, facts, how they are written and read and repaired (recordings.md §1 to §4, §11)."""
