"""The exchanges of a recording as rules look at them: who called, what was asked, what came, in the client's own time."""

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Json, Request, Response
from lab.core.jsontext import members_of
from lab.core.observe import Replied, Requested
from lab.core.routes import RouteMatch
from lab.dialects import client_of
from lab.dialects.base import Decide, Invoke, Look
from lab.dialects.client import ClientCall, Seen, Sendable, Understood
from lab.dialects.reading import query_of
from lab.dialects.router import ROUTER
from lab.identity.routes import IDENTITY_NAMES
from lab.recording.format.lines import Entry, Recording, Req, Res
from lab.recording.tape.header import owners_in
from lab.recording.tape.observed import local_paths, observation_of

_FORM = "application/x-www-form-urlencoded"
_NO_FLAGS = frozenset[str]()
"""One for all: each takes 216 bytes."""
NOBODY = "unknown"
"""Whose call it is while nothing says so."""
REDIRECTS = (307, 308)
"""The same request is to be sent elsewhere."""


class CallKind(StrEnum):
    """What a call is for."""

    TOKEN = "token"
    INVOKE = "invoke"
    POLL = "poll"
    DECIDE = "decide"
    OTHER = "other"


class JudgedCall(Struct, frozen=True, kw_only=True):
    """One exchange. Instants are the client's: real milliseconds where the recording has them, else the lab's."""

    x: int
    line: int
    """The request's line in the file, from 1."""
    kind: CallKind
    route: str
    """The route's name; `unknown` where there is none."""
    client: str
    """Id of the client, and its User-Agent."""
    connection: int
    listener: str | None
    """None: the API's; DECOY: that of another origin, to which no credential belongs."""
    request: Request
    """As recorded: secrets are stand-ins."""
    flags: frozenset[str]
    command: Sendable | None
    """What is asked, as far as its dialect can make it out."""
    details: tuple[tuple[str, Json], ...] = ()
    """What it says besides, by the wire's labels."""
    follows: bool = False
    """Whether it is to be answered with events."""
    job: str | None
    """The job that the request names, as it wrote it."""
    sent: Millis
    """When the request was complete."""
    at: Millis
    """The same on the lab's clock."""
    reply_line: int | None = None
    ended: Millis | None = None
    """When the last byte of the answer had left, or it was cut; None: the recording has no answer."""
    response: Response | None = None
    """None: no status line was sent."""
    whole: bool = False
    """Whether the answer left to its last byte."""
    cut: str | None = None
    """How it ended before it was whole: client_gone, reset, truncated, timeout, shutdown."""
    answer: Understood | None = None
    """What a whole answer says."""
    struck: str | None = None
    """The fault that struck the call, by its name."""

    @property
    def status(self) -> int:
        """The answer's status, 0 where none was sent."""
        return self.response.status if self.response is not None else 0

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
    def bearer(self) -> str | None:
        """The bearer token in the header, as its stand-in."""
        scheme, _, token = (self.request.header("authorization") or "").partition(" ")
        return token if scheme.lower() == "bearer" else None

    @property
    def refused_token(self) -> bool:
        """Whether the bearer token that it brought was refused: it had expired, or was revoked."""
        return self.whole and self.status == 401 and self.bearer is not None

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
    def answered(self) -> Mapping[str, Json]:
        """The members of a whole JSON answer."""
        return members_of(self.response.body) if self.response is not None and self.whole else {}

    @property
    def lines(self) -> tuple[int, ...]:
        """Where it stands in the file."""
        return (self.line,) if self.reply_line is None else (self.line, self.reply_line)

    def repeats(self, other: "JudgedCall") -> bool:
        """Whether the request is the same, headers apart."""
        one, two = self.request, other.request
        return (one.method, one.path, one.query, one.body) == (two.method, two.path, two.query, two.body)

    def asks_same(self, other: "JudgedCall") -> bool:
        """Whether it asks the same of a server, whatever ids a client gives to each of its calls."""
        if self.command is None:
            return self.repeats(other)
        return (self.route, self.command, self.details) == (other.route, other.command, other.details)


def calls_of(recording: Recording) -> tuple[JudgedCall, ...]:
    """The exchanges, in the order of their requests."""
    return tuple(_Reader(recording).calls())


class _Reader:
    def __init__(self, recording: Recording) -> None:
        self._recording, self._local = recording, local_paths(recording)
        self._configured = owners_in(recording)
        self._struck: dict[int, str] = {}
        self._owners: dict[str, str] = {}
        """The client of each token and each login."""
        self._granted: dict[int, str] = {}
        """The client to which an exchange granted a token."""
        # most calls of a client that polls are alike: of a million nobody keeps, or reads, more than a few
        self._asked_alike: dict[tuple[str, Request], tuple[Request, ClientCall | None]] = {}
        self._answered_alike: dict[tuple[str, Response, bool], tuple[Response, Understood | None]] = {}
        for fact in recording.facts():
            self._fact(fact)

    def _fact(self, line: Entry) -> None:
        if line.type == "fault.struck" and line.x is not None:
            self._struck[line.x] = line.text("fault") or ""
        client = line.text("client")
        if line.type == "token.granted" and client is not None:
            self._owners[line.text("token") or ""] = client
            if line.x is not None:
                self._granted[line.x] = client

    def calls(self) -> list[JudgedCall]:
        """In the order of their requests; of a long recording no lines are kept."""
        calls: list[JudgedCall] = []
        unanswered, by_connection = dict[int, tuple[int, str]](), dict[int, str]()
        redirected = NOBODY
        for line in self._recording.lines:
            if isinstance(line, Req):
                requested = observation_of(line, local=self._local)
                assert isinstance(requested, Requested)
                # at another origin a client that is right doesn't say who it is, but it was sent there
                somebody = NOBODY if line.listener is None else redirected
                name = self._named(line.x, requested) or by_connection.get(line.c, somebody)
                by_connection[line.c] = name
                unanswered[line.x] = len(calls), name
                calls.append(self._call(line, requested, name))
            elif isinstance(line, Res) and (waiting := unanswered.pop(line.x, None)) is not None:
                place, name = waiting
                calls[place] = self._answered(calls[place], line)
                redirected = name if line.status in REDIRECTS else redirected
        return calls

    def _named(self, x: int, requested: Requested) -> str | None:
        """The client that a grant, a credential, or a form or query of the identity domain names."""
        request = requested.request
        scheme, _, rest = (request.header("authorization") or "").partition(" ")
        if scheme.lower() == "basic" and rest in self._configured:
            return self._configured[rest]
        named = self._granted.get(x) or self._owners.get(rest)
        if named is not None or requested.route not in IDENTITY_NAMES:
            return named
        texts = (request.query, request.body.decode("utf-8", "replace"))
        return next((name for text in texts if (name := query_of(text).get("client_id"))), None)

    def _call(self, line: Req, requested: Requested, name: str) -> JudgedCall:
        route = requested.route
        request, found = self._identified(route, requested.request)
        agent = request.header("user-agent")
        command = found.command if found is not None else None
        return JudgedCall(
            x=line.x,
            line=line.n + 1,
            kind=_kind(route, command),
            route=route,
            client=f"{name} ({agent})" if agent else name,
            connection=line.c,
            listener=line.listener,
            request=request,
            flags=frozenset(line.flags) if line.flags else _NO_FLAGS,
            command=command,
            details=found.fields if found is not None else (),
            follows=found is not None and found.follows,
            job=_job(line, command),
            sent=line.t if line.w is None else line.w,
            at=line.t,
            struck=self._struck.get(line.x),
        )

    def _identified(self, route: str, request: Request) -> tuple[Request, ClientCall | None]:
        """The request, and what it is to its wire."""
        known = self._asked_alike.get((route, request))
        if known is None:
            dialect = client_of(route)
            found = dialect.identify(request) if dialect is not None and route in dialect.calls else None
            known = self._asked_alike[route, request] = request, found
        return known

    def _understood(self, route: str, response: Response, *, whole: bool) -> tuple[Response, Understood | None]:
        """The answer, and what it says if it came whole."""
        known = self._answered_alike.get((route, response, whole))
        if known is None:
            dialect = client_of(route)
            answer = dialect.understand(route, response) if dialect is not None and whole else None
            known = self._answered_alike[route, response, whole] = response, answer
        return known

    def _answered(self, call: JudgedCall, line: Res) -> JudgedCall:
        replied = observation_of(line)
        assert isinstance(replied, Replied)
        whole = line.cut is None and line.status > 0
        response, answer = self._understood(call.route, replied.response, whole=whole)
        return replace(
            call,
            reply_line=line.n + 1,
            ended=line.t if line.w is None else line.w,
            response=response if line.status else None,
            whole=whole,
            cut=line.cut,
            answer=answer,
        )


def _kind(route: str, command: Sendable | None) -> CallKind:
    match command:
        case Invoke():
            return CallKind.INVOKE
        case Look():
            return CallKind.POLL
        case Decide():
            return CallKind.DECIDE
        case None:
            return CallKind.TOKEN if route == "token" else CallKind.OTHER


def _job(line: Req, command: Sendable | None) -> str | None:
    """The job as the request wrote it: percent-encoding and letter case are the client's."""
    if not isinstance(command, Look):
        return command.job if isinstance(command, Decide) else None
    found = ROUTER.find(line.method, line.path)
    return command.job if isinstance(found, RouteMatch) and found.job else command.job or None
