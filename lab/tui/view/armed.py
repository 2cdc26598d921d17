"""Faults from outside: what is armed, folded from the journal's facts, and what the menu offers to arm."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from lab.core.exchange import Json
from lab.jobs import journal
from lab.tui.view import clean

MOST_ARMED = 32
"""How many armed faults the screen keeps."""


@dataclass(frozen=True, slots=True)
class ArmedView:
    """An armed fault: it stands in the header until it strikes, or for as long as it goes on striking."""

    name: str
    route: str
    once: bool


Armed = tuple[ArmedView, ...]


def with_fact(armed: Armed, fact: journal.Fact) -> Armed:
    """What is armed after one more fact."""
    match fact:
        case journal.FaultArmed(fault=name, where=where):
            route = clean.line(str(where.get("route", "")), 40)
            once = str(where.get("calls", 1)).isdigit() and "chance" not in where
            return (*armed, ArmedView(clean.line(name, 80), route, once))[-MOST_ARMED:]
        case journal.FaultDisarmed(fault=name):
            return tuple(each for each in armed if each.name != name)
        case journal.FaultStruck(fault=name):
            return tuple(each for each in armed if each.name != name or not each.once)
        case journal.LedgerCleared():
            return ()
        case _:
            return armed


@dataclass(frozen=True, slots=True)
class Offer:
    """A fault that the menu offers: in the language's own words, and what the peer will observe."""

    word: str
    told: str
    fault: Mapping[str, Json] = field(default_factory=dict)
    routes: tuple[str, ...] = ("status", "invoke", "token")
    """Where it may strike, the usual place first."""

    def at(self, route: str) -> dict[str, Json]:
        """As a scenario writes it: the next call of the route."""
        return {"route": route, **self.fault}


def _offers() -> Iterator[Offer]:
    yield Offer("answer 401", "the token is refused, once", {"answer": 401})
    yield Offer("answer 403", "forbidden", {"answer": 403})
    yield Offer("answer 404", "not found", {"answer": 404})
    yield Offer("answer 429", "too many requests, Retry-After: 2", {"answer": 429, "retry_after": "2s"})
    yield Offer("answer 429 bare", "too many requests, no Retry-After", {"answer": 429})
    yield Offer("answer 500", "an error of the server", {"answer": 500})
    yield Offer("answer 502 html", "a gateway's HTML page", {"answer": 502, "body": "html"})
    yield Offer("answer 503", "unavailable, Retry-After: 2", {"answer": 503, "retry_after": "2s"})
    yield Offer("answer 504", "a gateway gave up", {"answer": 504})
    yield Offer("answer 200 html", "a login page in place of the answer", {"answer": 200, "body": "html"})
    yield Offer("strike reset", "the connection is reset", {"strike": "reset"})
    yield Offer("strike empty", "the connection ends without a reply", {"strike": "empty"})
    yield Offer("strike truncate", "the body stops half-way", {"strike": "truncate"})
    yield Offer("strike garbage", "garbage after the headers", {"strike": "garbage"})
    yield Offer("strike stall", "headers, then silence", {"strike": "stall"})
    yield Offer("strike slow-body", "the body drips", {"strike": "slow-body"})
    yield Offer("strike hang", "no byte ever comes", {"strike": "hang"})
    yield Offer("strike wrong-length", "Content-Length says more than comes", {"strike": "wrong-length"})
    yield Offer("strike close", "answered, then the connection closes", {"strike": "close"})
    yield Offer("delay 5s", "five seconds of silence, then the answer", {"delay": "5s"})
    yield Offer(
        "status_word", "a status that nobody documented: QUEUED_V2", {"status_word": "QUEUED_V2"}, ("status", "invoke")
    )
    yield Offer("odd_body", "unknown members, another order", {"odd_body": True})
    yield Offer("omit jobId", "the body lacks its jobId", {"omit": ["jobId"]}, ("invoke", "status"))
    yield Offer("expire_token", "the token expires just before the call", {"expire_token": True}, ("status", "invoke"))
    yield Offer("lose_reply", "accepted, but the answer never arrives", {"lose_reply": True}, ("invoke", "status"))


OFFERS = tuple(_offers())
"""The menu, in the words of scenario.md."""
