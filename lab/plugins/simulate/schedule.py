"""Schedules of polls: growing pauses, and what one means for a job that ends when it ends.

A schedule `2s..30s x1.5` polls 2 s after the answer that brought the Job ID, then 1.5 times as long after each answer,
but never more than 30 s. Times are counted from the answer that brought the id. A poll's answer takes `latency`, the
median of the scenario's, and shows the job as it was when the poll was sent. From the pause that no longer grows on, polls
come at one distance, so what a schedule means for a job takes no walk through its polls:

    polls until an end at e     the number of the first poll at or after e
    delay                       when that poll is answered, less e
    wasted                      polls whose answer equals the one before
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TypeAlias

from msgspec import Struct, field

from lab.app.pauses import LONGEST_RUNNING, SHORTEST_PAUSE
from lab.core.clock import Millis
from lab.language.document.base import duration_text
from lab.plugins.simulate.histogram import WIDTHS, Histogram

JobAnswers: TypeAlias = Sequence[tuple[Millis, tuple[str, object]]]
"""What a poll says of a job, its status and the rest, and from when on; the last one is of its end."""


class PollSchedule(Struct, frozen=True, order=True):
    """Pauses between polls: `first`, then times `percent`/100 each, at most `longest`."""

    first: Millis
    longest: Millis
    percent: int

    @property
    def text(self) -> str:
        """As it is written: `2s..30s x1.5`, and `5s` where no pause grows."""
        if self.first == self.longest or self.percent == 100:
            return duration_text(self.first)
        return (
            f"{duration_text(self.first)}..{duration_text(self.longest)} x{(Decimal(self.percent) / 100).normalize():f}"
        )


class PollTimes:
    """When a schedule polls."""

    def __init__(self, schedule: PollSchedule, latency: Millis) -> None:
        self.latency = latency
        pause = schedule.first
        self._grown = [pause]
        while schedule.percent > 100 and pause < schedule.longest:
            pause = min(schedule.longest, max(pause + 1, pause * schedule.percent // 100))
            self._grown.append(self._grown[-1] + latency + pause)
        self._last, self._distance = self._grown[-1], latency + pause

    def first_from(self, instant: Millis) -> int:
        """The number, from 0, of the first poll at or after an instant."""
        if instant <= self._last:
            return bisect_left(self._grown, instant)
        return len(self._grown) - 1 - (self._last - instant) // self._distance

    def at(self, number: int) -> Millis:
        """When the poll of that number, from 0, is sent."""
        beyond = number - len(self._grown) + 1
        return self._grown[number] if beyond <= 0 else self._last + beyond * self._distance

    @property
    def grown(self) -> int:
        """The number, from 0, of the first poll whose pause before it grows no more."""
        return len(self._grown) - 1

    def pause(self, number: int) -> Millis:
        """The pause before the poll of that number, from 0."""
        number = min(number, self.grown)
        return self._grown[number] - (self._grown[number - 1] + self.latency if number else 0)

    def middle(self, *parts: tuple[int, int]) -> float:
        """The median of the pauses before some polls: from a number to another one, both included."""
        pauses = Counter[Millis]()
        for first, last in parts:
            pauses.update(self.pause(number) for number in range(first, min(last, self.grown - 1) + 1))
            pauses[self.pause(self.grown)] += max(0, last - max(first, self.grown) + 1)
        return _median(pauses)

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
        grown, last, distance = self._grown, self._last, self._distance
        split = bisect_right(ends, last)
        numbers = [bisect_left(grown, end) for end in ends[:split]]
        delays = [grown[number] - end for number, end in zip(numbers, ends, strict=False)]
        delays += [(last - end) % distance for end in ends[split:]]
        polls = sum(numbers) + len(ends) + (len(grown) - 1) * (len(ends) - split)
        polls -= sum((last - end) // distance for end in ends[split:])
        delays.sort()
        return polls, delays[-(-len(delays) * 95 // 100) - 1] + self.latency

    def telling(self, answers: JobAnswers) -> int:
        """How many polls say something else than the one before, the first one included."""
        count, before, last = 0, -1, None
        for (_, answer), until in zip(answers, [*(since for since, _ in answers[1:]), None], strict=True):
            number = before + 1 if until is None else self.first_from(until) - 1
            if number > before:
                count += count == 0 or answer != last
                before, last = number, answer
        return count


def _median(counted: Mapping[Millis, int]) -> float:
    """The median of values that are there so often."""
    count, passed, low = sum(counted.values()), 0, None
    for value in sorted(counted):
        passed += counted[value]
        if low is None and 2 * passed >= count:
            low = value
        if low is not None and 2 * passed > count:
            return (low + value) / 2
    raise ValueError("nothing has no median")


class ScheduleTally(Struct):
    """What a schedule comes to for the jobs it was tried on."""

    jobs: int = 0
    polls: int = 0
    wasted: int = 0
    delay: Histogram = field(default_factory=Histogram)

    def add(self, times: PollTimes, answers: JobAnswers) -> None:
        """Take up a job; one that had ended when its id came takes no poll."""
        end = answers[-1][0]
        polls, delay = times.delay(end) if len(answers) > 1 else (0, -end)
        self.count(polls, polls - times.telling(answers) if polls else 0, delay)

    def count(self, polls: int, wasted: int, delay: Millis) -> None:
        """Take up a job with so many polls."""
        self.jobs += 1
        self.polls += polls
        self.wasted += wasted
        self.delay.add(delay)

    def merge(self, other: "ScheduleTally") -> None:
        """Take up the jobs of another."""
        self.jobs += other.jobs
        self.polls += other.polls
        self.wasted += other.wasted
        self.delay.merge(other.delay)


_LENGTHS = tuple(Decimal(2) ** (Decimal(half) / 2) for half in range(-6, 7))
"""An eighth of a pause to eight times of it, in steps of the square root of two."""
_JUST = (Decimal("0.9"), Decimal("0.96"))
"""A pause of so much of the delay that is allowed leaves the rest to the answer."""
_GROWTHS = (100, 120, 150, 200)


NOTICEABLE = 100
"""A delay is noticed if it is longer than one in so many parts of how long jobs last."""


def family(given: Iterable[PollSchedule], delays: Collection[Millis]) -> list[PollSchedule]:
    """A grid of schedules around those given, and around pauses as long as the delays that may be allowed.

    None polls sooner than a second after an answer, and some are as slow as they may be in RUNNING.
    """
    found: set[PollSchedule] = set()
    for each in given:
        firsts = {_rounded(each.first * step) for step in _LENGTHS[::2]}
        lengths = {_rounded(base * step) for base in (each.longest, *delays) for step in (*_LENGTHS, *_JUST)}
        lengths.add(LONGEST_RUNNING)
        growths = {*_GROWTHS, each.percent}
        found |= {
            PollSchedule(first, longest, percent)
            for longest in lengths
            for percent in growths
            for first in firsts
            if first < longest and percent > 100
        }
        found |= {PollSchedule(pause, pause, 100) for pause in firsts | lengths}
    return sorted(found)


def _rounded(pause: Decimal) -> Millis:
    """A pause as people write it: in two digits, from a minute on to a twentieth in whole seconds, minutes, hours."""
    millis = max(SHORTEST_PAUSE, int(pause))
    unit = int("1" + "0" * (len(str(millis)) - 2))
    if millis >= 60_000:
        unit = max(each for each in WIDTHS if each * 20 <= millis)
    return (millis + unit // 2) // unit * unit


def front(
    points: Iterable[tuple[int, Millis, PollSchedule]], fits: Callable[[PollSchedule], bool] = lambda schedule: True
) -> Iterator[PollSchedule]:
    """Of schedules that fit, with their polls and delays, fewest polls first, those whose delay no cheaper one comes near to."""
    least: Millis | None = None
    for _, delay, schedule in sorted(points):
        if (least is None or (delay < least and delay * 100 <= least * CLEARLY)) and fits(schedule):
            least = delay
            yield schedule


CLEARLY = 95
"""A schedule that polls more is worth a look if its delay is at most so many per cent of the cheaper one's."""
