"""Clients that break one of the rules A6 to A14 each, and rehearsals in which they do."""

from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote

from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Request
from lab.identity.client import AccessToken
from lab.identity.clients import JANE
from tests.plugins.rehearsal.report.good import Plain, Steps, Stopped, members
from tests.plugins.rehearsal.report.good_login import LoginPerTurn, WithCode, WithRefresh
from tests.plugins.rehearsal.report.rehearsal import Rehearsal
from tests.plugins.rehearsal.report.together import Came, Together
from tests.plugins.rehearsal.report.zoo import worked
from tests.plugins.rehearsal.report.zoo_tokens import SHORT_TOKEN, USUAL


@dataclass
class TokenInForm(Plain):
    """Puts the token of a poll into a form, and stops at the refusal."""

    def call(self, request: Request) -> Steps[Came]:
        if request.method == "POST":
            return (yield from super().call(request))
        token = yield from self.valid_token()
        body, kind = f"access_token={quote(token.token)}".encode(), "application/x-www-form-urlencoded"
        yield from self.send(replace(request, body=body, headers=(("content-type", kind), *self.headers())))
        raise Stopped


@dataclass
class TokenInQuery(Plain):
    """Puts the token into the query, and stops at the refusal."""

    def call(self, request: Request) -> Steps[Came]:
        token = yield from self.valid_token()
        sent = replace(request, query=f"access_token={quote(token.token)}", headers=(*self.headers(), *request.headers))
        came = yield from self.send(sent)
        if came.response.status == 401:
            raise Stopped
        return came


@dataclass
class SecretInQuery(Plain):
    """Puts the secret into the query."""

    def token_request(self) -> Request:
        client, request = self.lab.config.clients[0], super().token_request()
        headers = tuple(each for each in request.headers if each[0] != "authorization")
        return replace(request, query=f"client_id={client.id}&client_secret={quote(client.secret)}", headers=headers)


def raw_basic(lab: Together) -> str:
    """Id and secret as they are."""
    client = lab.config.clients[0]
    return f"Basic {b64encode(f'{client.id}:{client.secret}'.encode()).decode()}"


@dataclass
class RawBasic(Plain):
    """Form-encodes nothing."""

    def token_request(self) -> Request:
        request = super().token_request()
        others = (each for each in request.headers if each[0] != "authorization")
        return replace(request, headers=(("authorization", raw_basic(self.lab)), *others))


@dataclass
class BasicOnApi(Plain):
    """Tries its secret at the API first."""

    tried: bool = False

    def call(self, request: Request) -> Steps[Came]:
        if not self.tried:
            self.tried = True
            basic = ("authorization", raw_basic(self.lab))
            yield from self.send(replace(request, headers=(basic, *self.headers(), *request.headers)))
        return (yield from super().call(request))


@dataclass
class SecretInHeader(Plain):
    """Sends its secret along as a key of the API."""

    def call(self, request: Request) -> Steps[Came]:
        key = ("x-api-key", self.lab.config.clients[0].secret)
        return (yield from super().call(replace(request, headers=(key, *request.headers))))


@dataclass
class PasswordGrant(Plain):
    """Asks people for their passwords."""

    def new_token(self) -> Steps[AccessToken]:
        fields = {"username": JANE.name, "password": JANE.password, "scope": self.scope}
        return (yield from self.fetched(self.token_form(grant_type="password", **fields)))


@dataclass
class OldRefresh(WithRefresh):
    """Keeps its first refresh token, until that is refused."""

    first: str | None = None

    def refresh_token(self) -> str | None:
        self.first = self.tokens.refresh and (self.first or self.tokens.refresh)
        return self.first


@dataclass
class Hammer(Plain):
    """Tries refused credentials twice more, at once."""

    between: Millis = 0
    more: int = 2

    def new_token(self) -> Steps[AccessToken]:
        for _ in range(self.more):
            with suppress(Stopped):
                return (yield from super().new_token())
            yield from self.wait(self.between)
        return (yield from super().new_token())


@dataclass
class SlowHammer(Hammer):
    """Tries refused credentials once a minute, four times more."""

    between: Millis = 60_000
    more: int = 4


@dataclass
class PickyToken(Plain):
    """Stops at `token_type: bearer`."""

    def send(self, request: Request) -> Steps[Came]:
        came = yield from super().send(request)
        if members(came).get("token_type") == "bearer":
            raise Stopped
        return came


@dataclass
class DiscardsToken(PickyToken):
    """Fetches another token where the answer is odd."""

    def new_token(self) -> Steps[AccessToken]:
        try:
            return (yield from super().new_token())
        except Stopped:
            return (yield from super().new_token())


@dataclass
class OneState(LoginPerTurn):
    """Sends the same `state` in each login."""

    def state(self) -> str:
        return "state"


@dataclass
class OneVerifier(LoginPerTurn):
    """Has one verifier for all logins."""

    def verifier(self) -> str:
        return "verifier".ljust(43, "~")


@dataclass
class OneOfEach(OneState, OneVerifier):
    """Has one of each for all logins."""


@dataclass
class PlainChallenge(WithCode):
    """Sends the verifier itself."""

    method: str = "plain"


@dataclass
class LoadsAgain(LoginPerTurn):
    """Loads the page of each login twice; good."""

    def browse(self, request: Request) -> Steps[Came]:
        yield from super().browse(request)
        return (yield from super().browse(request))


REFUSED = worked("5s", "route: token, calls: every 1, answer: 401, error: invalid_client")
INVALID_GRANT = worked("5s", "route: token, calls: every 1, answer: 400, error: invalid_grant")
REFUSED_LATER = worked(
    "60s", "route: status, calls: 3, expire_token: true", "route: token, calls: 2-9, answer: 401, error: invalid_client"
)
ODD_TOKEN = worked("20s", "route: token, calls: 1, odd_body: true, omit: [expires_in]")
ZOO: Mapping[str, Rehearsal] = {
    "A6": Rehearsal(USUAL, TokenInQuery),
    "A6 form": Rehearsal(USUAL, TokenInForm),
    "A7": Rehearsal(USUAL, SecretInQuery),
    "A8": Rehearsal(USUAL, RawBasic),
    "A9": Rehearsal(USUAL, BasicOnApi),
    "A9 header": Rehearsal(USUAL, SecretInHeader),
    "A10": Rehearsal(USUAL, PasswordGrant),
    "A11": Rehearsal(SHORT_TOKEN, OldRefresh, WithRefresh),
    "A12": Rehearsal(REFUSED, Hammer),
    "A12 slowly": Rehearsal(REFUSED, SlowHammer),
    "A12 invalid-grant": Rehearsal(INVALID_GRANT, Hammer),
    "A12 later": Rehearsal(REFUSED_LATER, Hammer),
    "A13": Rehearsal(ODD_TOKEN, PickyToken),
    "A13 discarded": Rehearsal(ODD_TOKEN, DiscardsToken),
    "A14": Rehearsal(USUAL, OneState, LoginPerTurn),
    "A14 verifier": Rehearsal(USUAL, OneVerifier, LoadsAgain),
    "A14 both": Rehearsal(USUAL, OneOfEach, LoginPerTurn),
    "A14 plain": Rehearsal(SHORT_TOKEN, PlainChallenge, WithCode),
}
"""By the rule that it breaks."""
