"""The plugin `phone`: what it declares stands in `plugin.py`."""
