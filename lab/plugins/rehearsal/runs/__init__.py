"""What `lab rehearse` is made of: a client's process, and the lab of each run."""
