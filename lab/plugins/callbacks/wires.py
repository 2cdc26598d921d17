"""What a callback is made of: the port, and the lab's own wire, which is signed as Standard Webhooks 1.0 asks."""

import hmac
from base64 import b64decode, b64encode
from hashlib import sha256
from typing import Protocol

from msgspec import Struct

from lab.core.clock import Epoch, Millis, iso
from lab.core.exchange import Headers, Json, json_bytes
from lab.jobs.callbacks import CallbackSent, Receiver
from lab.program.callbacks import Callbacks

SECRET_BEGIN = "whsec_"
SHORTEST_KEY, LONGEST_KEY = 24, 64
"""Bytes of a secret, as the standard has it."""


class News(Struct, frozen=True):
    """What became of a job, and when."""

    job: str
    team: str
    conversation: str | None
    status: str
    changed: Millis


class CallbackWire(Protocol):
    """One wire's callbacks."""

    def tells(self, status: str, callbacks: Callbacks) -> bool:
        """Whether its receivers are told that a job of a scenario has become that."""

    def body(self, news: News, epoch: Epoch) -> bytes:
        """What they are told."""

    def headers(self, receiver: Receiver, sent: CallbackSent) -> Headers:
        """Those of a try; a body that is cut is signed as if it were whole."""


class LabWire:
    """The lab's own: Fusion defines none. Its body says what has happened and no more, so a receiver looks at the job."""

    def tells(self, status: str, callbacks: Callbacks) -> bool:
        return status in callbacks.on

    def body(self, news: News, epoch: Epoch) -> bytes:
        data: dict[str, Json] = {"job": news.job, "status": news.status, "team": news.team}
        if news.conversation is not None:
            data["conversation"] = news.conversation
        return json_bytes({"type": f"job.{news.status.lower()}", "timestamp": iso(epoch, news.changed), "data": data})

    def headers(self, receiver: Receiver, sent: CallbackSent) -> Headers:
        head = (("content-type", "application/json"), ("webhook-id", sent.callback))
        if receiver.secret is None:
            return (*head, ("webhook-timestamp", str(sent.timestamp)))
        key = key_of_secret(receiver.secret)
        if sent.signature == "bad":  # well-formed, and by a key that nobody has
            key = sha256(key).digest()
        signature = signed(key, sent.callback, sent.timestamp, sent.whole.encode())
        return (*head, ("webhook-timestamp", str(sent.timestamp)), ("webhook-signature", signature))


CALLBACK_WIRES: dict[str, CallbackWire] = {"lab": LabWire()}
"""By the name that a receiver's registration has."""


def signed(key: bytes, callback: str, timestamp: int, body: bytes) -> str:
    """`v1,` and the HMAC over `id.timestamp.body`."""
    over = b"%b.%d.%b" % (callback.encode(), timestamp, body)
    return f"v1,{b64encode(hmac.digest(key, over, 'sha256')).decode()}"


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
