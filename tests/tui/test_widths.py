"""At every width from 80 to 200: no word of a table cell is broken, and nothing is cut where its row has room."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from msgspec.structs import replace

from lab.core.clock import INSTANT_EPOCH, Millis
from lab.files.scenarios import load_scenario
from lab.program.scenario import Scenario
from lab.recording.format.reader import read
from lab.tui.panes.registry import draw, places
from lab.tui.rows import formats
from lab.tui.rows.blocks import at_text
from lab.tui.rows.formats import to_markdown
from lab.tui.rows.spans import plain, width
from lab.tui.state.recording import RecordingTimeline
from lab.tui.state.run import RunState
from lab.tui.state.screen import ScreenState, SourceState, UiState
from tests.conftest import THOROUGH, UNLIKE, few_of

ROOT = Path(__file__).parents[2]
NAMES = sorted(path.stem for path in (ROOT / "scenarios").glob("*.yaml"))
WIDTHS = range(80, 201) if THOROUGH else (80, 100, 119, 120, 160)
ROWS = {80: 24, 100: 30, 120: 36, 160: 44, 200: 60}
"""Rows of a screen from so many columns on."""
CELL = re.compile(r"^\|(.*)\|$", re.MULTILINE)


@cache
def recorded(name: str) -> tuple[Scenario, tuple[tuple[RunState, Millis], ...]]:
    """The scenario, and its run where a person is asked, at each end of a job, and at its own."""
    path = ROOT / "recordings" / f"{name}.rec.jsonl"
    timeline = RecordingTimeline(read(path.read_bytes()), INSTANT_EPOCH)
    met = [mark.place for mark in timeline.marks if mark.kind in ("gate", "output", "error")]
    met = met if THOROUGH else [*met[:1], *met[-1:]]
    found = tuple((timeline.journal(place).run(), timeline.at(place)) for place in sorted({*met, timeline.count}))
    return load_scenario(name, ROOT / "scenarios").scenario, found


def states(name: str) -> Iterator[tuple[ScreenState, Millis, int, int]]:
    """Each of these states at each width, at its end with the finale and with the panes: instant, columns, rows."""
    scenario, found = recorded(name)
    show = SourceState("LIVE", scenario.title, scenario.agent.code, 42, scenario, can=frozenset(("decide", "pause")))
    for run, now in found:
        for columns in WIDTHS:
            rows = ROWS[max(least for least in ROWS if least <= columns)]
            state = ScreenState(run, UiState(), show)
            yield state, now, columns, rows
            if state.finale:
                yield replace(state, ui=UiState(panes=True)), now, columns, rows


def cell_words(output: str | None) -> set[str]:
    """The words of the cells of an output's tables, without what marks them."""
    text = to_markdown(output or "") if formats.kind(output) == "HTML" else output or ""
    lines = [line for line in CELL.findall(text) if line.strip("|-: ")]
    return set(re.sub(r"[*`_]{1,2}|\\", "", " ".join(lines)).replace("|", " ").split())


@pytest.mark.parametrize("name", few_of(NAMES, UNLIKE))
def test_no_word_of_a_table_cell_is_broken(name: str) -> None:
    for state, now, columns, rows in states(name):
        place = places(state, columns, rows).get("output")
        if place is None or place.form == "row" or state.run.last is None:
            continue
        drawn = draw("output", state, replace(place, height=200), now)
        found = set(re.sub(r"[*`_]{1,2}", "", " ".join(map(plain, drawn))).split())
        assert not (cell_words(state.run.last.output) - found), columns


def foreign(text: str, *known: object) -> list[str]:
    """The words that are cut in a text, though not in what it shows."""
    found = [word for word in text.split() if word.endswith("…")]
    own = repr(known) if found else ""
    return [word for word in found if word not in own]


@pytest.mark.parametrize("name", few_of(NAMES, UNLIKE))
def test_nothing_is_cut_where_its_row_has_room_and_a_job_id_and_a_status_word_never(name: str) -> None:
    for state, now, columns, rows in states(name):
        for part, place in places(state, columns, rows).items():
            lines = draw(part, state, place, now)
            for line in lines:
                assert width(line) == place.width
                text = plain(line).rstrip("│┃ ")
                room = place.width - len(text) - (2 if place.form == "framed" else 0)
                assert room <= 4 or not foreign(text, state.run, state.source.scenario), (columns, part, text)
            assert_whole(part, state, "\n".join(map(plain, lines)))


def assert_whole(part: str, state: ScreenState, text: str) -> None:
    """What a pane shows of its job and its question stands there whole."""
    run = state.run
    if part == "job" and run.job is not None and run.job.job:
        assert run.job.job in re.sub(r"[│┃\s]", "", text), text
    if part == "polling":
        assert not foreign(text, run), text
    if part in ("approval", "narration"):
        assert "…" not in text or "…" in repr((run.gate, state.source.scenario)), text


@pytest.mark.parametrize("name", few_of(NAMES, UNLIKE))
def test_over_all_panes_nothing_is_cut_and_the_timeline_shows_every_row(name: str) -> None:
    scenario, found = recorded(name)
    show = SourceState("LIVE", scenario.title, scenario.agent.code, 42, scenario)
    run, now = found[-1]
    for columns, pane in (
        (columns, pane) for columns in (80, 120, 200) for pane in ("token", "job", "polling", "output")
    ):
        state = ScreenState(run, UiState(zoom=pane, focus=pane), show)
        text: list[str] = []
        for up in range(0, max(1, len(run.timeline)), 5):
            at = replace(state, ui=replace(state.ui, scrolled={pane: up}))
            text += [plain(line) for line in draw(pane, at, places(at, columns, 30)[pane], now)]
        assert not foreign("\n".join(text), run, scenario), (columns, text)
        if pane == "polling" and run.job is not None and run.job.job:
            assert all(any(at_text(run.since_start(each.shown_at)) in line for line in text) for each in run.timeline)
