"""Good clients for which a person logs in."""

from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlencode

from msgspec.structs import replace

from lab.core.exchange import Request
from lab.identity.client import AccessToken
from lab.identity.keys import challenge_of
from lab.identity.routes import PATHS
from tests.plugins.rehearsal.report.good import Plain, Steps, Stopped
from tests.plugins.rehearsal.report.together import Came, Send
from tests.wire_peer import REDIRECT, redirect_parameters

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@dataclass
class WithCode(Plain):
    """`good-code`: authorization code with PKCE, a login whenever a token ends."""

    logins: int = 0
    method: str = "S256"

    def new_token(self) -> Steps[AccessToken]:
        return (yield from self.log_in(self.scope))

    def log_in(self, scope: str) -> Steps[AccessToken]:
        """A browser is sent to the authorize endpoint; the code that comes back is traded."""
        self.logins += 1
        verifier, state = self.verifier(), self.state()
        query = {
            "response_type": "code", "client_id": self.lab.config.clients[0].id, "redirect_uri": REDIRECT, "scope": scope,
            "state": state, "code_challenge": challenge_of(verifier), "code_challenge_method": self.method,
        }  # fmt: skip
        came = yield from self.browse(Request("GET", PATHS["authorize"], urlencode(query)))
        back = redirect_parameters(came.response)
        if back.get("state") != state or "code" not in back:
            raise Stopped
        fields = {"code": back["code"], "redirect_uri": REDIRECT, "code_verifier": verifier}
        return (yield from self.fetched(self.token_form(grant_type="authorization_code", **fields)))

    def browse(self, request: Request) -> Steps[Came]:
        """What a person's browser is sent to."""
        came = yield Send(replace(request, headers=(("user-agent", BROWSER),)), c=self.c + 50)
        self.now = came.at
        return came

    def verifier(self) -> str:
        return f"verifier-{self.c}-{self.logins}".ljust(43, "~")

    def state(self) -> str:
        return f"state-{self.c}-{self.logins}"


@dataclass
class LoginPerTurn(WithCode):
    """Somebody logs in for each message."""

    turns: tuple[str, ...] = ("go", "go")

    def turn(self, message: str, conversation: str | None) -> Steps[str | None]:
        self.tokens.at_hand = None
        return (yield from super().turn(message, conversation))


@dataclass
class WithRefresh(WithCode):
    """`good-refresh`: one login, then refresh tokens, each at 80 % of a token's life; another login where that fails."""

    def fresh(self, token: AccessToken) -> bool:
        return self.now < token.since + (token.until - token.since) * 8 // 10

    def new_token(self) -> Steps[AccessToken]:
        refresh = self.refresh_token()
        if refresh is not None:
            with suppress(Stopped):
                return (yield from self.fetched(self.token_form(grant_type="refresh_token", refresh_token=refresh)))
        self.tokens.refresh = None
        return (yield from self.log_in(f"{self.scope} offline_access"))

    def refresh_token(self) -> str | None:
        return self.tokens.refresh
