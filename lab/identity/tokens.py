"""Access and id tokens: their claims and their lifetime (contract.md §7.3)."""

from dataclasses import dataclass

from lab.core.clock import Epoch, Millis
from lab.core.exchange import Json
from lab.core.seeds import Seed, uuid4
from lab.identity.clients import Account
from lab.identity.keys import sign
from lab.identity.scopes import audience

TENANT = "idcs-0123456789abcdef0123456789abcdef"


@dataclass(frozen=True, slots=True)
class Bearing:
    """Whom a token stands for: a user, or (None) the client itself; `ordinal` counts the client's tokens."""

    issuer: str
    client: str
    user: Account | None
    ordinal: int


def expiry(epoch: Epoch, now: Millis, lifetime: int) -> tuple[int, int, Millis]:
    """`iat` and `exp` in epoch seconds, and `exp` on the lab's clock: a token is good while `now < exp`."""
    issued = epoch + now // 1000
    return issued, issued + lifetime, (issued + lifetime - epoch) * 1000


def access_token(seed: Seed, bearing: Bearing, scope: str, issued: int, expires: int) -> str:
    """An RS256 access token with the claims of contract.md §7.3."""
    client, user = bearing.client, bearing.user
    audiences: tuple[Json, ...] = audience(scope) or (bearing.issuer,)
    claims: dict[str, Json] = {
        "iss": bearing.issuer, "aud": audiences[0] if len(audiences) == 1 else list(audiences), "scope": scope,
        "sub": user.name if user else client, "sub_type": "user" if user else "client",
        "client_id": client, "client_name": client, "jti": uuid4(seed, f"token/{client}/{bearing.ordinal}"),
        "iat": issued, "exp": expires, "tok_type": "AT",
        "tenant": TENANT, "user.tenant.name": TENANT, "client_tenantname": TENANT,
    }  # fmt: skip
    if user is not None:
        claims |= {
            "user_id": _id_of(user), "user_displayname": user.display or user.name, "sub_mappingattr": "userName",
            "user_tenantname": TENANT,
        }  # fmt: skip
    return sign(claims)


def id_token(bearing: Bearing, user: Account, nonce: str | None, issued: int, expires: int) -> str:
    """An id token for the client (OIDC Core §2); the nonce is echoed."""
    claims: dict[str, Json] = {
        "iss": bearing.issuer, "sub": user.name, "aud": bearing.client, "iat": issued, "exp": expires,
        "tok_type": "IT", "user_id": _id_of(user), "user_displayname": user.display or user.name,
    }  # fmt: skip
    return sign(claims if nonce is None else {**claims, "nonce": nonce})


def _id_of(user: Account) -> str:
    # the same whatever the seed: it belongs to the user, not to the run
    return uuid4(0, f"user/{user.name}").replace("-", "")
