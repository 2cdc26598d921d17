"""The scenario picker: each scenario with its lane in miniature, all on one scale; below, what the chosen one shows."""

from collections.abc import Sequence

from rich.cells import cell_len

from lab.core.clock import Millis
from lab.tui.panes.band import planned_row
from lab.tui.panes.keys import Reaction
from lab.tui.panes.page import ListContent
from lab.tui.rows.blocks import span_text
from lab.tui.rows.markdown import markdown
from lab.tui.rows.spans import BLANK, Row, backed, clip, cut, ink, row, width, wrap
from lab.tui.state.course import CourseStep, planned_course
from lab.tui.state.ink import Ink
from lab.tui.state.screen import ScenarioChoice

SCALE: Millis = 42_000
"""How long the longest lane takes; of a longer course its longest stretch is broken by `···`."""
_LEAST_LANE = 12
"""Cells below which a lane isn't drawn: its end alone tells then."""
_END = 14
"""Cells for how it ends."""
_FOOT = "↑ ↓   enter plays it   esc"
_CONFIRM = "enter once more ends the run that is under way · esc"


class PickerPage(ListContent[ScenarioChoice]):
    """The scenarios; enter chooses one."""

    opener = "s"
    title = "SCENARIO"
    foot = _FOOT
    none_left = "no scenario has these words"
    least, most, steady = 7, 12, True

    _to_confirm = ""
    """The scenario for which it was asked whether the run shall end."""

    def entries(self) -> Sequence[ScenarioChoice]:
        """The scenarios."""
        return self.state.source.scenarios

    @property
    def hint(self) -> str:  # type: ignore[override]  # it says how many there are
        """How many there are, once the lab has read them."""
        many = len(self.entries())
        return f"{many} scenarios · type to find" if many else "the scenarios are being read"

    def first(self) -> int:
        """The one that is played."""
        current = self.state.source.scenario
        names = [each.name for each in self.entries()]
        return names.index(current.name) if current is not None and current.name in names else 0

    def name_of(self, entry: ScenarioChoice) -> str:
        """Its name."""
        return entry.name

    def text_of(self, entry: ScenarioChoice) -> str:
        """Its name, its title, and what it shows."""
        return f"{entry.name} {entry.title} {entry.shows}"

    def line(self, entry: ScenarioChoice, inner: int, *, chosen: bool) -> Row:
        """Name and title, filled if it is the chosen one; its lane, and how it ends."""
        names, titles = (
            max(map(cell_len, each)) for each in zip(*[(e.name, e.title) for e in self.entries()], strict=True)
        )
        names, titles = min(names, 24), min(titles, max(12, inner - min(names, 24) - _END - 5))
        tone: Ink = "fill" if chosen else "bad" if entry.complaints else "dim"
        name = row(ink(f" {clip(entry.name, names):<{names}}  ", tone, bold=chosen))
        name = row(name, ink(f"{clip(entry.title, titles):<{titles}} ", "fill" if chosen else "fg", bold=chosen))
        if chosen:
            name = backed(name, "fill-run")
        room = inner - width(name) - 1 - _END
        return cut(row(name, " ", lane(entry, room, colours=self.state.colours)), inner)

    def more(self, entry: ScenarioChoice, inner: int, rows: int) -> list[Row]:
        """What it shows, its story as far as there is room, what is asked, and its course as planned."""
        if entry.complaints:
            return [line for text in entry.complaints for line in wrap(row(ink(text, "bad")), inner)]
        shows = wrap(row(ink(entry.shows, bold=True)), inner)
        foot: list[Row] = []
        if (scenario := entry.scenario) is not None:
            foot = [BLANK, cut(row(ink("asks  ", "dim"), scenario.message), inner), BLANK]
            foot.append(planned_row(planned_course(scenario, entry.seed, 1), inner))
        story = markdown(entry.story, inner)[: max(0, rows - len(shows) - len(foot) - 1)]
        while story and not width(story[-1]):
            story.pop()
        return [*shows, *([BLANK, *story] if story else []), *foot]

    def take(self, key: str, entry: ScenarioChoice) -> Reaction:
        """Play it; a run that is under way ends only when enter is pressed twice."""
        if self.state.running and self._to_confirm != entry.name:
            self._to_confirm, self.foot = entry.name, _CONFIRM
            return Reaction()
        ui = self.state.choose(starting=False, output="rendered", zoom="")
        return Reaction(ui, lambda source: source.choose(entry.name), close=True)

    def moved(self) -> None:
        """Another one is chosen: it isn't the one that was asked about."""
        self._to_confirm, self.foot = "", _FOOT


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
