"""A shared store in memory, for tests: several "processes" share one, and it fails on demand.

shared = MemoryStore()
one, other = shared.process(), shared.process()      each a `SharedStore`

shared.wall += 1_000            the store's clock stands but for this
shared.lost = 1                 the answer of the next call gets lost, what it asked for happens
shared.full = True              nothing is written any more
shared.gone = True              nothing answers any more
shared.before_commit = go_first     called once, before the next commit is looked at: another process may be faster
shared.gate.clear()             calls wait, until it is set again
shared.ended = True             the tenant whose store it is was ended
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from lab.core.clock import Millis
from lab.core.journal.fact import ClockAdvanced, ClockScaled, Key, LedgerCleared, Record
from lab.core.journal.shared import (
    ANSWER_REMEMBERED,
    COMMITS_KEPT,
    EXCHANGES_KEPT,
    PIECE,
    PROCESS_LIFETIME,
    Behind,
    Commit,
    Committed,
    Conflict,
    Cursor,
    LedgerEnded,
    LogPosition,
    Proposal,
    Published,
    SetupReplaced,
    Snapshot,
    StoreLost,
    StoreRefused,
    Synced,
)
from lab.stores.codec import decode_commit, decode_record, encode_commit, encode_record

START_WALL: Millis = 1_767_225_600_000
"""Where the store's clock stands at first: 2026-01-01T00:00:00Z."""


class MemoryStore:
    """What is shared, and the ways in which it can fail."""

    def __init__(self) -> None:
        self.wall: Millis = START_WALL
        self.kept = COMMITS_KEPT
        self.remembered: Millis = ANSWER_REMEMBERED
        self.lost = 0
        self.gone = self.full = False
        self.ended = False
        self.before_commit: Callable[[], object] | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.records: dict[Key, Record] = {}
        self.commits: list[Commit] = []
        self.head: LogPosition = 0
        self.at: Millis = 0
        self.clock: Commit | None = None
        self.ordinals = 0
        self.lines: list[bytes] = []
        self.trimmed_lines = 0
        self.document: bytes | None = None
        self.alive: dict[str, tuple[Millis, str]] = {}
        self.last_of: dict[str, tuple[int, Committed]] = {}
        self.changed = asyncio.Event()

    def process(self) -> "MemoryStoreAccess":
        """Another process's access."""
        return MemoryStoreAccess(self)

    def advance(self, millis: Millis) -> None:
        """Let the store's clock go on: who waits so long wakes."""
        self.wall += millis
        self.wake()

    async def lose_history(self, until: LogPosition) -> None:
        """Be what a store is that came back with an older state: without the commits after that position."""
        self.commits = [commit for commit in self.commits if commit.position <= until]
        self.head = until

    def lose_all(self) -> None:
        """Be what a store is that came back empty."""
        self.records, self.commits, self.head, self.at, self.clock = {}, [], 0, 0, None
        self.ordinals, self.lines, self.document, self.alive, self.last_of = 0, [], None, {}, {}

    def take(self, proposal: Proposal, known: Commit | None) -> Committed | Conflict | Behind:
        """Take a proposal, or say why not."""
        taken = self.last_of.get(proposal.process)
        if taken is not None and taken[0] == proposal.number and self.wall - taken[1].wall < self.remembered:
            return taken[1]
        since = self.since(proposal.after, known)
        if isinstance(since, Behind) or proposal.after != self.head or proposal.at < self.at:
            return since if isinstance(since, Behind) else Conflict(since, self.head, self.wall)
        self.head, self.at = self.head + 1, proposal.at
        commit = decode_commit(self.head, self.wall, encode_commit(proposal))
        self.commits.append(commit)
        del self.commits[: -self.kept]
        if any(isinstance(fact, ClockAdvanced | ClockScaled) for fact in proposal.facts):
            self.clock = commit
        self._write(proposal)
        done = Committed(self.head, self.wall)
        self.last_of[proposal.process] = proposal.number, done
        self.wake()
        return done

    def _write(self, proposal: Proposal) -> None:
        if any(isinstance(fact, LedgerCleared) for fact in proposal.facts):
            self.records.clear()
        for key, record in proposal.records.items():
            if record is None:
                self.records.pop(key, None)
            else:
                self.records[key] = decode_record(encode_record(record))

    def since(self, after: LogPosition, known: Commit | None) -> tuple[Commit, ...] | Behind:
        """The commits after a position; `known`: what the process knows to be the last one up to there."""
        if after > self.head or (known is not None and self._at(known.position) not in (known, None)):
            return Behind(
                f"the store no longer has commit {after}: it was set back to {self.head}", max(after - self.head, 1)
            )
        if after < self.head and self._at(after + 1) is None:
            return Behind(f"the store no longer has the commits after {after}")
        start = len(self.commits) - (self.head - after)
        return tuple(self.commits[start : start + PIECE])

    def _at(self, position: LogPosition) -> Commit | None:
        """The commit at a position, if it is kept."""
        place = len(self.commits) - 1 - (self.head - position)
        return self.commits[place] if 0 <= place < len(self.commits) else None

    def wake(self) -> None:
        """Let those look again who wait."""
        self.changed.set()
        self.changed = asyncio.Event()


class MemoryStoreAccess:
    """One process's access to it: a `SharedStore`."""

    def __init__(self, shared: MemoryStore) -> None:
        self.shared = shared
        self._known: Commit | None = None
        self._document: bytes | None = None
        self._replaced = False

    def _check(self) -> None:
        if self._document is None:
            return
        self.shared.document = self.shared.document or self._document
        self._replaced = self.shared.document != self._document
        if self._replaced:
            raise SetupReplaced(
                "the store at memory://test lost this lab, and another was set up there: restart this process to join that, or give it another prefix"
            )

    def _since(self, after: LogPosition) -> Commit | None:
        return self._known if self._known is not None and self._known.position == after else None

    async def _reach(self) -> None:
        await self.shared.gate.wait()
        if self.shared.gone:
            raise StoreLost("the store doesn't answer: memory://test")
        if self.shared.ended:
            raise LedgerEnded("This tenant was ended.")

    def _write(self) -> None:
        if self.shared.full:
            raise StoreRefused("the store at memory://test refuses: it is full.")

    def _answer(self) -> None:
        if self.shared.gone or self.shared.lost > 0:
            self.shared.lost = max(self.shared.lost - 1, 0)
            raise StoreLost("the store's answer got lost: memory://test")

    async def load(self) -> Snapshot:
        """All records."""
        await self._reach()
        self._check()
        self._answer()
        shared = self.shared
        self._known = shared.commits[-1] if shared.commits else None
        return Snapshot(shared.head, dict(shared.records), shared.at, shared.wall, shared.clock)

    async def sync(self, after: LogPosition, ordinals: int = 0) -> Synced | Behind:
        """What was committed since."""
        await self._reach()
        if self._replaced:
            return Behind("another setup is there")
        shared = self.shared
        if ordinals:
            self._write()
        since = shared.since(after, self._since(after))
        if not isinstance(since, Behind):
            shared.ordinals += ordinals
        self._answer()
        if isinstance(since, Behind):
            return since
        self._known = since[-1] if since else self._known
        return Synced(since, shared.head, shared.wall, shared.ordinals - ordinals + 1)

    async def commit(self, proposal: Proposal) -> Committed | Conflict | Behind:
        """Take it, or not."""
        await self._reach()
        self._write()
        first, self.shared.before_commit = self.shared.before_commit, None
        if first is not None:
            first()
        done = self.shared.take(proposal, self._since(proposal.after))
        self._answer()
        if isinstance(done, Committed):
            self._known = next((each for each in self.shared.commits if each.position == done.position), None)
        elif isinstance(done, Conflict) and done.commits:
            self._known = done.commits[-1]
        return done

    async def wait(self, after: LogPosition, timeout: Millis) -> None:
        """Return once there is a commit after that position, or the store's clock has gone on by `timeout`."""
        await self._reach()
        until = self.shared.wall + timeout
        while self.shared.head <= after and self.shared.wall < until:
            await self.shared.changed.wait()
            await self._reach()

    async def publish(self, lines: Sequence[bytes]) -> None:
        """Add lines."""
        await self._reach()
        shared = self.shared
        shared.lines += lines
        shared.trimmed_lines += max(len(shared.lines) - EXCHANGES_KEPT, 0)
        shared.lines = shared.lines[-EXCHANGES_KEPT:]
        shared.wake()
        self._answer()

    async def published(self, after: Cursor) -> Published:
        """Lines after a place."""
        await self._reach()
        self._answer()
        start = max(int(after or 0), self.shared.trimmed_lines)
        lines = self.shared.lines[start - self.shared.trimmed_lines :][:PIECE]
        return Published(tuple(lines), str(start + len(lines)))

    async def setup(self, document: bytes, *, replace: bool = False) -> bytes:
        """The document that came first."""
        await self._reach()
        if self.shared.document is None or replace:
            self.shared.document = document
        self._answer()
        self._document = self.shared.document
        return self.shared.document

    async def heartbeat(self, process: str, about: str) -> None:
        """Count as alive."""
        await self._reach()
        self.shared.alive[process] = self.shared.wall + PROCESS_LIFETIME, about
        self._check()
        self._answer()

    async def processes(self) -> Mapping[str, str]:
        """Who is alive."""
        await self._reach()
        self._answer()
        return {process: about for process, (until, about) in self.shared.alive.items() if until > self.shared.wall}

    async def leave(self, process: str) -> None:
        """Count as alive no longer."""
        await self._reach()
        self.shared.alive.pop(process, None)
        self._answer()

    async def close(self) -> None:
        """Nothing is connected."""
