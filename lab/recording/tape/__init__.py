"""A recording while it is being written, of a mock or of what passes to a pod; and its calls, as whoever reads it wants them."""
