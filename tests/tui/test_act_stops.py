"""Sources at acts: a run of ours and a recording stand where one begins, somebody else's client never does."""

import asyncio

import pytest

from lab.clocks import settle
from lab.core.observe import Requested
from lab.tui.panes.registry import KEYS_OF_SPOT, draw, places
from lab.tui.state.acts import story_of
from lab.tui.state.gate import GateAnswer
from lab.tui.state.journal import SourceUpdate
from tests.tui.pilots import main_screen, until
from tests.tui.test_acts import DECIDED_AT, staged, view_of_act
from tests.tui.test_live import LiveDriver
from tests.tui.test_playback import Watcher as PlaybackWatcher
from tests.tui.test_playback import playback
from tests.tui.test_watch import watching


def stops(driver: LiveDriver) -> list[tuple[int, str]]:
    return [(each.stop, each.jump) for each in driver.observations if isinstance(each, SourceUpdate) and each.stop]


def routes(driver: LiveDriver) -> list[str]:
    return [each.route for each in driver.observations if isinstance(each, Requested)]


async def stopped_at(driver: LiveDriver, number: int) -> None:
    async with asyncio.timeout(20):
        while number not in [stop for stop, _ in stops(driver)]:
            await settle()
            await asyncio.wait((driver.listener,), timeout=0.001)
    await settle()


# A run of ours


@pytest.fixture
async def driver() -> LiveDriver:
    driver = LiveDriver()
    await asyncio.wait((driver.listener,), timeout=0.001)
    await driver.live.stand_at_acts(True)
    await driver.live.begin()
    return driver


async def test_no_request_goes_out_before_an_act_was_seen(driver: LiveDriver) -> None:
    assert driver.plane is not None
    for stop, sent in enumerate(
        (["token"], ["token", "invoke"], ["token", "invoke", "status"]), 1
    ):  # the first poll shows WAITING
        await stopped_at(driver, stop)
        assert routes(driver) == sent and driver.plane.did[-1] == ("scale", "0")
        assert not driver.live.paused, "nobody has paused it"
        driver.live.end_hold(stop - 1)
        await settle()
        assert routes(driver) == sent, "another stop's end ends none"
        driver.live.end_hold(stop)
    await driver.live.answer(GateAnswer("approved"))
    await stopped_at(driver, 4)
    assert routes(driver)[-1] == "invoke"
    await driver.end()


async def test_back_to_an_act_is_back_to_where_it_began(driver: LiveDriver) -> None:
    for stop in (1, 2):
        await stopped_at(driver, stop)
        driver.live.end_hold(stop)
    await stopped_at(driver, 3)
    began = next(each.at for each in driver.observations if isinstance(each, Requested))
    sent = len(routes(driver))
    assert await driver.live.go_to_act((began, "job", 1)) is None
    await stopped_at(driver, 4)
    assert stops(driver)[-1] == (4, "back") and not driver.live.paused
    assert driver.plane is not None and ("rewind", "0") in driver.plane.did
    assert routes(driver)[sent:] == ["token", "invoke"], "what it had observed is told anew, and nothing goes out"
    driver.live.end_hold(4)
    await stopped_at(driver, 5)
    assert routes(driver)[sent:] == ["token", "invoke", "status"]
    await driver.end()


async def test_a_run_that_is_paused_at_an_act_rests_on(driver: LiveDriver) -> None:
    await stopped_at(driver, 1)
    await driver.live.pause()
    assert driver.live.paused
    await driver.live.pause()
    await settle()
    assert driver.plane is not None and driver.plane.did[-1] == ("scale", "0") and not driver.live.paused
    driver.live.end_hold(1)
    await stopped_at(driver, 2)
    await driver.end()


async def test_the_next_act_comes_fast_and_the_speed_is_the_last_one_then(driver: LiveDriver) -> None:
    await stopped_at(driver, 1)
    await driver.live.next_act()
    await stopped_at(driver, 2)
    assert driver.plane is not None
    assert [factor for did, *_, factor in driver.plane.did if did == "scale"] == ["0", "20", "0"]
    driver.live.end_hold(2)
    await stopped_at(driver, 3)
    assert [factor for did, *_, factor in driver.plane.did if did == "scale"][3:] == ["1", "0"]
    await driver.end()


async def test_without_a_control_plane_only_the_next_call_is_held_back() -> None:
    driver = LiveDriver(plane=False)
    await asyncio.wait((driver.listener,), timeout=0.001)
    await driver.live.stand_at_acts(True)
    await driver.live.begin()
    await stopped_at(driver, 1)
    assert routes(driver) == ["token"]
    driver.live.end_hold(1)
    await stopped_at(driver, 2)
    assert routes(driver) == ["token", "invoke"]
    await driver.end()


async def test_reset_forgets_the_stop(driver: LiveDriver) -> None:
    await stopped_at(driver, 1)
    await driver.live.reset()
    await driver.live.begin()
    await stopped_at(driver, 2)
    assert routes(driver)[-1] == "token"
    await driver.end()


# A recording


async def test_the_cursor_stands_at_each_act_though_it_plays() -> None:
    source = playback()
    watcher = PlaybackWatcher(source)
    await watcher.do(watcher.source.stand_at_acts(True))
    await watcher.do(watcher.source.pause())
    kinds: list[str] = []
    for stop in range(1, 20):
        await watcher.until(lambda stop=stop: watcher.observations[-1].stop == stop or source.paused)  # type: ignore[misc]
        if source.paused:
            break
        assert not source.paused and source.clock.now() == source.timeline.at(source.place)
        await watcher.do(watcher.source.scale("20"))
        assert watcher.observations[-1].stop == stop, "another speed ends no hold"
        kinds.append(story_of(watcher.journal.run())[-1].kind)
        source.end_hold(stop)
        await settle()
    assert kinds == ["token", "job", "running", "waiting", "panes", "output"]
    watcher.task.cancel()


# Somebody else's client


async def test_no_act_touches_the_clock_of_a_lab_that_is_watched() -> None:
    async with watching() as watcher:
        assert await watcher.source.stand_at_acts(True) is None
        watcher.source.end_hold(1)
        assert await watcher.source.stand_at_acts(False) is None
        assert watcher.plane.did == []


# At the keys


async def test_the_keys_of_an_act() -> None:
    async with staged("0") as run:  # until space
        await run.pilot.press("space")
        await run.play("token")
        for _ in range(20):
            await run.tick()
        assert run.kind() == "token" and "PAUSED" not in str(run.main.canvas.widgets["header"].rows)
        await run.pilot.press("escape")
        assert not run.main.state.shows_act and run.main.state.has_act
        await run.pilot.press("escape", "3")
        assert not run.main.state.shows_act and run.main.state.ui.focus == "polling"
        await run.pilot.press("3", "w")
        assert not run.main.state.shows_act and run.main.state.ui.wire
        await run.pilot.press("escape", "space")
        await run.play("job")
        await run.pilot.press("n")
        await run.play("running")
        await run.pilot.press("P")
        assert not run.main.state.has_act and not run.main.state.ui.stage
        await run.pilot.press("P")
        assert run.kind() == "running" and run.main.state.act.left == 0, "the act it is in, without a hold"
        await run.pilot.press("0")
        await until(run.pilot, lambda: run.kind() == "")
        assert run.main.state.ui.stage
        assert run.tape


async def test_a_decision_held_until_space_shows_its_verdict_then_the_panes() -> None:
    async with staged("3") as run:
        await run.decide_at(DECIDED_AT)
        await run.play("decided")
        assert run.main.state.run.decision is not None and not run.main.state.ui.paused
        await run.pilot.press("n")
        await run.play("panes")
        await run.play()
        assert main_screen(run.app).state.finale


def test_a_click_on_the_stepper_goes_to_an_act() -> None:
    view = view_of_act("running")
    drawn = draw("stepper", view, places(view, 120, 36)["stepper"], 0)[0]
    spots = [word[1:] for span in drawn for word in span.role.split() if word.startswith("!")]
    assert dict.fromkeys(spots) == dict.fromkeys(
        ["go-to-token", "go-to-invoke", "go-to-poll", "go-to-gate", "go-to-output"]
    )
    assert all(spot in KEYS_OF_SPOT for spot in spots)
