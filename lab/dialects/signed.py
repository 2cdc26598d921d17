"""Standard Webhooks 1.0: a secret, and the headers of what is signed with it."""

import hmac
from base64 import b64decode, b64encode
from hashlib import sha256

from lab.core.exchange import Headers
from lab.jobs.callbacks import CallbackSent

SECRET_BEGIN = "whsec_"
SHORTEST_KEY, LONGEST_KEY = 24, 64
"""Bytes of a secret, as the standard has it."""


def signed_headers(secret: str | None, sent: CallbackSent) -> Headers:
    """Those of a try; without a secret it bears no signature."""
    assert sent.timestamp is not None
    head = (
        ("content-type", "application/json"),
        ("webhook-id", sent.callback),
        ("webhook-timestamp", str(sent.timestamp)),
    )
    if secret is None:
        return head
    key = key_of_secret(secret)
    if sent.signature == "bad":  # well-formed, and by a key that nobody has
        key = sha256(key).digest()
    return (*head, ("webhook-signature", signature_of(key, sent.callback, sent.timestamp, sent.whole.encode())))


def signature_of(key: bytes, callback: str, timestamp: int, body: bytes) -> str:
    """`v1,` and the HMAC over `id.timestamp.body`."""
    over = b"%b.%d.%b" % (callback.encode(), timestamp, body)
    return f"v1,{b64encode(hmac.digest(key, over, 'sha256')).decode()}"


def secret_of(key: bytes) -> str:
    """A key as a secret is written."""
    return f"{SECRET_BEGIN}{b64encode(key).decode()}"


def key_of_secret(secret: str) -> bytes:
    """The bytes of `whsec_` and Base64; ValueError says what is wrong with others."""
    if not secret.startswith(SECRET_BEGIN):
        raise ValueError(f"it doesn't begin with {SECRET_BEGIN}")
    try:
        key = b64decode(secret.removeprefix(SECRET_BEGIN), validate=True)
    except ValueError:
        raise ValueError(f"what stands behind {SECRET_BEGIN} is no Base64") from None
    if not SHORTEST_KEY <= len(key) <= LONGEST_KEY:
        raise ValueError(f"it is of {len(key)} bytes, and must be of {SHORTEST_KEY} to {LONGEST_KEY}")
    return key
