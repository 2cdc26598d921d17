"""Numbers that are used up, each once: counters, and calls that are counted.

A counter is a record like any other. Most are raised by the fold of the fact that used the number (a token that is
granted raises its client's). A number without a fact of its own, such as an error's `ecid`, gives `number.used`: it
stands in the journal, never on a tape, but in the opening of one that begins late.
"""

from functools import partial
from typing import ClassVar

from lab.core.clock import Millis
from lab.core.journal.fact import Changed, Fact, Get, Key, LabEnded, LabMade, Record, RecordsDropped, key_of


class Counter(Record, frozen=True, gc=False, omit_defaults=True):
    """The last number that was used; the next one is one more."""

    value: int
    until: Millis | None = None
    """The instant from which nobody asks for its numbers any more; None: they are never given twice."""

    @property
    def forgotten(self) -> Millis | None:
        """Its end."""
        return self.until


counter_key = partial(key_of, b"#")
polled_key = partial(key_of, b"p")
"""Where the record lies that counts its own calls under this counter."""


def used(get: Get, counter: str) -> int:
    """The last number of a counter that was used, 0 if none was."""
    known = get(counter_key(counter))
    return known.value if isinstance(known, Counter) else 0


def raised(get: Get, counter: str, to: int | None = None, until: Millis | None = None) -> tuple[Key, Counter]:
    """The counter after a number of it was used: `to`, or (None) the next one. It never falls."""
    last = used(get, counter)
    return counter_key(counter), Counter(last + 1 if to is None else max(last, to), until)


class NumberUsed(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A number was used that no other fact stands for: `value` of `counter`, which nobody asks for from `until` on."""

    type: ClassVar[str] = "number.used"
    counter: str
    value: int
    until: Millis | None = None

    def fold(self, get: Get) -> Changed:
        """The counter, raised."""
        return (raised(get, self.counter, self.value, self.until),)


def is_told(fact: Fact, x: int | None) -> bool:
    """Whether onlookers are told of a fact, which exchange `x` brought if any did: some stand in journals, on no tape."""
    return not isinstance(fact, LabMade | LabEnded) and (x is None or not isinstance(fact, NumberUsed | RecordsDropped))


class CallCount(Record, frozen=True, gc=False):
    """How many calls were counted, under which name, and whose they are: a job's or a client's."""

    value: int
    counter: str
    job: str | None
    client: str | None


class Polled(Record, frozen=True, gc=False):
    """The base of records that count their calls themselves. Such a record lies under the `polled_key` of its counter."""

    def polled(self, call: "CallCounted") -> Record:
        """The record after one more call."""
        raise NotImplementedError


class CallCounted(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A call was counted, where the number can change what the wire does next.

    The counter is a fault's name (`SCENARIO/FAULT` where a client's calls are counted), or `device/CODE` for a
    device's polls.
    """

    type: ClassVar[str] = "call.counted"
    counter: str
    job: str | None = None
    client: str | None = None
    value: int

    def fold(self, get: Get) -> Changed:
        """The count; or the record that counts for itself the calls of this counter."""
        own = polled_key(self.counter)
        known = get(own)
        if isinstance(known, Polled):
            return ((own, known.polled(self)),)
        key = count_key(self.counter, self.job, self.client)
        return ((key, CallCount(self.value, self.counter, self.job, self.client)),)


def count_key(counter: str, job: str | None, client: str | None) -> Key:
    """Where a count lies: a job's, or a client's."""
    return key_of(b"n", f"{job or ''}/{client or ''}/{counter}")
