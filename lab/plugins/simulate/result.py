"""What a simulation comes to: what is counted of each job, how full the server was, how each schedule of polls does.

Every number is a count or a whole number of milliseconds, and exact: what is told of many values is told of the list of
all. The document for programs is described in simulations.md §4.
"""

from array import array
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, cached_property
from itertools import accumulate, groupby

from msgspec import Struct, field
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.core.seeds import Seed
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
from lab.program.words import Status

PERCENTILES = (50, 90, 95, 99)
ROWS = 24
"""Rows of the document's histogram of durations, at most."""
COLUMNS = 240
"""A series has at most so many stretches."""


class Figures:
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


class ScheduleRow(Struct, dict=True):
    """A schedule of polls, and what it comes to for the jobs that it was tried on."""

    text: str
    times: PollTimes | None = None
    """None: of the lab's own app, which isn't bound to a schedule."""
    given: bool = True
    """Whether it was given, or is the app's own; else it is of the family."""
    polls: int = 0
    wasted: int = 0
    delays: list[Millis] = []
    worst: Millis | None = None
    """How late an end may be seen, whenever it comes."""
    outside: str = ""
    """The rule of the report whose limits it leaves; empty: it keeps within all."""
    sure: bool = False
    """Whether it polls least of those that are never later than is allowed."""
    best: bool = False

    def add(self, answers: JobAnswers) -> None:
        """Try it on a job; one that had ended when its id came takes no poll."""
        assert self.times is not None
        polls, delay = self.times.delay(answers[-1][0]) if len(answers) > 1 else (0, -answers[-1][0])
        self.polls += polls
        self.wasted += polls - self.times.telling(answers) if polls else 0
        self.delays.append(delay)

    @property
    def jobs(self) -> int:
        """How many it was tried on."""
        return len(self.delays)

    @property
    def a_job(self) -> float:
        """Polls of a job, on average."""
        return self.polls / self.jobs

    @cached_property
    def delay(self) -> "Figures":
        """How much later than their ends jobs are known to have ended; asked for once all are tried."""
        return Figures(self.delays)


class SeedLoad(Struct, frozen=True):
    """How full the server was with one seed."""

    alive: Counter[int]
    """So many jobs for so many milliseconds."""
    waiting: Counter[int]
    """So many gates open, likewise."""
    width: Millis
    """Of a stretch of the series."""
    columns: list[tuple[int, int, int, int]]
    """The series: at the end of each stretch at work, waiting for a person, COMPLETE, ERROR."""
    seed: Seed = 0
    queue: QueueTally = field(default_factory=QueueTally)
    shared_tokens: int = 0
    """Tokens, if one client asks for all jobs of the seed."""

    @property
    def at_once(self) -> int:
        """Jobs alive at one time, at most."""
        return max(self.alive, default=0)


COMPLETED, FAILED, CLOSED, BEGAN, OPENED = range(5)
"""Marks of instants: a job ended COMPLETE, or ERROR, a gate closed, a job began, a gate opened."""
MARKS = 8
"""An instant and its mark as one number: instant * MARKS + mark."""


class SimulationResult:
    """What jobs add up to; `play` makes them."""

    def __init__(self, simulation: Simulation) -> None:
        workload = simulation.workload
        self.simulation = simulation
        self.ended: dict[tuple[str, str], list[Millis]] = defaultdict(list)
        """How long jobs took, by the step in which they ended and its status."""
        self.steps = {name: StepTally() for name in simulation.compiled.steps}
        self.polls: list[int] = []
        """Those that the lab's own client took for a job."""
        self.tokens = self.left = 0
        """Tokens, if each job's client asks for its own; jobs that it didn't follow to their end."""
        self.loads: list[SeedLoad] = []
        self.app, self._latency = ScheduleRow("the lab's app"), median_latency(simulation)
        self.schedules = [ScheduleRow(each.text, PollTimes(each, self._latency)) for each in workload.schedules]
        """Those that were given; once all jobs are played the app's first, and others that were tried."""
        self._sample: list[JobAnswers] = []
        self._every = -(-workload.jobs * workload.seeds // SAMPLE)
        """Every n-th job is of the sample by which schedules are compared."""
        self._worth = max(1, simulation.lifetime - min(60_000, simulation.lifetime // 10))
        """For how long the app uses a token."""
        self._calls: dict[int, array[int]] = defaultdict(lambda: array("q"))
        """Of the seed at hand: the instants of calls with a token, by stretches as long as a token is used."""
        self._marks: list[int] = []
        """Likewise, when jobs begin and end, and gates open and close: MARKS."""

    def play(self) -> "SimulationResult":
        """Make the jobs of all seeds."""
        for seed in self.simulation.seeds:
            queue = Pass(self.simulation, seed, self._take).play()
            load = replace(levels(self._marks), seed=seed, queue=queue, shared_tokens=self._shared_tokens())
            self.loads.append(load)
            self._marks.clear()
            self._calls.clear()
        self.steps = {name: step for name, step in self.steps.items() if step.lasted}
        self.schedules = schedule_rows(self.simulation, [self.app, *self.schedules], self._sample)
        self.duration = Figures(took for each in self.ended.values() for took in each)
        self.queue = sum((each.queue for each in self.loads), QueueTally())
        self.alive, self.waiting = (
            Figures(sum((getattr(each, name) for each in self.loads), Counter())) for name in ("alive", "waiting")
        )
        return self

    @property
    def endings(self) -> list[tuple[tuple[str, str], Figures]]:
        """How jobs ended, and how long they took, the most frequent ending first."""
        spreads = ((key, Figures(took)) for key, took in self.ended.items())
        return sorted(spreads, key=lambda each: (-each[1].count, each[0]))

    def _take(self, job: Job) -> None:
        client, outcome = job.client, job.client.outcome
        assert outcome is not None
        self._count_spans(job)
        for at in client.calls:
            self._calls[at // self._worth].append(at)
        self.tokens += client.tokens
        self.polls.append(outcome.polls)
        if outcome.why is not None:
            self.left += 1
        else:
            self.app.polls += outcome.polls
            self.app.wasted += client.wasted
            self.app.delays.append(client.now - job.spans[-1].since)
        for given in self.schedules:
            given.add(job.answers)
        before = (job.seed - self.simulation.seed) * self.simulation.workload.jobs
        if (before + job.ordinal - 1) % self._every == 0:
            self._sample.append(job.answers)

    def _count_spans(self, job: Job) -> None:
        """Count a job's visits, and mark when it begins and ends, and when its gates open and close."""
        began, end, marks = job.spans[0].since, job.spans[-1], self._marks
        # what a body says may change within a visit: then it is of several spans
        for (name, visit), parts in groupby(job.spans[:-1], key=lambda span: (span.id, span.visit)):
            passed = list(parts)
            since, last = passed[0].since, passed[-1]
            until = last.until or since
            for visitor, gone in ((name, until), *((child, part.until or 0) for part in passed for child in part.over)):
                self.steps[visitor].jobs += visit == 0
                self.steps[visitor].lasted.append(gone - since)
            if last.opening is not None:
                self.steps[name].verdicts[str(last.votes[-1].verdict)] += 1
                self.steps[name].escalated += last.escalated
                marks += since * MARKS + OPENED, until * MARKS + CLOSED
        self.ended[end.id, str(end.status)].append(end.since - began)
        marks += began * MARKS + BEGAN, end.since * MARKS + (COMPLETED if end.status is Status.COMPLETE else FAILED)

    def _shared_tokens(self) -> int:
        tokens, good = 0, -1
        for number in sorted(self._calls):  # a stretch is as long as a token is used: no second one is taken in it
            at = min((each for each in self._calls[number] if each >= good), default=None)
            if at is not None:
                tokens, good = tokens + 1, at + self._worth
        return tokens


def levels(marks: Iterable[int]) -> SeedLoad:
    """How many jobs are alive, and how many wait for a person, over time."""
    ordered = sorted(marks)
    alive, waiting = Counter[int](), Counter[int]()
    counts, now = [0] * 5, 0
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
            column, first = (here - stopped, stopped, counts[COMPLETED], counts[FAILED]), now // width
            columns[first:] = [column] * ((at - 1) // width + 1 - first)
            now = at
        counts[mark] += 1
    return SeedLoad(alive, waiting, width, columns)


# Schedules


def median_latency(simulation: Simulation) -> Millis:
    """The median of what a poll's answer is withheld, by a hundred draws."""
    return sorted(simulation.latency(0, "status", "median", now) for now in range(101))[50]


def schedule_rows(
    simulation: Simulation, rows: Sequence[ScheduleRow], sample: Sequence[JobAnswers]
) -> list[ScheduleRow]:
    """These, of the app and of the schedules that were given, and of the family around them the front; the best are marked.

    Of the family those alone are shown that keep within the limits of the report's rules.
    """
    workload, own = simulation.workload, simulation.app.backoff
    around = workload.schedules or (PollSchedule(own.first, own.longest, own.percent),)
    latency, rules = median_latency(simulation), RulesKept(sample)
    ends = sorted(answers[-1][0] for answers in sample if len(answers) > 1) or [0]
    grid = family(around, {workload.delay, max(workload.delay, ends[len(ends) // 2] // NOTICEABLE)})
    times = {each: PollTimes(each, latency) for each in (*workload.schedules, *grid)}
    points = sorted((*times[each].total(ends), each) for each in grid)
    outside = cache(lambda each: rules.left(times[each]))
    # the first are the cheapest
    sure = (each for *_, each in points if times[each].worst(ends[-1]) <= workload.delay and not outside(each))
    in_time = (each for _, late, each in points if late <= workload.delay and not outside(each))
    surest = next(sure, None)
    # one that is in time by a hair may be left out of the front, for it is hardly sooner than one that isn't
    shown = {*front(points, lambda each: not outside(each)), surest, next(in_time, None)} - {*workload.schedules}
    found = dict(zip(workload.schedules, rows[1:], strict=True))
    for each in (each for *_, each in points if each in shown):
        found[each] = ScheduleRow(each.text, times[each], given=False)
        for answers in sample:
            found[each].add(answers)
    for each, row in found.items():
        row.worst, row.outside, row.sure = times[each].worst(ends[-1]), outside(each), each == surest
    every = [rows[0], *found.values()]
    if (best := best_row(every, workload.delay)) is not None:
        best.best = True
    return every


def best_row(rows: Iterable[ScheduleRow], allowed: Millis) -> ScheduleRow | None:
    """The row that polls least of those in time at p95; of equal ones that which tells sooner, then the one given.

    Never one that leaves the limits of a rule of the report.
    """

    def rank(row: ScheduleRow) -> tuple[float, Millis, float, bool, bool]:
        nobody_can_write_it_down, late = row.times is None, row.delay
        return row.a_job, late.quantile(95), late.total / late.count, not row.given, nobody_can_write_it_down

    judged = (each for each in rows if each.jobs and not each.outside and each.delay.quantile(95) <= allowed)
    return min(judged, key=rank, default=None)


# For programs


def result_document(result: SimulationResult) -> dict[str, Json]:
    """The members of `lab simulate --json`."""
    simulation, app, queue, calls = result.simulation, result.app, result.queue, Figures(result.polls)
    gates: list[Json] = [
        {
            "step": name,
            "openings": len(step.lasted),
            "escalated": step.escalated,
            "verdicts": dict(sorted(step.verdicts.items())),
            **_spread(Figures(step.lasted)),
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
            for (step, status), took in result.endings
        ],
        "duration": {
            **_spread(result.duration),
            "histogram": [
                {"from": low, "to": high, "jobs": jobs} for low, high, jobs in result.duration.stretches(ROWS)
            ],
        },
        "steps": [
            {"step": name, "jobs": step.jobs, "visits": len(step.lasted), **_spread(Figures(step.lasted))}
            for name, step in result.steps.items()
        ],
        "waiting": {"gates": gates, "at_once": _quantiles(result.waiting), "reviewers": _reviewers(result)},
        "polls": {
            "calls": calls.total,
            "wasted": app.wasted,
            "a_job": _quantiles(calls),
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
            "delay": _spread(Figures(queue.turned_away)),
            "at_once": _quantiles(result.alive),
            "by_seed": [{"seed": each.seed, **_refusals(each.queue), "at_once": each.at_once} for each in result.loads],
        },
        "schedules": [_schedule(each) for each in result.schedules],
    }


def _schedule(row: ScheduleRow) -> Json:
    return {
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


def _reviewers(result: SimulationResult) -> Json:
    team, queue = result.simulation.workload.reviewers, result.queue
    if team is None:
        return None
    return {
        "people": team.people,
        "queue": _spread(Figures(queue.begun)),
        "unseen": queue.unseen,
        "outside": queue.outside,
        "late": queue.late,
        "busy": queue.busy,
        "overtime": queue.overtime,
        "open": queue.open,
    }


def _refusals(queue: QueueTally) -> dict[str, Json]:
    first = queue.first_refused[0] if queue.first_refused else None
    return {"calls": queue.refused, "jobs": queue.jobs_refused, "gave_up": queue.gave_up, "first": first}


def _spread(values: Figures) -> dict[str, Json]:
    return {"mean": values.mean, **_quantiles(values)}


def _quantiles(values: Figures) -> dict[str, Json]:
    return {**{f"p{each}": values.quantile(each) for each in PERCENTILES}, "max": values.largest}
