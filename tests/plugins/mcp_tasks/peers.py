"""A client of MCP without a socket: what tests say to `Service.serve`."""

import json
from collections.abc import Mapping
from typing import Any

from lab.core.exchange import Request
from lab.core.observe import Noted
from lab.core.reply import Reply
from lab.mock.service import Service
from tests.wire_peer import DOCUMENT, service, token

VERSION = "2026-07-28"
TASKS = "io.modelcontextprotocol/tasks"
META: dict[str, Any] = {
    "io.modelcontextprotocol/protocolVersion": VERSION,
    "io.modelcontextprotocol/clientCapabilities": {"extensions": {TASKS: {}}},
}
CONVERSATION = "invoke-async-lab/conversation"
NAMES = {"tools/call": "name", "tasks/get": "taskId", "tasks/update": "taskId", "tasks/cancel": "taskId"}
ASK = {"name": "EXPENSES", "arguments": {"message": "Taxi 42"}}
APPROVED = {"action": "accept", "content": {"verdict": "approved"}}


def rpc(method: str, params: Mapping[str, Any] | None = None, number: Any = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": {**(params or {}), "_meta": META}}


def headers_of(body: Mapping[str, Any]) -> dict[str, str]:
    """The headers that a body asks for."""
    method = body.get("method", "")
    headers = {"content-type": "application/json", "mcp-protocol-version": VERSION, "mcp-method": method}
    if method in NAMES:
        headers["mcp-name"] = body["params"].get(NAMES[method], "")
    return headers


class McpPeer:
    """A client with a token."""

    def __init__(self, *documents: Any, **switches: Any) -> None:
        self.mock: Service = service(*(documents or (DOCUMENT,)), **switches)
        self.bearer, self.facts = token(self.mock), list[Any]()
        self.mock.observers.append(lambda seen: self.facts.append(seen.fact) if isinstance(seen, Noted) else None)

    def send(
        self, body: Any, now: int = 0, headers: Mapping[str, str | None] | None = None, *more: tuple[str, str]
    ) -> Reply:
        """One call; `headers` are put in the place of those that belong to it, None leaves one out; `more` come after them."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        whole = {"authorization": f"Bearer {self.bearer}", **({} if isinstance(body, bytes) else headers_of(body))}
        pairs = {**whole, **({} if headers is None else headers)}
        sent = tuple((name, value) for name, value in pairs.items() if value is not None) + more
        return self.mock.serve(Request("POST", "/mcp", "", sent, raw), now)

    def call(self, method: str, params: Mapping[str, Any] | None = None, now: int = 0) -> Any:
        """The result, or the error."""
        response = self.send(rpc(method, params, "c-1"), now).response
        answer = json.loads(response.body)
        assert list(answer)[:2] == ["jsonrpc", "id"] and answer["id"] == "c-1"
        assert (response.status == 200) is ("result" in answer)
        return answer.get("error") or answer["result"]

    def begin(self, message: str = "Taxi 42", now: int = 0, name: str = "EXPENSES", **arguments: Any) -> str:
        return str(
            self.call("tools/call", {"name": name, "arguments": {"message": message, **arguments}}, now)["taskId"]
        )

    def task(self, task: str, now: int) -> Any:
        return self.call("tasks/get", {"taskId": task}, now)

    def answer(self, task: str, now: int, **responses: Any) -> Any:
        return self.call("tasks/update", {"taskId": task, "inputResponses": responses}, now)

    def key(self, task: str, now: int) -> str:
        """The key of the one request for input that is open."""
        (key,) = self.task(task, now)["inputRequests"]
        return str(key)

    def decided(self) -> list[tuple[str, str | None]]:
        """The verdicts that were admitted, each with its comment."""
        return [(str(fact.verdict), fact.comment) for fact in self.facts if fact.type == "gate.decided"]


def events(reply: Reply) -> list[tuple[int, Any]]:
    """What a stream tells if nobody acts any more, each event with its instant."""
    assert reply.parts is not None
    parts = [(when, part) for when, part in reply.parts() if not part.startswith(b":")]
    assert all(part.startswith(b"data: ") and part.endswith(b"\n\n") for _, part in parts)
    return [(when, json.loads(part[6:])) for when, part in parts]
