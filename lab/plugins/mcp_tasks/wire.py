"""The MCP dialect whole (mcp.md)."""

from lab.dialects.wire import BodyMarks, Wire
from lab.plugins.mcp_tasks.client import McpClient
from lab.plugins.mcp_tasks.fidelity import MCP_ERRORS, MCP_FIELDS
from lab.plugins.mcp_tasks.rpc import MCP_ROUTES
from lab.plugins.mcp_tasks.server import McpServer

_MARKS = BodyMarks(
    ids={"taskId": "J"},
    dates=frozenset({"createdAt", "lastUpdatedAt"}),
    generated=frozenset({"statusMessage", "text"}),
    own=frozenset("resultType taskId status method jsonrpc id code action mode isError".split()),
)
_PACKAGE = "lab.plugins.mcp_tasks"
WIRE = Wire("mcp", _PACKAGE, McpServer(), MCP_ROUTES, McpClient(), MCP_FIELDS, MCP_ERRORS, marks=_MARKS)
