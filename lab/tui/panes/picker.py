"""The scenario picker: each scenario with its lane in miniature, all on one scale; below, what the chosen one shows."""

from collections.abc import Sequence
from functools import partial

from rich.cells import cell_len

from lab.core.clock import Millis
from lab.tui.panes.band import planned_row
from lab.tui.panes.keys import Reaction
from lab.tui.panes.page import ListEntry, ListPage
from lab.tui.rows.blocks import span_text
from lab.tui.rows.formats import markdown
from lab.tui.rows.spans import BLANK, Row, clip, cut, ink, row, width, wrap
from lab.tui.state.course import CourseStep, planned_course
from lab.tui.state.ink import Ink
from lab.tui.state.screen import ScenarioChoice, ScreenState

SCALE: Millis = 42_000
"""How long the longest lane takes; of a longer course its longest stretch is broken by `···`."""
_LEAST_LANE = 12
"""Cells below which a lane isn't drawn: its end alone tells then."""
_END = 14
"""Cells for how it ends."""
CONFIRM = "enter once more ends the run that is under way · esc"


def _entries(state: ScreenState, inner: int) -> list[ListEntry]:
    """Name and title of each; its lane, and how it ends."""
    found = state.source.scenarios
    names = min(max([0, *(cell_len(each.name) for each in found)]), 24)
    titles = min(max([0, *(cell_len(each.title) for each in found)]), max(12, inner - names - _END - 5))

    def entry(each: ScenarioChoice) -> ListEntry:
        name = ink(f" {clip(each.name, names):<{names}}  ", "bad" if each.complaints else "dim")
        head = row(name, f"{clip(each.title, titles):<{titles}} ")
        reaction = Reaction(
            state.choose(starting=False, output="rendered", zoom=""),
            lambda source: source.choose(each.name),
            close=True,
        )
        return ListEntry(
            each.name,
            head,
            row(" ", lane(each, inner - width(head) - 1 - _END, colours=state.colours)),
            lambda key: reaction,
            searched=f"{each.name} {each.title} {each.shows}",
            confirm=CONFIRM if state.running else "",
            more=partial(_shown_below, each),
        )

    return list(map(entry, found))


def _shown_below(entry: ScenarioChoice, inner: int, rows: int) -> list[Row]:
    """What it shows, its story as far as there is room, what is asked, and its course as planned."""
    if entry.complaints:
        return [line for text in entry.complaints for line in wrap(row(ink(text, "bad")), inner)][:rows]
    shows = wrap(row(ink(entry.shows, bold=True)), inner)
    foot: list[Row] = []
    if (scenario := entry.scenario) is not None:
        foot = [BLANK, cut(row(ink("asks  ", "dim"), scenario.message), inner), BLANK]
        foot.append(planned_row(planned_course(scenario, entry.seed, 1), inner))
    story = markdown(entry.story, inner)[: max(0, rows - len(shows) - len(foot) - 1)]
    while story and not width(story[-1]):
        story.pop()
    return [*shows, *([BLANK, *story] if story else []), *foot]


PICKER = ListPage(
    "s", "SCENARIO", "↑ ↓   enter plays it   esc", _entries,
    lambda state: state.source.scenario.name if state.source.scenario is not None else "",
    "{} scenarios · type to find", "the scenarios are being read", "no scenario has these words",
    least=7, most=12, steady=True,
)  # fmt: skip
"""The scenarios; enter plays the chosen one."""


def lane(entry: ScenarioChoice, cells: int, *, colours: bool) -> Row:
    """The course as a line in proportion to time, then how it ends: `▄▄▄▄▄▄▄ ✓ 16 s`."""
    scenario = entry.scenario
    if scenario is None:
        return row(ink("does not load", "bad")) if entry.complaints else ()
    if scenario.expect.refused is not None:
        return row(ink(f"✗ {scenario.expect.refused}, no job", "bad"))
    steps = planned_course(scenario, entry.seed, 1)
    if not steps:
        return ()
    end, whole = steps[-1].face, sum(step.takes for step in steps)
    tail = row(ink(f"{end.glyph} ", end.role), span_text(whole))
    return tail if cells < _LEAST_LANE else row(*_stretches(steps, whole, cells, colours=colours), " ", tail)


def _stretches(steps: Sequence[CourseStep], whole: Millis, cells: int, *, colours: bool) -> list[Row]:
    """A stretch for each status: neighbours of one are one."""
    found: list[tuple[Ink, Millis]] = []
    for step in steps:
        if found and found[-1][0] == step.face.role:
            found[-1] = (step.face.role, found[-1][1] + step.takes)
        elif step.takes:
            found.append((step.face.role, step.takes))
    longest = max(found, key=lambda each: each[1], default=None) if whole > SCALE else None
    scale = SCALE if longest is None else max(SCALE, (whole - longest[1]) * 2)
    spans = [max(1, round(takes * cells / scale)) for _, takes in found]
    parts: list[Row] = []
    for (tone, takes), size in zip(found, spans, strict=True):
        mark = "▄" if colours or tone != "wait" else "▒"
        if longest is not None and takes == longest[1]:
            half = max(2, (cells - sum(spans) + size - 5) // 2)
            parts += [row(ink(mark * half, tone)), row(ink(" ··· ", tone)), row(ink(mark * half, tone))]
        else:
            parts.append(row(ink(mark * size, tone)))
    return parts
