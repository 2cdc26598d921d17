"""How many calls there were, and how long they lasted: sums that only grow."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import TypeAlias

Samples: TypeAlias = dict[str, list[tuple[tuple[str, ...], tuple[float, ...]]]]
"""By the name of a family its series: the values of their labels, and a value each; of a histogram how many lasted no
longer than each of the bounds, then all, and last the sum of all."""

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Seconds up to which calls are counted together; one bucket more takes what lasts longer."""
_MICRO = 1_000_000
CALLS, STRUCK, MALFORMED = "lab_request_duration_seconds", "lab_faults_struck", "lab_malformed_requests"


class CallTotals:
    """Of one mock, or of the mocks of all tenants that clients choose by one name. No name in it is a client's."""

    def __init__(self) -> None:
        self.buckets: dict[tuple[str, int], list[int]] = {}
        """By route and HTTP status (0: no status line left) how many lasted so long, from the whole request to the last byte
        of the reply; last the real microseconds of all together."""
        self.struck: Counter[str] = Counter()
        """How many calls faults struck, by route."""
        self.malformed = 0
        """How often what came was no request."""

    def add(self, ended: Mapping[tuple[str, int], Sequence[int]]) -> None:
        """Count calls by route and status, which lasted so many real microseconds, in rising order."""
        for call, lasted in ended.items():
            if (buckets := self.buckets.get(call)) is None:
                buckets = self.buckets[call] = [0] * (len(BOUNDS) + 2)
            before = 0
            for place, bound in enumerate(BOUNDS):
                up_to = bisect_right(lasted, bound * _MICRO, before)
                buckets[place] += up_to - before
                if (before := up_to) == len(lasted):
                    break
            buckets[-2] += len(lasted) - before
            buckets[-1] += sum(lasted)

    def samples(self, scenario: str) -> Samples:
        """As series of the scenario by which clients choose the mock; empty: by none."""
        return {
            CALLS: [
                ((scenario, route, str(code)), (*accumulate(buckets[:-1]), buckets[-1] / _MICRO))
                for (route, code), buckets in self.buckets.items()
            ],
            STRUCK: [((scenario, route), (count,)) for route, count in self.struck.items()],
            MALFORMED: [((scenario,), (self.malformed,))],
        }
