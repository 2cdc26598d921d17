"""A2A over real sockets."""

import json

from lab.core.exchange import Json
from lab.dialects.router import ROUTER
from tests.server.conftest import TEAM, Stage, bearer, limits, request, stage, status
from tests.server.test_calls import calls
from tests.server.test_control import Plane, plane

__all__ = ["limits", "plane", "stage"]


def call(token: str, method: str, params: Json, route: str = "a2a") -> bytes:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    return request("POST", ROUTER.path(route, code=TEAM), (bearer(token), ("content-type", "application/json")), body)


def said(text: str, **members: Json) -> Json:
    return {"message": {"messageId": "m", "role": "user", "parts": [{"kind": "text", "text": text}], **members}}


async def test_a_message_a_gate_and_an_answer(stage: Stage) -> None:
    token, peer = await stage.token(), await stage.peer()
    task = (await peer.ask(call(token, "message/send", said("Share it")))).json["result"]
    await stage.clock.advance_to(3_000)
    seen = (await peer.ask(call(token, "tasks/get", {"id": task["id"]}))).json["result"]
    assert seen["status"]["state"] == "input-required"
    done = (await peer.ask(call(token, "message/send", said("yes", taskId=task["id"])))).json["result"]
    assert (done["status"]["state"], done["artifacts"][0]["parts"][0]["text"]) == ("completed", "Shared.")


async def test_cards_carry_the_address_at_which_the_lab_listens(stage: Stage) -> None:
    token, peer = await stage.token(), await stage.peer()
    card = (await peer.ask(request("GET", ROUTER.path("a2a-card", code=TEAM), (bearer(token),)))).json
    assert card["url"].endswith(ROUTER.path("a2a", code=TEAM))


async def test_a_stream_leaves_in_chunks_as_its_instants_come(stage: Stage) -> None:
    token, peer = await stage.token(), await stage.peer()
    await peer.send(call(token, "message/stream", said("Share it"), "a2a-stream"))
    head = await peer.reader.readuntil(b"\r\n\r\n")
    assert b"200 OK" in head and b"text/event-stream" in head and b"chunked" in head
    early = await peer.reader.readuntil(b'"working"')
    assert b'"submitted"' in early and b"input-required" not in early
    await stage.clock.advance_to(3_000)
    rest = await peer.reader.readuntil(b"\r\n0\r\n\r\n")
    assert b'"input-required"' in rest and b'"final":true' in rest and b"[DONE]" not in rest


async def test_over_this_wire_the_same_is_asked(plane: Plane) -> None:
    token = await plane.stage.token()
    job = await plane.stage.job(token)
    call = {"jsonrpc": "2.0", "id": 1, "method": "tasks/get", "params": {"id": job}}
    headers = (bearer(token), ("content-type", "application/json"))
    peer = await plane.stage.peer()
    await peer.ask(request("POST", ROUTER.path("a2a", code=TEAM), headers, json.dumps(call).encode()))
    await peer.ask(status(token, job))
    assert [(await calls(plane, route, job))["count"] for route in ("status", "a2a", "invoke")] == [2, 1, 1]
