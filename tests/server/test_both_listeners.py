"""What holds of every connection, to the mock and to the control plane: deadlines, no echo, no bug that shows itself."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp.web import Server

from lab.clocks import breathe, settle
from lab.core.journal.shell import LabFailed, RequestMalformed
from lab.core.observe import Noted, Observation, Replied, Requested
from lab.identity.facts import TokenGranted
from lab.recording.format.reader import read
from lab.recording.tape.header import recording_header
from lab.recording.tape.tape import Tape
from lab.server.connection import Connection
from lab.server.control.plane import ControlPlane
from lab.server.limits import ServerLimits
from tests.server.conftest import TOKEN, Peer, Stage, request
from tests.server.test_bad_transport import REFUSED_BY_THE_PARSER, SECRET

GOOD = {"mock": "/x", "plane": "/_lab/health"}


@dataclass
class Listener:
    """One of the two, and what to send it."""

    name: str
    port: int
    stage: Stage
    manager: Server

    def connections(self) -> list[Connection]:
        """Those that are open."""
        return [each for each in self.manager.connections if isinstance(each, Connection)]

    async def peer(self) -> Peer:
        created = Peer(*await asyncio.open_connection("127.0.0.1", self.port))
        self.stage.peers.append(created)
        return created

    def chunks(self) -> bytes:
        """The head of a request that this one serves, whose body comes in chunks."""
        headers = (("content-type", "application/json"), ("transfer-encoding", "chunked"))
        return self.sent("POST", {"mock": "/x", "plane": "/_lab/clock"}[self.name], headers)

    def sent(self, method: str, path: str = "", headers: tuple[tuple[str, str], ...] = (), body: bytes = b"") -> bytes:
        """A request that this one serves."""
        token = (("authorization", f"Bearer {TOKEN}"),) if self.name == "plane" else ()
        return request(method, path or GOOD[self.name], (*token, *headers), body, port=self.port)


@pytest.fixture(params=["mock", "plane"])
async def listener(stage: Stage, request: pytest.FixtureRequest) -> AsyncIterator[Listener]:
    control = ControlPlane(stage.server, TOKEN)
    stage.shells.append(control)
    origin = await control.start()
    port = stage.port if request.param == "mock" else int(origin.rpartition(":")[2])
    manager = stage.server._manager if request.param == "mock" else control._manager
    assert manager is not None
    yield Listener(request.param, port, stage, manager)
    await control.stop()


BODY = (("content-type", "application/json"), ("content-length", "2"))


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize("bad", [b"BAD\0\r\n\r\n", b"x", b"GET /\0 HTTP/1.1\r\n"])
async def test_what_is_refused_takes_nothing_along_that_came_before(listener: Listener, size: int, bad: bytes) -> None:
    good = {"mock": 404, "plane": 200}[listener.name]
    body = listener.sent("POST", "/nowhere", BODY) + b"{}"
    data = b"".join((listener.sent("GET") * 3, body, body, listener.sent("GET")))
    peer = await listener.peer()
    for begin in range(0, len(data), size):
        await peer.send(data[begin : begin + size] + (bad if begin + size >= len(data) else b""))
        await breathe()
    found = [(await peer.answer()).status for _ in range(6)]
    assert found == [good, good, good, 404, 404, good]
    if bad == b"x":
        return
    assert (await peer.answer()).status == 400 and await peer.rest() == b""


async def test_a_chunk_that_is_none_is_refused_at_once_if_it_comes_with_its_head(listener: Listener) -> None:
    peer = await listener.peer()
    got = await asyncio.wait_for(peer.ask(listener.chunks() + b"2\r\n{}\r\nz"), 5)
    assert (got.status, got.headers["connection"]) == (400, "close") and await peer.rest() == b""


@pytest.mark.parametrize("name", REFUSED_BY_THE_PARSER)
async def test_what_the_parser_refuses_is_neither_echoed_nor_logged(
    listener: Listener, name: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    peer = await listener.peer()
    got = await peer.ask(REFUSED_BY_THE_PARSER[name])
    assert (got.status, got.headers["connection"]) == (400, "close")
    assert SECRET not in got.body and ("error" in got.json) == (listener.name == "plane")
    assert await peer.rest() == b""
    await settle()
    assert not caplog.records and capsys.readouterr() == ("", "")
    # the control plane's own requests are recorded nowhere
    assert len(listener.stage.facts(RequestMalformed)) == (listener.name == "mock")


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ((("content-length", str(2**64 - 1)),), b"{}", 413),
        ((("content-length", str(2**63)),), b"{}", 413),
        ((("content-length", "10995116277760"),), b"{}", 413),
        ((("content-encoding", "br"),), b"abcd", 415),
        ((("content-encoding", "gzip"),), b"abcdefghijklmnop", 400),
        ((("expect", "foo"),), b"{}", 417),
        ((("upgrade", "websocket"), ("connection", "upgrade")), b"", 426),
    ],
)
async def test_heads_and_bodies_that_no_route_takes(
    listener: Listener, headers: tuple[tuple[str, str], ...], body: bytes, status: int
) -> None:
    path = "/x" if listener.name == "mock" else "/_lab/clock"
    headers = (("content-type", "application/json"), *headers)
    data = listener.sent("POST", path, headers, body)
    if "content-length" in dict(headers):
        data = data.replace(b"Content-Length: 2\r\n", b"")
    peer = await listener.peer()
    got = await peer.ask(data)
    assert (got.status, got.headers["connection"].lower()) == (status, "close")
    assert b"foo" not in got.body
    await peer.close()  # else the control plane waits for the rest of the body when it is stopped


async def test_a_body_that_is_announced_is_asked_for_once(listener: Listener) -> None:
    path = {"mock": "/x", "plane": "/_lab/clock"}[listener.name]
    headers = (("content-type", "application/json"), ("expect", "100-continue"), ("content-length", "2"))
    peer = await listener.peer()
    assert (await peer.ask(listener.sent("POST", path, headers))).status == 100
    assert (await peer.ask(b"{}")).status in (400, 404)


class TestDeadlines:
    """They run in real time: each test shortens the one that it waits for, once nothing else can be too late for it."""

    @pytest.fixture
    def limits(self) -> ServerLimits:
        return ServerLimits(lingering=0.01)

    async def test_half_a_head_is_cut(self, listener: Listener) -> None:
        listener.stage.shorten(header_deadline=0.03)
        peer = await listener.peer()
        await peer.send(listener.sent("GET")[:-3])
        async with asyncio.timeout(5):
            got = await asyncio.gather(peer.rest(), return_exceptions=True)
        assert got == [b""] or isinstance(got[0], ConnectionError)

    async def test_half_a_body_is_408(self, listener: Listener) -> None:
        listener.stage.shorten(body_deadline=0.03)
        path = "/x" if listener.name == "mock" else "/_lab/clock"
        headers = (("content-type", "application/json"), ("content-length", "10"))
        got = await (await listener.peer()).ask(listener.sent("POST", path, headers) + b"{")
        assert got.status == 408

    async def test_a_chunk_that_is_none_and_comes_later_is_408(self, listener: Listener) -> None:
        listener.stage.shorten(body_deadline=0.03)
        peer = await listener.peer()
        await peer.send(listener.chunks())
        await settle()
        got = await asyncio.wait_for(peer.ask(b"z"), 5)
        assert (got.status, got.headers["connection"]) == (408, "close") and await peer.rest() == b""

    async def test_half_a_head_behind_a_request_is_cut(self, listener: Listener) -> None:
        peer = await listener.peer()
        await settle()
        listener.stage.shorten(header_deadline=0.03)
        await peer.send(listener.sent("GET") + b"GET /x HTTP/1.1\r\nHos")
        async with asyncio.timeout(5):  # well before it would be idle
            await asyncio.gather(peer.rest(), return_exceptions=True)


HEAD_BEHIND = b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize("behind", [0, 1, 16, len(HEAD_BEHIND) - 1])
@pytest.mark.parametrize("kind", ["plain", "length", "chunks"])
@pytest.mark.parametrize("pieces", [1, 3, 10_000])
async def test_the_deadline_of_heads_runs_for_half_a_head_behind_a_request_and_for_nothing_else(
    listener: Listener, behind: int, kind: str, pieces: int
) -> None:
    body = (("content-type", "application/json"),)
    path = "/x" if listener.name == "mock" else "/_lab/clock"
    data = {
        "plain": listener.sent("GET"),
        "length": listener.sent("POST", path, body, b"{}"),
        "chunks": listener.chunks() + b"2\r\n{}\r\n0\r\n\r\n",
    }[kind]
    late = HEAD_BEHIND[:behind]
    if kind == "plain":  # what comes in one segment with a body may be of that
        data, late = data + late, b""
    peer = await listener.peer()
    for index in range(pieces := min(pieces, len(data))):
        await peer.send(data[len(data) * index // pieces : len(data) * (index + 1) // pieces])
        await settle()
    assert (await peer.answer()).status in (200, 400, 404)
    await settle()
    await peer.send(late)
    await settle()
    (connection,) = listener.connections()
    assert (connection._late is not None) == bool(behind)
    await peer.send(HEAD_BEHIND[behind:])
    assert (await peer.answer()).status in (403, 404)
    await settle()
    assert (connection.behind, connection._late) == (False, None)


class TestABug:
    """One line, an id, a fact; the client gets 500 and others get answers."""

    async def test_it_is_500_one_line_and_a_fact(
        self, listener: Listener, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        stage = listener.stage
        lines: list[bytes] = []
        tape = Tape(stage.service, lines.append, recording_header(stage.service.config, lab="0"))
        stage.service.observers.append(tape)

        def fail(*_: Any, **__: Any) -> None:
            raise ZeroDivisionError(SECRET.decode())

        path = {"mock": "/x", "plane": "/_lab/faults"}[listener.name]
        with monkeypatch.context() as patched:
            patched.setattr(stage.service._mock, "handle", fail)
            patched.setattr(stage.service, "faults", fail)
            peer = await listener.peer()
            got = await peer.ask(listener.sent("GET", path))
            assert await peer.rest() == b""
        assert (got.status, got.headers["connection"]) == (500, "close")
        assert b"bug-1" in got.body and SECRET not in got.body
        (record,) = caplog.records
        assert record.levelno == logging.ERROR and record.exc_info is None
        assert "bug-1: ZeroDivisionError at " in record.getMessage() and SECRET.decode() not in record.getMessage()
        (fact,) = stage.facts(LabFailed)
        assert isinstance(fact, LabFailed)
        assert (fact.bug, fact.what, fact.c) == ("bug-1", "ZeroDivisionError", 1 if listener.name == "mock" else None)
        assert fact.where.startswith("mock/service.py:" if listener.name == "mock" else "server/control/")
        assert (await (await listener.peer()).ask(listener.sent("GET"))).status in (200, 404)
        tape.close(0)
        read(b"".join(lines), "tape")
        exchanges = [each for each in stage.observations if isinstance(each, Requested | Replied)]
        # the failed exchange and the good one, each with its reply
        assert [each.x for each in exchanges] == ([1, 1, 2, 2] if listener.name == "mock" else [])

    async def test_an_exchange_that_was_told_gets_its_reply(self, stage: Stage) -> None:
        def fail(observation: Observation) -> None:
            if isinstance(observation, Noted) and isinstance(observation.fact, TokenGranted):
                raise ZeroDivisionError

        stage.service.observers.append(fail)
        with pytest.raises(AssertionError, match="bug-1"):
            await stage.token()
        halves = [each for each in stage.observations if isinstance(each, Requested | Replied)]
        assert [(type(each), each.x) for each in halves] == [(Requested, 1), (Replied, 1)]
        assert isinstance(halves[1], Replied) and (halves[1].response.status, halves[1].by) == (500, "shell")

    async def test_a_reply_that_has_begun_is_cut(self, listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
        if listener.name == "mock":  # its streams are cut by who sends them
            return

        async def broken(self: object) -> AsyncIterator[list[bytes]]:
            yield [b"line\n"]
            raise ZeroDivisionError

        monkeypatch.setattr("lab.server.control.journal.Subscriber.so_far", broken)
        peer = await listener.peer()
        await peer.send(listener.sent("GET", "/_lab/journal"))
        assert (await peer.rest()).count(b"HTTP/1.1") == 1
        assert listener.stage.facts(LabFailed)

    async def test_one_that_answers_nobody_is_told_too(self, stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
        loop = asyncio.get_running_loop()
        stage.server.bugs.outside(loop, {"message": "x", "exception": ZeroDivisionError(SECRET.decode())})
        assert len(stage.facts(LabFailed)) == len(caplog.records) == 1
        assert SECRET.decode() not in caplog.text
