"""What the endpoints of the identity domain share: a desk, forms, refusals, pages."""

from dataclasses import dataclass
from html import escape
from typing import TypeAlias
from urllib.parse import unquote_plus

from lab.core.clock import Millis
from lab.core.exchange import Headers, Json, Request, Response, json_bytes
from lab.core.journal.fact import Fact
from lab.core.journal.ledger import Changes
from lab.core.seeds import hexes
from lab.identity.refusals import TOKEN_HEADERS, oauth_error
from lab.identity.scopes import Scope, api_scope, read_scope
from lab.mock.views import Config

MOST_PARAMETERS = 100
LARGEST_FORM = 64 * 1024
NO_STORE: Headers = (("cache-control", "no-store"), ("pragma", "no-cache"))

Form: TypeAlias = dict[str, str]


@dataclass(frozen=True, slots=True)
class Granted:
    """What a request to the identity domain came to."""

    response: Response
    client: str | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """An error of RFC 6749 §5.2, or of an extension; `basic` adds a challenge."""

    status: int
    error: str
    description: str
    basic: bool = False


def invalid_request(description: str) -> Refused:
    """400: something is missing, repeated or malformed."""
    return Refused(400, "invalid_request", description)


def invalid_grant(description: str) -> Refused:
    """400: what was to be traded for a token is no good."""
    return Refused(400, "invalid_grant", description)


INVALID_CLIENT = Refused(401, "invalid_client", "Client authentication failed.", basic=True)
UNAUTHORIZED_CLIENT = Refused(400, "unauthorized_client", "This client may not use this grant.")


@dataclass(frozen=True, slots=True)
class Desk:
    """Where one request is dealt with, at one instant; `ledger` collects its facts, `flags` what is noted."""

    config: Config
    ledger: Changes
    now: Millis
    flags: list[str]

    @property
    def strict(self) -> bool:
        """Whether the profile is `rfc`."""
        return self.config.switches.profile == "rfc"

    def refuse(self, refused: Refused, *facts: Fact) -> Granted:
        """The refusal as a reply, and what it brings nevertheless."""
        self.ledger.add(*facts)
        config = self.config
        ecid = hexes(config.seed, f"ecid/{self.ledger.use('ecid')}", 12) if config.switches.ecid else None
        response = oauth_error(
            refused.status, refused.error, refused.description, ecid=ecid, basic_challenge=refused.basic
        )  # fmt: skip
        return Granted(response, None, tuple(self.flags))

    def answer(self, body: dict[str, Json], client: str, *facts: Fact) -> Granted:
        """A success as a reply, and what it brings."""
        self.ledger.add(*facts)
        return Granted(Response(200, TOKEN_HEADERS, json_bytes(body)), client, tuple(self.flags))

    def empty(self, status: int) -> Granted:
        """A reply without a body."""
        return Granted(Response(status, NO_STORE), None, tuple(self.flags))

    def page(self, status: int, title: str, markup: str, *facts: Fact) -> Granted:
        """A plain page for a person; the caller has escaped what stands in `markup`."""
        self.ledger.add(*facts)
        text = f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title></head>\n'
        text += f"<body><h1>{escape(title)}</h1>\n{markup}\n</body></html>\n"
        headers = (("content-type", "text/html; charset=utf-8"), *NO_STORE)
        return Granted(Response(status, headers, text.encode()), None, tuple(self.flags))

    def scope(self, text: str) -> Scope | Refused:
        """The scope that is asked for, or `invalid_scope` with the expected one."""
        switches = self.config.switches
        scope = read_scope(text, switches.pod, switches.scope_check, shortest=1 if self.strict else 60)
        if scope is not None:
            return scope
        hint = f"Ask for {api_scope(switches.pod)}" if switches.hints else "The scope is not known."
        return Refused(400, "invalid_scope", hint)


def read_form(request: Request, flags: list[str]) -> Form | Refused:
    """The form's parameters, or why they can't be read; a secret in the URL is refused and flagged."""
    if "client_secret=" in request.query:
        flags.append("secret_in_uri")
        return invalid_request("Credentials do not belong in the URL.")
    essence, _, rest = (request.header("content-type") or "").partition(";")
    if essence.strip().lower() != "application/x-www-form-urlencoded":
        return invalid_request("The body must be application/x-www-form-urlencoded.")
    charset = rest.strip().lower().replace('"', "")
    if charset and charset != "charset=utf-8":
        return invalid_request("The charset must be utf-8.")
    return read_parameters(request.body.decode("latin-1"))


def read_parameters(text: str) -> Form | Refused:
    """Parameters; one without a value counts as absent, a repeated one is refused (RFC 6749 §3.2)."""
    if not text.isascii():
        return invalid_request("The parameters must be percent-encoded UTF-8.")
    pairs = [pair for pair in text.split("&") if pair]
    if len(pairs) > MOST_PARAMETERS:
        return invalid_request(f"There are more than {MOST_PARAMETERS} parameters.")
    form: Form = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        try:
            name, value = unquote_plus(name, errors="strict"), unquote_plus(value, errors="strict")
        except UnicodeDecodeError:
            return invalid_request("The parameters must be percent-encoded UTF-8.")
        if name in form:
            return invalid_request("A parameter stands twice.")
        if value:
            form[name] = value
    return form
