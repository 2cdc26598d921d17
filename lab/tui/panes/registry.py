"""Every part of the screen and every key, in order: layout, drawing, focus, help and the palette follow from these lists.

To add a pane, write its file and give it a line here.
"""

from functools import partial
from typing import cast

from msgspec.structs import replace

from lab.plugin import KeyDeclared, plugins, resolve
from lab.tui.panes.acts import act_rows
from lab.tui.panes.approval import approval_height, approval_rows
from lab.tui.panes.band import band, band_height
from lab.tui.panes.bars import header, key_rows, narration, stepper
from lab.tui.panes.finale import RAIL, STRIP, focuses, no_question, pane_digits, placed, rail, sheet, strip
from lab.tui.panes.job import exchange_of_job, job_fact, job_parts
from lab.tui.panes.keys import React, Reaction, ScreenKey, commanding
from lab.tui.panes.layout import LEAST, PartForm, Rect, Rects, bars_placed, panes_placed
from lab.tui.panes.output import output_fact
from lab.tui.panes.pane import Bar, Pane, PaneFact, View, last_of
from lab.tui.panes.polling import polling_fact
from lab.tui.panes.screen_keys import RUN_KEYS, VIEW_KEYS, focusing
from lab.tui.panes.scrubber import scrubber_rows
from lab.tui.panes.search import search_rows, searching
from lab.tui.panes.side_panel import SIDE, side_placed, side_rows
from lab.tui.panes.stage import ACT, poster_rows, staged
from lab.tui.panes.token import token_fact, token_parts
from lab.tui.panes.wire import exchange_chosen, wire_fact
from lab.tui.rows.blocks import FRAME_ENDS, FRAMES, LEFT, frame
from lab.tui.rows.spans import BLANK, Row, Rows, TextSpan, centre, cut, ends, fill, hot, ink, row, width
from lab.tui.state.run import Exchange
from lab.tui.state.screen import ScreenState

PANES: tuple[Pane, ...] = (
    Pane("token", "1", "Token", token_fact, partial(last_of, "token"), token_parts, wide=34, narrow=30, copies="t",
        timed=True),
    Pane("job", "2", "Job", job_fact, exchange_of_job, job_parts, wide=44, narrow=36, copies="j",
        help_keys="enter [ z"),
    Pane("polling", "3", "Polling", polling_fact, partial(last_of, "status"), wide=40, copies="b", timed=True,
        scrolls=-1, help_keys="↑ pgup enter z"),
    Pane("output", "4", "Output", output_fact, partial(last_of, "status"), place="stage", copies="o", timed=True,
        scrolls=1, help_keys="o ↑ pgup enter z"),
    Pane("wire", "5", "Wire", wire_fact, exchange_chosen, place="drawer", scrolls=-1, help_keys="↑ pgup enter W z"),
)  # fmt: skip
"""From left to right; the drawer last."""


def _no_call(state: ScreenState) -> str:
    if not state.run.exchanges:
        return "Nothing has been sent yet."
    return f"Focus a pane first: {digits}." if (digits := pane_digits(state)) else "Focus a pane first: esc shows them."


def _focus_key(pane: Pane) -> ScreenKey:
    name, drawer = f"focus-{pane.name}", pane.place == "drawer"
    text = f"look at the {'wire drawer' if drawer else f'{pane.title} pane'}"
    react, offered = focusing(pane.name, drawer=drawer), partial(focuses, pane.key)
    series, label = "look at a pane", "Wire in focus" if drawer else pane.title
    return ScreenKey(name, pane.key, label, text, react, offered, "view", why=no_question, series=series)


OPEN_KEY = ScreenKey(
    "open", "enter", "Open", "both sides of the pane's exchange", commanding("open"),
    lambda state: exchange_in_focus(state) is not None, group="view", why=_no_call,
)  # fmt: skip


def _declared_key(key: KeyDeclared) -> ScreenKey:
    def react(state: ScreenState) -> Reaction:
        return cast("React", resolve(key.react))(state)

    def rank(state: ScreenState) -> int:
        return 2 if key.bar_with and getattr(state, key.bar_with) else 0

    return ScreenKey(key.name, key.face, key.label, key.help, react, needs="control", bar=rank)


PLUGIN_KEYS = tuple(_declared_key(each) for plugin in plugins() for each in plugin.keys)
SCREEN_KEYS = (*RUN_KEYS, *PLUGIN_KEYS, *map(_focus_key, PANES), OPEN_KEY, *VIEW_KEYS)
"""Every key, and every command of the palette; the help lists each group in this order."""

BARS: tuple[Bar, ...] = (
    Bar("header", "top", lambda state, columns, rows: 1, header, timed=True),
    Bar("stepper", "top", lambda state, columns, rows: int(not (state.presents or state.poster)), stepper, timed=True),
    Bar(
        "narration",
        "top",
        lambda state, columns, rows: int(not (state.presents or state.poster)),
        narration,
        apart=True,
    ),
    Bar("band", "top", band_height, band, timed=True, apart=True),
    Bar("keys", "bottom", lambda state, columns, rows: int(not state.presents), partial(key_rows, SCREEN_KEYS)),
    Bar("search", "bottom", lambda state, columns, rows: int(searching(state)), search_rows),
    Bar(
        "scrubber",
        "bottom",
        lambda state, columns, rows: int(state.source.cursor is not None),
        scrubber_rows,
        timed=True,
    ),
    Bar("approval", "bottom", approval_height, approval_rows, timed=True),
)
"""From the edges of the screen inwards."""

BOTTOM = frozenset(bar.name for bar in BARS if bar.edge == "bottom")
_BARS = {bar.name: bar for bar in BARS}
_PANES = {pane.name: pane for pane in PANES}
_BY_NAME = {key.name: key for key in SCREEN_KEYS}
KEYS_OF_SPOT = {
    spot: tuple([key for key in SCREEN_KEYS if spot in (key.name, key.face)])
    for spot in (*_BY_NAME, *[key.face for key in SCREEN_KEYS if key.face])
}
"""What a click may press: a spot names a key, or a face, which several keys may have that are never offered together."""

PARTS = (*_BARS, *_PANES, STRIP, RAIL, ACT, SIDE, "small")
"""The names of all parts; `small` is the notice on a terminal that is too small for any other."""
TIMED = tuple([bar.name for bar in BARS if bar.timed] + [pane.name for pane in PANES if pane.timed] + [ACT])
"""The parts that show a time."""
SCROLLED = {pane.name: pane.scrolls for pane in PANES if pane.scrolls}
MOST_SCROLLED = 4_000


def key_named(name: str) -> ScreenKey:
    """The key of this name."""
    return _BY_NAME[name]


def places(state: ScreenState, columns: int, rows: int) -> Rects:
    """The rectangle of every part that shows."""
    if columns < LEAST[0] or rows < LEAST[1]:
        return {"small": Rect(0, 0, columns, rows)}
    bars, top, end = bars_placed(BARS, state, columns, rows)
    if state.presents or state.shows_act or state.poster:
        body = {ACT: Rect(0, top, columns, end - top)}
    elif state.finale:
        body = placed(state, columns, rows, top, end)
    else:
        body = panes_placed(PANES, state, (columns, rows), top, end)
    return bars | side_placed(body, state, columns, rows)


def exchange_in_focus(state: ScreenState) -> Exchange | None:
    """The exchange that enter opens: that of the pane in focus."""
    pane = _PANES.get(state.ui.focus)
    return None if pane is None else pane.exchange(state.in_sight)


def scrolled(state: ScreenState, pane: str, by: int) -> ScreenState:
    """The state with a pane scrolled on by so many rows; one that scrolls from its newest row upwards, back."""
    upwards = SCROLLED.get(pane) == -1
    most = max(0, len(state.run.exchanges) - 1) if upwards else MOST_SCROLLED
    top = max(0, min(most, state.ui.scrolled.get(pane, 0) + (-by if upwards else by)))
    return replace(state, ui=replace(state.ui, scrolled={**state.unscrolled(pane), **({pane: top} if top else {})}))


def draw(name: str, state: ScreenState, place: Rect, now: int) -> Rows:
    """The rows of a part, exactly as many and as wide as its place."""
    view = View(state, place.width, place.height, now, state.ui.scrolled.get(name, 0), place.zoom)
    if name in _BARS:
        drawn = _BARS[name].draw(view)
    elif name in _PANES:
        drawn = sheet(view) if place.form == "sheet" else _drawn(_PANES[name], view, place.form)
    else:
        others = {ACT: poster_rows if state.poster else act_rows, SIDE: side_rows, STRIP: strip, RAIL: rail}
        drawn = others.get(name, _too_small)(view)
    lines = [fill(line, view.columns) for line in drawn[: view.rows]]
    return (*lines, *[fill(BLANK, view.columns)] * (view.rows - len(lines)))


def _drawn(pane: Pane, view: View, form: PartForm) -> Rows:
    """A pane in its frame, or as a row; alone, as large as it is in its act."""
    state, content = view.state, pane.drawn(view)
    tone, bold = FRAMES[content.kind].title, content.kind != "coming"
    if form == "row":
        return (_one_row(content, hot(row(ink(f"{pane.key} {pane.title.upper():<9}", tone)), pane.key), view.columns),)
    if pane.large is not None and state.ui.zoom == pane.name and content.kind == "done":
        content = replace(content, body=staged(view, view.room, pane.large))
    # in the finale digits belong to the follow-ups
    label = pane.title.upper() if state.finale else f"{pane.key} {pane.title.upper()}"
    title = ink(label, tone, bold=bold)
    if state.ui.focus == pane.name:
        title = TextSpan(f" {label} ", f"{title.role} r")
    whole = row(title, (f"  {content.beside}" if content.beside else "", "dim"))
    forms = ((whole, content.state), *([(whole, content.short)] if content.short else []), (row(title), content.state))
    title_row, state_row = next(
        (each for each in forms if sum(map(width, each)) + FRAME_ENDS <= view.columns), forms[-1]
    )
    return frame(content.body, hot(title_row, pane.key), state_row, content.kind, view.columns, view.rows)


def _one_row(fact: PaneFact, label: Row, columns: int) -> Row:
    """A fact without a frame: sign, name, code, what came, and at the right end how it is now."""
    sign = ink(f"{FRAMES[fact.kind].sign} ", FRAMES[fact.kind].title)
    left = row(" " * LEFT, sign, label, fact.code, "   " if fact.code else "", fact.gist)
    return ends(left, row(fact.right, " " * LEFT), columns)


def _too_small(view: View) -> Rows:
    """One sentence in the middle; below it what there is to say at the moment."""
    needs = row((f"needs {LEAST[0]}x{LEAST[1]}, has {view.columns}x{view.rows}", "fg b"))
    goes_on = "stands" if view.state.ui.paused else "goes on"
    remark = row((view.state.ui.remark or f"the run {goes_on} behind this", "dim"))
    lines = [centre(cut(each, view.columns), view.columns) for each in (needs, remark)]
    return (*[BLANK] * max(0, (view.rows - len(lines)) // 2), *lines)
