"""The plugin `web`: what it declares stands in `plugin.py`."""
