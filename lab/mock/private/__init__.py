"""Routes that only one dialect has."""
