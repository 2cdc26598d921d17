"""A peer that takes nothing of what waits for it is cut; one that takes a little, or waits for nothing, is not."""

import asyncio
import socket
from collections import deque
from collections.abc import Iterator
from threading import Event

import pytest

from lab.core.journal.shell import ConnectionClosed
from lab.core.observe import Observation, Replied
from lab.server.connection import LONGEST_PIECE, Connection
from lab.server.limits import ServerLimits
from lab.server.write_deadline import WriteDeadline
from tests.server.conftest import bearer, request
from tests.server.served import SCOPE, Served, ask, serving, text, token_of

LARGE = {
    "lab": 1, "name": "large", "title": "A large output", "agent": {"code": "LARGE"}, "ask": "Go",
    "steps": [{"work": "read", "takes": "1s"}, {"complete": "done", "output": {"filler": "5MB"}}],
}  # fmt: skip


@pytest.fixture
def world() -> Iterator[Served]:
    with serving(LARGE, limits=ServerLimits(write_deadline=0.05)) as served:
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


class Kernel(asyncio.WriteTransport):
    """A transport of which a test says how much waits."""

    waiting = 0

    def get_write_buffer_size(self) -> int:
        return self.waiting


class Watched:
    """A deadline of 30 s, looked at when a test says so, at an instant that it says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.cut, self.kernel = 0, 0, Kernel()
        monkeypatch.setattr("lab.server.write_deadline.real_millis", lambda: self.now)
        self.deadline = WriteDeadline(self.kernel, 30.0, self.late)

    def late(self) -> None:
        self.cut += 1

    def write(self, size: int, waiting: int) -> None:
        self.kernel.waiting = waiting
        self.deadline.wrote(size)

    def look(self, seconds: int, waiting: int) -> bool:
        """Whether it still watches."""
        timer = self.deadline._timer
        assert timer is not None
        self.now, self.kernel.waiting = seconds * 1_000, waiting
        timer.cancel()
        self.deadline._look()
        return self.deadline._timer is not None


async def test_thirty_seconds_without_a_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch)
    watched.write(5_000, 4_000)
    assert watched.look(29, 4_000) and not watched.cut
    assert not watched.look(30, 4_000) and watched.cut == 1


async def test_a_byte_taken_begins_the_deadline_anew_and_bytes_written_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch)
    watched.write(5_000, 4_000)
    assert watched.look(29, 3_999)
    watched.write(1_000, 4_999)
    assert watched.look(58, 4_999) and not watched.cut
    assert not watched.look(59, 4_999) and watched.cut == 1


async def test_as_many_written_as_taken_is_no_standstill(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch)
    watched.write(5_000, 4_000)
    watched.write(700, 4_000)
    assert watched.look(31, 4_000) and not watched.cut
    watched.deadline.close()
    assert watched.deadline._timer is None


async def test_where_nothing_waits_nothing_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch)
    watched.write(1, 0)
    assert watched.deadline._timer is None
    watched.write(1, 1)
    assert not watched.look(60, 0) and not watched.cut
