"""Terminals that have less: 256 colours, sixteen, none."""

import re
from collections.abc import Callable
from itertools import accumulate, pairwise
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.color import Color as RichColor
from rich.style import Style
from textual._compositor import ChopsUpdate
from textual.app import App
from textual.geometry import Size
from textual.screen import Screen

from lab.core.observe import Replied, Requested
from lab.tui.app import LabApp
from lab.tui.rows.spans import Row, fill, row, width
from lab.tui.screens.canvas import Canvas
from lab.tui.screens.main import EACH_WHILE_AWAITED
from lab.tui.screens.rows_widget import changed_cells
from lab.tui.themes import COLOURS, GROUNDS, TABLES
from tests.conftest import each_row
from tests.terminal import Terminal
from tests.tui import play
from tests.tui.pilots import golden, main_screen, screen_in, text, turn_to, undrawn, until
from tests.tui.test_app import contrast

PROGRAM = """
from lab.tui.app import LabApp
from tests.tui import play
observations, at = play.STATES["{state}"]
LabApp(play.Scripted(observations(), at)).run()
"""


def numbered(number: int) -> str:
    """A colour of the table of 256 as `#rrggbb`."""
    return RichColor.from_ansi(number).get_truecolor().hex


def styled(app: LabApp, word: str = "") -> list[tuple[str, Style]]:
    """What is drawn, stretch by stretch; of the rows that hold a word."""
    strips = [strip for strip in app.screen._compositor.render_strips() if word in strip.text]
    return [(segment.text, segment.style) for strip in strips for segment in strip if segment.style]


# Colours


@each_row("theme", TABLES)
def test_the_table_of_256_has_its_contrast(theme: str) -> None:
    table = {word: numbered(number) for word, number in TABLES[theme].items()}
    assert table.keys() == COLOURS[theme].keys()
    for ground in GROUNDS:
        for word in ("fg", "dim", "run", "wait", "done", "bad", "unknown", "accent"):
            assert contrast(table[word], table[ground]) >= 5.2, (word, ground)
        for line in ("faint", "line"):
            assert contrast(table[line], table[ground]) >= 3, (line, ground)
    for filled in ("run", "wait", "done", "bad", "accent"):
        assert contrast(table["fill"], table[filled]) >= 5.2, filled


@pytest.mark.parametrize("theme", ["stage-dark", "stage-light"])
async def test_256_colours_have_the_places_of_all_the_others(theme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LabApp, "colour_system", "256")
    async with screen_in("waiting", light=theme == "stage-light") as (app, _, _):
        golden(app, "waiting-120x36")
        table = TABLES[theme]
        grounds = {style.bgcolor.name for _, style in styled(app, "patience") if style.bgcolor}
        assert f"color({table['tint-wait']})" in grounds
        assert grounds <= {f"color({table[word]})" for word in ("tint-wait", "background", "done", "bad", "panel")}


async def test_without_colour_what_colour_says_is_bold_turned_or_has_a_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with screen_in("waiting") as (app, source, pilot):
        golden(app, "waiting-no-colour-120x36")
        drawn = styled(app)
        named = {color.name for _, style in drawn for color in (style.color, style.bgcolor) if color}
        assert named <= {"default"}, "no greys either"
        turned = {text.strip() for text, style in drawn if style.reverse}
        assert {"LIVE", "◆ Gate", "Approve"} <= turned, "what is filled elsewhere is reversed"
        await turn_to(pilot, source, "complete")
        assert "✓ 9 days" in text(app) and "✓ 21.40" in text(app)
        title = "".join(text for text, style in styled(app, "OUTPUT · Markdown") if style.reverse)
        assert len(title) == 120, "the whole bar of the output is reversed, its blanks too"


async def test_sixteen_colours_turn_what_is_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LabApp, "colour_system", "standard")
    async with screen_in("complete") as (app, _, _):
        assert app.theme == "ansi-dark"
        golden(app, "complete-ansi-dark-120x36")
        grounds = {style.bgcolor.name for _, style in styled(app) if style.bgcolor is not None}
        assert grounds == {"default"}, "nothing is shaded, whatever the terminal's sixteen are"


# Bytes


@given(st.lists(st.tuples(st.text("ab 日", max_size=5), st.sampled_from(("fg", "dim"))), max_size=6), st.data())
def test_the_cells_that_changed_are_all_that_two_rows_differ_in(
    spans: list[tuple[str, str]], data: st.DataObject
) -> None:
    old = row(*spans)
    at = data.draw(st.integers(0, len(old)))
    new = row(*old[:at], *data.draw(st.lists(st.sampled_from(old), max_size=3) if old else st.just([])), *old[at + 1 :])
    new = fill(new, max(width(old), width(new)))
    old = fill(old, width(new))
    runs = changed_cells(old, new)

    def styled_cells(line: Row) -> list[tuple[str, str]]:
        return [(character, role) for text_, role in line for character in text_ for _ in range(cell_len(character))]

    before, after = styled_cells(old), styled_cells(new)
    painted = {at for first, cells in runs for at in range(first, first + cells)}
    assert painted <= set(range(len(after)))
    assert all(before[at] == after[at] for at in range(len(after)) if at not in painted)
    assert bool(runs) == (before != after)
    assert all(before[at] != after[at] for first, cells in runs for at in (first, first + cells - 1))
    assert all(first + cells < later for (first, cells), (later, _) in pairwise(runs))
    for first, cells in runs:  # no half of a wide character
        for line in (old, new):
            ends = {0, *accumulate(cell_len(character) for text_, _ in line for character in text_)}
            assert {first, first + cells} <= ends
    for accented in (row("a日\u0301b"), row("a日", "\u0301b")):
        assert changed_cells(row("a日", "b"), accented) == [(1, 2)]


async def test_a_second_sends_the_cells_that_changed_and_nothing_that_stands_before_them() -> None:
    async with screen_in("waiting", sent=True) as (app, source, pilot):
        main, sent = main_screen(app), list[str]()
        main.timer.pause()

        def write(_: App[object], __: object, update: ChopsUpdate) -> None:
            sent.append(update.render_segments(app.console))

        with patch.object(App, "_display", write):
            source.clock.at += 1_000
            for _ in range(EACH_WHILE_AWAITED):
                main.tick()
            await until(pilot, lambda: bool(sent) and "00:23.9" in text(app))
        written = "".join(sent)
        assert "14:43" in text(app) and "00:2" not in written, "of the clock no more than its last figures"
        assert "LIVE" not in written and "4 OUTPUT" not in written and "next" not in written
        assert len(written.encode()) < 1_000


@pytest.mark.long
def test_a_terminal_of_256_colours_is_sent_nothing_else() -> None:
    """In both themes, what Textual draws on its own too."""
    environment = {"COLORTERM": ""}
    with Terminal(["-c", PROGRAM.format(state="waiting")], environment=environment, forked=True) as shown:
        shown.until(lambda seen: "a Approve" in seen.text)
        for opened, known in (
            ("c", "changes ›"),
            ("\x10", "─ PALETTE ─"),
            ("t", ""),
            ("f", "─ FAULT ─"),
            ("?", "─ HELP ─"),
        ):
            shown.press(opened)
            if opened == "t":
                shown.until(lambda seen: b"48;5;231" in seen.raw)
                continue
            shown.until(lambda seen, known=known: known in seen.text)  # type: ignore[misc]
            shown.press("\x1b")
            shown.until(lambda seen, known=known: known not in seen.text)  # type: ignore[misc]
        shown.press("\x11")
        assert shown.ended() == 0
    raw = bytes(shown.raw)
    styles = re.findall(rb"\x1b\[([\d;]*)m", raw)
    used = [int(number) for style in styles for number in re.findall(rb"[34]8;5;(\d+)", style)]
    dark, light = ({*TABLES[theme].values()} for theme in TABLES)
    turned = next(at for at, number in enumerate(used) if number not in dark)
    assert light >= {*used[turned:]} > {231}
    assert len({*used[:turned]}) > 8, "and all of them are in the dark one's table"
    others = {re.sub(rb"[34]8;5;\d+", b"", style).strip(b";") for style in styles}
    assert all(re.fullmatch(rb"[01347;]*", other) for other in others), "no colour in any other way"


# Frames


async def test_what_opens_over_the_panes_is_laid_out_once_for_its_size_and_the_panes_are_not() -> None:
    async with screen_in("waiting") as (app, _, pilot):
        laid_out: list[str] = []
        resized_before = Screen._screen_resized

        def resized_now(screen: Screen[object], size: Size) -> None:
            laid_out.append(type(screen).__name__)
            resized_before(screen, size)

        with patch.object(Screen, "_screen_resized", resized_now), patch.object(Canvas, "draw") as drawn_:
            await pilot.press("question_mark")
            await until(pilot, lambda: "HELP" in text(app))
            await pilot.pause()
        assert laid_out == [] and not drawn_.called


async def test_a_call_shows_with_its_reply_or_alone_once_that_takes_long() -> None:
    async with screen_in("running") as (app, source, pilot):
        main, script, drawn = main_screen(app), play.Script(), list[str]()
        main.timer.pause()
        script.x = 4
        script.poll(9_600, play.body("WAITING"), 40)
        script.poll(11_600, play.body("WAITING"), 40)
        first, reply, second, *_ = [each for each in script.observations if isinstance(each, Requested | Replied)]

        def draw(canvas: Canvas, once: Callable[[Canvas], None] = Canvas.draw) -> None:
            once(canvas)
            drawn.append(text(app))

        await until(pilot, lambda: main.canvas._rest is None)
        with patch.object(Canvas, "draw", draw):
            with patch("lab.tui.screens.canvas.ALONE", 60.0):
                source.tell(first)
                await until(pilot, lambda: undrawn(app))
                assert not drawn
                source.tell(reply)
                await until(pilot, lambda: bool(drawn))
            assert not undrawn(app) and len(drawn) == 1
            source.tell(second)
            await until(pilot, lambda: len(drawn) == 2)
            assert not undrawn(app)


async def test_what_comes_within_the_rest_after_a_frame_shows_together_and_a_key_waits_for_none() -> None:
    async with screen_in("running") as (app, source, pilot):
        main, script = main_screen(app), play.Script()
        script.x = 4
        script.poll(9_600, play.body("WAITING"), 40)
        with patch.object(Canvas, "_rested"):  # no rest ever ends
            main.canvas.draw()
            for each in script.observations:
                source.tell(each)
            await until(pilot, lambda: main.state.run.last is not None and main.state.run.last.status == "WAITING")
            assert undrawn(app) and "◆ WAITING" not in text(app)
            await pilot.press("2")
            await until(pilot, lambda: "◆ WAITING" in text(app))
            assert not undrawn(app)
