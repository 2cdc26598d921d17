"""The lab's keys: signatures, thumbprints, their public halves as JWKs; and values that mean nothing."""

import json
from base64 import b64decode, urlsafe_b64encode
from functools import lru_cache
from hashlib import sha1, sha256
from typing import TYPE_CHECKING, cast

from lab.core.exchange import Json
from lab.core.seeds import Seed, digest
from lab.identity.testkey import SIGNING_PEMS, KeyId

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey


def base64url(raw: bytes) -> str:
    """Base64url without padding (RFC 7515 §2)."""
    return urlsafe_b64encode(raw).decode().rstrip("=")


def opaque(seed: Seed, stream: str) -> str:
    """43 characters that mean nothing: a refresh token, a code."""
    return base64url(digest(seed, stream))


def challenge_of(verifier: str) -> str:
    """The S256 challenge that belongs to a PKCE verifier (RFC 7636 §4.2)."""
    return base64url(sha256(verifier.encode("utf-8", "surrogatepass")).digest())


def _body(pem: str) -> str:
    """The base64 between a PEM's first and last line."""
    return "".join(pem.strip().splitlines()[1:-1])


def thumbprints(pem: str) -> tuple[str, str]:
    """`x5t` and `x5t#S256` of a certificate (RFC 7515 §4.1.7)."""
    raw = b64decode(_body(pem))
    return base64url(sha1(raw, usedforsecurity=False).digest()), base64url(sha256(raw).digest())


@lru_cache(maxsize=4)
def private_key(pem: str) -> "RSAPrivateKey":
    """The key of one of the lab's own PEMs."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    # proving anew at each start that a constant is a sound key takes 30 ms
    key = load_pem_private_key(pem.encode(), None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(key, RSAPrivateKey)
    return key


@lru_cache(maxsize=2)
def _header(kid: KeyId) -> dict[str, str]:
    short, long = thumbprints(SIGNING_PEMS[kid][1])
    return {"kid": kid, "x5t": short, "x5t#S256": long}


def sign(claims: dict[str, Json], kid: KeyId) -> str:
    """An RS256 JWT by that key of the lab."""
    import jwt

    return jwt.encode(claims, private_key(SIGNING_PEMS[kid][0]), algorithm="RS256", headers=_header(kid))


@lru_cache(maxsize=2)
def signed_head(kid: KeyId) -> str:
    """What every JWT by that key begins with, for its header is always the same."""
    return sign({}, kid).partition(".")[0] + "."


def claims_of(token: str) -> dict[str, Json]:
    """The claims of a token that the lab itself signed, nothing is checked; none of one that a replay made up."""
    part = token.split(".")[1]
    try:
        return cast("dict[str, Json]", json.loads(b64decode(part + "=" * (-len(part) % 4), altchars=b"-_")))
    except ValueError:
        return {}


def jwk(kid: KeyId, *, certificate: bool) -> dict[str, Json]:
    """The public half of that key (RFC 7517); with `certificate` also its chain and thumbprints."""
    numbers = private_key(SIGNING_PEMS[kid][0]).public_key().public_numbers()
    members: dict[str, Json] = {
        "kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256",
        "n": base64url(numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")),
        "e": base64url(numbers.e.to_bytes(3, "big")),
    }  # fmt: skip
    if certificate:
        pem = SIGNING_PEMS[kid][1]
        short, long = thumbprints(pem)
        members |= {"x5t": short, "x5t#S256": long, "x5c": [_body(pem)], "key_ops": ["verify"]}
    return members
