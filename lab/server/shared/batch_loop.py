"""The loop of a process that shares its lab: calls wait, a batch of them is tried, the store takes what came of it.

    sync     what other processes committed meanwhile is folded; the store's clock gives the batch its instant
    try      all calls that wait are run against the replica, which is then as before
    commit   the store takes their facts, unless somebody was faster: then fold what they committed, and try again
    release  the facts are folded, observers are told, and each caller gets what its call gave

One round trip serves all calls that wait, and a second one all that they change. While the store can't be reached calls
fail at once; the loop tries to reach it, in pauses that grow. If it can't be asked what became of a commit, its calls
fail; what it holds, if it was taken, is folded later as any commit is.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import ClassVar

from lab.clocks import ManualClock, ScaledClock, SystemClock
from lab.core.clock import Millis
from lab.core.errors import UsageError
from lab.core.journal.fact import ClockAdvanced, ClockScaled
from lab.core.journal.shared import PROCESS_LIFETIME, LedgerEnded, SharedStore, StoreLost, StoreRefused
from lab.core.journal.shell import LedgerBack, LedgerLost, LedgerReverted
from lab.mock.batches import BatchedService
from lab.server.shared.call_queue import CallQueue, WaitingCall, fail
from lab.server.shared.calls import CallResult
from lab.server.shared.exchanges import ExchangeRelay
from lab.server.shared.lab_time import LabTime
from lab.server.shared.replica import Replica

_LOG = logging.getLogger("lab")
_IDLE: Millis = 1_000
"""For so long nothing is asked of the store where nobody calls."""
_BUSY: Millis = 50
"""For so long it waits for no commits if it made some: its calls fold those of others, and its own end each wait."""
_UNWATCHED: Millis = 250
"""So often is looked for commits where the store can't be asked to tell of them."""
_FIRST_PAUSE: Millis = 50
_LONGEST_PAUSE: Millis = 2_000


class BatchLoop:
    """Runs the calls of one process on its service: `LedgerCalls`."""

    shared: ClassVar[bool] = True

    def __init__(self, service: BatchedService, store: SharedStore, time: LabTime, process: str) -> None:
        """`process` is a name that no other process of the lab has, nor ever had."""
        self.service = service
        self.relay = ExchangeRelay(service, store, time, process)
        self._replica = Replica(service, store, time, process)
        self._replica.on_revert = self._reverted
        self.counts = self._replica.counts
        self.set_back: Millis | None = None
        """When this process last noticed that the store has lost what it had acknowledged."""
        self._lost: str | None = None
        """Why the store can't be asked; None: it can."""
        self._refused_since: Millis = 0
        self._replica.writes.on_begin, self._replica.writes.on_end = self._refused, self._taken
        self.back = asyncio.Event()
        """Set while the store can be asked."""
        self._store, self._process = store, process
        self._queue = CallQueue()
        self._speaks = True
        """Whether it is this one that says when the store is gone."""
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    @property
    def trouble(self) -> str | None:
        """Why calls are refused, all of them or those that write; None: none are."""
        return self._lost or self._replica.writes.why

    async def start(self, about: str | None = "") -> None:
        """Take up what the store holds; `about` is what other processes read of this one. StoreLost if it can't be reached.

        None: it is a tenant's, of which there may be many. That of the lab says for all of them that the process lives
        and what is wrong with the store, and `TenantFollower` follows those that are in use.
        """
        await self._replica.sync()
        await self._replica.recall()
        loops = [self._work(), self.relay.keep_publishing()]
        if about is not None:
            await self._store.heartbeat(self._process, about)
            loops += self._follow(), self._live(about), self.relay.keep_up()
        self._speaks = about is not None
        self.back.set()
        self._tasks = tuple(asyncio.create_task(each) for each in loops)

    async def stop(self) -> None:
        """Serve what waits, and then no more; nothing if it never started."""
        if not self._tasks:
            return
        with suppress(StoreLost):
            await self.fresh()
            await self.relay.publish()
            if self._speaks:
                await self._store.leave(self._process)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._lost = "This process no longer serves the lab."
        self._queue.fail(StoreLost(self._lost))

    # Calls

    async def run(self, call: Callable[[Millis], CallResult], *, moves_clock: bool = False) -> CallResult:
        """What the call gives once its facts are taken; it may be run several times before. StoreLost if none can be."""
        if self._lost is not None:
            raise StoreLost(self._lost)
        return await self._queue.run(call, moves_clock=moves_clock)

    async def fresh(self) -> None:
        """Return once all that any process had committed before is folded."""
        await self.run(lambda now: None)

    async def look(self) -> None:
        """The same, and what other processes have published of their exchanges."""
        await self.fresh()
        await self.relay.publish()
        await self.relay.catch_up()

    async def advance(self, clock: ManualClock, target: Callable[[Millis], Millis]) -> None:
        """Advance the clocks of all processes, from where the lab stands when the store takes it."""

        def call(now: Millis) -> None:
            if (instant := target(now)) < now:
                raise UsageError(f"the clock can't go back from {now} to {instant} ms", hint="advance it forward")
            self.service.note(ClockAdvanced(at=instant, by="control", origin=now))

        await self.run(call, moves_clock=True)

    async def scale(self, clock: ScaledClock, factor: str) -> None:
        """Let the clocks of all processes run at another pace from now on; UsageError if that is none."""
        ScaledClock(factor)
        await self.run(
            lambda now: self.service.note(ClockScaled(at=now, by="control", factor=factor)), moves_clock=True
        )

    # The loop

    async def _work(self) -> None:
        while True:
            calls = await self._queue.next()
            try:
                await self._serve(calls)
            except LedgerEnded as ended:
                fail(calls, ended)
            except StoreLost as lost:
                fail(calls, lost)
                await self._reconnect(lost)
            except Exception as fault:  # noqa: BLE001 - a bug ends its calls, not the lab
                # an observer may have failed in the midst of what was folded
                self._replica.doubt()
                fail(calls, fault)

    async def _serve(self, calls: Sequence[WaitingCall]) -> None:
        try:
            await self._serve_together(calls)
        except StoreRefused as refused:
            if len(calls) == 1:
                fail(calls, refused)
                return
            for each in calls:  # those that write nothing are answered
                await self._serve([each])

    async def _serve_together(self, calls: Sequence[WaitingCall]) -> None:
        await self._replica.sync()
        while True:
            now = self._replica.now
            batch = self.service.attempt([each.call for each in calls], now)
            if not batch.facts or await self._replica.commit(batch, now):
                break
        self.service.accept(batch)
        for waiting, result in zip(calls, batch.results, strict=True):
            waiting.end(result)

    # A store that is gone

    async def _reconnect(self, lost: StoreLost) -> None:
        at, pause = self._replica.now, _FIRST_PAUSE
        self.counts.errors += 1
        self._lost = lost.what
        self.back.clear()
        self._queue.fail(lost)
        self._say(logging.ERROR, f"{lost.what.rstrip('.')}. Calls get 503 until it is back.")
        while True:
            await SystemClock().hold(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
            try:
                await self._replica.sync()
                break
            except LedgerEnded:  # the next call learns of it
                break
            except StoreLost:
                self.counts.errors += 1
        self._lost = None
        self.service.note(LedgerLost(at=at, why=lost.what))
        self.service.note(LedgerBack(at=self._replica.now))
        self.back.set()
        self._say(logging.WARNING, "the shared ledger is back.")

    def _refused(self, why: str) -> None:
        self._refused_since = self._replica.now
        self._say(logging.ERROR, f"{why.rstrip('.')}. Calls that write get 503 until it takes them.")

    def _taken(self, why: str) -> None:
        self.service.note(LedgerLost(at=self._refused_since, why=why))
        self.service.note(LedgerBack(at=self._replica.now))
        self._say(logging.WARNING, "the shared ledger takes writes again.")

    def _reverted(self, fact: LedgerReverted) -> None:
        self.set_back = fact.at
        self.service.note(fact)
        gone = f"{fact.gone:,} commit{'s' if fact.gone > 1 else ''}"
        self._say(logging.ERROR, f"{fact.why}. At least {gone} that it had acknowledged went with that.")

    def _say(self, level: int, text: str) -> None:
        if self._speaks:
            _LOG.log(level, "lab: %s", text)

    # Where nobody calls

    async def _follow(self) -> None:
        """Fold what others commit as soon as they do, for whoever looks on, and keep the clock up with the store's."""
        while True:
            await self.back.wait()
            position = self.service.position
            try:
                await self._store.wait(position, _IDLE)
                pause = _BUSY if self.service.position != position else 0
            except StoreLost:  # it may be that the store refuses this alone
                pause = _UNWATCHED
            await SystemClock().hold(pause)
            with suppress(StoreLost):
                await self.fresh()

    async def _live(self, about: str) -> None:
        while True:
            await SystemClock().hold(PROCESS_LIFETIME // 3)
            with suppress(StoreLost):
                await self._store.heartbeat(self._process, about)
