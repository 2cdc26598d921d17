"""The wire drawer: one row an exchange, of all clients."""

from lab.tui.panes.keys import Reaction
from lab.tui.panes.pane import OPENS, PaneFact, View
from lab.tui.panes.search import marked_row
from lab.tui.rows.blocks import latency, since_text
from lab.tui.rows.spans import Row, backed, clip, clip_left, cut, fill, hot, ink, row, width
from lab.tui.state.gate import verdict_face
from lab.tui.state.reading import short_path
from lab.tui.state.run import USUAL_LABELS, Exchange, RunState
from lab.tui.state.screen import ScreenState
from lab.tui.state.status import face

COMPACT = 100
"""Under so many columns within the frame a row has no path: it is one of the facts."""
FULL_PATHS = 146
"""From so many columns within the frame on, paths are whole."""


def wire_fact(view: View) -> PaneFact:
    """The newest exchanges at the lower end; the one `view.top` rows above the newest is chosen, and in sight."""
    state, exchanges, room = view.state, view.run.exchanges, max(1, view.room)
    if not exchanges:
        return PaneFact("coming", [row(("Nothing has been sent yet.", "dim"))])
    up = max(0, min(view.top, len(exchanges) - 1))
    last = len(exchanges) - max(0, up - room + 1)
    shown = exchanges[max(0, last - room) : last]
    focused, at = state.ui.focus == "wire", len(shown) - 1 - min(up, room - 1)
    body = []
    for index, each in enumerate(shown):
        line = exchange_row(view.run, each, view.inner, chosen=focused and index == at)
        body.append(hot(marked_row(line, state.ui), f"{OPENS}{each.x}"))
    if focused:
        body[at] = backed(fill(body[at], view.inner), "panel")
    text = f"{len(exchanges)} exchange{'' if len(exchanges) == 1 else 's'}"
    if state.source.missed:
        text += f" · {state.source.missed} earlier ones are gone"
    hidden = f"↓ {len(exchanges) - last} more · " if last < len(exchanges) else ""
    keys = " · ↑ ↓ choose · enter opens" if focused and view.inner >= COMPACT else ""
    return PaneFact("coming", body, row((f"{hidden}{text}{keys}", "dim")))


def exchange_row(run: RunState, exchange: Exchange, inner: int, *, chosen: bool = False) -> Row:
    """Instant, method, path, code, latency, the beginning of the body; a sign where it is chosen: not every terminal has grounds."""
    code, lost, compact = exchange.code, exchange.lost, inner < COMPACT
    head = row((since_text(run, exchange.at), "dim"), ("›" if chosen else " ", "accent b"))
    head = row(head, (f"{exchange.method[: 4 if compact else None]:<4} ", "run b"))
    if compact:
        asks = exchange.path.partition("?")[0].rpartition("/")[2]
        asks = exchange.command if exchange.command in ("token", "status", "invoke") else asks
        asks = clip(asks, 6)
        if verdict := exchange.asks.verdict:  # an answer has no status of its own, so its room is the verdict's
            asks = f"{asks} · {clip(verdict_face(verdict).asks, 8)}"
        head = row(head, f"{asks:<{16 if verdict else 6}} ")
        if code is None:
            return cut(row(head, ink(lost or "···", "bad" if lost else "dim")), inner)
        shown = next((each for each in reversed(run.timeline) if each.x == exchange.x and not each.bad), None)
        status = ink(" " * 9) if shown is None else ink(f" {shown.word:<8}", face(shown.word).role)
        line = row(head, (str(code), "done" if code < 400 else "bad b"), ink("") if verdict else status)
        return row(line, (f"{latency(exchange.took):>8}", "dim")) if width(line) + 8 <= inner else cut(line, inner)
    # the widest rows have room for whole Job IDs too
    room = max(78, min(112, inner - 92)) if inner >= FULL_PATHS else max(12, inner * 45 // 100 - 6)
    struck = row((f"  ✗ {exchange.struck}", "bad")) if exchange.struck and exchange.struck != lost else ()
    why = row((f"  {lost}", "bad b") if lost is not None else ("  ···", "dim"), struck)
    if lost is not None:  # no body follows: what the reason leaves is the path's
        left = inner - width(head) - width(why)
        room = min(max(room, len(exchange.path)), max(12, left))
    head = row(head, fill(row((_path(exchange.path, room), "run" if code is None and lost is None else "fg")), room))
    if code is None or lost is not None:
        return cut(row(head, why), inner)
    came = row((f"  {code}", "done b" if code < 400 else "bad b"), (f" {latency(exchange.took):>8}", "dim"))
    if verdict := exchange.asks.verdict:
        came = row(came, ink(f"  {verdict_face(verdict).asks}", verdict_face(verdict).role, bold=True))
    return cut(row(head, came, struck, (f"  {exchange.head}", "dim")), inner)


def _path(path: str, room: int) -> str:
    """The path as it is, without the end of its Job ID, with `…` for what all have in common, or cut: what fits."""
    head, sign, job = path.partition(USUAL_LABELS.before_job)
    short = short_path(path)
    for text in (path, f"{head}{sign}{job[:8]}…" if sign else path, short):
        if len(text) <= room:
            return text
    if not sign:
        return clip_left(short, room)
    return clip(f"{clip_left(short_path(head), max(1, room - len(sign) - 9))}{sign}{job[:8]}…", room)


def exchange_chosen(state: ScreenState) -> Exchange | None:
    """The chosen row's."""
    exchanges, up = state.run.exchanges, state.ui.scrolled.get("wire", 0)
    return exchanges[max(0, len(exchanges) - 1 - up)] if exchanges else None


def turn_drawer(state: ScreenState) -> Reaction:
    opened = not state.ui.wire
    focus = "wire" if opened else ""
    return Reaction(state.choose(wire=opened, zoom="", focus=focus, scrolled=state.unscrolled("wire")))


def turn_full_wire(state: ScreenState) -> Reaction:
    full = state.ui.zoom != "wire"
    return Reaction(state.choose(zoom="wire" if full else "", focus="wire" if full or state.ui.wire else ""))
