"""Faults from outside: what is armed, folded from the journal's facts."""

from msgspec import Struct

from lab.core.journal.fact import Fact, LedgerCleared
from lab.faults.facts import FaultArmed, FaultDisarmed, FaultStruck
from lab.tui.state import clean

MOST_ARMED = 32
"""How many armed faults the screen keeps."""


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
