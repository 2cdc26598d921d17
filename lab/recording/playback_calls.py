"""The calls of a recording as playback finds them again: what was asked, what was answered, which job began (recordings.md §15)."""

import json
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Json, Request
from lab.core.observe import Noted, Replied, Requested
from lab.core.reply import Strike
from lab.dialects import CLIENT_OF
from lab.dialects.base import Invoke, Look
from lab.dialects.client import ClientCall, Seen
from lab.faults.facts import FaultStruck
from lab.faults.model import CUT_AFTER
from lab.jobs.facts import JobAccepted
from lab.recording.bodies import Blob
from lab.recording.lines import Recording
from lab.recording.observed import observation_of

SERVER_CUTS = ("reset", "truncated", "timeout")
"""How a reply was cut by the server. By a client that had left, or by the tape's end, nobody was answered."""
_OF_THE_WIRE = frozenset(("content-length", "date", "connection", "transfer-encoding", "keep-alive"))
"""Headers that whoever sends an answer makes anew; a pod's, which a capture has."""
_LONGEST_MESSAGE = 80

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

    @property
    def at(self) -> Millis:
        return self.requested.at

    @property
    def good(self) -> bool:
        """Whether it tells how things are: it came whole, is no refusal, and a poll's shows the job."""
        unread = isinstance(self.client_call and self.client_call.command, Look) and self.seen is None
        return self.replied.cut is None and self.replied.response.status < 300 and not unread

    @property
    def latency(self) -> Millis:
        """How long the answer was withheld."""
        planned = self.replied.latency
        return planned if planned is not None else max(0, self.replied.at - self.at)

    @property
    def title(self) -> str:
        request = self.requested.request
        return f"{request.method} {request.path}"


def playback_calls(recording: Recording, blob: Blob | None) -> Iterator[PlaybackCall]:
    """The exchanges of the API and of the identity domain that somebody was answered."""
    # of a mock facts tell which call began a job; of a server that is known from outside, its answer does
    inside, requests = any(True for _ in recording.facts("job.accepted")), dict[int, Requested]()
    accepted, struck = dict[int, JobAccepted](), set[int]()
    for line in recording.lines:
        match observation_of(line, blob):
            case Requested() as requested if requested.listener is None:
                requests[requested.x] = requested
            case Noted(_, JobAccepted() as fact, int() as x):
                accepted[x] = fact
            case Noted(_, FaultStruck(), int() as x):
                struck.add(x)
            case Replied() as replied if replied.x in requests and replied.by is None:
                if replied.cut == "client_gone" and replied.x in struck:
                    # it left because nothing more came
                    replied = replace(replied, cut="timeout", at=max(replied.at, requests[replied.x].at + CUT_AFTER))
                if replied.cut is None or replied.cut in SERVER_CUTS:
                    yield _call(requests.pop(replied.x), replied, accepted.get(replied.x), inside=inside)
            case _:
                pass


def _call(requested: Requested, replied: Replied, accepted: JobAccepted | None, *, inside: bool) -> PlaybackCall:
    client = CLIENT_OF.get(requested.route)
    client_call = client.identify(requested.request) if client is not None else None
    begun = JobStart(accepted.job, accepted.at, accepted.conversation) if accepted is not None else None
    begins = client_call is not None and isinstance(client_call.command, Invoke)
    named = getattr(client_call.command, "job", None) if client_call is not None and not begins else None
    seen = None
    if client is not None and replied.cut is None:
        understood = client.understand(requested.route, replied.response)
        seen = understood if isinstance(understood, Seen) else None
    if not inside and begins and seen is not None:
        begun = JobStart(seen.job, replied.at, seen.conversation)
    headers = tuple(pair for pair in replied.response.headers if pair[0] not in _OF_THE_WIRE)
    replied = replace(replied, response=replace(replied.response, headers=headers))
    return PlaybackCall(requested, replied, client_call, (requested.route, named), begun, seen)


def asked_key(client_call: ClientCall, names: Mapping[str, str]) -> str:
    """What a call asks, whatever the order of its members; of a message what is asked of whom, and not how."""
    command = client_call.command
    if isinstance(command, Invoke):
        asks = command.team, command.message, command.conversation, sorted(command.parameters.items())
        return renamed(repr(asks), names)
    return renamed(repr((command, client_call.message, client_call.fields)), names)


def message_of(call: PlaybackCall) -> str:
    command = call.client_call.command if call.client_call is not None else None
    text = command.message if isinstance(command, Invoke) else call.title
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[: _LONGEST_MESSAGE - 1]}…"


def renamed(text: str, names: Mapping[str, str]) -> str:
    for name, other in names.items():
        text = text.replace(name, other)
    return text


def asks_alike(call: PlaybackCall, request: Request, names: Mapping[str, str]) -> bool:
    """Whether it is the request that was recorded; JSON is compared as values."""
    mine, body = call.requested.request, renamed(request.body.decode("utf-8", "surrogateescape"), names)
    path = renamed(request.path, names)
    return (mine.method, mine.path) == (request.method, path) and _value(mine.body) == _value(
        body.encode(errors="surrogateescape")
    )


def _value(body: bytes) -> Json | bytes:
    try:
        value: Json = json.loads(body)
    except (ValueError, RecursionError):
        return body
    return value


def strike_of(call: PlaybackCall, body: bytes) -> Strike | None:
    """How the server cut its answer, of which `body` left; None: it came whole."""
    cut, begun = call.replied.cut, call.replied.response.status != 0
    match cut:
        case "timeout":
            lasts = max(0, call.replied.at - call.at - call.latency)
            return Strike("stall" if begun else "hang", _promised(body), cut, lasts)
        case "truncated":
            return Strike("wrong-length" if begun else "empty", _promised(body), cut)
        case "reset":
            return Strike("reset", _promised(body), cut)
        case _:
            return None


def _promised(body: bytes) -> int | None:
    """More than came, where anything did."""
    return 2 * len(body) or None
