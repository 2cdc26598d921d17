"""What a lab that serves writes of each exchange: a line."""
