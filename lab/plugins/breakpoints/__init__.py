"""The plugin `breakpoints`: what it declares stands in `plugin.py`."""
