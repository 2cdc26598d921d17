"""The wire: its drawer with one row an exchange, of all clients, and the page with both sides of one."""

from lab.tui.panes.keys import Page, Reaction
from lab.tui.panes.pane import OPENS, PaneFact, View, coming
from lab.tui.panes.search import marked_row
from lab.tui.rows import formats
from lab.tui.rows.blocks import latency, phrase, since_text
from lab.tui.rows.curl import curl
from lab.tui.rows.spans import BLANK, Row, backed, clip, clip_left, cut, fill, hot, ink, row, width, wrap
from lab.tui.state.gate import verdict_face
from lab.tui.state.ink import Ink
from lab.tui.state.reading import short_path
from lab.tui.state.run import USUAL_LABELS, Exchange, Pairs, RunState, TimelineRow
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
        return coming("Nothing has been sent yet.", view.inner)
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
        head = row(head, f"{clip(asks, 6):<6} ")
        if code is None:
            return cut(row(head, ink(lost or "···", "bad" if lost else "dim")), inner)
        word, tone = "", face("").role
        if verdict := exchange.asks.verdict:  # an answer has no status of its own, so its room is the verdict's
            word, tone = verdict_face(verdict).asks, verdict_face(verdict).role
        elif (shown := _shown(run, exchange)) is not None:
            word, tone = shown.word, face(shown.word).role
        line = row(head, (str(code), "done" if code < 400 else "bad b"), ink(f" {clip(word, 8):<8}", tone))
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


def _shown(run: RunState, exchange: Exchange) -> TimelineRow | None:
    """The row of the timeline that a call brought, in whichever turn."""
    rows = (each for turn in (run, *reversed(run.past)) for each in reversed(turn.timeline))
    return next((each for each in rows if each.x == exchange.x and not each.bad), None)


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


# Both sides of an exchange: headers and bodies, and the request as a curl command

FOOT = "y as curl · ← → others · esc"


class ExchangePage(Page):
    """One exchange; it follows the state, so a reply that comes while it is open shows. `y` copies it as curl."""

    keys = ("y", "left", "left_square_bracket", "right", "right_square_bracket")

    def __init__(self, exchange: Exchange) -> None:
        super().__init__("enter", "EXCHANGE", FOOT)
        self.exchange = exchange

    def press(self, state: ScreenState, key: str) -> Reaction:
        """Copy it, or show the exchange before or after."""
        source, exchanges = state.source, state.run.exchanges
        if key == "y":
            self.foot = "sent to the clipboard · esc"
            return Reaction(copy=curl(self.exchange, source.base, source.token_url))
        at = next((at for at, each in enumerate(exchanges) if each.x == self.exchange.x), 0)
        if exchanges:
            by = -1 if key.startswith("left") else 1
            self.exchange = exchanges[max(0, min(len(exchanges) - 1, at + by))]
        self.foot = FOOT
        return Reaction()

    def body(self, state: ScreenState, inner: int) -> list[Row]:
        """The page, more rows than fit if bodies are long; its title says which exchange it is, when, what came of it."""
        run, source = state.run, state.source
        exchange = self.exchange = run.exchange(self.exchange.x) or self.exchange
        came = exchange.lost or ("···" if exchange.code is None else f"{exchange.code}")
        named = f"EXCHANGE {exchange.x}" if exchange.x > 0 else "CALLBACK"
        parts = (named, exchange.route if exchange.x > 0 else "", since_text(run, exchange.at).strip(), came)
        self.title = " · ".join(filter(None, (*parts, latency(exchange.took))))
        head = row(("→ ", "run"), (exchange.method, "run b"), f" {clip_left(exchange.path, inner - 10)}")
        lines = [head, *message_rows(exchange.request_headers, exchange.request_body, inner), BLANK]
        if exchange.struck:
            lines.append(row(("✗ ", "bad"), (clip(exchange.struck, inner - 20), "bad b"), ("  a fault struck", "dim")))
        lines += [*_reply(run, exchange, inner), BLANK, row(("as curl", "run b"), ("   y copies it", "dim"))]
        command = curl(exchange, source.base, source.token_url)
        return [*lines, *[row("  ", part) for text in command.split("\n") for part in wrap(row(text), inner - 2)]]


def _reply(run: RunState, exchange: Exchange, inner: int) -> list[Row]:
    code, lost = exchange.code, exchange.lost
    if lost is not None:
        return [row(("← ", "bad"), (clip(lost, inner - 20), "bad b"), ("  no reply came", "dim"))]
    if code is None:
        return [row(("← ···", "dim"))]
    tone: Ink = "done" if code < 400 else "bad"
    came = row(ink("← ", tone), ink(str(code), tone, bold=True))
    head = row(came, f" {phrase(code)}", (f"   {latency(exchange.took)}", "dim"))
    shown = _shown(run, exchange)
    if shown is not None and exchange.command == "status":
        known = face(shown.word)
        head = row(head, ink(f"   {known.glyph} {shown.word}", known.role, bold=True))
    return [head, *message_rows(exchange.reply_headers, exchange.reply_body, inner)]


def message_rows(headers: Pairs, body: str, inner: int) -> list[Row]:
    lines = [cut(row((f"  {name}: ", "dim"), value), inner) for name, value in headers]
    drawn = formats.document if body[:1] in ("{", "[") else formats.raw
    return [*lines, BLANK, *drawn(body, inner)] if body else lines
