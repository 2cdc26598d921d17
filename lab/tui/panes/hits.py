"""From hit to hit of a search: where the next one is, and how far its pane is scrolled then."""

from msgspec.structs import replace

from lab.core.clock import Millis
from lab.tui.panes.finale import sheet_of
from lab.tui.panes.output import content
from lab.tui.panes.pane import View
from lab.tui.panes.registry import places
from lab.tui.panes.search import in_exchange
from lab.tui.rows.blocks import since_text
from lab.tui.rows.marks import find
from lab.tui.state.screen import ScreenState, UiState


def go_to_hit(state: ScreenState, size: tuple[int, int], now: Millis, by: int) -> UiState:
    """The choice that shows the hit `by` further, round the end; 0: the first one from where one is.

    The pane has all the room where it would show as a row, or not at all.
    """
    ui, pane = state.ui, state.ui.searched
    place = places(state, *size).get(pane)
    if place is None or place.form not in ("framed", "sheet"):
        state = replace(state, ui=replace(ui, zoom=pane))
        place = places(state, *size).get(pane)
    if place is None:  # the terminal is too small for any
        return ui
    view = View(state, place.width, place.height, now)
    tops, here = _in_wire(state) if pane == "wire" else _in_output(view, place.form)
    if not tops:
        return replace(ui, query="", remark=f"Nothing in the {pane} has “{ui.query}”.")
    first = next((at for at, (place_of, _) in enumerate(tops) if place_of >= here), 0)
    hit = (ui.hit - 1 + by) % len(tops) if by else first
    top = tops[hit][1]
    scrolled = dict(state.unscrolled(pane)) | ({str(pane): top} if top else {})
    focus = pane if pane == "wire" else ui.focus
    return state.choose(focus=focus, hit=hit + 1, hits=len(tops), scrolled=scrolled)


Tops = list[tuple[int, int]]
"""For each hit its place in the pane, and how many rows are scrolled away where it shows."""


def _in_wire(state: ScreenState) -> tuple[Tops, int]:
    """The hits, and which place is chosen."""
    run, exchanges = state.run, state.run.exchanges
    last = len(exchanges) - 1
    found = (in_exchange(each, state.ui.query, since_text(run, each.at)) for each in exchanges)
    tops = [(at, last - at) for at, has_words in enumerate(found) if has_words]
    return tops, last - state.ui.scrolled.get("wire", 0)


def _in_output(view: View, form: str) -> tuple[Tops, int]:
    """The hits, each in the upper third if the output is longer than its room, and which row is the first that shows."""
    rows, room = sheet_of(view)[1:3] if form == "sheet" else (content(view), view.room)
    most = max(0, len(rows) - room)
    found = [hit[0][0] for hit in find(rows, view.state.ui.query)]
    return [(at, max(0, min(at - room // 3, most))) for at in found], view.state.ui.scrolled.get("output", 0)
