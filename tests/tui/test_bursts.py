"""Keys and clicks that come in one read of the terminal: each finds the screen as the one before left it; none ends it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import chain
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events

from lab.tui.app import LabApp
from lab.tui.panes.registry import SCREEN_KEYS
from lab.tui.rows.spans import plain
from lab.tui.screens.main import MainScreen
from lab.tui.screens.overlays import FULL, ListScreen, PageScreen
from lab.tui.state.screen import UiState
from tests.conftest import examples
from tests.tui import play, test_live, test_playback, test_watch
from tests.tui.pilots import LabPilot, lab_of, main_screen, piloted, resized, screen_in, text, until

# What a terminal sends


def key(name: str) -> list[events.Event]:
    return [events.Key(name, {"space": " "}.get(name, name if len(name) == 1 else None))]


def paste(text_: str) -> list[events.Event]:
    return [events.Paste(text_)]


def mouse(kind: type[events.MouseEvent], at: tuple[int, int], buttons: int) -> events.Event:
    x, y = at
    return kind(None, x, y, 0, 0, buttons, False, False, False, x, y)


def click(at: tuple[int, int]) -> list[events.Event]:
    return [mouse(events.MouseMove, at, 0), mouse(events.MouseDown, at, 1), mouse(events.MouseUp, at, 1)]


def drag(start: tuple[int, int], end: tuple[int, int]) -> list[events.Event]:
    moves = [mouse(events.MouseMove, at, 1) for at in (start, end)]
    return [mouse(events.MouseMove, start, 0), mouse(events.MouseDown, start, 1), *moves, mouse(events.MouseUp, end, 1)]


def wheel(at: tuple[int, int]) -> list[events.Event]:
    return [mouse(events.MouseScrollDown, at, 0)]


WAYS_OUT = ("quit", "quit-asks")
BOUND = {name for each in SCREEN_KEYS for name in each.keys.split(",") if name and each.name not in WAYS_OUT}
TYPED = ("enter", "tab", "backspace", "delete", "home", "end", "x", "e", "é", "shift+tab", "ctrl+home")
SPOTS = st.tuples(st.integers(0, 119), st.integers(0, 35) | st.sampled_from((35, 34, 33, 1, 2, 8, 9, 10)))
HITS = (
    st.sampled_from(sorted({*BOUND, *TYPED})).map(key)
    | st.sampled_from(("escape", "enter", "ctrl+p", "space")).map(key)
    | st.sampled_from(("q", "ctrl+c")).map(lambda name: [*key(name), *key("escape")])
    | SPOTS.map(click)
    | SPOTS.map(lambda at: [*click(at), *click(at)])
    | SPOTS.map(wheel)
    | st.tuples(SPOTS, SPOTS).map(lambda ends: drag(*ends))
    | st.text("ar\n日x", max_size=4).map(paste)
)
BURSTS = st.lists(
    st.lists(HITS, min_size=1, max_size=6).map(lambda hits: [*chain.from_iterable(hits)]), min_size=1, max_size=4
)

# The screens


@asynccontextmanager
async def live_screen() -> AsyncIterator[tuple[LabApp, object, LabPilot]]:
    driver = test_live.LiveDriver()
    await driver.end()
    async with piloted(LabApp(driver.live)) as pilot:
        yield pilot.app, driver, pilot  # type: ignore[misc]


def shown(kind: str) -> AbstractAsyncContextManager[tuple[LabApp, object, LabPilot]]:
    match kind:
        case "live":
            return live_screen()
        case "watch":
            return test_watch.screen_in(test_watch.observations_until(9_578))
        case "playback":
            return test_playback.playback_screen()
    return screen_in(kind)


PAGES = (
    "",
    "ctrl+p",
    "ctrl+p t enter",
    "s",
    "y",
    "slash e enter",
    "w slash 0 enter",
    "question_mark slash e enter",
    "f",
    "question_mark",
    "i",
    "1 enter",
    "c",
    "m",
    "w",
    "p",
)
"""What is opened before, by its keys."""


async def send(pilot: LabPilot, burst: list[events.Event]) -> None:
    """All at once, as the driver does with what it has read; return when each has had its turn."""
    for event in burst:
        pilot.app.post_message(event)
    await pilot.pause()
    await until(pilot, lambda: lab_of(pilot).input_queue.empty)


def at_work(app: LabApp, group: str) -> bool:
    """Whether a worker of the group hasn't ended."""
    return any(worker.group == group for worker in app.workers)


async def alive(app: LabApp, pilot: LabPilot) -> None:
    """Whether it draws, and obeys."""
    main = main_screen(app)
    for _ in range(4):
        await pilot.press("escape")
    await until(pilot, lambda: app.screen is main)
    main.choose(UiState())
    await pilot.press("z")
    await until(pilot, lambda: main.state.ui.zoom == "output" and "OUTPUT" in text(app))


@pytest.mark.long
@examples(8, thorough=1_500)
@given(kind=st.sampled_from(("live", "watch", "playback", *play.STATES)), page=st.sampled_from(PAGES), bursts=BURSTS)
def test_no_burst_of_keys_and_clicks_ends_the_screen(kind: str, page: str, bursts: list[list[events.Event]]) -> None:
    async def hammered() -> None:
        async with shown(kind) as (app, _, pilot):
            await pilot.press(*page.split())
            for burst in bursts:
                await send(pilot, burst)
            await alive(app, pilot)
            assert app.crash is None and app.bug is None

    with patch.object(LabApp, "save_picture", lambda _: "Saved as x.svg."):
        asyncio.run(hammered())


# Each key in its turn

KEYS = st.sampled_from(sorted({*BOUND, *TYPED} - {"ctrl+p", "0", "f9"}))
"""Without those whose consequences come later than the next key, whoever presses it: a search, a reset, a file."""


async def left_by(names: list[str], *, at_once: bool) -> tuple[object, ...]:
    """What was asked of the source, what the person has chosen, and which page shows, in the end."""
    async with screen_in("waiting") as (app, source, pilot):
        for burst in [names] if at_once else [[name] for name in names]:
            await send(pilot, [event for name in burst for event in key(name)])
        await until(pilot, lambda: not at_work(app, "asked"))
        page = type(getattr(app.screen, "page", app.screen))
        return list(source.requests), main_screen(app).state.ui, page, len(app.screen_stack)


@pytest.mark.long
@examples(8, thorough=400)
@given(st.lists(KEYS, min_size=2, max_size=9))
def test_keys_in_one_read_lead_to_what_they_do_one_by_one(names: list[str]) -> None:
    assert asyncio.run(left_by(names, at_once=True)) == asyncio.run(left_by(names, at_once=False))


async def test_what_is_typed_at_once_into_a_row_decides_nothing_else() -> None:
    async with screen_in("waiting") as (app, source, pilot):
        await send(pilot, [*key("c"), *key("a"), *key("r"), *key("enter"), *key("w")])
        assert source.requests == [play.answer("changes-requested", "ar")] and main_screen(app).state.ui.wire


async def test_each_key_goes_on_from_the_one_before_while_the_source_is_at_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with screen_in("running") as (app, source, pilot):
        did, done = source.did, asyncio.Semaphore(0)

        async def slow(*requests: str) -> str | None:
            await done.acquire()
            return await did(*requests)

        monkeypatch.setattr(source, "did", slow)
        await send(pilot, [*key("plus"), *key("plus")])
        done.release()
        await until(pilot, lambda: len(source.requests) == 1)
        await send(pilot, key("plus"))
        done.release()
        done.release()
        await until(pilot, lambda: len(source.requests) == 3)
        assert source.requests == [("scale", "2"), ("scale", "5"), ("scale", "20")]
        await until(pilot, lambda: main_screen(app).state.ui.factor == "20")


async def test_a_row_of_the_palette_is_taken_once_by_enter_and_by_a_click() -> None:
    async with screen_in("waiting") as (app, source, pilot):
        for click_it, left in ((False, PageScreen), (True, MainScreen)):
            await pilot.press("w", "5", "ctrl+p", *"begin,")
            palette = app.screen
            assert isinstance(palette, ListScreen)
            await until(pilot, lambda palette=palette: [plain(each.right) for each in palette.entries] == ["space "])  # type: ignore[misc]
            on_row = (palette.options.region.x + 3, palette.options.region.y)
            source.requests.clear()
            await send(pilot, [*click(on_row), *click(on_row)] if click_it else [*key("enter"), *key("enter")])
            await until(pilot, lambda left=left: type(app.screen) is left and source.requests != [])  # type: ignore[misc]
            await until(pilot, lambda: not at_work(app, "asked"))
            # the second one is for what the first one leaves: enter opens the exchange in focus
            assert source.requests == [("pause",)] and type(app.screen) is left
            await pilot.press("escape")


async def test_what_lies_over_the_panes_is_left_once() -> None:
    async with screen_in("waiting") as (app, _, pilot):
        await pilot.press("s", "ctrl+p")
        await until(pilot, lambda: len(app.screen_stack) == 3)
        palette, page = app.screen, app.screen_stack[1]
        for screen in (palette, palette, page, page):
            screen.dismiss()
            await pilot.pause()
            assert app.screen is (page if screen is palette else main_screen(app))


async def test_a_pasted_text_is_one_line_and_lasts_while_the_terminal_is_too_small() -> None:
    async with screen_in("waiting") as (app, source, pilot):
        main = main_screen(app)
        await send(pilot, [*key("c"), *paste("90 days\r\n\nand " + "x" * 900)])
        await resized(pilot, (60, 20), (120, 36))
        await send(pilot, [*key("!"), *key("enter")])
        assert source.requests == [play.answer("changes-requested", f"90 days and {'x' * 900}!")]
        main.choose(UiState())
        await send(pilot, [*key("A"), *paste("y" * 2_100)])
        assert FULL in text(app)
        await send(pilot, key("enter"))
        assert "enter sends · tab to the name" in text(app)
        await send(pilot, key("enter"))
        assert source.requests[1:] == [play.answer("approved", name="y" * 2_000)]


async def test_the_wheel_scrolls_the_pane_under_it_if_that_one_scrolls() -> None:
    async with screen_in("complete") as (app, _, pilot):
        await pilot.press("escape")
        main = main_screen(app)
        for pane, scrolled in (("token", {}), ("output", {"output": 3}), ("job", {"output": 3})):
            place = main.canvas.places[pane]
            await send(pilot, wheel((place.x + 4, place.y + 2)))
            assert main.state.ui.scrolled == scrolled, pane


async def test_a_second_click_on_a_spot_presses_it_again_and_selects_nothing() -> None:
    async with screen_in("waiting") as (app, _, pilot):
        main = main_screen(app)
        place = main.canvas.places["token"]
        stage, within = (6, main.canvas.places["stepper"].y), (place.x + 5, place.y + 1)
        await send(pilot, [*click(stage), *click(stage), *click(stage)])
        assert main.state.ui.focus == "token" and not main.selections
        await send(pilot, [*click(within), *click(within)])
        await until(pilot, lambda: bool(main.selections))


async def test_a_click_on_another_scenario_asks_anew_whether_the_run_shall_end() -> None:
    async with screen_in("running") as (app, source, pilot):
        await pilot.press("s")
        lists = app.screen
        assert isinstance(lists, ListScreen)
        x, y = lists.options.region.x + 3, lists.options.region.y
        for row, taken in ((1, 0), (0, 0), (0, 1)):
            await send(pilot, click((x, y + row)))
            await until(pilot, lambda: "enter once more ends" in text(app) or app.screen is main_screen(app))
            assert len(source.requests) == taken
