"""Tokens from the pod itself: the map for a bearer, the relays for a browser's login or a password (contract.md §2.3)."""

from dataclasses import dataclass
from urllib.parse import unquote_plus

from lab.core.exchange import JSON_HEADERS, Json, Request, Response, json_bytes
from lab.core.refusal import Refusal, bad_request, unauthenticated
from lab.core.seeds import hexes
from lab.identity.clients import Account, read_basic
from lab.identity.endpoints import Desk, lifetime_of
from lab.identity.endpoints.parts import Refused
from lab.identity.facts import TokenGranted, tokens_of
from lab.identity.scopes import API_SERVICE, SERVICES, Scope, api_scope, service_scope
from lab.identity.tokens import Bearing, access_token, expiry
from lab.mock.calls import Answered, Call

POD_CLIENT = "pod"
"""The client in whose name the relays grant: no application asks there."""
RELAY_LIFETIME = 14_400
"""Seconds for which a cookie relay's token is good."""
_BASIC = Refusal(
    401, "Authentication failed.", "Send Authorization: Basic with a user's name and password.",
    (("www-authenticate", 'Basic realm="lab"'),),
)  # fmt: skip


def tokens(call: Call) -> Answered:
    """The map name -> token for a bearer of the API: one for the API, one for another service."""
    config = call.views.config
    desk = Desk(config, call.ledger, call.now, [])
    bearer, pod = call.bearer, config.switches.pod
    user = config.account(bearer.user) or (Account(bearer.user, "") if bearer.user else None)
    named: dict[str, Json] = {}
    for name, scope in ((API_SERVICE, api_scope(pod)), (SERVICES[0], service_scope(pod, SERVICES[0]))):
        fact = _granted(desk, _Order("pod_tokens", bearer.client, user, scope, lifetime_of(desk)))
        named[name] = fact.token
    return Answered(Response(200, JSON_HEADERS, json_bytes(named)))


def multiplex(_: Call) -> Answered:
    """A local orchestrator's place for several calls at once, of which no source shows more than its path."""
    return Answered(Response(200, JSON_HEADERS, json_bytes({})))


def relay(desk: Desk, request: Request) -> Response | Refusal:
    """A token for a browser that is logged in; the lab takes its word, and the default user for it."""
    if not request.header("cookie") or not request.header("x-xsrf-token"):
        return unauthenticated("Send the session's Cookie, and x-xsrf-token as anticsrf gives it.")
    asked = _query(request).get("scopesfq") or api_scope(desk.config.switches.pod)
    scope = desk.scope(asked)
    if isinstance(scope, Refused):
        return bad_request("scopesfq is not a scope of this pod.", scope.description)
    user = desk.config.accounts[0] if desk.config.accounts else None
    lifetime = _shorter(scope, RELAY_LIFETIME)
    fact = _granted(desk, _Order("token_relay", POD_CLIENT, user, scope.granted, lifetime))
    body: dict[str, Json] = {
        "access_token": fact.token, "token_type": "JWT", "expires_in": lifetime,
        "principal": user.name if user else POD_CLIENT,
    }  # fmt: skip
    return Response(200, JSON_HEADERS, json_bytes(body))


def anticsrf(desk: Desk, request: Request) -> Response | Refusal:
    """What a browser's page sends as x-xsrf-token."""
    if not request.header("cookie"):
        return unauthenticated("Send the session's Cookie.")
    value = hexes(desk.config.seed, f"xsrf/{desk.ledger.use('xsrf')}", 32)
    return Response(200, JSON_HEADERS, json_bytes({"xsrftoken": value}))


def relay_basic(desk: Desk, request: Request) -> Response | Refusal:
    """A bare token as text for a user's name and password."""
    user = _user(desk, request)
    if user is None:
        return _BASIC
    service = _query(request).get("servicetype", "")
    pod = desk.config.switches.pod
    if service not in (API_SERVICE, *SERVICES):
        return bad_request(f"servicetype must be one of {', '.join((API_SERVICE, *SERVICES))}.")
    scope = api_scope(pod) if service == API_SERVICE else service_scope(pod, service)
    fact = _granted(desk, _Order("basic_relay", POD_CLIENT, user, scope, lifetime_of(desk)))
    headers = (("content-type", "text/plain"), ("cache-control", "no-store"))
    return Response(200, headers, fact.token.encode())


@dataclass(frozen=True, slots=True)
class _Order:
    grant: str
    client: str
    user: Account | None
    scope: str
    lifetime: int
    """Seconds."""


def _granted(desk: Desk, order: _Order) -> TokenGranted:
    config = desk.config
    issued, expires, until = expiry(config.epoch, desk.now, order.lifetime)
    bearing = Bearing(config.issuer, order.client, order.user, desk.ledger.next(tokens_of(order.client)))
    fact = TokenGranted(
        at=desk.now, token=access_token(config.seed, bearing, order.scope, issued, expires), client=order.client,
        grant=order.grant, scope=order.scope, until=until, user=order.user.name if order.user else None,
    )  # fmt: skip
    desk.ledger.add(fact)
    return fact


def _shorter(scope: Scope, lifetime: int) -> int:
    return min(scope.lifetime or lifetime, lifetime)


def _user(desk: Desk, request: Request) -> Account | None:
    scheme, _, credentials = (request.header("authorization") or "").partition(" ")
    pair = read_basic(credentials) if scheme.lower() == "basic" else None
    for name, password in (pair.raw, pair.form) if pair else ():
        user = desk.config.account(name)
        if user is not None and user.password == password:
            return user
    return None


def _query(request: Request) -> dict[str, str]:
    """The query's parameters, decoded as far as they can be; of a repeated one the first counts."""
    named: dict[str, str] = {}
    for pair in request.query.split("&"):
        name, _, value = pair.partition("=")
        named.setdefault(unquote_plus(name), unquote_plus(value))
    return named
