"""Schedules of polls: what one means for jobs that end when they end, which the report would pass, and which is best.

A schedule `2s..30s x1.5` polls 2 s after the answer that brought the Job ID, then 1.5 times as long after each answer,
but never more than 30 s. Times are counted from the answer that brought the id. A poll's answer takes `latency`, the
median of the scenario's, and shows the job as it was when the poll was sent. From the pause that no longer grows on, polls
come at one distance, so what a schedule means for a job takes no walk through its polls:

    polls until an end at e     the number of the first poll at or after e
    late                        when that poll is answered, less e

The limits of the report's rules on pauses (C5 to C7) are those of `lab/app/pauses.py`, which the report looks at too. A
schedule is held to them harder than a client: some milliseconds more are measured of whoever keeps to it, and what one job
forgives another doesn't. So what is within them here passes there; not all that leaves them here fails there.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TypeAlias

from msgspec import Struct

from lab.app.pauses import JUDGED_PAUSES, LONGEST_RUNNING, SHORT_WAIT, SHORTEST_PAUSE, STEADY, WAITING_PAUSE
from lab.core.clock import Millis
from lab.plugins.simulate.figures import Figures, ValueSpread
from lab.program.words import Status, duration_text

StatusPath: TypeAlias = Sequence[tuple[Millis, Status]]
"""What a poll shows of a job, and from when on; the last one is its end."""


class PollSchedule(Struct, frozen=True, order=True):
    """Pauses between polls: `first`, then times `percent`/100 each, at most `longest`."""

    first: Millis
    longest: Millis
    percent: int = 100

    @property
    def text(self) -> str:
        """As it is written: `2s..30s x1.5`, and `5s` where no pause grows."""
        first, longest = duration_text(self.first), duration_text(self.longest)
        return first if self.percent == 100 else f"{first}..{longest} x{self.percent / 100:.4g}"


class PollTimes:
    """When a schedule polls; polls are numbered from 0."""

    def __init__(self, schedule: PollSchedule, latency: Millis) -> None:
        self.latency, self.percent = latency, schedule.percent
        pause = schedule.first
        self._grown = [pause]
        while schedule.percent > 100 and pause < schedule.longest:
            pause = min(schedule.longest, max(pause + 1, pause * schedule.percent // 100))
            self._grown.append(self._grown[-1] + latency + pause)
        self._distance = latency + pause
        self.steady = len(self._grown) - 1
        """The first poll whose pause before it grows no more."""

    def first_from(self, instant: Millis) -> int:
        """The first poll at or after an instant."""
        beyond = max(0, instant - self._grown[-1])
        return bisect_left(self._grown, instant - beyond) - (-beyond // self._distance)

    def at(self, number: int) -> Millis:
        """When a poll is sent."""
        beyond = max(0, number - self.steady)
        return self._grown[number - beyond] + beyond * self._distance

    def pause(self, number: int) -> Millis:
        """The pause before a poll."""
        return self.at(number) - (self.at(number - 1) + self.latency if number else 0)

    def late(self, end: Millis) -> tuple[int, Millis]:
        """How many polls a job takes that ends then, and how much later that is known."""
        number = self.first_from(end)
        return number + 1, self.at(number) + self.latency - end

    def worst(self, end: Millis) -> Millis:
        """How much later an end may be known that comes then or before: one that just misses a poll waits for the next."""
        number = self.first_from(end)
        return self.at(number) - (self.at(number - 1) if number else 0) + self.latency


# Which of them the report passes

GROWS = 110
"""Per cent: three such steps lie between the thirds of six pauses that C7 compares, and make a fifth more."""


def rule_left(times: PollTimes, end: Millis, waited: Millis) -> str | None:
    """The rule of the report whose limits a schedule may leave; None: it keeps within all, however such a job goes.

    It ends at `end` at the latest, and at most `waited` passes from when it first shows WAITING until it last does.
    """
    first, longest = times.pause(0), times.pause(times.steady)
    if first < SHORTEST_PAUSE:
        return "C6"
    polls_in_one_status = end // (first + times.latency)
    grows = longest >= STEADY and (times.percent >= GROWS or first >= STEADY)
    if longest > LONGEST_RUNNING or (polls_in_one_status >= JUDGED_PAUSES and not grows):
        return "C7"
    # whatever it was before, and is after: a pause that C5 looks at in WAITING begins so late
    rare = times.pause(times.first_from(SHORT_WAIT) + 1) >= WAITING_PAUSE
    return "C5" if waited >= SHORT_WAIT and not rare else None


# Which of them is best

SAMPLE = 1_000
"""On at most so many jobs schedules are tried that nobody gave."""
CLEARLY = 85
"""A schedule that polls more is worth a look if it is late by at most so many per cent of what a cheaper one is."""
_SECONDS = (1, 1.2, 1.5, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9, 10, 12, 15, 18, 20, 25, 30, 35, 40, 45, 50, 60)


class ScheduleRow(Struct):
    """A schedule of polls, and what it comes to for the jobs that it was tried on."""

    schedule: str
    given: bool
    """Whether it was given, or is the app's own; else it was only tried."""
    polls: int
    late: ValueSpread
    """How much later than their ends jobs are known to have ended."""
    worst: Millis | None = None
    """How late an end may be seen, whenever it comes; None: of the lab's own app, which isn't bound to a schedule."""
    outside: str | None = None
    """The rule of the report whose limits it may leave."""
    sure: bool = False
    """Whether it polls least of those that are never later than is allowed."""
    best: bool = False

    @property
    def a_job(self) -> float:
        """Polls of a job, on average."""
        return self.polls / max(1, self.late.count)


def family(allowed: Millis, latency: Millis) -> list[PollSchedule]:
    """A grid between the shortest pause and the ceiling in RUNNING, with the longest pause that is never later than allowed."""
    surely = min(max((allowed - latency) // 100 * 100, SHORTEST_PAUSE), LONGEST_RUNNING)
    pauses = sorted({surely, *(round(each * 1_000) for each in _SECONDS)})
    pairs = [(first, longest) for first in pauses[::3] for longest in pauses if first < longest]
    grown = [PollSchedule(*pair, percent) for pair in pairs for percent in (120, 150, 200)]
    return [*(PollSchedule(pause, pause) for pause in pauses), *grown]


def compared(
    jobs: Sequence[StatusPath], app: ScheduleRow, given: Sequence[PollSchedule], latency: Millis, allowed: Millis
) -> list[ScheduleRow]:
    """The rows of the app, of the schedules given, and of others within the limits the front; the best are marked."""
    last, wait = max(job[-1][0] for job in jobs), max(map(waited, jobs))

    def tried(schedule: PollSchedule, on: Sequence[StatusPath], *, named: bool) -> ScheduleRow:
        times = PollTimes(schedule, latency)
        # one that had ended when its id came takes no poll
        found = [times.late(job[-1][0]) if len(job) > 1 else (0, -job[-1][0]) for job in on]
        polls, late = sum(polls for polls, _ in found), Figures(late for _, late in found).spread()
        return ScheduleRow(schedule.text, named, polls, late, times.worst(last), rule_left(times, last, wait))

    rows = [app, *(tried(each, jobs, named=True) for each in dict.fromkeys(given))]
    lowest, sure, in_time = None, False, False
    sample = jobs[:: -(-len(jobs) // SAMPLE)]
    grid = [tried(each, sample, named=False) for each in family(allowed, latency) if each not in given]
    for row in sorted((each for each in grid if each.outside is None), key=lambda each: (each.polls, each.late.p95)):
        sooner = lowest is None or row.late.p95 * 100 < lowest * CLEARLY
        # one that is in time by a hair is hardly sooner than a cheaper one that isn't, but may be the best
        first = not in_time and row.late.p95 <= allowed
        row.sure = not sure and row.worst is not None and row.worst <= allowed
        if sooner or first or row.sure:
            rows.append(row)
            lowest, sure, in_time = row.late.p95 if sooner else lowest, sure or row.sure, in_time or first
    if (best := best_row(rows, allowed)) is not None:
        best.best = True
    return rows


def waited(job: StatusPath) -> Millis:
    """How long it is from when a job first shows WAITING until it last does."""
    stretches = [(since, until) for (since, status), (until, _) in pairwise(job) if status is Status.WAITING]
    return stretches[-1][1] - stretches[0][0] if stretches else 0


def best_row(rows: Iterable[ScheduleRow], allowed: Millis) -> ScheduleRow | None:
    """Of the rows within the limits and in time at p95 the one that polls least, tells sooner, or was given."""
    judged = (each for each in rows if each.late.count and not each.outside and each.late.p95 <= allowed)
    # nobody can write down when the app polls, for which there is no worst
    return min(
        judged,
        key=lambda row: (row.a_job, row.late.p95, row.late.mean, not row.given, row.worst is None),
        default=None,
    )
