"""The file: lines, facts, how they are written and read, repaired and migrated (recordings.md §1 to §4, §11)."""
