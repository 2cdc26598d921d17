"""The token endpoint: client credentials, and its refusals (contract.md §7.2 to §7.4)."""

from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import unquote_plus

from lab.core.clock import Millis
from lab.core.exchange import Json, Request, Response
from lab.core.journal import Fact, Ledger, TokenGranted
from lab.core.oauth import Client, api_scope, expiry, read_basic, read_scope, sign
from lab.core.problems import TOKEN_HEADERS, json_bytes, oauth_error
from lab.core.seeds import hexes
from lab.core.service.views import Config

MOST_PARAMETERS = 100
LARGEST_FORM = 64 * 1024


@dataclass(frozen=True, slots=True)
class Granted:
    """What a token request came to."""

    response: Response
    client: str | None
    facts: tuple[Fact, ...] = ()
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Refused:
    status: int
    error: str
    description: str
    basic: bool = False


Form: TypeAlias = dict[str, str]
_INVALID_CLIENT = _Refused(401, "invalid_client", "Client authentication failed.", basic=True)


def grant(config: Config, ledger: Ledger, request: Request, now: Millis) -> Granted:
    """Answer a token request."""
    if len(request.body) > LARGEST_FORM:
        return Granted(Response(413, TOKEN_HEADERS), None)
    flags: list[str] = []
    if "client_secret=" in request.query:
        flags.append("secret_in_uri")
        return _refuse(config, ledger, _Refused(400, "invalid_request", "Credentials do not belong in the URL."), flags)
    form = read_form(request)
    if isinstance(form, _Refused):
        return _refuse(config, ledger, form, flags)
    client = _authenticate(config, request, form, flags)
    if isinstance(client, _Refused):
        return _refuse(config, ledger, client, flags)
    kind = form.get("grant_type")
    if kind != "client_credentials":
        refused = (
            _Refused(400, "unsupported_grant_type", "This grant type is not served; use client_credentials.")
            if kind
            else _Refused(400, "invalid_request", "grant_type is missing.")
        )
        return _refuse(config, ledger, refused, flags)
    return _client_credentials(config, ledger, client, form, now, flags)


def _refuse(config: Config, ledger: Ledger, refused: _Refused, flags: list[str]) -> Granted:
    ecid = hexes(config.seed, f"ecid/{ledger.take('ecid')}", 12) if config.switches.ecid else None
    response = oauth_error(refused.status, refused.error, refused.description, ecid=ecid, basic_challenge=refused.basic)
    return Granted(response, None, (), tuple(flags))


def read_form(request: Request) -> Form | _Refused:
    """The form's parameters; one without a value counts as absent, a repeated one is refused (RFC 6749 §3.2)."""
    essence, _, rest = (request.header("content-type") or "").partition(";")
    if essence.strip().lower() != "application/x-www-form-urlencoded":
        return _Refused(400, "invalid_request", "The body must be application/x-www-form-urlencoded.")
    charset = rest.strip().lower().replace('"', "")
    if charset and charset != "charset=utf-8":
        return _Refused(400, "invalid_request", "The charset must be utf-8.")
    try:
        text = request.body.decode("ascii")
    except UnicodeDecodeError:
        return _Refused(400, "invalid_request", "The form must be percent-encoded UTF-8.")
    pairs = [pair for pair in text.split("&") if pair]
    if len(pairs) > MOST_PARAMETERS:
        return _Refused(400, "invalid_request", f"The form has more than {MOST_PARAMETERS} parameters.")
    return _parameters(pairs)


def _parameters(pairs: list[str]) -> Form | _Refused:
    form: Form = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        try:
            name, value = unquote_plus(name, errors="strict"), unquote_plus(value, errors="strict")
        except UnicodeDecodeError:
            return _Refused(400, "invalid_request", "The form must be percent-encoded UTF-8.")
        if name in form:
            return _Refused(400, "invalid_request", "A parameter stands twice.")
        if value:
            form[name] = value
    return form


def _authenticate(config: Config, request: Request, form: Form, flags: list[str]) -> Client | _Refused:
    header = request.header("authorization")
    secrets = {client.id: client for client in config.clients}
    if header is None:
        client = secrets.get(form.get("client_id", ""))
        if client is None or form.get("client_secret") != client.secret:
            return _INVALID_CLIENT
        return client
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "basic":
        if scheme.lower() == "bearer":
            flags.append("bearer_on_token")
        return _INVALID_CLIENT
    if scheme != "Basic":
        flags.append("scheme_spelling")
    if "client_secret" in form:
        return _Refused(400, "invalid_request", "Authenticate in one way only.")
    pair = read_basic(credentials)
    for flag, (identity, secret) in (("basic_form", pair.form), ("basic_raw", pair.raw)) if pair else ():
        client = secrets.get(identity)
        if client is not None and client.secret == secret:
            flags.append(flag)
            return client
    return _INVALID_CLIENT


def _client_credentials(
    config: Config, ledger: Ledger, client: Client, form: Form, now: Millis, flags: list[str]
) -> Granted:
    switches = config.switches
    scope = read_scope(form.get("scope", ""), switches.pod, switches.scope_check)
    if scope is None:
        hint = f"Ask for {api_scope(switches.pod)}" if switches.hints else "The scope is not known."
        return _refuse(config, ledger, _Refused(400, "invalid_scope", hint), flags)
    configured = config.outlines[0].scenario.token.lifetime // 1000 if len(config.outlines) == 1 else 3600
    lifetime = min(scope.lifetime or configured, configured)
    issued, expires, until = expiry(config.epoch, now, lifetime)
    token = sign(config.seed, client.id, ledger.take(f"token/{client.id}"), scope.granted, issued, expires)
    body: dict[str, Json] = {"access_token": token, "token_type": "Bearer", "expires_in": lifetime}
    fact = TokenGranted(
        at=now, token=token, client=client.id, grant="client_credentials", scope=scope.granted, until=until
    )
    return Granted(Response(200, TOKEN_HEADERS, json_bytes(body)), client.id, (fact,), tuple(flags))
