"""The MCP dialect: tools, and the tasks that calls of them become (mcp.md). `plugin.py` declares it, `wire.py` is it whole."""
