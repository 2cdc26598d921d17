"""The instants of a lab that several processes serve: made of the store's clock, so that all of them agree.

An instant is told by what the store's clock says, never by a process's own: two machines whose clocks are an hour apart
find the same decision early or late. A process's own clock follows, for sleepers and for replies that are withheld. It
never goes back; where it is ahead by the time that an answer of the store took, it is so by milliseconds.
"""

from collections.abc import Iterable
from fractions import Fraction

from lab.clocks import AnyClock, ManualClock, ScaledClock, real_millis
from lab.core.clock import Millis
from lab.core.journal.fact import ClockScaled, Fact
from lab.core.journal.shared import Snapshot


class LabTime:
    """Instants by the store's clock; `clock`, by which this process sleeps, is kept up with them."""

    def __init__(self, clock: AnyClock, began: Millis) -> None:
        """`began` is what the store's clock said at instant 0, in milliseconds since 1970."""
        self.clock = clock
        self._base: Millis = 0
        self._since = began
        """What the store's clock said at the instant `_base`."""
        self._last: Millis = 0
        """The instant of the last commit: none is earlier after it."""
        self.ahead: Millis = 0
        """By how much the store's clock is ahead of this process's real milliseconds."""

    def load(self, snapshot: Snapshot) -> None:
        """Begin where the lab stands."""
        if snapshot.clock is not None:
            self.commit(snapshot.clock.facts, snapshot.clock.at, snapshot.clock.wall)
        self._last = snapshot.at
        self.keep_up(snapshot.wall)

    def instant(self, wall: Millis) -> Millis:
        """The lab's instant when the store's clock says that."""
        if isinstance(self.clock, ManualClock):
            return self._last
        passed = (wall - self._since) * Fraction(self.clock.factor)
        return max(self._base + int(passed), self._last)

    def keep_up(self, wall: Millis) -> None:
        """The store's clock says that now."""
        self.ahead = wall - real_millis()
        self.clock.keep_up(self.instant(wall))

    def commit(self, facts: Iterable[Fact], at: Millis, wall: Millis) -> None:
        """These facts were committed at that instant, when the store's clock said `wall`: some may move the lab's clock."""
        self._last = at
        for fact in facts:
            if isinstance(fact, ClockScaled) and isinstance(self.clock, ScaledClock):
                self._base, self._since = fact.at, wall
                self.clock.scale(fact.factor)
                # all stand at that instant exactly when it is paused, also who was ahead
                self.clock.rewind(fact.at)
        self.clock.keep_up(at)
