"""A client of the Responses API without a socket, and what it asks."""

import json
from typing import Any

from lab.core.exchange import Request, Response
from lab.dialects.sse import events_in
from tests.wire_peer import DOCUMENT, OTHER, read, service, token

GATE: dict[str, Any] = {
    "gate": "the-boss", "asks": "Pay {{ match.sum }}?", "patience": "1m", "verdicts": {"rejected": "declined"},
}  # fmt: skip
ENDS: tuple[dict[str, Any], ...] = (
    {"complete": "done", "output": "Paid {{ match.sum }}.\nDone: {{ decisions['the-boss'].comment or 'fine' }}"},
    {"complete": "declined", "output": "No: {{ decisions['the-boss'].comment or 'none' }}"},
)
READ = {"work": "read", "takes": "2s"}
PAY = {"work": "pay", "takes": "3s"}
CLAIM: dict[str, Any] = DOCUMENT | {"name": "claim", "steps": [READ, GATE, PAY, *ENDS]}
ASK = "Taxi 42"


def approval(question: str, approve: bool = True, **more: Any) -> list[dict[str, Any]]:
    return [{"type": "mcp_approval_response", "approval_request_id": question, "approve": approve, **more}]


class Peer:
    """A client of one team."""

    def __init__(self, *documents: dict[str, Any], **switches: object) -> None:
        self.mock = service(*(documents or (CLAIM,)), **switches)
        self.bearer, self.other = token(self.mock), token(self.mock, client=OTHER)

    def send(self, method: str, path: str, body: Any = None, now: int = 0, bearer: str | None = None) -> Response:
        """The whole answer, as it is if nobody acts meanwhile."""
        path, _, query = path.partition("?")
        headers = (("authorization", f"Bearer {bearer or self.bearer}"), ("content-type", "application/json"))
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return self.mock.serve(Request(method, path, query, headers, raw), now).whole(now)[0]

    def create(self, question: Any = ASK, now: int = 0, **more: Any) -> dict[str, Any]:
        response = self.post(question, now, **more)
        assert response.status == 200, response.body
        return read(response)

    def post(self, question: Any = ASK, now: int = 0, **more: Any) -> Response:
        body = {"model": "EXPENSES", "background": True, "input": question, **more}
        return self.send("POST", "/v1/responses", {name: each for name, each in body.items() if each is not ...}, now)

    def refused(self, question: Any = ASK, now: int = 0, **more: Any) -> dict[str, Any]:
        response = self.post(question, now, **more)
        assert response.status == 400
        return error(response)

    def look(self, response: str, now: int) -> dict[str, Any]:
        return read(self.send("GET", f"/v1/responses/{response}", now=now))

    def cancel(self, response: str, now: int) -> Response:
        return self.send("POST", f"/v1/responses/{response}/cancel", now=now)

    def events(self, response: str, now: int, behind: int | None = None) -> list[dict[str, Any]]:
        more = "" if behind is None else f"&starting_after={behind}"
        answer = self.send("GET", f"/v1/responses/{response}?stream=true{more}", now=now)
        assert answer.status == 200, answer.body
        return events_in(answer.body)

    def at_gate(self, now: int = 2_000, **more: Any) -> tuple[str, str]:
        """A response that asks for an approval, and the id of that."""
        first = self.look(self.create(**more)["id"], now)
        return first["id"], first["output"][0]["id"]


def error(response: Response) -> dict[str, Any]:
    members = read(response)
    assert list(members) == ["error"] and isinstance(members["error"], dict)
    assert list(members["error"]) == ["message", "type", "param", "code"]
    return members["error"]
