"""The plugin `rehearsal`: what it declares stands in `plugin.py`."""
