"""MCP over real sockets."""

import json
from typing import Any

from tests.plugins.mcp_tasks.peers import APPROVED, headers_of, rpc
from tests.server.conftest import TEAM, Stage, bearer, limits, request, stage
from tests.server.test_calls import calls
from tests.server.test_control import Plane, plane

__all__ = ["limits", "plane", "stage"]


def call(token: str, method: str, number: Any = 1, **params: Any) -> bytes:
    body = rpc(method, params, number)
    return request("POST", "/mcp", (bearer(token), *headers_of(body).items()), json.dumps(body).encode())


def begin(token: str) -> bytes:
    return call(token, "tools/call", name=TEAM, arguments={"message": "Share it"})


async def test_a_call_a_gate_and_an_answer(stage: Stage) -> None:
    token, peer = await stage.token(), await stage.peer()
    task = (await peer.ask(begin(token))).json["result"]["taskId"]
    await stage.clock.advance_to(3_000)
    question = (await peer.ask(call(token, "tasks/get", taskId=task))).json["result"]["inputRequests"]
    notified = await peer.ask(
        call(token, "tasks/update", taskId=task, inputResponses=dict.fromkeys(question, APPROVED))
    )
    assert notified.json["result"] == {"resultType": "complete"}
    done = (await peer.ask(call(token, "tasks/get", taskId=task))).json["result"]
    assert (done["status"], done["result"]["content"]) == ("completed", [{"type": "text", "text": "Shared."}])


async def test_notifications_leave_as_their_instants_come_and_as_somebody_answers(stage: Stage) -> None:
    token, peer, other = await stage.token(), await stage.peer(), await stage.peer()
    task = (await other.ask(begin(token))).json["result"]["taskId"]
    await peer.send(call(token, "subscriptions/listen", "listen-1", notifications={"taskIds": [task]}))
    head = await peer.reader.readuntil(b"\r\n\r\n")
    assert b"200 OK" in head and b"text/event-stream" in head and b"chunked" in head
    early = await peer.reader.readuntil(b'"working"')
    assert b"notifications/subscriptions/acknowledged" in early
    await stage.clock.advance_to(3_000)
    question = await peer.reader.readuntil(b'"input_required"')
    assert b"completed" not in question
    requests = (await other.ask(call(token, "tasks/get", taskId=task))).json["result"]["inputRequests"]
    await other.ask(call(token, "tasks/update", taskId=task, inputResponses=dict.fromkeys(requests, APPROVED)))
    rest = await peer.reader.readuntil(b"\r\n0\r\n\r\n")
    assert b'"completed"' in rest and b'"id":"listen-1"' in rest and b"[DONE]" not in rest


async def test_what_a_call_asks_counts_it_beside_its_route(plane: Plane) -> None:
    token, peer = await plane.stage.token(), await plane.stage.peer()
    task = (await peer.ask(begin(token))).json["result"]["taskId"]
    await peer.ask(call(token, "tasks/get", taskId=task))
    counts = [(await calls(plane, route, task))["count"] for route in ("mcp", "invoke", "status")]
    assert counts == [2, 1, 1]


async def test_another_method_than_post_is_not_allowed(stage: Stage) -> None:
    token, peer = await stage.token(), await stage.peer()
    answer = await peer.ask(request("GET", "/mcp", (bearer(token),)))
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
