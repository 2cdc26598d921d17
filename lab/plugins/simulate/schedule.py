"""Schedules of polls, growing pauses: what one means for a job that ends when it ends, and which the report would pass.

A schedule `2s..30s x1.5` polls 2 s after the answer that brought the Job ID, then 1.5 times as long after each answer,
but never more than 30 s. Times are counted from the answer that brought the id. A poll's answer takes `latency`, the
median of the scenario's, and shows the job as it was when the poll was sent. From the pause that no longer grows on, polls
come at one distance, so what a schedule means for a job takes no walk through its polls:

    polls until an end at e     the number of the first poll at or after e
    delay                       when that poll is answered, less e
    wasted                      polls whose answer equals the one before

The limits of the report's rules on pauses (C5 to C7) are those of `lab/app/pauses.py`, which the report looks at too. A plan
is held to them harder than a client: some milliseconds more are measured of whoever keeps to it, and the report says
nothing of a status that few polls have seen. So what is within them here passes there.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from msgspec import Struct

from lab.app.pauses import (
    JUDGED_PAUSES,
    LONGEST_RUNNING,
    SHORT_WAIT,
    SHORTEST_PAUSE,
    STEADY,
    WAITING_PAUSE,
    backs_off,
    longest_pause,
)
from lab.core.clock import Millis
from lab.core.tolerance import least, most
from lab.program.words import Status, duration_text

JobAnswers: TypeAlias = Sequence[tuple[Millis, tuple[str, object]]]
"""What a poll says of a job, its status and the rest, and from when on; the last one is of its end."""
_SECOND, _MINUTE, _HOUR, _DAY = 1_000, 60_000, 3_600_000, 86_400_000
WIDTHS = (
    *(each * power for power in (1, 10, 100) for each in (1, 2, 5)),
    *(each * _SECOND for each in (1, 2, 5, 10, 20, 30)),
    *(each * _MINUTE for each in (1, 2, 5, 10, 20, 30)),
    *(each * _HOUR for each in (1, 2, 3, 6, 12)),
    *(each * 10**power * _DAY for power in range(12) for each in (1, 2, 5)),
)
"""Durations in which people count: widths of rows, distances between marks on an axis."""
NOTICEABLE = 100
"""A delay is noticed if it is longer than one in so many parts of how long jobs last."""
CLEARLY = 95
"""A schedule that polls more is worth a look if its delay is at most so many per cent of the cheaper one's."""


class PollSchedule(Struct, frozen=True, order=True):
    """Pauses between polls: `first`, then times `percent`/100 each, at most `longest`."""

    first: Millis
    longest: Millis
    percent: int

    @property
    def text(self) -> str:
        """As it is written: `2s..30s x1.5`, and `5s` where no pause grows."""
        first, longest = duration_text(self.first), duration_text(self.longest)
        if first == longest or self.percent == 100:
            return first
        return f"{first}..{longest} x{(Decimal(self.percent) / 100).normalize():f}"


class PollTimes:
    """When a schedule polls; polls are numbered from 0."""

    def __init__(self, schedule: PollSchedule, latency: Millis) -> None:
        self.latency = latency
        pause = schedule.first
        self._grown = [pause]
        while schedule.percent > 100 and pause < schedule.longest:
            pause = min(schedule.longest, max(pause + 1, pause * schedule.percent // 100))
            self._grown.append(self._grown[-1] + latency + pause)
        self._last, self._distance = self._grown[-1], latency + pause
        self.steady = len(self._grown) - 1
        """The first poll whose pause before it grows no more."""

    def first_from(self, instant: Millis) -> int:
        """The first poll at or after an instant."""
        if instant <= self._last:
            return bisect_left(self._grown, instant)
        return self.steady - (self._last - instant) // self._distance

    def at(self, number: int) -> Millis:
        """When a poll is sent."""
        return self._grown[number] if number <= self.steady else self._last + (number - self.steady) * self._distance

    def pause(self, number: int) -> Millis:
        """The pause before a poll."""
        number = min(number, self.steady)
        return self._grown[number] - (self._grown[number - 1] + self.latency if number else 0)

    def delay(self, end: Millis) -> tuple[int, Millis]:
        """How many polls a job takes that ends then, and how much later that is known."""
        number = self.first_from(end)
        return number + 1, self.at(number) + self.latency - end

    def worst(self, end: Millis) -> Millis:
        """How much later an end may be known that comes then or before: one that just misses a poll waits for the next."""
        number = self.first_from(end)
        return self.at(number) - (self.at(number - 1) if number else 0) + self.latency

    def total(self, ends: Sequence[Millis]) -> tuple[int, Millis]:
        """The same of many jobs, in the order of their ends: all polls, and the 95th percentile of the delays."""
        last, distance, grown = self._last, self._distance, self._grown
        split = bisect_right(ends, last)
        numbers = [bisect_left(grown, end) for end in ends[:split]]
        delays = [grown[number] - end for number, end in zip(numbers, ends, strict=False)]
        delays += [(last - end) % distance for end in ends[split:]]
        steady = sum([self.steady - (last - end) // distance for end in ends[split:]])
        return sum(numbers) + steady + len(ends), sorted(delays)[-(-len(delays) * 95 // 100) - 1] + self.latency

    def telling(self, answers: JobAnswers) -> int:
        """How many polls say something else than the one before, the first one included."""
        count, before, last = 0, -1, None
        for (_, answer), (until, _) in pairwise(answers):
            number = self.first_from(until) - 1
            if number > before:
                count += count == 0 or answer != last
                before, last = number, answer
        return count + (count == 0 or answers[-1][1] != last)


# Which schedules are tried

_LENGTHS = tuple(Decimal(2) ** (Decimal(half) / 2) for half in range(-6, 7))
"""An eighth of a pause to eight times of it, in steps of the square root of two."""
_JUST = (Decimal("0.9"), Decimal("0.96"))
"""A pause of so much of the delay that is allowed leaves the rest to the answer."""


def family(given: Iterable[PollSchedule], delays: Collection[Millis]) -> list[PollSchedule]:
    """A grid of schedules around those given, and around pauses as long as the delays that may be allowed.

    None polls sooner than a second after an answer, and some are as slow as they may be in RUNNING.
    """
    found: set[PollSchedule] = set()
    for each in given:
        firsts = {_rounded(each.first * step) for step in _LENGTHS[::2]}
        lengths = {_rounded(base * step) for base in (each.longest, *delays) for step in (*_LENGTHS, *_JUST)}
        lengths.add(LONGEST_RUNNING)
        found |= {
            PollSchedule(first, longest, percent)
            for longest in lengths
            for percent in {100, 120, 150, 200, each.percent}
            for first in firsts
            if first < longest and percent > 100
        }
        found |= {PollSchedule(pause, pause, 100) for pause in firsts | lengths}
    return sorted(found)


def _rounded(pause: Decimal) -> Millis:
    """A pause as people write it: in two digits, from a minute on to a twentieth in whole seconds, minutes, hours."""
    millis = max(SHORTEST_PAUSE, int(pause))
    unit = int("1" + "0" * (len(str(millis)) - 2))
    if millis >= _MINUTE:
        unit = max(each for each in WIDTHS if each * 20 <= millis)
    return (millis + unit // 2) // unit * unit


def front(
    points: Iterable[tuple[int, Millis, PollSchedule]], fits: Callable[[PollSchedule], bool] = lambda schedule: True
) -> Iterator[PollSchedule]:
    """Of schedules that fit, with their polls and delays, fewest polls first, those whose delay no cheaper one comes near to."""
    lowest: Millis | None = None
    for _, delay, schedule in sorted(points):
        if (lowest is None or (delay < lowest and delay * 100 <= lowest * CLEARLY)) and fits(schedule):
            lowest = delay
            yield schedule


# Which of them the report passes

_FEW = 3
"""Pauses in RUNNING, and in WAITING, from which on C5 compares them."""


class _Stretch(NamedTuple):
    """Polls in a row that are answered with one status, by their numbers."""

    waiting: bool
    first: int
    last: int


class RulesKept:
    """Judges schedules by the jobs of a sample."""

    def __init__(self, sample: Iterable[JobAnswers]) -> None:
        self._jobs = sorted({_changes(answers) for answers in sample if len(answers) > 1})

    def left(self, times: PollTimes) -> str:
        """The rule whose limits it leaves with one of the jobs; empty: it keeps within all."""
        known = set[tuple[_Stretch, ...]]()
        for changes in self._jobs:
            polls = tuple(_stretches(changes, times))
            if polls not in known and (rule := _left(polls, times)):
                return rule
            known.add(polls)
        return ""


def _changes(answers: JobAnswers) -> tuple[tuple[Millis, bool], ...]:
    """Since when a job shows WAITING (True) or another status; the last one is its end."""
    found: list[tuple[Millis, bool]] = []
    for since, (status, _) in answers[:-1]:
        if not found or found[-1][1] != (status == Status.WAITING):
            found.append((since, status == Status.WAITING))
    return (*found, (answers[-1][0], False))


def _stretches(changes: Iterable[tuple[Millis, bool]], times: PollTimes) -> Iterator[_Stretch]:
    """A status that no poll meets parts nothing; the poll that shows the end is of none."""
    current: _Stretch | None = None
    first = 0
    for (_, waiting), (until, _) in pairwise(changes):
        after = max(first, times.first_from(until))
        if after > first:
            if current is not None and current.waiting != waiting:
                yield current
                current = None
            current = _Stretch(waiting, current.first if current is not None else first, after - 1)
        first = after
    if current is not None:
        yield current


def _left(polls: Sequence[_Stretch], times: PollTimes) -> str:
    if times.pause(0) < SHORTEST_PAUSE:
        return "C6"
    if times.pause(0) > longest_pause(0, waiting=False):
        return "C7"
    if not all(_keeps_ceiling(each, times) and _grows(each, times) for each in polls):
        return "C7"
    running = [range(each.first + 1, each.last + 2) for each in polls if not each.waiting]
    late = [(times.first_from(times.at(each.first) + SHORT_WAIT), each.last) for each in polls if each.waiting]
    waiting = [range(begun + 1, last + 1) for begun, last in late if begun < last]
    if min(sum(map(len, some)) for some in (running, waiting)) < _FEW:
        return ""
    pause = _median(waiting, times)
    return "" if pause >= WAITING_PAUSE or pause >= 2 * most(round(_median(running, times))) else "C5"


def _keeps_ceiling(part: _Stretch, times: PollTimes) -> bool:
    begun = times.at(part.first)
    # a ceiling doesn't fall, so of pauses that grow no more the first tells of all
    judged = range(part.first, min(part.last, max(part.first, times.steady)) + 1)
    return all(
        times.pause(number + 1) <= longest_pause(times.at(number) - begun, waiting=part.waiting) for number in judged
    )


def _grows(part: _Stretch, times: PollTimes) -> bool:
    third = (part.last - part.first) // 3
    if part.last - part.first < JUDGED_PAUSES:
        return True
    first = _median([range(part.first + 1, part.first + third + 1)], times)
    last = _median([range(part.last - third + 1, part.last + 1)], times)
    return backs_off(most(round(first)), last, least(STEADY))


def _median(polls: Sequence[range], times: PollTimes) -> float:
    """The median of the pauses before some polls, in their order: no pause is shorter than one before it."""
    count = sum(map(len, polls))

    def pause(place: int) -> Millis:
        for some in polls:
            if place < len(some):
                return times.pause(some[place])
            place -= len(some)
        raise ValueError("there are no so many polls")

    return (pause((count - 1) // 2) + pause(count // 2)) / 2
