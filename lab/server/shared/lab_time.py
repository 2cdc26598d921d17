"""The instants of a lab that several processes serve: made of the store's clock, so that all of them agree.

An instant is told by what the store's clock says, never by a process's own: two machines whose clocks are an hour apart
find the same decision early or late. A process's own clock follows, for sleepers and for replies that are withheld. It
never goes back; where it is ahead by the time that an answer of the store took, it is so by milliseconds.
"""

from fractions import Fraction

from lab.clocks import AnyClock, ScaledClock, real_millis
from lab.core.clock import Millis
from lab.core.journal.shared import Commit, LabState, Pace
from lab.server.shared.folded_log import pace_after


class LabTime:
    """Instants by the store's clock; `clock`, by which this process sleeps, is kept up with them."""

    def __init__(self, clock: AnyClock, began: Millis) -> None:
        """`began` is what the store's clock said at instant 0, in milliseconds since 1970."""
        self.clock = clock
        # a manual clock has the pace 0: it stands where the last commit was
        self.pace = self._first = Pace(clock.factor, 0, began)
        self.at: Millis = 0
        """The instant of the last commit: none is earlier after it."""
        self.ahead: Millis = 0
        """By how much the store's clock is ahead of this process's real milliseconds."""

    def instant(self, wall: Millis) -> Millis:
        """The lab's instant when the store's clock says that."""
        passed = (wall - self.pace.since) * Fraction(self.pace.factor)
        return max(self.pace.base + int(passed), self.at)

    def keep_up(self, wall: Millis) -> None:
        """The store's clock says that now."""
        self.ahead = wall - real_millis()
        self.clock.keep_up(self.instant(wall))

    def load(self, state: LabState) -> None:
        """Go on where the lab stood then."""
        self._run(state.pace or self._first)
        self.at = state.at

    def follow(self, commit: Commit) -> None:
        """It was committed: some commits move the lab's clock."""
        self.at = commit.at
        if (pace := pace_after(commit)) is not None:
            self._run(pace)
        self.clock.keep_up(commit.at)

    def _run(self, pace: Pace) -> None:
        if pace != self.pace and isinstance(self.clock, ScaledClock):
            self.pace = pace
            self.clock.scale(pace.factor)
            # all stand at that instant exactly when it is paused, also who was ahead
            self.clock.rewind(pace.base)
