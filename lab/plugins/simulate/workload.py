"""What is simulated: the scenario as a server plays it, how many jobs there are, and who has to do with them."""

from msgspec import Struct

from lab.app.effects import App
from lab.core.clock import Epoch, Millis
from lab.core.seeds import Seed
from lab.jobs.compiled import CompiledScenario
from lab.jobs.plan import Invocation
from lab.language.document import Latency, Switches
from lab.plugins.simulate.schedule import PollSchedule

DAY: Millis = 86_400_000
_HOUR: Millis = 3_600_000


class ReviewTeam(Struct, frozen=True):
    """The people who answer gates, each one gate at a time."""

    people: int
    takes: Latency
    """How long one is at a gate."""
    begins: Millis = 0
    """From when on in a day (UTC) one begins with a gate."""
    ends: Millis = DAY
    """From when on nobody does; before `begins`: on the next day."""

    def at_work(self, unix: Millis) -> bool:
        """Whether one would begin with a gate at that instant, in milliseconds since 1970."""
        return (unix - self.begins) % DAY < self.length

    @property
    def length(self) -> Millis:
        """How long a day of work is."""
        return (self.ends - self.begins) % DAY or DAY

    @property
    def hours(self) -> str:
        """When they begin with gates, for people."""
        return f"{self.begins // _HOUR} to {self.ends // _HOUR} UTC"

    def next_begin(self, unix: Millis) -> Millis:
        """The next beginning of work after that instant."""
        return unix + DAY - (unix - self.begins) % DAY

    def within(self, unix: Millis, lasting: Millis) -> Millis:
        """How much of a stretch that begins at `unix` is within the hours of work."""

        def until(at: Millis) -> Millis:
            days, rest = divmod(at - self.begins, DAY)
            return days * self.length + min(rest, self.length)

        return until(unix + lasting) - until(unix)


class Workload(Struct, frozen=True):
    """How many jobs, how they come, and what is asked of them."""

    jobs: int = 1_000
    seeds: int = 1
    gap: int = 1_000_000
    """The mean of the time between two arrivals, in microseconds."""
    reviewers: ReviewTeam | None = None
    """None: the scenario's own reviewers answer."""
    schedules: tuple[PollSchedule, ...] = ()
    """Those that were given, to be compared with that of the lab's own app."""
    limit: int | None = None
    """How many jobs may be alive; None: as many as come."""
    delay: Millis = 5_000
    """How much later than its end a job may be seen to have ended, at the 95th percentile."""


class Simulation(Struct, frozen=True, eq=False):
    """A workload, and what it is put on; the same for all jobs."""

    compiled: CompiledScenario
    """What a server plays for each job."""
    invocation: Invocation
    """That of one of them: the others differ in id, ordinal, instant and conversation."""
    app: App
    """The lab's own, which asks for each."""
    switches: Switches
    epoch: Epoch
    seed: Seed
    """The first one."""
    lifetime: Millis
    """That of a token."""
    token_scenario: CompiledScenario | None
    """Whose latency a token request has."""
    workload: Workload = Workload()

    @property
    def seeds(self) -> range:
        """All of them."""
        return range(self.seed, self.seed + self.workload.seeds)

    @property
    def sample(self) -> int:
        """Every n-th job is of the sample by which schedules are compared."""
        return -(-self.workload.jobs * self.workload.seeds // SAMPLE)


SAMPLE = 5_000
"""At most so many jobs are of it."""
