"""Where each part stands: a pure function of the size, the state and what the person chose."""

from collections.abc import Sequence

from msgspec import Struct

from lab.tui.panes.pane import Bar, Pane
from lab.tui.state.screen import ScreenState

LEAST = (72, 20)
"""Columns and rows below which nothing but a notice is drawn."""
NARROW = 100
WIDE = 160
AIRY = 30
"""From so many rows on there is a blank row below each bar at the top."""


class Rect(Struct, frozen=True):
    """A rectangle in cells; `form` says whether a pane is one row or has a frame."""

    x: int
    y: int
    width: int
    height: int
    form: str = "framed"


Rects = dict[str, Rect]


def projector(state: ScreenState, columns: int) -> bool:
    """Whether the layout is the projector's, one thing at a time: too few columns for another, or asked for."""
    return columns < NARROW or state.ui.presenter


def lay_out(bars: Sequence[Bar], panes: Sequence[Pane], state: ScreenState, columns: int, rows: int) -> Rects:
    """The rectangle of every part that shows; what is missing is hidden."""
    if columns < LEAST[0] or rows < LEAST[1]:
        return {"small": Rect(0, 0, columns, rows)}
    tight = projector(state, columns)
    airy = not tight and rows >= AIRY + (state.source.cursor is not None)
    found: Rects = {}
    corner = sum(bar.size(state, columns) for bar in bars if bar.edge == "corner")
    top, bottom = 0, rows
    for bar in bars:
        size = bar.size(state, columns)
        x = 1 if bar.inset and not tight else 0
        if bar.edge == "corner":
            found[bar.name] = Rect(columns - size, 0, size, 1)
        elif size and bar.edge == "top":
            found[bar.name] = Rect(0, top, columns - (corner if top == 0 else 0), size)
            top += size + airy
        elif size:
            bottom -= size
            found[bar.name] = Rect(x, bottom, columns - 2 * x, size)
    body = _one_at_a_time if tight else _columns
    return {**found, **body(panes, state, columns, top, bottom - top)}


def _columns(panes: Sequence[Pane], state: ScreenState, columns: int, top: int, height: int) -> Rects:
    """The panes side by side, the drawer below them; or the one that has all the room."""
    if state.ui.zoom:
        return {state.ui.zoom: Rect(1, top, columns - 2, height)}
    wide = columns >= WIDE
    opened = state.ui.wire or (wide and top + height >= 33)
    drawer = min(10, max(5, height // 3)) if opened and height >= 14 else 0
    found: Rects = {}
    stacks: dict[int, list[Pane]] = {}
    for number, pane in enumerate(panes):
        if pane.column is not None:
            stacks.setdefault(number if wide else pane.column.number, []).append(pane)
        elif drawer:
            found[pane.name] = Rect(1, top + height - drawer, columns - 2, drawer)
    x = 1
    for stack, width in zip(stacks.values(), _widths(list(stacks.values()), columns - 2), strict=True):
        y, left = top, height - drawer
        for pane in stack:
            share = None if pane is stack[-1] or pane.column is None else pane.column.rows
            rows = left if share is None else share(height - drawer)
            found[pane.name] = Rect(x, y, width, rows)
            y, left = y + rows, left - rows
        x += width + 1
    return found


def _widths(stacks: list[list[Pane]], columns: int) -> list[int]:
    """The columns of each stack, one free between two; those that name no width share what is left."""
    widths = [max(pane.column.width for pane in stack if pane.column is not None) for stack in stacks]
    rest, open_ended = columns - sum(widths) - (len(widths) - 1), [at for at, width in enumerate(widths) if not width]
    for number, at in enumerate(open_ended):
        widths[at] = rest * (number + 1) // len(open_ended) - rest * number // len(open_ended)
    return widths


def _one_at_a_time(panes: Sequence[Pane], state: ScreenState, columns: int, top: int, height: int) -> Rects:
    """The pane that leads has the room, each other one is a row; or one has all of it."""
    ui = state.ui
    whole = next((pane.name for pane in panes if pane.column is None and ui.wire and not ui.presenter), ui.zoom)
    if whole:
        return {whole: Rect(0, top, columns, height)}
    stacked = [pane for pane in panes if pane.column is not None]
    big = next((pane for pane in stacked if pane.leads(state.run)), stacked[-1])
    found: Rects = {}
    y = top
    for pane in stacked:
        rows = height - len(stacked) + 1 if pane is big else 1
        found[pane.name] = Rect(0, y, columns, rows, "framed" if pane is big else "row")
        y += rows
    return found
