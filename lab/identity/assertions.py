"""Signed assertions: a user's (RFC 7523 §2.1), or a client's own in place of a secret (§2.2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from lab.core.clock import Epoch, Millis
from lab.identity.clients import Client
from lab.identity.keys import thumbprints

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from jwt.types import Options

LONGEST_ASSERTION = 16 * 1024
_CERTIFICATE = "BEGIN CERTIFICATE"


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

    if len(token) > LONGEST_ASSERTION or not token.isascii():
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
    named = {"kid": client.key_id}
    if _CERTIFICATE in client.certificate:
        named["x5t"], named["x5t#S256"] = thumbprints(client.certificate)
    given = {name: header[name] for name in ("kid", "x5t", "x5t#S256") if name in header}
    return bool(given.keys() & {"kid", "x5t"}) and all(named.get(name) == value for name, value in given.items())


@lru_cache(maxsize=16)
def _public(text: str) -> "RSAPublicKey":
    """The key of a certificate or of itself, in PEM, or of a JWK; ValueError or PyJWTError if there is none."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    from cryptography.x509 import load_pem_x509_certificate

    key: object
    if text.startswith("{"):
        import jwt

        key = jwt.PyJWK.from_json(text).key
    elif _CERTIFICATE in text:
        key = load_pem_x509_certificate(text.encode()).public_key()
    else:
        key = load_pem_public_key(text.encode())
    if not isinstance(key, RSAPublicKey):
        raise ValueError("the key is not an RSA one")
    return key


def reads_key(text: str) -> bool:
    """Whether a key that can check assertions is written there."""
    import jwt
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        return bool(_public(text))
    except (jwt.PyJWTError, ValueError, TypeError, UnsupportedAlgorithm):
        return False


def _in_time(claims: Mapping[str, object], epoch: Epoch, now: Millis) -> bool:
    expires, issued, since = claims.get("exp"), claims.get("iat"), claims.get("nbf", epoch)
    if type(expires) is not int or type(issued) is not int or type(since) is not int:
        return False
    return (issued - epoch) * 1000 <= now < (expires - epoch) * 1000 and (since - epoch) * 1000 <= now


def _for(claims: Mapping[str, object], audiences: frozenset[str]) -> bool:
    told = claims.get("aud")
    names = told if isinstance(told, list) else [told]
    return any(isinstance(name, str) and name in audiences for name in names)
