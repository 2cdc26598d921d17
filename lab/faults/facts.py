"""Facts about faults: armed and disarmed from outside, and struck."""

from collections.abc import Mapping
from typing import ClassVar

from msgspec.structs import replace
from pydantic import ValidationError

from lab.core.exchange import Json
from lab.core.journal.fact import Changed, Fact, Get
from lab.faults.model import armed_rule
from lab.faults.records import ARMED_KEY, Armed, ArmedRecord, armed_faults
from lab.language.document import Fault


class FaultArmed(Fact, frozen=True, kw_only=True):
    """A fault was armed from outside: its name, and where it strikes, as a scenario would write it."""

    type: ClassVar[str] = "fault.armed"
    by: str
    fault: str
    where: Mapping[str, Json]

    def fold(self, get: Get) -> Changed:
        """One more that is armed; of two with one name the later counts."""
        try:
            fault = Fault.model_validate(dict(self.where))
        except ValidationError:
            return ()  # another lab's form, in an old recording
        known = armed_faults(get)
        others = tuple(each for each in known.armed if each.rule.name != self.fault)
        one = Armed(armed_rule(self.fault, fault), self.where, self.at)
        return ((ARMED_KEY, ArmedRecord((*others, one), known.names | {self.fault})),)


class FaultDisarmed(Fact, frozen=True, kw_only=True):
    """A fault that had been armed strikes no more."""

    type: ClassVar[str] = "fault.disarmed"
    by: str
    fault: str

    def fold(self, get: Get) -> Changed:
        """One less; its name stays taken."""
        known = armed_faults(get)
        left = tuple(each for each in known.armed if each.rule.name != self.fault)
        return ((ARMED_KEY, replace(known, armed=left)),)


class FaultStruck(Fact, frozen=True, kw_only=True):
    """A fault struck this exchange, at which of the calls that it counts; comes with the reply."""

    type: ClassVar[str] = "fault.struck"
    kind: ClassVar[str] = "derived"
    fault: str
    call: int
