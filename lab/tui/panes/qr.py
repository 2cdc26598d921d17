"""The code by which phones decide: beside the question, or where that has no room on a page of its own."""

from lab.tui.panes.keys import ScreenKey, commanding
from lab.tui.panes.layout import AIRY, NARROW, Rect, Rects
from lab.tui.panes.page import PageContent
from lab.tui.panes.pane import View
from lab.tui.rows.spans import BLANK, Row, Rows, centre, row, width, wrap
from lab.tui.state.phone import PhoneState
from lab.tui.state.screen import ScreenState

QR = "qr"
"""The part beside the question."""
_SIDES = (4, 20)
"""Columns beside it in a layout of one part: few, or so many that its address stands below it in one row."""


def qr_placed(found: Rects, bars_shown: frozenset[str], state: ScreenState, columns: int, rows: int) -> Rects:
    """The places with the code's: it has that of the output, or the right end of the one part that has all the room."""
    phone = state.phone
    if phone is None or not phone.address or not state.ui.qr or columns < NARROW or rows < AIRY or "small" in found:
        return found
    wide = max(map(len, phone.cells), default=NARROW // 3)
    body = {name: place for name, place in found.items() if name not in bars_shown and place.form != "row"}
    name = "output" if len(body) > 1 and "output" in body else max(body, key=lambda each: body[each].height, default="")
    place = body.get(name)
    if place is None:
        return found
    alone = len(body) == 1
    widths = [wide + side for side in _SIDES if wide <= place.width // 2] if alone else [place.width]
    taken = next((each for each in widths if each >= wide and len(_lines(phone, each)) <= place.height), None)
    if taken is None:
        return found
    left = Rect(place.x, place.y, place.width - taken, place.height, place.form)
    kept = {each: where for each, where in found.items() if each != name} | ({name: left} if alone else {})
    return {**kept, QR: Rect(place.x + place.width - taken, place.y, taken, place.height)}


def qr_rows(view: View) -> Rows:
    """The code in the middle, its address below it."""
    phone = view.state.phone
    lines = [] if phone is None else _lines(phone, view.columns)
    above = max(0, (view.rows - len(lines)) // 2)
    return (*[BLANK] * above, *(centre(line, view.columns) for line in lines))


def _lines(phone: PhoneState, columns: int) -> list[Row]:
    """The code, then where it leads and who can open that: in one row, if the address has room there in some form."""
    reach = row((phone.reach, "bad b" if phone.exposed else "dim"))
    whole = row((phone.address, "fg b"))
    forms = [row(address, "  ", reach) for address in (whole, row((phone.address.partition("://")[2], "fg b")))]
    below = next(([form] for form in forms if width(form) <= columns), [*wrap(whole, columns), *wrap(reach, columns)])
    return [*(row((line, "ink @paper")) for line in phone.cells), *below]


class QrPage(PageContent):
    """The code alone, on a screen that has no room for it beside the question."""

    opener = "d"
    title = "DECIDE BY PHONE"
    foot = "d or esc"

    def body(self, inner: int, rows: int) -> list[Row]:
        """The code, or that nothing is to be decided."""
        phone = self.state.phone
        if phone is None or not phone.address:
            return [row(("No gate is open.", "dim"))]
        return [centre(line, inner) for line in _lines(phone, inner)]


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
    ),
)
