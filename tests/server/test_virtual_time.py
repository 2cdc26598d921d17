"""A client lives by the manual clock: what is withheld leaves when the clock is there, and silence alone moves nothing."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from lab.clocks import AnyClock, ManualClock, ScaledClock, settle
from lab.core.exchange import Json
from lab.core.journal.fact import ClockAdvanced, LabMade
from lab.core.journal.shell import ConnectionClosed
from lab.core.observe import Replied
from lab.server.control.plane import ControlPlane
from lab.server.labs import ServedLab
from tests.server.conftest import Answer, Peer, Stage, control_request, make_service, request, serving, status
from tests.server.test_control import TOKEN

LATENCY = 80
HANG = 300_000


@dataclass
class Driver:
    """The connection by which a client moves the clock."""

    peer: Peer
    port: int

    async def ask(self, **command: Json) -> Answer:
        return await self.peer.ask(control_request(self.port, "POST", "virtual-time", command))

    async def now(self, **command: Json) -> int:
        got = await self.ask(**command)
        assert got.status == 200, got.body
        return int(got.json["now"])  # type: ignore[index,call-overload,arg-type]


@pytest.fixture
def clock() -> AnyClock:
    return ManualClock()


@pytest.fixture
async def stage(clock: AnyClock) -> AsyncIterator[Stage]:
    async with serving(make_service(), clock) as created:
        yield created


@pytest.fixture
async def control(stage: Stage) -> AsyncIterator[int]:
    plane = ControlPlane(stage.server, TOKEN)
    yield int((await plane.start()).rpartition(":")[2])
    await plane.stop()


@pytest.fixture
async def driver(stage: Stage, control: int) -> AsyncIterator[Driver]:
    driver = Driver(Peer(*await asyncio.open_connection("127.0.0.1", control)), control)
    yield driver
    await driver.peer.close()


async def polling(stage: Stage, driver: Driver) -> Peer:
    """A peer that has sent a poll, whose reply is withheld for 80 ms."""
    token = await stage.token()
    job = await stage.job(token)
    await driver.now()
    peer = await stage.peer()
    await peer.send(status(token, job))
    return peer


async def test_a_reply_leaves_when_the_clock_has_come_to_it(stage: Stage, driver: Driver) -> None:
    begun = (await driver.ask()).json
    assert begun["now"] == 0 and begun["origins"] == [stage.server.origin]  # type: ignore[index,call-overload]
    peer = await polling(stage, driver)
    assert await driver.now(until=LATENCY - 1) == LATENCY - 1
    assert await driver.now(until=10_000, reads=True) == LATENCY
    assert (await peer.answer()).status == 200


async def test_who_sleeps_is_woken_by_no_reply(stage: Stage, driver: Driver) -> None:
    await driver.now()
    peer = await polling(stage, driver)
    assert await driver.now(until=10_000) == 10_000
    assert (await peer.answer()).status == 200


async def test_what_left_before_is_looked_for_before_anything_moves(stage: Stage, driver: Driver) -> None:
    await driver.now()
    await stage.token()
    assert await driver.now(until=10_000, reads=True) == 0
    assert await driver.now(until=10_000, reads=True) == 10_000


async def test_where_nothing_is_to_come_the_clock_stands(stage: Stage, driver: Driver) -> None:
    got = await driver.ask(until=None, reads=True)
    assert got.status == 408 and stage.clock.now() == 0


async def test_a_client_that_is_gone_leaves_nothing_withheld(stage: Stage, driver: Driver, control: int) -> None:
    await driver.now()
    peer = await polling(stage, driver)
    second = Driver(Peer(*await asyncio.open_connection("127.0.0.1", control)), control)
    assert (await second.ask()).status == 409
    await driver.peer.close()
    assert (await peer.answer()).status == 200 and stage.clock.now() == 0
    assert await second.now(until=5) == 5
    await second.peer.close()


async def test_what_a_client_that_is_gone_had_given_up_reaches_nobody(stage: Stage, driver: Driver) -> None:
    await driver.now()
    peer = await polling(stage, driver)
    await driver.now(until=LATENCY - 1)
    await peer.close()
    await driver.peer.close()
    while stage.clock.withholds:  # type: ignore[attr-defined]
        await settle()
    await settle()
    replies = [each for each in stage.observations if isinstance(each, Replied)]
    assert replies[-1].cut == "client_gone"


async def test_a_client_that_goes_as_soon_as_it_has_asked_is_waited_for_by_nobody(stage: Stage, driver: Driver) -> None:
    await driver.now()
    stage.service.arm({"route": "status", "strike": "hang"}, 0)
    await (await polling(stage, driver)).close()
    await driver.peer.close()
    async with asyncio.timeout(10):
        while len(replies := [each for each in stage.observations if isinstance(each, Replied)]) < 3:
            await settle()
    assert (replies[-1].cut, replies[-1].at) == ("client_gone", 0)


async def test_what_a_client_gives_up_reaches_nobody(stage: Stage, driver: Driver) -> None:
    await driver.now()
    peer = await polling(stage, driver)
    await driver.now(until=1)
    await peer.close()
    await driver.now(until=LATENCY + 1)
    replies = [each for each in stage.observations if isinstance(each, Replied)]
    assert (replies[-1].cut, replies[-1].at) == ("client_gone", 1)


async def test_who_says_in_one_instant_what_it_asks_and_that_this_is_all_is_answered(
    stage: Stage, driver: Driver
) -> None:
    await driver.now()
    peer = await polling(stage, driver)
    peer.writer.write_eof()
    await driver.now(until=LATENCY)
    assert (await peer.answer()).status == 200


async def test_who_comes_while_a_client_goes_drives_after_it(stage: Stage, driver: Driver, control: int) -> None:
    for _ in range(20):
        await driver.now()
        second = Driver(Peer(*await asyncio.open_connection("127.0.0.1", control)), control)
        driver.peer.writer.transport.abort()
        while (got := await second.ask()).status == 409:  # the lab hasn't heard of it
            pass
        assert got.status == 200 and stage.clock.withholds  # type: ignore[attr-defined]
        await settle()
        assert stage.clock.withholds  # type: ignore[attr-defined]
        driver.peer = second.peer


async def test_a_hang_ends_where_either_side_has_enough(stage: Stage, driver: Driver) -> None:
    await driver.now()
    stage.service.arm({"route": "status", "strike": "hang"}, 0)
    peer = await polling(stage, driver)
    assert await driver.now(until=10_000, reads=True) == 10_000
    await driver.now(until=HANG)
    assert await driver.now(until=10 * HANG, reads=True) == LATENCY + HANG
    assert await peer.rest() == b""


async def test_each_byte_of_a_slow_body_has_its_instant(stage: Stage, driver: Driver) -> None:
    await driver.now()
    stage.service.arm({"route": "status", "strike": "slow-body"}, 0)
    peer = await polling(stage, driver)
    assert await driver.now(until=HANG, reads=True) == LATENCY
    assert await driver.now(until=HANG, reads=True) == LATENCY + 100
    assert await driver.now(until=HANG, reads=True) == LATENCY + 200
    await driver.now(until=HANG)
    assert (await peer.answer()).status == 200


async def test_a_connection_is_idle_for_as_long_as_the_lab_says(stage: Stage, driver: Driver) -> None:
    await driver.now()
    await stage.peer()  # which sends nothing
    peer = await polling(stage, driver)
    await driver.now(until=10_000)
    await peer.answer()
    idle = int(1_000 * stage.server.limits.idle)
    assert await driver.now(until=10 * idle, reads=True) == idle  # the peers of token and job
    assert await driver.now(until=10 * idle, reads=True) == LATENCY + idle
    assert await peer.rest() == b""
    assert {each.how for each in stage.facts(ConnectionClosed)} == {"idle"}  # type: ignore[attr-defined]


async def test_a_connection_to_a_tenant_lives_by_the_tenant_s_clock(stage: Stage, driver: Driver) -> None:
    await driver.now()
    own, other = await stage.peer(), await stage.peer()
    await asyncio.gather(own.ask(request("GET", "/a")), other.ask(request("GET", "/a")))
    connections = {each.ordinal: each for each in stage.server.peers}
    last = connections[max(connections)]
    last.tenant = ServedLab(make_service(), ManualClock(), birth=LabMade(at=0, place="/t/ann"))
    idle = int(1_000 * stage.server.limits.idle)
    assert await driver.now(until=idle) == idle
    assert {each.c for each in stage.facts(ConnectionClosed)} == connections.keys() - {last.ordinal}  # type: ignore[attr-defined]


async def test_a_call_that_is_prepared_elsewhere_is_waited_for(stage: Stage, driver: Driver) -> None:
    stage.server.labs.usual.sender.preparing = 1
    waiting = asyncio.ensure_future(driver.ask(until=5))
    await settle()
    await settle()
    assert not waiting.done()
    stage.server.labs.usual.sender.preparing = 0
    assert (await waiting).status == 200


async def test_the_journal_tells_no_time_of_the_wall(stage: Stage, driver: Driver, control: int) -> None:
    await driver.now()
    await stage.token()
    data = request("GET", "/_lab/journal", (("authorization", f"Bearer {TOKEN}"),))
    got = await driver.peer.ask(data.replace(b"Host: 127.0.0.1\r\n", b"Host: 127.0.0.1:%d\r\n" % control))
    assert b'"k":"req"' in got.body and b'"w":' not in got.body
    assert stage.facts(ClockAdvanced) == []


@pytest.mark.parametrize("command", [{"until": "5s"}, {"until": -1}, {"until": True}, {"reads": 1}, {"untill": 5}])
async def test_what_can_not_be_read_is_refused(driver: Driver, command: dict[str, Json]) -> None:
    assert (await driver.ask(**command)).status == 400


@pytest.mark.parametrize("clock", [ScaledClock("0")])
async def test_another_clock_can_not_be_driven(driver: Driver) -> None:
    assert (await driver.ask()).status == 409
