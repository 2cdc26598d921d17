"""A call of A2A: read out of JSON-RPC or HTTP+JSON, in 1.0 or 0.3, and how it is answered, errors too (a2a.md §2, §6).

Behind this module nobody knows which of the two bindings a call came by: `TaskCall.asks` and `params` are the same.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from difflib import get_close_matches
from enum import IntEnum
from typing import Annotated, TypeAlias
from urllib.parse import unquote

from msgspec import Meta, Struct, ValidationError, convert

from lab.core.exchange import JSON_HEADERS, Json, Request, Response, json_bytes
from lab.core.jsontext import BadJson, whole
from lab.core.routes import RouteMatch
from lab.dialects.base import Invoke, JobOf, ListOwnJobs, Say
from lab.dialects.reading import check_json_kind, json_of, query_of
from lab.dialects.sse import SSE_HEADERS
from lab.plugins.a2a import versions as a2a
from lab.plugins.a2a.routes import HTTP_OPERATIONS
from lab.program.words import Status

LONGEST_ID = 200
MOST_LISTED, USUALLY_LISTED = 100, 50
A2A_JSON = "application/a2a+json"
"""The media type of HTTP+JSON's bodies; clients send application/json too."""
_SEGMENT = re.compile(rf"[A-Za-z0-9._~:-]{{1,{LONGEST_ID}}}")
_NUMBER = re.compile(r"([0-9]+\.[0-9]+)(\.[0-9]+)*")


class Code(IntEnum):
    """JSON-RPC's error codes, and A2A's own, by the names that an ErrorInfo has as their reasons."""

    PARSE_ERROR = -32700
    INVALID_REQUEST = -32600
    METHOD_NOT_FOUND = -32601
    INVALID_PARAMS = -32602
    TASK_NOT_FOUND = -32001
    TASK_NOT_CANCELABLE = -32002
    PUSH_NOTIFICATION_NOT_SUPPORTED = -32003
    UNSUPPORTED_OPERATION = -32004
    CONTENT_TYPE_NOT_SUPPORTED = -32005
    VERSION_NOT_SUPPORTED = -32009


_NOT_FOUND = frozenset((Code.TASK_NOT_FOUND, Code.METHOD_NOT_FOUND))
_INVALID = frozenset((Code.PARSE_ERROR, Code.INVALID_REQUEST, Code.INVALID_PARAMS, Code.CONTENT_TYPE_NOT_SUPPORTED))
RpcId: TypeAlias = str | int | float | None
"""What names a call of JSON-RPC to its client; None: it has none, or none that could be read."""


class Binding(Struct, frozen=True):
    """How a call is answered: in which version, and what is around a result."""

    version: a2a.A2AVersion
    id: RpcId = None
    http: bool = False
    """Whether it came by HTTP+JSON; else by JSON-RPC."""
    events: bool = False
    """Whether an error is an event, too: 0.3's client reads nothing else where it asked for a stream."""

    def result(self, value: dict[str, Json]) -> dict[str, Json]:
        """The event that holds this."""
        return value if self.http else self._result(value)

    def answer(self, value: Json) -> Response:
        """The whole answer."""
        return self._response(200, value if self.http else self._result(value))

    def _result(self, value: Json) -> dict[str, Json]:
        return {"jsonrpc": "2.0", "id": self.id, "result": value}

    def error(self, code: Code, message: str) -> Response:
        """What is wrong. By JSON-RPC with HTTP 200 all the same: the transport is well."""
        info: list[Json] = [
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": code.name, "domain": "a2a-protocol.org"}
        ]
        if self.http:
            status = 404 if code in _NOT_FOUND else 400
            word = "NOT_FOUND" if status == 404 else "INVALID_ARGUMENT" if code in _INVALID else "FAILED_PRECONDITION"
            said: dict[str, Json] = {"code": status, "status": word, "message": message, "details": info}
            return self._response(status, {"error": said})
        error: dict[str, Json] = {"code": int(code), "message": message}
        if self.version is a2a.V10:
            error["data"] = info
        answer: dict[str, Json] = {"jsonrpc": "2.0", "id": self.id, "error": error}
        if self.events:
            return Response(200, SSE_HEADERS, b"data: %b\n\n" % json_bytes(answer))
        return self._response(200, answer)

    def _response(self, status: int, body: Json) -> Response:
        kind = ("content-type", A2A_JSON) if self.http else JSON_HEADERS[0]
        return Response(status, (kind, *JSON_HEADERS[1:]), json_bytes(body))


class CallError(Exception):
    """What is wrong with a call: raised while it is read, and answered as it came, as far as that is known."""

    def __init__(self, by: Binding, code: Code, message: str, near: tuple[str, ...] = ()) -> None:
        """`near`: the methods that one which isn't there is near to."""
        super().__init__(message)
        self.by, self.code, self.message, self.near = by, code, message, near


class TaskCall(Struct, frozen=True):
    """A call that is well-formed."""

    asks: a2a.TaskOperation
    params: dict[str, Json]
    by: Binding

    @property
    def configuration(self) -> dict[str, Json]:
        """Of a message: how its client wants it to be answered."""
        wanted = self.params.get("configuration")
        return wanted if isinstance(wanted, dict) else {}

    @property
    def history(self) -> bool:
        """Whether the answer is to hold what was asked; CallError unless `historyLength` is one."""
        wanted = (self.configuration if self.asks in a2a.SENDS else self.params).get("historyLength")
        length = whole(0 if wanted is None else wanted)
        if length is None or length < 0:
            raise self.wrong("historyLength must be an integer from 0.")
        return length > 0

    @property
    def blocks(self) -> bool:
        """Whether a message is answered only once its task rests: in 1.0 unless told otherwise, in 0.3 if told so."""
        if self.by.version is a2a.V03:
            return self.asks is a2a.TaskOperation.SEND and self.configuration.get("blocking") is True
        return self.configuration.get("returnImmediately") is not True

    def wrong(self, what: str, code: Code = Code.INVALID_PARAMS) -> CallError:
        """What is wrong with its params."""
        return CallError(self.by, code, what)


# Calls


def call_of(match: RouteMatch, request: Request) -> TaskCall:
    """The call of a request; CallError if it isn't well-formed, Wrong if it isn't declared as JSON."""
    query = query_of(request.query)
    named = next((value for name, value in query.items() if name.lower() == a2a.VERSION_HEADER), "")
    said = (request.header(a2a.VERSION_HEADER) or named).strip() or a2a.V03.number
    number = _NUMBER.fullmatch(said)
    version = next((each for each in a2a.VERSIONS if number is not None and each.number == number[1]), None)
    if match.route.operation in HTTP_OPERATIONS:
        return _http_call(match, request, query, version)
    check_json_kind(request)
    value = _json_of(request, by := Binding(version or a2a.V10))
    if not isinstance(value, dict):
        raise CallError(by, Code.INVALID_REQUEST, "The body must be one JSON-RPC request.")
    # a client may send several lines of it, as a2a-sdk does
    wants_events = any(name == "accept" and "text/event-stream" in value for name, value in request.headers)
    return _rpc_call(value, version, said, wants_events=wants_events)


def _json_of(request: Request, by: Binding) -> Json:
    try:
        return json_of(request)
    except BadJson as bad:
        raise CallError(by, Code.PARSE_ERROR, str(bad)) from bad


def _rpc_call(value: dict[str, Json], version: a2a.A2AVersion | None, said: str, *, wants_events: bool) -> TaskCall:
    """The call of a parsed body. As the vendor's reference has it only `method` and `params` are required."""
    by, named = Binding(version or a2a.V10), value.get("id")
    if isinstance(named, bool | list | dict):
        raise CallError(by, Code.INVALID_REQUEST, "id must be a string, a number or null, or left out.")
    by = Binding(by.version, named)
    if value.get("jsonrpc", "2.0") != "2.0":
        raise CallError(by, Code.INVALID_REQUEST, 'jsonrpc must be "2.0", or left out.')
    if not isinstance(method := value.get("method"), str):
        raise CallError(by, Code.INVALID_REQUEST, "method must be a string.")
    if version is None:
        spoken = " or ".join(each.number for each in a2a.VERSIONS)
        raise CallError(
            by, Code.VERSION_NOT_SUPPORTED, f"A2A {said[:40]} is not spoken here: send A2A-Version: {spoken}."
        )
    if (asks := version.methods.get(method)) is None:
        why, near = (
            f"The methods here are {', '.join(version.methods)}.",
            get_close_matches(method[:LONGEST_ID], version.methods, 1),
        )
        if other := next((each.number for each in a2a.VERSIONS if method in each.methods), ""):
            why, near = (
                f"{method} is of A2A {other}: send A2A-Version: {other}, this call is of {version.number}.",
                [method],
            )
        raise CallError(by, Code.METHOD_NOT_FOUND, why, tuple(near))
    by = Binding(version, named, events=version is a2a.V03 and asks in a2a.STREAMS and wants_events)
    params = value.get("params", {} if version is a2a.V10 else None)  # ListTasks may ask for nothing in particular
    if not isinstance(params, dict):
        raise CallError(by, Code.INVALID_PARAMS, "params must be an object.")
    return TaskCall(asks, params, by)


def _http_call(
    match: RouteMatch, request: Request, query: Mapping[str, str], version: a2a.A2AVersion | None
) -> TaskCall:
    """The call of a path: its query, its body and what the path names are what JSON-RPC has as params."""
    by = Binding(a2a.V10, http=True)
    if version is not a2a.V10:
        why = "Over HTTP+JSON A2A 1.0 is spoken here: send A2A-Version: 1.0."
        raise CallError(by, Code.VERSION_NOT_SUPPORTED, why)
    params: dict[str, Json] = {
        name: int(value) if name == "historyLength" and value.isdecimal() else value for name, value in query.items()
    }
    if request.body:  # to cancel and to subscribe some send none
        check_json_kind(request, (A2A_JSON,))
        value = _json_of(request, by)
        if not isinstance(value, dict):
            raise CallError(by, Code.INVALID_REQUEST, "The body must be a JSON object.")
        params.update(value)
    if match.job:
        params["taskId" if "/pushNotificationConfigs" in match.route.path else "id"] = match.job
    if match.route.path.endswith("/{config}"):
        params["id"] = unquote(request.path.rpartition("/")[2])
    return TaskCall(a2a.TaskOperation(HTTP_OPERATIONS[match.route.operation]), params, by)


# Params


def read_message(call: TaskCall, team: str) -> Invoke | Say:
    """`message` of the params, and beside it `id` and `contextId` of tasks/send: what begins a task, or answers one."""
    version, own = call.by.version, call.asks is a2a.TaskOperation.START
    message, metadata = call.params.get("message"), call.params.get("metadata")
    if not isinstance(message, dict):
        raise call.wrong("message must be an object.")
    if version.kinds and message.get("kind", a2a.MESSAGE) != a2a.MESSAGE:
        raise call.wrong("message.kind must be message.")
    roles = [version.word(a2a.ROLE, each) for each in (a2a.USER, a2a.AGENT)]
    if message.get("role") not in roles:
        raise call.wrong(f"message.role must be {' or '.join(roles)}.")
    text = _read_parts(call, message.get("parts"))
    _read_name(call, message, "messageId", needed=version is a2a.V10)
    context = _read_name(call, call.params if own else message, "contextId")
    task = None if own else _read_name(call, message, "taskId")
    if metadata is not None and not isinstance(metadata, dict):
        raise call.wrong("metadata must be an object.")
    flags = ("unused_field",) if call.configuration.get("acceptedOutputModes") else ()
    if task is not None:
        return Say(team=team, job=task, message=text, conversation=context, published=True, flags=flags, echo=call)
    members: dict[str, Json] = {"message": text, "conversational": True}
    if metadata is not None:
        members["metadata"] = metadata
        if isinstance(parameters := metadata.get("parameters"), dict):
            members["parameters"] = parameters
    # in 1.0 an answer names its task, so a message that doesn't is none
    return Invoke(
        team=team, message=text, conversation=context, blank=not text.strip(), members=members, flags=flags, echo=call,
        new_id=read_id(call, "id") if own else None, answers=version is a2a.V03,
    )  # fmt: skip


def _read_name(call: TaskCall, members: Mapping[str, Json], name: str, *, needed: bool = False) -> str | None:
    """An id that a client gave or knows, if it is there."""
    named = members.get(name)
    if named is None and not needed:
        return None
    if not isinstance(named, str) or not 1 <= len(named) <= LONGEST_ID or not named.isprintable():
        raise call.wrong(f"{name} must be 1 to {LONGEST_ID} printable characters.")
    return named


def _read_parts(call: TaskCall, parts: Json) -> str:
    """The texts of all parts, one below the other; nothing but text is taken."""
    if not isinstance(parts, list) or not parts:
        raise call.wrong("message.parts must be text parts, at least one.")
    texts: list[str] = []
    for part in parts:
        members = part if isinstance(part, dict) else {}
        if (text := text_of_part(members)) is None:
            code = Code.CONTENT_TYPE_NOT_SUPPORTED if members and "text" not in members else Code.INVALID_PARAMS
            raise call.wrong("message.parts must be text parts: nothing else is taken.", code)
        texts.append(text)
    return "\n".join(texts)


def text_of_part(part: dict[str, Json]) -> str | None:
    """The text of a part of either version; None: it is none. The first version of A2A called the kind of a part type."""
    text = part.get("text")
    return text if isinstance(text, str) and part.get("kind", part.get("type", "text")) == "text" else None


def read_id(call: TaskCall, name: str, value: Json = None) -> str:
    """What names a task, or a push notification config: a member of the params, or a value; a path may have it as a segment."""
    named = call.params.get(name) if value is None else value
    if not isinstance(named, str) or not _SEGMENT.fullmatch(named) or named in (".", ".."):
        raise call.wrong(f"{name} must be 1 to {LONGEST_ID} letters, digits or -._~: in ASCII.")
    return named


_STATUSES = {a2a.V10.word(a2a.STATE, word): frozenset((status,)) for status, word in a2a.STATE_OF.items()} | {
    f"{a2a.STATE}UNSPECIFIED": frozenset(Status),
    **{a2a.V10.word(a2a.STATE, word): frozenset[Status]() for word in (a2a.SUBMITTED, "rejected", "auth-required")},
}
"""What is meant by a state that is asked for; in some of A2A's no task ever is here."""


class ListParams(Struct, frozen=True, rename="camel"):
    """What ListTasks asks for."""

    context_id: str = ""
    status: str = ""
    page_size: Annotated[int, Meta(ge=1, le=MOST_LISTED)] = USUALLY_LISTED
    page_token: str = ""
    """The last task of the page before."""
    status_timestamp_after: Annotated[datetime, Meta(tz=True)] | None = None
    include_artifacts: bool = False


def read_page(call: TaskCall) -> ListParams:
    """The same of its params; numbers may be texts, as they are in a query, and as ProtoJSON has it."""
    try:
        sent = {name: value for name, value in call.params.items() if value is not None}
        return convert(sent, ListParams, strict=False)
    except ValidationError as error:
        raise call.wrong(f"{error}.") from None


def read_list(call: TaskCall, team: str, job_of: JobOf) -> ListOwnJobs:
    """Which of the caller's tasks are listed."""
    page = read_page(call)
    after, statuses = page.status_timestamp_after, _STATUSES.get(page.status or f"{a2a.STATE}UNSPECIFIED")
    if statuses is None:
        raise call.wrong(f"status must be one of {', '.join(_STATUSES)}.")
    if page.page_token and job_of(page.page_token) is None:
        raise call.wrong("pageToken is none of those that were given.")
    return ListOwnJobs(
        team=team, conversation=page.context_id or None, statuses=statuses, most=page.page_size,
        changed_since=None if after is None else int(after.timestamp() * 1000), behind=page.page_token or None, echo=call,
    )  # fmt: skip
