"""Signed assertions: a user's (RFC 7523 §2.1), or a client's own in place of a secret (§2.2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from lab.core.clock import Epoch, Millis
from lab.core.oauth.clients import Client
from lab.core.oauth.keys import thumbprints

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from jwt.types import Options

LONGEST = 16 * 1024


@dataclass(frozen=True, slots=True)
class Assertion:
    """What a good assertion says."""

    subject: str
    jti: str


def read_assertion(
    token: str, client: Client, audiences: frozenset[str], epoch: Epoch, now: Millis, *, trust: str = "registered"
) -> Assertion | None:
    """The assertion, or None if anything is wrong with it; whether its `jti` was seen before is the caller's."""
    found = _decoded(token, client, checked=trust == "registered")
    if found is None or not (_in_time(found, epoch, now) and _for(found, audiences)):
        return None
    subject, jti = found.get("sub"), found.get("jti")
    if found.get("iss") != client.id or not isinstance(subject, str) or not isinstance(jti, str):
        return None
    if not subject or not jti or found.get("prn", subject) != subject:
        return None
    return Assertion(subject, jti)


def issuer_named(token: str) -> str | None:
    """The `iss` of an assertion that nobody has checked yet; None if it can't be read."""
    found = _decoded(token, None, checked=False)
    name = found.get("iss") if found else None
    return name if isinstance(name, str) else None


def _decoded(token: str, client: Client | None, *, checked: bool) -> Mapping[str, object] | None:
    import jwt

    if len(token) > LONGEST or not token.isascii():
        return None
    # the lab's clock is the only one: the library reads the wall, so none of its checks of time is left on
    off: Options = {
        "verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False, "verify_iss": False,
        "verify_sub": False, "verify_jti": False, "verify_signature": checked,
    }  # fmt: skip
    try:
        if checked:
            if client is None or not client.certificate or not _names_key(jwt.get_unverified_header(token), client):
                return None
            found: dict[str, object] = jwt.decode(token, _public(client.certificate), ["RS256"], options=off)
        else:
            found = jwt.decode(token, options=off)
    except (jwt.PyJWTError, ValueError, RecursionError):
        return None
    return found


def _names_key(header: Mapping[str, object], client: Client) -> bool:
    short, long = thumbprints(client.certificate)
    named = {"kid": client.key_id, "x5t": short, "x5t#S256": long}
    given = {name: header[name] for name in named if name in header}
    return bool(given.keys() & {"kid", "x5t"}) and all(named[name] == value for name, value in given.items())


@lru_cache(maxsize=16)
def _public(certificate: str) -> "RSAPublicKey":
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.x509 import load_pem_x509_certificate

    key = load_pem_x509_certificate(certificate.encode()).public_key()
    assert isinstance(key, RSAPublicKey)
    return key


def _in_time(claims: Mapping[str, object], epoch: Epoch, now: Millis) -> bool:
    expires, issued, since = claims.get("exp"), claims.get("iat"), claims.get("nbf", epoch)
    if type(expires) is not int or type(issued) is not int or type(since) is not int:
        return False
    return (issued - epoch) * 1000 <= now < (expires - epoch) * 1000 and (since - epoch) * 1000 <= now


def _for(claims: Mapping[str, object], audiences: frozenset[str]) -> bool:
    told = claims.get("aud")
    names = told if isinstance(told, list) else [told]
    return any(isinstance(name, str) and name in audiences for name in names)
