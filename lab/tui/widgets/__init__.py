"""Widgets: they show rows, and hold no state but how far they are scrolled."""
