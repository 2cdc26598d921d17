"""Whole-screen pages: help, the scenario picker, a screen that is too small."""

from dataclasses import dataclass

from lab.tui import keys
from lab.tui.view.layout import LEAST
from lab.tui.view.markdown import markdown
from lab.tui.view.spans import BLANK, Row, Rows, centre, clip, cut, fill, row, width, wrap
from lab.tui.view.state import Scene


@dataclass(frozen=True, slots=True)
class Choice:
    """A scenario in the picker."""

    name: str
    title: str
    shows: str = ""
    story: str = ""


def small(columns: int, rows: int) -> Rows:
    """One sentence in the middle."""
    told = [
        row((f"needs {LEAST[0]}x{LEAST[1]}, has {columns}x{rows}", "fg b")),
        row(("the run goes on behind this", "dim")),
    ]
    above = max(0, (rows - len(told)) // 2)
    lines = [*[BLANK] * above, *[centre(cut(line, columns), columns) for line in told]]
    return tuple(fill(line, columns) for line in [*lines, *[BLANK] * rows][:rows])


def help_page(scene: Scene, columns: int, rows: int, colours: str, inner: int) -> list[Row]:
    """Every key with what it does; those of this state stand out."""
    lines: list[Row] = [row((f"{columns} × {rows}", "fg b"), ("   80 to 100 columns on a projector", "dim"))]
    lines += [row(("colours ", "dim"), colours), BLANK]
    groups = (("run", "The run"), ("gate", "At a gate"), ("time", "Time"), ("view", "The screen"))
    halves: list[list[Row]] = [[], []]
    for index, (group, name) in enumerate(groups):
        half = halves[1 if group == "view" else 0] if inner >= 72 else halves[0]
        half.append(row((name, "run b")))
        half += [
            _key(scene, key, (inner // 2 - 2) if inner >= 72 else inner) for key in keys.TABLE if key.group == group
        ]
        if index < 2:
            half.append(BLANK)
    if not halves[1]:
        return lines + halves[0]
    size = inner // 2
    for at in range(max(map(len, halves))):
        left = halves[0][at] if at < len(halves[0]) else BLANK
        right = halves[1][at] if at < len(halves[1]) else BLANK
        lines.append(row(fill(left, size), right))
    return lines


def _key(scene: Scene, key: keys.Key, inner: int) -> Row:
    tone = "fg" if key.offered(scene) else "dim"
    return cut(row((f"{key.shown:>7}  ", "wait b" if tone == "fg" else "dim"), (key.help, tone)), inner)


def picker(choices: tuple[Choice, ...], at: int, inner: int, rows: int) -> list[Row]:
    """The scenarios, and below them what the chosen one shows."""
    name_room = min(26, max((len(choice.name) for choice in choices), default=8) + 2)
    story_rows = min(8, max(3, rows // 3))
    room = max(1, rows - story_rows - 2)
    top = max(0, min(at - room // 2, len(choices) - room))
    lines: list[Row] = []
    for index, choice in enumerate(choices[top : top + room], top):
        mark = "▌ " if index == at else "  "
        tone = "fg b" if index == at else "fg"
        line = row((mark, "accent"), (f"{clip(choice.name, name_room - 1):<{name_room}}", tone), (choice.title, tone))
        if width(line) + 6 < inner and choice.shows:
            line = row(line, (f"  {choice.shows}", "dim"))
        lines.append(cut(line, inner))
    lines.append(BLANK)
    if choices:
        chosen = choices[at]
        told = markdown(chosen.story, inner) if chosen.story else wrap(row((chosen.shows, "dim")), inner)
        lines += told[:story_rows]
    return lines
