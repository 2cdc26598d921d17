"""JSON-RPC as A2A has it: a call in, its parts read, an error out (contract.md §9)."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from enum import IntEnum
from typing import TypeAlias

from msgspec import Struct

from lab.core.exchange import Json, Response, json_response
from lab.core.jsontext import whole

LONGEST_ID = 200
METHODS = ("message/send", "message/stream", "tasks/send", "tasks/get", "tasks/cancel")
"""All of them; each route takes each."""
ROLES = ("user", "agent")
"""Who says a message. Whoever is called, it is their client's."""
_TASK = re.compile(rf"[A-Za-z0-9._~:-]{{1,{LONGEST_ID}}}")


class Code(IntEnum):
    """JSON-RPC's error codes, and A2A's own about a task."""

    PARSE = -32700
    REQUEST = -32600
    METHOD = -32601
    PARAMS = -32602
    TASK_UNKNOWN = -32001
    NOT_CANCELABLE = -32002


class TaskMessage(Struct, frozen=True):
    """What a message says, and which task and context it belongs to."""

    text: str
    task: str | None
    context: str | None
    metadata: dict[str, Json] | None = None
    """The call's own, which the task keeps that it starts."""


RpcId: TypeAlias = str | int | float | None
"""What names a call to its client; None: it has none, or none that could be read."""


class Rpc(Struct, frozen=True):
    """A call that is well-formed."""

    id: RpcId
    method: str
    params: dict[str, Json]

    @property
    def history(self) -> bool:
        """Whether the answer is to hold what was asked."""
        length = self.params.get("historyLength")
        return isinstance(length, int | float) and length > 0

    def result(self, value: Mapping[str, Json]) -> dict[str, Json]:
        """The answer that holds a task, or the event that holds what is new of one."""
        return {"jsonrpc": "2.0", "id": self.id, "result": dict(value)}


class RpcError(Exception):
    """What is wrong with a call: raised while it is read, and answered with its id, if that could be read."""

    def __init__(self, code: Code, message: str, id: RpcId = None, near: tuple[str, ...] = ()) -> None:
        """`near`: the methods that one which isn't there is near to."""
        super().__init__(message)
        self.code, self.message, self.id, self.near = code, message, id, near

    def response(self) -> Response:
        """HTTP 200 all the same: the transport is well."""
        error: Json = {"code": int(self.code), "message": self.message}
        return json_response({"jsonrpc": "2.0", "id": self.id, "error": error})


def read_rpc(value: Json) -> Rpc:
    """The call of a parsed body; RpcError if it isn't well-formed, as a batch is not.

    As the vendor's reference has it only `method` and `params` are required.
    """
    if not isinstance(value, dict):
        raise RpcError(Code.REQUEST, "The body must be one JSON-RPC request.")
    named = value.get("id")
    if isinstance(named, bool | list | dict):
        raise RpcError(Code.REQUEST, "id must be a string, a number or null, or left out.")
    if value.get("jsonrpc", "2.0") != "2.0":
        raise RpcError(Code.REQUEST, 'jsonrpc must be "2.0", or left out.', named)
    if not isinstance(method := value.get("method"), str):
        raise RpcError(Code.REQUEST, "method must be a string.", named)
    if method not in METHODS:
        near = tuple(get_close_matches(method[:LONGEST_ID], METHODS, 1))
        raise RpcError(Code.METHOD, f"The methods here are {', '.join(METHODS)}.", named, near)
    params = value.get("params")
    if not isinstance(params, dict):
        raise RpcError(Code.PARAMS, "params must be an object.", named)
    return Rpc(named, method, params)


def read_message(rpc: Rpc) -> TaskMessage:
    """`params.message`, and beside it `params.contextId` of tasks/send."""
    message = rpc.params.get("message")
    if not isinstance(message, dict):
        raise _wrong(rpc, "message must be an object.")
    if message.get("kind", "message") != "message":
        raise _wrong(rpc, "message.kind must be message.")
    if message.get("role") not in ROLES:
        raise _wrong(rpc, f"message.role must be {' or '.join(ROLES)}.")
    parts = message.get("parts")
    texts = [_part(part) for part in parts] if isinstance(parts, list) else []
    if not texts or any(text is None for text in texts):
        raise _wrong(rpc, "message.parts must be text parts, at least one.")
    context = message.get("contextId") if rpc.method != "tasks/send" else rpc.params.get("contextId")
    task = message.get("taskId") if rpc.method != "tasks/send" else None
    for name, named in (("messageId", message.get("messageId")), ("contextId", context), ("taskId", task)):
        if named is not None and not _id(named):
            raise _wrong(rpc, f"{name} must be 1 to {LONGEST_ID} printable characters.")
    metadata = rpc.params.get("metadata")
    if metadata is not None and not isinstance(metadata, dict):
        raise _wrong(rpc, "metadata must be an object.")
    return TaskMessage(
        "\n".join(text for text in texts if text is not None),
        task if isinstance(task, str) else None,
        context if isinstance(context, str) else None,
        metadata,
    )


def read_task_id(rpc: Rpc) -> str:
    """`params.id`: a task's, which becomes a segment of a path where it is a job's."""
    named = rpc.params.get("id")
    if not isinstance(named, str) or not _TASK.fullmatch(named) or named in (".", ".."):
        raise _wrong(rpc, f"id must be 1 to {LONGEST_ID} letters, digits or -._~: in ASCII.")
    return named


def _wrong(rpc: Rpc, what: str) -> RpcError:
    return RpcError(Code.PARAMS, what, rpc.id)


def _id(value: Json) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= LONGEST_ID and value.isprintable()


def check_history(rpc: Rpc) -> None:
    """RpcError unless `params.historyLength` is one."""
    wanted = rpc.params.get("historyLength")
    length = whole(0 if wanted is None else wanted)
    if length is None or length < 0:
        raise _wrong(rpc, "historyLength must be an integer from 0.")


def _part(part: Json) -> str | None:
    """The text of a part; the first version of A2A called its kind type."""
    if not isinstance(part, dict) or part.get("kind", part.get("type", "text")) != "text":
        return None
    text = part.get("text")
    return text if isinstance(text, str) else None
