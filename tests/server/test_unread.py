"""A peer that takes nothing of what waits for it is cut; one that takes a little, or waits for nothing, is not."""

import asyncio
import socket
from collections import deque
from collections.abc import Iterator
from threading import Event

import pytest

from lab.core.journal.shell import ConnectionClosed
from lab.core.observe import Observation, Replied
from lab.server.connection import LONGEST_PIECE, Connection, UnreadBytes
from lab.server.limits import ServerLimits
from tests.server.conftest import bearer, request
from tests.server.served import SCOPE, Served, ask, serving, text, token_of

LARGE = {
    "lab": 1, "name": "large", "title": "A large output", "agent": {"code": "LARGE"}, "ask": "Go",
    "steps": [{"work": "read", "takes": "1s"}, {"complete": "done", "output": {"filler": "5MB"}}],
}  # fmt: skip


@pytest.fixture
def world() -> Iterator[Served]:
    with serving(LARGE, limits=ServerLimits(write_deadline=0.3)) as served:
        yield served


def large_answer(world: Served) -> bytes:
    """A request for it."""
    signed = (bearer(token_of(world, scope=SCOPE)), ("content-type", "application/json"))
    path = "/api/fusion-ai/orchestrator/agent/v2/LARGE/"
    job = ask(world, request("POST", f"{path}invokeAsync", signed, text({"message": "Go"}))).json["jobId"]
    world.sleep(2)
    return request("GET", f"{path}status/{job}", signed)


def test_a_long_answer_leaves_in_pieces_and_is_whole(world: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    write, sizes = Connection.write, []

    def measured(connection: Connection, data: bytes | memoryview) -> bool:
        sizes.append(len(data))
        return write(connection, data)

    wanted = large_answer(world)
    monkeypatch.setattr(Connection, "write", measured)
    assert len(ask(world, wanted).json["output"]) == 5_000_000
    assert max(sizes) <= LONGEST_PIECE < 5_000_000 < sum(sizes)


def test_a_client_that_never_reads_is_cut_and_told_as_gone(world: Served) -> None:
    wanted = large_answer(world)
    over = Event()

    def look(observation: Observation) -> None:
        if isinstance(observation, Replied) and observation.cut is not None:
            over.set()

    world.observations.clear()
    world.call(world.service.observers.append, look)
    with socket.socket() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        peer.connect(("127.0.0.1", int(world.origin.rpartition(":")[2])))
        peer.sendall(wanted * 3)
        assert over.wait(10)
        # what the kernel had for it went, too
        with pytest.raises(ConnectionResetError):
            deque(iter(lambda: peer.recv(65_536), b""), maxlen=0)
    assert [fact.how for fact in world.facts(ConnectionClosed)] == ["deadline"]
    assert [each.cut for each in world.observations if isinstance(each, Replied)][-1] == "client_gone"


class Kernel(asyncio.Transport):
    """A transport of which a test says how much waits."""

    def __init__(self) -> None:
        super().__init__()
        self.cut = False

    def abort(self) -> None:
        self.cut = True


class Watched:
    """A connection for which bytes wait, looked at when a test says so, at an instant that it says."""

    how: str | None = None

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.taken, self.unsent, self.wire = 0.0, 0, 0, Kernel()
        self.timers: list[float] = []
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "time", lambda: self.now)
        monkeypatch.setattr(loop, "call_later", lambda after, _: self.timers.append(after) or loop.call_soon(int))
        self.deadline = UnreadBytes(lambda: 30.0)

    def write(self, size: int, waiting: int) -> None:
        self.taken, self.unsent = self.taken + self.unsent + size - waiting, waiting
        self.deadline.watch(self)  # type: ignore[arg-type]

    def look(self, seconds: int, waiting: int) -> bool:
        """Whether it is watched on."""
        self.now, self.taken, self.unsent = seconds, self.taken + self.unsent - waiting, waiting
        self.timers.clear()
        self.deadline.look()
        assert self.timers in ([], [7.5])
        return bool(self.timers)


async def test_thirty_seconds_without_a_byte(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched(monkeypatch)
    watched.write(5_000, 4_000)
    assert watched.timers == [7.5]
    assert watched.look(29, 4_000) and not watched.wire.cut and not caplog.messages
    assert not watched.look(30, 4_000) and (watched.wire.cut, watched.how) == (True, "deadline")
    assert caplog.messages == ["lab: cut 1 connection, which took nothing for 30 s of what waited."]


async def test_a_byte_taken_begins_the_deadline_anew_and_bytes_written_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch)
    watched.write(5_000, 4_000)
    assert watched.look(29, 3_999)
    watched.write(1_000, 4_999)
    assert watched.look(58, 4_999) and not watched.wire.cut
    assert not watched.look(59, 4_999) and watched.wire.cut


async def test_as_many_written_as_taken_is_no_standstill(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch)
    watched.write(5_000, 4_000)
    watched.write(700, 4_000)
    assert watched.look(31, 4_000) and not watched.wire.cut
    watched.deadline.forget(watched)  # type: ignore[arg-type]
    assert not watched.look(99, 4_000) and not watched.wire.cut


async def test_where_nothing_waits_nothing_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch)
    watched.write(1, 1)
    assert not watched.look(60, 0) and not watched.wire.cut
