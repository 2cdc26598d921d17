"""Where each part stands: a pure function of the size, the state and what the person chose.

From the edges inwards there are the bars; between them the facts (panes 1 to 3, and the wire from 160 columns on), side by
side where there is room, else a row each; below them, at every size, the stage. Nothing of it depends on whether a bar at
the bottom is open, but for the stage's lower edge.

Textual's own layout isn't used: its borders have nothing at the right end of their top, and the hero's size follows from all
parts at once, before any is drawn.
"""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from lab.tui.panes.pane import Bar, Pane
from lab.tui.rows.letters import tall, wide
from lab.tui.state.screen import ScreenState

LEAST = (72, 20)
"""Columns and rows below which nothing but a notice is drawn."""
NARROW = 100
BROAD = 120
"""Columns from which on facts stand side by side; from `NARROW` on where there are `HIGH` rows."""
HIGH = 36
WIDE = 160
"""Columns from which on the wire is one of the facts."""
AIRY = 30
"""From so many rows on there is a blank row below each bar at the top."""
LEAST_BODY = 8
"""Rows that are left for the panes before a bar at the bottom has more than `LONGEST_BAR`."""
LONGEST_BAR = 5
FACT_ROWS = (9, 14)
"""Rows of facts that stand side by side, at least and at most."""
HERO = "RUNNING"
"""The word by which the hero's size is chosen: the one that shows longest."""

PartForm = Literal["framed", "row", "sheet"]


class Rect(Struct, frozen=True):
    """A rectangle in cells, and in which form its part is drawn."""

    x: int
    y: int
    width: int
    height: int
    form: PartForm = "framed"
    zoom: int = 0
    """Of the stage: how large its word may be."""


Rects = dict[str, Rect]


def projector(state: ScreenState, columns: int) -> bool:
    """Whether there are few columns, or one thing at a time was asked for."""
    return columns < NARROW or state.ui.presenter


def band_rows(rows: int) -> int:
    """The rows of the band of agents on a screen of so many."""
    return 3 if rows >= AIRY else 2 if rows >= 26 else 1


def zoom_of_hero(columns: int, rows: int) -> int:
    """How large the status word is: the largest zoom beside which 40 columns, and above which facts of nine rows are left."""
    zooms = (zoom for zoom in (4, 3) if _fact_rows(columns, rows, zoom) and wide(HERO, zoom) + 40 <= columns - 6)
    return next(zooms, 2)


def _fact_rows(columns: int, rows: int, zoom: int) -> int:
    """The rows of facts side by side; 0: there is no room for them."""
    if columns < NARROW or (columns < BROAD and rows < HIGH):
        return 0
    begin = (6 if rows >= AIRY else 4) + band_rows(rows) + 1
    left = rows - 1 - 5 - begin - tall(zoom) - 4
    return min(left, FACT_ROWS[1]) if left >= FACT_ROWS[0] else 0


def bars_placed(bars: Sequence[Bar], state: ScreenState, columns: int, rows: int) -> tuple[Rects, int, int]:
    """The bars that show, and between which rows there is room for all else."""
    found: Rects = {}
    top, bottom = 0, rows
    for bar in bars:
        size = bar.size(state, columns, rows)
        if size and bar.edge == "top":
            found[bar.name] = Rect(0, top, columns, size)
            top += size + (rows >= AIRY or bar.apart)
        elif size:
            # what a bar says may be long; something must be left for the panes
            size = size if size <= LONGEST_BAR else max(LONGEST_BAR, min(size, bottom - top - LEAST_BODY))
            bottom -= size
            found[bar.name] = Rect(0, bottom, columns, size)
    return found, top, bottom


def panes_placed(panes: Sequence[Pane], state: ScreenState, size: tuple[int, int], top: int, bottom: int) -> Rects:
    """The facts, below them the stage, at its foot the drawer; or the one that has all the room. `size`: the screen's."""
    columns, rows = size
    ui, drawer = state.ui, next(pane for pane in panes if pane.place == "drawer")
    stage = next(pane for pane in panes if pane.place == "stage")
    whole = drawer.name if ui.wire and columns < NARROW and not ui.presenter else ui.zoom
    if whole:
        return {whole: Rect(0, top, columns, bottom - top)}
    facts = [pane for pane in panes if pane.place == "fact"]
    high = _fact_rows(columns, rows, zoom_of_hero(columns, rows))
    found: Rects = {}
    if high:
        beside = [*facts, drawer] if columns >= WIDE else facts
        x = 0
        for pane in beside:
            broad = columns - x if pane is beside[-1] else pane.wide if columns >= BROAD else pane.narrow
            found[pane.name] = Rect(x, top, broad, high)
            x += broad + 1
        top += high
    else:
        for pane in facts:
            found[pane.name] = Rect(0, top, columns, 1, "row")
            top += 1
        top += rows >= AIRY
    if ui.wire and drawer.name not in found:
        many = min(10, max(5, (bottom - top) // 3))
        if bottom - top - many < 3:  # no room for both
            return {**found, drawer.name: Rect(0, top, columns, bottom - top)}
        bottom -= many
        found[drawer.name] = Rect(0, bottom, columns, many)
    return {**found, stage.name: Rect(0, top, columns, bottom - top, zoom=zoom_of_hero(columns, rows))}
