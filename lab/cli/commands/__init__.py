"""The commands, a module each: `execute` carries one out, and returns its exit code."""
