"""The calls of a recording as playback finds them again: what was asked, what was answered, which job began (recordings.md §15)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import SequenceMatcher
from heapq import nlargest
from json import dumps, loads
from typing import TypeAlias
from urllib.parse import parse_qsl

from msgspec import Struct
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Json, Request, Response, json_response
from lab.core.jsontext import members_of
from lab.core.observe import Noted, Replied, Requested
from lab.core.refusal import Refusal
from lab.dialects import client_of
from lab.dialects.base import Invoke, Look
from lab.dialects.client import ClientCall, Seen
from lab.dialects.reading import query_of
from lab.dialects.sse import events_in, has_events
from lab.faults.facts import FaultStruck
from lab.faults.model import CUT_AFTER
from lab.identity.routes import IDENTITY_NAMES
from lab.jobs.facts import JobAccepted
from lab.recording.format.lines import SERVER_CUTS, Recording
from lab.recording.tape.observed import local_paths, observation_of

_OF_THE_WIRE = frozenset(("content-length", "date", "connection", "transfer-encoding", "keep-alive"))
"""Headers that whoever sends an answer makes anew; a pod's, which a capture has."""
_LONGEST_MESSAGE = 80
_LONGEST_TITLE = 1_000
_SURELY_ID = 8
"""Characters of an id that is no word by chance."""

Operation: TypeAlias = tuple[str, str | None]
"""A route, and the job that is asked about."""


class JobStart(Struct, frozen=True):
    """A job that a recorded call began."""

    job: str
    at: Millis
    conversation: str | None


class PlaybackCall(Struct, eq=False):
    """One recorded exchange."""

    requested: Requested
    replied: Replied
    client_call: ClientCall | None
    operation: Operation
    begun: JobStart | None
    seen: Seen | None
    """What a whole answer shows."""
    refused: bool = False
    """Whether a whole answer refuses what was asked of a job, whatever its status."""

    @property
    def at(self) -> Millis:
        return self.requested.at

    @property
    def good(self) -> bool:
        """Whether it tells how things are: it came whole, is no refusal, and a poll's shows the job."""
        unread = isinstance(self.client_call and self.client_call.command, Look) and self.seen is None
        return self.replied.cut is None and self._status_good and not unread and not self.refused

    @property
    def _status_good(self) -> bool:
        # a login leads on elsewhere, and with 307 only a fault does
        led = self.requested.route in IDENTITY_NAMES and self.replied.response.status in (302, 303)
        return self.replied.response.status < 300 or led

    @property
    def streamed(self) -> bool:
        """Whether it was answered with events."""
        return has_events(self.replied.response)

    def shown_later(self) -> Iterator["PlaybackCall"]:
        """Of a stream what its events show of the job, each as if a poll had been answered with it when it was due."""
        client = client_of(self.requested.route)
        if client is None or not self.streamed:
            return
        bodies = client.bodies_in(events_in(self.replied.response.body))
        for time, body in zip(self.replied.response.times, bodies, strict=False):
            if (seen := client.job_in(body)) is not None:
                requested = replace(self.requested, at=self.at + time)
                replied = Replied(requested.at, self.replied.x, json_response(body), 0)
                yield PlaybackCall(requested, replied, self.client_call, self.operation, None, seen)

    @property
    def latency(self) -> Millis:
        """How long the answer was withheld."""
        planned = self.replied.latency
        return planned if planned is not None else max(0, self.replied.at - self.at)

    @property
    def title(self) -> str:
        request = self.requested.request
        return f"{request.method} {request.path}"

    def message_unlike(self, client_call: ClientCall) -> str:
        """The message that began a job, and if it is this call's too, what else was another."""
        mine, other = self.client_call.command if self.client_call else None, client_call.command
        if not isinstance(mine, Invoke) or not isinstance(other, Invoke) or mine.message != other.message:
            return message_of(self)
        unlike = [f"asked of {mine.team}"] if mine.team != other.team else []
        unlike += ["with other parameters"] if mine.parameters != other.parameters else []
        unlike += ["in another conversation"] if mine.conversation != other.conversation else []
        return f"{message_of(self)} ({', '.join(unlike)})"

    def title_unlike(self, mine: Request, request: Request) -> str:
        """Method and path; where the request has them too, what else is another. `mine`: the recorded one as of now."""
        if (mine.method, mine.path) != (request.method, request.path):
            return self.title
        one, other = members_of(mine.body), members_of(request.body)
        names = [name for name in one if name in other and one[name] != other[name]]
        return f"{self.title} with another {', '.join(names) or ('query' if mine.query != request.query else 'body')}"


def nearest_titles(titles: Iterable[str], request: Request, most: int) -> tuple[str, ...]:
    """Of these calls those that are called most like a request, the likest first."""
    likeness = SequenceMatcher(b=f"{request.method} {request.path[:_LONGEST_TITLE]}".split("/"))

    def of(title: str) -> float:
        likeness.set_seq1(title.split("/"))
        return likeness.ratio()

    return tuple(nlargest(most, titles, key=of))


def playback_calls(recording: Recording) -> Iterator[PlaybackCall]:
    """The exchanges of the API and of the identity domain that somebody was answered."""
    # of a mock facts tell which call began a job; of a server that is known from outside, its answer does
    inside, requests = any(True for _ in recording.facts("job.accepted")), dict[int, Requested]()
    accepted, struck, local = dict[int, JobAccepted](), set[int](), local_paths(recording)
    alike: dict[tuple[str, Request, Response, str | None], PlaybackCall] = {}
    for line in recording.lines:
        match observation_of(line, local=local):
            case Requested() as requested if requested.listener is None:
                requests[requested.x] = requested
            case Noted(_, JobAccepted() as fact, int() as x):
                accepted[x] = fact
            case Noted(_, FaultStruck(), int() as x):
                struck.add(x)
            case Replied() as replied if replied.x in requests and replied.by is None:
                if replied.cut == "client_gone" and (replied.x in struck or has_events(replied.response)):
                    # it left because nothing more came, or had enough of a stream
                    replied = replace(replied, cut="timeout", at=max(replied.at, requests[replied.x].at + CUT_AFTER))
                # where a client had left, or at the tape's end, nobody was answered
                if replied.cut is None or replied.cut in SERVER_CUTS:
                    requested = requests.pop(replied.x)
                    known = alike.get(key := (requested.route, requested.request, replied.response, replied.cut))
                    if known is None or known.begun is not None or replied.x in accepted:
                        known = playback_call(requested, replied, accepted.get(replied.x), inside=inside)
                        alike[key] = known
                        yield known
                    else:
                        yield _again(known, requested, replied)
            case _:
                pass


def _again(known: PlaybackCall, requested: Requested, replied: Replied) -> PlaybackCall:
    """A call that is as one before, which it shares all with but when it came: a job may be polled a million times."""
    return replace(
        known,
        requested=replace(requested, request=known.requested.request),
        replied=replace(replied, response=known.replied.response),
    )


def playback_call(
    requested: Requested, replied: Replied, accepted: JobAccepted | None, *, inside: bool
) -> PlaybackCall:
    """The exchange, read; `accepted`: it began that job. Unless the server is known from `inside`, its answer tells."""
    client, client_call = client_of(requested.route), call_of(requested.route, requested.request)
    begun = JobStart(accepted.job, accepted.at, accepted.conversation) if accepted is not None else None
    begins = client_call is not None and isinstance(client_call.command, Invoke)
    named = getattr(client_call.command, "job", None) if client_call is not None and not begins else None
    understood = None
    if client is not None and client_call is not None and replied.cut is None:
        understood = client.understand(requested.route, replied.response)
    seen = understood if isinstance(understood, Seen) else None
    if not inside and begins and seen is not None:
        times = replied.response.times
        begun = JobStart(seen.job, requested.at + times[0] if times else replied.at, seen.conversation)
    headers = tuple(pair for pair in replied.response.headers if pair[0] not in _OF_THE_WIRE)
    replied = replace(replied, response=replace(replied.response, headers=headers))
    refused = isinstance(understood, Refusal)
    operation = requested.route, named or grant_of(requested.route, requested.request)
    return PlaybackCall(requested, replied, client_call, operation, begun, seen, refused)


def call_of(route: str, request: Request) -> ClientCall | None:
    """What a call asks of a job; None: nothing, or nothing that can be made out."""
    client = client_of(route)
    return client.identify(request) if client is not None and route in client.calls else None


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


def message_of(call: PlaybackCall) -> str:
    command = call.client_call.command if call.client_call is not None else None
    text = command.message if isinstance(command, Invoke) else call.title
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[: _LONGEST_MESSAGE - 1]}…"


def renamed(text: str, names: Mapping[str, str]) -> str:
    """The text with other ids, where each stands by itself; a short one, which a client made up, only in quotes."""
    for name, other in names.items():
        if name != other and name in text:
            ends = ("(?<![\\w-])", "(?![\\w-])") if len(name) >= _SURELY_ID else ("(?<=[\"'])", "(?=[\"'])")
            text = re.sub(re.escape(name).join(ends), other.replace("\\", r"\\"), text)
    return text


def asks_alike(route: str, mine: Request, request: Request, names: Mapping[str, str]) -> bool:
    """Whether it is the request `mine` that was recorded; JSON is compared as values, without the id of the call."""
    body = renamed(request.body.decode("utf-8", "surrogateescape"), names).encode("utf-8", "surrogateescape")
    return (
        (mine.method, mine.path) == (request.method, renamed(request.path, names))
        and sorted(parse_qsl(mine.query)) == sorted(parse_qsl(renamed(request.query, names)))
        and _value(route, mine.body) == _value(route, body)
    )


def _value(route: str, body: bytes) -> Json | bytes:
    try:
        value: Json = loads(body)
    except (ValueError, RecursionError):
        return body
    client = client_of(route)
    if isinstance(value, dict) and client is not None and client.call_id and route in client.calls:
        return {name: part for name, part in value.items() if name != client.call_id}
    return value
