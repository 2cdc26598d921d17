"""A run as `lab run` plays, prints and answers it."""
