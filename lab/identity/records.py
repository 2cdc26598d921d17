"""Records of the identity domain: tokens, families, codes, devices, keys, and where each lies."""

from collections.abc import Iterator
from functools import partial

from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.journal.fact import Key, Record, key_of, named_by
from lab.core.journal.ledger import Ledger, SomeRecord
from lab.core.journal.numbers import CallCounted, Polled, polled_key
from lab.identity.testkey import KEY_ID, SECOND_KEY_ID, KeyId

REFRESH_LIFETIME: Millis = 604_800_000
"""How long a refresh token is good."""
DEVICE_INTERVAL: Millis = 5_000
"""How long a device waits between polls at first, and how much longer after each poll that came too soon."""
DEVICE_COUNTER = "device/"
FOREVER: Millis = 1 << 62
"""The end of what has none."""
EXPIRED_FOR: Millis = 3_600_000
"""For so long after its end it is known that there was a token or a code: who sends it hears that it expired."""


class TokenRecord(Record, frozen=True, gc=False):
    """A granted token; `user` None: it stands for the client itself."""

    client: str
    user: str | None
    scope: str
    since: Millis
    until: Millis
    revoked: bool = False
    family: str | None = None

    @property
    def owner(self) -> str:
        """The token's `sub`: whose jobs it sees."""
        return self.user or self.client

    @property
    def forgotten(self) -> Millis:
        """Some time after its end."""
        return self.until + EXPIRED_FOR


class RefreshRecord(Record, frozen=True, gc=False):
    """A refresh token; its scope is its family's."""

    client: str
    user: str | None
    since: Millis
    family: str
    ended: str | None = None
    """Why it is no longer good."""

    @property
    def until(self) -> Millis:
        """The instant from which it is too old."""
        return self.since + REFRESH_LIFETIME

    @property
    def forgotten(self) -> Millis:
        """Its end: of one that is too old nobody is told more than of one that never was."""
        return self.until


class FamilyRecord(Record, frozen=True, gc=False):
    """What was granted for one login: the scope, and whether all of it was revoked."""

    scope: str
    until: Millis
    """The instant from which the last of its tokens is forgotten."""
    revoked: bool = False

    @property
    def forgotten(self) -> Millis:
        """With the last of its tokens."""
        return self.until


class CodeRecord(Record, frozen=True, gc=False):
    """An authorization code."""

    client: str
    scope: str
    until: Millis
    challenge: str | None
    redirect: str
    family: str
    nonce: str | None
    used: bool = False

    @property
    def forgotten(self) -> Millis:
        """Some time after its end: until then one that comes a second time ends its login."""
        return self.until + EXPIRED_FOR


class DeviceRecord(Polled, frozen=True, gc=False):
    """A device code: what a person answered, and how it was polled."""

    client: str
    scope: str
    since: Millis
    until: Millis
    verdict: str | None = None
    polls: int = 0
    last_poll: Millis | None = None
    interval: Millis = DEVICE_INTERVAL
    used: bool = False

    @property
    def forgotten(self) -> Millis:
        """Some time after its end."""
        return self.until + EXPIRED_FOR

    def hasty(self, now: Millis) -> bool:
        """Whether a poll at `now` comes sooner than the interval allows."""
        return self.last_poll is not None and now - self.last_poll < self.interval

    def polled(self, call: CallCounted) -> "DeviceRecord":
        """The same after one more poll; a hasty one makes all that follow wait longer (RFC 8628 §3.5)."""
        interval = self.interval + (DEVICE_INTERVAL if self.hasty(call.at) else 0)
        return replace(self, polls=call.value, last_poll=call.at, interval=interval)


class UserCodeRecord(Record, frozen=True, gc=False):
    """Which device a user code belongs to, and until when that waits."""

    device: str
    until: Millis

    @property
    def forgotten(self) -> Millis:
        """With its device."""
        return self.until + EXPIRED_FOR


class KeyRecord(Record, frozen=True, gc=False):
    """Which key signs since when, and until when the other one is published beside it."""

    key: KeyId = KEY_ID
    since: Millis = 0
    until: Millis = 0

    @property
    def other(self) -> KeyId:
        """The key that signed before, and is the next to do so."""
        return SECOND_KEY_ID if self.key == KEY_ID else KEY_ID

    def published(self, now: Millis) -> tuple[KeyId, ...]:
        """The keys that check the tokens which may still be in use, the one that signs first."""
        return (self.key, self.other) if now < self.until else (self.key,)


SIGNING_KEY: Key = b"k"
"""Where the one record of keys lies, once there was a rotation."""


# where the records lie, by what the client holds, or by the family's name
token_key = partial(key_of, b"t")
refresh_key = partial(key_of, b"r")
family_key = partial(key_of, b"f")
code_key = partial(key_of, b"a")
user_code_key = partial(key_of, b"u")


def device_key(code: str) -> Key:
    """Where a device code's record lies: under the counter of its polls, for it counts them itself."""
    return polled_key(DEVICE_COUNTER + code)


def grants_in(ledger: Ledger, kind: type[SomeRecord], now: Millis) -> Iterator[tuple[str, SomeRecord]]:
    """All records of a kind of grant that aren't forgotten, each with its token or code, oldest first."""
    prefix = DEVICE_COUNTER if kind is DeviceRecord else ""
    for key, record in ledger.of(kind):
        if record.forgotten is None or now < record.forgotten:
            yield named_by(key).removeprefix(prefix), record


def signing(ledger: Ledger) -> KeyRecord:
    """Which key signs."""
    record = ledger.get(SIGNING_KEY)
    return record if isinstance(record, KeyRecord) else KeyRecord()


def live(ledger: Ledger, record: TokenRecord, now: Millis) -> bool:
    """Whether an access token is good: neither expired nor revoked, alone or with its family."""
    return not record.revoked and now < record.until and not family_revoked(ledger, record.family)


def family_revoked(ledger: Ledger, family: str | None) -> bool:
    """Whether all that was granted for one login has ended."""
    record = ledger.get(family_key(family)) if family is not None else None
    return isinstance(record, FamilyRecord) and record.revoked
