"""What the key leads to: what is held, and what can be; an exchange that is, whole, and how it is let go."""

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET, convert

from lab.control import ControlCommand
from lab.core.clock import clock_text
from lab.core.exchange import Json
from lab.core.journal.holds import HeldSide
from lab.core.observe import Replied, Requested
from lab.plugins.breakpoints.holding import HoldDocument, ListBreakpoints, Release, SetBreakpoint
from lab.recording.format.lines import Req, Res
from lab.recording.format.text import dumps
from lab.recording.tape.observed import observation_of
from lab.tui.panes.keys import FormField, ListEntry, ListPage, Reaction, TextForm
from lab.tui.panes.wire import ExchangePage
from lab.tui.rows.spans import Row, row
from lab.tui.screens.overlays import MOST_CHARACTERS
from lab.tui.state.hands import HeldExchange
from lab.tui.state.reduce import sent, with_reply
from lab.tui.state.run import Exchange
from lab.tui.state.screen import ScreenState
from lab.tui.state.source import ScreenSource, SourceAsk

_SIDES: tuple[tuple[HeldSide, str], ...] = (("reply", "before it leaves"), ("request", "before the mock reads it"))
_ROUTES = ("status", "invoke", "token", None)
_HEADERS = "retry-after: 2 | cache-control:   sets one, takes one away"


def _commanding(command: ControlCommand[Any]) -> SourceAsk:
    async def ask(source: ScreenSource) -> None:
        await source.ask(command)

    return ask


def open_menu(state: ScreenState) -> Reaction:
    """What is held first, then what can be: enter opens the one, and has the next of the other held."""

    def name_of(one: HeldExchange) -> str:
        return f"{one.number}  {one.side} of {one.route}"

    def offer(side: HeldSide, route: str | None, when: str) -> ListEntry:
        name, command = f"{side} of {route or 'any call'}", SetBreakpoint(route=route, side=side, once=True)
        done = Reaction(ask=_commanding(command), close=True)
        return ListEntry(name, row(f" {name:<20}"), row((f" the next one, {when}", "dim")), lambda key: done)

    def there(one: HeldExchange) -> ListEntry:
        page, says = HoldPage(one), f" at {one.breakpoint}, since {clock_text(one.since)}"
        opens = Reaction(page=page, ask=page.fetch, close=True)
        return ListEntry(name_of(one), row((f" {name_of(one)} ", "wait b")), row((says, "dim")), lambda key: opens)

    offers = [offer(side, route, when) for side, when in _SIDES for route in _ROUTES]
    hint = "what is held, and what is to be held next · type to find"
    page = ListPage(
        "b",
        "HOLD",
        "↑ ↓   enter   esc",
        lambda state, inner: [*map(there, state.holds), *offers],
        lambda state: name_of(state.holds[0]) if state.holds else offers[0].name,
        hint,
        none_left="nothing has these words",
    )
    return Reaction(page=page)


class HoldPage(ExchangePage):
    """An exchange that is held, whole."""

    keys = ("g", "e", "d", "r", "y")

    def __init__(self, one: HeldExchange) -> None:
        super().__init__(Exchange(0, one.since, one.route, "", ""))
        self._one = one
        self._hold: HoldDocument | None = None

    async def fetch(self, source: ScreenSource) -> None:
        """Look at it as it is."""
        for hold in (await source.ask(ListBreakpoints(self._one.number))).holds:
            self._hold, self.exchange = hold, _exchange_of(hold)

    def press(self, state: ScreenState, key: str) -> Reaction:
        """Let it go so; what is edited of it is typed first."""
        if key == "y":
            return super().press(state, key)
        if key == "e":
            hold = self._hold
            return (
                Reaction() if hold is None else Reaction(form=_edits(self._one, hold.reply or hold.request), close=True)
            )
        released = Release(str(self._one.number), "drop" if key == "d" else "reset" if key == "r" else "go")
        return Reaction(ask=_commanding(released), close=True)

    def body(self, state: ScreenState, inner: int) -> list[Row]:
        """Both sides, as far as there are two, and what can be done."""
        rows, one = super().body(state, inner), self._one
        self.title = f"HELD {one.number} · {one.side} of {one.route} · at {one.breakpoint}"
        self.foot = "g lets it go · e edits · d drops · r resets · esc" if one in state.holds else "it is gone · esc"
        return rows


def _exchange_of(hold: HoldDocument) -> Exchange:
    """As the wire shows one: nothing of it commands the terminal."""
    requested = observation_of(convert({"n": 0, "t": hold.since, "x": 0, "c": 0, **hold.request}, Req))
    assert isinstance(requested, Requested)
    if hold.reply is None:
        return sent(requested)
    replied = observation_of(convert({"n": 0, "t": hold.since, "x": 0, **hold.reply}, Res))
    assert isinstance(replied, Replied)
    return with_reply(sent(requested), replied)


def _edits(one: HeldExchange, message: Mapping[str, Json]) -> TextForm:
    """What goes on in its place: what isn't changed stays as it is. A request has no status."""
    body, code = message.get("body", ""), str(message["s"]) if "s" in message else None
    text = body if isinstance(body, str) else dumps(body)
    text = text if text.isprintable() and len(text) <= MOST_CHARACTERS else ""

    def send(state: ScreenState, texts: tuple[str, ...]) -> Reaction:
        *status, lines, delay, sent = texts
        pairs = [line.partition(":") for line in lines.split("|") if line.strip()]
        released = Release(
            str(one.number),
            status=UNSET if status in ([], [""], [code]) else int(status[0]) if status[0].isdecimal() else 0,
            headers={name.strip(): value.strip() or None for name, _, value in pairs} or UNSET,
            body=UNSET if sent == text else sent,
            delay=delay or UNSET,
        )
        return Reaction(ask=_commanding(released))

    fields = (
        *([] if code is None else [FormField("status  › ", text=code, edited=True)]),
        FormField("headers › ", _HEADERS),
        FormField("delay   › ", "5s, in the lab's time"),
        FormField("body    › ", "as it is", text, edited=True),
    )
    return TextForm(f"EDIT {one.number}", fields, send, lambda state: one in state.holds, optional=True)
