"""What a simulation comes to: one value, of which text, JSON and the page are made. Its members are those of `--json`.

Every number is a count or a whole number of milliseconds, and exact; simulations.md §4 says what each one is.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import groupby

from msgspec import Struct, field

from lab.core.clock import Millis
from lab.jobs.span import ParallelStretch
from lab.plugins.simulate.crowd import Job, Reviewers, Simulation, play_jobs
from lab.plugins.simulate.figures import Figures
from lab.plugins.simulate.schedule import ScheduleRow, compared
from lab.program.steps import ParallelChild

NOTICEABLE = 100
"""A delay is noticed if it is longer than one in so many parts of how long jobs last."""
LEAST_DELAY: Millis = 5_000
"""That is allowed unless somebody says otherwise."""
ROWS, COLUMNS = 24, 240
"""Of the histogram of durations, and stretches of the series, at most."""


class EndedJobs(Struct, frozen=True):
    step: str
    status: str
    duration: Figures


class StepUse(Struct):
    """The visits of one step."""

    step: str
    jobs: int = 0
    lasted: Figures = field(default_factory=Figures)
    verdicts: Counter[str] = field(default_factory=Counter)
    """Of a gate: how its openings ended."""
    escalated: int = 0
    """Of a gate: openings that did."""


class Load(Struct, frozen=True):
    """How full the server is."""

    alive: Figures
    """Jobs at one time, weighed by how long."""
    waiting: Figures
    """Gates open at one time, likewise."""
    width: Millis
    series: list[tuple[int, int]]
    """Jobs at work, and waiting for a person, at the end of each stretch of `width`."""


class SimulationResult(Struct, frozen=True):
    scenario: str
    seed: int
    jobs: int
    every: Millis
    ended: list[EndedJobs]
    """The most frequent first."""
    duration: Figures
    histogram: list[tuple[Millis, Millis, int]]
    """Of durations: how many are from the first on, and below the second."""
    steps: list[StepUse]
    load: Load
    requests: Figures
    """In each second from the first request to the last."""
    reviewers: Reviewers | None
    polls: Figures
    """That the lab's own client took for a job."""
    left: int
    """Jobs that it gave up on."""
    delay: Millis
    """How late an end may be seen, at p95."""
    schedules: list[ScheduleRow]
    """That of the lab's own client first."""


def simulated(simulation: Simulation) -> SimulationResult:
    """Play all jobs, and count."""
    workload, (jobs, reviewers) = simulation.workload, play_jobs(simulation)
    ended: dict[tuple[str, str], Figures] = defaultdict(Figures)
    for job in jobs:
        ended[job.end.id, str(job.end.status)].add(job.end.since - job.at)
    duration = Figures(job.end.since - job.at for job in jobs)
    delay = max(LEAST_DELAY, duration.spread().p50 // NOTICEABLE // 1_000 * 1_000)
    delay = delay if workload.delay is None else workload.delay
    outcomes = [job.client.outcome for job in jobs if job.client.outcome is not None]
    followed = [(job, each.polls) for job, each in zip(jobs, outcomes, strict=True) if each.why is None]
    late = Figures(job.client.now - job.end.since for job, _ in followed)
    app = ScheduleRow("the lab's app", True, sum(polls for _, polls in followed), late.spread())
    latency = sorted(simulation.latency("status", "median", now) for now in range(101))[50]
    seconds = Counter(at // 1_000 for job in jobs for at in job.client.calls)
    busy = Counter(seconds.values())
    busy[0] = max(seconds) - min(seconds) + 1 - len(seconds)
    return SimulationResult(
        scenario=simulation.first.invocation.scenario,
        seed=simulation.config.seed,
        jobs=workload.jobs,
        every=workload.every,
        ended=sorted((EndedJobs(*key, took) for key, took in ended.items()), key=lambda each: -each.duration.total),
        duration=duration,
        histogram=duration.histogram(ROWS),
        steps=_steps(simulation, jobs),
        load=load_of(change for job in jobs for change in _changes(job)),
        requests=Figures(busy),
        reviewers=reviewers,
        polls=Figures(each.polls for each in outcomes),
        left=len(jobs) - len(followed),
        delay=delay,
        schedules=compared([job.changes for job in jobs], app, workload.schedules, latency, delay),
    )


def _steps(simulation: Simulation, jobs: Iterable[Job]) -> list[StepUse]:
    found = {name: StepUse(name) for name in simulation.first.program.steps}
    for job in jobs:
        # what a body says may change within a visit: then it is of several spans
        for (name, visit), parts in groupby(job.spans[:-1], key=lambda span: (span.id, span.visit)):
            passed = list(parts)
            since, last = passed[0].since, passed[-1]
            until = last.until or since
            children = ((child.id, part.until or 0) for part in passed for child in _over(part.stretch))
            for visitor, gone in ((name, until), *children):
                found[visitor].jobs += visit == 0
                found[visitor].lasted.add(gone - since)
            if last.opening is not None:
                found[name].verdicts[str(last.votes[-1].verdict)] += 1
                found[name].escalated += last.escalated
    return [each for each in found.values() if each.jobs]


def _over(part: ParallelStretch | None) -> Iterable[ParallelChild]:
    """The children of a parallel that are at work no more once it has ended."""
    return () if part is None else part.at_work if part.last else part.ending


def _changes(job: Job) -> Iterable[tuple[Millis, int, int]]:
    """By how many there are more jobs from an instant on, and gates open."""
    yield job.at, 1, 0
    yield job.end.since, -1, 0
    for span in job.spans:
        if span.opening is not None and span.until is not None:
            yield span.since, 0, 1
            yield span.until, 0, -1


def load_of(changes: Iterable[tuple[Millis, int, int]]) -> Load:
    ordered = sorted(changes)
    load = Load(Figures(), Figures(), 1_000 * max(1, -(-ordered[-1][0] // (1_000 * COLUMNS))), [])
    jobs = gates = now = 0
    for at, more_jobs, more_gates in ordered:
        if at > now:
            load.alive.counts[jobs] += at - now
            load.waiting.counts[gates] += at - now
            first = now // load.width
            load.series[first:] = [(jobs - gates, gates)] * ((at - 1) // load.width + 1 - first)
            now = at
        jobs, gates = jobs + more_jobs, gates + more_gates
    return load
