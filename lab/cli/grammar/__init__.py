"""What the command line takes: the commands, the options of each, and what their values are."""
