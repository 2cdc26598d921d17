"""The wires: each folder is one vendor's, routes, bodies and status words, both ways."""
