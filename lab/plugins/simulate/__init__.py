"""The plugin `simulate`: what it declares stands in `plugin.py`."""
