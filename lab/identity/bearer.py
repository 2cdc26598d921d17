"""The bearer of a request: its token's record, or why it is refused (RFC 6750 §3; contract.md §7.5).

A token is good because it stands in the ledger, so looking it up is the whole check: nothing of it is parsed, and no
signature is verified. What was forged, comes from another run, or is an id or refresh token, simply isn't there.
"""

from textwrap import shorten
from urllib.parse import urlsplit

from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Request
from lab.core.journal.ledger import Ledger
from lab.core.refusal import (
    CANNOT_EXECUTE,
    Refusal,
    challenge,
    forbidden,
    foreign_token,
    insufficient_scope,
    invalid_token,
    unauthenticated,
)
from lab.core.routes import Route
from lab.identity.config import IdentityConfig
from lab.identity.records import TokenRecord, live, token_key
from lab.identity.routes import PATHS
from lab.identity.scopes import api_scope, for_api, opens_api, service_scope, services_of
from lab.program.switches import Switches

_CHALLENGE = "Exchange the credentials for a token at /oauth2/v1/token and send Authorization: Bearer."
_COOKIE = "A browser's login does not open this API; use the token relay."
_LONGEST_SCOPE = 300
"""Characters of a token's scope that a refusal repeats."""
_UNKNOWN = invalid_token("The token was not issued by this run of the lab.")


def bearer_of(
    switches: Switches, ledger: Ledger, request: Request, now: Millis, *, api: bool = True, service: str = ""
) -> tuple[TokenRecord | Refusal, tuple[str, ...]]:
    """The token's record or the refusal, and what is noted; `api` off: any live token will do.
    `service`: one of the pod's, whose tokens are as good as the API's.

    A request without a token, or with another scheme, is told no error code: it may not have known that one is needed
    (RFC 6750 §3.1). Several tokens are a malformed request, even if all are good.
    """
    header: str | None = None
    for name, value in request.headers:
        if name == "authorization":
            if header is not None:
                return _invalid_request("There are two Authorization headers."), ()
            header = value
    in_query = "access_token=" in request.query
    if header is None:
        flags = ("token_in_uri",) if in_query else ()
        return unauthenticated(_COOKIE if request.header("cookie") else _CHALLENGE), flags
    scheme, _, token = header.partition(" ")
    flags = ()
    if scheme != "Bearer":  # schemes are alike whatever their case (RFC 9110 §11.1)
        if scheme.lower() != "bearer":
            return unauthenticated(_CHALLENGE), ("basic_on_api",) if scheme.lower() == "basic" else ()
        flags = ("scheme_spelling",)
    token = token.strip(" ")
    if not token or "," in token or " " in token or in_query:
        return _invalid_request("Send exactly one token."), flags
    return _known(switches, ledger, token, now, api=api, service=service), flags


def authenticated(
    config: IdentityConfig, route: Route, switches: Switches, ledger: Ledger, request: Request, now: Millis
) -> tuple[TokenRecord | Refusal, tuple[str, ...]]:
    """As `bearer_of`, on a route of the pod's, which may take an API key as well."""
    key = config.key_in(request) if route.keys else None
    return (key, ()) if key is not None else bearer_of(switches, ledger, request, now, service=route.service)


def token_of(request: Request) -> str:
    """The token of a request whose bearer is in order."""
    return (request.header("authorization") or "").partition(" ")[2].strip(" ")


def with_places(config: IdentityConfig, refusal: Refusal) -> Refusal:
    """A 401 names the path at which this mock's own tokens are granted, which may have a prefix.

    With its switch on, one that asks for a bearer also tells where the API's metadata is (RFC 9728 §5.1).
    """
    if refusal.status != 401:
        return refusal
    if prefix := urlsplit(config.origin).path:
        refusal = replace(refusal, hint=refusal.hint.replace(PATHS["token"], prefix + PATHS["token"]))
    if not config.switches.resource_metadata:
        return refusal
    where = f'resource_metadata="{config.origin}{PATHS["oauth_protected_resource"]}"'
    headers = ((name, f"{value}, {where}" if value.startswith("Bearer") else value) for name, value in refusal.headers)
    return replace(refusal, headers=tuple(headers))


def _known(
    switches: Switches, ledger: Ledger, token: str, now: Millis, *, api: bool, service: str
) -> TokenRecord | Refusal:
    record = ledger.get(token_key(token))
    if not isinstance(record, TokenRecord):
        return _UNKNOWN
    if not live(ledger, record, now):
        if now >= record.forgotten:
            return _UNKNOWN
        return invalid_token("The token expired." if now >= record.until else "The token was revoked.")
    if not api:
        return record
    if not service or service not in services_of(record.scope):
        if not for_api(record.scope):
            return foreign_token(
                _opening(switches.pod, service), shorten(record.scope, _LONGEST_SCOPE, placeholder=" ...")
            )
        if not opens_api(record.scope):
            return insufficient_scope(api_scope(switches.pod))
    if record.user is None and switches.service_tokens == "refused":
        return forbidden(CANNOT_EXECUTE, "This lab asks for a token that stands for a user.")
    return record


def _opening(pod: str, service: str) -> tuple[str, ...]:
    """The scopes that open a route: the API's, and that of the service whose route it is."""
    return (api_scope(pod), service_scope(pod, service)) if service else (api_scope(pod),)


def _invalid_request(what: str) -> Refusal:
    headers = (("www-authenticate", challenge("invalid_request")),)
    return Refusal(400, what, "Send Authorization: Bearer with one token.", headers)
