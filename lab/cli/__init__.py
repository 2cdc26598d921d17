"""The command line: each command in its own module, loaded when it is called."""
