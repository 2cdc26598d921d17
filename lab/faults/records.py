"""The record of the faults that were armed from outside."""

from collections.abc import Mapping
from dataclasses import dataclass

from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.core.journal.fact import Get, Record
from lab.faults.model import Rule


@dataclass(frozen=True, slots=True)
class Armed:
    """A fault that was armed: the rule it makes, and how it was written."""

    rule: Rule
    where: Mapping[str, Json]
    at: Millis


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
