"""Facts of the identity domain, and what each makes of the records: tokens, codes, devices, keys."""

from collections.abc import Mapping
from typing import ClassVar, assert_never

from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.journal.fact import Changed, Fact, Get, Key
from lab.core.journal.numbers import raised
from lab.identity.records import (
    SIGNING_KEY,
    CodeRecord,
    DeviceRecord,
    FamilyRecord,
    KeyRecord,
    RefreshRecord,
    TokenRecord,
    UserCodeRecord,
    code_key,
    device_key,
    family_key,
    refresh_key,
    token_key,
    user_code_key,
)
from lab.identity.testkey import KeyId

DEVICES = "device"
"""The counter of device codes."""


def tokens_of(client: str) -> str:
    """The counter of a client's tokens."""
    return f"token/{client}"


def families_of(client: str) -> str:
    """The counter of a client's logins."""
    return f"family/{client}"


def refreshes_of(family: str) -> str:
    """The counter of a family's refresh tokens."""
    return f"refresh/{family}"


class TokenGranted(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A bearer token was issued; good while `at <= now < until`."""

    type: ClassVar[str] = "token.granted"
    secrets: ClassVar[Mapping[str, str]] = {"token": "token", "refresh": "refresh"}
    token: str
    client: str
    grant: str
    scope: str
    until: Millis
    refresh: str | None = None
    user: str | None = None
    family: str | None = None
    """What was granted for one login and is revoked together (RFC 9700 §4.14.2)."""

    def fold(self, get: Get) -> Changed:
        """The token, its refresh token, and at the first of a login its family; each used a number."""
        token = TokenRecord(self.client, self.user, self.scope, self.at, self.until, family=self.family)
        yield token_key(self.token), token
        yield raised(get, tokens_of(self.client))
        if self.family is None:
            return
        refresh = RefreshRecord(self.client, self.user, self.at, self.family) if self.refresh is not None else None
        known = get(family_key(self.family))
        family = known if isinstance(known, FamilyRecord) else FamilyRecord(self.scope, 0)
        until = max(family.until, token.forgotten, refresh.forgotten if refresh is not None else 0)
        yield family_key(self.family), replace(family, until=until)
        yield from _family_used(get, self.client, self.family)
        if self.refresh is not None and refresh is not None:
            yield refresh_key(self.refresh), refresh
            yield raised(get, refreshes_of(self.family), until=until)


def _family_used(get: Get, client: str, family: str) -> Changed:
    """A family is named after its client and its number, which may not be given again."""
    number = family.removeprefix(f"{client}/")
    return (raised(get, families_of(client), int(number)),) if number.isdecimal() else ()


class TokenRevoked(Fact, frozen=True, kw_only=True):
    """A token or a code is no longer good: `why` is revoked, rotated, reused, or control.

    Rotated: it was traded for new ones. Reused, or a refresh token revoked: its family ends with it.
    """

    type: ClassVar[str] = "token.revoked"
    by: str
    token: str
    why: str

    def fold(self, get: Get) -> Changed:
        """The token's record, whichever kind it is, and its family's where that ends too."""
        for key in (token_key(self.token), refresh_key(self.token), code_key(self.token), device_key(self.token)):
            record = get(key)
            if isinstance(record, TokenRecord | RefreshRecord | CodeRecord | DeviceRecord):
                return self._ended(key, record, get)
        return ()

    def _ended(self, key: Key, record: TokenRecord | RefreshRecord | CodeRecord | DeviceRecord, get: Get) -> Changed:
        match record:
            case TokenRecord():
                yield key, replace(record, revoked=True)
            case RefreshRecord():
                yield key, replace(record, ended=record.ended or self.why)
                if self.why != "rotated":  # revoked (RFC 7009 §2.1), or used again (RFC 9700 §4.14.2)
                    yield from _family_ended(record.family, get)
            case CodeRecord():
                yield key, replace(record, used=True)
                if self.why == "reused":  # RFC 6749 §4.1.2
                    yield from _family_ended(record.family, get)
            case DeviceRecord():
                yield key, replace(record, used=True)
            case _:
                assert_never(record)


def _family_ended(family: str, get: Get) -> Changed:
    record = get(family_key(family))
    return ((family_key(family), replace(record, revoked=True)),) if isinstance(record, FamilyRecord) else ()


class CodeGranted(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """An authorization code left for its redirect URI; good while `at <= now < until`."""

    type: ClassVar[str] = "code.granted"
    secrets: ClassVar[Mapping[str, str]] = {"code": "code"}
    code: str
    client: str
    scope: str
    until: Millis
    challenge: str | None = None
    redirect: str
    family: str
    nonce: str | None = None

    def fold(self, get: Get) -> Changed:
        """The code; the login that it begins used the number of its family."""
        yield (
            code_key(self.code),
            CodeRecord(self.client, self.scope, self.until, self.challenge, self.redirect, self.family, self.nonce),
        )
        yield from _family_used(get, self.client, self.family)


class DeviceGranted(Fact, frozen=True, kw_only=True):
    """A device waits for a person who types its user code."""

    type: ClassVar[str] = "device.granted"
    secrets: ClassVar[Mapping[str, str]] = {"code": "device", "user_code": "usercode"}
    code: str
    client: str
    scope: str
    until: Millis
    user_code: str

    def fold(self, get: Get) -> Changed:
        """The device, and where its user code leads."""
        yield device_key(self.code), DeviceRecord(self.client, self.scope, self.at, self.until)
        yield user_code_key(self.user_code), UserCodeRecord(self.code, self.until)
        yield raised(get, DEVICES)


class DeviceApproved(Fact, frozen=True, kw_only=True):
    """A person answered for a device: the verdict is approve or deny."""

    type: ClassVar[str] = "device.approved"
    by: str
    code: str
    verdict: str

    def fold(self, get: Get) -> Changed:
        """The first answer stands."""
        key = device_key(self.code)
        record = get(key)
        if isinstance(record, DeviceRecord) and record.verdict is None:
            return ((key, replace(record, verdict=self.verdict)),)
        return ()


class KeyRotated(Fact, frozen=True, kw_only=True):
    """Tokens are signed with `key` from now on; the one before is published while `now < until`: its last token's end."""

    type: ClassVar[str] = "key.rotated"
    by: str
    key: KeyId
    until: Millis

    def fold(self, get: Get) -> Changed:
        """The one record of keys."""
        return ((SIGNING_KEY, KeyRecord(self.key, self.at, self.until)),)
