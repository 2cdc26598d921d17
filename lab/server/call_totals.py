"""How many calls there were, and how long they lasted: sums that only grow."""

from bisect import bisect_left
from collections import Counter

from msgspec import Struct

from lab.core.clock import Millis

BOUNDS: tuple[Millis, ...] = (5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000)
"""Durations up to which calls are counted together; one bucket more takes what lasts longer."""


class Durations(Struct):
    """How long the calls of one kind lasted."""

    buckets: list[int]
    """How many of them lasted longer than the bound before, and not longer than this."""
    total: int = 0
    """All together, in real microseconds."""


class CallTotals:
    """Of one mock, or of the mocks of all tenants that clients choose by one name. No name in it is a client's."""

    def __init__(self) -> None:
        self.durations: dict[tuple[str, int], Durations] = {}
        """By route and HTTP status; 0: no status line left. From the whole request to the last byte of the reply."""
        self.struck: Counter[str] = Counter()
        """How many calls faults struck, by route."""
        self.malformed = 0
        """How often what came was no request."""

    def add(self, call: tuple[str, int], micros: int) -> None:
        """Count a call of that route and status, which lasted so many real microseconds."""
        if (found := self.durations.get(call)) is None:
            found = self.durations[call] = Durations([0] * (len(BOUNDS) + 1))
        found.buckets[bisect_left(BOUNDS, micros / 1_000)] += 1
        found.total += micros
