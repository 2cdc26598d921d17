"""How fast a route answers, and when the fastest client with the same pauses would have made each poll."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from msgspec import Struct

from lab.core.clock import Millis
from lab.language.document import LONGEST
from lab.plugins.learn.story import ObservedTurn
from lab.recording.playback.calls import PlaybackCall

_ODD_FACTOR = 5
_ODD: Millis = 1_000
"""An answer that takes so much longer than is usual is a fault of its own: both more than a second, and five times."""
_SPREAD = 0.10


class RoutePace(Struct, frozen=True):
    """How long answers of a route were withheld."""

    usual: tuple[Millis, ...] = ()
    """In order of length, without those that were odd."""

    @property
    def median(self) -> Millis:
        """Half of them were shorter."""
        return round(median(self.usual)) if self.usual else 0

    @property
    def fixed(self) -> bool:
        """Whether they differ too little to be told apart."""
        return not self.usual or self.usual[-1] - self.usual[0] < _SPREAD * max(1, self.median)

    @property
    def least(self) -> Millis:
        """The shortest that a scenario will draw."""
        return self.median if self.fixed else self.usual[0] if self.usual else 0

    def excess(self, latency: Millis) -> Millis:
        """By how much an answer was later than usual, in tenths of a second; 0: it wasn't."""
        more = min(latency - self.median, LONGEST)
        return more // 100 * 100 if more > _ODD and latency > _ODD_FACTOR * self.median else 0


def pace_of(calls: Sequence[PlaybackCall]) -> RoutePace:
    """The pace of a route, of the answers that came whole."""
    latencies = sorted(call.latency for call in calls if call.good)
    whole = RoutePace(tuple(latencies))
    return RoutePace(tuple(each for each in latencies if not whole.excess(each)))


def earliest_polls(turn: ObservedTurn, invoke: RoutePace, status: RoutePace) -> list[Millis]:
    """When, after the message, each poll is made by a client with the same pauses that is answered as fast as can be.

    A scenario whose changes lie there shows each poll of such a run what the recorded one was shown, whatever it draws.
    """
    calls = [turn.invoke, *(poll.call for poll in turn.polls)]
    looks = {poll.call for poll in turn.polls if not poll.decides}
    at, found = 0, list[Millis]()
    for call, after in pairwise(calls):
        took = call.replied.at - call.at
        pace = status if call in looks else invoke
        if call.good:
            took = min(took, pace.least + pace.excess(call.latency))
        at += took + max(0, after.at - call.replied.at)
        found.append(at)
    return found
