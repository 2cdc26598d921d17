"""A further wire: the Model Context Protocol with its tasks extension."""

from lab.plugin import Plugin, WireDeclared

PLUGIN = Plugin(
    "mcp_tasks",
    "speaks MCP with tasks on the same jobs",
    page="mcp",
    wires=(WireDeclared("mcp", "lab.plugins.mcp_tasks.wire:WIRE", routes=("mcp",), of_a_job=("mcp",), place="/mcp"),),
)
