"""The ledger: folded records. And what one call is about to change in it.

`handle` reads a ledger and writes nothing. What it wants to write it collects in `Changes`, facts all; whoever called it
commits them, or drops them and nothing has happened. The memory ledger never conflicts. Where several processes serve one
lab each has such a ledger, commits on trial (`begin`, `roll_back`), and for good what a store has taken (`shared.py`).

One call, from the ledger's point of view:

    changes = Changes(ledger, now)
    changes.next("token/demo")       8         read only: the fact below raises it when it is folded
    changes.add(TokenGranted(...))             folded over the ledger, not into it
    changes.next("token/demo")       9         the call sees what it is about to change
    ledger still says                7 used    as does every other reader, and for good if the call is dropped
    ledger.commit(changes.facts)     8 used    now it is so

Folding twice, first tentatively and then for good, gives the same records, because a fold looks at nothing but the fact and
what was there (`fact.py`). It is done twice all the same: what is committed are facts alone, so a journal that holds them
can't differ from the state that they made.

Two edges. A call that a fault strikes before it was processed is dropped whole, its numbers included: the next one uses
them. A refused call isn't: an error's `ecid` was sent, so its number is used, and `use` gives the fact that says so.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol, TypeVar

from lab.core.clock import Millis
from lab.core.journal.expiry import ExpiryQueue
from lab.core.journal.fact import Changed, Fact, Key, LedgerCleared, Record
from lab.core.journal.numbers import NumberUsed, used

SomeRecord = TypeVar("SomeRecord", bound=Record)


class Ledger(Protocol):
    """What `handle` sees of the state."""

    @property
    def generation(self) -> int:
        """Another number whenever all records went, or others came in their place."""

    def get(self, key: Key) -> Record | None:
        """The record, or None."""

    def of(self, kind: type[SomeRecord]) -> Iterator[tuple[Key, SomeRecord]]:
        """All records of a kind with their keys, oldest first."""


def known_record(ledger: Ledger, key: Key, kind: type[SomeRecord], now: Millis) -> SomeRecord | None:
    """The record of that kind; None also of one that is forgotten, whether or not it has gone."""
    record = ledger.get(key)
    if not isinstance(record, kind):
        return None
    forgotten = record.forgotten
    return record if forgotten is None or now < forgotten else None


class MemoryLedger:
    """Folded records in memory."""

    def __init__(self) -> None:
        self._records: dict[Key, Record | None] = {}
        """None, while something is tried: the record went, and comes back to its place if that counts for nothing."""
        self._before: dict[Key, Record | None] | None = None
        """What was there of the records that were changed since `begin`; None: nothing is tried."""
        self._cleared: dict[Key, Record | None] | None = None
        """All that was there at `begin`, if everything was cleared since."""
        self.generation = 0
        """Another number whenever all records went, or others came in their place."""
        self.get = self._records.get
        """The record under a key, or None. The dictionary's own method: nothing is asked more often."""
        self._expiry = ExpiryQueue(self.get)
        self.forgotten = self._expiry.due
        """The keys of records that are forgotten at an instant, the longest forgotten first, of so many looked at."""

    def of(self, kind: type[SomeRecord]) -> Iterator[tuple[Key, SomeRecord]]:
        """All records of a kind with their keys, oldest first."""
        return ((key, record) for key, record in self._records.items() if isinstance(record, kind))

    def newest(self, kind: type[SomeRecord]) -> Iterator[Key]:
        """The keys of all records of a kind, newest first."""
        return (key for key, record in reversed(self._records.items()) if isinstance(record, kind))

    def sizes(self) -> Mapping[type[Record | None], int]:
        """How many records of each kind there are; none of a kind that isn't there."""
        return Counter(map(type, self._records.values()))

    def commit(self, facts: Iterable[Fact]) -> None:
        """Fold the facts, one after the other."""
        for fact in facts:
            if isinstance(fact, LedgerCleared):
                if self._before is not None:
                    self._cleared = dict(self._restored(self._before))
                self._records.clear()
                self.generation += 1
            else:
                # all of it before any of it is written: a fold may still read while it yields
                self._write(tuple(fact.fold(self.get)))
        if self._before is None:
            self._expiry.settle()

    def _write(self, changed: Changed) -> None:
        for key, record in changed:
            if self._before is not None:
                self._before.setdefault(key, self.get(key))
                self._records[key] = record
            elif record is None:
                self._records.pop(key, None)
            else:
                self._expiry.add(key, record)
                self._records[key] = record

    def replace(self, records: Mapping[Key, Record]) -> None:
        """Hold these records, in this order, and no others."""
        self._records.clear()
        self._records.update(records)
        self._expiry.fill(records)
        self.generation += 1

    def begin(self) -> None:
        """Commit on trial from now on, until `roll_back`."""
        self._before, self._cleared = {}, None

    def roll_back(self) -> None:
        """Be as at `begin` again."""
        before, self._before = self._before or {}, None
        if (restored := self._restored(before)) is not self._records:
            self._records.clear()
            self._records.update(restored)
            self.generation += 1
        self._expiry.settle()

    def _restored(self, before: Mapping[Key, Record | None]) -> dict[Key, Record | None]:
        """The records as at `begin`, in their order: those themselves, or all that were saved when they were cleared."""
        if self._cleared is not None:
            return self._cleared
        for key, record in before.items():
            if record is None:
                del self._records[key]
            else:
                self._records[key] = record
        return self._records


class Changes:
    """What one call at `now` brings: its facts, and the ledger as it would be with them."""

    def __init__(self, ledger: Ledger, now: Millis) -> None:
        self._ledger = ledger
        self._now = now
        self._facts: list[Fact] = []
        self._records: dict[Key, Record | None] = {}

    @property
    def generation(self) -> int:
        """That of the ledger."""
        return self._ledger.generation

    def get(self, key: Key) -> Record | None:
        """The record, the facts of this call folded over it."""
        return self._records[key] if key in self._records else self._ledger.get(key)

    def of(self, kind: type[SomeRecord]) -> Iterator[tuple[Key, SomeRecord]]:
        """All records of a kind as they were before this call: who lists records changes none in the same breath."""
        return self._ledger.of(kind)

    def add(self, *facts: Fact) -> None:
        """Let these facts come of the call."""
        for fact in facts:
            self._facts.append(fact)
            self._records.update(tuple(fact.fold(self.get)))

    def next(self, counter: str) -> int:
        """The next number of a counter, from 1; for one that is raised by the fact which uses it."""
        return used(self.get, counter) + 1

    def use(self, counter: str) -> int:
        """Use the next number of a counter that no other fact stands for."""
        number = self.next(counter)
        self.add(NumberUsed(at=self._now, counter=counter, value=number))
        return number

    def drop(self) -> None:
        """Let nothing have come of the call."""
        self._facts.clear()
        self._records.clear()

    @property
    def facts(self) -> tuple[Fact, ...]:
        """What comes of the call, in order."""
        return tuple(self._facts)
