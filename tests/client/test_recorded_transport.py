"""A transport whose exchanges are told: each once, whatever came of it."""

import asyncio

import pytest

from lab.client.driver import TransportLost
from lab.client.recorded_transport import RecordedTransport
from lab.clocks import ManualClock, settle
from lab.core.exchange import Request, Response
from lab.core.observe import Observation, Replied, Requested
from tests.conftest import each_row

ASKED = Request("GET", "/x")


class Other:
    """A transport that does what a test says."""

    def __init__(self, *results: Response | Exception) -> None:
        self.results = list(results)
        self.closed = False

    async def send(self, route: str, request: Request) -> Response:
        if not self.results:
            await asyncio.Event().wait()
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    async def close(self) -> None:
        self.closed = True


class Tape:
    """Keeps what it is told; what comes to be told is prepared by then."""

    def __init__(self, seen: list[Observation]) -> None:
        self.seen = seen
        self.prepared: list[Request | Response] = []

    async def prepare(self, observation: Requested | Replied) -> None:
        await asyncio.sleep(0)
        self.prepared.append(observation.request if isinstance(observation, Requested) else observation.response)

    def observe(self, observation: Observation) -> None:
        if isinstance(observation, Requested):
            assert observation.request in self.prepared
        elif isinstance(observation, Replied) and observation.cut != "client_gone":
            assert observation.response in self.prepared
        self.seen.append(observation)


async def test_an_answer_is_handed_on_as_it_is_and_told_as_it_was_read() -> None:
    seen: list[Observation] = []
    answer = Response(200, (("content-encoding", "gzip"), ("content-length", "9"), ("date", "then")), b"unpacked")
    transport = RecordedTransport(Other(answer), ManualClock(7), Tape(seen))
    assert await transport.send("status", ASKED) == answer
    assert seen == [
        Requested(7, 1, "status", ASKED),
        Replied(7, 1, Response(200, (("date", "then"),), b"unpacked")),
    ]


@each_row(
    ("why", "cut"),
    [
        ("reset", "reset"),
        ("refused", "reset"),
        ("unreadable", "truncated"),
        ("too-large", "client_gone"),
        ("timeout", "client_gone"),
    ],
)
async def test_no_answer_is_told_as_a_cut(why: str, cut: str) -> None:
    seen: list[Observation] = []
    transport = RecordedTransport(Other(TransportLost(why)), ManualClock(), Tape(seen))
    with pytest.raises(TransportLost, match=why):
        await transport.send("status", ASKED)
    assert seen[1:] == [Replied(0, 1, Response(0), cut=cut, sent=0)]


async def test_a_call_that_is_given_up_was_left_by_the_client_and_others_have_connections_of_their_own() -> None:
    seen: list[Observation] = []
    other = Other()
    transport = RecordedTransport(other, ManualClock(), Tape(seen))
    calls = [asyncio.ensure_future(transport.send("status", ASKED)) for _ in range(2)]
    await settle()
    calls[0].cancel()
    await settle()
    other.results.append(Response(200))
    await transport.send("status", ASKED)
    calls[1].cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    assert [(each.x, each.c) for each in seen if isinstance(each, Requested)] == [(1, 1), (2, 2), (3, 1)]
    assert [(each.x, each.cut) for each in seen if isinstance(each, Replied)] == [
        (1, "client_gone"),
        (3, None),
        (2, "client_gone"),
    ]
    await transport.close()
    assert other.closed
