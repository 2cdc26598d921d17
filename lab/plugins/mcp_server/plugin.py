"""The lab as tools for coding agents."""

from lab.plugin import CliCommand, Plugin

PLUGIN = Plugin(
    "mcp_server",
    "gives coding agents the lab as tools, over MCP",
    page="agents",
    commands=(
        CliCommand(
            "your client",
            "mcp",
            "the lab as tools for a coding agent, over stdio or HTTP",
            "lab mcp --http",
            "lab.plugins.mcp_server.server:execute",
            "lab.plugins.mcp_server.options:McpSettings",
        ),
    ),
    extra="mcp",
)
