"""What the OAuth server is made with: one value, which the mock makes of its own configuration."""

from msgspec import Struct
from msgspec.structs import replace

from lab.core.clock import Epoch
from lab.core.exchange import Request
from lab.core.seeds import Seed
from lab.identity.clients import GRANTS, Account, Client, aistudio_cli, pod_users
from lab.identity.records import FOREVER, TokenRecord
from lab.identity.routes import PATHS
from lab.identity.scopes import api_scope
from lab.program.switches import Switches

GENERIC_ISSUER = "https://identity.oraclecloud.com/"
"""The `iss` that every tenant of the real one shares."""
DEFAULT_LIFETIME = 3600
"""Seconds for which an access token is good, where no scenario says otherwise."""


class IdentityConfig(Struct, frozen=True):
    """Who is known to it, and how it answers where sources differ."""

    switches: Switches
    seed: Seed
    epoch: Epoch
    origin: str
    """What URLs in answers start with, without a final slash: never taken from a request."""
    clients: tuple[Client, ...]
    accounts: tuple[Account, ...]
    """The users; the first is the default one, where nobody logs in."""
    lifetime: int = DEFAULT_LIFETIME
    """Seconds for which an access token is good at most: a request may ask for less."""

    @property
    def strict(self) -> bool:
        """Whether it reads the RFCs to the letter (profile `rfc`), or as Oracle's does (`oci`)."""
        return self.switches.profile == "rfc"

    @property
    def issuer(self) -> str:
        """The `iss` of tokens and of the metadata; one's own is the origin, in `oci` with a final slash."""
        if self.switches.issuer == "generic":
            return GENERIC_ISSUER
        return self.origin if self.strict else f"{self.origin}/"

    @property
    def audiences(self) -> tuple[str, ...]:
        """What an assertion's `aud` must name, one of them.

        RFC 7523 §3 has the server's issuer or its token endpoint; Oracle documents two words of its own, and clients
        also send the first without its final slash, or the domain's own URL.
        """
        if self.strict:
            return self.issuer, self.origin + PATHS["token"]
        return GENERIC_ISSUER, GENERIC_ISSUER.rstrip("/"), "oauth.idm.oracle.com", self.origin, f"{self.origin}/"

    @property
    def default_user(self) -> Account | None:
        """Who is logged in where nobody is asked."""
        return self.accounts[0] if self.accounts else None

    @property
    def users(self) -> tuple[Account, ...]:
        """Whom the pod knows by name, with their roles: more than may log in."""
        return pod_users(self.clients, self.accounts)

    def bearer(self, client: str, user: str | None) -> Account | None:
        """As whom the pod takes a token: the user who logged in, else the one whom the client stands for, if it does."""
        own = self.client(client)
        name = user or (own.user if own is not None else "")
        return next((each for each in self.users if each.name == name), Account(name, "")) if name else None

    def key_in(self, request: Request) -> TokenRecord | None:
        """What a client's secret is as a bearer, where a wire has API keys: a token of its own, for ever."""
        sent, scope = request.header("authorization"), api_scope(self.switches.pod)
        found = next((each for each in self.clients if each.secret and sent == f"Bearer {each.secret}"), None)
        if found is None or not found.active or self.switches.service_tokens == "refused":
            return None
        return TokenRecord(found.id, None, scope, 0, FOREVER)

    def client(self, name: str) -> Client | None:
        """The client of that id; Oracle's CLI is known to every lab.

        With `clients: any` whoever has an id is one, and may do everything, whatever is registered for it.
        """
        known = (*self.clients, aistudio_cli(self.switches.pod))
        found = next((client for client in known if client.id == name), None)
        if self.switches.clients != "any" or not name:
            return found
        return replace(found or Client(name), grants=GRANTS, active=True, anywhere=True)

    def account(self, name: str | None) -> Account | None:
        """The user of that name."""
        return next((account for account in self.accounts if account.name == name), None)
