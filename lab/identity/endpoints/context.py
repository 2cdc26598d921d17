"""One request to the OAuth server: what its endpoints are given, and what comes of it beside the answer."""

from collections.abc import Callable

from msgspec import Struct, field
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Json, Response
from lab.core.journal.ledger import Changes
from lab.core.refusal import Refusal
from lab.core.seeds import hexes
from lab.identity.clients import Client
from lab.identity.config import IdentityConfig
from lab.identity.facts import TokenRevoked
from lab.identity.recorded import LIVE, RecordedSecrets
from lab.identity.records import TokenRecord
from lab.identity.refusals import invalid_scope, oauth_error
from lab.identity.scopes import Scope, api_scope, read_scope


class TokenContext(Struct):
    """Made for one request, at one instant."""

    config: IdentityConfig
    changes: Changes
    """The state, and what the request brings, also where it is refused; whoever called commits it."""
    now: Millis
    bearer: TokenRecord | None = None
    """Whose token came, where a route that names no team asks for one."""
    flags: list[str] = field(default_factory=list)
    """What is noted of it (recordings.md §2.2)."""
    granted_to: str | None = None
    """The client that a token was issued to."""
    caller: str = ""
    """The client that asks, once it is known."""
    refused: bool = False
    """Whether what is asked was refused, if only by a redirect."""
    recorded: RecordedSecrets = LIVE
    """Of a replay: what was given and judged then."""
    judged: list[Json] = field(default_factory=list)
    """What was decided by the bytes of a secret, in order (recordings.md §2.2)."""

    def mint(self, kind: str, make: Callable[[], str]) -> str:
        """A secret that is given to the client, of a kind as `RecordedSecrets` has it."""
        return self.recorded.mint(kind, make)

    def judge(self, compute: Callable[[], Json]) -> Json:
        """What is decided by the bytes of a secret: noted, for nobody can decide it from a recording."""
        found = self.recorded.judge(compute)
        self.judged.append(found)
        return found

    def revoke(self, client: Client, token: str, why: str) -> None:
        """Let a token or a code be good no longer; `why` as in the fact."""
        self.changes.add(TokenRevoked(at=self.now, by=client.id, token=token, why=why))

    def oauth_error(self, refusal: Refusal) -> Response:
        """The refusal as JSON; in `oci` it bears an `ecid` of its own (contract.md §7.1)."""
        number = None if self.config.strict else self.changes.use("ecid")
        return oauth_error(refusal, None if number is None else hexes(self.config.seed, f"ecid/{number}", 12))

    def explained(self, refusal: Refusal, why: str) -> Refusal:
        """The refusal, with hints on also why: in ASCII without quotes and backslashes (RFC 6749 §5.2)."""
        if not self.config.switches.hints:
            return refusal
        plain = "".join(each if " " <= each <= "~" and each not in '"\\' else "?" for each in why)
        return replace(refusal, message=f"{refusal.message.removesuffix('.')}: {plain}.")

    def scope(self, text: str) -> Scope | Refusal:
        """The scope that is asked for, or `invalid_scope` with the expected one."""
        switches = self.config.switches
        # less than a minute is raised to one (contract.md §7.3)
        scope = read_scope(text, switches.pod, shortest=1 if self.config.strict else 60)
        if scope is not None:
            return scope
        return invalid_scope(f"Ask for {api_scope(switches.pod)}" if switches.hints else "The scope is not known.")
