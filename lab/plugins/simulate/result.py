"""What a simulation comes to: what is counted of each job, how full the server was, how each schedule of polls does.

Every number is a count or a whole number of milliseconds, and exact: what is told of many values is told of the list of
all. The document for programs is described in simulations.md §4.
"""

from array import array
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import accumulate, groupby

from msgspec import Struct, field
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.core.seeds import Seed
from lab.language.document import Status
from lab.plugins.simulate.passes import SAMPLE, Job, Pass, QueueTally, Simulation
from lab.plugins.simulate.schedule import (
    NOTICEABLE,
    WIDTHS,
    JobAnswers,
    PollSchedule,
    PollTimes,
    RulesKept,
    family,
    front,
)

PERCENTILES = (50, 90, 95, 99)
ROWS = 24
"""Rows of the document's histogram of durations, at most."""
COLUMNS = 240
"""A series has at most so many stretches."""


class Spread:
    """Values from 0 on, or values and how often each is there."""

    def __init__(self, values: Iterable[int] | Mapping[int, int] = ()) -> None:
        self.counts = Counter(values)
        self._values = sorted(self.counts)
        self._up_to = list(accumulate(self.counts[value] for value in self._values))
        self.count = self._up_to[-1] if self._up_to else 0
        self.total = sum(value * times for value, times in self.counts.items())
        self.largest = self._values[-1] if self._values else 0

    @property
    def mean(self) -> int:
        """Rounded half up; 0 of nothing."""
        return (2 * self.total + self.count) // (2 * self.count) if self.count else 0

    def quantile(self, percent: int) -> int:
        """The smallest value below or at which so many per cent of all are; 0 of nothing."""
        return self._values[bisect_left(self._up_to, -(-self.count * percent // 100))] if self._values else 0

    def stretches(self, most: int) -> list[tuple[int, int, int]]:
        """At most `most` rows (from, to, count) of one width that hold all values: of `WIDTHS`."""
        first = self._values[0] if self._values else 0
        width = next(size for size in WIDTHS if self.largest // size - first // size < most)
        rows = dict.fromkeys(range(first // width, self.largest // width + 1), 0) if self._values else {}
        for value, times in self.counts.items():
            rows[value // width] += times
        return [(row * width, (row + 1) * width, count) for row, count in rows.items()]


class StepTally(Struct):
    """The visits of one step."""

    jobs: int = 0
    lasted: list[Millis] = []
    """Of each visit."""
    verdicts: Counter[str] = field(default_factory=Counter)
    """Of a gate: how its openings ended."""
    escalated: int = 0
    """Of a gate: how many of its openings escalated."""


class ScheduleRow(Struct, frozen=True):
    """A schedule of polls, and what it comes to for the jobs that it was tried on."""

    text: str
    jobs: int
    polls: int
    wasted: int
    delay: Spread
    given: bool = False
    """Whether it was given, or is the app's own; else it is of the family."""
    best: bool = False
    worst: Millis | None = None
    """How late an end may be seen, whenever it comes; None: of a client that isn't bound to a schedule."""
    sure: bool = False
    """Whether it polls least of those that are never later than is allowed."""
    outside: str = ""
    """The rule of the report whose limits it leaves; empty: it keeps within all."""

    @property
    def a_job(self) -> float:
        """Polls of a job, on average."""
        return self.polls / self.jobs


class Levels(Struct, frozen=True):
    """How many jobs were under way at once with one seed."""

    alive: Counter[int]
    """So many jobs for so many milliseconds."""
    waiting: Counter[int]
    """So many gates open, likewise."""
    width: Millis
    """Of a stretch of the series."""
    columns: list[tuple[int, int, int, int]]
    """The series: at the end of each stretch at work, waiting for a person, COMPLETE, ERROR."""


class SeedLoad(Struct, frozen=True):
    """How full the server was with one seed."""

    seed: Seed
    queue: QueueTally
    levels: Levels
    shared_tokens: int
    """Tokens, if one client asks for all jobs of the seed."""

    @property
    def at_once(self) -> int:
        """Jobs alive at one time, at most."""
        return max(self.levels.alive, default=0)


class Result(Struct, frozen=True):
    """What a simulation comes to."""

    simulation: Simulation
    ended: list[tuple[str, str, Spread]]
    """How long jobs took, by the step in which they ended and its status, the most frequent first."""
    duration: Spread
    """However they ended."""
    steps: dict[str, StepTally]
    calls: Spread
    """Polls that the lab's own client took for a job."""
    left: int
    """Jobs that it didn't follow to their end."""
    tokens: int
    """Tokens, if each job's client asks for its own."""
    loads: list[SeedLoad]
    queue: QueueTally
    alive: Spread
    waiting: Spread
    schedules: list[ScheduleRow]


# One job after the other

COMPLETED, FAILED, CLOSED, BEGAN, OPENED = range(5)
"""Marks of instants: a job ended COMPLETE, or ERROR, a gate closed, a job began, a gate opened."""
MARKS = 8
"""An instant and its mark as one number: instant * MARKS + mark."""


class _Tried(Struct):
    """A schedule while it is tried; of a job that had ended when its id came it takes no poll."""

    times: PollTimes | None
    polls: int = 0
    wasted: int = 0
    delays: list[Millis] = []

    def add(self, answers: JobAnswers) -> None:
        assert self.times is not None
        polls, delay = self.times.delay(answers[-1][0]) if len(answers) > 1 else (0, -answers[-1][0])
        self.count(polls, polls - self.times.telling(answers) if polls else 0, delay)

    def count(self, polls: int, wasted: int, delay: Millis) -> None:
        self.polls += polls
        self.wasted += wasted
        self.delays.append(delay)

    @property
    def figures(self) -> tuple[int, int, int, Spread]:
        return len(self.delays), self.polls, self.wasted, Spread(self.delays)


class Tally:
    """What jobs add up to."""

    def __init__(self, simulation: Simulation) -> None:
        self.steps = {name: StepTally() for name in simulation.compiled.steps}
        self.calls: dict[int, array[int]] = defaultdict(lambda: array("q"))
        """Of the seed at hand: the instants of calls with a token, by stretches as long as a token is used."""
        self._simulation = simulation
        self._ended: dict[tuple[str, str], list[Millis]] = defaultdict(list)
        self._app = _Tried(None)
        self._latency = median_latency(simulation)
        self._given = [_Tried(PollTimes(each, self._latency)) for each in simulation.workload.schedules]
        self._polls: list[int] = []
        self._tokens = self._left = 0
        self._sample: list[JobAnswers] = []
        self._marks: list[int] = []
        """When jobs begin and end, and gates open and close, with the seed at hand: MARKS."""
        self._every = -(-simulation.workload.jobs * simulation.workload.seeds // SAMPLE)
        """Every n-th job is of the sample by which schedules are compared."""
        self._worth = max(1, simulation.lifetime - min(60_000, simulation.lifetime // 10))
        """For how long the app uses a token."""

    def result(self) -> Result:
        """Make the passes, and say what all of them add up to."""
        simulation, loads = self._simulation, []
        for seed in simulation.seeds:
            queue = Pass(simulation, seed, self.take).play()
            loads.append(SeedLoad(seed, queue, levels(self._marks), self._shared_tokens()))
            self._marks.clear()
            self.calls.clear()
        ended = [(step, status, Spread(took)) for (step, status), took in self._ended.items()]
        given = [each.figures for each in self._given]
        return Result(
            simulation,
            sorted(ended, key=lambda each: (-each[2].count, each[:2])),
            Spread(took for each in self._ended.values() for took in each),
            {name: step for name, step in self.steps.items() if step.lasted},
            Spread(self._polls),
            self._left,
            self._tokens,
            loads,
            sum((each.queue for each in loads), QueueTally()),
            Spread(sum((each.levels.alive for each in loads), Counter())),
            Spread(sum((each.levels.waiting for each in loads), Counter())),
            schedule_rows(simulation, self._app.figures, given, self._sample),
        )

    def take(self, job: Job) -> None:
        """Count a job."""
        self._count_spans(job)
        client = job.client
        for at in client.calls:
            self.calls[at // self._worth].append(at)
        self._tokens += client.tokens
        outcome = client.outcome
        assert outcome is not None
        self._polls.append(outcome.polls)
        if outcome.why is not None:
            self._left += 1
        else:
            self._app.count(outcome.polls, client.wasted, client.now - job.spans[-1].since)
        for given in self._given:
            given.add(job.answers)
        before = (job.plan.seed - self._simulation.seed) * self._simulation.workload.jobs
        if (before + job.plan.invocation.ordinal - 1) % self._every == 0:
            self._sample.append(job.answers)

    def _count_spans(self, job: Job) -> None:
        """Count a job's visits, and mark when it begins and ends, and when its gates open and close."""
        began, end, marks = job.spans[0].since, job.spans[-1], self._marks
        # what a body says may change within a visit: then it is of several spans
        for (name, visit), parts in groupby(job.spans[:-1], key=lambda span: (span.id, span.visit)):
            passed = list(parts)
            since, last = passed[0].since, passed[-1]
            until = last.until or since
            visited = [(name, until), *((child, part.until or since) for part in passed for child in part.over)]
            for visitor, gone in visited:
                step = self.steps[visitor]
                step.jobs += visit == 0
                step.lasted.append(gone - since)
            if last.opening is not None:
                self.steps[name].verdicts[str(last.votes[-1].verdict)] += 1
                self.steps[name].escalated += last.escalated
                marks += since * MARKS + OPENED, until * MARKS + CLOSED
        self._ended[end.id, str(end.status)].append(end.since - began)
        marks += began * MARKS + BEGAN, end.since * MARKS + (COMPLETED if end.status is Status.COMPLETE else FAILED)

    def _shared_tokens(self) -> int:
        tokens, good = 0, -1
        for number in sorted(self.calls):  # a stretch is as long as a token is used: no second one is taken in it
            at = min((each for each in self.calls[number] if each >= good), default=None)
            if at is not None:
                tokens, good = tokens + 1, at + self._worth
        return tokens


def levels(marks: Iterable[int]) -> Levels:
    """How many jobs are alive, and how many wait for a person, over time."""
    ordered = sorted(marks)
    alive, waiting, counts, now = Counter[int](), Counter[int](), [0] * 5, 0
    columns: list[tuple[int, int, int, int]] = []
    width = 1_000
    while (ordered[-1] // MARKS - 1) // width >= COLUMNS:
        width *= 2
    for at, mark in (divmod(each, MARKS) for each in ordered):
        if at > now:
            here = counts[BEGAN] - counts[COMPLETED] - counts[FAILED]
            stopped = counts[OPENED] - counts[CLOSED]
            alive[here] += at - now
            waiting[stopped] += at - now
            first = now // width
            column = here - stopped, stopped, counts[COMPLETED], counts[FAILED]
            columns[first:] = [column] * ((at - 1) // width + 1 - first)
            now = at
        counts[mark] += 1
    return Levels(alive, waiting, width, columns)


# Schedules


def median_latency(simulation: Simulation) -> Millis:
    """The median of what a poll's answer is withheld, by a hundred draws."""
    return sorted(simulation.latency(0, "status", "median", now) for now in range(101))[50]


def schedule_rows(
    simulation: Simulation,
    app: tuple[int, int, int, Spread],
    given: Sequence[tuple[int, int, int, Spread]],
    sample: Sequence[JobAnswers],
) -> list[ScheduleRow]:
    """The app's own schedule, those given, and of the family around them the front; the best are marked.

    Of the family those alone are shown that keep within the limits of the report's rules.
    """
    workload, own = simulation.workload, simulation.app.backoff
    around = workload.schedules or (PollSchedule(own.first, own.longest, own.percent),)
    latency, rules = median_latency(simulation), RulesKept(sample)
    ends = sorted(answers[-1][0] for answers in sample if len(answers) > 1) or [0]
    grid = family(around, {workload.delay, max(workload.delay, ends[len(ends) // 2] // NOTICEABLE)})
    times = {each: PollTimes(each, latency) for each in (*workload.schedules, *grid)}
    points = sorted((*times[each].total(ends), each) for each in grid)

    @cache
    def outside(schedule: PollSchedule) -> str:
        return rules.left(times[schedule])

    def cheapest(some: Iterable[PollSchedule]) -> PollSchedule | None:
        return next((each for each in some if not outside(each)), None)

    sure = cheapest(each for *_, each in points if times[each].worst(ends[-1]) <= workload.delay)
    in_time = cheapest(each for _, late, each in points if late <= workload.delay)
    # one that is in time by a hair may be left out of the front, for it is hardly sooner than one that isn't
    shown = {*front(points, lambda each: not outside(each)), sure, in_time} - {*workload.schedules}

    def rows() -> Iterator[ScheduleRow]:
        yield ScheduleRow("the lab's app", *app, given=True)
        tried = [(each, of, True) for each, of in zip(workload.schedules, given, strict=True)]
        tried += [(each, figures(times[each], sample), False) for *_, each in points if each in shown]
        for each, of, was_given in tried:
            worst = times[each].worst(ends[-1])
            yield ScheduleRow(each.text, *of, was_given, False, worst, each == sure, outside(each))

    every = list(rows())
    best = best_row(every, workload.delay)
    return [replace(each, best=each is best) for each in every]


def figures(times: PollTimes, sample: Iterable[JobAnswers]) -> tuple[int, int, int, Spread]:
    """What a schedule means for some jobs: how many they are, polls, those of them that are wasted, delays."""
    tried = _Tried(times)
    for answers in sample:
        tried.add(answers)
    return tried.figures


def best_row(rows: Iterable[ScheduleRow], allowed: Millis) -> ScheduleRow | None:
    """The row that polls least of those in time at p95; of equal ones that which tells sooner, then the one given.

    Never one that leaves the limits of a rule of the report.
    """

    def rank(row: ScheduleRow) -> tuple[float, Millis, float, bool, bool]:
        nobody_can_write_it_down = row.worst is None
        late = row.delay
        return row.a_job, late.quantile(95), late.total / late.count, not row.given, nobody_can_write_it_down

    judged = (each for each in rows if each.jobs and not each.outside and each.delay.quantile(95) <= allowed)
    return min(judged, key=rank, default=None)


# For programs


def document(result: Result) -> dict[str, Json]:
    """The members of `lab simulate --json`."""
    simulation, app, queue = result.simulation, result.schedules[0], result.queue
    gates: list[Json] = [
        {
            "step": name,
            "openings": len(step.lasted),
            "escalated": step.escalated,
            "verdicts": dict(sorted(step.verdicts.items())),
            **_spread(Spread(step.lasted)),
        }
        for name, step in result.steps.items()
        if step.verdicts
    ]
    return {
        "scenario": simulation.invocation.scenario,
        "seed": simulation.seed,
        "seeds": simulation.workload.seeds,
        "jobs": simulation.workload.jobs,
        "ended": [
            {"step": step, "status": status, "jobs": took.count, "duration": _spread(took)}
            for step, status, took in result.ended
        ],
        "duration": {
            **_spread(result.duration),
            "histogram": [
                {"from": low, "to": high, "jobs": jobs} for low, high, jobs in result.duration.stretches(ROWS)
            ],
        },
        "steps": [
            {"step": name, "jobs": step.jobs, "visits": len(step.lasted), **_spread(Spread(step.lasted))}
            for name, step in result.steps.items()
        ],
        "waiting": {"gates": gates, "at_once": _quantiles(result.waiting), "reviewers": _reviewers(result)},
        "polls": {
            "calls": result.calls.total,
            "wasted": app.wasted,
            "a_job": _quantiles(result.calls),
            "delay": _spread(app.delay),
            "left": result.left,
        },
        "tokens": {
            "each": result.tokens,
            "shared": sum(each.shared_tokens for each in result.loads),
            "lifetime": simulation.lifetime,
        },
        "refused": {
            "limit": simulation.workload.limit,
            **_refusals(queue),
            "delay": _spread(Spread(queue.turned_away)),
            "at_once": _quantiles(result.alive),
            "by_seed": [{"seed": each.seed, **_refusals(each.queue), "at_once": each.at_once} for each in result.loads],
        },
        "schedules": [
            {
                "schedule": row.text,
                "given": row.given,
                "best": row.best,
                "sure": row.sure,
                "worst": row.worst,
                "outside": row.outside or None,
                "jobs": row.jobs,
                "polls": row.polls,
                "wasted": row.wasted,
                "delay": _spread(row.delay),
            }
            for row in result.schedules
        ],
    }


def _reviewers(result: Result) -> Json:
    team, queue = result.simulation.workload.reviewers, result.queue
    counts = {name: getattr(queue, name) for name in ("unseen", "outside", "late", "busy", "overtime", "open")}
    return {"people": team.people, "queue": _spread(Spread(queue.begun)), **counts} if team is not None else None


def _refusals(queue: QueueTally) -> dict[str, Json]:
    first = queue.first_refused[0] if queue.first_refused else None
    return {"calls": queue.refused, "jobs": queue.jobs_refused, "gave_up": queue.gave_up, "first": first}


def _spread(values: Spread) -> dict[str, Json]:
    return {"mean": values.mean, **_quantiles(values)}


def _quantiles(values: Spread) -> dict[str, Json]:
    return {**{f"p{each}": values.quantile(each) for each in PERCENTILES}, "max": values.largest}
