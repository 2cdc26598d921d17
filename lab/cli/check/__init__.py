"""What `lab check` says of files, and the timeline that a seed settles."""
