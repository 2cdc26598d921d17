"""A ledger for a call that may come to nothing."""

from collections.abc import Iterator

from lab.jobs.ledger import Key, Ledger, Record


class Tentative:
    """A ledger on which a call is tried: the numbers that it takes are taken for good by `keep` only."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._taken: dict[str, int] = {}

    def get(self, key: Key) -> Record | None:
        """The record, or None."""
        return self._ledger.get(key)

    def take(self, counter: str) -> int:
        """The next number of a counter."""
        number = self.peek(counter)
        self._taken[counter] = self._taken.get(counter, 0) + 1
        return number

    def peek(self, counter: str) -> int:
        """The number that `take` would give now."""
        return self._ledger.peek(counter) + self._taken.get(counter, 0)

    @property
    def accepted(self) -> int:
        """How many jobs it holds."""
        return self._ledger.accepted

    def jobs(self) -> Iterator[str]:
        """The ids of all jobs, oldest first."""
        return self._ledger.jobs()

    def keep(self) -> None:
        """Take for good what was taken."""
        for counter, times in self._taken.items():
            for _ in range(times):
                self._ledger.take(counter)
        self._taken.clear()
