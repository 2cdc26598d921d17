"""What is told of many whole numbers: exactly, for all of them are there."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import accumulate

from msgspec import Struct

_HOUR, _DAY = 3_600_000, 86_400_000
WIDTHS = (
    *(each * power for power in (1, 10, 100) for each in (1, 2, 5)),
    *(each * unit for unit in (1_000, 60_000) for each in (1, 2, 5, 10, 20, 30)),
    *(each * _HOUR for each in (1, 2, 3, 6, 12)),
    *(each * 10**power * _DAY for power in range(12) for each in (1, 2, 5)),
)
"""Durations in which people count: widths of rows, distances between marks on an axis."""


class ValueSpread(Struct, frozen=True):
    """A percentile is the smallest value below or at which so many of a hundred are; of nothing all are 0."""

    count: int = 0
    mean: int = 0
    """Rounded half up."""
    p50: int = 0
    p90: int = 0
    p95: int = 0
    p99: int = 0
    max: int = 0


class Figures:
    """Values from 0 on, or values and how often each is there."""

    def __init__(self, values: Iterable[int] | Mapping[int, int] = ()) -> None:
        self.counts = Counter(values)

    def add(self, value: int) -> None:
        self.counts[value] += 1

    @property
    def total(self) -> int:
        """How many values there are."""
        return self.counts.total()

    def spread(self) -> ValueSpread:
        ordered = sorted((+self.counts).items())
        up_to = list(accumulate(times for _, times in ordered))
        if not ordered:
            return ValueSpread()
        count, total = up_to[-1], sum(value * times for value, times in ordered)
        quantiles = (ordered[bisect_left(up_to, -(-count * percent // 100))][0] for percent in (50, 90, 95, 99, 100))
        return ValueSpread(count, (2 * total + count) // (2 * count), *quantiles)

    def histogram(self, most: int) -> list[tuple[int, int, int]]:
        """At most `most` rows of one width, of `WIDTHS`: how many values are from the first number on, and below the second."""
        low, high = min(self.counts), max(self.counts)
        width = next(size for size in WIDTHS if high // size - low // size < most)
        rows = dict.fromkeys(range(low // width, high // width + 1), 0)
        for value, times in self.counts.items():
            rows[value // width] += times
        return [(row * width, (row + 1) * width, count) for row, count in rows.items()]
