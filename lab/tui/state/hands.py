"""What hands have put in a lab's way: faults that are armed, exchanges that are held. Folded from facts."""

from msgspec import Struct

from lab.core.clock import Millis
from lab.core.journal.fact import Fact, LedgerCleared
from lab.core.journal.holds import ExchangeHeld, ExchangeReleased, HeldSide
from lab.faults.facts import FaultArmed, FaultDisarmed, FaultStruck
from lab.tui.state import clean

MOST_ARMED = 32
"""How many armed faults the screen keeps."""
MOST_HOLDS = 1_000
"""How many held exchanges."""


class ArmedFault(Struct, frozen=True):
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
            once = "calls" not in where and "chance" not in where  # else each job, or client, has its own
            return (*armed, ArmedFault(clean.line(name, 80), route, once))[-MOST_ARMED:]
        case FaultDisarmed(fault=name):
            return tuple(each for each in armed if each.name != name)
        case FaultStruck(fault=name) if armed:
            return tuple(each for each in armed if each.name != name or not each.once)
        case LedgerCleared():
            return ()
        case _:
            return armed


class HeldExchange(Struct, frozen=True):
    """An exchange that is held at a breakpoint, until it is let go."""

    number: int
    side: HeldSide
    route: str
    breakpoint: str
    since: Millis


def holds_after(holds: tuple[HeldExchange, ...], fact: Fact) -> tuple[HeldExchange, ...]:
    """What is held after one more fact."""
    match fact:
        case ExchangeHeld():
            one = HeldExchange(
                fact.hold, fact.side, clean.line(fact.route, 40), clean.line(fact.breakpoint, 40), fact.at
            )
            return (*holds, one)[-MOST_HOLDS:]
        case ExchangeReleased():
            return tuple(each for each in holds if each.number != fact.hold)
        case LedgerCleared():
            return ()
        case _:
            return holds
