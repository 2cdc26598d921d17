"""The jobs of a simulation over time, drawn with plain characters while it goes on."""

from collections.abc import Sequence
from itertools import pairwise

from lab.plugins.simulate.sections import brief
from lab.plugins.simulate.totals import AtOnce

_STATES = ("at work", "waiting for a person", "COMPLETE", "ERROR")
_BESIDE = 8
"""Columns left of a chart, for its largest number."""
_MOST_ROWS, _FEWEST_ROWS = 6, 2


def chart(at_once: AtOnce, jobs: int, columns: int, rows: int) -> list[str]:
    """A strip for each state, each with a scale of its own, in a terminal of that size; `jobs` are all of a seed's."""
    series, now = at_once.series, at_once.counts
    height = max(_FEWEST_ROWS, min(_MOST_ROWS, (rows - 3) // len(_STATES) - 1))
    width = max(10, columns - _BESIDE - 3)
    lines = [f"{sum(now)} of {jobs} jobs"]
    for number, state in enumerate(_STATES):
        values = _spread([each[number] for each in series.columns], width)
        lines += [f"{state}: {now[number]}", *_strip(values, height)]
    after = brief(len(series.columns) * series.width)
    lines.append(f"{'0':>{_BESIDE}}  {after + ' after the start':>{width}}")
    return [line[:columns] for line in lines]


def _spread(values: Sequence[int], width: int) -> list[int]:
    """The values over the width: of several that fall on one column the largest."""
    ends = [at * len(values) // width for at in range(width + 1)]
    return [max(values[low : max(low + 1, high)], default=0) for low, high in pairwise(ends)]


def _strip(values: Sequence[int], height: int) -> list[str]:
    most = max(*values, 1)
    lines = []
    for row in range(height, 0, -1):
        bar = "".join("#" if -(-value * height // most) >= row else " " for value in values)
        lines.append(f"{most if row == height else '':>{_BESIDE}} |{bar}".rstrip())
    return lines
