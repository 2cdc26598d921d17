"""The mock server without I/O: requests and decisions in, replies and facts out."""
