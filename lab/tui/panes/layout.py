"""Where each part stands: a pure function of the size, the state and what the person chose."""

from collections.abc import Sequence

from msgspec import Struct

from lab.tui.panes.pane import Bar, Column, Pane
from lab.tui.state.screen import ScreenState

LEAST = (72, 20)
"""Columns and rows below which nothing but a notice is drawn."""
NARROW = 100
THREE = 120
"""Columns from which on there are three columns of panes; below, the output stands beside all others."""
WIDE = 160
LEAST_OUTPUT = 48
"""Columns that the panes without a width of their own have, before any other is wider than it must be."""
LEAST_BODY = 8
"""Rows that are left for the panes before a bar at the bottom has more than `LONGEST_BAR`."""
LONGEST_BAR = 5
TALL = 40
"""Rows between the bars from which on the drawer of the wide layout is higher than elsewhere."""
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
            # what a bar says may be long; something must be left for the panes
            size = size if size <= LONGEST_BAR else max(LONGEST_BAR, min(size, bottom - top - LEAST_BODY))
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
    # what four panes side by side seldom fill shows more exchanges
    part = height * 2 // 5 if wide and height >= TALL else min(10, max(5, height // 3))
    drawer = part if opened and height >= 14 else 0
    found: Rects = {}
    stacks: dict[int, list[tuple[Pane, Column]]] = {}
    for number, pane in enumerate(panes):
        if (column := pane.column) is not None:
            at = number if wide else column.number if columns >= THREE else 1 if column.width else 2
            stacks.setdefault(at, []).append((pane, column))
        elif drawer:
            found[pane.name] = Rect(1, top + height - drawer, columns - 2, drawer)
    x = 1
    for stack, width in zip(stacks.values(), _widths(list(stacks.values()), state, columns - 2), strict=True):
        y, left = top, height - drawer
        for pane, column in stack:
            share = column.rows if columns >= THREE else column.rows_of_two or column.rows
            rows = left if share is None or pane is stack[-1][0] else share(height - drawer)
            found[pane.name] = Rect(x, y, width, rows)
            y, left = y + rows, left - rows
        x += width + 1
    return found


def _widths(stacks: list[list[tuple[Pane, Column]]], state: ScreenState, columns: int) -> list[int]:
    """The columns of each stack, one free between two; those that name no width share what is left.

    Where each pane stands for itself and that is much, the others get as many as their longest row takes.
    """
    widths = [max(column.width for _, column in stack) for stack in stacks]
    rest, open_ended = columns - sum(widths) - (len(widths) - 1), [at for at, width in enumerate(widths) if not width]
    for at, stack in reversed(list(enumerate(stacks if len(stacks) > 3 else ()))):
        wanted = [min(column.most, column.longest(state)) for _, column in stack if column.longest is not None]
        more = min(max([0, *wanted]) - widths[at], rest - LEAST_OUTPUT)
        if widths[at] and more > 0:
            widths[at], rest = widths[at] + more, rest - more
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
