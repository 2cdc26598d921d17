"""What happens in a run, told from polls that bring nothing new: where a skip ends (screen.md §8)."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import assert_never

from msgspec import Struct

from lab.app.effects import Asking, RunEnded, RunObservation
from lab.core.clock import Millis
from lab.core.observe import Lost, Noted, Replied, Requested, Touched, Waiting
from lab.dialects.client import Seen
from lab.jobs.facts import GateDecided, GateExpired
from lab.tui.state.reading import call_request, job_in

LONGEST_STRETCH: Millis = 10_000
"""How long nothing may happen before that is dull."""


class ShownAnswers:
    """What the last answer showed of each job."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[object, ...]] = {}

    def happens(self, seen: Seen | None, command: str) -> bool:
        """Whether something happens with an answer: all do but those to polls that show what the one before did."""
        return seen is None or self._is_new(seen) or command != "status"

    def _is_new(self, seen: Seen) -> bool:
        """Whether it shows another status, step or opening than the one before."""
        shown = (seen.word, seen.progress, None if seen.question is None else seen.question.key)
        before, self._last[seen.job] = self._last.get(seen.job), shown
        return shown != before


class Happenings:
    """Follows a run of our own."""

    def __init__(self) -> None:
        self._calls: dict[int, tuple[str, str]] = {}
        """Route and command of each call under way."""
        self._shown = ShownAnswers()

    def happens(self, observation: RunObservation) -> bool:
        """Whether something happens: a token, an acceptance, a change, a decision, a failure, the end."""
        match observation:
            case Requested(x=x, route=route):
                self._calls[x] = route, call_request(route, observation.request).command
                return False
            case Replied():
                route, command = self._calls.pop(observation.x, ("", ""))
                return self._shown.happens(job_in(route, observation.response), command)
            case Lost() | RunEnded() | Noted(fact=GateDecided() | GateExpired()):
                return True
            case Noted() | Touched() | Waiting() | Asking():
                return False
            case _:
                assert_never(observation)


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
