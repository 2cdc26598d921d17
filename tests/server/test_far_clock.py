"""Where dates end: no clock is set beyond it, and a lab whose clock runs there by itself goes on answering."""

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from lab.clocks import AnyClock, ManualClock, ScaledClock, SystemClock
from lab.core.clock import LAST_WALL, Epoch, http_date, iso
from lab.core.journal.fact import ClockAdvanced, ClockScaled
from lab.mock.service import Service
from tests.server.conftest import make_service, serving
from tests.server.test_control import Plane, steering

HOUR = 3_600_000
CENTURIES = 10_000 * 366 * 24 * HOUR


@pytest.fixture
def clock() -> AnyClock:
    return ManualClock()


@pytest.fixture
def epoch() -> Epoch:
    return LAST_WALL - 3600


@pytest.fixture
async def plane(clock: AnyClock, epoch: Epoch) -> AsyncIterator[Plane]:
    service = Service(replace(make_service().config, epoch=epoch))
    async with serving(service, clock) as stage, steering(stage) as plane:
        yield plane


async def test_a_manual_clock_goes_to_the_last_instant_and_no_further(plane: Plane) -> None:
    got = await plane.client.advance(HOUR + 1)
    assert (
        got.status == 400
        and "No clock goes beyond 9900-01-01T00:00:00.000Z. It is 9899-12-31T23:00:00.000Z now." in got.why
    )
    assert (await plane.client.look("clock"))["now"] == 0 and not plane.stage.facts(ClockAdvanced)
    assert (await plane.client.advance(HOUR)).done
    assert (await plane.client.look("clock"))["wall"] == "9900-01-01T00:00:00.000Z"
    await plane.stage.job(await plane.stage.token())


@pytest.mark.parametrize("epoch", [LAST_WALL - 2])
async def test_nor_on_to_where_a_job_has_a_status(plane: Plane) -> None:
    job = await plane.stage.job(await plane.stage.token())
    assert (await plane.client.advance_until(job, "WAITING")).status == 400
    assert (await plane.client.look("clock"))["now"] == 0


@pytest.mark.parametrize("clock", [ScaledClock("0", HOUR), ScaledClock("0", HOUR + 1)])
async def test_a_clock_that_ran_there_by_itself_takes_no_other_pace(plane: Plane, clock: AnyClock) -> None:
    late = clock.now() > HOUR
    assert (await plane.client.scale("2")).status == (400 if late else 200)
    assert (await plane.client.look("clock"))["factor"] == ("0" if late else "2")
    assert len(plane.stage.facts(ClockScaled)) == (not late)


@pytest.mark.parametrize("clock", [SystemClock(CENTURIES), ScaledClock("1", CENTURIES), ManualClock(CENTURIES)])
async def test_a_lab_answers_beyond_all_dates(plane: Plane) -> None:
    assert (await plane.client.look("clock"))["wall"] == "9999-12-31T23:59:59.000Z"
    await plane.stage.job(await plane.stage.token())
    assert (await (await plane.stage.peer()).ask(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n")).headers["date"] == http_date(
        LAST_WALL, CENTURIES
    )


def test_dates_end_with_the_year_9999() -> None:
    assert iso(LAST_WALL, CENTURIES) == "9999-12-31T23:59:59.000Z"
    assert http_date(LAST_WALL, CENTURIES) == "Fri, 31 Dec 9999 23:59:59 GMT"
    assert http_date(0, 999) == "Thu, 01 Jan 1970 00:00:00 GMT"
