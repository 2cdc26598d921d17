"""A good client, written as its users would, with a place to go wrong in each of its steps."""

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar
from urllib.parse import urlencode

from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Json, Request, retry_after
from lab.core.jsontext import members_of, text_or_none
from lab.core.seeds import draw
from lab.dialects import client_named
from lab.dialects.base import Invoke, Look
from lab.dialects.client import Seen, Sendable
from lab.identity.client import AccessToken, read_token, token_request
from lab.identity.scopes import api_scope
from lab.program.words import Status
from tests.plugins.rehearsal.report.together import Came, Effect, Send, Story, Together, Wait

T = TypeVar("T")
Steps: TypeAlias = Generator[Effect, Came, T]
MINUTE: Millis = 60_000
WIRE = client_named("fusion")


class Stopped(Exception):
    """It gives up, and says so."""


@dataclass
class Tokens:
    """The token of a program, and what else all that goes on in it at once has in common."""

    at_hand: AccessToken | None = None
    refresh: str | None = None
    """The newest refresh token."""
    fetching: bool = False
    """Whether one is being fetched: the others wait for it."""
    none: bool = False
    """Whether none can be had: nobody tries again."""
    invoking: bool = False
    """Whether a job is being started: the others wait where the client starts one at a time."""
    busy: set[int] = field(default_factory=set)
    """The connections in use, where there is a pool of them."""


@dataclass
class Plain:
    """`good-plain`: 5 s between polls with a random part, 15 s in WAITING, doubled after each failure; no POST twice."""

    lab: Together
    running: Millis = 5_000
    waiting: Millis = 15_000
    longest: Millis = 60_000
    answer_within: Millis = 30_000
    deadline: Millis = 2 * 60 * MINUTE
    """Of the agent's work; what a person takes isn't counted."""
    most_failures: int = 9
    """In a row; with more it gives up."""
    resets: bool = False
    """Whether it ends by RST a connection on which it has waited in vain; over sockets alone that is another end."""
    agent: str = "acme-portal/1.4"
    accept: str | None = "application/json"
    turns: tuple[str, ...] = ("go",)
    start: Millis = 0
    c: int = 1
    now: Millis = 0
    tokens: Tokens = field(default_factory=Tokens)
    waited: Millis = 0
    seen: Seen | None = None
    answers: list[Came] = field(default_factory=list)
    """Of this job's polls."""

    @property
    def team(self) -> str:
        return self.lab.config.scenarios[0].scenario.agent.code

    @property
    def scope(self) -> str:
        return api_scope(self.lab.config.switches.pod)

    # The story

    def story(self) -> Story:
        """All its turns."""
        yield from self.wait(self.start)
        try:
            conversation = None
            for message in self.turns:
                conversation = yield from self.turn(message, conversation)
        except Stopped:
            return

    def turn(self, message: str, conversation: str | None) -> Steps[str | None]:
        """A message, and its job to the end; the conversation for the next."""
        self.answers, self.waited = [], 0
        self.seen = yield from self.invoke(message, conversation)
        yield from self.follow(self.seen)
        return self.seen.conversation

    def invoke(self, message: str, conversation: str | None) -> Steps[Seen]:
        """Start a job; only what says that nothing was accepted is sent again."""
        request = self.invoke_request(message, conversation)
        for attempt in range(1, 6):
            came = yield from self.call(self.attempted(request, attempt))
            seen = self.job_in(came, "invoke")
            if seen is not None:
                return seen
            if not self.repeatable(came):
                raise Stopped
            yield from self.pause(attempt, came)
        raise Stopped

    def attempted(self, request: Request, attempt: int) -> Request:
        """What is sent at the n-th try."""
        return request

    def repeatable(self, came: Came) -> bool:
        """Whether a message that was answered so may be sent again."""
        refused = came.response.status == 503 and came.response.header("retry-after") is not None
        return came.whole and (refused or came.response.status == 429)

    def follow(self, job: Seen) -> Steps[None]:
        """Poll until the end."""
        begun, attempt, before = self.now, 0, self.now
        self.seen = job
        while not self.ended(self.seen):
            if self.now - begun - self.waited > self.deadline:
                raise Stopped
            yield from self.wait(self.pace())
            came = yield from self.poll(job.job)
            self.answers.append(came)
            found = self.job_in(came, "status")
            if found is None:
                attempt += 1
                if attempt > self.most_failures or self.final(came):
                    raise Stopped
                yield from self.pause(attempt, came)
                continue
            attempt = 0
            self.waited += self.now - before if self.seen.status is Status.WAITING else 0
            self.seen, before = found, self.now

    def poll(self, job: str) -> Steps[Came]:
        """One look."""
        return (yield from self.call(WIRE.ask(Look(team=self.team, job=job))[1]))

    # What it makes of an answer

    def job_in(self, came: Came, route: str) -> Seen | None:
        answer = WIRE.understand(route, came.response) if came.whole else None
        return answer if isinstance(answer, Seen) else None

    def ended(self, seen: Seen) -> bool:
        return seen.final

    def final(self, came: Came) -> bool:
        """Whether a refused poll is refused for good; a job may be unknown for a moment."""
        early = came.response.status == 404 and len(self.answers) < 3 and self.seen is not None
        return came.response.status in (400, 401, 403, 405, 409) or (came.response.status == 404 and not early)

    # Pauses

    def pace(self) -> Millis:
        """Until the next poll."""
        assert self.seen is not None
        pause = self.waiting if self.seen.status is Status.WAITING else self.running
        return pause + self.lot(pause)

    def lot(self, pause: Millis) -> Millis:
        """The random part of a pause."""
        return draw(0, f"{self.c}/{self.start}/{self.now}", 0, pause // 5)

    def pause(self, attempt: int, came: Came) -> Steps[None]:
        """After a failure: as long as the server asks, else twice as long each time."""
        wanted = retry_after(came.response)
        usual = min(self.longest, self.running << (attempt - 1))
        yield from self.wait(usual + self.lot(usual) if wanted is None else wanted)

    # Calls

    def call(self, request: Request) -> Steps[Came]:
        """A call with the bearer; a 401 gets one new token, and one more try."""
        token = yield from self.valid_token()
        came = yield from self.with_token(request, token)
        if came.response.status == 401:
            if self.tokens.at_hand is token:
                self.tokens.at_hand = None
            came = yield from self.with_token(request, (yield from self.valid_token()))
        return came

    def with_token(self, request: Request, token: AccessToken) -> Steps[Came]:
        bearer = ("authorization", f"Bearer {token.token}")
        return (yield from self.send(replace(request, headers=(bearer, *self.headers(), *request.headers))))

    def valid_token(self) -> Steps[AccessToken]:
        """The token at hand while it is fresh, else a new one, fetched once for all."""
        while self.tokens.fetching:
            yield from self.wait(50)
        if self.tokens.at_hand is None or not self.fresh(self.tokens.at_hand):
            self.tokens.fetching = True
            try:
                self.tokens.at_hand = yield from self.new_token()
            finally:
                self.tokens.fetching = False
        return self.tokens.at_hand

    def fresh(self, token: AccessToken) -> bool:
        return token.fresh(self.now)

    def new_token(self) -> Steps[AccessToken]:
        return (yield from self.fetched(self.token_request()))

    def fetched(self, request: Request) -> Steps[AccessToken]:
        """The token that a request is granted; what may pass is tried again."""
        for attempt in range(1, 6):
            since = self.now
            came = yield from self.send(request)
            token = read_token(came.response, since) if came.whole else None
            if token is not None:
                self.tokens.refresh = text_or_none(members(came).get("refresh_token")) or self.tokens.refresh
                return token
            if 400 <= came.response.status < 500 and came.response.status != 429:
                raise Stopped
            yield from self.pause(attempt, came)
        raise Stopped

    def token_request(self) -> Request:
        client = self.lab.config.clients[0]
        request = token_request(client.id, client.secret, self.scope)
        return replace(request, headers=(*request.headers, *self.headers()))

    def token_form(self, **fields: str) -> Request:
        """A token request of another grant."""
        return replace(self.token_request(), body=urlencode(fields).encode())

    def invoke_request(self, message: str, conversation: str | None) -> Request:
        return WIRE.ask(self.command(message, conversation))[1]

    def command(self, message: str, conversation: str | None) -> Sendable:
        return Invoke(team=self.team, message=message, conversation=conversation)

    def headers(self) -> tuple[tuple[str, str], ...]:
        accept = (("accept", self.accept),) if self.accept else ()
        return (*accept, *((("user-agent", self.agent),) if self.agent else ()))

    def send(self, request: Request) -> Steps[Came]:
        """Over the connection at hand, or a new one where that was closed."""
        came = yield Send(request, self.now + self.answer_within, self.c)
        self.now = came.at
        return came

    def wait(self, pause: Millis) -> Steps[None]:
        came = yield Wait(self.now + pause)
        self.now = came.at


@dataclass
class Keyed(Plain):
    """`good-keyed`: sends a message again whose answer was lost, with one Idempotency-Key and the same bytes."""

    messages: int = 0

    def invoke(self, message: str, conversation: str | None) -> Steps[Seen]:
        self.messages += 1
        return (yield from super().invoke(message, conversation))

    def attempted(self, request: Request, attempt: int) -> Request:
        return replace(request, headers=(*request.headers, ("idempotency-key", self.key(attempt))))

    def key(self, attempt: int) -> str:
        return f"message-{self.c}-{self.messages}"

    def repeatable(self, came: Came) -> bool:
        # 409: the first one with this key is still under way
        return not came.whole or came.response.status in (409, 429) or came.response.status >= 500


def members(came: Came) -> dict[str, Json]:
    """The members of a JSON answer."""
    return dict(members_of(came.response.body))
