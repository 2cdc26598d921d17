"""Long bodies that come at once, streams that go on at once: whoever asks for little is served meanwhile."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from lab.clocks import breathe
from lab.core.journal.shell import LabFailed, RequestMalformed
from lab.core.observe import Requested
from lab.dialects.router import ROUTER
from lab.server.connection import Connection, reset
from lab.server.delivery import ReplySender
from lab.server.fair_shares import SHARE, BodyQueue, TurnShare
from lab.server.limits import LONG_BODY
from tests.server.conftest import TEAM, Peer, Stage, bearer, invoke, request

LONG = {"message": "x" * (LONG_BODY + 10_000)}
ROOM = 100_000
"""For one of these, not for two."""


async def turns() -> None:
    for _ in range(50):
        await breathe()


def long_calls(stage: Stage) -> int:
    return sum(len(each.request.body) > LONG_BODY for each in stage.observations if isinstance(each, Requested))


async def begun(stage: Stage, data: bytes) -> Peer:
    """A client that has sent half of it, and has room for all."""
    peer, free = await stage.peer(), stage.server.bodies._left
    await peer.send(data[:-10])
    while stage.server.bodies._left == free:
        await breathe()
    return peer


async def test_in_the_order_of_asking_and_what_is_larger_than_the_room_takes_all_of_it() -> None:
    room, order = BodyQueue(10), list[int]()

    async def take(size: int) -> None:
        order.append(await room.take(size))

    sizes = (4, 99, 5, 5, 1)
    tasks = [asyncio.create_task(take(size)) for size in sizes]
    expected = [[4], [4, 10], [4, 10, 5, 5], [4, 10, 5, 5, 1]]
    for before, taken in zip((0, 4, 10, 5), expected, strict=True):
        room.give_back(before)
        await turns()
        assert order == taken
    await asyncio.gather(*tasks)


async def test_a_long_body_waits_for_room_and_short_calls_do_not(stage: Stage) -> None:
    stage.server.bodies = BodyQueue(ROOM)
    token = await stage.token()
    data = invoke(token, LONG)
    slow, other, third = await begun(stage, data), await stage.peer(), await stage.peer()
    await other.send(data)
    assert (await third.ask(request("GET", "/x"))).status == 404
    await turns()
    assert long_calls(stage) == 0
    assert (await slow.ask(data[-10:])).status == (await other.answer()).status == 202
    await turns()
    assert long_calls(stage) == 2 and stage.server.bodies._left == ROOM


async def test_there_is_room_for_the_next_though_a_reply_is_withheld(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, taken = ReplySender.send, list[int]()

    def sent(sender: ReplySender, connection: Connection, *how: Any) -> Any:
        taken.append(connection.room)
        return send(sender, connection, *how)

    peer, data = await begun(stage, invoke(await stage.token(), LONG)), invoke("", LONG)
    monkeypatch.setattr(ReplySender, "send", sent)
    assert (await peer.ask(data[-10:])).status == 202 and taken == [0]


@pytest.mark.parametrize("leaves", ["while-it-waits", "before-it-is-taken-up"])
async def test_a_peer_that_leaves_before_its_body_was_read_is_no_bug(
    stage: Stage, leaves: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.server.bodies = BodyQueue(ROOM)
    data = invoke(await stage.token(), LONG)
    if leaves == "while-it-waits":
        slow, other = await begun(stage, data), await stage.peer()
        await other.send(data[:-10])
        await turns()
        reset(other.writer.transport)
        assert (await slow.ask(data[-10:])).status == 202
    else:
        lose_once_fed(monkeypatch)
        await (await stage.peer()).send(data[:-10])
    while not stage.facts(RequestMalformed):
        assert not stage.facts(LabFailed)
        await breathe()
    await turns()
    assert [fact.what for fact in stage.facts(RequestMalformed)] == ["body-cut"]
    assert not stage.facts(LabFailed) and stage.server.bodies._left == ROOM


def lose_once_fed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each connection end between the parsing of a head and its request, which takes some turns."""
    feed = Connection.data_received

    def fed(connection: Connection, data: bytes) -> None:
        feed(connection, data)
        connection.wire.abort()

    monkeypatch.setattr(Connection, "data_received", fed)


async def test_streams_have_a_share_of_each_turn_together_and_others_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    now, turn, order, between = [0.0], TurnShare(), list[int](), list[int]()
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now[0])

    async def stream(number: int) -> None:
        await turn.begin()
        now[0] += SHARE / 2  # what a piece takes
        order.append(number)

    async def other() -> None:
        while len(order) < 20:
            between.append(len(order))
            await breathe()

    await asyncio.gather(*map(stream, range(20)), other())
    assert order == list(range(20))
    assert max(after - before for before, after in pairwise((0, *between))) <= 2


async def test_a_stream_asks_for_its_turn_before_each_piece(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    begin, begins = TurnShare.begin, list[int]()

    async def asking(turn: TurnShare) -> None:
        begins.append(1)
        await begin(turn)

    monkeypatch.setattr(TurnShare, "begin", asking)
    token, peer = await stage.token(), await stage.peer()
    data = request(
        "POST", ROUTER.path("stream", code=TEAM), (bearer(token), ("content-type", "application/json")),
        b'{"message":"Share it"}',
    )  # fmt: skip
    await peer.send(data)
    events = await peer.reader.readuntil(b"\n\n")
    await turns()
    assert b'"RUNNING"' in events and len(begins) == 2
