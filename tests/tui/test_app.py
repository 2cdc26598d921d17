"""The screen as an app: keys in states, sizes, text screens, hostile text, what is imported."""

from collections.abc import AsyncIterator, Iterable
from errno import ENOSPC
from pathlib import Path

import pytest
from msgspec.structs import replace
from textual.color import Color

from lab.app.effects import RunObservation
from lab.core.errors import HostError
from lab.core.journal.fact import ClockScaled
from lab.core.journal.shell import TapeNoted
from lab.core.observe import Noted, Replied
from lab.tui.app import LabApp
from lab.tui.panes.registry import SCREEN_KEYS
from lab.tui.panes.screen_keys import END
from lab.tui.screens.main import EACH_WHILE_POLLING
from lab.tui.screens.overlays import PageScreen
from lab.tui.state.journal import JournalState
from lab.tui.state.screen import SourceState, UiState
from lab.tui.themes import COLOURS
from tests.conftest import each_row
from tests.tui import play
from tests.tui.pilots import (
    drawn,
    golden,
    letters,
    main_screen,
    piloted,
    resized,
    screen_in,
    text,
    turn_to,
    until,
    until_folded,
)

ROOT = Path(__file__).parents[2]


# Text screens


ENDS = ("waiting", "complete")


@pytest.mark.parametrize(
    ("size", "states"),
    [
        ((120, 36), play.STATES),
        ((80, 24), play.STATES),
        *(pytest.param(size, ENDS, marks=pytest.mark.long) for size in ((100, 30), (160, 44), (200, 60), (119, 36))),
    ],
)
async def test_the_screen_of_each_state_is_the_golden_one(size: tuple[int, int], states: Iterable[str]) -> None:
    """LAB_GOLDEN=write writes them anew; read the diff."""
    async with screen_in("idle", size) as (app, source, pilot):
        for state in states:
            await turn_to(pilot, source, state)
            golden(app, f"{state}-{size[0]}x{size[1]}")
        if states is ENDS:
            await pilot.press("escape")
            await until(pilot, lambda: "1 TOKEN" in text(app))
            golden(app, f"complete-panes-{size[0]}x{size[1]}")


async def test_the_screen_in_another_light_is_the_golden_one() -> None:
    """One state in each theme that has its own colours, and each page once."""
    async with screen_in("waiting", light=True, sent=True) as (app, source, pilot):
        golden(app, "waiting-120x36")  # other colours in the same places
        pressed = {
            "presenter-waiting": "p",
            "waiting-fault": "f",
            "waiting-exchange": "1 enter",
            "complete-message": "m",
        }
        for name, keys in pressed.items():
            await turn_to(pilot, source, "complete" if keys == "m" else "waiting")
            await pilot.press(*keys.split())
            await pilot.pause()
            golden(app, f"{name}-120x36")
        await turn_to(pilot, source, "waiting")
        app.theme = "ansi-dark"
        await pilot.pause()
        golden(app, "waiting-ansi-dark-120x36")
        app.theme = "ansi-light"
        await pilot.pause()
        assert " a Approve" in text(app) and letters(app).count("f") > 100


async def test_the_picture_is_saved_where_it_can_be_or_the_screen_says_why_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("platformdirs.user_downloads_path", lambda: tmp_path / "Downloads")
    async with screen_in("waiting") as (app, _, pilot):

        async def remark() -> str:
            main_screen(app).note("")
            await pilot.press("f9")
            await until(pilot, lambda: bool(main_screen(app).state.ui.remark))
            return main_screen(app).state.ui.remark

        for number in (1, 2):
            name = f"invoke-async-lab-{number}.svg"
            assert await remark() == f"Saved here as {name}." and (tmp_path / name).read_text().startswith("<svg")
        (tmp_path / "Downloads").mkdir()
        assert await remark() == f"Saved as {tmp_path}/Downloads/invoke-async-lab-1.svg."

        def full(path: Path, *_: int) -> int:
            raise OSError(ENOSPC, "No space left on device", str(path))

        monkeypatch.setattr("lab.files.opening.os.open", full)
        assert await remark() == f"The picture isn't saved: {tmp_path} can't be written: No space left on device."


# Keys


async def test_space_begins_and_then_pauses() -> None:
    async with screen_in("idle") as (app, source, pilot):
        await pilot.press("space")
        await until(pilot, lambda: source.requests == [("begin",)])
        for observation in play.running():
            source.tell(observation)
        await until(pilot, lambda: main_screen(app).state.run.polls == 2)
        await pilot.press("space")
        await until(pilot, lambda: source.requests == [("begin",), ("pause",)])
        await until(pilot, lambda: "PAUSED" in text(app))


async def test_a_decision_is_asked_once_the_gate_is_open_and_not_before() -> None:
    async with screen_in("running") as (_, source, pilot):
        await pilot.press("a", "r", "c")
        await pilot.pause()
        assert source.requests == []
        await turn_to(pilot, source, "waiting")
        await pilot.press("r")
        await until(pilot, lambda: source.requests == [play.answer("rejected")])


async def test_behind_the_notice_of_a_small_terminal_nothing_unseen_is_decided() -> None:
    async with screen_in("waiting") as (app, source, pilot):
        await resized(pilot, (40, 12))
        for key in SCREEN_KEYS:
            if key.keys and key.face not in ("ctrl+q", "?"):
                await pilot.press(key.keys.split(",")[0])
        await pilot.pause()
        run = main_screen(app)
        assert source.requests == [] and app.screen is run and run.state.ui == UiState(remark=END)
        assert "q or ctrl+c once more ends" in text(app)
        await pilot.press("question_mark")
        await until(pilot, lambda: "HELP" in text(app))
        await pilot.press("question_mark")
        await resized(pilot, (120, 36))
        await pilot.press("a")
        await until(pilot, lambda: source.requests == [play.answer("approved")])


async def test_changes_need_a_text() -> None:
    async with screen_in("waiting") as (app, source, pilot):
        await pilot.press("c")
        await until(pilot, lambda: "changes ›" in text(app))
        await pilot.press("enter")
        assert source.requests == []
        await pilot.press("n", "o", "enter")
        await until(pilot, lambda: source.requests == [play.answer("changes-requested", "no")])
        assert "changes ›" not in text(app)


@each_row("size", [(120, 36), (80, 24)])
async def test_esc_leaves_the_text_fields(size: tuple[int, int]) -> None:
    async with screen_in("waiting", size) as (app, source, pilot):
        await pilot.press("c", "x", "escape")
        await until(pilot, lambda: "changes ›" not in text(app))
        await pilot.press("a")
        await until(pilot, lambda: source.requests == [play.answer("approved")])


@each_row("size", [(120, 36), (80, 24)])
async def test_the_next_turn_is_typed_and_the_one_before_can_be_looked_at(size: tuple[int, int]) -> None:
    async with screen_in("complete", size) as (app, source, pilot):
        await pilot.press("m")
        await until(pilot, lambda: "NEXT MESSAGE · turn 2" in text(app) and play.FOLLOW_UP[0] in text(app))
        await pilot.press("down", "space", "k", "enter")
        await until(pilot, lambda: source.requests == [("say", f"{play.FOLLOW_UP[1]} k")])
        assert "NEXT MESSAGE" not in text(app)
        for observation in play.second()[len(play.complete()) :]:
            source.tell(observation)
        await until(
            pilot, lambda: play.SECOND in text(app) and ("turn 2" in text(app) or f"{play.SECOND}  2" in text(app))
        )
        await pilot.press("left_square_bracket", "left_square_bracket")
        await until(
            # on a small screen an output that has no room beside the facts has theirs
            pilot,
            lambda: "turn 1" in text(app) or f"▌  1 ✓ {play.JOB[:8]}" in text(app),
        )
        await pilot.press("m", "right_square_bracket")
        await until(pilot, lambda: play.SECOND in text(app))


async def test_before_the_run_its_first_message_is_edited() -> None:
    async with screen_in("idle") as (app, source, pilot):
        await pilot.press("m")
        await until(pilot, lambda: "enter sends" in text(app) and "sent when the run begins" in text(app))
        await pilot.press("question_mark")
        source.message = play.MESSAGE + "?"
        await pilot.press("enter")
        await until(pilot, lambda: source.requests == [("say", play.MESSAGE + "?")])
        await until(pilot, lambda: "Org SBI?" in text(app))
        await pilot.press("m", "escape", "left_square_bracket")
        await until(pilot, lambda: "FIRST MESSAGE" not in text(app))


async def test_a_refusal_is_shown() -> None:
    async with screen_in("waiting") as (app, source, pilot):
        source.refuse = "The gate has had its decision."
        await pilot.press("a")
        await until(pilot, lambda: "The gate has had its decision." in text(app))


async def test_speed_goes_through_its_steps_and_stops_at_the_ends() -> None:
    async with screen_in("running") as (app, source, pilot):
        for key, factor in (
            ("+", "2"),
            ("+", "5"),
            ("+", "20"),
            ("+", "60"),
            ("+", "300"),
            ("+", "300"),
            ("=", "1"),
            ("-", "0.5"),
            ("-", "0.25"),
        ):
            before = len(source.requests)
            await pilot.press({"+": "plus", "=": "equals_sign", "-": "minus"}[key])
            await until(pilot, lambda before=before: len(source.requests) > before)
            assert source.requests[-1] == ("scale", factor)
        await until(pilot, lambda: "×¼" in text(app))


async def test_a_remark_gives_the_narration_its_row_back_after_three_seconds() -> None:
    async with screen_in("complete") as (app, _, pilot):
        main = main_screen(app)
        app.real_millis = lambda: 1_000
        main.note("Nothing has that.")
        await until(pilot, lambda: "Nothing has that." in text(app))
        app.real_millis = lambda: 3_999
        main.tick()
        assert main.state.ui.remark
        app.real_millis = lambda: 4_000
        await until(pilot, lambda: "Nothing has that." not in text(app))  # the timer runs as long as a remark shows


async def test_the_clock_is_looked_at_as_often_as_what_it_shows_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """In two seconds: four times while a job is polled, eight where its time runs fast, twice while a person is awaited."""
    for state, factor, drawn_ticks in (("running", "1", 4), ("running", "20", 8), ("waiting", "1", 2)):
        async with screen_in(state) as (app, source, _pilot):
            source.factor = factor
            main, looks = main_screen(app), []
            main.choose(replace(main.state.ui, factor=factor))
            main.timer.pause()
            monkeypatch.setattr(main.canvas, "tick", lambda looks=looks: looks.append(1))
            for _ in range(8):
                main.tick()
            assert len(looks) == drawn_ticks, state
            while main.canvas.looks:
                main.tick()
            looks.clear()
            for _ in range(8):  # of what is drawn for another reason nobody looks whether time has passed
                main.tick()
                main.canvas.draw()
            assert len(looks) == (8 if drawn_ticks == 8 else 0), state


async def test_keys_that_come_at_once_are_done_in_order() -> None:
    async with screen_in("running") as (app, source, pilot):
        await pilot.press("plus", "plus", "plus")
        await until(pilot, lambda: "×20" in text(app))
        assert source.requests == [("scale", "2"), ("scale", "5"), ("scale", "20")]


async def test_reset_goes_back_to_idle() -> None:
    async with screen_in("complete") as (app, source, pilot):
        await pilot.press("0")
        await until(pilot, lambda: "Live, about" in text(app))
        assert source.requests == [("reset",)]


async def test_the_wire_drawer_opens_an_exchange() -> None:
    async with screen_in("waiting") as (app, _, pilot):
        await pilot.press("w")
        await until(pilot, lambda: "5 WIRE" in text(app))
        await pilot.press("up", "enter")
        await until(pilot, lambda: isinstance(app.screen, PageScreen))
        await until(pilot, lambda: "EXCHANGE" in text(app) and '"jobId"' in text(app))
        await pilot.press("escape", "w")
        await until(pilot, lambda: "5 WIRE" not in text(app))


async def test_help_and_the_picker_open_and_close() -> None:
    async with screen_in("idle") as (app, source, pilot):
        await pilot.press("question_mark")
        await until(pilot, lambda: "120 × 36" in text(app))
        await pilot.press("question_mark")
        await until(pilot, lambda: app.screen is main_screen(app))
        await pilot.press("s")
        await until(pilot, lambda: "invoice-analysis" in text(app))
        await pilot.press("down", "enter")
        await until(pilot, lambda: source.requests == [("choose", "invoice-analysis")])


async def test_a_pane_is_maximised_and_comes_back() -> None:
    async with screen_in("complete") as (app, _, pilot):
        await pilot.press("escape", "2", "z")
        await until(pilot, lambda: "1 TOKEN" not in text(app) and "2 JOB" in text(app))
        await pilot.press("escape")
        await until(pilot, lambda: "1 TOKEN" in text(app))


async def test_the_output_goes_round_its_views() -> None:
    async with screen_in("complete") as (app, _, pilot):
        await pilot.press("o")
        await until(pilot, lambda: "## M1000034 and M1000040" in text(app))
        await pilot.press("o")
        await until(pilot, lambda: '"output":' in text(app))
        await pilot.press("o")
        await until(pilot, lambda: "## M1000034" not in text(app) and '"output":' not in text(app))


async def test_step_theme_and_the_way_out() -> None:
    async with screen_in("running") as (app, source, pilot):
        await pilot.press("n", "t", "q")
        await until(pilot, lambda: END in text(app))
        assert source.requests == [("step",)]
        assert app.theme == "stage-light"
        assert letters(app).count("?") < 20


async def test_quitting_returns_the_outcome() -> None:
    async with screen_in("complete") as (app, _, pilot):
        await pilot.press("ctrl+q")
    assert app.return_value is not None and app.return_value.complete


async def test_a_click_on_a_button_is_its_key() -> None:
    async with screen_in("waiting") as (app, source, pilot):
        lines = text(app).split("\n")
        y = next(at for at, line in enumerate(lines) if "a Approve" in line)
        await pilot.click(offset=(lines[y].index("a Approve") + 1, y))
        await until(pilot, lambda: source.requests == [play.answer("approved")])


# Sizes, failures, hostile text


@pytest.mark.long
async def test_every_state_in_every_size_and_back() -> None:
    async with screen_in("idle") as (_, source, pilot):
        for state in play.STATES:
            await turn_to(pilot, source, state)
            await resized(pilot, (200, 60), (40, 12), (72, 20), (120, 36))


async def test_a_bug_while_drawing_does_not_end_the_show(monkeypatch: pytest.MonkeyPatch) -> None:
    observations, at = play.STATES["waiting"]
    app = LabApp(play.Scripted(observations(), at))

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("lab.tui.panes.token.validity", broken)
    async with piloted(app) as pilot:
        await until(pilot, lambda: "A bug of the lab: ZeroDivisionError" in text(app))
        assert "3 POLLING" in text(app)
    assert isinstance(app.bug, ZeroDivisionError)


@each_row("at_a_tick", [False, True])
async def test_a_bug_in_what_a_source_tells_of_itself_does_not_end_the_show(at_a_tick: bool) -> None:
    """Nor one in what a plugin has beside a question, which is told the state at the same instants."""

    class Broken(play.Scripted):
        broken = False

        def describe(self, journal: JournalState | None = None, chosen: int | None = None) -> SourceState:
            if self.broken:
                raise ZeroDivisionError
            return super().describe(journal, chosen)

    observations, at = play.STATES["running"]
    app = LabApp(source := Broken(observations(), at))
    async with piloted(app) as pilot:
        await until_folded(pilot, "running")
        main_screen(app).timer.pause()
        source.broken = True
        if at_a_tick:
            for _ in range(EACH_WHILE_POLLING):
                main_screen(app).tick()
        else:
            source.tell(Noted(at, ClockScaled(at=at, by="control", factor="1")))
        await until(pilot, lambda: "A bug of the lab: ZeroDivisionError" in text(app))
        assert "3 POLLING" in text(app) and app.crash is None
    assert isinstance(app.bug, ZeroDivisionError)


async def test_failing_surroundings_end_it_with_their_reason() -> None:
    class Unlucky(play.Scripted):
        async def observations(self) -> AsyncIterator[RunObservation]:
            raise HostError("Port 8080 is taken.")
            yield

    app = LabApp(Unlucky([]))
    async with piloted(app) as pilot:
        await until(pilot, lambda: app.failure is not None)
    assert str(app.failure) == "Port 8080 is taken."


EVIL = "[red]x[/red]\x1b[2J\x1b]52;c;aGk=\x07\x9b31m\x00\u202e日本🙂" + "y" * 100_000


@pytest.mark.long
async def test_hostile_text_reaches_no_terminal() -> None:
    script = play.Script()
    script.token(0)
    script.first(130)
    node = dict(play.NODE) | {"initialMessage": EVIL, "code": EVIL, "channelType": EVIL, "requestChangeMessage": EVIL}
    script.poll(
        1_000,
        play.body("WAITING", waitingNodeDetails=node, waitingToolCode=EVIL, traceId=EVIL, conversationId=EVIL),
        40,
    )
    script.poll(2_000, play.body(EVIL, progressMessage=EVIL), 40)
    script.observations.append(Noted(2_100, TapeNoted(at=2_100, text=EVIL)))
    script.poll(3_000, play.body("ERROR", error=EVIL, output=EVIL, followUpQuestions=[EVIL]), 40)
    async with screen_in("idle") as (app, source, pilot):
        await pilot.press("w")
        for observation in script.observations:
            source.tell(observation)
            await until(pilot, lambda: drawn(app))
            if isinstance(observation, Replied):
                for grid in (text(app), app.export_screenshot()):
                    assert not set("\x1b\x07\x9b\x00\u202e") & set(grid)
        assert "[red]x[/red]␛[2J" in text(app)


async def test_a_thousand_observations_at_once() -> None:
    observations = play.running()
    async with screen_in("idle") as (app, source, pilot):
        script = play.Script()
        script.observations, script.x = observations, 4
        for number in range(500):
            script.poll(5_000 + 100 * number, play.body("RUNNING"), 40)
        for observation in script.observations:
            source.tell(observation)
        await until(
            pilot, lambda: main_screen(app).state.run.polls == 502 and "00:54.8" in text(app) and " more" in text(app)
        )


async def test_the_timer_rests_while_nothing_runs() -> None:
    async with screen_in("idle") as (app, source, pilot):
        for state, resting in (("idle", True), ("running", False), ("complete", True)):
            await turn_to(pilot, source, state)
            assert main_screen(app).timer._active.is_set() is not resting, state


# Themes


def contrast(one: str, other: str) -> float:
    """WCAG's ratio of two colours."""

    def luminance(colour: str) -> float:
        parts = [channel / 255 for channel in Color.parse(colour).rgb]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@each_row("theme", COLOURS)
def test_colours_have_their_contrast(theme: str) -> None:
    colours = COLOURS[theme]
    grounds = ["background", "surface", "panel", "tint-run", "tint-wait", "tint-done", "tint-bad"]
    for word in ("fg", "dim", "run", "wait", "done", "bad", "unknown", "accent"):
        for ground in grounds:
            assert contrast(colours[word], colours[ground]) >= 5.16, (word, ground)
    for tint in grounds[3:]:
        assert contrast(colours["fg"], colours[tint]) >= 13.1
    for fill in ("run", "wait", "done", "bad"):
        assert contrast(colours["fill"], colours[fill]) >= 6.38
    for line in ("faint", "line"):
        assert contrast(colours[line], colours["background"]) >= 2.95


# Imports
