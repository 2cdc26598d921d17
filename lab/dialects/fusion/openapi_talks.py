"""Streams, A2A and a local orchestrator's paths in the OpenAPI document (contract.md §2.1, §2.4, §8, §9)."""

from collections.abc import Iterable

from lab.core.exchange import Json
from lab.dialects.a2a.a2a import CALLS, STATES
from lab.dialects.a2a.a2a_cards import MOST_FOUND
from lab.dialects.a2a.routes import a2a_path
from lab.dialects.fusion.openapi_parts import BEARER, CODE, operation, ref, shape, some, text, told
from lab.dialects.fusion.openapi_pod import tokens
from lab.dialects.fusion.routes import API, fusion_path

_JOB = (404, 409, 429, 503)
_EVENTS = "text/event-stream"
_EVENT: Json = shape({"data": text(description="one line of JSON, or at the end [DONE]")})


def talk_paths(shell: Iterable[int]) -> dict[str, Json]:
    """The streams and A2A; `shell` are the codes that any request can come to."""
    codes = (*BEARER, *shell)
    agent, a2a = f"{API}/agent/v2/{{code}}", f"{API}/a2a/v1/{{code}}"
    return {
        f"{agent}/invokeStream": {"post": _stream("stream", "Job bodies with a growing output", codes)},
        f"{agent}/chat": {"post": _stream("chat", "Deltas of the answer, and nodes", codes)},
        f"{agent}/debug": {"post": _stream("debug", "The same for a draft", codes)},
        f"{a2a}/.well-known/agent.json": {
            "get": operation(
                "a2a_card", "What a team says of itself", told("Its card", ref("AgentCard")), (404, *codes),
                parameters=(CODE,),
            )
        },
        a2a_path("a2a-search"): {
            "post": operation(
                "a2a_search", "The published teams that fit", told("Where their cards are", ref("AgentsFound")),
                codes, body=ref("AgentSearch"),
            )
        },
        a2a: {
            "post": operation(
                "a2a", "A message, a task", told("A task, or what is wrong", ref("RpcAnswer")), (404, 429, 503, *codes),
                parameters=(CODE,), body=_rpc("a2a"),
            )
        },
        f"{a2a}/stream": {"post": _rpc_stream(codes)},
    }  # fmt: skip


def local_paths(shell: Iterable[int], invoke: Json, status: Json) -> dict[str, Json]:
    """A local orchestrator's paths, which are there with their switch."""
    extra = tuple(shell)
    codes = (*BEARER, *extra)
    agent = "/orchestrator/agent/v2/{code}"
    nothing: Json = told("Nothing", {"type": "object"})
    return {
        "/internal/v1/agent/{code}/chat": {"post": _stream("local_chat", "chat", codes)},
        "/internal/v1/agent/{code}/debug": {"post": _stream("local_debug", "debug", codes)},
        "/internal/v1/authz/tokens": {"get": tokens("local_tokens", extra)},
        fusion_path("multiplex"): {"post": operation("multiplex", "Several calls at once", nothing, codes)},
        f"{agent}/invokeAsync": {"post": invoke},
        f"{agent}/status/{{jobId}}": {"get": status},
        f"{agent}/invokeStream": {"post": _stream("orchestrator_stream", "invokeStream", codes)},
        f"{agent}/chat": {"post": _stream("orchestrator_chat", "chat", codes)},
        f"{agent}/debug": {"post": _stream("orchestrator_debug", "debug", codes)},
        "/orchestrator/authz/v1/tokens": {"get": tokens("orchestrator_tokens", extra)},
    }


def _stream(name: str, summary: str, codes: Iterable[int]) -> Json:
    good = told("Server-Sent Events; the schema is one event's", _EVENT, _EVENTS)
    return operation(name, summary, good, (*_JOB, *codes), parameters=(CODE,), body=ref("InvokeRequest"))


def _rpc_stream(codes: tuple[int, ...]) -> Json:
    good: Json = {
        "description": "A task at each change of its state; or what is wrong, as one answer",
        "content": {_EVENTS: {"schema": _EVENT}, "application/json": {"schema": ref("RpcAnswer")}},
    }
    return operation(
        "a2a_stream", "A message, and its task to the end", good, (404, 429, 503, *codes), parameters=(CODE,),
        body=_rpc("a2a-stream"),
    )  # fmt: skip


def _rpc(route: str) -> Json:
    call: dict[str, Json] = {
        "jsonrpc": {"const": "2.0"}, "id": {"type": ["string", "integer", "null"]},
        "method": text(enum=list(CALLS[route])), "params": {"type": "object"},
    }  # fmt: skip
    return shape(call)


def talk_schemas() -> dict[str, Json]:
    """The schemas to which the paths refer."""
    texts: Json = {"type": "array", "items": text()}
    objects: Json = {"type": "array", "items": {"type": "object"}}
    whole: Json = {"type": "integer"}
    answer: dict[str, Json] = {
        "jsonrpc": {"const": "2.0"}, "id": {"type": ["string", "number", "null"]}, "result": ref("Task"),
        "error": shape({"code": whole, "message": text()}),
    }  # fmt: skip
    return {
        "AgentCard": shape({
            "name": text(), "description": text(), "url": text(), "version": text(), "provider": {"type": "object"},
            "documentationUrl": text(), "authentication": shape({"schemes": texts, "credentials": {"type": "null"}}),
            "capabilities": {"type": "object", "additionalProperties": {"type": "boolean"}},
            "defaultInputModes": texts, "defaultOutputModes": texts, "skills": objects,
        }),
        "AgentSearch": {
            "type": "object",
            "properties": {
                "query": text(), "skip": {"type": "integer", "minimum": 0},
                "top": {"type": "integer", "minimum": 1, "maximum": MOST_FOUND},
            },
        },
        "AgentsFound": shape({
            "registry_version": text(), "total_count": whole,
            "resources": {"type": "array", "items": shape({
                "id": some(), "name": some(), "location": shape({"type": {"const": "agent_card"}, "url": text()}),
            })},
        }),
        "Task": shape({
            "kind": {"const": "task"}, "id": some(), "contextId": {"type": ["string", "null"]},
            "status": shape(
                {"state": text(enum=list(STATES)), "timestamp": text(), "message": {"type": "object"}},
                "state", "timestamp",
            ),
            "artifacts": objects, "history": objects, "metadata": {"type": "object"},
        }, "kind", "id", "contextId", "status", "artifacts", "history"),
        "RpcAnswer": {
            **shape(answer, "jsonrpc", "id"),
            "oneOf": [{"required": ["result"]}, {"required": ["error"]}],
        },
    }  # fmt: skip
