"""Those who follow a journal: all get the same lines from the first on, made once, whenever they come and however they read."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from lab.clocks import AnyClock, ManualClock, SystemClock, breathe, settle
from lab.core.exchange import Json, Request
from lab.core.journal.shell import LabFailed
from lab.core.observe import Observation, Requested
from lab.recording.tape.tape import Tape
from lab.server import fair_shares
from lab.server.control import followers
from lab.server.control.plane import ControlPlane
from tests.server.conftest import TOKEN, Peer, lines_in, make_service, request, serving, status
from tests.server.test_control import Plane, steering

REPLIES, NO_REPLIES = "journal?follow=1", "journal?follow=1&replies=0"


@pytest.fixture
def clock() -> AnyClock:
    return ManualClock()


@pytest.fixture
async def followed(clock: AnyClock) -> AsyncIterator["Followed"]:
    async with serving(make_service(), clock) as stage:
        control = ControlPlane(stage.server, TOKEN)
        stage.shells.append(control)
        async with steering(stage, control) as plane:
            yield Followed(plane, control)


class Follower:
    """One who follows, and what it has read."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.data = b""
        self.head = b""

    async def read(self, until: bytes) -> bytes:
        """All events so far, once these bytes have come."""
        async with asyncio.timeout(5):
            while until not in self.data:
                part = await self.peer.reader.read(65_536)
                assert part, self.data
                self.data += part
        return self.data

    async def rest(self) -> bytes:
        """All events, once the stream has ended."""
        async with asyncio.timeout(5):
            self.data += await self.peer.rest()
        return self.data

    def lines(self) -> list[dict[str, Json]]:
        return lines_in(b"\n".join(event.removeprefix(b"data: ") for event in self.data.split(b"\n\n")[:-1]))


class Followed:
    """A lab whose journal is followed."""

    def __init__(self, plane: Plane, control: ControlPlane) -> None:
        self.plane, self.stage, self.control = plane, plane.stage, control

    async def follow(self, path: str = REPLIES, version: str = "1.1") -> Follower:
        peer = Peer(*await asyncio.open_connection("127.0.0.1", self.plane.port))
        self.stage.peers.append(peer)
        sent = request("GET", f"/_lab/{path}", (("authorization", f"Bearer {TOKEN}"),), port=self.plane.port)
        await peer.send(sent.replace(b"HTTP/1.1", f"HTTP/{version}".encode()))
        found = Follower(peer)
        found.head = await peer.reader.readuntil(b"\r\n\r\n")
        return found

    @property
    def groups(self) -> set[followers.JournalFollowers]:
        return self.control.usual._followers

    def fill(self, count: int, size: int = 50_000) -> None:
        """Let calls with long bodies come."""
        for number in range(count):
            x = 1_000 + number
            self.stage.service.tell(Requested(0, x, "unknown", Request("POST", f"/{number}", "", (), b"a" * size)))


async def until(true: Callable[[], bool]) -> None:
    """Return once it is."""
    async with asyncio.timeout(5):
        while not true():
            await breathe()


async def test_those_who_come_at_once_are_taken_up_in_shares_of_turns(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fair_shares, "SHARE", 0)
    turn, turns, follow = 0, list[int](), followed.control.usual.follow

    async def noted(*arguments: Any, **options: Any) -> None:
        turns.append(turn)
        await follow(*arguments, **options)

    monkeypatch.setattr(followed.control.usual, "follow", noted)
    peers = [Peer(*await asyncio.open_connection("127.0.0.1", followed.plane.port)) for _ in range(9)]
    followed.stage.peers += peers
    await settle()
    for peer in peers:
        peer.writer.write(
            request("GET", f"/_lab/{REPLIES}", (("authorization", f"Bearer {TOKEN}"),), port=followed.plane.port)
        )
    async with asyncio.timeout(5):
        while len(turns) < len(peers):
            turn += 1
            await breathe()
    assert len(set(turns)) == len(peers)


async def test_all_get_the_same_bytes_made_once_whenever_they_come(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    observations: list[Observation] = []
    take = Tape.__call__

    def counted(tape: Tape, observation: Observation) -> None:
        observations.append(observation)
        take(tape, observation)

    monkeypatch.setattr(Tape, "__call__", counted)
    token = await followed.stage.token()
    early = [await followed.follow() for _ in range(3)]
    for each in early:
        await each.read(b'"s":200')
    await followed.stage.job(token)
    late = await followed.follow()
    got = [await each.read(b'"s":202') for each in (*early, late)]
    assert len({each[: each.index(b'"s":202')] for each in got}) == 1
    (group,) = followed.groups
    assert len(group._all) == 4
    assert [each.x for each in observations if isinstance(each, Requested)] == [1, 2]
    assert [line["n"] for line in late.lines() if line["k"] != "fact"] == [
        line["n"] for line in early[0].lines() if line["k"] != "fact"
    ]


async def test_who_wants_no_replies_has_a_journal_without(followed: Followed) -> None:
    await followed.stage.token()
    one, other = await followed.follow(), await followed.follow(NO_REPLIES)
    await followed.stage.token()
    await one.read(b'"x":2,"s":200')
    await other.read(b'"x":2,"c":')
    assert len(followed.groups) == 2
    assert [line["k"] for line in other.lines() if line["k"] in ("req", "res")] == ["req", "req"]


async def test_a_request_is_told_with_its_facts_before_it_is_answered(followed: Followed) -> None:
    """On a clock of its own a reply is withheld for as long as a client moves it."""
    token = await followed.stage.token()
    job = await followed.stage.job(token)
    assert isinstance(followed.stage.clock, ManualClock)
    follower = await followed.follow()
    followed.stage.clock.withhold()
    peer = await followed.stage.peer()
    await peer.send(status(token, job))
    await follower.read(b'"x":3,"c":')
    assert [line["x"] for line in follower.lines() if line["k"] == "res"] == [1, 2]
    granted = next(line for line in follower.lines() if line.get("type") == "token.granted")
    sent = next(line for line in follower.lines() if line["k"] == "req")
    assert granted["n"] == sent["n"]
    followed.stage.clock.release()
    await follower.read(b'"x":3,"s":200')


async def test_once_the_last_has_left_nothing_is_told_any_more(followed: Followed) -> None:
    one, other = await followed.follow(), await followed.follow()
    for each, left in ((one, 1), (other, 0)):
        await each.peer.close()
        await until(lambda left=left: len(followed.groups) == left)  # type: ignore[misc]
    ring = followed.control.usual.buffer
    assert not ring.followers and not ring.backlog.urgent
    again = await followed.follow()
    await again.read(b'"k":"header"')


async def test_a_stream_ends_with_its_connection_whatever_the_version(followed: Followed) -> None:
    for version in ("1.0", "1.1"):
        follower = await followed.follow(version=version)
        assert b"connection: close" in follower.head and b"transfer-encoding" not in follower.head
        assert follower.head.startswith(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n")
        assert (await follower.read(b"\n\n")).startswith(b'data: {"k":"header"')


async def test_who_reads_nothing_costs_a_piece_and_is_cut(followed: Followed) -> None:
    follower = await followed.follow()
    follower.peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
    (group,) = followed.groups
    (kept,) = group._all
    followed.fill(100)
    await until(lambda: not group.subscriber._pending)
    assert 0 < kept.connection.unsent <= followers._PIECE
    followed.stage.shorten(write_deadline=0)
    kept.connection.shell.unread.look()  # type: ignore[attr-defined]
    kept.connection.shell.unread.look()  # type: ignore[attr-defined]
    async with asyncio.timeout(5):
        await kept.connection.lost.wait()
    assert kept.connection.how == "deadline"
    await until(lambda: not followed.groups)


async def test_who_is_too_far_behind_is_told_and_comes_again(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followers, "HEAVIEST", 100_000)
    slow = await followed.follow()
    await slow.read(b'"k":"header"')
    (group,) = followed.groups
    slow.peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
    quick = await followed.follow()
    for _ in range(10):
        followed.fill(200, 2_000)
        await quick.read(b'"u":"/199"')
        quick.data = b""
        assert sum(map(len, group._pieces.values())) <= 100_000
    slow.peer.writer.transport.resume_reading()  # type: ignore[attr-defined]
    assert (await slow.rest()).endswith(b"Follow again: the journal begins with what is kept.\n\n")
    again = await followed.follow()
    await again.read(b'"u":"/199"')
    assert len(followed.groups) == 2 and again.lines()[0]["n"] == 0
    await quick.peer.close()
    await until(lambda: len(followed.groups) == 1)


class TestReal:
    @pytest.fixture
    def clock(self) -> AnyClock:
        return SystemClock()

    async def test_who_comes_after_a_reset_is_told_what_came_after_it(self, followed: Followed) -> None:
        stays = await followed.follow()
        await followed.stage.token()
        await stays.read(b'"s":200')
        assert (await followed.plane.ask("POST", "reset", {})).status == 200
        comes = await followed.follow()
        await comes.read(b"ledger.cleared")
        await stays.read(b"ledger.cleared")
        assert not [line for line in comes.lines() if line["k"] == "req"]
        assert [line["x"] for line in stays.lines() if line["k"] == "req"] == [1]


async def test_a_bug_ends_all_and_is_told(followed: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    both = [await followed.follow(), await followed.follow()]
    for each in both:
        await each.read(b'"k":"header"')

    def broken(tape: Tape, observation: Observation) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Tape, "__call__", broken)
    await followed.stage.token()
    for each in both:
        async with asyncio.timeout(5):
            await each.peer.rest()
    assert len(followed.stage.facts(LabFailed)) == 2 and not followed.groups


class Endless:
    """A subscriber that never catches up, its past written."""

    replies, overrun, past, works = True, False, 0, 0

    async def work(self) -> tuple[list[bytes], bool]:
        self.works += 1
        return [b"a" * 5_000], True


async def test_what_is_kept_is_bounded_though_there_is_always_more_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(followers, "HEAVIEST", 100_000)
    endless = Endless()
    group = followers.JournalFollowers(endless, breathe, set())  # type: ignore[arg-type]
    await until(lambda: endless.works > 100)
    assert 90_000 < sum(map(len, group._pieces.values())) <= 110_000 and not group.begins
    group.close()
