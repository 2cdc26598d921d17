"""What a plugin puts beside the question, so that others decide it elsewhere; where that has no room, on a page of its own."""

from msgspec.structs import replace

from lab.tui.panes.keys import Page
from lab.tui.panes.layout import AIRY, NARROW, Rect, Rects
from lab.tui.panes.pane import View
from lab.tui.rows.spans import BLANK, Row, Rows, centre, ink, row, width, wrap
from lab.tui.state.screen import ScreenState, SidePanel

SIDE = "side"
"""The part beside the question."""
_SIDES = (4, 20)
"""Columns beside its picture in a layout of one part: few, or so many that its address stands below it in one row."""


def side_placed(body: Rects, state: ScreenState, columns: int, rows: int) -> Rects:
    """The places with the panel's: it has the right end of the facts and the stage, or of the one part that has all the room."""
    panel = state.side
    if panel is None or not panel.asks or not state.ui.side or columns < NARROW or rows < AIRY:
        return body
    size = max(map(len, panel.picture), default=NARROW // 3)
    top, end = min(place.y for place in body.values()), max(place.y + place.height for place in body.values())
    # where a fact stands at the right end and has about its width, it has that fact's
    framed = [each.x for each in body.values() if each.form == "framed" and 0 <= columns - each.x - size <= _SIDES[1]]
    widths = [columns - max(framed)] if any(framed) else [size + side for side in _SIDES if size <= columns // 2]
    taken = next((each for each in widths if each >= size and len(_lines(panel, each)) <= end - top), None)
    if taken is None:
        return body
    edge = columns - taken
    left = {name: replace(each, width=min(each.width, edge - each.x)) for name, each in body.items() if each.x < edge}
    return {**left, SIDE: Rect(edge, top, taken, end - top)}


def side_rows(view: View) -> Rows:
    """The picture in the middle, its address below it."""
    panel = view.state.side
    lines = [] if panel is None else _lines(panel, view.columns)
    return (*[BLANK] * max(0, (view.rows - len(lines)) // 2), *(centre(line, view.columns) for line in lines))


def _lines(panel: SidePanel, columns: int) -> list[Row]:
    """The picture, then where it leads and who can open that: in one row, if the address has room there in some form."""
    note = row(ink(panel.note, "bad", bold=True) if panel.alarming else ink(panel.note, "dim"))
    forms = [row(address, "  ", note) for address in (panel.address, panel.address.partition("://")[2])]
    apart = [*wrap(row(panel.address), columns), *wrap(note, columns)]
    below = next(([form] for form in forms if width(form) <= columns), apart)
    return [*(row((line, "ink @paper")) for line in panel.picture), row((panel.asks, "fg b")), *below]


def side_page() -> Page:
    """The panel alone, on a screen that has no room for it beside the question."""

    def body(state: ScreenState, inner: int) -> list[Row]:
        panel = state.side
        if panel is None or not panel.asks:
            return [row(("No gate is open.", "dim"))]
        return [centre(line, inner) for line in _lines(panel, inner)]

    return Page("d", "DECIDE ELSEWHERE", "d or esc", body)
