"""Within which of the report's rules on pauses a schedule stays, job by job.

The limits are those of `lab/app/pauses.py`, which the report looks at too (C5 to C7). A plan is current to them harder than a
client: some milliseconds more are measured of whoever keeps to it, and the report says nothing of a status that few polls
have seen. So what is within them here passes there.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from lab.app.pauses import (
    JUDGED_PAUSES,
    SHORT_WAIT,
    SHORTEST_PAUSE,
    STEADY,
    WAITING_PAUSE,
    backs_off,
    longest_pause,
)
from lab.core.clock import Millis
from lab.core.tolerance import least, most
from lab.language.document import Status
from lab.plugins.simulate.schedule import JobAnswers, PollTimes

_FEW = 3
"""Pauses in RUNNING, and in WAITING, from which on C5 compares them."""


class _Stretch(NamedTuple):
    """Polls in a row that are answered with one status, by their numbers."""

    waiting: bool
    first: int
    last: int


_Changes: TypeAlias = tuple[tuple[Millis, bool], ...]
"""Since when a job shows WAITING (True) or another status; the last one is its end."""


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


def _changes(answers: JobAnswers) -> _Changes:
    found: list[tuple[Millis, bool]] = []
    for since, (status, _) in answers[:-1]:
        waiting = status == Status.WAITING
        if not found or found[-1][1] != waiting:
            found.append((since, waiting))
    return (*found, (answers[-1][0], False))


def _stretches(changes: _Changes, times: PollTimes) -> Iterator[_Stretch]:
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
    return "" if _slower_in_waiting(polls, times) else "C5"


def _keeps_ceiling(part: _Stretch, times: PollTimes) -> bool:
    begun = times.at(part.first)
    # a ceiling doesn't fall, so of pauses that grow no more the first tells of all
    judged = range(part.first, min(part.last, max(part.first, times.grown)) + 1)
    return all(
        times.pause(number + 1) <= longest_pause(times.at(number) - begun, waiting=part.waiting) for number in judged
    )


def _grows(part: _Stretch, times: PollTimes) -> bool:
    count = part.last - part.first
    if count < JUDGED_PAUSES:
        return True
    third = count // 3
    first = times.middle((part.first + 1, part.first + third))
    last = times.middle((part.last - third + 1, part.last))
    return backs_off(most(round(first)), last, least(STEADY))


def _slower_in_waiting(polls: Sequence[_Stretch], times: PollTimes) -> bool:
    running = [(each.first + 1, each.last + 1) for each in polls if not each.waiting]
    waiting = []
    for each in polls:
        late = times.first_from(times.at(each.first) + SHORT_WAIT)
        if each.waiting and late < each.last:
            waiting.append((late + 1, each.last))
    if min(sum(last - first + 1 for first, last in some) for some in (running, waiting)) < _FEW:
        return True
    pause = times.middle(*waiting)
    return pause >= WAITING_PAUSE or pause >= 2 * most(round(times.middle(*running)))
