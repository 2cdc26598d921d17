"""Drills: a happy scenario with one fault, or several; where they strike, and how they are written."""
