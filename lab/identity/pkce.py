"""Proof Key for Code Exchange (RFC 7636): only S256."""

import re
from hashlib import sha256

from lab.identity.keys import base64url

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def well_formed_challenge(text: str) -> bool:
    """Whether the text can be a SHA-256 in base64url."""
    return _CHALLENGE.fullmatch(text) is not None


def well_formed_verifier(text: str) -> bool:
    """43 to 128 unreserved characters (RFC 7636 §4.1)."""
    return _VERIFIER.fullmatch(text) is not None


def challenge_of(verifier: str) -> str:
    """The challenge that belongs to a verifier."""
    return base64url(sha256(verifier.encode("utf-8", "surrogatepass")).digest())


def answers_challenge(challenge: str | None, verifier: str | None) -> bool:
    """Whether the verifier answers the challenge; one without the other never does."""
    if challenge is None or verifier is None:
        return challenge is None and verifier is None
    return challenge_of(verifier) == challenge
