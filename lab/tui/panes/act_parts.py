"""What acts are built of: parts one below the other, which fold where there is little room; block letters that fit."""

from typing import Literal, NamedTuple

from msgspec import Struct

from lab.core.clock import Millis
from lab.tui.panes.pane import View
from lab.tui.rows.letters import block, tall, zoom_of
from lab.tui.rows.spans import BLANK, Row, TextSpan, fill, ink, row, width, wrap
from lab.tui.state.ink import Ink
from lab.tui.state.run import RunState
from lab.tui.state.screen import ScreenState

ActForm = Literal["whole", "short", "least"]
_MOST_WIDE = 120
"""Columns of an act at most: wider, and nobody sees it at a glance."""


_MOST_LINES = 4
"""Lines that a sentence takes in block letters at most; a longer one is bold text."""


class ActPart(NamedTuple):
    """Rows that stand together."""

    rows: list[Row]
    folds: int = 0
    """Where there is no room the highest goes first; 0: never."""


class ActRoom(Struct, frozen=True):
    """An act's room: the state and the instant, so many columns, block letters up to a size."""

    state: ScreenState
    now: Millis
    columns: int
    rows: int
    most: int
    """How large block letters may be."""
    form: ActForm
    """`short`: under 30 rows of the screen, `least`: under 24."""

    @property
    def run(self) -> RunState:
        """The run as the act shows it."""
        return self.state.run

    def big(self, text: str, tone: Ink, most: int | None = None) -> list[Row]:
        """The text in the largest block letters that fit, else bold."""
        zoom = zoom_of(text, self.columns, tall(4), most or self.most)
        return block(text, zoom, tone) if zoom else wrap(row(ink(text, tone, bold=True)), self.columns)


def room_of(view: View, form: ActForm, *, wide: bool) -> tuple[ActRoom, int]:
    """The room of an act in its part of the screen, and how many columns stay free before it; a `wide` one has more."""
    columns = view.columns
    margin = 13 if columns >= 120 and not wide else 6 if columns >= 100 else 4
    inner = min(max(_MOST_WIDE, columns * 3 // 4), columns - 2 * margin)
    most = max(2, view.zoom) if columns >= 120 and form == "whole" else 2 if form != "least" else 1
    return ActRoom(view.state, view.now, inner, view.rows, most, form), (columns - inner) // 2


def stacked(parts: list[ActPart], rows: int, most_between: int) -> list[Row]:
    """The parts in so many rows, up to `most_between` blank rows between two of them; what folds first is left out."""
    parts = [part for part in parts if part.rows]
    while sum(len(part.rows) for part in parts) + len(parts) - 1 > rows and any(part.folds for part in parts):
        parts.remove(max(parts, key=lambda part: part.folds))
    spare = max(0, rows - sum(len(part.rows) for part in parts))
    between = max(0, len(parts) - 1)
    gap = min(most_between, spare // (between + 2)) or int(spare >= between)
    lines: list[Row] = [BLANK] * ((spare - gap * between) // 3)
    for number, part in enumerate(parts):
        lines += [BLANK] * (gap if number else 0)
        lines += part.rows
    return lines[:rows]


def at_both_ends(left: list[Row], right: list[Row], columns: int, *, bottom: bool = False) -> list[Row]:
    """Two blocks of rows at the two ends, each of the right one's rows at the right edge."""
    many = max(len(left), len(right))
    left = [*left, *[BLANK] * (many - len(left))]
    blank = [BLANK] * (many - len(right))
    right = [*blank, *right] if bottom else [*right, *blank]
    return [
        row(fill(one, columns - width(other)), other) if other else one for one, other in zip(left, right, strict=True)
    ]


def widest(lines: list[Row]) -> int:
    """The columns of the longest row."""
    return max([0, *map(width, lines)])


def request_head(method: str, *rest: "str | TextSpan | tuple[str, str] | Row") -> Row:
    """`→ POST …`."""
    return row(("→ ", "run b"), (f"{method} ", "run b"), *rest)


def tail_of(path: str, parts: int) -> str:
    """The last parts of a path: `…/ITEM_COMPARE_TEAM/invokeAsync`."""
    found = path.partition("?")[0].strip("/").split("/")
    return path if len(found) <= parts else "…/" + "/".join(found[-parts:])


def lettered(text: str, columns: int) -> list[Row] | None:
    """A sentence in small block letters, a blank row between its lines; None where they are too many, or none fit."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and zoom_of(longer, columns, 4, 1):
            lines[-1] = longer
        else:
            lines.append(word)
    if len(lines) > _MOST_LINES or any(not zoom_of(line, columns, 4, 1) for line in lines):
        return None
    blocks = [block(line, 1, "fg") for line in lines]
    return [each for lines_of in blocks for each in (*lines_of, BLANK)][:-1]
