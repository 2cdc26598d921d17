"""The scenario picker: the scenarios, and what the chosen one shows: the path that its plan draws, its story."""

from collections.abc import Callable, Sequence

from lab.tui.panes.band import planned_row
from lab.tui.panes.page import ListPage, PageReaction
from lab.tui.panes.planned_path import lane_rows, planned_path
from lab.tui.rows.markdown import markdown
from lab.tui.rows.spans import BLANK, Row, clip, cut, row, width, wrap
from lab.tui.state.course import planned_course
from lab.tui.state.ink import Role
from lab.tui.state.screen import ScenarioChoice, ScreenState

_STORY = 3
"""Rows for what a scenario shows that its lanes leave, a blank one too."""
PICKER_FOOT = "type to find · ↑ ↓ enter · esc"
CONFIRM_FOOT = "enter once more ends the run that is under way · esc"


class PickerPage(ListPage[ScenarioChoice]):
    """The scenarios; enter chooses one."""

    opener = "s"
    name = "SCENARIO"
    foot = PICKER_FOOT
    keys = ("enter",)

    def __init__(self, state: Callable[[], ScreenState]) -> None:
        super().__init__(state)
        source = self.state.source
        self._choices = source.scenarios
        self._to_confirm = ""
        """The scenario for which it was asked whether the run shall end."""
        current = source.scenario.name if source.scenario is not None else ""
        self.at = next((at for at, choice in enumerate(self._choices) if choice.name == current), 0)

    def every(self) -> Sequence[ScenarioChoice]:
        """The scenarios as they were when the page was opened."""
        return self._choices

    def text_of(self, entry: ScenarioChoice) -> str:
        """Its name, its title, and what it shows."""
        return f"{entry.name} {entry.title} {entry.shows}"

    def body(self, inner: int, rows: int) -> list[Row]:
        """The list, and below it the chosen one."""
        found = tuple(self.entries())
        self.foot = CONFIRM_FOOT if self.chosen is not None and self.chosen.name == self._to_confirm else PICKER_FOOT
        self.below = max(0, len(found) - _top(found, self.at, rows) - _list_rows(rows))
        return picker(found, self.at, inner, rows)

    def press(self, key: str) -> PageReaction:
        """Play it."""
        if (choice := self.chosen) is None:
            return PageReaction(close=not self._choices)
        if self.state.running and self._to_confirm != choice.name:
            self._to_confirm = choice.name
            return PageReaction()
        ui = self.state.choose(starting=False, typing="", output="rendered", zoom="")
        return PageReaction(lambda source: source.choose(choice.name), ui, close=True)


def _list_rows(rows: int) -> int:
    """How many of a page's rows list scenarios; a blank row and the chosen one have the others."""
    return max(1, rows - min(12, max(5, rows // 2)) - 1)


def _top(choices: tuple[ScenarioChoice, ...], at: int, rows: int) -> int:
    """The first scenario that shows, so that the chosen one does."""
    room = _list_rows(rows)
    return max(0, min(at - room // 2, len(choices) - room))


def picker(choices: tuple[ScenarioChoice, ...], at: int, inner: int, rows: int) -> list[Row]:
    """The scenarios, and below them what the chosen one shows: its path, its story, or why it doesn't load."""
    if not choices:
        return [row(("no scenario has these words", "dim"))]
    name_room = min(26, max((len(choice.name) for choice in choices), default=8) + 2)
    top, room = _top(choices, at, rows), _list_rows(rows)
    lines: list[Row] = []
    for index, choice in enumerate(choices[top : top + room], top):
        mark = "▌ " if index == at else "  "
        tone: Role = "bad" if choice.complaints else "fg b" if index == at else "fg"
        line = row((mark, "accent"), (f"{clip(choice.name, name_room - 1):<{name_room}}", tone), (choice.title, tone))
        shows = row((f"  {choice.shows}", "dim"))
        if width(line) + width(shows) <= inner:  # else it stands below the list, once the scenario is chosen
            line = row(line, shows)
        lines.append(cut(line, inner))
    lines.append(BLANK)
    return lines + _chosen(choices[at], inner, rows - len(lines))


def _chosen(choice: ScenarioChoice, inner: int, rows: int) -> list[Row]:
    if choice.complaints:
        return [line for text in choice.complaints for line in wrap(row((text, "bad")), inner)][:rows]
    lines: list[Row] = []
    if choice.scenario is not None:
        lanes = planned_path(choice.scenario, choice.seed).lanes
        lines.append(planned_row(planned_course(choice.scenario, choice.seed, 1), inner))
        lines += [*lane_rows(lanes, inner, rows - len(lines) - _STORY), BLANK]
    shows = wrap(row((choice.shows, "dim")), inner) if choice.shows else []
    return [*lines, *shows, *([BLANK, *markdown(choice.story, inner)] if choice.story else [])][:rows]
