"""Chunks put together, in the order of acceptance: the result, in memory that doesn't grow with the number of jobs."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import islice

from msgspec import Struct, field
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.seeds import Seed
from lab.plugins.simulate.admission import Pass
from lab.plugins.simulate.histogram import Histogram
from lab.plugins.simulate.queue_tally import QueueTally
from lab.plugins.simulate.rules_kept import RulesKept
from lab.plugins.simulate.schedule import NOTICEABLE, JobAnswers, PollSchedule, PollTimes, ScheduleTally, family, front
from lab.plugins.simulate.tally import (
    BEGAN,
    CLOSED,
    COMPLETED,
    FAILED,
    MARKS,
    OPENED,
    Chunk,
    Tally,
    median_latency,
    worth,
)
from lab.plugins.simulate.workload import Simulation

CHUNK = 200
"""Jobs of a chunk: the same whatever works them out, for chunks decide no byte, and how soon an interruption is heeded."""
_COLUMNS = 240
"""A series has at most so many stretches."""


class Series(Struct):
    """How many jobs are in which state, over time: in stretches that get twice as long whenever there are too many."""

    width: Millis = 1_000
    columns: list[tuple[int, int, int, int]] = field(default_factory=list)
    """At the end of each stretch: at work, waiting for a person, COMPLETE, ERROR."""

    def note(self, since: Millis, until: Millis, counts: tuple[int, int, int, int]) -> None:
        """What held from `since` until `until`, where what was noted before ends."""
        while (last := (until - 1) // self.width) >= _COLUMNS:
            self.width *= 2
            self.columns = [*self.columns[1::2], *self.columns[-1:][: len(self.columns) % 2]]
        first = since // self.width
        self.columns[first:] = [counts] * (last + 1 - first)


class AtOnce:
    """How many jobs are alive, and how many wait for a person, weighed by how long."""

    def __init__(self) -> None:
        self.alive = Histogram()
        self.waiting = Histogram()
        self.series = Series()
        self._pending: list[int] = []
        self._counts = [0] * 5
        self._now: Millis = 0

    def take(self, marks: Sequence[int], until: Millis | None) -> None:
        """Take up marks; those before `until` (None: all) are complete, for what comes later is accepted later."""
        self._pending = sorted([*self._pending, *marks])  # two runs in order: they are merged
        ready = len(self._pending) if until is None else bisect_left(self._pending, until * MARKS)
        for mark in self._pending[:ready]:
            self._step(*divmod(mark, MARKS))
        del self._pending[:ready]

    def _step(self, at: Millis, mark: int) -> None:
        counts = self._counts
        alive = counts[BEGAN] - counts[COMPLETED] - counts[FAILED]
        waiting = counts[OPENED] - counts[CLOSED]
        if at > self._now:
            self.alive.add(alive, at - self._now)
            self.waiting.add(waiting, at - self._now)
            self.series.note(self._now, at, (alive - waiting, waiting, counts[COMPLETED], counts[FAILED]))
            self._now = at
        counts[mark] += 1


class ScheduleRow(Struct, frozen=True):
    """A schedule of polls, and what it comes to."""

    text: str
    tally: ScheduleTally
    given: bool = False
    """Whether it was given, or is the app's own; else it is of the family."""
    best: bool = False
    worst: Millis | None = None
    """How late an end may be seen, whenever it comes; None: of a client that isn't bound to a schedule."""
    sure: bool = False
    """Whether it polls least of those that are never later than is allowed."""
    outside: str = ""
    """The rule of the report whose limits it leaves; empty: it keeps within all."""


class SeedLoad(Struct, frozen=True):
    """How full the server was with one seed."""

    seed: Seed
    queue: QueueTally
    at_once: int
    """Jobs alive at one time, at most."""


class SimulationResult(Struct, frozen=True):
    """What a simulation comes to."""

    simulation: Simulation
    tally: Tally
    queue: QueueTally
    alive: Histogram
    """Jobs at once, weighed by milliseconds."""
    waiting: Histogram
    """Gates open at once, likewise."""
    loads: tuple[SeedLoad, ...]
    """Of each seed."""
    series: Series
    """Of the first seed."""
    shared_tokens: int
    """Tokens, if one client asks for all jobs of a seed."""
    schedules: tuple[ScheduleRow, ...]


class Totals:
    """Hands out chunks, and takes them back worked out, in the same order."""

    def __init__(self, simulation: Simulation) -> None:
        self.at_once = AtOnce()
        """Of the seed at hand."""
        self._simulation = simulation
        self._tally = Tally()
        self._passes: list[QueueTally] = []
        """What each adds up to."""
        self._fullest: list[int] = []
        """How many jobs of each seed were alive at once, at most."""
        self._alive, self._waiting = Histogram(), Histogram()
        self._series: Series | None = None
        self._seed = simulation.seed
        self._calls: dict[int, Millis] = {}
        self._shared = 0
        self._sample: list[list[tuple[Millis, tuple[str, object]]]] = []

    def chunks(self) -> Iterator[Chunk]:
        """The jobs of all seeds; this makes the passes."""
        for seed in self._simulation.seeds:
            each = Pass(self._simulation, seed)
            runs = each.runs()
            while some := tuple(islice(runs, CHUNK)):
                yield Chunk(seed, some)
            self._passes.append(each.tally)

    @property
    def queue(self) -> QueueTally:
        """What all passes add up to."""
        queue = QueueTally()
        for each in self._passes:
            queue.merge(each)
        return queue

    def take(self, chunk: Chunk, tally: Tally) -> None:
        """Take up the next chunk."""
        if chunk.seed != self._seed:
            self._end_seed()
            self._seed = chunk.seed
        self._tally.merge(tally)
        self._sample += tally.sample
        for number, at in tally.calls.items():
            self._calls[number] = min(at, self._calls.get(number, at))
        self.at_once.take(tally.marks, tally.until)

    def _end_seed(self) -> None:
        self.at_once.take((), None)
        self._alive.merge(self.at_once.alive)
        self._fullest.append(self.at_once.alive.largest)
        self._waiting.merge(self.at_once.waiting)
        self._series = self._series or self.at_once.series
        good = -1
        for at in (self._calls[number] for number in sorted(self._calls)):
            if at >= good:
                self._shared += 1
                good = at + worth(self._simulation.lifetime)
        self.at_once, self._calls = AtOnce(), {}

    def result(self) -> SimulationResult:
        """What it all comes to, once all chunks are taken."""
        self._end_seed()
        assert self._series is not None
        loads = zip(self._simulation.seeds, self._passes, self._fullest, strict=True)
        return SimulationResult(
            self._simulation,
            self._tally,
            self.queue,
            self._alive,
            self._waiting,
            tuple(SeedLoad(*each) for each in loads),
            self._series,
            self._shared,
            tuple(schedule_rows(self._simulation, self._tally, self._sample)),
        )


def schedule_rows(simulation: Simulation, tally: Tally, sample: Sequence[JobAnswers]) -> Iterator[ScheduleRow]:
    """The app's own schedule, those given, and of the family around them the front; the best are marked.

    Of the family those alone are shown that keep within the limits of the report's rules.
    """
    workload, own = simulation.workload, simulation.app.backoff
    given = workload.schedules or (PollSchedule(own.first, own.longest, own.percent),)
    latency, rules = median_latency(simulation), RulesKept(sample)
    ends = sorted(answers[-1][0] for answers in sample if len(answers) > 1) or [0]
    grid = family(given, {workload.delay, max(workload.delay, ends[len(ends) // 2] // NOTICEABLE)})
    points = sorted((*PollTimes(each, latency).total(ends), each) for each in grid)

    @cache
    def outside(schedule: PollSchedule) -> str:
        return rules.left(PollTimes(schedule, latency))

    def cheapest(some: Iterable[tuple[int, Millis, PollSchedule]]) -> PollSchedule | None:
        return next((each for *_, each in some if not outside(each)), None)

    sure = cheapest(each for each in points if PollTimes(each[2], latency).worst(ends[-1]) <= workload.delay)
    in_time = cheapest(each for each in points if each[1] <= workload.delay)
    rows = [ScheduleRow("the lab's app", tally.app, given=True)]
    tried = [(each, of, True) for each, of in zip(workload.schedules, tally.given, strict=True)]
    # one that is in time by a hair may be left out of the front, for it is hardly sooner than one that isn't
    shown = {*front(points, lambda each: not outside(each)), sure, in_time} - {*workload.schedules}
    tried += ((each, _tried(each, latency, sample), False) for *_, each in points if each in shown)
    rows += (
        ScheduleRow(
            each.text,
            of,
            given,
            worst=PollTimes(each, latency).worst(ends[-1]),
            sure=each == sure,
            outside=outside(each),
        )
        for each, of, given in tried
    )
    best = best_row(rows, workload.delay)
    return (replace(each, best=each is best) for each in rows)


def best_row(rows: Sequence[ScheduleRow], allowed: Millis) -> ScheduleRow | None:
    """The row that polls least of those in time at p95; of equal ones that which tells sooner, then the one given.

    Never one that leaves the limits of a rule of the report.
    """

    def rank(row: ScheduleRow) -> tuple[float, Millis, float, bool, bool]:
        tally, delay = row.tally, row.tally.delay
        of_a_client_without_schedule = row.worst is None  # nobody can write it down
        return (
            tally.polls / tally.jobs,
            delay.quantile(95),
            delay.total / delay.count,
            not row.given,
            of_a_client_without_schedule,
        )

    judged = (each for each in rows if each.tally.jobs and not each.outside)
    return min((each for each in judged if each.tally.delay.quantile(95) <= allowed), key=rank, default=None)


def _tried(schedule: PollSchedule, latency: Millis, sample: Sequence[JobAnswers]) -> ScheduleTally:
    tally, times = ScheduleTally(), PollTimes(schedule, latency)
    for answers in sample:
        tally.add(times, answers)
    return tally
