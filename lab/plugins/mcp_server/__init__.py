"""The plugin `mcp_server`: what it declares stands in `plugin.py`."""
