"""Facts about faults: armed and disarmed from outside, and struck; and the record of those that are armed."""

from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar

from msgspec import Struct
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.errors import ScenarioError
from lab.core.exchange import Json
from lab.core.journal.fact import Changed, Fact, Get, Record
from lab.faults.model import Rule, armed_rule
from lab.language.fault import parse_fault


class Armed(Struct, frozen=True, dict=True):
    """A fault that was armed, as it was written."""

    name: str
    where: Mapping[str, Json]
    at: Millis

    @cached_property
    def rule(self) -> Rule:
        """What it makes. It follows from the rest, so no store has to keep it."""
        return armed_rule(self.name, parse_fault(dict(self.where)))


class ArmedRecord(Record, frozen=True, gc=False):
    """All faults that are armed, oldest first, and every name that ever was."""

    armed: tuple[Armed, ...] = ()
    names: frozenset[str] = frozenset()


ARMED_KEY = b"x"
"""Where the record of armed faults lies."""


def armed_faults(get: Get) -> ArmedRecord:
    """What is armed now."""
    known = get(ARMED_KEY)
    return known if isinstance(known, ArmedRecord) else ArmedRecord()


class FaultArmed(Fact, frozen=True, kw_only=True):
    """A fault was armed from outside: its name, and where it strikes, as a scenario would write it."""

    type: ClassVar[str] = "fault.armed"
    by: str
    fault: str
    where: Mapping[str, Json]

    def fold(self, get: Get) -> Changed:
        """One more that is armed; of two with one name the later counts."""
        one = Armed(self.fault, self.where, self.at)
        try:
            one.rule  # noqa: B018
        except ScenarioError:
            return ()  # another lab's form, in an old recording
        known = armed_faults(get)
        others = tuple(each for each in known.armed if each.name != self.fault)
        return ((ARMED_KEY, ArmedRecord((*others, one), known.names | {self.fault})),)


class FaultDisarmed(Fact, frozen=True, kw_only=True):
    """A fault that had been armed strikes no more."""

    type: ClassVar[str] = "fault.disarmed"
    by: str
    fault: str

    def fold(self, get: Get) -> Changed:
        """One less; its name stays taken."""
        known = armed_faults(get)
        left = tuple(each for each in known.armed if each.name != self.fault)
        return ((ARMED_KEY, replace(known, armed=left)),)


class FaultStruck(Fact, frozen=True, kw_only=True):
    """A fault struck this exchange, at which of the calls that it counts; comes with the reply."""

    type: ClassVar[str] = "fault.struck"
    kind: ClassVar[str] = "derived"
    fault: str
    call: int
