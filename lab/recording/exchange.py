"""One exchange, as all who read recordings look at it: who called, what was asked and answered, and what that brought.

Playback, client replay, reports, `lab learn`, `lab fidelity` and the pages of a recording read the same model; which of
the exchanges began which job, and what it was shown, is told by `story`.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Headers, Json, Request, Response, header_of
from lab.core.jsontext import members_of
from lab.core.observe import Replied, Requested
from lab.core.refusal import Refusal
from lab.dialects import client_of
from lab.dialects.base import Cancel, Decide, Invoke, Look
from lab.dialects.client import ClientCall, Seen, Sendable, Understood
from lab.dialects.reading import query_of
from lab.dialects.sse import has_events
from lab.faults.model import CUT_AFTER
from lab.identity.routes import IDENTITY_NAMES
from lab.recording.format.lines import SERVER_CUTS, Entry, Recording, Req
from lab.recording.tape.header import owners_in
from lab.recording.tape.observed import local_paths, observation_of

_FORM = "application/x-www-form-urlencoded"
NOBODY = "unknown"
"""Whose call it is while nothing says so."""
REDIRECTS = (307, 308)
"""The same request is to be sent elsewhere."""
_LED_ON = (302, 303)
"""A login leads on elsewhere so; with 307 only a fault does."""
_MOST_SHARED = 16_384
"""Requests, and answers, that are known again: whoever goes through a long recording keeps no more of it."""
_OF_THE_WIRE = frozenset(("content-length", "date", "connection", "transfer-encoding", "keep-alive"))
"""Headers that whoever sends an answer makes anew; a pod's, which a capture has."""


class CallKind(StrEnum):
    """What a call is for."""

    TOKEN = "token"
    INVOKE = "invoke"
    POLL = "poll"
    DECIDE = "decide"
    CANCEL = "cancel"
    OTHER = "other"


ASKED_OVER_ANY_WIRE = {
    CallKind.INVOKE: "invoke",
    CallKind.DECIDE: "invoke",
    CallKind.POLL: "status",
    CallKind.CANCEL: "cancel",
}
"""The route whose name stands for what is asked, whichever wire's route takes it."""


def call_kind(route: str, command: Sendable | None) -> CallKind:
    """What a call of a route is for that asks this, as far as that can be made out."""
    match command:
        case Invoke():
            return CallKind.INVOKE
        case Look():
            return CallKind.POLL
        case Decide():
            return CallKind.DECIDE
        case Cancel():
            return CallKind.CANCEL
        case None:
            return CallKind.TOKEN if route == "token" else CallKind.OTHER


class RecordedExchange(Struct, frozen=True, kw_only=True, eq=False):
    """A request and what it got. It has two times: the lab's clock, and the client's own.

    The client's are real milliseconds where the recording has them, else the lab's.
    """

    x: int
    line: int = 0
    """The request's line in the file, from 1."""
    route: str
    """The route's name; `unknown` where there is none."""
    request: Request
    """As recorded: secrets are stand-ins."""
    asks: ClientCall | None = None
    """What it is to its wire; None: nothing, or nothing that can be made out."""
    client: str = NOBODY
    """Id of the client, and its User-Agent."""
    connection: int = 1
    listener: str | None = None
    """None: the API's; DECOY: that of another origin, to which no credential belongs."""
    flags: tuple[str, ...] = ()
    """What contract.md calls noted."""
    judged: tuple[Json, ...] = ()
    """What was decided by the bytes of secrets in it, in order."""
    took: Millis = 0
    """From the first byte of the request to the last."""
    raw: str | None = None
    """The digest of the request's body, where that was spelled otherwise than it stands here."""
    facts: tuple[Entry, ...] = ()
    """What it brought."""
    sent: Millis
    """When the request was complete, in the client's time, and on the lab's clock."""
    at: Millis
    reply_line: int | None = None
    ended: Millis | None = None
    """When the last byte of the answer had left, or it was cut; None: the recording has no answer."""
    replied: Millis | None = None
    """The same on the lab's clock."""
    response: Response | None = None
    """None: no status line was sent."""
    planned_latency: Millis | None = None
    """For how long the answer was to be withheld; None: nobody knows."""
    first: Millis | None = None
    """When its first byte left, counted from the request; None: when it was no longer withheld."""
    by: str | None = None
    """`shell` where the server answered without asking the mock."""
    cut: str | None = None
    """How the answer ended before it was whole: client_gone, reset, truncated, timeout, shutdown."""
    bytes_sent: int | None = None
    """How much of its body had left, where it was cut."""
    reply_raw: str | None = None
    """As `raw`, of the answer's body."""
    answer: Understood | None = None
    """What a whole answer says."""

    # What was asked

    @property
    def command(self) -> Sendable | None:
        """What is asked, as far as its dialect can make it out."""
        return self.asks.command if self.asks is not None else None

    @property
    def details(self) -> tuple[tuple[str, Json], ...]:
        """What it says besides, by the wire's labels."""
        return self.asks.fields if self.asks is not None else ()

    @property
    def follows(self) -> bool:
        """Whether it is to be answered with events."""
        return self.asks is not None and self.asks.follows

    @property
    def kind(self) -> CallKind:
        """What it is for."""
        return call_kind(self.route, self.command)

    @property
    def job(self) -> str | None:
        """The job that it asks about."""
        command = self.command
        return command.job or None if isinstance(command, Look | Decide | Cancel) else None

    @property
    def title(self) -> str:
        """Method and path."""
        return f"{self.request.method} {self.request.path}"

    @property
    def to_api(self) -> bool:
        """Whether it went to the API, and not to the identity domain."""
        return self.route not in IDENTITY_NAMES

    @property
    def parameters(self) -> Mapping[str, str]:
        """What stands in the query."""
        return query_of(self.request.query)

    @property
    def fields(self) -> Mapping[str, str]:
        """What the form in its body says; nothing where it is no form."""
        essence = (self.request.header("content-type") or "").partition(";")[0].strip().lower()
        return query_of(self.request.body.decode("utf-8", "replace")) if essence == _FORM else {}

    @property
    def bearer(self) -> str | None:
        """The bearer token in the header, as its stand-in."""
        scheme, _, token = (self.request.header("authorization") or "").partition(" ")
        return token if scheme.lower() == "bearer" else None

    def repeats(self, other: "RecordedExchange") -> bool:
        """Whether the request is the same, headers apart."""
        one, two = self.request, other.request
        return (one.method, one.path, one.query, one.body) == (two.method, two.path, two.query, two.body)

    def asks_same(self, other: "RecordedExchange") -> bool:
        """Whether it asks the same of a server, whatever ids a client gives to each of its calls."""
        if self.command is None:
            return self.repeats(other)
        return (self.route, self.command, self.details) == (other.route, other.command, other.details)

    # What was answered

    @property
    def status(self) -> int:
        """The answer's status, 0 where none was sent."""
        return self.response.status if self.response is not None else 0

    @property
    def headers(self) -> Headers:
        """Those of the answer."""
        return self.response.headers if self.response is not None else ()

    @property
    def body(self) -> bytes:
        """That of the answer, as far as it came."""
        return self.response.body if self.response is not None else b""

    @property
    def whole(self) -> bool:
        """Whether the answer left to its last byte."""
        return self.response is not None and self.cut is None

    @property
    def streamed(self) -> bool:
        """Whether it was answered with events."""
        return self.response is not None and has_events(self.response)

    @property
    def answered_at(self) -> Millis:
        """When its answer had left on the lab's clock, or, where none is recorded, it was sent."""
        return self.at if self.replied is None else self.replied

    @property
    def latency(self) -> Millis:
        """For how long the answer was withheld."""
        return self.planned_latency if self.planned_latency is not None else max(0, self.answered_at - self.at)

    @property
    def left(self) -> Millis:
        """When it was over: its answer had left, or, where none is recorded, it was sent."""
        return self.sent if self.ended is None else self.ended

    @property
    def good(self) -> bool:
        """Whether it was answered 2xx, to the last byte."""
        return self.whole and 200 <= self.status < 300

    @property
    def failed(self) -> bool:
        """Whether it failed in a way that may pass: no whole answer, 429, 5xx."""
        return self.ended is not None and (not self.whole or self.status == 429 or self.status >= 500)

    @property
    def seen(self) -> Seen | None:
        """The job that a whole answer shows."""
        return self.answer if isinstance(self.answer, Seen) else None

    @property
    def refused(self) -> bool:
        """Whether a whole answer refuses what was asked of a job, whatever its status."""
        return self.asks is not None and isinstance(self.answer, Refusal)

    @property
    def tells(self) -> bool:
        """Whether the answer tells how things are: it is whole and no refusal, and that to a poll shows the job."""
        led_on = self.status in _LED_ON and not self.to_api
        unread = isinstance(self.command, Look) and self.seen is None
        return self.whole and (self.status < 300 or led_on) and not unread and not self.refused

    @property
    def refused_token(self) -> bool:
        """Whether the bearer token that it brought was refused: it had expired, or was revoked."""
        return self.whole and self.status == 401 and self.bearer is not None

    @property
    def answered(self) -> Mapping[str, Json]:
        """The members of a whole JSON answer."""
        return members_of(self.body) if self.whole else {}

    @property
    def lines(self) -> tuple[int, ...]:
        """Where it stands in the file."""
        return (self.line,) if self.reply_line is None else (self.line, self.reply_line)

    @property
    def struck(self) -> str | None:
        """The fault that struck it, by its name."""
        return next((fact.text("fault") or "" for fact in self.facts if fact.type == "fault.struck"), None)


class ExchangeReader:
    """Makes exchanges of observations. Alike ones share what they say: a job may be polled a million times."""

    def __init__(self) -> None:
        self._identified, self._understood = lru_cache(_MOST_SHARED)(_identified), lru_cache(_MOST_SHARED)(_understood)

    def begin(
        self, requested: Requested, line: int = 0, sent: Millis | None = None,
        client: str = NOBODY, facts: tuple[Entry, ...] = (), raw: str | None = None,
    ) -> RecordedExchange:  # fmt: skip
        """The exchange while it has no answer."""
        request, asks = self._identified(requested.route, requested.request)
        return RecordedExchange(
            x=requested.x, line=line, route=requested.route, request=request, asks=asks, client=client,
            connection=requested.c, listener=requested.listener,
            flags=requested.flags, judged=requested.judged, took=requested.took, raw=raw, facts=facts,
            sent=requested.at if sent is None else sent, at=requested.at,
        )  # fmt: skip

    def complete(
        self,
        call: RecordedExchange,
        replied: Replied,
        line: int | None = None,
        ended: Millis | None = None,
        raw: str | None = None,
    ) -> RecordedExchange:
        """The same with its answer."""
        response, answer = self._understood(call.route, replied.response, replied.cut is None)
        return replace(
            call, reply_line=line, ended=replied.at if ended is None else ended, replied=replied.at,
            response=response if response.status else None, planned_latency=replied.latency,
            first=replied.first, by=replied.by, cut=replied.cut, bytes_sent=replied.sent, reply_raw=raw, answer=answer,
        )  # fmt: skip


def _identified(route: str, request: Request) -> tuple[Request, ClientCall | None]:
    return request, client_call_of(route, request)


def _understood(route: str, response: Response, whole: bool) -> tuple[Response, Understood | None]:
    client = client_of(route) if whole and response.status else None
    return response, client.understand(route, response) if client is not None else None


def client_call_of(route: str, request: Request) -> ClientCall | None:
    """What a request asks of a job; None: nothing, or nothing that can be made out."""
    client = client_of(route)
    return client.identify(request) if client is not None and route in client.calls else None


CallOrFact: TypeAlias = RecordedExchange | Entry


def events_of(recording: Recording) -> Iterator[CallOrFact]:
    """Exchanges by their requests, each once its answer is there, and facts where they stand.

    A reply without a request is left out. Of a long recording no lines are kept.
    """
    reader, callers, local = ExchangeReader(), _Callers(recording), local_paths(recording)
    queue: deque[CallOrFact] = deque()
    """What waits for an earlier answer, and `gone` how many were before it."""
    gone, unanswered = 0, dict[int, int]()
    for line in recording.lines:
        if isinstance(line, Req):
            requested = observation_of(line, local=local)
            assert isinstance(requested, Requested)
            unanswered[line.x] = gone + len(queue)
            facts = tuple(callers.brought.pop(line.x, ()))
            queue.append(reader.begin(requested, line.n + 1, line.w, callers.named(requested), facts, line.raw))
        elif isinstance(line, Entry):
            queue.append(line)
        elif (place := unanswered.pop(line.x, None)) is not None:
            answer, call = observation_of(line), queue[place - gone]
            assert isinstance(answer, Replied) and isinstance(call, RecordedExchange)
            call = queue[place - gone] = reader.complete(call, answer, line.n + 1, line.w, line.raw)
            callers.answered(call)
        while queue and (isinstance(queue[0], Entry) or queue[0].ended is not None):
            yield queue.popleft()
            gone += 1
    yield from queue


def exchanges_of(recording: Recording) -> list[RecordedExchange]:
    """The exchanges, in the order of their requests."""
    return [event for event in events_of(recording) if isinstance(event, RecordedExchange)]


class _Callers:
    """Who made each call: as a grant, a credential, or a form or query of the identity domain names its client."""

    def __init__(self, recording: Recording) -> None:
        self._configured = owners_in(recording)
        self._owners: dict[str, str] = {}
        """The client of each token."""
        self._granted: dict[int, str] = {}
        """The client to which an exchange granted a token."""
        self._connections: dict[int, str] = {}
        self._redirected = NOBODY
        self.brought: defaultdict[int, list[Entry]] = defaultdict(list)
        """The facts, by their exchanges."""
        for fact in recording.facts():
            client = fact.text("client") if fact.type == "token.granted" else None
            if client is not None:
                self._owners[fact.text("token") or ""] = client
            if fact.x is not None:
                self.brought[fact.x].append(fact)
                if client is not None:
                    self._granted[fact.x] = client

    def named(self, requested: Requested) -> str:
        """The client of a request, and its User-Agent."""
        # at another origin a client that is right doesn't say who it is, but it was sent there
        somebody = NOBODY if requested.listener is None else self._redirected
        name = self._name(requested) or self._connections.get(requested.c, somebody)
        self._connections[requested.c] = name
        agent = requested.request.header("user-agent")
        return f"{name} ({agent})" if agent else name

    def answered(self, call: RecordedExchange) -> None:
        """Whom an answer redirects calls there next."""
        if call.status in REDIRECTS:
            self._redirected = self._connections.get(call.connection, NOBODY)

    def _name(self, requested: Requested) -> str | None:
        request = requested.request
        scheme, _, rest = (request.header("authorization") or "").partition(" ")
        if scheme.lower() in ("basic", "bearer") and rest in self._configured:
            return self._configured[rest]
        named = self._granted.get(requested.x) or self._owners.get(rest)
        if named is not None or requested.route not in IDENTITY_NAMES:
            return named
        texts = (request.query, request.body.decode("utf-8", "replace"))
        return next((name for text in texts if (name := query_of(text).get("client_id"))), None)


def answered_calls(calls: Iterable[RecordedExchange]) -> Iterator[RecordedExchange]:
    """The calls of the API and of the identity domain that somebody was answered, as the server meant its answers."""
    bare: dict[int, Response | None] = {}
    """Responses without what belongs to the wire, by the identity of those that have it."""
    for call in calls:
        if call.listener is not None or call.by is not None or call.replied is None:
            continue
        if call.cut == "client_gone" and (call.struck is not None or call.streamed):
            # it left because nothing more came, or had enough of a stream
            call = replace(call, cut="timeout", replied=max(call.replied, call.at + CUT_AFTER))
        # where a client had left, or at the tape's end, nobody was answered
        if call.cut is None or call.cut in SERVER_CUTS:
            response = bare.get(id(call.response), call.response)
            if response is not None and any(header_of(response.headers, name) is not None for name in _OF_THE_WIRE):
                headers = tuple(pair for pair in response.headers if pair[0] not in _OF_THE_WIRE)
                response = bare[id(call.response)] = replace(response, headers=headers)
            yield call if response is call.response else replace(call, response=response)
