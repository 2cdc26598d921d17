"""What was observed, whoever's API it was: calls -> a conversation's turns -> what a scenario is written from.

A turn's polls are folded into stretches in which each showed the same (recordings.md §17). `own_story` finds the turns in
calls of the wires that the lab speaks, `foreign` in any others.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from itertools import pairwise
from statistics import median
from typing import TypeVar, cast

from msgspec import Struct, field
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.core.jsontext import integer_or_none, members_of
from lab.dialects.base import Decide, Invoke, Look
from lab.dialects.client import Seen, Sendable
from lab.dialects.fusion.bodies import PUBLISHED_VERSION
from lab.language.document import LONGEST, Status, Verdict, duration_text
from lab.recording.format.lines import Entry
from lab.recording.playback.calls import PlaybackCall

TIMED_ROUTES = ("token", "invoke", "status")
MOST_MESSAGES = 51
"""Messages that a scenario holds."""
_ODD_FACTOR = 5
_ODD: Millis = 1_000
"""An answer that takes so much longer than is usual is a fault of its own: both more than a second, and five times."""
_MOST_STEPS = 499
_ROUND: Millis = 100
_LAST: Millis = 1_000
"""How much longer than it was seen a stretch lasts of which nobody saw the end."""
_MOST_NAMES = 10

_T = TypeVar("_T")


class Decision(Struct, frozen=True, kw_only=True):
    """How an opening of a gate ended, where calls or facts tell it."""

    gate: str
    round: int
    verdict: Verdict
    comment: str | None = None
    by: str | None = None


class Turn(Struct, kw_only=True):
    """A message, and the calls that showed its job."""

    invoke: PlaybackCall
    message: str
    parameters: dict[str, Json] = field(default_factory=dict)
    polls: list[PlaybackCall] = field(default_factory=list)
    """Decisions among them, whose answers show the job too. Where nothing is `seen`, the call failed."""
    decisions: tuple[Decision, ...] = ()
    patience: dict[str, Millis] = field(default_factory=dict)
    """Of gates, as far as facts tell it."""

    stretches: "tuple[Stretch, ...]" = ()
    """What polls showed, those that showed the same together."""

    @property
    def last(self) -> Seen | None:
        """The last that was seen of the job."""
        return next((poll.seen for poll in reversed(self.polls) if poll.seen is not None), self.invoke.seen)

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


class About(Struct, frozen=True, kw_only=True):
    """What holds for the whole conversation."""

    team: str | None = None
    """None: the API has no teams."""
    version: int | None = None
    """Of the team's agent, where answers tell it and no message asked for one."""
    lifetime: Millis | None = None
    """How long a token was good."""
    renewed: bool = False
    """Whether more than one token was granted."""
    settings: dict[str, Json] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    """What a reader of the scenario should know, a sentence each."""


class Fault(Struct, kw_only=True):
    """A fault: the calls `first` to `last` of a route, counted from 1, and what they were."""

    route: str
    first: int
    last: int
    members: dict[str, Json]
    note: str = ""
    turn: int | None = None

    @property
    def document(self) -> dict[str, Json]:
        """As an author writes it."""
        calls: Json = self.first if self.first == self.last else f"{self.first}-{self.last}"
        turn: dict[str, Json] = {} if self.turn is None else {"turn": self.turn}
        return {"route": self.route, "calls": calls, **turn, **self.members}


class Story(Struct):
    """One conversation, and the calls around it: all that a scenario is written from."""

    about: About
    turns: list[Turn]
    calls: Mapping[str, Sequence[PlaybackCall]]
    """By the route as faults and latencies name it, those that counted: none that a mock refuses by itself."""
    paces: Mapping[str, "RoutePace"] = {}
    faults: tuple[Fault, ...] = ()
    missing: tuple[str, ...] = ()
    """What was observed and is in no scenario, a sentence each."""


def command_of(call: PlaybackCall) -> Sendable | None:
    """What a call asks, on a wire of ours."""
    return call.client_call.command if call.client_call is not None else None


def lifetime_in(tokens: Iterable[PlaybackCall]) -> Millis | None:
    """How long the first token was good of which an answer tells it."""
    said = (integer_or_none(members_of(call.replied.response.body).get("expires_in")) for call in tokens if call.good)
    return next((1000 * seconds for seconds in said if seconds is not None and 0 < seconds < 10**8), None)


def left_out(messages: Iterable[str]) -> tuple[str, ...]:
    """A sentence that names the jobs which a scenario of one conversation leaves out, by what began them."""
    names = [" ".join(message[:60].split()) for message in messages]
    more = [f"and {len(names) - _MOST_NAMES} more"] if len(names) > _MOST_NAMES else []
    return (f"Jobs of other conversations, left out: {'; '.join(names[:_MOST_NAMES] + more)}.",) if names else ()


# The wires that the lab speaks


def own_story(calls: Sequence[PlaybackCall], facts: Iterable[Entry] = ()) -> Story | None:
    """The first conversation of which a job is polled; None: there is none."""
    looks: dict[str, list[PlaybackCall]] = defaultdict(list)
    begins: list[tuple[PlaybackCall, Invoke]] = []
    for call in calls:
        match command_of(call):
            case Look(job=str() as job):
                looks[job].append(call)
            case Invoke() as command:
                begins.append((call, command))
    polled = [(call, command) for call, command in begins if call.begun is not None and call.begun.job in looks]
    if not polled:
        return None
    first, command = polled[0]
    assert first.begun is not None
    conversation = first.begun.conversation
    mine = [
        (call, its)
        for call, its in begins
        if call is first or (conversation is not None and call.at > first.at and its.conversation == conversation)
    ]
    tokens = [call for call in calls if call.requested.route == "token"]
    lifetime = lifetime_in(tokens)
    old = _too_old(calls, lifetime)
    turns = list(_turns(mine, looks, old))
    for turn in turns[:MOST_MESSAGES]:
        _decide(turn, calls, facts)
    taken = {turn.invoke for turn in turns}
    jobs = {call.begun.job for call in taken if call.begun is not None}
    invokes = [call for call in calls if call not in old and isinstance(command_of(call), Invoke | Decide)]
    polls = [call for job in jobs for call in looks[job] if call not in old]
    about = About(
        team=command.team,
        version=_version(command, looks[first.begun.job]),
        lifetime=lifetime,
        settings={"invoke_status": 200} if first.requested.route == "invoke" and first.replied.response.status == 200 else {},
        renewed=sum(call.good for call in tokens) > 1,
        notes=left_out(its.message for call, its in polled if call not in taken),
    )  # fmt: skip
    return Story(about, turns, {"token": tokens, "invoke": invokes, "status": polls})


def _turns(
    mine: list[tuple[PlaybackCall, Invoke]], looks: dict[str, list[PlaybackCall]], old: set[PlaybackCall]
) -> Iterator[Turn]:
    """The messages of the conversation; one that was said again until it was accepted counts once."""
    last = {command.message: place for place, (_, command) in enumerate(mine)}
    for place, (call, command) in enumerate(mine):
        if call.begun is None and (call.good or last[command.message] > place):
            continue
        polls = [poll for poll in looks[call.begun.job] if poll not in old] if call.begun is not None else []
        parameters = dict(call.client_call.fields).get("parameters") if call.client_call is not None else None
        yield Turn(
            invoke=call,
            message=command.message,
            parameters=parameters if isinstance(parameters, dict) else {},
            polls=[poll if poll.good else replace(poll, seen=None) for poll in polls],
        )


def _decide(turn: Turn, calls: Sequence[PlaybackCall], facts: Iterable[Entry]) -> None:
    """How gates ended: as the client decided, or as facts tell."""
    job = turn.invoke.begun.job if turn.invoke.begun is not None else None
    if job is None:
        return
    decided: dict[tuple[str, int], Decision] = {}
    openings = [(poll.at, poll.seen.question) for poll in turn.polls if poll.seen and poll.seen.question]
    for call in calls:
        command = command_of(call)
        if not isinstance(command, Decide) or command.job != job or not call.good or command.verdict is None:
            continue
        if before := [question for at, question in openings if at <= call.at]:
            gate, round_ = before[-1].gate, before[-1].round
            decided[gate, round_] = Decision(gate=gate, round=round_, verdict=command.verdict, comment=command.comment)
        if call.seen is not None:
            turn.polls.append(call)
    turn.polls.sort(key=lambda poll: poll.at)
    for fact in facts:
        if fact.text("job") != job:
            continue
        gate, round_ = fact.text("gate") or "", integer_or_none(fact.get("round")) or 0
        until, said = integer_or_none(fact.get("until")), fact.text("verdict")
        if fact.type == "gate.opened" and until is not None:
            turn.patience[gate] = until - fact.instant
        elif fact.type == "gate.decided" and said in set(Verdict):
            decided[gate, round_] = Decision(
                gate=gate, round=round_, verdict=Verdict(said), comment=fact.text("comment"), by=fact.text("name")
            )
        elif fact.type == "gate.expired":
            decided[gate, round_] = Decision(gate=gate, round=round_, verdict=Verdict.TIMED_OUT)
    turn.decisions = tuple(decided.values())


def _too_old(calls: Sequence[PlaybackCall], lifetime: Millis | None) -> set[PlaybackCall]:
    """The calls that a mock refuses by itself, since their token was too old."""
    granted: Millis | None = None
    found: set[PlaybackCall] = set()
    for call in calls:
        if call.requested.route == "token" and call.good:
            granted = call.at
        elif call.replied.response.status == 401 and granted is not None and lifetime is not None:
            found |= {call} if call.at - granted >= lifetime else set()
    return found


def _version(command: Invoke, looks: Sequence[PlaybackCall]) -> int | None:
    """Nothing is learned of one that the client named itself: answers repeat it."""
    if command.wanted.version is not None:
        return None
    versions = (integer_or_none(members_of(each.replied.response.body).get(PUBLISHED_VERSION)) for each in looks)
    return next((each for each in versions if each is not None and each > 1), None)


# How fast, and when


class RoutePace(Struct, frozen=True):
    """How long answers of a route were withheld."""

    usual: tuple[Millis, ...] = ()
    """In order of length, without those that were odd."""
    median: Millis = 0

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


def earliest_polls(turn: Turn, invoke: RoutePace, status: RoutePace) -> list[Millis]:
    """When, after the message, each poll is made by a client with the same pauses that is answered as fast as can be.

    A scenario whose changes lie there shows each poll of such a run what the recorded one was shown, whatever it draws.
    """
    at, found = 0, list[Millis]()
    for call, after in pairwise((turn.invoke, *turn.polls)):
        pace = invoke if call is turn.invoke or isinstance(command_of(call), Decide) else status
        took = call.replied.at - call.at
        if call.good:
            took = min(took, min(pace.usual, default=0) + pace.excess(call.latency))
        at += took + max(0, after.at - call.replied.at)
        found.append(at)
    return found


class Stretch(Struct, frozen=True):
    """A stretch in which every poll showed the same."""

    seen: Seen
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
        return self.seen.status or Status.RUNNING

    def goes_on(self, seen: Seen) -> bool:
        """Whether a poll shows nothing new. A word that nobody knows hides the status, which may be the same."""
        if seen.status is None and self.status is Status.WAITING:
            return True
        mine = self.seen
        if self.status is not (seen.status or Status.RUNNING):
            return False
        if self.status is Status.WAITING and _opening(mine) != _opening(seen):
            return False
        return None in (mine.progress, seen.progress) or mine.progress == seen.progress


def _opening(seen: Seen) -> tuple[str, int, str] | None:
    question = seen.question
    return (question.code, question.round, question.text) if question is not None else None


def stretches_of(turn: Turn, earliest: Sequence[Millis]) -> tuple[Stretch, ...]:
    """The stretches of a job, in order, the first from its message on; equal polls are folded."""
    before, first = 0, turn.invoke.seen
    found = [Stretch(first, 0, 0, 0, 0)] if first is not None else []
    for poll, soonest in zip(turn.polls, earliest, strict=True):
        if poll.seen is None:
            continue
        at = poll.at - turn.invoke.at
        if found and found[-1].goes_on(poll.seen):
            last = found[-1]
            # the answer to the message says less than the polls that follow
            seen = poll.seen if last.seen.progress is None else last.seen
            found[-1] = replace(last, seen=seen, polls=last.polls + 1, last=at)
        else:
            high = min(soonest, at)
            late = high // _ROUND * _ROUND  # if a tenth of a second lies in the gap
            begins = 0 if not found else late if late > before else max(high, before + 1)
            found.append(Stretch(poll.seen, before, at, begins, last=at))
        if found[-1].status.final or len(found) >= _MOST_STEPS:
            break  # nothing follows
        before = at
    return tuple(found)


def with_texts(value: _T, change: Callable[[Json], Json]) -> _T:
    """The same with every text and every value of JSON changed, however deep it stands in Structs; calls stay."""
    if isinstance(value, Struct) and not isinstance(value, PlaybackCall):
        return replace(value, **{name: with_texts(getattr(value, name), change) for name in value.__struct_fields__})
    if isinstance(value, tuple | list):
        return cast("_T", type(value)(with_texts(each, change) for each in value))
    if isinstance(value, str | dict) and not isinstance(value, Enum):
        return cast("_T", change(value))
    return value
