"""The screen of the lab: what an external app goes through, folded from observations."""
