"""What was observed, whoever's API it was: calls -> a conversation's turns -> what a scenario is written from.

A turn's polls are folded into stretches in which each showed the same (recordings.md §17). `own_story` finds the turns in
calls of the wires that the lab speaks, `foreign` in any others.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime
from enum import Enum
from itertools import pairwise
from operator import attrgetter
from statistics import median
from typing import TypeAlias, TypeVar, cast

from msgspec import Struct, field
from msgspec.structs import replace

from lab.core.clock import Epoch, Millis, unix_millis
from lab.core.exchange import Json, Response
from lab.core.jsontext import integer_or_none, members_of
from lab.dialects import wires
from lab.dialects.base import Decide, Invoke, Look
from lab.dialects.client import Seen
from lab.dialects.fusion.bodies import PUBLISHED_VERSION
from lab.program.words import LONGEST, Status, Verdict, duration_text
from lab.recording.exchange import RecordedExchange
from lab.recording.format.lines import Entry
from lab.recording.story import JobHistory, job_histories

_ODD_FACTOR = 5
_ODD: Millis = 1_000
"""An answer that takes so much longer than is usual is a fault of its own: both more than a second, and five times."""
_ROUND: Millis = 100
_LAST: Millis = 1_000
"""How much longer than it was seen a stretch lasts of which nobody saw the end."""
_LONGEST_NAMES = 250

_T = TypeVar("_T")


class StatusStretch(Struct, frozen=True):
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
        if self.status is not (seen.status or Status.RUNNING):
            return seen.status is None and self.status is Status.WAITING
        texts = self.seen.progress, seen.progress
        opened = [(each.code, each.round, each.text) for each in (self.seen.question, seen.question) if each]
        waits_for_another = self.status is Status.WAITING and len(set(opened)) == 2
        return not waits_for_another and (None in texts or texts[0] == texts[1])


class ObservedTurn(Struct, kw_only=True):
    """A message, and the calls that showed its job."""

    invoke: RecordedExchange
    message: str
    parameters: dict[str, Json] = field(default_factory=dict)
    polls: list[RecordedExchange] = field(default_factory=list)
    """Decisions among them, whose answers show the job too. Where nothing is `seen`, the call failed."""
    votes: tuple[tuple[str, int, dict[str, Json]], ...] = ()
    """How gates ended, as calls or facts tell it: which, which opening of it, and what a reviewer does."""
    patience: dict[str, Millis] = field(default_factory=dict)
    """Of gates, as far as facts tell it."""
    begun: bool = False
    """Whether a job of a wire of ours began with it."""
    stretches: tuple[StatusStretch, ...] = ()

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
            seen = f"seen from {_tenths(stretch.high)} to {_tenths(max(stretch.high, stretch.last))}"
            return f"not observed: {seen}, and no end"
        shortest, longest = max(0, later[0].low - stretch.high), later[0].high - (stretch.low if place else 0)
        polls = f"{stretch.polls or 'no'} poll{'' if stretch.polls == 1 else 's'}"
        return f"{_tenths(shortest)} to {_tenths(longest)}: {polls}"


def _tenths(millis: Millis) -> str:
    return duration_text(millis // 100 * 100)


class RoutePace(Struct, frozen=True):
    """How long answers of a route were withheld."""

    usual: tuple[Millis, ...] = ()
    """In order of length, without those that were odd."""
    median: Millis = 0

    def excess(self, latency: Millis) -> Millis:
        """By how much an answer was later than usual, in tenths of a second; 0: it wasn't."""
        more = min(latency - self.median, LONGEST)
        return more // 100 * 100 if more > _ODD and latency > _ODD_FACTOR * self.median else 0


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


class Story(Struct, kw_only=True):
    """One conversation, and the calls around it: all that a scenario is written from."""

    turns: list[ObservedTurn]
    calls: Mapping[str, Sequence[RecordedExchange]]
    """By the route as faults and latencies name it, those that counted: none that a mock refuses by itself."""
    team: str | None = None
    """None: the API has no teams."""
    version: int | None = None
    """Of the team's agent, where answers tell it and no message asked for one."""
    lifetime: Millis | None = None
    """How long a token was good."""
    renewed: bool = False
    """Whether more than one token was granted."""
    invoke_status: int = 202
    notes: list[str] = field(default_factory=list)
    """What a reader of the scenario should know, a sentence each."""
    paces: Mapping[str, RoutePace] = field(default_factory=dict)
    faults: list[LearnedFault] = field(default_factory=list)


def left_out(messages: Iterable[str]) -> list[str]:
    """A sentence that names the jobs which a scenario of one conversation leaves out, by what began them."""
    names = "; ".join(" ".join(message[:60].split()) for message in messages)
    return [f"Jobs of other conversations, left out: {names[:_LONGEST_NAMES]}."] if names else []


# The wires that the lab speaks


def _conversations(job: JobHistory) -> set[str]:
    """By what the next message may say that it goes on with this job: on some wires each answer names it anew."""
    shown = (call.seen.conversation for call in (*job.calls, *job.decisions) if call.seen is not None)
    return {name for name in (job.conversation, *shown) if name is not None}


def own_story(calls: Sequence[RecordedExchange], facts: Iterable[Entry] = ()) -> Story | None:
    """The first conversation of which a job is polled; None: there is none."""
    jobs = {job.accepted: job for job in job_histories(calls, facts)}
    begins = [(call, call.command) for call in calls if isinstance(call.command, Invoke)]
    polled = [(call, command) for call, command in begins if call in jobs and jobs[call].polls]
    if not polled:
        return None
    first, command = polled[0]
    names, mine = _conversations(jobs[first]), [(first, command)]
    for call, its in begins:
        if call.at > first.at and its.conversation in names:
            mine.append((call, its))
            names |= _conversations(jobs[call]) if call in jobs else set()
    tokens = [call for call in calls if call.route == "token"]
    granted = [(call.at, call.answered.get("expires_in")) for call in tokens if call.tells]
    lifetime = next((1000 * life for _, life in granted if type(life) is int and life > 0), None)
    # a mock refuses by itself those whose token was too old
    old = {
        call
        for call in calls
        if call.status == 401 and lifetime is not None and granted
        and call.at - max((at for at, _ in granted if at <= call.at), default=call.at) >= lifetime
    }  # fmt: skip
    turns = [_turn(call, its, jobs.get(call), old) for call, its in _said(mine, jobs)]
    invokes = {turn.invoke for turn in turns}
    versions = [integer_or_none(members_of(poll.body).get(PUBLISHED_VERSION)) for poll in jobs[first].polls]
    if command.wanted.version is not None:
        versions = []  # answers repeat one that the client named itself
    return Story(
        turns=turns,
        calls={
            "token": tokens,
            "invoke": [call for call in calls if call not in old and isinstance(call.command, Invoke | Decide)],
            "status": [poll for turn in turns for poll in turn.polls if isinstance(poll.command, Look)],
        },
        team=command.team,
        version=next((each for each in versions if each and each > 1), None),
        lifetime=lifetime,
        renewed=len(granted) > 1,
        invoke_status=first.status if first.route == "invoke" else 202,
        notes=left_out(its.message for call, its in polled if call not in invokes),
    )


def _said(
    mine: list[tuple[RecordedExchange, Invoke]], jobs: Mapping[RecordedExchange, JobHistory]
) -> Iterator[tuple[RecordedExchange, Invoke]]:
    """The messages of the conversation; one that was said again until it was accepted counts once."""
    last = {command.message: place for place, (_, command) in enumerate(mine)}
    for place, (call, command) in enumerate(mine):
        if call in jobs or (not call.tells and last[command.message] == place):
            yield call, command


def _turn(call: RecordedExchange, command: Invoke, job: JobHistory | None, old: set[RecordedExchange]) -> ObservedTurn:
    parameters = dict(call.details).get("parameters")
    turn = ObservedTurn(
        invoke=call,
        message=command.message,
        parameters=parameters if isinstance(parameters, dict) else {},
        begun=job is not None,
    )
    if job is not None:
        turn.polls = [poll if poll.tells else replace(poll, answer=None) for poll in job.polls if poll not in old]
        _decide(turn, job)
    return turn


def _decide(turn: ObservedTurn, job: JobHistory) -> None:
    """How gates ended: as the client decided, or as facts tell."""
    votes: dict[tuple[str, int], dict[str, Json]] = {}
    openings = [(poll.at, poll.seen.question) for poll in turn.polls if poll.seen and poll.seen.question]
    for call in job.decisions:
        command = call.command
        if not isinstance(command, Decide) or not call.tells or command.verdict is None:
            continue
        for question in [question for at, question in openings if at <= call.at][-1:]:
            votes[question.gate, question.round] = {"verdict": str(command.verdict), "comment": command.comment}
        turn.polls += [call] if call.seen is not None else []
    turn.polls.sort(key=attrgetter("at"))
    for fact in job.facts_of("gate.opened", "gate.decided", "gate.expired"):
        gate, until, said = fact.text("gate") or "", integer_or_none(fact.get("until")), fact.text("verdict")
        opening = gate, integer_or_none(fact.get("round")) or 0
        if fact.type == "gate.opened" and until is not None:
            turn.patience[gate] = until - fact.instant
        elif fact.type == "gate.decided" and said in set(Verdict):
            votes[opening] = {"verdict": said, "by": fact.text("name"), "comment": fact.text("comment")}
        elif fact.type == "gate.expired":
            votes[opening] = {"verdict": str(Verdict.TIMED_OUT)}
    turn.votes = tuple((*opening, vote) for opening, vote in votes.items())


# How fast, and when


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
    for call, after in pairwise((turn.invoke, *turn.polls)):
        pace = invoke if call is turn.invoke or isinstance(call.command, Decide) else status
        took = call.answered_at - call.at
        if call.tells:
            took = min(took, min(pace.usual, default=0) + pace.excess(call.latency))
        at += took + max(0, after.at - call.answered_at)
        found.append(at)
    return found


def stretches_of(turn: ObservedTurn, earliest: Sequence[Millis]) -> tuple[StatusStretch, ...]:
    """The stretches of a job, in order, the first from its message on; equal polls are folded."""
    before, first = 0, turn.invoke.seen
    found = [StatusStretch(first, 0, 0, 0, 0)] if first is not None else []
    for poll, soonest in zip(turn.polls, earliest, strict=True):
        if poll.seen is None or (found and found[-1].status.final):
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
            found.append(StatusStretch(poll.seen, before, at, begins, last=at))
        before = at
    return tuple(found)


# What failed, was odd or late: faults at those very calls (scenarios.md §10)

_ANSWERS = (400, 401, 403, 404, 429, 500, 502, 503, 504)
"""What a fault can answer (`answer`, scenarios.md §10); of any other, 400 or 500 stands for its hundred."""
_STRIKES = {"truncated": ("empty", "wrong-length"), "timeout": ("hang", "stall")}
"""By how an answer was cut: what struck before a byte of it, and what after; any other: reset."""
_SILENCE = 10_000
"""Milliseconds beyond the usual after which half an answer is one that its client gave up."""
_ERROR_CODE = re.compile(r"[!#-\[\]-~]{1,80}")
_TEXT = re.compile(r"[ -~]{1,80}")
_KNOWN = frozenset(("jsonrpc", "id", "result", *(claim.name for wire in wires() for claim in wire.fields)))
"""The members of the lab's own wires, and what stands around an answer of A2A."""
_Found: TypeAlias = tuple[dict[str, Json], str]
"""The members of a fault, none if nothing was wrong, and what to say beside."""


def find_faults(story: Story, epoch: Epoch) -> None:
    """Put what went wrong in all calls that counted with the story, in the order of routes, turns and calls."""

    def add(route: str, number: int, found: _Found, turn: int | None = None) -> None:
        members, note = found
        last = story.faults[-1] if story.faults else None
        if not members:
            story.notes += [f"Call {number} of {route}: {note}."] if note else []
        elif last and (last.route, last.turn, last.last, last.members) == (route, turn, number - 1, members):
            last.last = number
        else:
            fault = LearnedFault(route=route, first=number, last=number, members=members, note=note, turn=turn)
            story.faults.append(fault)

    begun = {turn.invoke for turn in story.turns if turn.begun}
    for route in ("token", "invoke"):
        for number, call in enumerate(story.calls[route], 1):
            pace = story.paces[route]
            members, note = _late(call, pace, {}) if call.tells else _failed(call, pace, epoch)
            if route == "invoke" and "strike" in members and call in begun:
                strike = members.pop("strike")
                members = {"lose_reply": True} | ({} if strike == "reset" else {"strike": strike})
            elif route == "invoke" and "strike" in members:
                note = "assumed: no job began, which nobody outside can see"
            add(route, number, (members, note))
    # the members that most answers to polls have; none of an API whose bodies aren't the lab's own
    polls = [members_of(poll.body) for turn in story.turns for poll in turn.polls if poll.seen]
    counts = Counter(name for members in polls for name in members) if story.team else {}
    usual = frozenset(name for name, count in counts.items() if 2 * count > len(polls))
    for place, turn in enumerate(story.turns, 1):
        before, looks = len(story.faults), [poll for poll in turn.polls if not isinstance(poll.command, Decide)]
        for number, poll in enumerate(looks, 1):
            found = _of_poll(poll, story.paces["status"], epoch, usual)
            add("status", number, found, place if len(story.turns) > 1 else None)
        for fault in story.faults[before:][-1:]:
            if fault.members == {"odd_body": True} and fault.first > 1 and fault.last == len(looks):
                # the API's own from then on, and no matter of calls
                earlier, first = (looks[number].at - turn.invoke.at for number in (fault.first - 2, fault.first - 1))
                fault.after = (earlier + first) // 200 * 100


def _of_poll(poll: RecordedExchange, pace: RoutePace, epoch: Epoch, usual: frozenset[str]) -> _Found:
    if not poll.whole or (poll.seen is None and poll.status >= 300):
        return _failed(poll, pace, epoch)
    names = members_of(poll.body).keys() if usual else ()
    missing: list[Json] = [name for name in sorted(usual) if name not in names]
    if "status" in missing and len(missing) < len(names):
        return {"omit": missing}, ""
    if poll.seen is None:
        return _failed(poll, pace, epoch)
    if usual and poll.seen.status is None:
        word = poll.seen.word
        known = _TEXT.fullmatch(word) is not None
        return _late(poll, pace, {"status_word": word}) if known else ({}, "its status can't be written in a fault")
    unknown = [name for name in names if name not in _KNOWN]
    members: dict[str, Json] = ({"odd_body": True} if unknown else {}) | ({"omit": missing} if missing else {})
    return _late(poll, pace, members, f"unknown members: {', '.join(map(repr, unknown[:5]))}" if unknown else "")


def _late(call: RecordedExchange, pace: RoutePace, members: dict[str, Json], note: str = "") -> _Found:
    late = pace.excess(call.latency)
    return members | ({"delay": duration_text(late)} if late else {}), note


def _failed(call: RecordedExchange, pace: RoutePace, epoch: Epoch) -> _Found:
    """Of a call that brought no answer, a refusal, or one that nobody can read."""
    response = call.response
    if response is None or call.cut is not None:
        return {"strike": _STRIKES.get(call.cut or "", ("reset", "reset"))[response is not None]}, ""
    if response.status >= 300:
        return _refused(call, response, epoch)
    start = response.body.lstrip()[:1]
    if "html" in (response.header("content-type") or "") or start == b"<":
        return {"answer": 200, "body": "html"}, ""
    if not response.body:
        return {"strike": "empty"}, "it had no body"
    if members_of(response.body):
        return {}, "it showed no job"
    strike = "truncate" if start in (b"{", b"[") else "garbage"
    return {"strike": "stall" if pace.excess(call.latency) >= _SILENCE else strike}, ""


def _refused(call: RecordedExchange, response: Response, epoch: Epoch) -> _Found:
    status = response.status
    if not 400 <= status < 600:
        return {}, f"it was answered {status}, which no fault answers"
    nearest = status if status in _ANSWERS else status // 100 * 100
    members: dict[str, Json] = {"answer": nearest}
    if (wait := response.header("retry-after")) is not None:
        members["retry_after"] = _retry_after(wait, unix_millis(epoch, call.answered_at))
    code = members_of(response.body).get("error") if call.route == "token" else None
    if nearest in (400, 401) and isinstance(code, str) and _ERROR_CODE.fullmatch(code):
        members["error"] = code
    kind = response.header("content-type") or ""
    bodies = {"empty": not response.body, "html": "html" in kind, "problem": "problem+json" in kind}
    if body := next((name for name, holds in bodies.items() if holds), None):
        members["body"] = body
    return members, "" if nearest == status else f"it was {status}, which no fault answers"


def _retry_after(text: str, since: Millis) -> Json:
    """As a fault has it; `since` is when the answer left, in milliseconds since 1970."""
    if text.isascii() and text.isdigit() and len(text) <= 6:
        return f"{int(text)}s"
    try:
        until = parsedate_to_datetime(text).timestamp() * 1000
    except (ValueError, TypeError, OverflowError):
        return {"text": text if _TEXT.fullmatch(text) else "?"}
    seconds = max(0, int(until - since) // 1000)  # a date is rounded up to whole seconds
    return {"date": duration_text(seconds * 1000)} if seconds < 10**6 else {"text": text}


def with_texts(value: _T, change: Callable[[Json], Json]) -> _T:
    """The same with every text and every value of JSON changed, however deep it stands in Structs; calls stay."""
    if isinstance(value, Struct) and not isinstance(value, RecordedExchange):
        return replace(value, **{name: with_texts(getattr(value, name), change) for name in value.__struct_fields__})
    if isinstance(value, tuple | list):
        return cast("_T", type(value)(with_texts(each, change) for each in value))
    if isinstance(value, str | dict) and not isinstance(value, Enum):
        return cast("_T", change(value))
    return value
