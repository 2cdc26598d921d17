"""What the identity domain granted and still honours, told again (recording.md §1): tokens, codes, devices."""

from collections import deque
from collections.abc import Iterator

from lab.core.clock import Millis
from lab.core.journal.fact import Fact
from lab.core.journal.ledger import MemoryLedger
from lab.identity.endpoints.issuing import REFRESH_LIFETIME
from lab.identity.facts import CodeGranted, DeviceApproved, DeviceGranted, TokenGranted, TokenRevoked
from lab.identity.records import (
    CodeRecord,
    DeviceRecord,
    FamilyRecord,
    RefreshRecord,
    TokenRecord,
    UserCodeRecord,
    family_key,
    grants_in,
)

REMEMBERED: Millis = 3_600_000
"""For so long after its end a token is told again: a client that still sends it hears that it expired."""


def live_grants(ledger: MemoryLedger, now: Millis) -> Iterator[Fact]:
    """The facts that fold to the tokens, codes and devices which `now` may still be asked about."""
    yield from _tokens(ledger, now)
    shown = {record.device: code for code, record in grants_in(ledger, UserCodeRecord)}
    for code, known in grants_in(ledger, CodeRecord):
        if not known.used:
            yield CodeGranted(
                at=now, code=code, client=known.client, scope=known.scope, until=known.until,
                challenge=known.challenge, redirect=known.redirect, family=known.family, nonce=known.nonce,
            )  # fmt: skip
    for code, device in grants_in(ledger, DeviceRecord):
        if not device.used and code in shown:
            yield DeviceGranted(
                at=device.since, code=code, client=device.client, scope=device.scope, until=device.until,
                user_code=shown[code],
            )  # fmt: skip
            if device.verdict is not None:
                yield DeviceApproved(at=now, by="control", code=code, verdict=device.verdict)


def _tokens(ledger: MemoryLedger, now: Millis) -> Iterator[Fact]:
    # a refresh token is told with an access token of its family and its instant, in the order in which they were granted
    refreshes: dict[tuple[str, Millis], deque[tuple[str, str | None]]] = {}
    for token, record in grants_in(ledger, RefreshRecord):
        if now < record.since + REFRESH_LIFETIME and not _revoked(ledger, record.family):
            refreshes.setdefault((record.family, record.since), deque()).append((token, record.ended))
    for token, known in grants_in(ledger, TokenRecord):
        over = known.family is not None and _revoked(ledger, known.family)
        waiting = refreshes.get((known.family or "", known.since))
        refresh, ended = waiting.popleft() if waiting else (None, None)
        if refresh is None and now >= known.until + REMEMBERED:
            continue
        yield TokenGranted(
            at=known.since, token=token, client=known.client, grant="client_credentials", scope=known.scope,
            until=known.until, refresh=refresh, user=known.user, family=None if over else known.family,
        )  # fmt: skip
        if known.revoked or over:
            yield TokenRevoked(at=now, by="control", token=token, why="revoked")
        if refresh is not None and ended is not None:
            yield TokenRevoked(at=now, by="control", token=refresh, why=ended)


def _revoked(ledger: MemoryLedger, family: str) -> bool:
    known = ledger.get(family_key(family))
    return isinstance(known, FamilyRecord) and known.revoked
