"""How playback knows a recorded call again, whatever ids its job has this time, and how it keeps those that it looks for (§15)."""

import re
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from heapq import nlargest
from json import dumps, loads
from typing import TypeAlias
from urllib.parse import parse_qsl

from msgspec import Struct, field

from lab.core.clock import Millis
from lab.core.exchange import Json, Request
from lab.core.jsontext import members_of
from lab.dialects import client_of
from lab.dialects.base import Invoke, Look
from lab.dialects.client import ClientCall
from lab.dialects.reading import query_of
from lab.identity.clients import Grant
from lab.recording.exchange import CallKind, RecordedExchange
from lab.recording.format.lines import Entry, Recording
from lab.recording.redaction.stand_ins import STAND_IN, stand_ins
from lab.recording.story import JobHistory, job_histories

_LONGEST_MESSAGE = 80
_LONGEST_TITLE = 1_000
_SURELY_ID = 8
"""Characters of an id that is no word by chance."""
_ANY = r'(?:[^"\\]|\\.)+'
"""What may stand within a string of JSON."""

Operation: TypeAlias = tuple[str, CallKind, str | None]
"""A route, what is asked on it, and the job that is asked about, or the grant that is asked for."""


def operation_of(call: RecordedExchange) -> Operation:
    """What it asks about."""
    return call.route, call.kind, call.job or grant_of(call.route, call.request)


def grant_of(route: str, request: Request) -> str | None:
    """Which grant a client asks for; None: it asks for none."""
    return query_of(request.body.decode("utf-8", "replace")).get("grant_type") if route == "token" else None


def asked_key(route: str, client_call: ClientCall, names: Mapping[str, str]) -> str:
    """What a call asks, whatever the order of its members; of a message what is asked of whom, and whether by a stream."""
    command = client_call.command
    if isinstance(command, Invoke):
        asks = command.team, command.message, command.conversation, dumps(command.parameters, sort_keys=True)
        return renamed(repr((route, client_call.follows, *asks)), names)
    return renamed(repr((route, client_call.follows, command, client_call.message, client_call.fields)), names)


def message_of(call: RecordedExchange) -> str:
    """The message that it says, in short; of a call without one its title."""
    text = call.command.message if isinstance(call.command, Invoke) else call.title
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[: _LONGEST_MESSAGE - 1]}…"


def message_unlike(call: RecordedExchange, asks: ClientCall) -> str:
    """The message that began a job, and if it is the same that `asks` says, what else was another."""
    mine, other = call.command, asks.command
    if not isinstance(mine, Invoke) or not isinstance(other, Invoke) or mine.message != other.message:
        return message_of(call)
    unlike = [f"asked of {mine.team}"] if mine.team != other.team else []
    unlike += ["with other parameters"] if mine.parameters != other.parameters else []
    unlike += ["in another conversation"] if mine.conversation != other.conversation else []
    return f"{message_of(call)} ({', '.join(unlike)})"


def title_unlike(call: RecordedExchange, mine: Request, request: Request) -> str:
    """Method and path; where the request has them too, what else is another. `mine`: the recorded one as of now."""
    if (mine.method, mine.path) != (request.method, request.path):
        return call.title
    one, other = members_of(mine.body), members_of(request.body)
    names = [name for name in one if name in other and one[name] != other[name]]
    return f"{call.title} with another {', '.join(names) or ('query' if mine.query != request.query else 'body')}"


def nearest_titles(titles: Iterable[str], request: Request, most: int) -> tuple[str, ...]:
    """Of these calls those that are called most like a request, the likest first."""
    likeness = SequenceMatcher(b=f"{request.method} {request.path[:_LONGEST_TITLE]}".split("/"))

    def of(title: str) -> float:
        likeness.set_seq1(title.split("/"))
        return likeness.ratio()

    return tuple(nlargest(most, titles, key=of))


def renamed(text: str, names: Mapping[str, str]) -> str:
    """The text with other ids, where each stands by itself, or behind `_`; a short one, which a client made up, only in quotes."""
    for name, other in names.items():
        if name != other and name in text:
            ends = ("(?<![^\\W_])(?<!-)", "(?![\\w-])") if len(name) >= _SURELY_ID else ("(?<=[\"'])", "(?=[\"'])")
            text = re.sub(re.escape(name).join(ends), other.replace("\\", r"\\"), text)
    return text


def asks_alike(route: str, mine: Request, request: Request, names: Mapping[str, str]) -> bool:
    """Whether it is the request `mine` that was recorded; JSON is compared as values, without the id of the call."""
    body = renamed(request.body.decode("utf-8", "surrogateescape"), names).encode("utf-8", "surrogateescape")
    return (
        (mine.method, mine.path) == (request.method, renamed(request.path, names))
        and sorted(parse_qsl(mine.query)) == sorted(parse_qsl(renamed(request.query, names)))
        and _fits(_canonical(route, mine.body), _canonical(route, body))
    )


def _fits(recorded: str, sent: str) -> bool:
    """Whether they are the same; for a stand-in, which a secret of the recorded client has, any other secret will do."""
    parts = map(re.escape, STAND_IN.sub("\0", recorded).split("\0"))
    return recorded == sent or (bool(stand_ins(recorded)) and re.fullmatch(_ANY.join(parts), sent) is not None)


def _canonical(route: str, body: bytes) -> str:
    try:
        value: Json = loads(body)
        client = client_of(route)
        if isinstance(value, dict) and client is not None and client.call_id and route in client.calls:
            value = {name: part for name, part in value.items() if name != client.call_id}
        return dumps(value, sort_keys=True)
    except (ValueError, RecursionError):
        return body.decode("utf-8", "surrogateescape")


class RecordedJob(Struct, eq=False):
    """A recorded job, and what showed it under its id, in order."""

    history: JobHistory
    looks: list[RecordedExchange]
    polls: list[RecordedExchange]
    """Those that asked for that id: of a job that goes on under another one, those for the other stand with that."""

    @classmethod
    def of(cls, history: JobHistory) -> "RecordedJob":
        """The job of a history."""
        looks = [look for look in history.looks() if look.seen and look.seen.job == history.job]
        return cls(history, looks, [poll for poll in history.polls if poll.job == history.job])

    def after(self, decision: RecordedExchange) -> "RecordedJob | None":
        """The same from a decision on that gave it another id; None: it gave none."""
        later = decision.seen.job if decision.kind is CallKind.DECIDE and decision.seen is not None else None
        if later is None or later == self.history.job:
            return None
        mine = [call for call in (*self.history.polls, *self.history.decisions) if call.job == later]
        polls, decisions = (
            [call for call in mine if (call.kind is CallKind.POLL) is polled] for polled in (True, False)
        )
        return self.of(JobHistory(job=later, accepted=decision, at=decision.at, polls=polls, decisions=decisions))

    @property
    def ids(self) -> tuple[str, ...]:
        """Its own, that of its conversation, and those that decisions gave it."""
        later = (call.seen.job for call in self.history.decisions if call.seen is not None)
        return tuple(filter(None, (self.history.job, self.history.conversation, *later)))

    def shown(self, mode: str | None) -> list[RecordedExchange]:
        """What showed it to polls that ask for answers in this mode; to all, where none asked so."""
        alike = [call for call in self.looks if (call.command.mode if isinstance(call.command, Look) else None) == mode]
        return alike or self.looks


class PlayingJob(Struct, eq=False):
    """A recorded job that a client began."""

    job: RecordedJob
    since: Millis
    """When, on the clock of the playback."""
    names: Mapping[str, str]
    """Recorded ids, and those that it has this time."""
    polls: int = 0
    """So many came."""


class SortedCalls(Struct, eq=False):
    """All calls."""

    jobs: dict[str, list[RecordedJob]] = field(default_factory=lambda: defaultdict(list))
    """By what was asked."""
    failures: dict[Operation, deque[RecordedExchange]] = field(default_factory=lambda: defaultdict(deque))
    """What strikes once."""
    others: dict[Operation, list[RecordedExchange]] = field(default_factory=lambda: defaultdict(list))

    def refused(self, route: str) -> deque[RecordedExchange]:
        """Of what strikes on a route the first whose next was refused for its bearer; none: empty."""
        waiting = (calls for (name, *_), calls in self.failures.items() if name == route and calls)
        return next((calls for calls in waiting if calls[0].status == 401), deque())


def sort_calls(calls: Iterable[RecordedExchange], facts: Iterable[Entry], *, by_count: bool) -> SortedCalls:
    """The calls by kind; `by_count`: a poll that was refused is one of the polls, and doesn't strike."""
    found, calls = SortedCalls(), tuple(calls)
    jobs = job_histories(calls, facts)
    begun, polls = set[int](), {poll.x for job in jobs for poll in job.polls if not poll.follows}
    for job in jobs:
        if job.accepted.asks is not None:
            begun.add(job.accepted.x)
            found.jobs[asked_key(job.accepted.route, job.accepted.asks, {})].append(RecordedJob.of(job))
    for call in calls:
        if call.x in begun:
            continue
        operation = operation_of(call)
        # whether a device was let in yet, the OAuth server knows
        waits = operation[2] == Grant.DEVICE and call.status == 400
        if not call.tells and not (call.x in polls and by_count) and not waits and not _answers_alike(call):
            found.failures[operation].append(call)
        elif call.x not in polls and (call.tells or _answers_alike(call)):
            found.others[operation].append(call)
    return found


def _answers_alike(call: RecordedExchange) -> bool:
    """Whether a call that asks nothing of a job that could be made out is answered the same whenever it comes.

    Calls of many kinds may share its route, so what was wrong with one says nothing of the next.
    """
    passes = call.cut not in (None, "client_gone") or call.status in (0, 401, 429) or call.status >= 500
    return call.kind is CallKind.OTHER and call.to_api and not passes


def device_answers(recording: Recording) -> list[tuple[Millis, str] | None]:
    """Of each device code, in order: how long after it a person answered over the control plane, and what; None: nobody."""
    begun, answers = dict[str, tuple[int, Millis]](), list[tuple[Millis, str] | None]()
    for fact in recording.facts("device.granted", "device.approved"):
        code = fact.text("code") or ""
        if fact.type == "device.granted":
            begun[code] = len(answers), fact.instant
            answers.append(None)
        elif fact.x is None and code in begun:
            place, at = begun[code]
            answers[place] = fact.instant - at, fact.text("verdict") or ""
    return answers
