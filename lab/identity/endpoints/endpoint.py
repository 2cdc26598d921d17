"""The token endpoint: which grant, may this client use it, and the grants that need no page (contract.md §7.2)."""

from lab.core.exchange import Request
from lab.identity.assertions import read_assertion
from lab.identity.clients import Client, Grant
from lab.identity.endpoints.clients import audiences, authenticate, first_use
from lab.identity.endpoints.code import exchange
from lab.identity.endpoints.device import poll
from lab.identity.endpoints.issue import REFRESH_LIFETIME, Order, issue
from lab.identity.endpoints.parts import (
    LARGEST_FORM,
    UNAUTHORIZED_CLIENT,
    Desk,
    Form,
    Granted,
    Refused,
    invalid_grant,
    invalid_request,
    read_form,
)
from lab.identity.facts import TokenRevoked
from lab.identity.records import FamilyRecord, RefreshRecord, family_key, refresh_key
from lab.identity.scopes import OFFLINE, OPENID, Scope

_WRONG_LOGIN = invalid_grant("User name or password is wrong.")
_WRONG_REFRESH = invalid_grant("The refresh token is not good.")
_WRONG_ASSERTION = invalid_grant("The assertion is not good.")


def token(desk: Desk, request: Request) -> Granted:
    """Answer a token request."""
    if len(request.body) > LARGEST_FORM:
        return desk.empty(413)
    form = read_form(request, desk.flags)
    if isinstance(form, Refused):
        return desk.refuse(form)
    client = authenticate(desk, request, form)
    if isinstance(client, Refused):
        return desk.refuse(client)
    kind = form.get("grant_type")
    if kind is None:
        return desk.refuse(invalid_request("grant_type is missing."))
    if kind not in set(Grant):
        return desk.refuse(Refused(400, "unsupported_grant_type", "This grant type is not served."))
    grant = Grant(kind)
    if not client.active or grant not in client.grants or (client.public and grant is Grant.CLIENT_CREDENTIALS):
        return desk.refuse(UNAUTHORIZED_CLIENT)
    return _by_grant(desk, client, grant, form)


def _by_grant(desk: Desk, client: Client, grant: Grant, form: Form) -> Granted:
    match grant:
        case Grant.CLIENT_CREDENTIALS:
            return _client_credentials(desk, client, form)
        case Grant.PASSWORD:
            return _password(desk, client, form)
        case Grant.REFRESH:
            return _refresh(desk, client, form)
        case Grant.ASSERTION:
            return _assertion(desk, client, form)
        case Grant.CODE:
            return exchange(desk, client, form)
        case Grant.DEVICE:
            return poll(desk, client, form)


def _client_credentials(desk: Desk, client: Client, form: Form) -> Granted:
    asked = form.get("scope", "")
    scope = desk.scope(asked)
    if isinstance(scope, Refused):
        return desk.refuse(scope)
    # nobody logged in: nothing to stay for, and nobody to tell of
    kept = " ".join(word for word in scope.words if word not in (OFFLINE, OPENID))
    if not kept:
        return desk.refuse(Refused(400, "invalid_scope", "A scope of the API is missing."))
    return issue(desk, Order(client, Grant.CLIENT_CREDENTIALS, Scope(kept, scope.lifetime), asked))


def _password(desk: Desk, client: Client, form: Form) -> Granted:
    name, password = form.get("username"), form.get("password")
    if name is None or password is None:
        return desk.refuse(invalid_request("username or password is missing."))
    user = desk.config.account(name)
    if user is None or user.password != password:
        return desk.refuse(_WRONG_LOGIN)
    scope = desk.scope(form.get("scope", ""))
    if isinstance(scope, Refused):
        return desk.refuse(scope)
    return issue(desk, Order(client, Grant.PASSWORD, scope, form["scope"], user))


def _assertion(desk: Desk, client: Client, form: Form) -> Granted:
    given = form.get("assertion")
    if given is None:
        return desk.refuse(invalid_request("assertion is missing."))
    scope = desk.scope(form.get("scope", ""))
    if isinstance(scope, Refused):
        return desk.refuse(scope)
    config = desk.config
    found = read_assertion(
        given, client, audiences(desk), config.epoch, desk.now, trust=config.switches.assertion_trust
    )  # fmt: skip
    user = config.account(found.subject) if found else None
    if found is None or user is None or not first_use(desk, client, found.jti):
        return desk.refuse(_WRONG_ASSERTION)
    return issue(desk, Order(client, Grant.ASSERTION, scope, form["scope"], user))


def _refresh(desk: Desk, client: Client, form: Form) -> Granted:
    given = form.get("refresh_token")
    if given is None:
        return desk.refuse(invalid_request("refresh_token is missing."))
    known = desk.ledger.get(refresh_key(given))
    family = desk.ledger.get(family_key(known.family)) if isinstance(known, RefreshRecord) else None
    if not isinstance(known, RefreshRecord) or not isinstance(family, FamilyRecord) or known.client != client.id:
        return desk.refuse(_WRONG_REFRESH)
    if known.ended == "rotated" and not family.revoked:
        # somebody holds a copy: neither can be told from the other, so all of the family ends
        return desk.refuse(_WRONG_REFRESH, TokenRevoked(at=desk.now, by=client.id, token=given, why="reused"))
    if known.ended or family.revoked or desk.now >= known.since + REFRESH_LIFETIME:
        return desk.refuse(_WRONG_REFRESH)
    asked = form.get("scope", family.scope)
    scope = desk.scope(asked)
    if isinstance(scope, Scope) and not set(scope.words) <= set(family.scope.split(" ")):
        scope = Refused(400, "invalid_scope", "The scope is wider than the one first granted.")
    if isinstance(scope, Refused):
        return desk.refuse(scope)
    rotates = desk.config.switches.refresh_rotation
    ended = (TokenRevoked(at=desk.now, by=client.id, token=given, why="rotated"),) if rotates else ()
    user = desk.config.account(known.user)
    return issue(desk, Order(client, Grant.REFRESH, scope, asked, user, known.family, refresh=rotates), *ended)
