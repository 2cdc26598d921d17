"""What a pass adds up to beside its runs: who was refused, and how gates stood in the queue of reviewers."""

from msgspec import Struct, field

from lab.core.clock import Epoch, Millis, unix_millis
from lab.plugins.simulate.histogram import Histogram
from lab.plugins.simulate.workload import ReviewTeam


class QueueTally(Struct):
    """Counts of one pass, or of several."""

    refused: int = 0
    """Calls that were told to come again."""
    turned_away: Histogram = field(default_factory=Histogram)
    """Of the jobs that were refused before they were accepted: for how long."""
    gave_up: int = 0
    """Clients that came again and again, and then no more."""
    first_refused: Millis | None = None
    begun: Histogram = field(default_factory=Histogram)
    """How long gates stood in the queue until a reviewer began: those with which one did."""
    unseen: int = 0
    """Gates that timed out before one began."""
    outside: int = 0
    """Those of them that were never open while people were at work."""
    late: int = 0
    """Votes that came too late."""
    busy: Millis = 0
    """How long reviewers were at gates within their hours, all together."""
    overtime: Millis = 0
    """How long they were beyond their hours, for what was begun is finished."""
    open: Millis = 0
    """How long they could have been within them."""

    @property
    def jobs_refused(self) -> int:
        """Jobs of which a call was told to come again."""
        return self.turned_away.count + self.gave_up

    def begin(self, team: ReviewTeam, epoch: Epoch, now: Millis, lasts: Millis) -> None:
        """A reviewer begins with a gate, and is at it for so long."""
        within = team.within(unix_millis(epoch, now), lasts)
        self.busy += within
        self.overtime += lasts - within

    def time_out(self, team: ReviewTeam, epoch: Epoch, opened: Millis, deadline: Millis) -> None:
        """A gate times out with which nobody began."""
        self.unseen += 1
        self.outside += not team.within(unix_millis(epoch, opened), deadline - opened)

    def merge(self, other: "QueueTally") -> None:
        """Add another pass."""
        self.refused += other.refused
        self.turned_away.merge(other.turned_away)
        self.gave_up += other.gave_up
        self.first_refused = other.first_refused if self.first_refused is None else self.first_refused
        self.begun.merge(other.begun)
        self.unseen += other.unseen
        self.outside += other.outside
        self.late += other.late
        self.busy += other.busy
        self.overtime += other.overtime
        self.open += other.open
