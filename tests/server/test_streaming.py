"""Streams on the socket: pieces leave at their instants, in chunks, and a peer that goes breaks nothing."""

import asyncio
import json
from socket import SO_LINGER, SOL_SOCKET
from struct import pack

import pytest
from msgspec.structs import replace

from lab.core.exchange import Json
from lab.core.observe import Replied
from lab.dialects.router import ROUTER
from lab.jobs.facts import JobCancelled
from lab.jobs.gates import Origin
from tests.server.conftest import TEAM, Stage, bearer, request, status


def ask(token: str, route: str, document: Json, version: str = "1.1") -> bytes:
    headers = (bearer(token), ("content-type", "application/json"))
    data = request("POST", ROUTER.path(route, code=TEAM), headers, json.dumps(document).encode())
    return data.replace(b"HTTP/1.1", f"HTTP/{version}".encode(), 1)


async def chunk(reader: asyncio.StreamReader) -> bytes:
    size = int(await reader.readline(), 16)
    data = await reader.readexactly(size)
    assert await reader.readexactly(2) == b"\r\n"
    return data


def event(data: bytes) -> dict[str, Json]:
    assert data.startswith(b"data: ") and data.endswith(b"\n\n")
    value = json.loads(data[6:])
    assert isinstance(value, dict)
    return value


async def replied(stage: Stage) -> Replied:
    """The last reply told: awaited by what is told, not by time."""
    done = asyncio.Event()
    stage.service.observers.append(lambda each: done.set() if isinstance(each, Replied) else None)
    await asyncio.wait_for(done.wait(), 5)
    return next(each for each in reversed(stage.observations) if isinstance(each, Replied))


async def test_a_stream_leaves_at_its_instants_and_is_answered_on_the_same_route(stage: Stage) -> None:
    token = await stage.token()
    peer = await stage.peer()
    await peer.send(ask(token, "chat", {"message": "Share it", "conversationId": "talk-1"}))
    head = await peer.reader.readuntil(b"\r\n\r\n")
    assert b"200 OK" in head and b"transfer-encoding: chunked" in head and b"content-length" not in head.lower()
    assert b"content-type: text/event-stream" in head and b"cache-control: no-store" in head
    started = event(await chunk(peer.reader))
    assert started["nodeProgressMessage"] == {"nodeCode": "READ", "type": "NODE_START", "nodeType": "AGENT"}
    reading = asyncio.ensure_future(chunk(peer.reader))
    await stage.clock.advance_to(stage.clock.now() + 2_999)
    assert not reading.done()
    await stage.clock.advance_to(stage.clock.now() + 1)
    assert event(await reading)["nodeProgressMessage"] is not None
    node = event(await chunk(peer.reader))["waitingNodeDetails"]
    assert event(await chunk(peer.reader))["message"] == {"content": [{"text": ""}], "finishReason": "wait"}
    assert await chunk(peer.reader) == b"data: [DONE]\n\n"
    assert await peer.reader.readexactly(5) == b"0\r\n\r\n"
    # the same connection goes on
    assert isinstance(node, dict)
    answer = {
        "message": "", "jobId": started["jobId"],
        "resumeInput": {"messageInstanceId": node["callbackToken"], "userResponse": "APPROVE_ACTION"},
    }  # fmt: skip
    await peer.send(ask(token, "debug", answer))
    await peer.reader.readuntil(b"\r\n\r\n")
    payload = event(await chunk(peer.reader))
    assert payload["message"] == {"content": [{"text": "Shared."}], "finishReason": "stop", "output": "Shared."}


async def test_the_whole_body_is_told_once_the_stream_has_ended(stage: Stage) -> None:
    token = await stage.token()
    peer = await stage.peer()
    await peer.send(ask(token, "stream", {"message": "Share it"}))
    await peer.reader.readuntil(b"\r\n\r\n")
    first = await chunk(peer.reader)
    await stage.clock.advance_to(stage.clock.now() + 3_000)
    parts = [first, await chunk(peer.reader), await chunk(peer.reader)]
    assert await peer.reader.readexactly(5) == b"0\r\n\r\n"
    reply = next(each for each in reversed(stage.observations) if isinstance(each, Replied))
    assert (reply.at, reply.cut, reply.sent, reply.response.body) == (3_000, None, None, b"".join(parts))


async def test_a_stream_sees_at_once_that_its_job_is_cancelled(stage: Stage) -> None:
    token = await stage.token()
    peer = await stage.peer()
    await peer.send(ask(token, "stream", {"message": "Share it"}))
    await peer.reader.readuntil(b"\r\n\r\n")
    job = str(event(await chunk(peer.reader))["jobId"])
    await stage.clock.advance_to(stage.clock.now() + 1_000)
    stage.service.note(JobCancelled(at=stage.clock.now(), job=job, by=Origin.API))
    # the clock stands: nothing but the fact has ended the wait
    last = event(await asyncio.wait_for(chunk(peer.reader), 5))
    assert (last["status"], last["error"]) == ("ERROR", "The job was cancelled.")
    assert await chunk(peer.reader) == b"data: [DONE]\n\n"
    assert await peer.reader.readexactly(5) == b"0\r\n\r\n"
    assert not stage.service.fact_observers, "nobody watches any more"


async def test_http_1_0_reads_to_the_end_of_the_connection(stage: Stage) -> None:
    token = await stage.token()
    peer = await stage.peer()
    await peer.send(ask(token, "stream", {"message": "Share it"}, "1.0"))
    head = await peer.reader.readuntil(b"\r\n\r\n")
    assert b"transfer-encoding" not in head and b"connection: close" in head
    await peer.reader.readuntil(b"\n\n")
    await stage.clock.advance_to(stage.clock.now() + 3_000)
    assert (await peer.rest()).endswith(b'"preview":false}\n\ndata: [DONE]\n\n')


@pytest.mark.parametrize("by_reset", [True, False])
async def test_a_client_that_hangs_up_does_not_stop_the_job(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, *, by_reset: bool
) -> None:
    monkeypatch.setattr("lab.server.delivery.BEHIND", 0)  # it has waited long enough to have given up
    token = await stage.token()
    peer = await stage.peer()
    await peer.send(ask(token, "stream", {"message": "Share it"}))
    await peer.reader.readuntil(b"\r\n\r\n")
    job = str(event(await chunk(peer.reader))["jobId"])
    if by_reset:
        peer.writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, pack("ii", 1, 0))
    peer.writer.transport.abort()
    reply = await replied(stage)
    assert (reply.cut, reply.response.status) == ("client_gone", 200)
    assert reply.sent == len(reply.response.body) > 0
    await stage.clock.advance_to(stage.clock.now() + 3_000)
    other = await stage.peer()
    polling = asyncio.ensure_future(other.ask(status(token, job)))
    assert (await polling).json["status"] == "WAITING"


async def test_a_stop_of_the_lab_cuts_a_stream(stage: Stage) -> None:
    token = await stage.token()
    peer = await stage.peer()
    await peer.send(ask(token, "stream", {"message": "Share it"}))
    await peer.reader.readuntil(b"\r\n\r\n")
    await chunk(peer.reader)
    await stage.server.stop(10)
    reply = next(each for each in reversed(stage.observations) if isinstance(each, Replied))
    assert reply.cut == "shutdown"
    assert replace(reply.response, body=b"").status == 200
