"""What a chunk of jobs adds up to: worked out by itself, in any process, and put together with others in their order."""

from array import array
from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from msgspec import Struct, field

from lab.core.clock import Millis
from lab.core.seeds import Seed
from lab.jobs.span import Span
from lab.language.document import Status
from lab.mock.latencies import planned_latency
from lab.plugins.simulate.calls import AcceptedRun, SimulatedJob, WirelessClient
from lab.plugins.simulate.histogram import Histogram
from lab.plugins.simulate.schedule import PollTimes, ScheduleTally
from lab.plugins.simulate.workload import Simulation

COMPLETED, FAILED, CLOSED, BEGAN, OPENED = range(5)
"""Marks of instants: a job ended COMPLETE, or ERROR, a gate closed, a job began, a gate opened."""
MARKS = 8
"""An instant and its mark as one number: instant * MARKS + mark."""


class StepTally(Struct):
    """The visits of one step."""

    jobs: int = 0
    lasted: Histogram = field(default_factory=Histogram)
    """Of each visit."""
    verdicts: Counter[str] = field(default_factory=Counter)
    """Of a gate: how its openings ended."""
    escalated: int = 0
    """Of a gate: how many of its openings escalated."""


class Tally(Struct):
    """What jobs of one seed add up to."""

    ended: dict[tuple[str, str], Histogram] = field(default_factory=dict)
    """How long jobs took, by the step in which they ended and its status."""
    steps: dict[str, StepTally] = field(default_factory=dict)
    app: ScheduleTally = field(default_factory=ScheduleTally)
    """The polls of the lab's own app."""
    polls: Histogram = field(default_factory=Histogram)
    """How many of them a job took."""
    left: int = 0
    """Jobs that the app didn't follow to their end."""
    tokens: int = 0
    """Tokens, if each job's client asks for its own."""
    given: list[ScheduleTally] = field(default_factory=list)
    """Of the schedules that were given."""
    calls: dict[int, Millis] = field(default_factory=dict)
    """The first call with a token in each stretch of time, by its number: a stretch is 1/128 of a token's life."""
    sample: list[list[tuple[Millis, tuple[str, object]]]] = field(default_factory=list)
    """What polls of every n-th job say, counted from the answer that brought the Job ID."""
    until: Millis = 0
    """When the last of them was accepted: no later one has a mark before."""
    marks: "array[int]" = field(default_factory=lambda: array("q"))
    """When jobs begin and end, and gates open and close: MARKS."""

    def visited(self, name: str, visit: int, lasted: Millis) -> StepTally:
        """Count one visit to a step."""
        step = self.steps.get(name)
        if step is None:
            step = self.steps[name] = StepTally()
        step.jobs += visit == 0
        step.lasted.add(lasted)
        return step

    def merge(self, other: "Tally") -> None:
        """Add other jobs, but not their marks, calls and sample, which the totals take up by themselves."""
        for key, took in other.ended.items():
            self.ended.setdefault(key, Histogram()).merge(took)
        for step, visits in other.steps.items():
            mine = self.steps.setdefault(step, StepTally())
            mine.jobs += visits.jobs
            mine.lasted.merge(visits.lasted)
            mine.verdicts.update(visits.verdicts)
            mine.escalated += visits.escalated
        self.app.merge(other.app)
        self.polls.merge(other.polls)
        self.left += other.left
        self.tokens += other.tokens
        self.given = self.given or [ScheduleTally() for _ in other.given]
        for given, more in zip(self.given, other.given, strict=True):
            given.merge(more)


class Chunk(Struct, frozen=True):
    """Jobs of one seed that were accepted one after the other."""

    seed: Seed
    runs: tuple[AcceptedRun, ...]


def worth(lifetime: Millis) -> Millis:
    """For how long the app uses a token that lives so long."""
    return lifetime - min(60_000, lifetime // 10)


def stretch(lifetime: Millis) -> Millis:
    """How long a stretch of calls is."""
    return max(1, worth(lifetime) // 128)


class ChunkWorker:
    """Works chunks out; one for a process."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._client = WirelessClient()
        self._latency = median_latency(simulation)
        self._times = [PollTimes(each, self._latency) for each in simulation.workload.schedules]
        self._stretch = stretch(simulation.lifetime)

    def tally(self, chunk: Chunk) -> Tally:
        """What the jobs of a chunk add up to."""
        tally = Tally(given=[ScheduleTally() for _ in self._times])
        marks: list[int] = []
        first = (chunk.seed - self._simulation.seed) * self._simulation.workload.jobs
        for run in chunk.runs:
            job = SimulatedJob(self._simulation, chunk.seed, self._client, run)
            _count_spans(tally, job.spans, marks)
            self._count_calls(tally, job)
            answers = [(since - job.replied, answer) for since, answer in job.answers]
            for given, times in zip(tally.given, self._times, strict=True):
                given.add(times, answers)
            if (first + run.ordinal - 1) % self._simulation.sample == 0:
                tally.sample.append([(since, (str(status), detail)) for since, (status, detail) in answers])
            tally.until = job.spans[0].since
        marks.sort()
        tally.marks = array("q", marks)
        return tally

    def _count_calls(self, tally: Tally, job: SimulatedJob) -> None:
        outcome, calls, width = job.outcome, tally.calls, self._stretch
        tally.tokens += job.tokens
        for at in job.calls:
            number = at // width
            if calls.get(number, at + 1) > at:
                calls[number] = at
        tally.polls.add(outcome.polls)
        if outcome.why is not None:
            tally.left += 1
        else:
            tally.app.count(outcome.polls, job.wasted, job.known - job.end.since)


def _count_spans(tally: Tally, spans: Sequence[Span], marks: list[int]) -> None:
    """Count a job's visits, and mark when it begins and ends, and when its gates open and close."""
    began, end = spans[0].since, spans[-1]
    # what a body says may change within a visit: then it is of several spans
    for (name, visit), parts in groupby(spans[:-1], key=lambda span: (span.id, span.visit)):
        first, *more = parts
        last = more[-1] if more else first
        assert last.until is not None
        step = tally.visited(name, visit, last.until - first.since)
        for part in (first, *more) if last.stretch is not None else ():
            for child in part.over:
                tally.visited(child, visit, (part.until or 0) - first.since)
        if last.opening is not None:
            step.verdicts[str(last.votes[-1].verdict)] += 1
            step.escalated += last.escalated
            marks += first.since * MARKS + OPENED, last.until * MARKS + CLOSED
    tally.ended.setdefault((end.id, str(end.status)), Histogram()).add(end.since - began)
    marks += began * MARKS + BEGAN, end.since * MARKS + (COMPLETED if end.status is Status.COMPLETE else FAILED)


def median_latency(simulation: Simulation) -> Millis:
    """The median of what a poll's answer is withheld, by a hundred draws."""
    drawn = sorted(planned_latency(0, simulation.compiled, ("status",), "median", now) for now in range(101))
    return drawn[50]
