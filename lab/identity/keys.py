"""The lab's keys: signatures, thumbprints, their public halves as JWKs; and values that mean nothing."""

import json
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from hashlib import sha1, sha256
from itertools import count
from typing import TYPE_CHECKING, NamedTuple, cast

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


class RsaNumbers(NamedTuple):
    """What a private key consists of, in the order of its encoding (RFC 8017 §A.1.2)."""

    version: int
    modulus: int
    exponent: int
    private: int
    p: int
    q: int
    dp: int
    dq: int
    inverse: int


def _encoded(der: bytes) -> Iterator[bytes]:
    """The values that stand one after the other in DER (X.690 §8.1)."""
    place = 0
    while place < len(der):
        length, place = der[place + 1], place + 2
        if length > 0x7F:
            octets = length & 0x7F
            length, place = int.from_bytes(der[place : place + octets], "big"), place + octets
        yield der[place : place + length]
        place += length


@lru_cache(maxsize=4)
def rsa_numbers(pem: str) -> RsaNumbers:
    """Those of one of the lab's own keys, PKCS #8 as they are (RFC 5958 §2)."""
    (info,) = _encoded(b64decode(_body(pem)))
    (key,) = _encoded([*_encoded(info)][2])
    return RsaNumbers(*(int.from_bytes(each, "big") for each in _encoded(key)))


FEW = 8
"""Signatures that are made by arithmetic, 3 to 6 ms each, before the library is loaded, which takes 60 ms."""
_signatures = count(1)
_library: list[Callable[[bytes, str], bytes]] = []
"""What signs fast, once it is loaded."""


def load_library() -> None:
    """Load what signs fast, in any thread: a lab that serves does so once it is up."""
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    for pem, _ in SIGNING_PEMS.values():
        private_key(pem)
    if not _library:
        _library.append(lambda data, pem: private_key(pem).sign(data, PKCS1v15(), SHA256()))


_SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
"""What stands before a SHA-256 digest that is signed (RFC 8017 §9.2, note 1)."""


def signature(data: bytes, pem: str) -> bytes:
    """RSASSA-PKCS1-v1_5 with SHA-256: the same bytes whoever makes them, for there is no chance in them."""
    if not _library and next(_signatures) > FEW:
        load_library()
    if _library:
        return _library[0](data, pem)
    key = rsa_numbers(pem)
    size = (key.modulus.bit_length() + 7) // 8
    digest = _SHA256_INFO + sha256(data).digest()
    message = int.from_bytes(b"\0\1".ljust(size - len(digest) - 1, b"\xff") + b"\0" + digest, "big")
    # by the remainder theorem: two powers of half the length take a quarter of the time of one
    by_p, by_q = pow(message, key.dp, key.p), pow(message, key.dq, key.q)
    return (by_q + (by_p - by_q) * key.inverse % key.p * key.q).to_bytes(size, "big")


def _part(members: Mapping[str, Json]) -> str:
    return base64url(json.dumps(members, separators=(",", ":")).encode())


@lru_cache(maxsize=2)
def signed_head(kid: KeyId) -> str:
    """What every JWT by that key begins with, for its header is always the same."""
    short, long = thumbprints(SIGNING_PEMS[kid][1])
    return _part({"alg": "RS256", "kid": kid, "typ": "JWT", "x5t": short, "x5t#S256": long}) + "."


def sign(claims: Mapping[str, Json], kid: KeyId) -> str:
    """An RS256 JWT by that key of the lab (RFC 7515 §3.1)."""
    signed = signed_head(kid) + _part(claims)
    return f"{signed}.{base64url(signature(signed.encode(), SIGNING_PEMS[kid][0]))}"


def claims_of(token: str) -> dict[str, Json]:
    """The claims of a token that the lab itself signed, nothing is checked; none of one that a replay made up."""
    part = token.split(".")[1]
    try:
        return cast("dict[str, Json]", json.loads(b64decode(part + "=" * (-len(part) % 4), altchars=b"-_")))
    except ValueError:
        return {}


def jwk(kid: KeyId, *, certificate: bool) -> dict[str, Json]:
    """The public half of that key (RFC 7517); with `certificate` also its chain and thumbprints."""
    numbers = rsa_numbers(SIGNING_PEMS[kid][0])
    members: dict[str, Json] = {
        "kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256",
        "n": base64url(numbers.modulus.to_bytes((numbers.modulus.bit_length() + 7) // 8, "big")),
        "e": base64url(numbers.exponent.to_bytes(3, "big")),
    }  # fmt: skip
    if certificate:
        pem = SIGNING_PEMS[kid][1]
        short, long = thumbprints(pem)
        members |= {"x5t": short, "x5t#S256": long, "x5c": [_body(pem)], "key_ops": ["verify"]}
    return members
