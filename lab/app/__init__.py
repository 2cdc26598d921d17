"""The external app as a machine: a generator of Send, Wait and Ask that returns an Outcome. `run.py` tells it."""
