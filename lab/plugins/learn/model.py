"""What was observed, whoever's API it was: calls -> jobs -> stretches in which polls showed the same (recordings.md §17)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from itertools import pairwise
from statistics import median
from typing import TypeVar, cast

from msgspec import Struct, field
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.dialects.client import Question
from lab.program.words import LONGEST, Status, Verdict, duration_text
from lab.recording.playback.calls import PlaybackCall

TIMED_ROUTES = ("token", "invoke", "status")
MOST_MESSAGES = 51
"""Messages that a scenario holds."""
_ODD_FACTOR = 5
_ODD: Millis = 1_000
"""An answer that takes so much longer than is usual is a fault of its own: both more than a second, and five times."""
_SPREAD = 0.10
_MOST = 60
"""Stretches of one job; beyond that a text that changes with each poll is no step of its own."""
_MOST_STEPS = 499
_ROUND: Millis = 100
_LAST: Millis = 1_000
"""How much longer than it was seen a stretch lasts of which nobody saw the end."""

_T = TypeVar("_T")


class Glimpse(Struct, frozen=True, kw_only=True):
    """What one answer shows of a job."""

    word: str
    """The status as it was written."""
    status: Status | None
    """What it means; None: nobody knows, and the job goes on."""
    text: str | None = None
    """What it says of its progress; empty: nothing; None: it has no member for that, which says nothing new."""
    question: Question | None = None
    output: Json = None
    """A text, or a value that was no text."""
    error: str | None = None
    follow_up: tuple[str, ...] = ()

    @property
    def final(self) -> bool:
        return self.status is not None and self.status.final


class Poll(Struct, frozen=True):
    """A call whose answer shows the job: one that asked for it, or a decision."""

    call: PlaybackCall
    glimpse: Glimpse | None
    """None: it failed."""
    decides: bool = False
    """Whether it was a decision, which counts as none of the polls."""


class ObservedDecision(Struct, frozen=True, kw_only=True):
    """How an opening of a gate ended, where calls or facts tell it."""

    gate: str
    round: int
    verdict: Verdict
    comment: str | None = None
    by: str | None = None


class ObservedTurn(Struct, kw_only=True):
    """A message, and what polls showed of its job."""

    invoke: PlaybackCall
    message: str
    parameters: dict[str, Json] = field(default_factory=dict)
    first: Glimpse | None = None
    """What the answer to the message showed; None: none came."""
    accepted: bool | None = None
    """Whether a job began; None: nobody knows."""
    polls: list[Poll] = field(default_factory=list)
    decisions: list[ObservedDecision] = field(default_factory=list)
    patience: dict[str, Millis] = field(default_factory=dict)
    """Of gates, as far as facts tell it."""

    @property
    def last(self) -> Glimpse | None:
        """The last that was seen of the job."""
        return next((poll.glimpse for poll in reversed(self.polls) if poll.glimpse is not None), self.first)


class About(Struct, frozen=True, kw_only=True):
    """What holds for the whole conversation."""

    team: str | None = None
    """None: the API has no teams."""
    version: int | None = None
    """Of the team's agent, where answers tell it and no message asked for one."""
    lifetime: Millis | None = None
    """How long a token was good."""
    settings: dict[str, Json] = field(default_factory=dict)
    renewed: bool = False
    """Whether more than one token was granted."""
    notes: tuple[str, ...] = ()
    """What a reader of the scenario should know, a sentence each."""


class Story(Struct):
    """One conversation, and the calls around it."""

    about: About
    turns: list[ObservedTurn]
    calls: Mapping[str, Sequence[PlaybackCall]]
    """By the route as faults and latencies name it, those that counted: none that a mock refuses by itself."""


class RoutePace(Struct, frozen=True):
    """How long answers of a route were withheld."""

    usual: tuple[Millis, ...] = ()
    """In order of length, without those that were odd."""
    median: Millis = 0

    @property
    def fixed(self) -> bool:
        """Whether they differ too little to be told apart."""
        return not self.usual or self.usual[-1] - self.usual[0] < _SPREAD * max(1, self.median)

    @property
    def least(self) -> Millis:
        """The shortest that a scenario will draw."""
        return self.usual[0] if self.usual and not self.fixed else self.median

    def excess(self, latency: Millis) -> Millis:
        """By how much an answer was later than usual, in tenths of a second; 0: it wasn't."""
        more = min(latency - self.median, LONGEST)
        return more // 100 * 100 if more > _ODD and latency > _ODD_FACTOR * self.median else 0


def pace_of(latencies: Iterable[Millis]) -> RoutePace:
    """The pace of a route by its answers that came whole."""
    every = tuple(sorted(latencies))
    whole = RoutePace(every, round(median(every)) if every else 0)
    usual = tuple(each for each in every if not whole.excess(each))
    return RoutePace(usual, round(median(usual)) if usual else 0)


def earliest_polls(turn: ObservedTurn, invoke: RoutePace, status: RoutePace) -> list[Millis]:
    """When, after the message, each poll is made by a client with the same pauses that is answered as fast as can be.

    A scenario whose changes lie there shows each poll of such a run what the recorded one was shown, whatever it draws.
    """
    at, found = 0, list[Millis]()
    paced = ((turn.invoke, invoke), *((poll.call, invoke if poll.decides else status) for poll in turn.polls))
    for (call, pace), (after, _) in pairwise(paced):
        took = call.replied.at - call.at
        if call.good:
            took = min(took, pace.least + pace.excess(call.latency))
        at += took + max(0, after.at - call.replied.at)
        found.append(at)
    return found


class StatusStretch(Struct, frozen=True):
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

    def goes_on(self, glimpse: Glimpse, *, texts: bool) -> bool:
        """Whether a poll shows nothing new. A word that nobody knows hides the status, which may be the same."""
        if glimpse.status is None and self.status is Status.WAITING:
            return True
        mine = self.glimpse
        if self.status is not (glimpse.status or Status.RUNNING):
            return False
        if self.status is Status.WAITING and _opening(mine) != _opening(glimpse):
            return False
        return not texts or None in (mine.text, glimpse.text) or mine.text == glimpse.text


def _opening(glimpse: Glimpse) -> tuple[str, int, str] | None:
    question = glimpse.question
    return (question.code, question.round, question.text) if question is not None else None


def stretches_of(turn: ObservedTurn, earliest: Sequence[Millis]) -> tuple[StatusStretch, ...]:
    """The stretches of a job, in order, the first from its message on; equal polls are folded."""
    found = _folded(turn, earliest, texts=True)
    return tuple(found if len(found) <= _MOST else _folded(turn, earliest, texts=False))


def _folded(turn: ObservedTurn, earliest: Sequence[Millis], *, texts: bool) -> list[StatusStretch]:
    before = 0
    found = [StatusStretch(turn.first, 0, 0, 0, 0)] if turn.first is not None else []
    for poll, soonest in zip(turn.polls, earliest, strict=True):
        if poll.glimpse is None:
            continue
        at = poll.call.at - turn.invoke.at
        if found and found[-1].goes_on(poll.glimpse, texts=texts):
            last = found[-1]
            # the answer to the message says less than the polls that follow
            glimpse = poll.glimpse if last.glimpse.text is None else last.glimpse
            found[-1] = replace(last, glimpse=glimpse, polls=last.polls + 1, last=at)
        else:
            begins = _between(before, min(soonest, at)) if found else 0
            found.append(StatusStretch(poll.glimpse, before, at, begins, last=at))
        if found[-1].status.final or len(found) >= _MOST_STEPS:
            break  # nothing follows
        before = at
    return found


def _between(low: Millis, high: Millis) -> Millis:
    """The latest instant up to `high`, in tenths of a second if one lies behind `low`."""
    rounded = high // _ROUND * _ROUND
    return rounded if rounded > low else max(high, low + 1)


class LearnedFault(Struct, kw_only=True):
    """A fault: the calls `first` to `last` of a route, counted from 1, and what they were."""

    route: str
    first: int
    last: int
    members: dict[str, Json]
    note: str = ""
    turn: int | None = None
    after: Millis | None = None
    """When it begins, of one that goes on to the end of the job, however often it is polled."""

    @property
    def document(self) -> dict[str, Json]:
        """As an author writes it."""
        calls: Json = self.first if self.first == self.last else f"{self.first}-{self.last}"
        when: dict[str, Json] = {"calls": calls}
        if self.after is not None:
            when = {"after": duration_text(self.after), "calls": "every 1"}
        turn: dict[str, Json] = {} if self.turn is None else {"turn": self.turn}
        return {"route": self.route, **when, **turn, **self.members}


class ObservedJob(Struct, frozen=True, kw_only=True):
    """A message, and what became of it: all that a scenario is written from, without the calls."""

    message: str
    parameters: dict[str, Json]
    stretches: tuple[StatusStretch, ...]
    decisions: tuple[ObservedDecision, ...]
    patience: tuple[tuple[str, Millis], ...]

    def length(self, place: int) -> Millis:
        """How long the stretch at `place` lasts in the scenario."""
        stretch, later = self.stretches[place], self.stretches[place + 1 :]
        ends = later[0].begins if later else max(stretch.begins, stretch.last) + _LAST
        return min(max(1, ends - stretch.begins), LONGEST // 4)

    def bounds(self, place: int) -> str:
        """How short and how long it can have been, in words."""
        stretch, later = self.stretches[place], self.stretches[place + 1 :]
        if not later:
            seen = f"seen from {_clock(stretch.high)} to {_clock(max(stretch.high, stretch.last))}"
            return f"not observed: {seen}, and no end"
        shortest, longest = max(0, later[0].low - stretch.high), later[0].high - (stretch.low if place else 0)
        polls = f"{stretch.polls or 'no'} poll{'' if stretch.polls == 1 else 's'}"
        return f"{_clock(shortest)} to {_clock(longest)}: {polls}"


def _clock(millis: Millis) -> str:
    """A duration as comments have it: tenths of seconds, from a minute on whole ones."""
    return f"{millis / 1000:.1f}s" if millis < 60_000 else duration_text(millis // 1000 * 1000)


class Session(Struct, frozen=True, kw_only=True):
    """What a scenario is written from: no call is left in it, so what it doesn't say can't be printed."""

    about: About
    jobs: tuple[ObservedJob, ...]
    paces: tuple[RoutePace, ...]
    """In the order of TIMED_ROUTES."""
    faults: tuple[LearnedFault, ...]
    expected: dict[str, Json]
    """How a run of the lab's own client ends, where that isn't COMPLETE."""
    missing: tuple[str, ...]
    """What was observed and is in no scenario, a sentence each."""


def with_texts(value: _T, change: Callable[[Json], Json]) -> _T:
    """The same with every text and every value of JSON changed, however deep it stands in Structs and tuples."""
    if isinstance(value, Struct):
        return replace(value, **{name: with_texts(getattr(value, name), change) for name in value.__struct_fields__})
    if isinstance(value, tuple):
        return cast("_T", tuple(with_texts(each, change) for each in value))
    if isinstance(value, str | list | dict) and not isinstance(value, Enum):
        return cast("_T", change(value))
    return value
