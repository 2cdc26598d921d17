"""The key: what is held is shown whole, edited and let go on the screen of whoever watches, or of the demo."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lab.cli.commands.demo import LiveDemo
from lab.cli.console import Console
from lab.cli.loop import Stop
from lab.cli.setup import make_setup
from lab.client.control import ControlClient
from lab.settings import ClockSettings, MockSettings
from lab.tui.app import LabApp
from lab.tui.sources.watch import Watch
from tests.plugins.breakpoints.lab import HoldingLab
from tests.server.conftest import TOKEN, Answer
from tests.tui.pilots import LabPilot, drawn, golden, main_screen, piloted, text, until

SCREENS = Path(__file__).parent / "screens"
ROOT = Path(__file__).parents[3]
SIZES = [(80, 24), (120, 36)]


@asynccontextmanager
async def watched(lab: HoldingLab, size: tuple[int, int] = (120, 36)) -> AsyncIterator[tuple[LabApp, LabPilot]]:
    """The lab on the screen of somebody who watches it."""

    @asynccontextmanager
    async def reach() -> AsyncIterator[ControlClient]:
        client = ControlClient(f"http://127.0.0.1:{lab.plane.port}", TOKEN)
        try:
            yield client
        finally:
            await client.close()

    app = LabApp(Watch("http://lab", reach))
    async with piloted(app, size) as pilot:
        yield app, pilot
        assert app.bug is None


async def stopped(lab: HoldingLab, app: LabApp, pilot: LabPilot, count: int = 1) -> "asyncio.Task[Answer]":
    """A poll whose reply is held, as the screen knows."""
    await lab.stop(route="status", name="look")
    _, call = await lab.poll()
    await until(pilot, lambda: len(main_screen(app).state.holds) == count and drawn(app))
    return call


async def able(app: LabApp, pilot: LabPilot) -> None:
    """Return once the source can be asked."""
    await until(pilot, lambda: "control" in main_screen(app).state.source.can and drawn(app))


async def shown(app: LabApp, pilot: LabPilot, *words: str) -> None:
    await until(pilot, lambda: all(word in text(app) for word in words))


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x36"])
async def test_what_is_held_shows_whole_and_leaves_by_a_key(lab: HoldingLab, size: tuple[int, int]) -> None:
    name = "{}x{}".format(*size)
    async with watched(lab, size) as (app, pilot):
        call = await stopped(lab, app, pilot)
        await shown(app, pilot, "HELD 1", "The reply of status is held at breakpoint look.")
        golden(app, f"held-{name}", SCREENS)
        await pilot.press("b")
        await shown(app, pilot, "HOLD", "1  reply of status", "reply of invoke")
        golden(app, f"menu-{name}", SCREENS)
        await pilot.press("enter")
        await shown(app, pilot, "HELD 1 · reply of status · at look", "g lets it go", "← 200")
        golden(app, f"whole-{name}", SCREENS)
        await pilot.press("g")
        await until(pilot, lambda: not main_screen(app).state.holds)
        assert (await call).status == 200
    lab.replayed()


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x36"])
async def test_an_edit_that_is_typed_leaves_so_and_replays(lab: HoldingLab, size: tuple[int, int]) -> None:
    async with watched(lab, size) as (app, pilot):
        call = await stopped(lab, app, pilot)
        await pilot.press("b", "enter")
        await shown(app, pilot, "g lets it go", "← 200")
        await pilot.press("e")
        await shown(app, pilot, "EDIT 1", "headers ›")
        golden(app, "edit-{}x{}".format(*size), SCREENS)
        await pilot.press(*["backspace"] * 3, *"503", "enter", *"retry-after: 7|cache-control:", "enter", "enter")
        await pilot.press("ctrl+u", *"Later.", "enter")
        await until(pilot, lambda: not main_screen(app).state.holds)
        answer = await call
        assert (answer.status, answer.headers["retry-after"], answer.body) == (503, "7", b"Later.")
        assert "cache-control" not in answer.headers
    lab.replayed()


async def test_a_status_that_is_none_is_refused_and_what_is_held_stays_so(lab: HoldingLab) -> None:
    async with watched(lab) as (app, pilot):
        call = await stopped(lab, app, pilot)
        await pilot.press("b", "enter")
        await shown(app, pilot, "g lets it go", "← 200")
        await pilot.press("e")
        await shown(app, pilot, "EDIT 1")
        await pilot.press(*["backspace"] * 3, *"5O3", *["enter"] * 4)
        await shown(app, pilot, "status takes an integer of at least 200")
        assert len(lab.holding) == 1
        await lab.let_go()
        assert (await call).status == 200


async def test_a_request_is_edited_before_it_is_read_or_dropped(lab: HoldingLab) -> None:
    async with watched(lab) as (app, pilot):
        await able(app, pilot)
        await pilot.press("b")
        await shown(app, pilot, "request of status")
        await pilot.press(*"request", "enter")
        await until(pilot, lambda: bool(lab.stage.server.labs.usual.sender.holds.choose))
        _, call = await lab.poll()
        await until(pilot, lambda: bool(main_screen(app).state.holds))
        await pilot.press("b", "enter")
        await shown(app, pilot, "request of status", "← ···")
        await pilot.press("e")
        await shown(app, pilot, "EDIT 1", "headers ›")
        assert "status  ›" not in text(app)
        await pilot.press(*"authorization:", *["enter"] * 3)
        await until(pilot, lambda: not main_screen(app).state.holds)
        assert (await call).status == 401
        await lab.stop(route="status", side="request")
        _, call = await lab.poll()
        await until(pilot, lambda: bool(main_screen(app).state.holds))
        await pilot.press("b", "enter", "d")
        await until(pilot, lambda: not main_screen(app).state.holds)
        assert isinstance((await asyncio.gather(call, return_exceptions=True))[0], asyncio.IncompleteReadError)


async def test_what_a_hand_elsewhere_let_go_says_so_and_a_refusal_is_remarked(lab: HoldingLab) -> None:
    async with watched(lab) as (app, pilot):
        call = await stopped(lab, app, pilot)
        await pilot.press("b", "enter")
        await shown(app, pilot, "g lets it go")
        await lab.let_go()
        await shown(app, pilot, "it is gone")
        await call
        await pilot.press("g")
        await shown(app, pilot, "There is no such exchange held.")


async def test_the_demo_holds_its_own_run_whose_clock_stands_meanwhile() -> None:
    settings = MockSettings(scenarios=str(ROOT / "scenarios"), targets=("quick",), clock=ClockSettings("scaled"))
    setup = make_setup(settings, reviewer="script")
    async with LiveDemo(setup, Console(), Stop()) as demo:
        app = LabApp(demo.source())
        async with piloted(app) as pilot:
            await able(app, pilot)
            await until(pilot, lambda: demo.mock is not None and drawn(app))
            await pilot.press("b")
            await shown(app, pilot, "reply of invoke")
            await pilot.press(*"invoke", "enter")
            await until(
                pilot, lambda: demo.mock is not None and any(each.sender.holds.choose for each in demo.mock.server.labs)
            )
            await pilot.press("space")
            await until(pilot, lambda: bool(main_screen(app).state.holds))
            before = setup.clock.now()
            await shown(app, pilot, "HELD 1", "The reply of invoke is held at breakpoint invoke-reply.")
            assert setup.clock.now() == before
            await pilot.press("b", "enter")
            await shown(app, pilot, "← 202")
            await pilot.press("g")
            await until(pilot, lambda: main_screen(app).state.run.job is not None and not main_screen(app).state.holds)
            await until(pilot, lambda: (job := main_screen(app).state.run.job) is not None and job.code == 202)
        assert app.bug is None
