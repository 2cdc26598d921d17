"""Records of the identity domain, and the fold that makes them of facts: tokens, families, codes, devices."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeGuard

from lab.core.clock import Millis
from lab.core.journal.fact import Fact
from lab.jobs.facts import CallCounted, CodeGranted, DeviceApproved, DeviceGranted, TokenGranted, TokenRevoked

DEVICE_INTERVAL: Millis = 5_000
"""How long a device waits between polls at first, and how much longer after each poll that came too soon."""
DEVICE_COUNTER = "device/"


@dataclass(frozen=True, slots=True)
class TokenRecord:
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


@dataclass(frozen=True, slots=True)
class RefreshRecord:
    """A refresh token; its scope is its family's."""

    client: str
    user: str | None
    since: Millis
    family: str
    ended: str | None = None
    """Why it is no longer good."""


@dataclass(frozen=True, slots=True)
class FamilyRecord:
    """What was granted for one login: the scope, and whether all of it was revoked."""

    scope: str
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class CodeRecord:
    """An authorization code."""

    client: str
    scope: str
    until: Millis
    challenge: str | None
    redirect: str
    family: str
    nonce: str | None
    used: bool = False


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """A device code: what a person answered, and how it was polled."""

    client: str
    scope: str
    since: Millis
    until: Millis
    verdict: str | None = None
    polls: int = 0
    polled: Millis | None = None
    interval: Millis = DEVICE_INTERVAL
    used: bool = False

    def hasty(self, now: Millis) -> bool:
        """Whether a poll at `now` comes sooner than the interval allows."""
        return self.polled is not None and now - self.polled < self.interval


@dataclass(frozen=True, slots=True)
class UserCodeRecord:
    """Which device a user code belongs to."""

    device: str


GrantRecord: TypeAlias = TokenRecord | RefreshRecord | FamilyRecord | CodeRecord | DeviceRecord | UserCodeRecord
Made: TypeAlias = tuple[tuple[bytes, GrantRecord], ...]
_Get: TypeAlias = Callable[[bytes], object]


def _key(prefix: bytes, text: str) -> bytes:
    return prefix + text.encode("utf-8", "surrogatepass")


def token_key(token: str) -> bytes:
    """Where a token's record lies."""
    return _key(b"t", token)


def refresh_key(token: str) -> bytes:
    """Where a refresh token's record lies."""
    return _key(b"r", token)


def family_key(family: str) -> bytes:
    """Where a family's record lies."""
    return _key(b"f", family)


def code_key(code: str) -> bytes:
    """Where an authorization code's record lies."""
    return _key(b"a", code)


def device_key(code: str) -> bytes:
    """Where a device code's record lies."""
    return _key(b"d", code)


def user_code_key(code: str) -> bytes:
    """Where a user code's record lies."""
    return _key(b"u", code)


def fold_grant(fact: Fact, get: _Get) -> Made:
    """The records that a fact of the identity domain makes or changes."""
    match fact:
        case TokenGranted():
            return _granted(fact, get)
        case TokenRevoked():
            return _revoked(fact, get)
        case CodeGranted():
            code = CodeRecord(
                fact.client, fact.scope, fact.until, fact.challenge, fact.redirect, fact.family, fact.nonce
            )  # fmt: skip
            return ((code_key(fact.code), code),)
        case DeviceGranted():
            device = DeviceRecord(fact.client, fact.scope, fact.at, fact.until)
            return ((device_key(fact.code), device), (user_code_key(fact.user_code), UserCodeRecord(fact.code)))
        case DeviceApproved():
            known = get(device_key(fact.code))
            return ((device_key(fact.code), replace(known, verdict=fact.verdict)),) if _waits(known) else ()
        case CallCounted() if fact.counter.startswith(DEVICE_COUNTER):
            return _polled(fact, get)
        case _:
            return ()


def _waits(record: object) -> TypeGuard[DeviceRecord]:
    return isinstance(record, DeviceRecord) and record.verdict is None


def _granted(fact: TokenGranted, get: _Get) -> Made:
    token = TokenRecord(fact.client, fact.user, fact.scope, fact.at, fact.until, family=fact.family)
    made: list[tuple[bytes, GrantRecord]] = [(token_key(fact.token), token)]
    if fact.family is not None:
        if get(family_key(fact.family)) is None:
            made.append((family_key(fact.family), FamilyRecord(fact.scope)))
        if fact.refresh is not None:
            made.append((refresh_key(fact.refresh), RefreshRecord(fact.client, fact.user, fact.at, fact.family)))
    return tuple(made)


def _revoked(fact: TokenRevoked, get: _Get) -> Made:
    for key in (token_key(fact.token), refresh_key(fact.token), code_key(fact.token), device_key(fact.token)):
        match known := get(key):
            case TokenRecord():
                return ((key, replace(known, revoked=True)),)
            case RefreshRecord():
                ended: Made = ((key, replace(known, ended=known.ended or fact.why)),)
                return ended if fact.why == "rotated" else (*ended, *_family_ended(known.family, get))
            case CodeRecord():
                used: Made = ((key, replace(known, used=True)),)
                return (*used, *_family_ended(known.family, get)) if fact.why == "reused" else used
            case DeviceRecord():
                return ((key, replace(known, used=True)),)
            case _:
                continue
    return ()


def _family_ended(family: str, get: _Get) -> Made:
    known = get(family_key(family))
    return ((family_key(family), replace(known, revoked=True)),) if isinstance(known, FamilyRecord) else ()


def _polled(fact: CallCounted, get: _Get) -> Made:
    key = device_key(fact.counter.removeprefix(DEVICE_COUNTER))
    known = get(key)
    if not isinstance(known, DeviceRecord):
        return ()
    interval = known.interval + (DEVICE_INTERVAL if known.hasty(fact.at) else 0)
    return ((key, replace(known, polls=fact.value, polled=fact.at, interval=interval)),)
