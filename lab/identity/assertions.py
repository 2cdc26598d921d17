"""Signed assertions: a user's (RFC 7523 §2.1), or a client's own in place of a secret (§2.2)."""

from collections.abc import Mapping
from functools import lru_cache
from math import ceil, floor, isfinite
from typing import TYPE_CHECKING, cast

from msgspec import Struct

from lab.core.clock import LAST_SECOND, Epoch, Millis, epoch_text
from lab.identity.clients import Client
from lab.identity.keys import thumbprints

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from jwt.types import Options

LONGEST_ASSERTION = 16 * 1024
"""Characters."""
LEEWAY = 60
"""Seconds that `iat` and `nbf` may lie ahead: a client takes the wall's second, and the lab's clock may lag behind it
(RFC 7519 §4.1.5 lets a leeway stand)."""
_CERTIFICATE = "BEGIN CERTIFICATE"


class Assertion(Struct, frozen=True):
    """What a good assertion says: for whom it speaks, and the name by which it is used once, if it has one."""

    subject: str
    jti: str | None
    until: Millis
    """The instant from which it is good no more."""


class Unfit(Struct, frozen=True):
    """Why an assertion isn't good: the claim, and what was expected of it. Nothing that it holds is repeated but times,
    for whatever comes from outside may be a secret, or no text for an error (RFC 6749 §5.2)."""

    why: str


def read_assertion(
    token: str, client: Client, audiences: tuple[str, ...], epoch: Epoch, now: Millis
) -> Assertion | Unfit:
    """The assertion, or what is wrong with it (RFC 7523 §3); whether its `jti` was seen before is not asked."""
    claims = _decoded(token, client)
    if isinstance(claims, Unfit):
        return claims
    subject, jti = claims.get("sub"), claims.get("jti")
    if claims.get("iss") != client.id:
        return Unfit(f"iss must be the client's id, {client.id}")
    if not isinstance(subject, str) or not subject:
        return Unfit("sub must name whom it speaks for")
    # `prn` is the subject's name in drafts of the RFC, and Oracle's documents still ask for it
    if claims.get("prn", subject) != subject:
        return Unfit("prn must be the same as sub, or be left out")
    if not _names_one_of(audiences, claims):
        return Unfit(f"aud must hold one of {', '.join(audiences)}")
    if (untimely := _untimely(claims, epoch, now)) is not None:
        return untimely
    until = _instant(claims["exp"], epoch)
    if jti is None and "jti" not in claims:
        return Assertion(subject, None, until)
    if not isinstance(jti, str) or not jti:
        return Unfit("jti must be a text, or be left out")
    return Assertion(subject, jti, until)


def issuer_named(token: str) -> str | None:
    """The `iss` of an assertion that nobody has checked yet; None if it can't be read."""
    claims = _decoded(token, None)
    name = None if isinstance(claims, Unfit) else claims.get("iss")
    return name if isinstance(name, str) else None


def _decoded(token: str, signer: Client | None) -> Mapping[str, object] | Unfit:
    """The claims, if that client signed them (None: whoever did)."""
    import jwt

    if len(token) > LONGEST_ASSERTION or not token.isascii():
        return Unfit(f"it must be a JWT of at most {LONGEST_ASSERTION} characters")
    # the lab's clock is the only one: the library reads the wall, so none of its checks of time is left on
    options: Options = {
        "verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False, "verify_iss": False,
        "verify_sub": False, "verify_jti": False, "verify_signature": signer is not None,
    }  # fmt: skip
    try:
        if signer is None:
            return cast("dict[str, object]", jwt.decode(token, options=options))
        if not signer.certificate:
            return Unfit("no key is registered for the client (setting key_id with certificate or jwk)")
        if not _names_key(jwt.get_unverified_header(token), signer):
            return Unfit(f"its header must name the registered key: {_key_names(signer)}")
        return cast("dict[str, object]", jwt.decode(token, _public(signer.certificate), ["RS256"], options=options))
    except jwt.InvalidAlgorithmError:
        return Unfit("its header's alg must be RS256")
    except jwt.InvalidSignatureError:
        return Unfit("the signature must be by the registered key")
    except (jwt.PyJWTError, ValueError, RecursionError):
        return Unfit("it must be a signed JWT")


def _own_names(client: Client) -> dict[str, str]:
    """The names of the client's key, by the header's member (RFC 7515 §4.1.4, §4.1.7)."""
    own = {"kid": client.key_id} if client.key_id else {}
    if _CERTIFICATE in client.certificate:
        own["x5t"], own["x5t#S256"] = thumbprints(client.certificate)
    return own


def _key_names(client: Client) -> str:
    return " or ".join(f"{name} {value}" for name, value in _own_names(client).items() if name != "x5t#S256")


def _names_key(header: Mapping[str, object], client: Client) -> bool:
    """Whether the header names the client's key, and no other beside it."""
    own = _own_names(client)
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


def _untimely(claims: Mapping[str, object], epoch: Epoch, now: Millis) -> Unfit | None:
    """What is wrong with its times, in the words of the lab's clock: on a scaled or manual one it is not the wall's."""
    shows = f"the lab's clock shows {_when(epoch + now // 1000)}"
    for name in ("iat", "exp", "nbf"):
        seconds = claims.get(name)
        if name != "exp" and name not in claims:  # both MAY be there (RFC 7523 §3, 5 and 6)
            continue
        # `type`, for a bool is an int too; a fraction may stand (RFC 7519 §2, NumericDate)
        if type(seconds) is not int and (type(seconds) is not float or not isfinite(seconds)):
            return Unfit(f"{name} must be a number of seconds since 1970")
        ahead = (seconds - epoch) * 1000 - now
        if name == "exp" and ahead <= 0:
            return Unfit(f"exp must be later than now: it is {_when(seconds)}, and {shows}")
        if name != "exp" and ahead > LEEWAY * 1000:
            return Unfit(f"{name} must be at most {LEEWAY} s ahead: it is {_when(seconds)}, and {shows}")
    return None


def _instant(seconds: object, epoch: Epoch) -> Millis:
    """The first instant that isn't before a second since 1970; of one that has no date, the end of all dates."""
    assert isinstance(seconds, int | float)
    return ceil((min(seconds, LAST_SECOND) - epoch) * 1000)


def _when(seconds: float) -> str:
    """That second since 1970 as a date, if it is one of the years to 9999; a fraction is left out."""
    try:
        return epoch_text(second) if (second := floor(seconds)) <= LAST_SECOND else "no date"
    except (ValueError, OverflowError, OSError):
        return "no date"


def _names_one_of(audiences: tuple[str, ...], claims: Mapping[str, object]) -> bool:
    audience = claims.get("aud")
    names = audience if isinstance(audience, list) else [audience]
    return any(isinstance(name, str) and name in audiences for name in names)
