"""The short lists over the panes: every command by its name, what can be copied, and what can go wrong on the wire."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from lab.core.exchange import Json
from lab.tui.panes.keys import Reaction, ScreenKey
from lab.tui.panes.page import ListEntry, ListPage
from lab.tui.panes.registry import PANES, exchange_in_focus
from lab.tui.rows.curl import curl, first_curl
from lab.tui.rows.spans import ink, row, wrap
from lab.tui.state.run import USUAL_LABELS
from lab.tui.state.screen import ScreenState


def palette(commands: Sequence[ListEntry]) -> ListPage:
    """The commands that were offered when it was opened; enter does what is chosen."""
    return ListPage(
        "ctrl+p", "PALETTE", "↑ ↓   enter does it   esc", lambda state, inner: list(commands),
        hint="every command by name · type to find", none_left="no command has these words",
    )  # fmt: skip


def commands(state: ScreenState, keys: Sequence[ScreenKey], press: Callable[[ScreenKey], object]) -> list[ListEntry]:
    """What these keys do, by name; once the palette is closed `press` does it."""
    named = [(key, key.label_in(state)) for key in keys if not key.silent]
    names = max((len(name) for _, name in named), default=0)
    return [
        ListEntry(
            name,
            row(f" {name:<{names}} "),
            row(ink(f" {key.help}", "dim")),
            lambda _, key=key: Reaction(close=True, run=lambda: press(key)),  # type: ignore[misc]  # bound now
            right=row(ink(f"{key.face} ", "wait", bold=True)),
        )
        for key, name in named
    ]


# What can be copied to the terminal's clipboard, each piece by a key of its own

HINT = "The terminal's clipboard gets it (OSC 52): not every terminal has one, and tmux only with set-clipboard on."


class CopiedText(Struct, frozen=True):
    """One piece: the key that copies it, what it is, and the text."""

    key: str
    name: str
    text: str


def copied_texts(state: ScreenState) -> list[CopiedText]:
    """All that there is to copy, masked as it shows: of a token its beginning and its end."""
    state = state.in_sight
    run, last, source = state.run, state.run.last, state.source
    exchange = exchange_in_focus(state) or next(reversed(run.exchanges), None)
    output = (last.output or "") if last is not None else ""
    whole = last is None or len(output.encode()) >= last.size
    found = [
        CopiedText("j", state.labels.job, (run.job.job or "") if run.job is not None else ""),
        CopiedText("t", "token, masked", (run.token.token or "") if run.token is not None else ""),
        CopiedText("o", "output" if whole else "output, its beginning", output),
        CopiedText("e", "error", (last.error or "") if last is not None else ""),
        CopiedText("b", "status body", last.body if last is not None else ""),
        CopiedText("c", "a first call as curl", first_curl(source.token_url) if source.token_url else "")
        if exchange is None
        else CopiedText("c", f"{exchange.route} as curl", curl(exchange, source.base, source.token_url)),
        CopiedText("u", "base URL", source.base),
        CopiedText("k", "token URL", source.token_url),
    ]
    return [each for each in found if each.text]


def _looked_at(state: ScreenState) -> str:
    pane = state.ui.focus or ("output" if state.in_sight.finale else "job")
    whole = pane == "output" and state.ui.output == "body"
    return "c" if state.uncalled else "b" if whole else next(each.copies for each in PANES if each.name == pane)


def _piece(piece: CopiedText, state: ScreenState) -> ListEntry:
    said = f"Copied: {piece.name}, {len(piece.text)} characters."
    beginning = " ".join(piece.text[:200].split())
    return ListEntry(
        piece.key,
        row((f" {piece.key}  ", "wait b"), f"{piece.name:<22} "),
        row((f" {beginning}", "dim")),
        lambda key: Reaction(copy=piece.text, close=True, ui=state.choose(remark=said)),
        more=lambda inner, rows: wrap(row((HINT, "dim")), inner),
    )


COPY_MENU = ListPage(
    "y", "COPY", "its key, or ↑ ↓ and enter or y · esc",
    lambda state, inner: [_piece(each, state) for each in copied_texts(state)], _looked_at, keys=("y",),
)  # fmt: skip


# Faults: what is armed, what can be armed, and where the chosen one would strike


class FaultOffer(Struct, frozen=True):
    """A fault that the menu offers: in the language's own words, and what the peer will observe."""

    word: str
    effect: str
    fault: Mapping[str, Json] = {}
    routes: tuple[str, ...] = ("status", "invoke", "token")
    """Where it may strike, the usual place first."""

    def at(self, route: str) -> dict[str, Json]:
        """As a scenario writes it: the next call of the route."""
        return {"route": route, **self.fault}


_JOB, _JOBS = USUAL_LABELS.job, ("status", "invoke")
FAULT_OFFERS = (
    FaultOffer("answer 401", "the token is refused, once", {"answer": 401}),
    FaultOffer("answer 403", "forbidden", {"answer": 403}),
    FaultOffer("answer 404", "not found", {"answer": 404}),
    FaultOffer("answer 429", "too many requests, Retry-After: 2", {"answer": 429, "retry_after": "2s"}),
    FaultOffer("answer 429 bare", "too many requests, no Retry-After", {"answer": 429}),
    FaultOffer("answer 500", "an error of the server", {"answer": 500}),
    FaultOffer("answer 502 html", "a gateway's HTML page", {"answer": 502, "body": "html"}),
    FaultOffer("answer 503", "unavailable, Retry-After: 2", {"answer": 503, "retry_after": "2s"}),
    FaultOffer("answer 504", "a gateway gave up", {"answer": 504}),
    FaultOffer("answer 200 html", "a login page in place of the answer", {"answer": 200, "body": "html"}),
    FaultOffer("strike reset", "the connection is reset", {"strike": "reset"}),
    FaultOffer("strike empty", "the connection ends without a reply", {"strike": "empty"}),
    FaultOffer("strike truncate", "the body stops half-way", {"strike": "truncate"}),
    FaultOffer("strike garbage", "garbage after the headers", {"strike": "garbage"}),
    FaultOffer("strike stall", "headers, then silence", {"strike": "stall"}),
    FaultOffer("strike slow-body", "the body drips", {"strike": "slow-body"}),
    FaultOffer("strike hang", "no byte ever comes", {"strike": "hang"}),
    FaultOffer("strike wrong-length", "Content-Length says more than comes", {"strike": "wrong-length"}),
    FaultOffer("strike close", "answered, then the connection closes", {"strike": "close"}),
    FaultOffer("delay 5s", "five seconds of silence, then the answer", {"delay": "5s"}),
    FaultOffer("status_word", "a status that nobody documented: QUEUED_V2", {"status_word": "QUEUED_V2"}, _JOBS),
    FaultOffer("odd_body", "unknown members, another order", {"odd_body": True}),
    FaultOffer(f"omit {_JOB}", f"the body lacks its {_JOB}", {"omit": [_JOB]}, ("invoke", "status")),
    FaultOffer("expire_token", "the token expires just before the call", {"expire_token": True}, _JOBS),
    FaultOffer("lose_reply", "accepted, but the answer never arrives", {"lose_reply": True}, ("invoke", "status")),
)
"""The menu, in the words of scenarios.md."""


def fault_menu() -> ListPage:
    """The armed ones first, then all offers: enter arms, delete disarms, ← and → turn an offer to another route."""
    turned: Counter[str] = Counter()

    def offered(offer: FaultOffer) -> ListEntry:
        route = offer.routes[turned[offer.word] % len(offer.routes)]

        def take(key: str) -> Reaction:
            if key == "enter":  # then back, to see it strike
                return Reaction(ask=lambda source: source.arm(offer.at(route)), close=True)
            turned[offer.word] += {"left": -1, "right": 1}.get(key, 0)
            return Reaction()

        on = row(("on ", "dim"), (f"{route} ", "wait b"), ("← → " if len(offer.routes) > 1 else "", "dim"))
        return ListEntry(offer.word, row(f" {offer.word:<22}"), row((f" {offer.effect}", "dim")), take, chosen_right=on)

    def armed(name: str, route: str) -> ListEntry:
        def take(key: str) -> Reaction:
            gone = key in ("delete", "backspace")
            return Reaction(ask=lambda source: source.disarm(name)) if gone else Reaction()

        says, disarms = row((f"  armed on {route}", "dim")), row(("delete disarms ", "dim"))
        return ListEntry(f"✗ {name}", row((f" ✗ {name} ", "bad b")), says, take, chosen_right=disarms)

    return ListPage(
        "f", "FAULT", "↑ ↓ ← →   enter arms   esc",
        lambda state, inner: [*(armed(each.name, each.route) for each in state.armed), *map(offered, FAULT_OFFERS)],
        lambda state: FAULT_OFFERS[0].word, "what happens to the next call · type to find",
        none_left="no fault has these words", keys=("delete", "backspace", "left", "right"),
    )  # fmt: skip
