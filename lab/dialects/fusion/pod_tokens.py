"""Tokens from the pod itself: the map for a bearer, the relays for a browser's login or a password (contract.md §2.3)."""

from lab.core.exchange import Json, Request, Response, json_response
from lab.core.refusal import BASIC_CHALLENGE, Refusal, bad_request, unauthenticated
from lab.core.seeds import hexes
from lab.dialects.reading import query_of
from lab.identity.clients import Account, read_basic
from lab.identity.endpoints.context import TokenContext
from lab.identity.endpoints.issuing import access_token
from lab.identity.facts import TokenGranted
from lab.identity.scopes import API_SERVICE, SERVICES, api_scope, service_scope

POD_CLIENT = "pod"
"""The client in whose name the relays grant: no application asks there."""
RELAY_LIFETIME = 14_400
"""Seconds for which a cookie relay's token is good."""
_BASIC = Refusal(
    401, "Authentication failed.", "Send Authorization: Basic with a user's name and password.", BASIC_CHALLENGE
)


def tokens(context: TokenContext, _: Request) -> Response:
    """The map name -> token for a bearer of the API: one for the API, one for another service."""
    bearer, config = context.bearer, context.config
    assert bearer is not None
    user = config.account(bearer.user) or (Account(bearer.user, "") if bearer.user else None)
    named: dict[str, Json] = {}
    for service in (API_SERVICE, SERVICES[0]):
        wanted = service_scope(config.switches.pod, service)
        named[service] = _granted(context, "pod_tokens", bearer.client, user, wanted, config.lifetime)
    return json_response(named)


def multiplex(_context: TokenContext, _: Request) -> Response:
    """A local orchestrator's place for several calls at once, of which no source shows more than its path."""
    return json_response({})


def relay(context: TokenContext, request: Request) -> Response | Refusal:
    """A token for a browser that is logged in; the lab takes its word, and the default user for it."""
    if not request.header("cookie") or not request.header("x-xsrf-token"):
        return unauthenticated("Send the session's Cookie, and x-xsrf-token as anticsrf gives it.")
    wanted = context.scope(query_of(request.query).get("scopesfq") or api_scope(context.config.switches.pod))
    if isinstance(wanted, Refusal):
        return bad_request("scopesfq is not a scope of this pod.", wanted.message)
    user = context.config.default_user
    lifetime = wanted.lifetime_within(RELAY_LIFETIME)
    body: dict[str, Json] = {
        "access_token": _granted(context, "token_relay", POD_CLIENT, user, wanted.granted, lifetime),
        "token_type": "JWT",
        "expires_in": lifetime,
        "principal": user.name if user else POD_CLIENT,
    }
    return json_response(body)


def anticsrf(context: TokenContext, request: Request) -> Response | Refusal:
    """What a browser's page sends as x-xsrf-token."""
    if not request.header("cookie"):
        return unauthenticated("Send the session's Cookie.")
    number = context.changes.use("xsrf")
    value = context.mint("xsrf", lambda: hexes(context.config.seed, f"xsrf/{number}", 32))
    return json_response({"xsrftoken": value})


def relay_basic(context: TokenContext, request: Request) -> Response | Refusal:
    """A bare token as text for a user's name and password."""
    user = _user(context, request)
    if user is None:
        return _BASIC
    service = query_of(request.query).get("servicetype", "")
    if service not in (API_SERVICE, *SERVICES):
        return bad_request(f"servicetype must be one of {', '.join((API_SERVICE, *SERVICES))}.")
    wanted = service_scope(context.config.switches.pod, service)
    token = _granted(context, "basic_relay", POD_CLIENT, user, wanted, context.config.lifetime)
    return Response(200, (("content-type", "text/plain"), ("cache-control", "no-store")), token.encode())


def _granted(context: TokenContext, grant: str, client: str, user: Account | None, scope: str, lifetime: int) -> str:
    """A token for `lifetime` seconds; the fact of it is noted."""
    token, until = access_token(context, client, user, scope, lifetime)
    name = user.name if user else None
    context.changes.add(
        TokenGranted(at=context.now, token=token, client=client, grant=grant, scope=scope, until=until, user=name)
    )
    return token


def _user(context: TokenContext, request: Request) -> Account | None:
    scheme, _, credentials = (request.header("authorization") or "").partition(" ")
    readings = read_basic(credentials) if scheme.lower() == "basic" else ()
    name = context.judge(lambda: _name(context, readings))
    return context.config.account(name if isinstance(name, str) else None)


def _name(context: TokenContext, readings: tuple[tuple[str, str], ...]) -> str | None:
    """Whose name and password it is, in either reading."""
    known = ((name, password, context.config.account(name)) for name, password in readings)
    return next((name for name, password, user in known if user is not None and user.password == password), None)
