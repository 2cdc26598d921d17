"""Equal polls folded: in which status a job was, and between which two polls it changed (recordings.md §17)."""

from collections.abc import Sequence

from msgspec import Struct

from lab.core.clock import Millis
from lab.language.document import LONGEST, Status, duration_text
from lab.plugins.learn.story import Glimpse, ObservedTurn

_MOST = 60
"""Stretches of one job; beyond that a text that changes with each poll is no step of its own."""
_MOST_STEPS = 499
_ROUND: Millis = 100
_LAST: Millis = 1_000
"""How much longer than it was seen a stretch lasts of which nobody saw the end."""


class StatusStretch(Struct):
    """A stretch in which every poll showed the same."""

    glimpse: Glimpse
    low: Millis
    """When the last poll showed what was before, counted from the message."""
    high: Millis
    """When the first poll showed this."""
    begins: Millis
    """When it begins in the scenario: in this gap, as late as every poll will see it."""
    polls: int = 1
    last: Millis = 0
    """When the last poll showed this."""

    @property
    def status(self) -> Status:
        """One that nobody knows is taken for RUNNING."""
        return self.glimpse.status or Status.RUNNING


def stretches_of(turn: ObservedTurn, earliest: Sequence[Millis]) -> list[StatusStretch]:
    """The stretches of a job, in order, the first from its message on."""
    found = _folded(turn, earliest, texts=True)
    return found if len(found) <= _MOST else _folded(turn, earliest, texts=False)


def _folded(turn: ObservedTurn, earliest: Sequence[Millis], *, texts: bool) -> list[StatusStretch]:
    start, before = turn.invoke.at, 0
    found = [StatusStretch(turn.first, 0, 0, 0, 0)] if turn.first is not None else []
    for poll, at in zip(turn.polls, earliest, strict=True):
        if poll.glimpse is None:
            continue
        at_poll = poll.call.at - start
        if found and _goes_on(found[-1], poll.glimpse, texts=texts):
            found[-1].polls += 1
            if found[-1].glimpse.text is None:
                # the answer to the message says less than the polls that follow
                found[-1].glimpse = poll.glimpse
        else:
            begins = _between(before, min(at, at_poll)) if found else 0
            found.append(StatusStretch(poll.glimpse, before, at_poll, begins))
        found[-1].last = at_poll
        if found[-1].status.final or len(found) >= _MOST_STEPS:
            break  # nothing follows
        before = at_poll
    return found


def _between(low: Millis, high: Millis) -> Millis:
    """The latest instant up to `high`, in tenths of a second if one lies behind `low`."""
    rounded = high // _ROUND * _ROUND
    return rounded if rounded > low else max(high, low + 1)


def _goes_on(stretch: StatusStretch, glimpse: Glimpse, *, texts: bool) -> bool:
    """Whether a poll shows nothing new. A word that nobody knows hides the status, which may be the same."""
    mine = stretch.glimpse
    if glimpse.status is None and stretch.status is Status.WAITING:
        return True
    status = glimpse.status or Status.RUNNING
    if stretch.status is not status:
        return False
    if status is Status.WAITING and _opening(mine) != _opening(glimpse):
        return False
    return not texts or None in (mine.text, glimpse.text) or mine.text == glimpse.text


def _opening(glimpse: Glimpse) -> tuple[str, int, str] | None:
    question = glimpse.question
    return (question.code, question.round, question.text) if question is not None else None


def length_of(stretches: Sequence[StatusStretch], place: int) -> Millis:
    """How long the stretch at `place` lasts in the scenario."""
    later = stretches[place + 1 :]
    stretch = stretches[place]
    ends = later[0].begins if later else max(stretch.begins, stretch.last) + _LAST
    return min(max(1, ends - stretch.begins), LONGEST // 4)


def bounds_of(stretches: Sequence[StatusStretch], place: int) -> str:
    """How short and how long it can have been, in words."""
    stretch, later = stretches[place], stretches[place + 1 :]
    if not later:
        return (
            f"not observed: seen from {_clock(stretch.high)} to {_clock(max(stretch.high, stretch.last))}, and no end"
        )
    shortest = max(0, later[0].low - stretch.high)
    longest = later[0].high - (stretch.low if place else 0)
    polls = f"{stretch.polls or 'no'} poll{'' if stretch.polls == 1 else 's'}"
    return f"{_clock(shortest)} to {_clock(longest)}: {polls}"


def _clock(millis: Millis) -> str:
    """A duration as comments have it: tenths of seconds, from a minute on whole ones."""
    return f"{millis / 1000:.1f}s" if millis < 60_000 else duration_text(millis // 1000 * 1000)
