"""One lab of several processes: calls are served in batches against a store that all share."""
