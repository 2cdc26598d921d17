"""A process's own copy of what a shared lab has committed: kept up with the store, and the place where its commits are made.

A commit is refused where another process was faster, or where the store no longer has what the copy follows; either way
the copy is up to date again afterwards, and whoever wanted the commit tries its calls once more. An answer that got lost
is asked for again, and the store knows whether the commit was taken.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import assert_never

from lab.clocks import real_millis
from lab.core.clock import Millis
from lab.core.journal.shared import (
    Behind,
    Commit,
    Committed,
    Conflict,
    LogPosition,
    Proposal,
    SharedStore,
    StoreLost,
    StoreRefused,
)
from lab.core.journal.shell import LedgerReverted
from lab.mock.batches import Batch, BatchedService
from lab.server.shared.calls import LedgerCounts
from lab.server.shared.lab_time import LabTime
from lab.server.shared.refused_writes import RefusedWrites

ORDINALS = 10_000
"""Ordinals of exchanges that are asked for at once, so that hardly any call has the store write for it."""
_SPARE = 2_000
"""Ordinals that are left when new ones are asked for."""
ANSWERED_WITHIN: Millis = 2_000
"""For so long, in real milliseconds, a call may wait for a store that doesn't answer."""
RECALLED = 10_000
"""Commits from before a process came that its journal tells of."""
_UNKNOWN: LogPosition = -1
"""Where a replica stands that must be loaded anew."""


class Replica:
    """The records of one process, in the ledger of its service."""

    def __init__(self, service: BatchedService, store: SharedStore, time: LabTime, process: str) -> None:
        """`process` is a name that no other process of the lab has, nor ever had."""
        self._service, self._store, self._time, self._process = service, store, time, process
        self.counts = LedgerCounts()
        self.writes = RefusedWrites()
        self.on_revert: Callable[[LedgerReverted], None] | None = None
        """Learns that the store has lost what it had acknowledged, before the records are loaded that it has instead."""
        self._number = 1
        self._wall: Millis = 0
        self.doubt()

    @property
    def now(self) -> Millis:
        """The lab's instant, as of the store's last answer."""
        return self._time.instant(self._wall)

    def _behind(self, behind: Behind) -> None:
        self.doubt()
        if behind.gone is not None and self.on_revert is not None:
            self.on_revert(LedgerReverted(at=self.now, gone=behind.gone, why=behind.why))

    def doubt(self) -> None:
        """Load the records before they are used again."""
        self._service.position = _UNKNOWN

    async def commit(self, batch: Batch, now: Millis) -> bool:
        """Have the store take what the batch came to; False if another process was faster, whose commits are folded now."""
        facts = batch.facts
        at = max(now, facts[-1].at)
        proposal = Proposal(
            self._process, self._number, self._service.position, at, facts, batch.records, batch.exchanges
        )
        # if it isn't known whether it was taken, the number may be used up
        self._number += 1
        try:
            answer = await self._answer(proposal)
        except StoreRefused as refused:
            self._service.refuse(batch)
            self.counts.errors += 1
            self.writes.refuse(refused.what)
            raise
        if isinstance(answer, Committed):
            self.counts.commits += 1
            self.writes.take()
            self._service.position = answer.position
            self._time.commit(facts, at, answer.wall)
            return True
        self.counts.conflicts += 1
        self._service.refuse(batch)
        match answer:
            case Conflict():
                self._fold(answer.commits)
            case Behind():
                self._behind(answer)
            case _:
                assert_never(answer)
        await self.sync()
        return False

    async def _answer(self, proposal: Proposal) -> Committed | Conflict | Behind:
        begun = real_millis()
        try:
            return await self._store.commit(proposal)
        except StoreRefused:
            raise
        except StoreLost as lost:
            left = ANSWERED_WITHIN - (real_millis() - begun)
            if left <= 0:
                raise
            self.counts.errors += 1
            try:
                async with asyncio.timeout(left / 1000):
                    return await self._store.commit(proposal)
            except TimeoutError:
                raise lost from None

    async def sync(self) -> None:
        """Fold what was committed since, all of it. Where writes are refused, ordinals show whether they are still."""
        few = self._service.granted - self._service.exchanges < _SPARE
        wanted = ORDINALS if few or self.writes.due else 0
        while True:
            if self._service.position == _UNKNOWN:
                await self._load()
            try:
                answer = await self._store.sync(self._service.position, wanted)
            except StoreRefused as refused:
                self.writes.refuse(refused.what)
                if not wanted:
                    raise
                wanted = 0
                continue
            if isinstance(answer, Behind):
                self._behind(answer)
                continue
            if wanted:
                self._service.grant(answer.first, wanted)
                self.writes.take()
                wanted = 0
            self._fold(answer.commits)
            self._wall = answer.wall
            if self._service.position >= answer.head:
                break
        self._time.keep_up(self._wall)

    def _fold(self, commits: Sequence[Commit]) -> None:
        for commit in commits:
            if commit.position > self._service.position:
                self._service.position = commit.position
                self._time.commit(commit.facts, commit.at, commit.wall)
                self._service.fold(commit.facts, commit.exchanges or (None,) * len(commit.facts))

    async def _load(self) -> None:
        snapshot = await self._store.load()
        self._service.replicate(snapshot.records)
        self._service.position, self._wall = snapshot.position, snapshot.wall
        self._time.load(snapshot)

    async def recall(self) -> None:
        """Tell observers what was committed before this process came, as far as a journal may go back."""
        after, until = max(0, self._service.position - RECALLED), self._service.position
        while after < until:
            answer = await self._store.sync(after)
            if isinstance(answer, Behind) or not answer.commits:
                return
            for commit in answer.commits:
                after = commit.position
                if after <= until:
                    self._service.recall(commit.facts, commit.exchanges or (None,) * len(commit.facts), after)
        self._service.position = until
