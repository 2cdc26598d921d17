"""A client whose read time-out is over while its reply is withheld: the exchange ends then, and nothing reached it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from itertools import takewhile
from types import SimpleNamespace
from typing import cast

import pytest

from lab.clocks import ScaledClock, settle
from lab.core.journal.shell import ConnectionClosed
from lab.core.observe import Replied, Requested
from lab.server.connection import Connection
from lab.server.delivery import Awaited
from tests.server.conftest import Peer, Stage, make_service, serving, status

LONG = 10**9
"""So late nobody gives up in a test."""


@pytest.fixture(autouse=True)
def behind(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Whoever ends its side has waited long enough to have given up; or never has, where a test says so."""
    monkeypatch.setattr("lab.server.delivery.BEHIND", getattr(request, "param", 0))


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """A mock whose clock is paused, and a poll whose reply is withheld until it runs again."""
    async with serving(make_service(), ScaledClock("0")) as stage:
        token = await stage.token()
        data = status(token, await stage.job(token))
        await (await stage.peer()).send(data)
        await until(lambda: stage.service.exchanges == 3)
        yield stage


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):  # what never comes is a failure, not a hang
        while not condition():
            await settle()


async def last_reply(stage: Stage) -> Replied:
    """To the poll: those before it were to the token and the job."""
    await until(lambda: len(_replies(stage)) > 2)
    return _replies(stage)[2]


def _replies(stage: Stage) -> list[Replied]:
    return [each for each in stage.observations if isinstance(each, Replied)]


def close(peer: Peer) -> None:
    peer.writer.close()


def reset(peer: Peer) -> None:
    sock = peer.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    peer.writer.transport.abort()


@pytest.mark.parametrize(
    ("ends", "how", "behind"), [(close, "client", 0), (reset, "reset", 0), (reset, "reset", LONG)], indirect=["behind"]
)
async def test_the_exchange_ends_as_soon_as_the_client_has_gone(stage: Stage, ends: object, how: str) -> None:
    assert callable(ends)
    ends(stage.peers[-1])
    reply = await last_reply(stage)
    assert (reply.cut, reply.response.status, reply.sent, reply.at) == ("client_gone", 0, 0, 0)
    await until(lambda: stage.facts(ConnectionClosed))
    assert [each.how for each in stage.facts(ConnectionClosed)] == [how]  # type: ignore[attr-defined]


async def test_what_it_sends_next_comes_after_that_on_whatever_connection(stage: Stage) -> None:
    token = await stage.token()
    data, other = status(token, await stage.job(token)), await stage.peer()
    await settle()
    known = len(stage.observations)
    stage.peers[2].writer.get_extra_info("socket").shutdown(socket.SHUT_WR)
    other.writer.write(data)
    await until(lambda: any(isinstance(each, Requested) for each in stage.observations[known:]))
    before = takewhile(lambda each: not isinstance(each, Requested), stage.observations[known:])
    assert [each.cut for each in before if isinstance(each, Replied)] == ["client_gone"]


@pytest.mark.parametrize("behind", [LONG], indirect=True)
async def test_who_has_said_all_right_behind_its_request_is_answered(stage: Stage) -> None:
    stage.peers[-1].writer.write_eof()
    await settle()
    assert isinstance(stage.server.clock, ScaledClock)
    stage.server.clock.scale("1000")
    assert (await stage.peers[-1].answer()).status == 200
    assert (await last_reply(stage)).cut is None


@pytest.mark.parametrize("behind", [LONG], indirect=True)
async def test_who_was_gone_right_behind_its_request_got_nothing(stage: Stage) -> None:
    stage.peers[-1].writer.close()
    await settle()
    assert isinstance(stage.server.clock, ScaledClock)
    stage.server.clock.scale("1000")
    reply = await last_reply(stage)
    assert (reply.cut, reply.response.status) == ("client_gone", 0)


async def test_who_was_gone_before_is_waited_for_by_nobody() -> None:
    connection = SimpleNamespace(lost=asyncio.Event(), at_end=None, half_closed=True)
    connection.lost.set()
    with pytest.raises(ConnectionResetError), Awaited(cast("Connection", connection), ScaledClock("0")):
        await asyncio.wait_for(asyncio.Event().wait(), 10)


@pytest.mark.parametrize(("ends_too", "expected"), [(False, ConnectionResetError), (True, asyncio.CancelledError)])
async def test_a_lab_that_ends_at_that_moment_goes_first(*, ends_too: bool, expected: type[BaseException]) -> None:
    connection = SimpleNamespace(lost=asyncio.Event(), at_end=None)

    async def withheld() -> None:
        with Awaited(cast("Connection", connection), ScaledClock("0")):
            await asyncio.Event().wait()

    task = asyncio.create_task(withheld())
    await settle()
    assert connection.at_end is not None
    connection.at_end()
    connection.at_end()  # its side first, and then the connection
    if ends_too:
        task.cancel()
    with pytest.raises(expected):
        await task
    assert connection.at_end is None and bool(task.cancelling()) is ends_too
