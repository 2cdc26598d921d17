"""The code by which phones decide: beside the question, or where that has no room on a page of its own."""

from msgspec.structs import replace

from lab.tui.panes.keys import ScreenKey, commanding
from lab.tui.panes.layout import AIRY, NARROW, Rect, Rects
from lab.tui.panes.page import PageContent
from lab.tui.panes.pane import View
from lab.tui.rows.spans import BLANK, Row, Rows, centre, row, width, wrap
from lab.tui.state.screen import PhoneState, ScreenState

QR = "qr"
"""The part beside the question."""
MOST_ROWS = 200
"""Rows of a page, on which the code scrolls."""
_SIDES = (4, 20)
"""Columns beside it in a layout of one part: few, or so many that its address stands below it in one row."""


def qr_placed(found: Rects, bars_shown: frozenset[str], state: ScreenState, columns: int, rows: int) -> Rects:
    """The places with the code's: it has the right end of the facts and the stage, or of the one part that has all the room."""
    phone = state.phone
    if phone is None or not phone.address or not state.ui.qr or columns < NARROW or rows < AIRY:
        return found
    size = max(map(len, phone.cells), default=NARROW // 3)
    body = {name: place for name, place in found.items() if name not in bars_shown}
    top, end = min(place.y for place in body.values()), max(place.y + place.height for place in body.values())
    # where a fact stands at the right end and has about its width, it has that fact's
    framed = [each.x for each in body.values() if each.form == "framed" and 0 <= columns - each.x - size <= _SIDES[1]]
    widths = [columns - max(framed)] if any(framed) else [size + side for side in _SIDES if size <= columns // 2]
    taken = next((each for each in widths if each >= size and len(_lines(phone, each, end - top)) <= end - top), None)
    if taken is None:
        return found
    edge = columns - taken
    left = {
        name: replace(place, width=min(place.width, edge - place.x)) if name in body else place
        for name, place in found.items()
        if name not in body or place.x < edge
    }
    return {**left, QR: Rect(edge, top, taken, end - top)}


def qr_rows(view: View) -> Rows:
    """The code in the middle, its address below it."""
    phone = view.state.phone
    lines = [] if phone is None else _lines(phone, view.columns, view.rows)
    return (*[BLANK] * max(0, (view.rows - len(lines)) // 2), *(centre(line, view.columns) for line in lines))


def _lines(phone: PhoneState, columns: int, rows: int) -> list[Row]:
    """The code, what it is for if there is room, where it leads and who can open that: in one row, if both have room there."""
    reach = row((phone.reach, "bad b" if phone.exposed else "dim"))
    forms = [row(address, "  ", reach) for address in (phone.address, phone.address.partition("://")[2])]
    apart = [*wrap(row(phone.address), columns), *wrap(reach, columns)]
    below = next(([form] for form in forms if width(form) <= columns), apart)
    asks = row(("scan to decide" if phone.cells else "open it on a phone to decide", "fg b"))
    lines = [*(row((line, "ink @paper")) for line in phone.cells), asks, *below]
    return lines if len(lines) <= rows else [each for each in lines if each is not asks]


class QrPage(PageContent):
    """The code alone, on a screen that has no room for it beside the question."""

    opener = "d"
    title = "DECIDE BY PHONE"
    foot = "d or esc"

    def body(self, inner: int) -> list[Row]:
        """The code, or that nothing is to be decided."""
        phone = self.state.phone
        if phone is None or not phone.address:
            return [row(("No gate is open.", "dim"))]
        return [centre(line, inner) for line in _lines(phone, inner, MOST_ROWS)]


KEYS = (
    ScreenKey(
        "qr",
        "d",
        "d",
        "Code",
        "show or hide the code by which phones decide",
        commanding("qr"),
        lambda state: state.phone is not None and bool(state.phone.address),
        group="gate",
        needs="phone",
        why="No gate is open.",
        bar=4,
    ),
)
