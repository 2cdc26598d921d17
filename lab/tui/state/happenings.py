"""What happens in a run, told from polls that bring nothing new: where a skip ends (screen.md §8)."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from msgspec import Struct

from lab.app.effects import RunEnded, RunObservation
from lab.core.clock import Millis
from lab.core.observe import Lost, Noted, Replied
from lab.tui.state.run import RunState

LONGEST_STRETCH: Millis = 10_000
"""How long nothing may happen before that is dull."""


def happens(observation: RunObservation, before: RunState, after: RunState) -> bool:
    """Whether something happens to a run: a token, an acceptance, a change, a decision, a failure, the end."""
    match observation:
        case Replied():
            if after.polls == before.polls or after.timeline[-1].bad or before.last is None or after.last is None:
                return True
            return _shown(before) != _shown(after)
        case Lost() | RunEnded():
            return True
        case Noted():
            return after.decision is not None and after.decision is not before.decision
        case _:
            return False


def _shown(run: RunState) -> tuple[object, ...]:
    """What an answer to a poll has shown: another one that shows the same is nothing."""
    return run.last and (run.last.status, run.last.progress), run.gate and run.gate.key


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
