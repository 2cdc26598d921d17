"""Issuing: token, id token, refresh token, and the fact that says so."""

from dataclasses import dataclass

from lab.core.exchange import Json
from lab.core.journal.fact import Fact
from lab.identity.clients import Account, Client, Grant
from lab.identity.endpoints.parts import Desk, Granted
from lab.identity.facts import TokenGranted, families_of, refreshes_of, tokens_of
from lab.identity.keys import opaque
from lab.identity.scopes import OFFLINE, OPENID, Scope
from lab.identity.tokens import Bearing, access_token, expiry, id_token

REFRESH_LIFETIME = 604_800_000
"""Milliseconds for which a refresh token is good."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be issued: for whom, by which grant, with what beside it."""

    client: Client
    grant: Grant
    scope: Scope
    asked: str
    user: Account | None = None
    family: str | None = None
    nonce: str | None = None
    refresh: bool | None = None
    """Whether a refresh token comes with it; None: by grant, profile and scope."""


def issue(desk: Desk, order: Order, *facts: Fact) -> Granted:
    """Answer with tokens; `facts` come before the one that grants."""
    config, client, scope = desk.config, order.client, order.scope
    lifetime = min(scope.lifetime or lifetime_of(desk), lifetime_of(desk))
    issued, expires, until = expiry(config.epoch, desk.now, lifetime)
    bearing = Bearing(config.issuer, client.id, order.user, desk.ledger.next(tokens_of(client.id)))
    token = access_token(config.seed, bearing, scope.granted, issued, expires)
    body: dict[str, Json] = {"access_token": token, "token_type": "Bearer", "expires_in": lifetime}
    wanted = _refreshes(desk, order) if order.refresh is None else order.refresh
    family = order.family or (new_family(desk, client) if wanted else None)
    refresh = (
        opaque(config.seed, f"refresh/{family}/{desk.ledger.next(refreshes_of(family))}") if family and wanted else None
    )
    if refresh is not None:
        body["refresh_token"] = refresh
    if order.user is not None and order.grant is Grant.CODE and OPENID in scope.words:
        body["id_token"] = id_token(bearing, order.user, order.nonce, issued, expires)
    if desk.strict and order.asked != scope.granted:
        body["scope"] = scope.granted
    fact = TokenGranted(
        at=desk.now, token=token, client=client.id, grant=str(order.grant), scope=scope.granted, until=until,
        refresh=refresh, user=order.user.name if order.user else None, family=family,
    )  # fmt: skip
    return desk.answer(body, client.id, *facts, fact)


def new_family(desk: Desk, client: Client) -> str:
    """A name for what is granted for one login."""
    return f"{client.id}/{desk.ledger.next(families_of(client.id))}"


def lifetime_of(desk: Desk) -> int:
    """The configured lifetime of tokens, in seconds: the followed scenario's."""
    followed = desk.config.scenario_of_tokens
    return followed.scenario.token.lifetime // 1000 if followed else 3600


def _refreshes(desk: Desk, order: Order) -> bool:
    if order.grant is Grant.CLIENT_CREDENTIALS or Grant.REFRESH not in order.client.grants:
        return False
    unasked = desk.strict and order.grant in (Grant.PASSWORD, Grant.CODE)
    return unasked or OFFLINE in order.scope.words
