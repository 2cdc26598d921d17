"""Faults from outside: what is armed, folded from the journal's facts, and what the menu offers to arm."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from lab.core.exchange import Json
from lab.core.journal.fact import Fact, LedgerCleared
from lab.faults.facts import FaultArmed, FaultDisarmed, FaultStruck
from lab.tui.state import clean

MOST_ARMED = 32
"""How many armed faults the screen keeps."""


@dataclass(frozen=True, slots=True)
class ArmedFault:
    """An armed fault: it stands in the header until it strikes, or for as long as it goes on striking."""

    name: str
    route: str
    once: bool


ArmedFaults = tuple[ArmedFault, ...]


def with_fact(armed: ArmedFaults, fact: Fact) -> ArmedFaults:
    """What is armed after one more fact."""
    match fact:
        case FaultArmed(fault=name, where=where):
            route = clean.line(str(where.get("route", "")), 40)
            once = str(where.get("calls", 1)).isdigit() and "chance" not in where
            return (*armed, ArmedFault(clean.line(name, 80), route, once))[-MOST_ARMED:]
        case FaultDisarmed(fault=name):
            return tuple(each for each in armed if each.name != name)
        case FaultStruck(fault=name):
            return tuple(each for each in armed if each.name != name or not each.once)
        case LedgerCleared():
            return ()
        case _:
            return armed


@dataclass(frozen=True, slots=True)
class FaultOffer:
    """A fault that the menu offers: in the language's own words, and what the peer will observe."""

    word: str
    told: str
    fault: Mapping[str, Json] = field(default_factory=dict)
    routes: tuple[str, ...] = ("status", "invoke", "token")
    """Where it may strike, the usual place first."""

    def at(self, route: str) -> dict[str, Json]:
        """As a scenario writes it: the next call of the route."""
        return {"route": route, **self.fault}


def _offers() -> Iterator[FaultOffer]:
    yield FaultOffer("answer 401", "the token is refused, once", {"answer": 401})
    yield FaultOffer("answer 403", "forbidden", {"answer": 403})
    yield FaultOffer("answer 404", "not found", {"answer": 404})
    yield FaultOffer("answer 429", "too many requests, Retry-After: 2", {"answer": 429, "retry_after": "2s"})
    yield FaultOffer("answer 429 bare", "too many requests, no Retry-After", {"answer": 429})
    yield FaultOffer("answer 500", "an error of the server", {"answer": 500})
    yield FaultOffer("answer 502 html", "a gateway's HTML page", {"answer": 502, "body": "html"})
    yield FaultOffer("answer 503", "unavailable, Retry-After: 2", {"answer": 503, "retry_after": "2s"})
    yield FaultOffer("answer 504", "a gateway gave up", {"answer": 504})
    yield FaultOffer("answer 200 html", "a login page in place of the answer", {"answer": 200, "body": "html"})
    yield FaultOffer("strike reset", "the connection is reset", {"strike": "reset"})
    yield FaultOffer("strike empty", "the connection ends without a reply", {"strike": "empty"})
    yield FaultOffer("strike truncate", "the body stops half-way", {"strike": "truncate"})
    yield FaultOffer("strike garbage", "garbage after the headers", {"strike": "garbage"})
    yield FaultOffer("strike stall", "headers, then silence", {"strike": "stall"})
    yield FaultOffer("strike slow-body", "the body drips", {"strike": "slow-body"})
    yield FaultOffer("strike hang", "no byte ever comes", {"strike": "hang"})
    yield FaultOffer("strike wrong-length", "Content-Length says more than comes", {"strike": "wrong-length"})
    yield FaultOffer("strike close", "answered, then the connection closes", {"strike": "close"})
    yield FaultOffer("delay 5s", "five seconds of silence, then the answer", {"delay": "5s"})
    yield FaultOffer(
        "status_word", "a status that nobody documented: QUEUED_V2", {"status_word": "QUEUED_V2"}, ("status", "invoke")
    )
    yield FaultOffer("odd_body", "unknown members, another order", {"odd_body": True})
    yield FaultOffer("omit jobId", "the body lacks its jobId", {"omit": ["jobId"]}, ("invoke", "status"))
    yield FaultOffer(
        "expire_token", "the token expires just before the call", {"expire_token": True}, ("status", "invoke")
    )
    yield FaultOffer("lose_reply", "accepted, but the answer never arrives", {"lose_reply": True}, ("invoke", "status"))


FAULT_OFFERS = tuple(_offers())
"""The menu, in the words of scenarios.md."""
