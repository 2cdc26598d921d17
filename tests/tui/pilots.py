"""The app on a headless terminal: shown in states, a pilot that doesn't rest, the grids of its screen."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from unittest.mock import patch

from rich.segment import Segment
from rich.style import Style
from textual._compositor import Compositor
from textual.color import Color
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.pilot import Pilot

from lab.app.effects import Outcome
from lab.clocks import real_millis, settle
from lab.core.journal.fact import LedgerCleared
from lab.core.observe import Noted
from lab.tui.app import LabApp
from lab.tui.panes.registry import places
from lab.tui.screens.main import MainScreen
from lab.tui.state.preferences import Preferences, ScreenStart
from lab.tui.state.screen import UiState
from tests.tui import play

BLACK = Color(0, 0, 0)
GOLDENS = Path(__file__).parent / "screens"
PATIENCE = 10_000
"""Real milliseconds after which what hasn't come true never will."""


LabPilot = Pilot[Outcome | None]


async def settled(*_: float) -> None:
    """In the place of Textual's wait until the processor rests, which takes 20 ms at least, twice a key."""
    await settle()


def unseen(compositor: Compositor, **_: object) -> None:
    """In the place of what is sent to a terminal that nobody looks at: `text` and `golden` draw the whole screen."""
    compositor._dirty_regions.clear()


_PARSED: dict[object, list[RuleSet]] = {}


def parsed_once(
    sheet: Stylesheet, *css: object, parse: Callable[..., list[RuleSet]] = Stylesheet._parse_rules, **of: object
) -> list[RuleSet]:
    """In the place of what parses styles for each app anew: they are the same wherever the theme's colours are."""
    key = (css, *of.items(), *sheet._variables.items())
    if key not in _PARSED:
        _PARSED[key] = parse(sheet, *css, **of)
    return _PARSED[key]


@asynccontextmanager
async def piloted(app: LabApp, size: tuple[int, int] = (120, 36), *, sent: bool = False) -> AsyncIterator[LabPilot]:
    """The app at work, and a hand at its keys; `sent`: what changes is drawn for the terminal, too."""
    update = Compositor.render_update if sent else unseen
    with (
        patch("textual.app.wait_for_idle", settled),
        patch("textual.pilot.wait_for_idle", settled),
        patch.object(Compositor, "render_update", update),
        patch.object(Stylesheet, "_parse_rules", parsed_once),
    ):
        async with app.run_test(size=size) as pilot:
            yield pilot


@asynccontextmanager
async def screen_in(
    state: str, size: tuple[int, int] = (120, 36), *, light: bool = False, sent: bool = False
) -> AsyncIterator[tuple[LabApp, play.Scripted, LabPilot]]:
    """The screen in a state, all observations folded."""
    observations, at = play.STATES[state]
    source = play.Scripted(observations(), at)
    app = LabApp(source, ScreenStart(Preferences("light" if light else "")))
    async with piloted(app, size, sent=sent) as pilot:
        await until_folded(pilot, state)
        yield app, source, pilot
        assert app.bug is None


async def until_folded(pilot: LabPilot, state: str) -> None:
    """All that was told of a state is on the screen."""
    app = lab_of(pilot)
    last = max((observation.at for observation in play.STATES[state][0]()), default=0)
    await until(pilot, lambda: main_screen(app).state.run.latest >= last and drawn(app))
    await pilot.pause()


async def turn_to(pilot: LabPilot, source: play.Scripted, state: str) -> None:
    """Another state on the same app, as if it had just been started."""
    app = lab_of(pilot)
    main = main_screen(app)
    observations, at = play.STATES[state]
    while app.screen is not main:
        await app.pop_screen()
    app.theme = "stage-dark"
    source.tell(Noted(0, LedgerCleared(at=0, by="person")))
    await until(pilot, lambda: main.state.run.start is None and drawn(app))
    source.outcome, source.requests, source.paused, source.factor, source.clock.at = None, [], False, "1", at
    main.choose(UiState())
    for observation in observations():
        source.tell(observation)
    await until_folded(pilot, state)


async def resized(pilot: LabPilot, *sizes: tuple[int, int]) -> None:
    """The terminal takes one size after another; what is too small says so, and nothing else does."""
    app = lab_of(pilot)
    main = main_screen(app)
    for size in sizes:
        await pilot.resize_terminal(*size)
        await until(pilot, lambda size=size: app.screen.size == size)  # type: ignore[misc]
        if app.screen is main:
            await until(pilot, lambda size=size: main.canvas.places == places(main.state.in_sight, *size))  # type: ignore[misc]
            assert ("needs 72x20" in text(app)) == (size[0] < 72 or size[1] < 20), size


def drawn(app: LabApp) -> bool:
    """Whether nothing told waits to be folded or drawn."""
    source = app.source
    observations = source.queue.empty() if isinstance(source, play.Scripted) else True
    return observations and not main_screen(app)._batch and not undrawn(app)


def undrawn(app: LabApp) -> bool:
    """Whether something was folded that doesn't show yet."""
    canvas = main_screen(app).canvas
    return canvas._due or canvas._alone is not None


def lab_of(pilot: LabPilot) -> LabApp:
    """The app under the hand."""
    assert isinstance(pilot.app, LabApp)
    return pilot.app


def main_screen(app: LabApp) -> MainScreen:
    """The stage, whatever page lies over it."""
    screen = app.screen_stack[0]
    assert isinstance(screen, MainScreen)
    return screen


async def until(pilot: LabPilot, true: Callable[[], bool]) -> None:
    """Let the app work until a condition holds; fail when it doesn't."""
    end, never = real_millis() + PATIENCE, asyncio.get_running_loop().create_future()
    for turn in range(1_000_000):
        # a pause asks each widget whether it is done: not while what is waited for takes its time
        if turn <= 2 or true():
            await pilot.pause()
            if true():
                return
        assert real_millis() < end, "it never came true"
        if turn > 2:
            await asyncio.wait((never,), timeout=0.004)


def text(app: LabApp) -> str:
    """The glyph grid."""
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())


LETTERS = {
    "fg": "f", "dim": "d", "faint": "-", "line": "l", "run": "R", "wait": "W", "done": "D", "bad": "B", "accent": "a",
    "unknown": "U", "fill": "#",
}  # fmt: skip


def letters(app: LabApp) -> str:
    """The grid of colours: one letter a cell, of the text's colour in the present theme; `#` is filled."""
    styles = app.role_styles

    def name(style: Style) -> str:
        segments = [Segment("x", style)]
        for each in app.get_line_filters():
            segments = each.apply(segments, BLACK)
        color = segments[0].style.color if segments[0].style else None
        return color.name.lower() if color else ""

    known = {name(styles.of(word)): letter for word, letter in LETTERS.items()} | {name(styles.of("fg")): "f"}
    lines = []
    for strip in app.screen._compositor.render_strips():
        line = ""
        for segment in strip:
            style = segment.style or Style()
            letter = "." if style.color is None else known.get(style.color.name.lower(), "?")
            letter = "#" if style.reverse else "b" if styles.bare and style.bold else letter
            line += "".join(" " if character == " " else letter for character in segment.text)
        lines.append(line.rstrip())
    return "\n".join(lines)


def golden(app: LabApp, name: str, folder: Path = GOLDENS) -> None:
    """The screen is the golden one."""
    golden_of(name, f"{text(app)}\n\n{letters(app)}\n", folder)


def golden_of(name: str, grid: str, folder: Path = GOLDENS) -> None:
    """A grid of glyphs, and one of colours below it, are the golden ones. LAB_GOLDEN=write writes them anew."""
    path = folder / f"{name}.txt"
    if os.environ.get("LAB_GOLDEN") == "write":
        path.write_text(grid, encoding="utf-8")
    assert grid == path.read_text(encoding="utf-8"), name
