"""Whole-screen pages: the scenario picker, a screen that is too small."""

from dataclasses import dataclass

from lab.language.document import Scenario
from lab.tui.panes.layout import LEAST
from lab.tui.panes.planned_path import expected
from lab.tui.rows.lane import bars
from lab.tui.rows.markdown import markdown
from lab.tui.rows.spans import BLANK, Row, Rows, centre, clip, cut, fill, row, width, wrap
from lab.tui.state.narrate import glyph, status_role


@dataclass(frozen=True, slots=True)
class Choice:
    """A scenario in the picker."""

    name: str
    title: str
    shows: str = ""
    story: str = ""
    scenario: Scenario | None = None
    """For the path that its plan draws."""
    seed: int = 0
    complaints: tuple[str, ...] = ()
    """Why it doesn't load, each with its place."""


def small(columns: int, rows: int, said: str = "") -> Rows:
    """One sentence in the middle; below it what there is to say at the moment."""
    told = [
        row((f"needs {LEAST[0]}x{LEAST[1]}, has {columns}x{rows}", "fg b")),
        row((said or "the run goes on behind this", "dim")),
    ]
    above = max(0, (rows - len(told)) // 2)
    lines = [*[BLANK] * above, *[centre(cut(line, columns), columns) for line in told]]
    return tuple(fill(line, columns) for line in [*lines, *[BLANK] * rows][:rows])


def picker(choices: tuple[Choice, ...], at: int, inner: int, rows: int) -> list[Row]:
    """The scenarios, and below them what the chosen one shows: its path, its story, or why it doesn't load."""
    name_room = min(26, max((len(choice.name) for choice in choices), default=8) + 2)
    told_rows = min(12, max(5, rows // 2))
    room = max(1, rows - told_rows - 1)
    top = max(0, min(at - room // 2, len(choices) - room))
    lines: list[Row] = []
    for index, choice in enumerate(choices[top : top + room], top):
        mark = "▌ " if index == at else "  "
        tone = "bad" if choice.complaints else "fg b" if index == at else "fg"
        line = row((mark, "accent"), (f"{clip(choice.name, name_room - 1):<{name_room}}", tone), (choice.title, tone))
        if width(line) + 6 < inner and choice.shows:
            line = row(line, (f"  {choice.shows}", "dim"))
        lines.append(cut(line, inner))
    lines.append(BLANK)
    return lines + _chosen(choices[at], inner)[:told_rows] if choices else lines


def _chosen(choice: Choice, inner: int) -> list[Row]:
    if choice.complaints:
        return [line for told in choice.complaints for line in wrap(row((told, "bad")), inner)]
    lines: list[Row] = []
    if choice.scenario is not None:
        path, steps = expected(choice.scenario, choice.seed)
        end = path[-1][0]
        told = f"  {' · '.join(steps)}"
        lines += bars(path, inner)
        seed = f" with seed {choice.seed}"
        lines += [
            cut(
                row((glyph(end), status_role(end)), (f" {end}", f"{status_role(end)} b"), (f"{seed}{told}", "dim")),
                inner,
            ),
            BLANK,
        ]
    return lines + (markdown(choice.story, inner) if choice.story else wrap(row((choice.shows, "dim")), inner))
