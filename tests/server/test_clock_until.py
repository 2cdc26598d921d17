"""A manual clock is moved on until a job has a status, happening by happening, and stands where that can't come."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from lab.clocks import AnyClock, ManualClock, ScaledClock, SystemClock
from lab.core.clock import INSTANT_EPOCH
from lab.core.exchange import Json
from lab.core.journal.fact import ClockAdvanced
from lab.jobs.program import program_of
from lab.language.parse import parse_scenario
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.switches import Switches
from tests.server.conftest import SCENARIO, serving
from tests.server.test_control import Plane, steering

PATIENCE = 3_000 + 15 * 60_000
QUORUM = SCENARIO.replace(
    "    channel: CHAT\n",
    "    channel: EMAIL\n    approvals: 2\n    reviewer: {after: 5s, verdict: approved}\n",
)


@pytest.fixture
def clock() -> AnyClock:
    return ManualClock()


@pytest.fixture
def text() -> str:
    return SCENARIO


@pytest.fixture
async def plane(clock: AnyClock, text: str) -> AsyncIterator[Plane]:
    program = program_of(parse_scenario(text, "consent.yaml"))
    service = Service(Config((program,), Switches(), 42, INSTANT_EPOCH))
    async with serving(service, clock) as stage, steering(stage) as plane:
        yield plane


async def started(plane: Plane) -> str:
    return await plane.stage.job(await plane.stage.token())


async def test_it_stands_where_the_job_has_the_status(plane: Plane) -> None:
    job = await started(plane)
    got = await plane.client.advance_until(job, "WAITING")
    assert got.done and got.document["now"] == 3_000
    shown = got.document["job"]
    assert shown == (await plane.client.job(job)).document
    assert shown["gate"]["gate"] == "consent" and shown["body"]["status"] == "WAITING"  # type: ignore[index,call-overload]
    (fact,) = plane.stage.facts(ClockAdvanced)
    assert (fact.origin, fact.at) == (0, 3_000)  # type: ignore[attr-defined]


async def test_where_it_has_the_status_already_nothing_moves(plane: Plane) -> None:
    job = await started(plane)
    await plane.client.advance(4_000)
    assert (await plane.client.advance_until(job, "WAITING")).document["now"] == 4_000
    await plane.client.decide(job, "consent", "approved")
    assert (await plane.client.advance_until(job, "COMPLETE")).document["now"] == 4_000


@pytest.mark.parametrize("at", [0, 3_000])
async def test_patience_is_not_run_out_on_the_way(plane: Plane, at: int) -> None:
    job = await started(plane)
    await plane.client.advance(at)
    for status in ("COMPLETE", "ERROR"):
        got = await plane.client.advance_until(job, status)
        assert got.status == 409 and (await plane.client.look("clock"))["now"] == at
        assert f"can't be {status}. Nobody answers at consent, where patience ends at {PATIENCE}." in got.why
        assert '"timeout":true' in got.why
    history = [{"at": 0, "status": "RUNNING", "step": "read"}, {"at": 3_000, "status": "WAITING", "step": "consent"}]
    assert got.document["history"] == history[: 1 if at == 0 else 2]


async def test_unless_it_may_run_out(plane: Plane) -> None:
    job = await started(plane)
    assert (await plane.client.advance_until(job, "COMPLETE", timeout=True)).status == 409
    got = await plane.client.advance_until(job, "ERROR", timeout=True)
    assert (got.document["now"], got.document["job"]["status"]) == (PATIENCE, "ERROR")  # type: ignore[index,call-overload]


async def test_of_a_job_that_is_over_the_history_is_told(plane: Plane) -> None:
    job = await started(plane)
    await plane.client.advance_until(job, "WAITING")
    await plane.client.decide(job, "consent", "rejected")
    got = await plane.client.advance_until(job, "RUNNING")
    assert got.status == 409 and "The job is COMPLETE and can't be RUNNING." in got.why
    assert got.document["history"] == [
        {"at": 0, "status": "RUNNING", "step": "read"},
        {"at": 3_000, "status": "WAITING", "step": "consent"},
        {"at": 3_000, "status": "COMPLETE", "step": "declined"},
    ]


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ({"until": "WAITING"}, 400),
        ({"job": "JOB"}, 400),
        ({"job": "JOB", "until": "DONE"}, 400),
        ({"job": "JOB", "until": 1}, 400),
        ({"job": "JOB", "until": "WAITING", "timeout": "1s"}, 400),
        ({"job": "JOB", "until": "WAITING", "advance": "1s"}, 400),
        ({"advance": "1s", "timeout": True}, 400),
        ({"job": "no-such-job", "until": "WAITING"}, 404),
    ],
)
async def test_what_is_no_such_command_moves_nothing(plane: Plane, command: dict[str, Json], status: int) -> None:
    job = await started(plane)
    sent = {name: job if value == "JOB" else value for name, value in command.items()}
    assert (await plane.ask("POST", "clock", sent)).status == status
    assert (await plane.client.look("clock"))["now"] == 0


class TestScripted:
    @pytest.fixture
    def text(self) -> str:
        return QUORUM

    async def test_a_script_s_votes_are_happenings_too(self, plane: Plane) -> None:
        job = await started(plane)
        assert (await plane.client.advance_until(job, "COMPLETE")).document["now"] == 13_000
        assert [fact.at for fact in plane.stage.facts(ClockAdvanced)] == [3_000, 8_000, 13_000]

    async def test_who_acts_on_the_way_is_heard(self, plane: Plane) -> None:
        job = await started(plane)

        async def reject() -> None:
            await plane.stage.clock.sleep_until(8_000)
            assert plane.stage.service.decide(job, "consent", "rejected", 8_000).status == 200

        rejecting = asyncio.create_task(reject())
        got = await plane.client.advance_until(job, "COMPLETE")
        await rejecting
        assert got.document["now"] == 8_000
        assert got.document["job"]["body"]["output"] == "Kept."  # type: ignore[index,call-overload]


class TestPassed:
    @pytest.fixture
    def text(self) -> str:
        return (
            SCENARIO.partition("  - gate")[0]
            + "  - {wait: none, takes: 0ms}\n  - {complete: shared, output: Shared.}\n"
        )

    async def test_a_status_in_which_no_instant_finds_the_job_does_not_come(self, plane: Plane) -> None:
        job = await started(plane)
        got = await plane.client.advance_until(job, "WAITING")
        assert got.status == 409 and "It ends COMPLETE without." in got.why
        assert (await plane.client.look("clock"))["now"] == 0


@pytest.mark.parametrize("clock", [SystemClock(), ScaledClock("0")])
async def test_a_clock_that_runs_by_itself_is_not_moved(plane: Plane) -> None:
    job = await started(plane)
    got = await plane.client.advance_until(job, "WAITING")
    assert got.status == 409
    assert got.why == "This clock runs by itself. GET /_lab/jobs/{job}?until=WAITING waits for it."
