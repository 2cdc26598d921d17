"""The lab as tools for coding agents."""

from lab.plugin import CliCommand, Plugin

_RUN, _ASKS = "lab.plugins.mcp_server.server:execute", "lab.plugins.mcp_server.options:McpSettings"
_DOES = "the lab as tools for a coding agent, over stdio or HTTP"
PLUGIN = Plugin(
    "mcp_server",
    "gives coding agents the lab as tools, over MCP",
    page="agents",
    commands=(CliCommand("your client", "mcp", _DOES, "lab mcp --http", _RUN, _ASKS),),
    extra="mcp",
)
