"""The records that are forgotten at an instant of their own, in the order of these instants.

What must hold: every record of the ledger with such an instant has an entry that names it, or the record would never go.
An entry leaves once its record has gone, or is forgotten at another instant, for which there is another entry. Who looks
for records that are due takes their entries off the top; they come back at the next commit, unless that dropped them.

    TokenGranted …               entry (7_200_000, t<token>)
    due(7_200_001, most=16)      t<token>; the entry is put aside
    RecordsDropped [t<token>]    the record is gone, so its entry is, too

So a batch that is tried and refused loses none, and one that another process dropped leaves none.
"""

from collections.abc import Mapping
from heapq import heapify, heappop, heappush

from lab.core.clock import Millis
from lab.core.journal.fact import Get, Key, Record


class ExpiryQueue:
    """The keys of one ledger's records by the instant at which they are forgotten; follows from the records alone."""

    def __init__(self, get: Get) -> None:
        self._get = get
        self._entries: list[tuple[Millis, Key]] = []
        self._aside: list[tuple[Millis, Key]] = []
        """Entries that `due` has taken off, until it is settled what became of their records."""

    def due(self, now: Millis, most: int) -> tuple[Key, ...]:
        """The keys of records that are forgotten at `now`, the longest forgotten first; at most so many are looked at."""
        found: dict[Key, None] = {}
        for _ in range(most):
            if not self._entries or self._entries[0][0] > now:
                break
            entry = heappop(self._entries)
            self._aside.append(entry)
            if self._holds(entry):
                found[entry[1]] = None
        return tuple(found)

    def add(self, key: Key, record: Record) -> None:
        """Take a record that is about to lie under the key."""
        instant = record.forgotten
        if instant is None:
            return
        before = self._get(key)
        if before is None or before.forgotten != instant:
            heappush(self._entries, (instant, key))

    def settle(self) -> None:
        """Take up what was put aside, and let go of entries that name nothing any more."""
        for entry in self._aside:
            heappush(self._entries, entry)
        self._aside.clear()
        while self._entries and not self._holds(self._entries[0]):
            heappop(self._entries)

    def fill(self, records: Mapping[Key, Record]) -> None:
        """Hold entries for these records, and no others."""
        self._aside.clear()
        self._entries = [(at, key) for key, record in records.items() if (at := record.forgotten) is not None]
        heapify(self._entries)

    def _holds(self, entry: tuple[Millis, Key]) -> bool:
        record = self._get(entry[1])
        return record is not None and record.forgotten == entry[0]
