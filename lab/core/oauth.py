"""Grants, tokens, and what a scope means (contract.md §7). Pure: the clock is an argument."""

import re
from base64 import b64decode
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from lab.core.clock import Epoch, Millis
from lab.core.seeds import Seed, uuid4
from lab.core.testkey import KEY_ID, PRIVATE_PEM

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

ISSUER = "https://identity.oraclecloud.com/"
TENANT = "idcs-0123456789abcdef0123456789abcdef"
NO_ACCESS = "lab.none"
"""Appended to the API's scope: right audience, no access."""


@dataclass(frozen=True, slots=True)
class Client:
    """A confidential client and its secret."""

    id: str
    secret: str


DEMO = Client("demo", "lab-secret-a:b/c+d%e")
"""The client that every lab knows; its secret holds the characters that clients encode wrongly."""


def api_scope(pod: str) -> str:
    """The scope that opens the API of a pod."""
    return f"urn:opc:resource:fusion:{pod}:fusion-ai/"


@dataclass(frozen=True, slots=True)
class Scope:
    """A scope that was understood: what is granted, and the lifetime asked for in seconds."""

    granted: str
    lifetime: int | None


_WORD = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
_EXPIRY = re.compile(r"urn:opc:resource:expiry=([0-9]{1,9})")
_SHAPE = re.compile(r"urn:opc:resource:fusion:[a-z0-9-]{1,63}:fusion-ai/(lab\.none)?")


def read_scope(text: str, pod: str, check: str) -> Scope | None:
    """The scope parameter, or None if a word is unknown, malformed or repeated, or nothing is asked for."""
    granted: list[str] = []
    lifetime: int | None = None
    for word in text.split(" ") if text else []:
        expiry = _EXPIRY.fullmatch(word)
        if expiry:
            if lifetime is not None or int(expiry[1]) == 0:
                return None
            lifetime = max(60, int(expiry[1]))
        elif _WORD.fullmatch(word) and _known(word, pod, check):
            granted.append(word)
        else:
            return None
    return Scope(" ".join(granted), lifetime) if granted else None


def _known(word: str, pod: str, check: str) -> bool:
    match check:
        case "pod":
            return word in (api_scope(pod), api_scope(pod) + NO_ACCESS)
        case "shape":
            return _SHAPE.fullmatch(word) is not None
        case _:
            return not word.startswith("urn:opc:resource:expiry")


def opens_api(scope: str) -> bool:
    """Whether a granted scope lets its bearer in: anything but the scope without access."""
    return any(not word.endswith(NO_ACCESS) for word in scope.split(" "))


@dataclass(frozen=True, slots=True)
class BasicPair:
    """Id and secret of a Basic header, in the two readings that clients use."""

    raw: tuple[str, str]
    form: tuple[str, str]


def read_basic(value: str) -> BasicPair | None:
    """What `Authorization: Basic` holds; None if it is no base64, has no colon or no id, or isn't UTF-8."""
    try:
        text = b64decode(value.strip(), validate=True).decode("utf-8")
    except ValueError:
        return None
    identity, colon, secret = text.partition(":")
    if not colon or not identity or "\0" in text:
        return None
    return BasicPair((identity, secret), (unquote_plus(identity), unquote_plus(secret)))


def expiry(epoch: Epoch, now: Millis, lifetime: int) -> tuple[int, int, Millis]:
    """`iat` and `exp` in epoch seconds, and `exp` on the lab's clock: a token is good while `now < exp`."""
    issued = epoch + now // 1000
    return issued, issued + lifetime, (issued + lifetime - epoch) * 1000


@lru_cache(maxsize=1)
def _key() -> "RSAPrivateKey":
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(PRIVATE_PEM.encode(), None)
    assert isinstance(key, RSAPrivateKey)
    return key


def sign(seed: Seed, client: str, ordinal: int, scope: str, issued: int, expires: int) -> str:
    """An RS256 access token for a client itself, with the claims of contract.md §7.3."""
    import jwt

    claims = {
        "iss": ISSUER, "aud": scope.split(" ")[0], "scope": scope, "sub": client, "sub_type": "client",
        "client_id": client, "client_name": client, "jti": uuid4(seed, f"token/{client}/{ordinal}"),
        "iat": issued, "exp": expires, "tok_type": "AT",
        "tenant": TENANT, "user.tenant.name": TENANT, "client_tenantname": TENANT,
    }  # fmt: skip
    return jwt.encode(claims, _key(), algorithm="RS256", headers={"kid": KEY_ID})
