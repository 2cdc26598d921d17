"""A shared store in memory, for tests: several "processes" share one, and it fails on demand.

shared = MemoryStore()
one, other = shared.process(), shared.process()      each a `SharedStore`

shared.wall += 1_000            the store's clock stands but for this
shared.lost = 1                 the answer of the next call gets lost, what it asked for happens
shared.full = True              nothing is written any more
shared.gone = True              nothing answers any more
shared.before_commit = go_first     called once, before the next commit is looked at: another process may be faster
shared.gate.clear()             calls wait, until it is set again
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress

from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.journal.fact import Key, Record
from lab.core.journal.ledger import MemoryLedger
from lab.core.journal.shared import (
    EXCHANGE_BYTES,
    EXCHANGES_KEPT,
    PIECE,
    PROCESS_LIFETIME,
    SNAPSHOT_EVERY,
    STALE,
    Behind,
    Commit,
    Cursor,
    LabKey,
    LogPlace,
    LogPosition,
    Published,
    SetupReplaced,
    Snapshot,
    StoreLost,
    StoreRefused,
    Synced,
)
from lab.stores.codec import decode_commit, decode_records, encode_commit, encode_records

START_WALL: Millis = 1_767_225_600_000
"""Where the store's clock stands at first: 2026-01-01T00:00:00Z."""


class MemoryStore:
    """What is shared, and the ways in which it can fail."""

    def __init__(self) -> None:
        self.wall: Millis = START_WALL
        self.kept = SNAPSHOT_EVERY
        self.lost = 0
        self.gone = self.full = False
        self.before_commit: Callable[[], object] | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.commits: list[Commit] = []
        """The log, as far as it is kept."""
        self.history: list[Commit] = []
        """All that it ever had, but for what it lost."""
        self.snapshot = Snapshot()
        self.numbers = 0
        self.lines: list[bytes] = []
        self.trimmed_lines = 0
        self.document: bytes | None = None
        self.alive: dict[str, Millis] = {}
        self.changed = asyncio.Event()

    def process(self) -> "MemoryStoreAccess":
        """Another process's access."""
        return MemoryStoreAccess(self)

    @property
    def head(self) -> LogPosition:
        """The position of the last commit."""
        return self.commits[-1].position if self.commits else 0

    @property
    def records(self) -> Mapping[Key, Record]:
        """What folding the log gives, for the lab without a name."""
        ledger = MemoryLedger()
        ledger.replace(self.snapshot.labs[""].records)
        for commit in self.commits:
            if commit.position > self.snapshot.place.position and not commit.lab:
                ledger.commit(commit.facts)
        return dict(ledger.of(Record))

    def advance(self, millis: Millis) -> None:
        """Let the store's clock go on: who waits so long wakes."""
        self.wall += millis
        self.wake()

    async def lose_history(self, until: LogPosition) -> None:
        """Be what a store is that came back with an older state: without the commits after that position."""
        self.history = [commit for commit in self.history if commit.position <= until]
        if until < self.snapshot.place.position:  # it is as old as the log then
            self.commits, self.snapshot = list(self.history), Snapshot()
        self.commits = [commit for commit in self.commits if commit.position <= until]

    def lose_all(self) -> None:
        """Be what a store is that came back empty."""
        self.commits, self.history, self.snapshot = [], [], Snapshot()
        self.lines, self.document, self.alive = [], None, {}

    def take(self, after: LogPlace, *commits: Commit) -> bool:
        """Take commits, unless another is the last one, or they are late."""
        last = self.commits[-1].place if self.commits else LogPlace()
        if after != last or self.wall > commits[0].wall + STALE:
            return False
        kept = [decode_commit(each.place, encode_commit(each)) for each in commits]
        self.commits += kept
        self.history += kept
        self.wake()
        return True

    def since(self, after: LogPlace) -> tuple[Commit, ...] | Behind:
        """The commits after a place."""
        known = next((each for each in self.commits if each.position == after.position), None)
        first = self.commits[0].position if self.commits else 1
        if (after.position and known is None and first > after.position) or (not after.position and first > 1):
            return Behind(f"the store no longer has the commits after {after.position}")
        if after.position and (known is None or after.mark not in ("", known.place.mark)):
            why = f"the store no longer has commit {after.position}: it was set back to {self.head}"
            return Behind(why, max(after.position - self.head, 1))
        later = [commit for commit in self.commits if commit.position > after.position]
        return tuple(later[:PIECE])

    def has_news(self, position: LogPosition, cursor: Cursor | None) -> bool:
        """Whether there is a commit after the position, or a line after the place."""
        return self.head > position or (cursor is not None and len(self.lines) > int(cursor or 0) - self.trimmed_lines)

    def wake(self) -> None:
        """Let those look again who wait."""
        self.changed.set()
        self.changed = asyncio.Event()


def again(lab: LabKey, records: Mapping[Key, Record]) -> dict[Key, Record]:
    """The records as a store gives them back."""
    lines = encode_records((lab, *each) for each in records.items())
    return {key: record for _, key, record in decode_records(lines)} if lines else {}


class MemoryStoreAccess:
    """One process's access to it: a `SharedStore`."""

    def __init__(self, shared: MemoryStore) -> None:
        self.shared = shared
        self._document: bytes | None = None

    def _check(self) -> None:
        if self._document is None:
            return
        self.shared.document = self.shared.document or self._document
        if self.shared.document != self._document:
            raise SetupReplaced(
                "the store at memory://test lost this lab, and another was set up there: restart this process to join that, or give it another prefix"
            )

    async def _reach(self) -> None:
        await self.shared.gate.wait()
        if self.shared.gone:
            raise StoreLost("the store doesn't answer: memory://test")

    def _write(self) -> None:
        if self.shared.full:
            raise StoreRefused("the store at memory://test refuses: it is full.")

    def _answer(self) -> None:
        if self.shared.gone or self.shared.lost > 0:
            self.shared.lost = max(self.shared.lost - 1, 0)
            raise StoreLost("the store's answer got lost: memory://test")

    async def snapshot(self) -> Snapshot:
        """The last that was kept."""
        await self._reach()
        self._check()
        self._answer()
        return self.shared.snapshot

    async def sync(self, after: LogPlace) -> Synced | Behind:
        """What was committed since."""
        await self._reach()
        since = self.shared.since(after)
        self._answer()
        return since if isinstance(since, Behind) else Synced(since, self.shared.wall)

    async def append(self, after: LogPlace, commits: Sequence[Commit]) -> bool:
        """Take them, or not."""
        await self._reach()
        self._write()
        first, self.shared.before_commit = self.shared.before_commit, None
        if first is not None:
            first()
        done = self.shared.take(after, *commits)
        self._answer()
        return done

    async def keep(self, snapshot: Snapshot) -> None:
        """Take it, if it is newer, and shorten the log."""
        await self._reach()
        self._write()
        if snapshot.place.position > self.shared.snapshot.place.position:
            labs = {lab: replace(state, records=again(lab, state.records)) for lab, state in snapshot.labs.items()}
            self.shared.snapshot = replace(snapshot, labs=labs)
            oldest = snapshot.place.position - self.shared.kept
            self.shared.commits = [commit for commit in self.shared.commits if commit.position >= oldest]
        self._answer()

    async def wait(self, position: LogPosition, cursor: Cursor | None, timeout: Millis) -> bool:
        """Whether there is news, once there is any."""
        await self._reach()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout / 1_000):
                while not self.shared.has_news(position, cursor):
                    await self.shared.changed.wait()
                    await self._reach()
        return self.shared.has_news(position, cursor)

    async def publish(self, lines: Sequence[bytes]) -> None:
        """Add lines."""
        await self._reach()
        shared = self.shared
        shared.lines += lines
        while len(shared.lines) > EXCHANGES_KEPT or sum(map(len, shared.lines)) > EXCHANGE_BYTES:
            shared.trimmed_lines += 1
            del shared.lines[0]
        shared.wake()
        self._answer()

    async def published(self, after: Cursor) -> Published:
        """Lines after a place."""
        await self._reach()
        self._answer()
        start = max(int(after or 0), self.shared.trimmed_lines)
        lines = self.shared.lines[start - self.shared.trimmed_lines :][:PIECE]
        return Published(tuple(lines), str(start + len(lines)))

    async def number(self) -> int:
        """The next one."""
        await self._reach()
        self._write()
        self.shared.numbers += 1
        self._answer()
        return self.shared.numbers

    async def setup(self, document: bytes, *, replace: bool = False) -> bytes:
        """The document that came first."""
        await self._reach()
        if self.shared.document is None or replace:
            self.shared.document = document
        self._answer()
        self._document = self.shared.document
        return self.shared.document

    async def heartbeat(self, process: str) -> None:
        """Count as alive."""
        await self._reach()
        self._write()
        self.shared.alive[process] = self.shared.wall + PROCESS_LIFETIME
        self._check()
        self._answer()

    async def processes(self) -> Collection[str]:
        """Who is alive."""
        await self._reach()
        self._answer()
        return [process for process, until in self.shared.alive.items() if until > self.shared.wall]

    async def leave(self, process: str) -> None:
        """Count as alive no longer."""
        await self._reach()
        self.shared.alive.pop(process, None)
        self._answer()

    async def close(self) -> None:
        """Nothing is connected."""
