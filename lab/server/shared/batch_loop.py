"""The loop of a process that shares its lab: calls wait, a batch of them is tried, the store takes what came of it.

    sync     what other processes committed meanwhile is folded; the store's clock gives the batch its instant
    try      all calls that wait are run against the records of this process, which are then as before
    append   the log takes their facts, unless somebody was faster: then fold what they committed, and try again
    release  the facts are folded, observers are told, and each caller gets what its call gave

One round trip serves all calls that wait, and a second one all that they change. If the answer to an append gets lost,
the log says whether it was taken: the next commit is it, is another's, or isn't there, and then the same is sent again.
While the store can't be reached calls fail at once; the loop tries to reach it, in pauses that grow. A commit of which it
wasn't learned what became of it, for its calls have failed, is folded later as any commit is.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import ClassVar, TypeVar, cast

from msgspec import Struct

from lab.clocks import ManualClock, ScaledClock, SystemClock, breathe, real_millis
from lab.core.clock import Millis
from lab.core.errors import LabError, UsageError
from lab.core.journal.fact import ClockAdvanced, ClockScaled, Record
from lab.core.journal.ledger import MemoryLedger
from lab.core.journal.shared import (
    PIECE,
    PROCESS_LIFETIME,
    SNAPSHOT_EVERY,
    Behind,
    Commit,
    Cursor,
    LedgerEnded,
    LogPlace,
    LogPosition,
    SetupReplaced,
    SharedStore,
    Snapshot,
    StoreLost,
    StoreRefused,
    StoreUnreadable,
)
from lab.core.journal.shell import LedgerBack, LedgerLost, LedgerReverted
from lab.mock.batches import Batch, BatchedService
from lab.server.shared.calls import CallResult, LedgerCalls, LedgerCounts
from lab.server.shared.exchanges import ExchangeRelay
from lab.server.shared.lab_time import LabTime, pace_after
from lab.server.shared.refused_writes import RefusedWrites

_LOG = logging.getLogger("lab")
MOST_CALLS = 256
"""Calls of a batch: more would keep the process from its sockets."""
ANSWERED_WITHIN: Millis = 2_000
"""For so long, in real milliseconds, a store that doesn't answer is asked again."""
RECALLED = 10_000
"""Commits from before a process came that its journal tells of."""
ORDINALS = 10_000_000
"""Ordinals of exchanges that are a process's own."""
_FIRST_PAUSE: Millis = 50
_LONGEST_PAUSE: Millis = 2_000
_GATHER: Millis = 50
"""For so long, in real milliseconds, exchanges are gathered before they are published."""
_IDLE: Millis = 1_000
"""For so long nothing is asked of the store where nobody calls."""
_LOOK: Millis = 250
"""For so long where tenants are here, for one may come to be in use; or where the store can't be asked to tell."""
_BUSY: Millis = 50
"""So long it waits for no commits after there was one: calls of this process make some, and fold those of others."""
_Answer = TypeVar("_Answer")


async def read_log(store: SharedStore, before: LogPlace | None = None) -> tuple[Snapshot, Millis]:
    """All records as they are now, and what the store's clock says: the last snapshot, and what was committed since."""
    kept, ledger = await store.snapshot(), MemoryLedger()
    ledger.replace(kept.records)
    place, at, pace = kept.place, kept.at, kept.pace
    while True:
        answer = await store.sync(place)
        if isinstance(answer, Behind):
            if kept.place == before:
                raise StoreUnreadable(f"{answer.why}, and has no snapshot behind which they go on.")
            return await read_log(store, kept.place)  # a newer one was kept meanwhile, or the store was set back
        for commit in answer.commits:
            ledger.commit(commit.facts)
            place, at, pace = commit.place, commit.at, pace_after(commit) or pace
        if len(answer.commits) < PIECE:
            return Snapshot(place, dict(ledger.of(Record)), at, pace), answer.wall
        await breathe()


class _Waiting(Struct, eq=False):
    """A call, and whoever waits for it."""

    call: Callable[[Millis], object]
    result: "asyncio.Future[object]"
    moves_clock: bool
    """Whether it is the last of its batch: those after it are of another instant."""

    def end(self, result: object) -> None:
        """Give what the call gave, or raise what it raised, to whoever waits for it still."""
        if self.result.done():
            return
        if isinstance(result, Exception):
            self.result.set_exception(result)
        else:
            self.result.set_result(result)


def _fail(calls: Iterable[_Waiting], why: Exception) -> None:
    for waiting in calls:
        waiting.end(why)


class BatchLoop(LedgerCalls):
    """Runs the calls of one process on its service."""

    shared: ClassVar[bool] = True
    counts: LedgerCounts
    relay: ExchangeRelay

    def __init__(self, service: BatchedService, store: SharedStore, time: LabTime, process: str) -> None:
        """`process` is a name that no other process of the lab has, nor ever had."""
        self.service, self.store = service, store
        self.relay = ExchangeRelay(service, store, time, process)
        self.follower = Follower(self)
        """What follows this lab, and those of its tenants that are in use."""
        self.counts = LedgerCounts()
        self.writes = RefusedWrites()
        self.writes.on_begin, self.writes.on_end = self._refused, self._taken
        self._refused_since: Millis = 0
        self.back = asyncio.Event()
        """Set while the store can be asked."""
        self._lost: str | None = None
        """Why the store can't be asked; None: it can."""
        self._time, self._process = time, process
        self._calls: deque[_Waiting] = deque()
        self._called = asyncio.Event()
        self._place: LogPlace | None = None
        """Up to where the log is folded; None: the records must be loaded."""
        self._number = 0
        self._wall: Millis = 0
        self._leads = True
        """Whether it says that the process lives, and when the store is gone."""
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self._keeping: asyncio.Task[None] | None = None

    @property
    def trouble(self) -> str | None:
        """Why calls are refused, all of them or those that write; None: none are."""
        return self._lost or self.writes.why

    @property
    def now(self) -> Millis:
        """The lab's instant, as of the store's last answer."""
        return self._time.instant(self._wall)

    async def start(self, *, leads: bool = True) -> None:
        """Take up what the store holds; StoreLost if it can't be reached.

        That of a tenant, of which there may be many, leads none: that of the lab says for all of them that the process
        lives and what is wrong with the store, and its follower follows those that are in use.
        """
        self._leads = leads
        await self._sync()
        await self._recall()
        if leads:
            await self.store.heartbeat(self._process)
        self.back.set()
        loops = (self._work(), self._publish(), *([self.follower.run()] if leads else ()))
        self._tasks = tuple(asyncio.create_task(each) for each in loops)

    async def stop(self) -> None:
        """Serve what waits, and then no more; nothing if it never started."""
        if not self._tasks:
            return
        with suppress(StoreLost):
            await self.fresh()
            await self.relay.publish()
            if self._leads:
                await self.store.leave(self._process)
        tasks = [*self._tasks, *([self._keeping] if self._keeping is not None else ())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._lost = "This process no longer serves the lab."
        self._fail_all(StoreLost(self._lost))

    @property
    def followed_from(self) -> tuple[LogPosition, Cursor | None]:
        """Behind what there may be news of it: commits, and exchanges of others if somebody follows them."""
        return self.service.position, self.relay.cursor if self.relay.followers else None

    # Calls

    async def run(self, call: Callable[[Millis], CallResult], *, moves_clock: bool = False) -> CallResult:
        """What the call gives once its facts are taken; it may be run several times before. StoreLost if none can be."""
        if self._lost is not None:
            raise StoreLost(self._lost)
        waiting = _Waiting(call, asyncio.get_running_loop().create_future(), moves_clock)
        self._calls.append(waiting)
        self._called.set()
        return cast("CallResult", await waiting.result)

    async def fresh(self) -> None:
        """Return once all that any process had committed before is folded."""
        await self.run(lambda now: None)

    async def look(self) -> None:
        """The same, and what other processes have published of their exchanges."""
        await self.fresh()
        await self.relay.publish()
        with suppress(StoreLost):  # they are told for onlookers alone
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
            calls = await self._next()
            try:
                await self._serve(calls)
            except Exception as fault:  # noqa: BLE001 - a bug ends its calls, not the lab
                # an observer may have failed in the midst of what was folded
                self._doubt()
                if all(each.result.done() for each in calls):
                    tell_bug(fault)  # else whoever called does
                _fail(calls, fault)

    async def _next(self) -> list[_Waiting]:
        """The calls of the next batch, once there is one; nobody has given them up."""
        while True:
            while not self._calls:
                self._called.clear()
                await self._called.wait()
            calls: list[_Waiting] = []
            while self._calls and len(calls) < MOST_CALLS and not (calls and calls[-1].moves_clock):
                waiting = self._calls.popleft()
                if not waiting.result.done():
                    calls.append(waiting)
            if calls:
                return calls

    async def _serve(self, calls: Sequence[_Waiting]) -> None:
        try:
            results = await self._results(calls)
        except StoreRefused as refused:
            if len(calls) == 1:
                _fail(calls, refused)
                return
            for each in calls:  # those that write nothing are answered
                await self._serve([each])
        except LedgerEnded as ended:
            _fail(calls, ended)
        except (StoreLost, StoreUnreadable) as fault:
            lost = fault if isinstance(fault, StoreLost) else StoreLost(fault.what, hint=fault.hint)
            _fail(calls, lost)
            await self._reconnect(lost)
        else:
            for waiting, result in zip(calls, results, strict=True):
                waiting.end(result)

    async def _results(self, calls: Sequence[_Waiting]) -> Sequence[object]:
        """What the calls give, once the log has taken what they came to; StoreLost if that can't be known in time."""
        until = real_millis() + ANSWERED_WITHIN
        while True:
            await self._insist(self._sync, until)
            batch = self.service.attempt([each.call for each in calls], self.now)
            if not batch.facts:
                self.service.accept(batch)
            elif not await self._commit(batch, until):
                continue
            return batch.results

    async def _commit(self, batch: Batch, until: Millis) -> bool:
        """Have the log take what the batch came to; False if it didn't: what others were faster with is folded."""
        place, news = self._place, tuple[Commit, ...]()
        assert place is not None
        self._number += 1
        at = max(self.now, batch.facts[-1].at)
        commit = Commit(
            place.position + 1, self._process, self._number, at, self._wall, batch.facts, batch.exchanges
        )  # fmt: skip
        try:
            while not news:
                try:
                    if not await self._append(place, commit):
                        break
                    news = (commit,)
                except StoreLost as lost:
                    self._bear(lost, until)
                    news = await self._insist(self._news, until)  # the log says whether it was taken
                    if self._place != place:
                        # it may be among the records that had to be loaded, or gone again: its calls aren't run anew
                        raise StoreLost("The store no longer says whether it took the last calls.") from None
                    if not news:  # it may be on its way: nothing but the same may follow it
                        await SystemClock().hold(_FIRST_PAUSE)
        except LabError:
            self.service.refuse(batch)
            raise
        if taken := bool(news) and news[0].place == commit.place:
            self.counts.commits += 1
            self.writes.take()
            self._stand(commit)
            self.service.accept(batch)
        else:
            self.counts.conflicts += 1
            self.service.refuse(batch)
        self._fold(news[taken:])
        return taken

    async def _append(self, place: LogPlace, commit: Commit) -> bool:
        try:
            return await self.store.append(place, commit)
        except StoreRefused as refused:
            self.counts.errors += 1
            self.writes.refuse(refused.what)
            raise

    async def _insist(self, ask: Callable[[], Awaitable[_Answer]], until: Millis) -> _Answer:
        """What the store says in the end; StoreLost if it says nothing, and it is past `until`, in real milliseconds."""
        while True:
            try:
                return await ask()
            except StoreLost as lost:
                self._bear(lost, until)
                await SystemClock().hold(_FIRST_PAUSE)

    def _bear(self, lost: StoreLost, until: Millis) -> None:
        """Nothing, as long as the store is merely silent, and not for too long."""
        if type(lost) is not StoreLost or real_millis() >= until:
            raise lost
        self.counts.errors += 1

    def _stand(self, commit: Commit) -> None:
        """It is the last one from now on."""
        self._place, self.service.position = commit.place, commit.position
        self._time.follow(commit)
        if commit.position % SNAPSHOT_EVERY == 0 and commit.process == self._process:
            asyncio.get_running_loop().call_soon(self._keep)

    # The log

    async def _sync(self) -> None:
        """Fold what was committed since, all of it."""
        while news := await self._news():
            self._fold(news)
            if len(news) < PIECE:
                break
        self._time.keep_up(self._wall)

    async def _news(self) -> tuple[Commit, ...]:
        """The commits since; where they can't be given, none, once the records are loaded."""
        while True:
            if self._place is None:
                await self._load()
            assert self._place is not None
            answer = await self.store.sync(self._place)
            if not isinstance(answer, Behind):
                self._wall = answer.wall
                return answer.commits
            self._doubt()
            if answer.gone is not None:
                self._reverted(answer.gone, answer.why)

    def _fold(self, commits: Sequence[Commit]) -> None:
        for commit in commits:
            self._stand(commit)
            self.service.fold(commit.facts, commit.exchanges or (None,) * len(commit.facts))

    def _doubt(self) -> None:
        """Load the records before they are used again."""
        self._place = None

    async def _load(self) -> None:
        """Hold what the store does; observers have been told of it, or are by `_recall`."""
        snapshot, self._wall = await read_log(self.store)
        with suppress(StoreRefused):  # it is full: the ordinals of before are good enough
            self.relay.number = await self.store.number() - 1
            self.service.exchanges = self.relay.number * ORDINALS
        self.service.replicate(snapshot.records)
        self._time.load(snapshot)
        self._place, self.service.position = snapshot.place, snapshot.place.position

    async def _recall(self) -> None:
        """Tell observers what was committed before this process came, as far as a journal may go back."""
        assert self._place is not None
        until = self._place.position
        place = LogPlace(max(0, until - RECALLED))
        while place.position < until:
            answer = await self.store.sync(place)
            if isinstance(answer, Behind) or not answer.commits:
                break
            for commit in answer.commits:
                if (place := commit.place).position <= until:
                    self.service.recall(commit.facts, commit.exchanges or (None,) * len(commit.facts), place.position)
        self.service.position = until

    def _keep(self) -> None:
        """Keep a snapshot, if none is being kept; the records of now are copied, and written while others are served."""
        if self._place is None or (self._keeping is not None and not self._keeping.done()):
            return
        records = dict(self.service.ledger.of(Record))
        snapshot = Snapshot(self._place, records, self._time.at, self._time.pace)

        async def keep() -> None:
            with suppress(StoreLost):
                await self.store.keep(snapshot)

        self._keeping = asyncio.create_task(keep())

    # A store that is gone

    async def _reconnect(self, lost: StoreLost) -> None:
        at, pause = self.now, _FIRST_PAUSE
        self._lost = lost.what
        self.back.clear()
        self._fail_all(lost)
        self._say(logging.ERROR, f"{lost.what.rstrip('.')}. Calls get 503 until it is back.")
        while True:
            await SystemClock().hold(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
            try:
                await self._sync()
                break
            except LedgerEnded:  # the next call learns of it
                break
            except LabError:
                self.counts.errors += 1
            except Exception as bug:  # noqa: BLE001 - of an observer, as in `_work`: who calls must not wait for ever
                self._doubt()
                tell_bug(bug)
        self._lost = None
        self.back.set()
        self._say(logging.WARNING, "the shared ledger is back.")
        self.service.note(LedgerLost(at=at, why=lost.what))
        self.service.note(LedgerBack(at=self.now))

    async def _publish(self) -> None:
        while True:
            await self.relay.come.wait()
            self.relay.come.clear()
            await SystemClock().hold(_GATHER)
            with loop_turn():
                await self.relay.publish()

    def _fail_all(self, why: Exception) -> None:
        _fail(self._calls, why)
        self._calls.clear()

    def _refused(self, why: str) -> None:
        self._refused_since = self.now
        self._say(logging.ERROR, f"{why.rstrip('.')}. Calls that write get 503 until it takes them.")

    def _taken(self, why: str) -> None:
        self.service.note(LedgerLost(at=self._refused_since, why=why))
        self.service.note(LedgerBack(at=self.now))
        self._say(logging.WARNING, "the shared ledger takes writes again.")

    def _reverted(self, gone: int, why: str) -> None:
        self.set_back = self.now
        self.service.note(LedgerReverted(at=self.now, gone=gone, why=why))
        commits = f"{gone:,} commit{'s' if gone > 1 else ''}"
        self._say(logging.ERROR, f"{why}. At least {commits} that it had acknowledged went with that.")

    def _say(self, level: int, text: str) -> None:
        if self._leads:
            _LOG.log(level, "lab: %s", text)

    async def beat(self) -> None:
        """Let others know that this one lives; where writes are refused, that shows whether they still are."""
        try:
            await self.store.heartbeat(self._process)
            for each in self.follower.loops:
                each.writes.take()
        except SetupReplaced:
            self._doubt()  # the next call learns of it
        except StoreRefused as refused:
            self.writes.refuse(refused.what)
        except StoreLost:
            pass


class Follower:
    """Keeps a process up with what others do while nobody calls, for whoever looks on or waits.

    One wait, over one connection, is for the lab and for all of its tenants that are in use: those whose reply is
    withheld, that are followed or waited for. One that lies idle is up to date with each call, and costs the store nothing.
    """

    def __init__(self, own: BatchLoop) -> None:
        self.loops: dict[BatchLoop, Callable[[], int]] = {own: lambda: 1}
        """What runs the calls of each lab that is here, and whether that is in use."""
        self._own = own
        self._beaten = self._synced = real_millis()

    async def run(self) -> None:
        """Follow until it is cancelled."""
        while True:
            pause = _LOOK
            with loop_turn():
                pause = await self._turn()
            await SystemClock().hold(pause)

    async def _turn(self) -> Millis:
        """Fold what others have committed, once they do; for how long nothing has to be asked then."""
        own, pause = self._own, 0
        places = {each.store: each for each, in_use in self.loops.items() if in_use()}
        try:
            within = _LOOK if len(self.loops) > 1 else _IDLE
            news = await own.store.wait({store: each.followed_from for store, each in places.items()}, within)
            pause = _BUSY if news else 0
        except LabError:  # it may be that the store refuses this alone
            news, pause = tuple(places), _LOOK
        refused = any(each.writes.why is not None for each in self.loops)
        if real_millis() - self._beaten >= (_IDLE if refused else PROCESS_LIFETIME // 3):
            self._beaten = real_millis()
            await own.beat()
        behind = {places[store] for store in news}
        if own in behind or real_millis() - self._synced >= _IDLE:  # it keeps the clock up with the store's, too
            self._synced = real_millis()
            behind.add(own)
        await asyncio.gather(*map(_catch_up, behind))
        return pause


async def _catch_up(loop: BatchLoop) -> None:
    with suppress(LedgerEnded):  # whoever has the tenant looks for that
        await loop.fresh()
        if loop.relay.followers:
            await loop.relay.catch_up()


@contextmanager
def loop_turn() -> Iterator[None]:
    """A turn of what goes on beside the calls: whatever comes of it, that goes on.

    A store that is lost is told of by the lab's own loop, and a bug as one that no call is answered with.
    """
    try:
        yield
    except StoreLost:
        pass
    except Exception as bug:  # noqa: BLE001 - else it would end, and nobody would know
        tell_bug(bug)


def tell_bug(bug: Exception) -> None:
    """Tell of a bug that no call is answered with."""
    context = {"message": "A bug of the lab where several processes share it.", "exception": bug}
    asyncio.get_running_loop().call_exception_handler(context)
