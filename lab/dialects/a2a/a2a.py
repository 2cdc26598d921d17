"""A2A: JSON-RPC in, a Task or an error out; a job's body seen as a task (contract.md §9)."""

import re
from dataclasses import dataclass
from enum import IntEnum

from lab.core.clock import Epoch, iso
from lab.core.exchange import JSON_HEADERS, Json, Response, json_bytes
from lab.core.seeds import uuid4
from lab.dialects.fusion.bodies import full_body
from lab.dialects.fusion.requests import LONGEST_ID
from lab.jobs.plan import Plan
from lab.jobs.timeline import Span
from lab.language.document import Status, Switches

CALLS = {"a2a": ("message/send", "tasks/send", "tasks/get"), "a2a-stream": ("message/stream",)}
"""The methods of each route."""
_TASK = re.compile(rf"[A-Za-z0-9._~:-]{{1,{LONGEST_ID}}}")
_STATES = {
    Status.RUNNING: "working", Status.WAITING: "input-required", Status.COMPLETE: "completed", Status.ERROR: "failed",
}  # fmt: skip
STATES = ("submitted", *_STATES.values())
"""The states in which a task can be."""


class Code(IntEnum):
    """JSON-RPC's error codes, and A2A's own for a task that isn't known."""

    PARSE = -32700
    REQUEST = -32600
    METHOD = -32601
    PARAMS = -32602
    TASK_UNKNOWN = -32001


@dataclass(frozen=True, slots=True)
class Failure:
    """An error of a call; `id` is the call's, None if it isn't known."""

    code: Code
    message: str
    id: str | int | float | None = None

    def response(self) -> Response:
        """HTTP 200 all the same: the transport is well."""
        error: Json = {"code": int(self.code), "message": self.message}
        return Response(200, JSON_HEADERS, json_bytes({"jsonrpc": "2.0", "id": self.id, "error": error}))


@dataclass(frozen=True, slots=True)
class Told:
    """What a message says, and which task and context it belongs to."""

    text: str
    task: str | None
    context: str | None
    metadata: dict[str, Json] | None = None
    """The call's own, which the task keeps that it starts."""


@dataclass(frozen=True, slots=True)
class Rpc:
    """A call that is well-formed."""

    id: str | int | float | None
    method: str
    params: dict[str, Json]

    def wrong(self, what: str, code: Code = Code.PARAMS) -> Failure:
        """An error that answers this call."""
        return Failure(code, what, self.id)

    def result(self, task: Json) -> dict[str, Json]:
        """The answer that holds a task."""
        return {"jsonrpc": "2.0", "id": self.id, "result": task}


def read_rpc(value: Json, route: str) -> Rpc | Failure:
    """The call of a parsed body; a batch is none."""
    if not isinstance(value, dict):
        return Failure(Code.REQUEST, "The body must be one JSON-RPC request.")
    named = value.get("id")
    if "id" not in value or isinstance(named, bool | list | dict):
        return Failure(Code.REQUEST, "id must be a string, a number or null.")
    if value.get("jsonrpc") != "2.0" or not isinstance(method := value.get("method"), str):
        return Failure(Code.REQUEST, 'jsonrpc must be "2.0" and method a string.', named)
    if method not in CALLS[route]:
        return Failure(Code.METHOD, f"The methods here are {', '.join(CALLS[route])}.", named)
    params = value.get("params")
    if not isinstance(params, dict):
        return Failure(Code.PARAMS, "params must be an object.", named)
    return Rpc(named, method, params)


def read_message(rpc: Rpc) -> Told | Failure:
    """`params.message`, and beside it `params.contextId` of tasks/send."""
    message = rpc.params.get("message")
    if not isinstance(message, dict):
        return rpc.wrong("message must be an object.")
    for name, wanted in (("kind", "message"), ("role", "user")):
        if message.get(name, wanted) != wanted:
            return rpc.wrong(f"message.{name} must be {wanted}.")
    if rpc.method != "tasks/send" and not _id(message.get("messageId")):
        return rpc.wrong(f"message.messageId must be 1 to {LONGEST_ID} printable characters.")
    parts = message.get("parts")
    texts = [_part(part) for part in parts] if isinstance(parts, list) else []
    if not texts or any(text is None for text in texts):
        return rpc.wrong("message.parts must be text parts, at least one.")
    context = message.get("contextId") if rpc.method != "tasks/send" else rpc.params.get("contextId")
    task = message.get("taskId") if rpc.method != "tasks/send" else None
    for name, given in (("contextId", context), ("taskId", task)):
        if given is not None and not _id(given):
            return rpc.wrong(f"{name} must be 1 to {LONGEST_ID} printable characters.")
    metadata = rpc.params.get("metadata")
    if metadata is not None and not isinstance(metadata, dict):
        return rpc.wrong("metadata must be an object.")
    return Told(
        "\n".join(text for text in texts if text is not None),
        task if isinstance(task, str) else None,
        context if isinstance(context, str) else None,
        metadata,
    )


def read_task_id(rpc: Rpc) -> str | Failure:
    """`params.id`: a task's, which becomes a segment of a path where it is a job's."""
    named = rpc.params.get("id")
    if not isinstance(named, str) or not _TASK.fullmatch(named) or named in (".", ".."):
        return rpc.wrong(f"id must be 1 to {LONGEST_ID} letters, digits or -._~: in ASCII.")
    return named


def _id(value: Json) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= LONGEST_ID and value.isprintable()


def _part(part: Json) -> str | None:
    """The text of a part; the first version of A2A called its kind type."""
    if not isinstance(part, dict) or part.get("kind", part.get("type", "text")) != "text":
        return None
    text = part.get("text")
    return text if isinstance(text, str) else None


def task(
    plan: Plan, span: Span, epoch: Epoch, switches: Switches, *, first: bool = False, history: bool = False
) -> dict[str, Json]:
    """A job at a span as a Task; `first`: the answer that starts it. `history` adds what was asked."""
    body = full_body(plan, span, epoch, switches, invoked=False, passed=[])
    context = body["conversationId"]
    status, place = Status(str(body["status"])), f"{plan.invocation.job}/a2a"

    def message(text: Json, role: str, use: str) -> dict[str, Json]:
        return {
            "kind": "message", "messageId": uuid4(plan.seed, f"{place}/{use}"), "role": role,
            "parts": [_text(text)], "taskId": plan.shown, "contextId": context,
        }  # fmt: skip

    told: dict[str, Json] = {
        "state": "submitted" if first and status is Status.RUNNING else _STATES[status],
        "timestamp": iso(epoch, span.since),
    }  # fmt: skip
    node = body["waitingNodeDetails"]
    said = body["error"] if status is Status.ERROR else node["initialMessage"] if isinstance(node, dict) else None
    if said is not None:
        told["message"] = message(said, "agent", f"{span.id}#{span.visit}")
    artifacts: list[Json] = []
    if status is Status.COMPLETE and body["output"] is not None:
        artifacts.append({"artifactId": uuid4(plan.seed, f"{place}/answer"), "parts": [_text(body["output"])]})
    asked: list[Json] = [message(plan.invocation.input.message, "user", "asked")] if history else []
    metadata = plan.invocation.input.metadata
    return {
        "kind": "task", "id": plan.shown, "contextId": context, "status": told, "artifacts": artifacts,
        "history": asked, **({} if metadata is None else {"metadata": dict(metadata)}),
    }  # fmt: skip


def _text(text: Json) -> dict[str, Json]:
    return {"kind": "text", "text": text}
