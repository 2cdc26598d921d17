"""Completion callbacks: which are due follows from a job (`schedule`), what they are made of says a wire (`wires`), and a
shell sends them while a lab is served (`sender`)."""
