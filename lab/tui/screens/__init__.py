"""Screens: the stage, and the pages that lie over it."""
