"""Both sides of an exchange: request and reply, headers and bodies, and the request as a curl command."""

from lab.tui.panes.keys import Reaction
from lab.tui.panes.page import Page
from lab.tui.rows import formats
from lab.tui.rows.blocks import latency, phrase, since_text
from lab.tui.rows.curl import curl
from lab.tui.rows.spans import BLANK, Row, clip, clip_left, cut, ink, row, wrap
from lab.tui.state.ink import Ink
from lab.tui.state.run import Exchange, Pairs, RunState
from lab.tui.state.screen import ScreenState
from lab.tui.state.status import face

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
        parts = (f"EXCHANGE {exchange.x}", exchange.route, since_text(run, exchange.at).strip(), came)
        self.title = " · ".join(filter(None, (*parts, latency(exchange.took))))
        head = row(("→ ", "run"), (exchange.method, "run b"), f" {clip_left(exchange.path, inner - 10)}")
        lines = [head, *_message(exchange.request_headers, exchange.request_body, inner), BLANK]
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
    shown = next((each for each in run.timeline if each.x == exchange.x and not each.bad), None)
    if shown is not None and exchange.command == "status":
        known = face(shown.word)
        head = row(head, ink(f"   {known.glyph} {shown.word}", known.role, bold=True))
    return [head, *_message(exchange.reply_headers, exchange.reply_body, inner)]


def _message(headers: Pairs, body: str, inner: int) -> list[Row]:
    lines = [cut(row((f"  {name}: ", "dim"), value), inner) for name, value in headers]
    drawn = formats.document if body[:1] in ("{", "[") else formats.raw
    return [*lines, BLANK, *drawn(body, inner)] if body else lines
