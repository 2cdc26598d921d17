"""Counts of values in cells: any number of values in bounded memory, a quantile to within a thousandth.

Values below 2048 have a cell each; above, each doubling has 1024 cells of one width. So a cell is at most 1/1024 of its
values wide, and its middle is off by at most 1/2048. Cells are counted, so histograms that are put together in any order
come to the same one.
"""

from msgspec import Struct, field

_FINE = 10
"""A doubling has 2^10 cells."""
_SECOND, _MINUTE, _HOUR, _DAY = 1_000, 60_000, 3_600_000, 86_400_000
WIDTHS = (
    *(each * power for power in (1, 10, 100) for each in (1, 2, 5)),
    *(each * _SECOND for each in (1, 2, 5, 10, 20, 30)),
    *(each * _MINUTE for each in (1, 2, 5, 10, 20, 30)),
    *(each * _HOUR for each in (1, 2, 3, 6, 12)),
    *(each * 10**power * _DAY for power in range(12) for each in (1, 2, 5)),
)
"""Widths of rows, and distances between marks on an axis, if values are durations: those in which people count."""


class Histogram(Struct):
    """How often values from 0 on came up; count, sum, smallest and largest are exact."""

    counts: dict[int, int] = field(default_factory=dict)
    """By cell."""
    count: int = 0
    total: int = 0
    smallest: int = 0
    largest: int = 0

    def add(self, value: int, times: int = 1) -> None:
        """Count a value, `times` times."""
        shift = value.bit_length() - _FINE - 1
        cell = value if shift <= 0 else (shift << _FINE) + (value >> shift)
        self.counts[cell] = self.counts.get(cell, 0) + times
        if value < self.smallest or not self.count:
            self.smallest = value
        if value > self.largest:
            self.largest = value
        self.count += times
        self.total += value * times

    def merge(self, other: "Histogram") -> None:
        """Count what the other has counted."""
        if other.count:
            self.smallest = min(self.smallest, other.smallest) if self.count else other.smallest
        for cell, times in other.counts.items():
            self.counts[cell] = self.counts.get(cell, 0) + times
        self.count += other.count
        self.total += other.total
        self.largest = max(self.largest, other.largest)

    @property
    def mean(self) -> int:
        """The mean, rounded half up; 0 of nothing."""
        return (2 * self.total + self.count) // (2 * self.count) if self.count else 0

    def quantile(self, percent: int) -> int:
        """The value below or at which so many per cent of all are, to within 1/2048, between smallest and largest; 0 of nothing."""
        rank = -(-self.count * percent // 100)
        for cell in sorted(self.counts):
            rank -= self.counts[cell]
            if rank <= 0:
                return self._value(cell)
        return self.largest

    def stretches(self, most: int) -> list[tuple[int, int, int]]:
        """At most `most` rows (from, to, count) of one width that hold all values: of `WIDTHS`.

        None is narrower than the widest cell, within which nothing is known.
        """
        if not self.counts:
            return []
        first, least = self.smallest, _bounds(max(self.counts))[1]
        width = next(size for size in WIDTHS if size >= least and self.largest // size - first // size < most)
        rows = dict.fromkeys(range(first // width, self.largest // width + 1), 0)
        for cell, times in self.counts.items():
            rows[self._value(cell) // width] += times
        return [(row * width, (row + 1) * width, count) for row, count in rows.items()]

    def _value(self, cell: int) -> int:
        """What stands for the values of a cell: its middle, if no value is known that is nearer."""
        low, width = _bounds(cell)
        return max(self.smallest, min(self.largest, low + (width >> 1)))


def _bounds(cell: int) -> tuple[int, int]:
    """The smallest value of a cell, and its width."""
    if cell < 2 << _FINE:
        return cell, 1
    shift = (cell >> _FINE) - 1
    return (cell - (shift << _FINE)) << shift, 1 << shift
