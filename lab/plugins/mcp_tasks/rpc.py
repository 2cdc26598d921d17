"""JSON-RPC as MCP has it over HTTP: a request in, its envelope and headers held against each other, an error out (mcp.md §2, §6).

What is wrong is said in this order, of which only the first counts: no JSON-RPC, an envelope that lacks something, headers
that say something else than the body, a version that isn't spoken here, an unknown method, a capability that the client
doesn't declare, and then what the method itself asks for.
"""

import re
from base64 import b64decode
from collections.abc import Mapping
from enum import IntEnum
from typing import Literal, TypeVar

from msgspec import UNSET, Struct, UnsetType, ValidationError, convert, field

from lab.core.exchange import JSON_HEADERS, Headers, Json, Request, Response, json_bytes
from lab.core.routes import read_routes

MCP_VERSION = "2026-07-28"
"""The one that is spoken; those before it have sessions and no such tasks."""
TASKS_EXTENSION = "io.modelcontextprotocol/tasks"
PROTOCOL_KEY = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES_KEY = "io.modelcontextprotocol/clientCapabilities"
SUBSCRIPTION_KEY = "io.modelcontextprotocol/subscriptionId"
CONVERSATION_KEY = "invoke-async-lab/conversation"
"""In `_meta` of tasks and results, the one member that is the lab's own: MCP has no word for a conversation."""
IMPLEMENTATION: dict[str, Json] = {"name": "invoke-async-lab", "version": "1"}
"""What both halves say of themselves."""
DISCOVER, LIST, CALL, LISTEN = "server/discover", "tools/list", "tools/call", "subscriptions/listen"
GET, UPDATE, CANCEL = "tasks/get", "tasks/update", "tasks/cancel"
NAMED_BY = {CALL: "name", GET: "taskId", UPDATE: "taskId", CANCEL: "taskId"}
"""The methods whose header `Mcp-Name` repeats a member of `params`, and which; all of them are about a task."""
METHODS = (DISCOVER, LIST, *NAMED_BY, LISTEN)
_HANDSHAKE = "initialize"
"""With which versions before this one begin."""
MCP_ROUTES = read_routes(
    f"POST | /mcp | mcp | call | rfc | MCP {MCP_VERSION}, Streamable HTTP | JSON-RPC: {', '.join(METHODS)}",
    "method path name kind marks source says",
)
MCP_PATH = MCP_ROUTES[0].path
_ENCODED = re.compile(r"=\?base64\?(.*)\?=")
"""How a header has what it can't have as it is."""
_Params = TypeVar("_Params", bound=Struct)


class McpCode(IntEnum):
    """JSON-RPC's error codes, and MCP's own."""

    PARSE = -32700
    REQUEST = -32600
    METHOD = -32601
    PARAMS = -32602
    REFUSED = -32000
    """Whoever asks mayn't, or not now: the HTTP status says which."""
    HEADER = -32020
    CAPABILITY = -32021
    VERSION = -32022


class McpError(Exception):
    """What is wrong with a request: raised while it is read, and answered with its id, if that could be read."""

    def __init__(self, code: McpCode, message: str, id: str | int | None = None, data: Json = None) -> None:
        super().__init__(message)
        self.code, self.message, self.id, self.data = code, message, id, data

    @property
    def status(self) -> int:
        """The HTTP status that MCP's transport gives it."""
        return 404 if self.code is McpCode.METHOD else 400

    def response(self, status: int | None = None, headers: Headers = ()) -> Response:
        """The answer, with the HTTP status of what refused it, if it wasn't the request itself."""
        error: dict[str, Json] = {"code": int(self.code), "message": self.message}
        if self.data is not None:
            error["data"] = self.data
        body: Json = {"jsonrpc": "2.0", "id": self.id, "error": error}
        return Response(status or self.status, (*JSON_HEADERS, *headers), json_bytes(body))


class McpCall(Struct, frozen=True):
    """A request that is well-formed."""

    jsonrpc: Literal["2.0"]
    method: str
    id: str | int | UnsetType = UNSET
    """Not there: it is a notification."""
    params: dict[str, Json] = {}

    def result(self, members: Mapping[str, Json], kind: str = "complete") -> dict[str, Json]:
        """The answer that holds these members."""
        return {"jsonrpc": "2.0", "id": self.named, "result": {"resultType": kind, **members}}

    def params_as(self, kind: type[_Params]) -> _Params:
        """The parameters of its method; McpError by the first that isn't as it should be."""
        try:
            return convert(self.params, kind)
        except ValidationError as error:
            raise self.wrong(f"params: {error}.") from None

    @property
    def named(self) -> str | int | None:
        """Its id, as an answer repeats it."""
        return None if self.id is UNSET else self.id

    def wrong(self, message: str, code: McpCode = McpCode.PARAMS, data: Json = None) -> McpError:
        """What is wrong with it."""
        return McpError(code, message, self.named, data)


class _Capabilities(Struct):
    extensions: dict[str, Json] = {}


class _Meta(Struct):
    version: str = field(name=PROTOCOL_KEY)
    capabilities: _Capabilities = field(name=CAPABILITIES_KEY)


class _Envelope(Struct):
    meta: _Meta = field(name="_meta")


def read_mcp_call(value: Json, request: Request) -> McpCall | None:
    """The request of a parsed body; None: a notification, of which none is for this server. McpError if it isn't in order."""
    try:
        call = convert(value, McpCall)
    except ValidationError as error:
        raise McpError(McpCode.REQUEST, f"The body must be one JSON-RPC request: {error}.") from None
    if call.id is UNSET:
        return None
    if call.method == _HANDSHAKE:
        raise _unspoken(call, call.params.get("protocolVersion"))
    meta = call.params_as(_Envelope).meta
    _check_headers(call, request, meta.version)
    if meta.version != MCP_VERSION:
        raise _unspoken(call, meta.version)
    if call.method not in METHODS:
        raise call.wrong(f"The methods here are {', '.join(METHODS)}.", McpCode.METHOD)
    about_tasks = call.method in NAMED_BY or (call.method == LISTEN and "taskIds" in notifications_in(call))
    if about_tasks and TASKS_EXTENSION not in meta.capabilities.extensions:
        data: Json = {"requiredCapabilities": {"extensions": {TASKS_EXTENSION: {}}}}
        raise call.wrong(f"This is about tasks: declare the extension {TASKS_EXTENSION}.", McpCode.CAPABILITY, data)
    return call


def _check_headers(call: McpCall, request: Request, version: str) -> None:
    wanted = [("mcp-protocol-version", version), ("mcp-method", call.method)]
    # a load balancer needs the name of a task, too; there are clients that leave it out, whom nothing is said here
    if call.method == CALL or (call.method in NAMED_BY and request.header("mcp-name") is not None):
        wanted.append(("mcp-name", str(call.params.get(NAMED_BY[call.method]))))
    for name, value in wanted:
        if [_decoded(each) for key, each in request.headers if key == name] != [value]:
            raise call.wrong(f"The header {name} must be there once, and say what the body says.", McpCode.HEADER)


def _decoded(value: str) -> str | None:
    encoded = _ENCODED.fullmatch(value)
    try:
        return value if encoded is None else b64decode(encoded[1], validate=True).decode("utf-8")
    except ValueError:  # no base64, or no UTF-8
        return None


def _unspoken(call: McpCall, version: Json) -> McpError:
    data: Json = {"supported": [MCP_VERSION], "requested": version}
    return call.wrong(f"The protocol version that is spoken here is {MCP_VERSION}.", McpCode.VERSION, data)


def notifications_in(call: McpCall) -> Mapping[str, Json]:
    """What a request to listen asks for."""
    return as_object(call.params.get("notifications"))


def as_object(value: Json) -> dict[str, Json]:
    """The object; an empty one for what is none."""
    return value if isinstance(value, dict) else {}
