"""The tapes of a command: its own mock's, and that of a pod."""
