"""The whole path over loopback on a manual clock, and what observers are told of it."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from lab.clocks import ManualClock, ScaledClock, settle
from lab.core.clock import INSTANT_EPOCH
from lab.core.errors import HostError, UsageError
from lab.core.exchange import Response
from lab.core.journal.shell import ConnectionClosed, ConnectionOpened
from lab.core.observe import Replied, Requested
from lab.dialects.router import ROUTER
from lab.identity.client import token_request
from lab.identity.clients import DEMO
from lab.identity.scopes import api_scope
from lab.jobs.program import program_of
from lab.language.shape import parsed
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.scenario import Scenario
from lab.program.switches import Switches
from lab.recording.format.lines import Res
from lab.recording.format.reader import read
from lab.recording.playback.playback import RecordingPlayback
from lab.recording.playback.service import PlaybackService
from lab.recording.tape.header import config_of
from lab.server.mock_server import MockServer
from lab.server.response_writer import ResponseWriter
from tests.conftest import ROOT, each_row
from tests.server.conftest import TEAM, Stage, bearer, invoke, make_service, request, serving, status


async def test_token_invoke_poll_decide_complete(stage: Stage) -> None:
    token = await stage.token()
    job = await stage.job(token)
    peer = await stage.peer()
    assert (await peer.ask(status(token, job))).json["status"] == "RUNNING"
    await stage.clock.advance_to(3_000)
    waiting = (await peer.ask(status(token, job))).json
    assert waiting["status"] == "WAITING"
    node = waiting["waitingNodeDetails"]
    resume = {"messageInstanceId": node["callbackToken"], "userResponse": "APPROVE_ACTION"}
    document = {"message": "", "jobId": job, "conversationId": waiting["conversationId"], "resumeInput": resume}
    answered = await peer.ask(invoke(token, document))
    assert (answered.status, answered.json["status"]) == (202, "COMPLETE")
    assert (await peer.ask(status(token, job))).json["output"] == "Shared."


async def test_nothing_is_withheld_on_a_manual_clock_but_held_is_told(stage: Stage) -> None:
    token = await stage.token()
    job = await stage.job(token)
    peer = await stage.peer()
    await peer.ask(status(token, job))
    replied = [each for each in stage.observations if isinstance(each, Replied)][-1]
    assert (replied.latency, replied.first, replied.cut, replied.by) == (80, 0, None, None)


async def test_every_exchange_is_told_once_in_order(stage: Stage) -> None:
    token = await stage.token()
    await stage.job(token)
    observed = [(type(each).__name__, each.x) for each in stage.observations if isinstance(each, Requested | Replied)]
    assert observed == [("Requested", 1), ("Replied", 1), ("Requested", 2), ("Replied", 2)]


async def test_the_reply_carries_the_labs_date_and_no_servers_name(stage: Stage) -> None:
    peer = await stage.peer()
    await stage.clock.advance_to(61_000)
    got = await peer.ask(request("GET", "/nowhere"))
    assert got.headers["date"] == "Thu, 01 Jan 2026 00:01:01 GMT"
    assert got.status == 404
    await stage.clock.advance_to(62_000)
    assert (await peer.ask(request("GET", "/nowhere"))).headers["date"] == "Thu, 01 Jan 2026 00:01:02 GMT"
    assert "server" not in got.headers
    assert got.headers["content-length"] == str(len(got.body))


async def test_a_held_reply_leaves_when_the_clock_says_so() -> None:
    clock = ScaledClock("0")
    async with serving(make_service(), clock) as stage:
        token = await stage.token()
        job = await stage.job(token)
        peer = await stage.peer()
        asking = asyncio.create_task(peer.ask(status(token, job)))
        await settle()
        assert not asking.done()
        clock.scale("100")
        assert (await asking).status == 200


async def test_a_pause_for_a_run_withholds_replies_from_that_run_alone() -> None:
    clock = ScaledClock("0.01")
    async with serving(make_service(), clock) as stage:
        token = await stage.token()
        job = await stage.job(token)
        ours = await stage.peer()
        stage.server.is_ours = ours.writer.get_extra_info("sockname").__eq__
        # it was accepted before anybody could tell whose it is
        next(iter(reversed(stage.server.peers))).outlasts_pauses = False
        other, early = await stage.peer(), asyncio.create_task(ours.ask(status(token, job)))
        waiting = asyncio.create_task(other.ask(status(token, job)))
        while stage.service.exchanges < 4:
            await settle()
        assert not waiting.done(), "while time passes it is withheld as from everybody"
        clock.scale("0")
        assert (await waiting).status == 200
        assert (await other.ask(status(token, job))).status == 200, "and what is asked meanwhile is answered"
        await settle()
        assert not early.done()
        clock.scale("100")
        assert (await early).status == 200


async def test_a_peer_that_resets_while_its_reply_is_held_is_told_as_gone() -> None:
    clock = ScaledClock("0")
    async with serving(make_service(), clock) as stage:
        observed = stage.observations
        token = await stage.token()
        job = await stage.job(token)
        peer = await stage.peer()
        await peer.send(status(token, job))
        while not any(isinstance(each, Requested) and each.route == "status" for each in observed):
            await settle()
        peer.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.writer.transport.abort()
        while not stage.facts(ConnectionClosed):
            await settle()
        clock.scale("1000")
        while not isinstance(observed[-1], Replied):
            await asyncio.wait({asyncio.ensure_future(settle())})
        assert (observed[-1].cut, observed[-1].response.status, observed[-1].latency) == ("client_gone", 0, 80)
        assert stage.service.look(job, clock.now()) is not None


async def test_connections_are_numbered_and_their_ends_are_named(stage: Stage) -> None:
    first, second = await stage.peer(), await stage.peer()
    await first.ask(request("GET", "/"))
    await second.ask(request("GET", "/", (("connection", "close"),)))
    assert await second.rest() == b""
    await first.close()
    await settle()
    assert [fact.c for fact in stage.facts(ConnectionOpened)] == [1, 2]
    assert [(fact.c, fact.how) for fact in stage.facts(ConnectionClosed)] == [(2, "server"), (1, "client")]


async def test_a_hundred_requests_in_a_pipeline_are_answered_in_order(stage: Stage) -> None:
    token = await stage.token()
    job = await stage.job(token)
    peer = await stage.peer()
    paths = [request("GET", f"/{n}") if n % 2 else status(token, job) for n in range(100)]
    await peer.send(b"".join(paths))
    assert [(await peer.answer()).status for _ in range(100)] == [200, 404] * 50


async def test_a_hundred_decisions_at_once_have_one_winner(stage: Stage) -> None:
    token = await stage.token()
    job = await stage.job(token)
    await stage.clock.advance_to(3_000)
    first = await stage.peer()
    node = (await first.ask(status(token, job))).json["waitingNodeDetails"]
    resume = {"messageInstanceId": node["callbackToken"], "userResponse": "APPROVE_ACTION"}
    data = invoke(token, {"message": "", "jobId": job, "resumeInput": resume})
    peers = [await stage.peer() for _ in range(100)]
    answers = await asyncio.gather(*(peer.ask(data) for peer in peers))
    assert sorted(answer.status for answer in answers) == [202] + [409] * 99


@pytest.fixture
async def halted() -> AsyncIterator[Stage]:
    """A mock whose clock is paused, and a poll whose reply is withheld until it runs again."""
    async with serving(make_service(), ScaledClock("0")) as stage:
        token = await stage.token()
        data = status(token, await stage.job(token))
        await (await stage.peer()).send(data)
        await settle()
        yield stage


async def test_a_stop_lets_nothing_hang(halted: Stage) -> None:
    await halted.server.stop(10)
    assert [each.cut for each in halted.observations if isinstance(each, Replied)][-1] == "shutdown"
    assert await halted.peers[-1].rest() == b""


async def test_a_stop_lets_what_is_under_way_end_and_takes_nobody_new(halted: Stage) -> None:
    stopping = asyncio.create_task(halted.server.stop(60_000))
    await settle()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", halted.port)
    assert not stopping.done()
    assert isinstance(halted.server.clock, ScaledClock)
    halted.server.clock.scale("1000")
    got = await halted.peers[-1].answer()
    assert (got.status, got.headers["connection"]) == (200, "close")
    await asyncio.wait_for(stopping, 5)
    assert {fact.how for fact in halted.facts(ConnectionClosed)} == {"shutdown"}


async def test_who_has_said_all_while_its_reply_is_held_is_told_that_it_is_the_last(
    halted: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.server.delivery.BEHIND", 60_000)  # later it would have given up
    halted.peers[-1].writer.write_eof()
    await settle()
    assert isinstance(halted.server.clock, ScaledClock)
    halted.server.clock.scale("1000")
    got = await halted.peers[-1].answer()
    assert (got.status, got.headers["connection"]) == (200, "close")
    assert await asyncio.wait_for(halted.peers[-1].rest(), 5) == b""


async def test_who_says_all_while_its_long_reply_leaves_is_not_waited_for() -> None:
    long = {
        "lab": 1, "name": "long", "title": "Long", "agent": {"code": TEAM}, "ask": "x",
        "steps": [{"complete": "done", "output": "x" * 16_000_000}],
    }  # fmt: skip
    service = Service(Config((program_of(parsed(Scenario, long)),), Switches(), 42, 0))
    async with serving(service, ManualClock()) as stage:
        token = await stage.token()
        job = await stage.job(token)
        peer = await stage.peer()
        await peer.send(status(token, job))
        head = await peer.reader.readuntil(b"\r\n\r\n")
        assert b"connection:" not in head, "it was to be kept open"
        peer.writer.write_eof()
        await settle()
        assert len(await asyncio.wait_for(peer.rest(), 5)) > 16_000_000


def test_no_value_of_a_header_ends_its_line() -> None:
    sent = ResponseWriter(0).bytes_of(Response(200, (("location", "a\r\nset-cookie: b\x00\x7f"),)), 0)
    assert sent.partition(b"\r\n\r\n")[0].split(b"\r\n")[1] == b"location: a  set-cookie: b  "


@each_row("name", ["x\r\nset-cookie", "x\nset-cookie", "x\rset-cookie", "set cookie", "x:", "", "é", "x\0"])
def test_a_name_that_is_none_does_not_leave_with_its_header(name: str) -> None:
    headers = (("a", "1"), (name, "a=1"), ("b", "2\t3"))
    sent = ResponseWriter(0).bytes_of(Response(200, headers), 0)
    assert sent.startswith(b"HTTP/1.1 200 OK\r\na: 1\r\nb: 2\t3\r\ncontent-length: 0\r\n")


async def test_no_recorded_header_ends_its_line_on_the_wire() -> None:
    recorded = read((ROOT / "recordings" / "item-comparison.rec.jsonl").read_bytes())
    bad = (("x-a", "1\r\nset-cookie: a=1\r\n\r\nHTTP/1.1 200 OK"), ("x\r\nset-cookie: b=1\r\n\r\nx", "2"), ("x-b", "3"))
    lines = [replace(line, headers=(*bad, *line.headers)) if isinstance(line, Res) else line for line in recorded.lines]
    playback = RecordingPlayback(replace(recorded, lines=lines), INSTANT_EPOCH)
    config = replace(config_of(recorded, ()), epoch=INSTANT_EPOCH)
    async with serving(PlaybackService(config, playback), ManualClock()) as stage:
        sent = token_request(DEMO.id, DEMO.secret, api_scope(config.switches.pod))
        peer = await stage.peer()
        token = (await peer.ask(request(sent.method, sent.path, sent.headers, sent.body))).json["access_token"]
        path = ROUTER.path("invoke", code="ITEM_COMPARE_TEAM")
        headers = (bearer(token), ("content-type", "application/json"))
        body = b'{"message":"Compare M1000034 of org IMO and M1000040 of Org SBI"}'
        got = await peer.ask(request("POST", path, headers, body))
        assert (got.status, got.json["status"]) == (202, "RUNNING") and "set-cookie" not in got.headers
        assert (got.headers["x-a"], got.headers["x-b"]) == ("1  set-cookie: a=1    HTTP/1.1 200 OK", "3")


async def test_a_stop_in_a_hurry_cuts_what_is_under_way(halted: Stage) -> None:
    hurry = asyncio.Event()
    stopping = asyncio.create_task(halted.server.stop(60_000, hurry))
    await settle()
    assert not stopping.done()
    hurry.set()
    await asyncio.wait_for(stopping, 5)
    assert [each.cut for each in halted.observations if isinstance(each, Replied)][-1] == "shutdown"


async def test_a_port_in_use_and_a_port_that_is_none(stage: Stage) -> None:
    other = MockServer(make_service(), ManualClock())
    with pytest.raises(HostError, match="in use"):
        await other.start("127.0.0.1", stage.port)
    for port in (80_000, -1):
        with pytest.raises(UsageError):
            await other.start("127.0.0.1", port)


async def test_the_poll_after_a_long_body_reads_its_own_head(stage: Stage) -> None:
    token = await stage.token()
    peer = await stage.peer()
    body = json.dumps({"message": "x" * 200_000}).encode()
    got = await peer.ask(request("POST", "/nowhere", (bearer(token),), body))
    assert got.status == 404
    assert (await peer.ask(request("GET", "/else"))).status == 404
