"""Where PLAYBACK stands in a recording."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise

from msgspec import Struct

from lab.core.clock import Millis
from lab.tui.state.run import Milestone

LONGEST_STRETCH: Millis = 10_000
"""How long nothing may happen before that is dull."""
DULL: Millis = 2_000
"""How long, in real time, what is skipped or dull takes at most."""


class Spread(Struct, frozen=True):
    """A line of time on which dull stretches are short: its happenings, and how far along the line each stands."""

    instants: tuple[Millis, ...] = (0, 1)
    places: tuple[int, ...] = (0, 1)

    @classmethod
    def of(cls, start: Millis, happenings: Sequence[Millis], until: Millis) -> "Spread":
        """From the start over each happening to the end."""
        instants = tuple(sorted({start, *happenings, until})) if until > start else (start, start + 1)
        places = [0]
        for before, after in pairwise(instants):
            places.append(places[-1] + min(after - before, LONGEST_STRETCH))
        return cls(instants, tuple(places))

    @property
    def plays(self) -> Millis:
        """How long it plays at ×1, what is dull in two seconds."""
        gaps = (after - before for before, after in pairwise(self.instants))
        return sum(gap if gap <= LONGEST_STRETCH else DULL for gap in gaps)

    def share(self, at: Millis) -> float:
        """How far along the line an instant is, from 0 to 1."""
        return _between(self.instants, self.places, at) / self.places[-1]

    def instant(self, share: float) -> Millis:
        """The instant that is so far along the line."""
        return round(_between(self.places, self.instants, share * self.places[-1]))


def _between(xs: Sequence[int], ys: Sequence[int], x: float) -> float:
    """What belongs to `x`, which lies within `xs`."""
    after = min(max(bisect_right(xs, x), 1), len(xs) - 1)
    left, right, low, high = xs[after - 1], xs[after], ys[after - 1], ys[after]
    return min(max(low, low + (x - left) * (high - low) / (right - left)), high)


RecordedDecisions = Mapping[tuple[str, str, int], tuple[Millis, str]]
"""When each opening of a gate was decided, and how: by job, gate and round."""


class PlaybackCursor(Struct, frozen=True):
    """Where PLAYBACK stands."""

    start: Millis
    until: Millis
    line: int
    """The last line that was played, as people count them."""
    lines: int
    playing: bool = False
    dull: bool = False
    """Whether it plays faster than it is told to, for nothing happens."""
    marks: tuple[Milestone, ...] = ()
    spread: Spread = Spread()
    decisions: RecordedDecisions = {}
    damage: str = ""
    """What a reader should know of the file: that it is open or torn."""
