"""The fault menu: what is armed, what can be armed, and where the chosen one would strike. Enter arms, delete disarms."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from lab.core.exchange import Json
from lab.tui.panes.keys import Reaction
from lab.tui.panes.page import ListContent
from lab.tui.rows.spans import Row, cut, ends, row
from lab.tui.state.ink import SpanRole
from lab.tui.state.journal import ArmedFault
from lab.tui.state.run import USUAL_LABELS
from lab.tui.state.screen import ScreenState

_CHOSEN: SpanRole = "fill b @fill-run"


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


class FaultPage(ListContent[ArmedFault | FaultOffer]):
    """What, then where; it follows the state, so a fault that strikes meanwhile leaves the list."""

    opener = "f"
    title = "FAULT"
    foot = "↑ ↓ ← →   enter arms   esc"
    hint = "what happens to the next call · type to find"
    none_left = "no fault has these words"
    keys = ("delete", "backspace", "left", "right")

    def __init__(self, state: Callable[[], ScreenState]) -> None:
        super().__init__(state)
        self._turned: Counter[str] = Counter()
        """How many times an offer was turned to another route."""

    def entries(self) -> Sequence[ArmedFault | FaultOffer]:
        """The armed ones first, then all offers."""
        return [*self.state.armed, *FAULT_OFFERS]

    def first(self) -> int:
        """The first offer."""
        return len(self.state.armed)

    def _route(self, offer: FaultOffer) -> str:
        return offer.routes[self._turned[offer.word] % len(offer.routes)]

    def line(self, entry: ArmedFault | FaultOffer, inner: int, *, chosen: bool) -> Row:
        """An offer's words and effect, of the chosen one its route; an armed one in red."""
        if isinstance(entry, ArmedFault):
            name = row((f" ✗ {entry.name} ", _CHOSEN if chosen else "bad b"), (f"  armed on {entry.route}", "dim"))
            return ends(name, row(("delete disarms ", "dim")) if chosen else (), inner)
        left = row((f" {entry.word:<22}", _CHOSEN if chosen else "fg"), (f" {entry.effect}", "fg" if chosen else "dim"))
        if not chosen:
            return cut(left, inner)
        arrows = "← → " if len(entry.routes) > 1 else ""
        return ends(left, row(("on ", "dim"), (f"{self._route(entry)} ", "wait b"), (arrows, "dim")), inner)

    def take(self, key: str, entry: ArmedFault | FaultOffer) -> Reaction:
        """Arm the chosen one, and go back to see it strike; disarm it; or let it strike another route."""
        match key, entry:
            case "enter", FaultOffer():
                fault = entry.at(self._route(entry))
                return Reaction(ask=lambda source: source.arm(fault), close=True)
            case "delete" | "backspace", ArmedFault():
                name = entry.name
                return Reaction(ask=lambda source: source.disarm(name))
            case "left" | "right", FaultOffer():
                self._turned[entry.word] += 1 if key == "right" else -1
        return Reaction()
