"""Clients that break one of the rules A1 to A5 each, and rehearsals in which they do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Request
from lab.identity.client import AccessToken
from lab.identity.routes import PATHS
from lab.identity.scopes import NO_ACCESS
from tests.plugins.rehearsal.report.good import Plain, Steps, Stopped, Tokens
from tests.plugins.rehearsal.report.rehearsal import Rehearsal
from tests.plugins.rehearsal.report.together import Came, Story, Together, Wait
from tests.plugins.rehearsal.report.zoo import worked


def short_token(takes: str, *faults: str) -> str:
    """A job that works longer than a token is good."""
    return f"{worked(takes, *faults)}token: {{lifetime: 60s, renewed: true}}\n"


def revoked_at(instant: Millis) -> Callable[[Together], Story]:
    """All tokens of the client are revoked at an instant."""

    def story(lab: Together) -> Story:
        yield Wait(instant)
        lab.service.end_tokens(lab.config.clients[0].id, "revoke", instant)

    return story


@dataclass
class TokenPerCall(Plain):
    """Fetches a token before every call."""

    def fresh(self, token: AccessToken) -> bool:
        return False


@dataclass
class ForItself(Plain):
    """Is a process of its own; good."""

    def story(self) -> Story:
        self.tokens = Tokens()
        yield from super().story()


@dataclass
class LateRefresh(Plain):
    """Uses the token until it is refused."""

    def fresh(self, token: AccessToken) -> bool:
        return True


@dataclass
class Stampede(Plain):
    """Each job fetches a token for itself once its own is refused."""

    def call(self, request: Request) -> Steps[Came]:
        came = yield from self.with_token(request, (yield from self.valid_token()))
        if came.response.status == 401:
            self.tokens = Tokens()
            came = yield from self.with_token(request, (yield from self.valid_token()))
        return came


@dataclass
class Even(Plain):
    """Leaves chance out of its pauses, so that two of them call at once; good, as long as they are few."""

    def lot(self, pause: Millis) -> Millis:
        return 0


@dataclass
class NoLock(Even):
    """Fetches a token for whoever has none, at once."""

    def valid_token(self) -> Steps[AccessToken]:
        self.tokens.fetching = False
        return (yield from super().valid_token())


@dataclass
class LogsOut(Plain):
    """Revokes its token after each message; that is its right."""

    turns: tuple[str, ...] = ("go", "go")

    def turn(self, message: str, conversation: str | None) -> Steps[str | None]:
        conversation = yield from super().turn(message, conversation)
        assert self.tokens.at_hand is not None
        ended = self.token_form(token=self.tokens.at_hand.token)
        yield from self.send(replace(ended, path=PATHS["revoke"]))
        self.tokens.at_hand = None
        return conversation


@dataclass
class SameTokenAgain(Plain):
    """Sends a refused token once more."""

    def with_token(self, request: Request, token: AccessToken) -> Steps[Came]:
        came = yield from super().with_token(request, token)
        return (yield from super().with_token(request, token)) if came.response.status == 401 else came


@dataclass
class DiesOn401(Plain):
    """Stops at a refused token."""

    def with_token(self, request: Request, token: AccessToken) -> Steps[Came]:
        came = yield from super().with_token(request, token)
        if came.response.status == 401:
            raise Stopped
        return came


@dataclass
class ManyRounds(Plain):
    """Fetches tokens until one is taken."""

    def call(self, request: Request) -> Steps[Came]:
        came = yield from super().call(request)
        if came.response.status == 401:
            self.tokens.at_hand = None
            came = yield from self.call(request)
        return came


@dataclass
class AgainOn403(Plain):
    """Repeats a forbidden request twice."""

    def call(self, request: Request) -> Steps[Came]:
        came = yield from super().call(request)
        for _ in range(2):
            if came.response.status == 403:
                yield from self.wait(self.running)
                came = yield from super().call(request)
        return came


@dataclass
class NoAccess(AgainOn403):
    """The same with a token that opens nothing."""

    @property
    def scope(self) -> str:
        return super().scope + NO_ACCESS


@dataclass
class StepUp(Plain):
    """Begins with a token that opens nothing, and fetches a better one where that is refused; good."""

    suffix: str = NO_ACCESS

    @property
    def scope(self) -> str:
        return super().scope + self.suffix

    def call(self, request: Request) -> Steps[Came]:
        came = yield from super().call(request)
        if came.response.status == 403:
            self.suffix, self.tokens.at_hand = "", None
            came = yield from super().call(request)
        return came


SHORT_TOKEN = short_token("150s")
EXPIRED = worked("60s", "route: status, calls: 3, expire_token: true")
FORBIDDEN = worked("60s", "route: status, calls: 2-4, answer: 403")
USUAL = worked("30s")
ZOO: Mapping[str, Rehearsal] = {
    "A1": Rehearsal(USUAL, TokenPerCall),
    "A1 revoked": Rehearsal(USUAL, TokenPerCall, LogsOut),
    "A1 processes": Rehearsal(USUAL, TokenPerCall, ForItself, crowd=2, apart=60_000),
    "A2": Rehearsal(SHORT_TOKEN, LateRefresh),
    "A3": Rehearsal(worked("60s"), Stampede, crowd=5, meanwhile=revoked_at(30_000)),
    "A3 at once": Rehearsal(SHORT_TOKEN, NoLock, Even, crowd=2, apart=0),
    "A3 refused": Rehearsal(worked("60s"), NoLock, Even, crowd=2, apart=0, meanwhile=revoked_at(30_300)),
    "A4": Rehearsal(EXPIRED, SameTokenAgain),
    "A4 stops": Rehearsal(EXPIRED, DiesOn401),
    "A4 for good": Rehearsal(worked("60s", "route: status, calls: 3-5, answer: 401"), ManyRounds),
    "A5": Rehearsal(FORBIDDEN, AgainOn403),
    "A5 other scope": Rehearsal(USUAL, NoAccess, StepUp),
}
"""By the rule that it breaks."""
