"""Records of faults: how far each has counted, and which were armed from outside."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from pydantic import ValidationError

from lab.core.exchange import Json
from lab.core.journal.fact import Fact
from lab.faults.model import Rule, armed_rule
from lab.jobs.facts import CallCounted, FaultArmed, FaultDisarmed
from lab.language.document import Fault


@dataclass(frozen=True, slots=True)
class CountRecord:
    """How many calls were counted; whose they are stands in the fact."""

    value: int
    counter: str
    job: str | None
    client: str | None


@dataclass(frozen=True, slots=True)
class Armed:
    """A fault that was armed: the rule it makes, and how it was written."""

    rule: Rule
    where: Mapping[str, Json]
    at: int


@dataclass(frozen=True, slots=True)
class ArmedRecord:
    """All faults that are armed, oldest first, and every name that ever was."""

    armed: tuple[Armed, ...] = ()
    names: frozenset[str] = frozenset()


FaultRecord: TypeAlias = CountRecord | ArmedRecord
ARMED_KEY = b"x"
"""Where the record of armed faults lies."""


def count_key(counter: str, job: str | None, client: str | None) -> bytes:
    """Where a counter's record lies: a job's, or a client's."""
    return f"n{job or ''}/{client or ''}/{counter}".encode("utf-8", "surrogatepass")


def fold_fault(fact: Fact, get: Callable[[bytes], object]) -> tuple[tuple[bytes, FaultRecord], ...]:
    """The records that a fact about faults makes or changes."""
    match fact:
        case CallCounted():
            key = count_key(fact.counter, fact.job, fact.client)
            return ((key, CountRecord(fact.value, fact.counter, fact.job, fact.client)),)
        case FaultArmed():
            return _armed(fact, get)
        case FaultDisarmed():
            known = _known(get)
            left = tuple(each for each in known.armed if each.rule.name != fact.fault)
            return ((ARMED_KEY, replace(known, armed=left)),)
        case _:
            return ()


def _known(get: Callable[[bytes], object]) -> ArmedRecord:
    known = get(ARMED_KEY)
    return known if isinstance(known, ArmedRecord) else ArmedRecord()


def _armed(fact: FaultArmed, get: Callable[[bytes], object]) -> tuple[tuple[bytes, FaultRecord], ...]:
    known = _known(get)
    try:
        fault = Fault.model_validate(dict(fact.where))
    except ValidationError:
        return ()  # another lab's form, in an old recording
    one = Armed(armed_rule(fact.fault, fault), fact.where, fact.at)
    others = tuple(each for each in known.armed if each.rule.name != fact.fault)
    return ((ARMED_KEY, ArmedRecord((*others, one), known.names | {fact.fault})),)
