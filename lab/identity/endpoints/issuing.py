"""Issuing: access token, id token, refresh token, and the fact that says so (contract.md §7.2, §7.3)."""

from msgspec import Struct

from lab.core.exchange import Json, Response, json_bytes
from lab.core.seeds import uuid4
from lab.identity.clients import Account, Client, Grant
from lab.identity.endpoints.context import TokenContext
from lab.identity.facts import TokenGranted, families_of, refreshes_of, tokens_of
from lab.identity.keys import opaque, sign
from lab.identity.records import signing
from lab.identity.refusals import TOKEN_HEADERS
from lab.identity.scopes import OFFLINE, OPENID, Scope, audience
from lab.program.faults import Fault

TENANT = "idcs-0123456789abcdef0123456789abcdef"


class TokenTerms(Struct, frozen=True):
    """What is to be issued: for whom, by which grant, with what beside it."""

    client: Client
    grant: Grant
    scope: Scope
    requested: str
    """The scope as the client put it."""
    user: Account | None = None
    """Who logged in, and is named in the token; None: nobody, the client speaks for itself."""
    family: str | None = None
    """The login it goes back to; None: this is one."""
    nonce: str | None = None
    refresh: bool | None = None
    """Whether a refresh token comes with it; None: by grant, profile and scope."""

    @property
    def bearer(self) -> str | None:
        """The user as whom the pod takes whoever has the token; of a client's own token that isn't written in it."""
        if self.user is not None:
            return self.user.name
        return (self.client.user or None) if self.grant is Grant.CLIENT_CREDENTIALS else None


def issue(context: TokenContext, terms: TokenTerms) -> Response:
    """Answer with tokens (RFC 6749 §5.1), and note who got what."""
    config, client, scope = context.config, terms.client, terms.scope
    lifetime = scope.lifetime_within(config.lifetime)
    token, until = access_token(context, client.id, terms.user, scope.granted, lifetime)
    body: dict[str, Json] = {"access_token": token, "token_type": "Bearer", "expires_in": lifetime}
    family, refresh = terms.family, None
    if _may_refresh(config.strict, terms) if terms.refresh is None else terms.refresh:
        family = family or new_family(context, client)
        number = context.changes.next(refreshes_of(family))
        refresh = context.mint("refresh", lambda: opaque(config.seed, f"refresh/{family}/{number}"))
        body["refresh_token"] = refresh
    if terms.user is not None and terms.grant is Grant.CODE and OPENID in scope.words:
        body["id_token"] = _id_token(context, terms, terms.user, lifetime)
    if config.strict and terms.requested != scope.granted:
        body["scope"] = scope.granted
    context.granted_to = client.id
    context.changes.add(
        TokenGranted(
            at=context.now,
            token=token,
            client=client.id,
            grant=str(terms.grant),
            scope=scope.granted,
            until=until,
            refresh=refresh,
            user=terms.bearer,
            family=family,
        )
    )
    return token_answer(body)


def token_answer(body: dict[str, Json]) -> Response:
    """A success of an endpoint that clients call: it holds secrets, so no cache may keep it (RFC 6749 §5.1)."""
    return Response(200, TOKEN_HEADERS, json_bytes(body))


def odd_grant(fault: Fault, members: dict[str, Json]) -> dict[str, Json]:
    """The members of a token answer under a fault: `token_type` is case-insensitive, `scope` optional (RFC 6749 §5.1)."""
    if fault.route != "token" or not fault.odd_body:
        return members
    return {name: "bearer" if name == "token_type" else value for name, value in members.items() if name != "scope"}


def new_family(context: TokenContext, client: Client) -> str:
    """A name for all that will be granted for one login: a family is revoked together (RFC 9700 §4.14.2)."""
    return f"{client.id}/{context.changes.next(families_of(client.id))}"


def _may_refresh(strict: bool, terms: TokenTerms) -> bool:
    if terms.grant is Grant.CLIENT_CREDENTIALS or Grant.REFRESH not in terms.client.grants:
        return False
    unasked = strict and terms.grant in (Grant.PASSWORD, Grant.CODE)
    return unasked or OFFLINE in terms.scope.words


def access_token(
    context: TokenContext, client: str, user: Account | None, scope: str, lifetime: int
) -> tuple[str, int]:
    """An RS256 access token for `lifetime` seconds, and the instant from which it is no longer good.

    Its times are whole seconds, so it is good for up to a second less: `until` is its `exp` on the lab's clock.
    """
    config = context.config
    issued, expires = _times(context, lifetime)
    audiences: tuple[Json, ...] = audience(scope) or (config.issuer,)
    # the number makes tokens differ that are issued to the same client in the same second
    number = context.changes.next(tokens_of(client))
    claims: dict[str, Json] = {
        "iss": config.issuer,
        "aud": audiences[0] if len(audiences) == 1 else list(audiences),
        "scope": scope,
        "sub": user.name if user else client,
        "sub_type": "user" if user else "client",
        "client_id": client,
        "client_name": client,
        "jti": uuid4(config.seed, f"token/{client}/{number}"),
        "iat": issued,
        "exp": expires,
        "tok_type": "AT",
        "tenant": TENANT,
        "user.tenant.name": TENANT,
        "client_tenantname": TENANT,
    }
    if user is not None:
        claims |= {**_profile(user), "sub_mappingattr": "userName", "user_tenantname": TENANT}
    token = context.mint("token", lambda: sign(claims, signing(context.changes).key))
    return token, (expires - config.epoch) * 1000


def _id_token(context: TokenContext, terms: TokenTerms, user: Account, lifetime: int) -> str:
    """Who logged in, for the client to read (OIDC Core §2); the nonce is echoed."""
    issued, expires = _times(context, lifetime)
    claims: dict[str, Json] = {
        "iss": context.config.issuer,
        "sub": user.name,
        "aud": terms.client.id,
        "iat": issued,
        "exp": expires,
        "tok_type": "IT",
        **_profile(user),
    }
    if terms.nonce is not None:
        claims["nonce"] = terms.nonce
    return context.mint("idtoken", lambda: sign(claims, signing(context.changes).key))


def _times(context: TokenContext, lifetime: int) -> tuple[int, int]:
    """`iat` and `exp`, in seconds since 1970."""
    issued = context.config.epoch + context.now // 1000
    return issued, issued + lifetime


def _profile(user: Account) -> dict[str, Json]:
    # the id is the same whatever the seed: it belongs to the user, not to the run
    return {"user_id": uuid4(0, f"user/{user.name}").replace("-", ""), "user_displayname": user.display or user.name}
