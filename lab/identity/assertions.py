"""Signed assertions: a user's (RFC 7523 §2.1), or a client's own in place of a secret (§2.2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from lab.core.clock import Epoch, Millis
from lab.identity.clients import Client
from lab.identity.keys import thumbprints

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from jwt.types import Options

LONGEST_ASSERTION = 16 * 1024
"""Characters."""
_CERTIFICATE = "BEGIN CERTIFICATE"


@dataclass(frozen=True, slots=True)
class Assertion:
    """What a good assertion says: for whom it speaks, and the name by which it is used once."""

    subject: str
    jti: str


def read_assertion(
    token: str, client: Client, audiences: frozenset[str], epoch: Epoch, now: Millis, *, trust: str
) -> Assertion | None:
    """The assertion, or None if anything is wrong with it (RFC 7523 §3); whether its `jti` was seen before is not asked.

    With `trust` off (`any`) its signature isn't checked, so that a client can be tried without a registered key.
    """
    claims = _decoded(token, client if trust == "registered" else None)
    if claims is None or not (_in_time(claims, epoch, now) and _names_one_of(audiences, claims)):
        return None
    subject, jti = claims.get("sub"), claims.get("jti")
    if claims.get("iss") != client.id or not isinstance(subject, str) or not isinstance(jti, str):
        return None
    # `prn` is the subject's name in drafts of the RFC, and Oracle's documents still ask for it
    if not subject or not jti or claims.get("prn", subject) != subject:
        return None
    return Assertion(subject, jti)


def issuer_named(token: str) -> str | None:
    """The `iss` of an assertion that nobody has checked yet; None if it can't be read."""
    claims = _decoded(token, None)
    name = claims.get("iss") if claims else None
    return name if isinstance(name, str) else None


def _decoded(token: str, signer: Client | None) -> Mapping[str, object] | None:
    """The claims, if that client signed them (None: whoever did)."""
    import jwt

    if len(token) > LONGEST_ASSERTION or not token.isascii():
        return None
    # the lab's clock is the only one: the library reads the wall, so none of its checks of time is left on
    options: Options = {
        "verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False, "verify_iss": False,
        "verify_sub": False, "verify_jti": False, "verify_signature": signer is not None,
    }  # fmt: skip
    try:
        if signer is None:
            return cast("dict[str, object]", jwt.decode(token, options=options))
        if not signer.certificate or not _names_key(jwt.get_unverified_header(token), signer):
            return None
        return cast("dict[str, object]", jwt.decode(token, _public(signer.certificate), ["RS256"], options=options))
    except (jwt.PyJWTError, ValueError, RecursionError):
        return None


def _names_key(header: Mapping[str, object], client: Client) -> bool:
    """Whether the header names the client's key (RFC 7515 §4.1.4, §4.1.7), and no other beside it."""
    own = {"kid": client.key_id}
    if _CERTIFICATE in client.certificate:
        own["x5t"], own["x5t#S256"] = thumbprints(client.certificate)
    named = {name: header[name] for name in ("kid", "x5t", "x5t#S256") if name in header}
    return bool(named.keys() & {"kid", "x5t"}) and all(own.get(name) == value for name, value in named.items())


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
    # `type`, for a bool is an int too
    if type(expires) is not int or type(issued) is not int or type(since) is not int:
        return False
    return (issued - epoch) * 1000 <= now < (expires - epoch) * 1000 and (since - epoch) * 1000 <= now


def _names_one_of(audiences: frozenset[str], claims: Mapping[str, object]) -> bool:
    audience = claims.get("aud")
    names = audience if isinstance(audience, list) else [audience]
    return any(isinstance(name, str) and name in audiences for name in names)
