"""`lab mcp`: the tools as an MCP server, by the official SDK, over stdin and stdout or over HTTP (agents.md)."""

import asyncio
import hmac
import os
from functools import partial
from typing import Any

import mcp_types as types
import uvicorn
from mcp.server import Server
from mcp.server.stdio import stdio_server
from mcp.server.transport_security import TransportSecuritySettings
from mcp.shared.exceptions import MCPError
from msgspec.structs import asdict
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from lab.cli.commands.docs import page_text
from lab.cli.console import ESCAPES, Console, sentences_of
from lab.cli.entropy import control_token
from lab.cli.loop import Stop, complete
from lab.core.errors import UsageError
from lab.core.version import __version__
from lab.plugins.mcp_server.options import McpSettings
from lab.plugins.mcp_server.tools import TOOLS, LabTools
from lab.program.words import among
from lab.server.control.reading import CommandRefused, struct_of
from lab.server.listener import bind

PAGE = "lab://docs/agents"
_INSTRUCTIONS = (
    "A scripted mock of an asynchronous agent API that tries the client that you write: serve a scenario,"
    " start your client with these addresses, break calls, decide at gates, read report. docs, page agents, tells how."
)


def execute(settings: McpSettings, console: Console) -> int:
    """Serve the tools until stdin ends, or a signal comes: that is their end, so 0."""
    console.serving = True
    complete(partial(_over_http if settings.http else _over_stdio, settings, console))
    return 0


def tool_server(tools: LabTools) -> Server[Any]:
    """The server of the tools, whose clients share a lab."""

    async def list_tools(context: object, params: object) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[listed for listed, _, _ in TOOLS.values()])

    async def call_tool(context: object, call: types.CallToolRequestParams) -> types.CallToolResult:
        if call.name not in TOOLS:
            raise MCPError(types.INVALID_PARAMS, f"There is no tool {call.name}. {among(call.name, TOOLS)}")
        _, takes, run = TOOLS[call.name]
        tools.touch()
        try:
            lines, failed = await run(tools, **asdict(struct_of(call.arguments or {}, takes))), False
            lines += tools.remarks()
        except CommandRefused as refused:
            lines, failed = sentences_of(UsageError(refused.error, hint=refused.hint)), True
        except Exception as error:  # noqa: BLE001 - whoever called is told, and the server goes on
            lines, failed = sentences_of(error), True
        text = types.TextContent(type="text", text="\n".join(lines).translate(ESCAPES))
        return types.CallToolResult(content=[text], is_error=failed)

    async def list_resources(context: object, params: object) -> types.ListResourcesResult:
        page = types.Resource(uri=PAGE, name="agents", title="How an agent uses the lab", mime_type="text/markdown")
        return types.ListResourcesResult(resources=[page])

    async def read_resource(context: object, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        if str(params.uri) != PAGE:
            raise MCPError(types.INVALID_PARAMS, f"There is no resource {params.uri}. There is {PAGE}.")
        text = types.TextResourceContents(uri=PAGE, mime_type="text/markdown", text=page_text("agents"))
        return types.ReadResourceResult(contents=[text])

    return Server(
        "invoke-async-lab", version=__version__, instructions=_INSTRUCTIONS, on_list_tools=list_tools,
        on_call_tool=call_tool, on_list_resources=list_resources, on_read_resource=read_resource,
    )  # fmt: skip


async def _over_stdio(settings: McpSettings, console: Console, stop: Stop) -> None:
    tools = LabTools()
    server = tool_server(tools)
    async with stdio_server() as (reads, writes):
        try:
            await server.run(reads, writes, server.create_initialization_options())
        finally:
            await tools.end()
            if stop.reason is not None:
                os._exit(0)  # what reads stdin can't be stopped, and ends with the process alone


async def _over_http(settings: McpSettings, console: Console, stop: Stop) -> None:
    token, tools, bound = settings.token or control_token(), LabTools(), bind("127.0.0.1", settings.port)
    console.out(f"Tools at {bound.origin}/mcp. Stop with Ctrl-C.")
    if settings.token is None:  # else whoever gave it has it
        console.out(f"  control token  {token}")
    # by these names alone, and from no web page
    security = TransportSecuritySettings(allowed_hosts=[f"127.0.0.1:{bound.port}", f"localhost:{bound.port}"])
    app = token_required(tool_server(tools).streamable_http_app(transport_security=security), token)
    listener = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
    stop.leave = lambda: None  # it heeds signals itself, and hands them on once it has ended
    idle = asyncio.create_task(tools.end_when_idle(settings.idle))
    try:
        await listener.serve(sockets=[bound.sock])
    finally:
        idle.cancel()
        await tools.end()


def token_required(app: ASGIApp, token: str) -> ASGIApp:
    """An application that answers nobody without the control token."""
    expected = f"Bearer {token}".encode()
    said = {"error": "The control token is missing or wrong.", "hint": "lab mcp --http prints it at its start."}
    refusal = JSONResponse(said, 401, {"www-authenticate": 'Bearer realm="lab-control"'})

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        shown = dict(scope["headers"]).get(b"authorization", b"") if scope["type"] == "http" else expected
        await (app if hmac.compare_digest(shown, expected) else refusal)(scope, receive, send)

    return guarded
