"""The token endpoint: which grant, may this client use it, and the grants that need no page (contract.md §7.2)."""

from typing import assert_never

from lab.core.exchange import Response
from lab.core.journal.ledger import known_record
from lab.core.refusal import Refusal
from lab.identity.assertions import Unfit
from lab.identity.clients import Account, Client, Grant
from lab.identity.endpoints.authentication import good_assertion, used_before
from lab.identity.endpoints.authorization_code import trade_code
from lab.identity.endpoints.context import TokenContext
from lab.identity.endpoints.device_code import poll
from lab.identity.endpoints.forms import Parameters
from lab.identity.endpoints.issuing import TokenTerms, issue
from lab.identity.records import FamilyRecord, RefreshRecord, family_key, refresh_key
from lab.identity.refusals import UNAUTHORIZED_CLIENT, invalid_grant, invalid_request, invalid_scope
from lab.identity.scopes import OFFLINE, OPENID, Scope

_WRONG_LOGIN = invalid_grant("User name or password is wrong.")
_WRONG_REFRESH = invalid_grant("The refresh token is not good.")
_WRONG_ASSERTION = invalid_grant("The assertion is not good.")


def token(context: TokenContext, client: Client, form: Parameters) -> Response | Refusal:
    """Trade credentials for tokens (RFC 6749 §3.2)."""
    word = form.get("grant_type")
    if word is None:
        return invalid_request("grant_type is missing.")
    if word not in set(Grant):
        return Refusal(400, "This grant type is not served.", error="unsupported_grant_type")
    grant = Grant(word)
    # without a secret there are no client credentials (RFC 6749 §4.4)
    if not client.may_use(grant) or (client.public and grant is Grant.CLIENT_CREDENTIALS):
        return UNAUTHORIZED_CLIENT
    match grant:
        case Grant.CLIENT_CREDENTIALS:
            return _client_credentials(context, client, form)
        case Grant.PASSWORD:
            return _password(context, client, form)
        case Grant.REFRESH:
            return _refresh(context, client, form)
        case Grant.ASSERTION:
            return _assertion(context, client, form)
        case Grant.CODE:
            return trade_code(context, client, form)
        case Grant.DEVICE:
            return poll(context, client, form)
        case _:
            assert_never(grant)


def _client_credentials(context: TokenContext, client: Client, form: Parameters) -> Response | Refusal:
    requested = form.get("scope", "")
    scope = context.scope(requested)
    if isinstance(scope, Refusal):
        return scope
    # nobody logged in: nothing to stay for, and nobody to tell of
    kept = " ".join(word for word in scope.words if word not in (OFFLINE, OPENID))
    if not kept:
        return invalid_scope("A scope of the API is missing.")
    return issue(context, TokenTerms(client, Grant.CLIENT_CREDENTIALS, Scope(kept, scope.lifetime), requested))


def _password(context: TokenContext, client: Client, form: Parameters) -> Response | Refusal:
    name, password = form.get("username"), form.get("password")
    if name is None or password is None:
        return invalid_request("username or password is missing.")
    user = context.config.account(name)
    if user is None or not context.judge(lambda: user.password == password):
        return _WRONG_LOGIN  # one sentence for both, or it would tell who exists
    scope = context.scope(form.get("scope", ""))
    if isinstance(scope, Refusal):
        return scope
    return issue(context, TokenTerms(client, Grant.PASSWORD, scope, form["scope"], user))


def _assertion(context: TokenContext, client: Client, form: Parameters) -> Response | Refusal:
    """An assertion by which the client speaks for a user (RFC 7523 §2.1)."""
    if "assertion" not in form:
        return invalid_request("assertion is missing.")
    scope = context.scope(form.get("scope", ""))
    if isinstance(scope, Refusal):
        return scope
    user = _user_named(context, client, form["assertion"])
    if isinstance(user, Unfit):
        return context.explained(_WRONG_ASSERTION, user.why)
    return issue(context, TokenTerms(client, Grant.ASSERTION, scope, form["scope"], user))


def _user_named(context: TokenContext, client: Client, token: str) -> Account | Unfit:
    """The user for whom a client's assertion speaks, or what is wrong with it."""
    found = good_assertion(context, client, token)
    if isinstance(found, Unfit):
        return found
    user = context.config.account(found.subject)
    if user is None:
        return Unfit("sub must be the name of a user who is known")
    return used_before(context, client, found) or user


def _refresh(context: TokenContext, client: Client, form: Parameters) -> Response | Refusal:
    """New tokens for a refresh token (RFC 6749 §6), which is traded for a new one at each use (RFC 9700 §4.14.2).

    So one that comes a second time is in two hands, a thief's among them. Whose came first can't be told: every token of
    that login ends, and the rightful owner logs in again.
    """
    if "refresh_token" not in form:
        return invalid_request("refresh_token is missing.")
    sent = form["refresh_token"]
    record = known_record(context.changes, refresh_key(sent), RefreshRecord, context.now)
    if record is None or record.client != client.id:
        return _WRONG_REFRESH
    family = known_record(context.changes, family_key(record.family), FamilyRecord, context.now)
    if family is None:
        return _WRONG_REFRESH
    if record.ended == "rotated" and not family.revoked:
        context.revoke(client, sent, "reused")
        return _WRONG_REFRESH
    if record.ended or family.revoked:
        return _WRONG_REFRESH
    # less may be asked for, and the next time again all: the family keeps the first scope (RFC 6749 §6)
    requested = form.get("scope", family.scope)
    scope = context.scope(requested)
    if isinstance(scope, Refusal):
        return scope
    if not set(scope.words) <= set(family.scope.split(" ")):
        return invalid_scope("The scope is wider than the one first granted.")
    rotates = context.config.switches.refresh_rotation
    if rotates:
        context.revoke(client, sent, "rotated")
    user = context.config.account(record.user)
    return issue(context, TokenTerms(client, Grant.REFRESH, scope, requested, user, record.family, refresh=rotates))
