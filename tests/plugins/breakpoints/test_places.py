"""Where else exchanges are held: a playback, a long body, a lab that is set back; and where none are."""

import asyncio

import pytest

from lab.core.exchange import LONG_BODY
from lab.jobs.program import program_of
from lab.language.parse import parse_scenario
from lab.mock.config import Config
from lab.program.switches import Switches
from lab.recording.playback.playback import PlaybackMode, PlaybackTerms, RecordingPlayback
from lab.recording.playback.service import PlaybackService
from tests.plugins.breakpoints.lab import HoldingLab, holding_lab, until
from tests.server.conftest import SCENARIO, invoke, status
from tests.server.test_shared_server import RunningStore, two


async def test_a_lab_of_several_processes_says_that_it_holds_nothing() -> None:
    async with two(RunningStore()) as (one, other):
        for process in (one, other):
            refused = await process.control("POST", "breakpoints", {"route": "status"})
            assert (refused.status, refused.json) == (409, {
                "error": "This lab may be served by several processes (--workers, --ledger): none can hold for the others.",
                "hint": "Serve one without these and set it there; a fault (POST /_lab/faults) strikes in all of them.",
            })  # fmt: skip
            assert (await process.control("GET", "breakpoints")).json["holds"] == []  # type: ignore[index,call-overload]
        assert (await one.call(status(await one.token(), await one.job(await one.token())))).status == 200


async def test_who_sends_long_bodies_waits_for_none_that_is_held(lab: HoldingLab) -> None:
    token = await lab.stage.token()
    await lab.stop(side="request", route="invoke")
    _, call = await lab.sent(invoke(token, {"message": "Share it. " * (LONG_BODY // 8)}))
    await lab.holds()
    assert all(each.room == 0 for each in lab.stage.server.peers)
    await lab.let_go()
    assert (await call).status == 202
    lab.replayed()


async def test_what_is_played_back_is_held_as_any_answer_is(lab: HoldingLab) -> None:
    await (await lab.poll())[1]
    recorded = lab.recording()
    config = Config((program_of(parse_scenario(SCENARIO, "consent.yaml")),), Switches(), 42, 1_767_225_600)
    terms = PlaybackTerms(PlaybackMode.ELASTIC)
    service = PlaybackService(config, RecordingPlayback(recorded, 1_767_225_600, terms))
    async with holding_lab(service=service) as other:
        await other.stop(route="status")
        _, call = await other.poll()
        (hold,) = await other.holds()
        assert hold["reply"]["body"]["status"] == "RUNNING"
        await other.let_go(status=500)
        assert (await call).status == 500


@pytest.mark.parametrize("side", ["request", "reply"])
async def test_a_lab_set_back_tells_of_nothing_that_was_held(lab: HoldingLab, side: str) -> None:
    await lab.stop(route="status", side=side)
    _, call = await lab.poll()
    await lab.holds()
    await lab.ask("POST", "clock", {"advance": "10s"})
    await lab.ask("POST", "reset", {"to": 5_000})
    assert isinstance((await asyncio.gather(call, return_exceptions=True))[0], Exception)
    await until(lambda: not lab.holding)
    assert [each["k"] for each in (await lab.journal()) if each["k"] == "req"] == []
    assert [each["name"] for each in (await lab.ask("GET", "breakpoints"))["breakpoints"]] == [f"status-{side}"]
