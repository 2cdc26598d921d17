"""The fault menu: what is armed, what can be armed, and where the chosen one would strike. Enter arms, delete disarms."""

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from lab.core.exchange import Json
from lab.tui.panes.page import ListPage, PageReaction
from lab.tui.rows.spans import BLANK, Row, cut, ends, row, wrap
from lab.tui.state.ink import Role
from lab.tui.state.journal import ArmedFault
from lab.tui.state.run import USUAL_LABELS
from lab.tui.state.screen import ScreenState


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


_JOB = USUAL_LABELS.job
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
    FaultOffer(
        "status_word",
        "a status that nobody documented: QUEUED_V2",
        {"status_word": "QUEUED_V2"},
        ("status", "invoke"),
    ),
    FaultOffer("odd_body", "unknown members, another order", {"odd_body": True}),
    FaultOffer(f"omit {_JOB}", f"the body lacks its {_JOB}", {"omit": [_JOB]}, ("invoke", "status")),
    FaultOffer(
        "expire_token",
        "the token expires just before the call",
        {"expire_token": True},
        ("status", "invoke"),
    ),
    FaultOffer("lose_reply", "accepted, but the answer never arrives", {"lose_reply": True}, ("invoke", "status")),
)
"""The menu, in the words of scenarios.md."""


class FaultPage(ListPage[ArmedFault | FaultOffer]):
    """What, then where; it follows the state, so a fault that strikes meanwhile leaves the list."""

    opener = "f"
    name = "FAULT"
    foot = "type to find · ↑ ↓ ← → enter arms · esc"
    keys = ("enter", "delete", "backspace", "left", "right")

    def __init__(self, state: Callable[[], ScreenState]) -> None:
        super().__init__(state)
        self.at = len(self.state.armed)
        self._turned = 0
        """How many times the chosen fault was turned to another route."""

    def every(self) -> Sequence[ArmedFault | FaultOffer]:
        """The armed ones first, then all offers."""
        return [*self.state.armed, *FAULT_OFFERS]

    def text_of(self, entry: ArmedFault | FaultOffer) -> str:
        """An offer's words and effect; an armed one's name."""
        return f"{entry.word} {entry.effect}" if isinstance(entry, FaultOffer) else f"{entry.name} {entry.route} armed"

    def _route(self, offer: FaultOffer) -> str:
        return offer.routes[self._turned % len(offer.routes)]

    def body(self, inner: int, rows: int) -> list[Row]:
        """The list, scrolled to the chosen one, which says its route."""
        entries, scenario = self.entries(), self.state.source.scenario
        self.at = max(0, min(len(entries) - 1, self.at))
        lines: list[Row] = []
        places: list[int] = []
        for index, each in enumerate(entries):
            here = index == self.at
            before = entries[index - 1] if index else None
            if isinstance(each, FaultOffer) and not isinstance(before, FaultOffer):
                lines += ([BLANK] if lines else []) + [row(("what happens to the next call", "dim"))]
            places.append(len(lines))
            mark = row(("▌ " if here else "  ", "accent"))
            if isinstance(each, FaultOffer):
                lines.append(_offer_row(each, mark, self._route(each) if here else "", inner))
                continue
            left = row(mark, ("✗ ", "bad"), (each.name, "bad b"), (f"  armed on {each.route}", "dim"))
            lines.append(ends(left, row(("delete disarms", "dim")) if here else (), inner))
        if not entries:
            lines.append(row(("no fault has these words", "dim")))
        if scenario is not None and scenario.faults:
            names = ", ".join(fault.name or f"{fault.route}-{fault.what}" for fault in scenario.faults)
            lines += [BLANK, *wrap(row(("in the scenario itself: ", "dim"), names), inner, most=2)]
        top = max(0, min((places[self.at] if places else 0) - rows // 2, len(lines) - rows))
        self.below = sum(1 for place in places if place >= top + rows)
        return lines[top : top + rows]

    def edit(self, key: str, character: str | None) -> bool:
        """What is typed chooses anew."""
        if super().edit(key, character):
            self._turned = 0
            return True
        return False

    def move(self, by: int) -> bool:
        """Choose another one."""
        self._turned = 0
        return super().move(by)

    def press(self, key: str) -> PageReaction:
        """Arm the chosen one, and go back to see it strike; disarm it; or let it strike another route."""
        chosen = self.chosen
        match key, chosen:
            case "enter", FaultOffer():
                fault = chosen.at(self._route(chosen))
                return PageReaction(lambda source: source.arm(fault), close=True)
            case "delete" | "backspace", ArmedFault():
                name = chosen.name
                return PageReaction(lambda source: source.disarm(name))
            case "left" | "right", _:
                self._turned += 1 if key == "right" else -1
        return PageReaction()


def _offer_row(offer: FaultOffer, mark: Row, route: str, inner: int) -> Row:
    tone: Role = "fg b" if route else "fg"
    left = row(mark, (f"{offer.word:<22}", tone), (offer.effect, "fg" if route else "dim"))
    if not route:
        return cut(left, inner)
    arrows = " ← →" if len(offer.routes) > 1 else ""
    return ends(left, row(("on ", "dim"), (route, "wait b"), (arrows, "dim")), inner)
