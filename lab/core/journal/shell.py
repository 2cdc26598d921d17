"""Shell facts: what happened to sockets and tapes. They change no state, and are told for the record only."""

from typing import ClassVar

from lab.core.clock import Millis
from lab.core.journal.fact import Fact


class ConnectionOpened(Fact, frozen=True, kw_only=True):
    """A peer connected."""

    type: ClassVar[str] = "connection.opened"
    kind: ClassVar[str] = "shell"
    c: int


class ConnectionClosed(Fact, frozen=True, kw_only=True):
    """A connection ended: how is client, server, reset, idle, deadline, shutdown, or fault."""

    type: ClassVar[str] = "connection.closed"
    kind: ClassVar[str] = "shell"
    c: int
    how: str


class RequestMalformed(Fact, frozen=True, kw_only=True):
    """The HTTP parser refused what came; `bytes` counts them, they are never shown."""

    type: ClassVar[str] = "request.malformed"
    kind: ClassVar[str] = "shell"
    c: int
    what: str
    bytes: int


class RequestMissed(Fact, frozen=True, kw_only=True):
    """Something of a request matched nothing (path, method, team, member): `near` is what it is nearest to."""

    type: ClassVar[str] = "request.missed"
    kind: ClassVar[str] = "shell"
    near: tuple[str, ...]


class PlaybackMissed(Fact, frozen=True, kw_only=True):
    """A playback has no answer: `why` is unmatched or exhausted, `near` what was recorded instead."""

    type: ClassVar[str] = "playback.missed"
    kind: ClassVar[str] = "shell"
    why: str
    near: tuple[str, ...]


def missed(near: tuple[str, ...], at: Millis) -> tuple[RequestMissed, ...]:
    """The fact, if there is something near."""
    return (RequestMissed(at=at, near=near),) if near else ()


class LedgerLost(Fact, frozen=True, kw_only=True):
    """The store that keeps the shared ledger didn't answer, or took no writes; calls were refused until `ledger.back`."""

    type: ClassVar[str] = "ledger.lost"
    kind: ClassVar[str] = "shell"
    why: str


class LedgerBack(Fact, frozen=True, kw_only=True):
    """The store that keeps the shared ledger answers again: all that it had taken is there, but for what `ledger.reverted` tells of."""

    type: ClassVar[str] = "ledger.back"
    kind: ClassVar[str] = "shell"


class LedgerReverted(Fact, frozen=True, kw_only=True):
    """The store that keeps the shared ledger was set back, or came back empty: `gone` acknowledged commits, at least, are lost."""

    type: ClassVar[str] = "ledger.reverted"
    kind: ClassVar[str] = "shell"
    gone: int
    why: str


class LabFailed(Fact, frozen=True, kw_only=True):
    """A bug of the lab, told by its class and place: who called got a 500 that names `bug`, and so did stderr."""

    type: ClassVar[str] = "lab.failed"
    kind: ClassVar[str] = "shell"
    c: int | None = None
    """The connection; None: it was not one of the mock's."""
    bug: str
    what: str
    where: str


class TapeNoted(Fact, frozen=True, kw_only=True):
    """Anything a reader should see."""

    type: ClassVar[str] = "tape.noted"
    kind: ClassVar[str] = "shell"
    text: str
