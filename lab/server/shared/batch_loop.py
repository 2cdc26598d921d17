"""The loop of a process that shares its lab and the tenants of that: calls wait, a batch of them is tried, the store takes
what came of it.

    sync     what other processes committed meanwhile is folded; the store's clock gives the batch its instants
    try      all calls that wait are run against the records of this process, which are then as before
    append   the log takes their facts, unless somebody was faster: then fold what they committed, and try again
    release  the facts are folded, observers are told, and each caller gets what its call gave

One round trip serves all calls that wait, whichever lab they are for, and a second one all that they change. If the answer
to an append gets lost, the log says whether it was taken: the next commit is its first, is another's, or isn't there, and
then the same is sent again. While the store can't be reached calls fail at once; the loop tries to reach it, in pauses that
grow. A commit of which it wasn't learned what became of it, for its calls have failed, is folded later as any commit is.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import ClassVar, TypeVar, cast

from msgspec import Struct
from msgspec.structs import replace

from lab.clocks import ManualClock, ScaledClock, SystemClock, real_millis
from lab.core.clock import Millis
from lab.core.errors import LabError, UsageError
from lab.core.journal.fact import ClockAdvanced, ClockScaled, LabEnded, LabMade, Record
from lab.core.journal.shared import (
    PIECE,
    PROCESS_LIFETIME,
    SNAPSHOT_EVERY,
    Behind,
    Commit,
    LabKey,
    LabState,
    LedgerEnded,
    LogPlace,
    SetupReplaced,
    SharedStore,
    Snapshot,
    StoreLost,
    StoreRefused,
    StoreUnreadable,
)
from lab.core.journal.shell import LedgerBack, LedgerLost, LedgerReverted
from lab.mock.batches import Batch, BatchedService
from lab.server.shared.calls import CallResult, LedgerCalls, LedgerCounts, tell_bug
from lab.server.shared.exchanges import ExchangeRelay, LabRelay
from lab.server.shared.folded_log import key_at, lab_key, read_log
from lab.server.shared.lab_time import LabTime
from lab.server.shared.refused_writes import RefusedWrites

_LOG = logging.getLogger("lab")
MOST_CALLS = 256
"""Calls of a batch: more would keep the process from its sockets."""
ANSWERED_WITHIN: Millis = 2_000
"""For so long, in real milliseconds, a store that doesn't answer is asked again."""
RECALLED = 10_000
"""Commits from before a process came that its journals tell of."""
ORDINALS = 10_000_000
"""Ordinals of exchanges that are a process's own."""
_FIRST_PAUSE: Millis = 50
_LONGEST_PAUSE: Millis = 2_000
_GATHER: Millis = 50
"""For so long, in real milliseconds, exchanges are gathered before they are published."""
_IDLE: Millis = 1_000
"""For so long nothing is asked of the store where nobody calls."""
_LOOK: Millis = 250
"""For so long where the store can't be asked to tell."""
_BUSY: Millis = 50
"""So long it waits for no commits after there was one: calls of this process make some, and fold those of others."""
_Answer = TypeVar("_Answer")


class LabCalls(LedgerCalls):
    """Runs the calls of one process on the service of one lab: on that without a name, or on a tenant's."""

    shared: ClassVar[bool] = True
    relay: LabRelay

    def __init__(
        self, loop: "BatchLoop", service: BatchedService, time: LabTime, state: LabState | None = None
    ) -> None:
        """Of a tenant the `state` says what it is, and when it was made; the lab without a name has none, and is the first."""
        self.loop, self.service, self.time, self.state = loop, service, time, state or LabState()
        self.key = lab_key(state.birth) if state is not None and state.birth is not None else ""
        self.counts = None if self.key else loop.counts
        self.relay = LabRelay(loop.relay, self.key, service, time)
        self.over = False
        """Whether it was ended."""
        service.exchanges = loop.relay.number * ORDINALS
        if loop.wall:
            time.keep_up(loop.wall)
        loop.labs[self.key] = self

    @property
    def trouble(self) -> str | None:
        return self.loop.trouble

    @property
    def now(self) -> Millis:
        """The lab's instant, as of the store's last answer."""
        return self.time.instant(self.loop.wall)

    async def start(self) -> None:
        """Take up what the store holds, of all labs; StoreLost if it can't be reached."""
        await self.loop.start()

    async def run(self, call: Callable[[Millis], CallResult], *, moves_clock: bool = False) -> CallResult:
        """What the call gives once its facts are taken; it may be run several times before. StoreLost if none can be.

        LedgerEnded if this lab was ended. After one that moves the clock, or makes or ends a lab, others are run later.
        """
        return await self.loop.run(self, call, last=moves_clock)

    async def fresh(self) -> None:
        """Return once all that any process had committed before is folded; LedgerEnded if that ended this one."""
        await self.run(lambda now: None)

    async def look(self) -> None:
        """The same, and what other processes have published of their exchanges."""
        await self.fresh()
        await self.loop.relay.publish()
        with suppress(StoreLost):  # they are told for onlookers alone
            await self.loop.relay.catch_up()

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


class _Waiting(Struct, eq=False):
    """A call, and whoever waits for it."""

    lab: LabCalls
    call: Callable[[Millis], object]
    last: bool
    """Whether it is the last of its batch: those after it see what it changes."""
    result: "asyncio.Future[object]"

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


class _Trial(Struct):
    """What trying the calls of one lab came to."""

    lab: LabCalls
    batch: Batch
    commit: Commit | None = None
    """Of the facts, if there are any."""


class BatchLoop:
    """Runs the calls of one process on the services of all labs."""

    def __init__(self, store: SharedStore, process: str) -> None:
        """`process` is a name that no other process of the lab has, nor ever had."""
        self.store = store
        self.labs: dict[LabKey, LabCalls] = {}
        """That without a name, which whoever makes the loop adds, and the tenants in the order of their making."""
        self.make_tenant: Callable[[LabState], LabCalls] | None = None
        """Adds a tenant that was made, by whichever process; its state has no records yet."""
        self.end_tenant: Callable[[LabCalls], object] | None = None
        self.relay = ExchangeRelay(store, process, lambda: self.usual.fresh())
        self.counts = LedgerCounts()
        self.writes = RefusedWrites()
        self.writes.on_begin, self.writes.on_end = self._refused, self._accepts
        self._refused_since: Mapping[LabCalls, Millis] = {}
        self.back = asyncio.Event()
        """Set while the store can be asked."""
        self._lost: str | None = None
        """Why the store can't be asked; None: it can."""
        self._process = process
        self._calls: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._place: LogPlace | None = None
        """Up to where the log is folded; None: the records must be loaded."""
        self._number, self._busy = 0, False
        self.wall: Millis = 0
        """The store's clock, as of its last answer."""
        self._beaten = self._synced = real_millis()
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self._keeping: asyncio.Task[None] | None = None

    @property
    def usual(self) -> LabCalls:
        """The calls of the lab without a name."""
        return self.labs[""]

    @property
    def trouble(self) -> str | None:
        """Why calls are refused, all of them or those that write; None: none are."""
        return self._lost or self.writes.why

    async def start(self) -> None:
        """Take up what the store holds; StoreLost if it can't be reached."""
        await self._sync()
        await self._recall()
        await self.store.heartbeat(self._process)
        self.back.set()
        loops = self._work(), _for_ever(self._publish), _for_ever(self._follow)
        self._tasks = tuple(map(asyncio.create_task, loops))

    async def stop(self) -> None:
        """Serve what waits, and then no more; nothing if it never started."""
        if not self._tasks:
            return
        with suppress(StoreLost):
            await self.usual.fresh()
            await self.relay.publish()
            await self.store.leave(self._process)
        tasks = [*self._tasks, *([self._keeping] if self._keeping is not None else ())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._lost = "This process no longer serves the lab."
        self._fail_all(StoreLost(self._lost))

    # Calls

    async def run(self, lab: LabCalls, call: Callable[[Millis], CallResult], *, last: bool) -> CallResult:
        """What the call gives; StoreLost if the store can't be asked."""
        if self._lost is not None:
            raise StoreLost(self._lost)
        waiting = _Waiting(lab, call, last, asyncio.get_running_loop().create_future())
        self._calls.put_nowait(waiting)
        return cast("CallResult", await waiting.result)

    @property
    def making(self) -> str:
        """To a call: what tells a lab that it makes from all that there were at its place."""
        assert self._place is not None
        return f"{self.wall}.{self._place.position}"

    # The loop

    async def _work(self) -> None:
        while True:
            self._busy = False
            calls = await self._next()
            try:
                self._busy = True
                await self._serve(calls)
            except Exception as fault:  # noqa: BLE001 - a bug ends its calls, not the lab
                # an observer may have failed in the midst of what was folded
                self._doubt()
                if all(each.result.done() for each in calls):
                    tell_bug(fault)  # else whoever called does
                _fail(calls, fault)

    async def _next(self) -> list[_Waiting]:
        """The calls of the next batch, once there is one, but for those that were given up."""
        calls = [await self._calls.get()]
        while len(calls) < MOST_CALLS and not (calls[-1].last or self._calls.empty()):
            calls.append(self._calls.get_nowait())
        return [each for each in calls if not each.result.done()]

    async def _serve(self, calls: Sequence[_Waiting]) -> None:
        try:
            results = await self._results(calls)
        except StoreRefused as refused:
            if len(calls) == 1:
                self.counts.errors += 1
                self.writes.refuse(refused.what)
                _fail(calls, refused)
                return
            for each in calls:  # those that write nothing are answered
                await self._serve([each])
        except (StoreLost, StoreUnreadable) as fault:
            lost = fault if isinstance(fault, StoreLost) else StoreLost(fault.what, hint=fault.hint)
            _fail(calls, lost)
            await self._reconnect(lost)
        else:
            for waiting, result in results:
                waiting.end(result)

    async def _results(self, calls: Sequence[_Waiting]) -> list[tuple[_Waiting, object]]:
        """What the calls give, once the log has taken what they came to; StoreLost if that can't be known in time."""
        until, groups = real_millis() + ANSWERED_WITHIN, dict[LabCalls, list[_Waiting]]()
        for each in calls:
            groups.setdefault(each.lab, []).append(each)
        while True:
            await self._insist(self._sync, until)
            results, trials = list[tuple[_Waiting, object]](), list[_Trial]()
            for lab, waiting in groups.items():
                if lab.over:
                    results += [(each, LedgerEnded()) for each in waiting]
                    continue
                lab.time.keep_up(self.wall)
                trials.append(_Trial(lab, lab.service.attempt([each.call for each in waiting], lab.now)))
                results += zip(waiting, trials[-1].batch.results, strict=True)
            if await self._commit(trials, until):
                return results

    async def _commit(self, trials: Sequence[_Trial], until: Millis) -> bool:
        """Have the log take what the calls came to; False if it didn't: what others were faster with is folded."""
        place, news = self._place, tuple[Commit, ...]()
        assert place is not None
        commits = tuple(self._proposals(trials, place))
        try:
            while commits and not news:
                try:
                    if not await self.store.append(place, commits):
                        break
                    news = commits
                except StoreLost as lost:
                    self._bear(lost, until)
                    news = await self._insist(self._news, until)  # the log says whether they were taken
                    if self._place != place:
                        # they may be among the records that had to be loaded, or gone again: no call is run anew
                        raise StoreLost("The store no longer says whether it took the last calls.") from None
                    if not news:  # they may be on their way: nothing but the same may follow them
                        await SystemClock().hold(_FIRST_PAUSE)
        except LabError:
            for each in trials:
                each.lab.service.refuse(each.batch)
            raise
        taken = not commits or (bool(news) and news[0].place == commits[0].place)
        for each in trials:
            if not taken:
                each.lab.service.refuse(each.batch)
                continue
            if each.commit is not None:
                self._stand(each.commit)
            each.lab.service.accept(each.batch)
        if commits:
            self.counts.commits += taken
            self.counts.conflicts += not taken
            if taken:
                self.writes.take()
        self._fold(news[len(commits) if taken else 0 :])
        return taken

    def _proposals(self, trials: Iterable[_Trial], place: LogPlace) -> Iterator[Commit]:
        """The commits of the facts that there are, behind that place."""
        position = place.position
        for each in trials:
            if facts := each.batch.facts:
                position, self._number = position + 1, self._number + 1
                at, what = max(each.lab.now, facts[-1].at), (facts, each.batch.exchanges, each.lab.key)
                each.commit = Commit(position, self._process, self._number, at, self.wall, *what)
                yield each.commit

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
        """It is the last one from now on, and the tenants that it makes or ends are so here."""
        lab = self.labs[commit.lab]
        self._place, lab.service.position = commit.place, commit.position
        lab.time.follow(commit)
        for fact in commit.facts:
            if isinstance(fact, LabMade):
                self._make(LabState(birth=fact, wall=commit.wall))
            elif isinstance(fact, LabEnded):
                self._end(key_at(self.labs, fact.place))
        if commit.position % SNAPSHOT_EVERY == 0 and commit.process == self._process:
            asyncio.get_running_loop().call_soon(self._keep)

    # The log

    async def _sync(self) -> None:
        """Fold what was committed since, all of it."""
        while news := await self._news():
            self._fold(news)
            if len(news) < PIECE:
                break

    async def _news(self) -> tuple[Commit, ...]:
        """The commits since; where they can't be given, none, once the records are loaded."""
        while True:
            if self._place is None:
                await self._load()
            assert self._place is not None
            answer = await self.store.sync(self._place)
            if not isinstance(answer, Behind):
                self.wall = answer.wall
                return answer.commits
            self._doubt()
            if answer.gone is not None:
                self._reverted(answer.gone, answer.why)

    def _fold(self, commits: Iterable[Commit]) -> None:
        for commit in commits:
            self._stand(commit)
            self.labs[commit.lab].service.fold(commit.facts, commit.exchanges or (None,) * len(commit.facts))

    def _make(self, state: LabState) -> LabCalls:
        if self.make_tenant is None:
            raise StoreUnreadable("The lab has tenants, and this process serves none.")
        return self.make_tenant(state)

    def _end(self, key: LabKey) -> None:
        lab = self.labs.pop(key)
        lab.over = True
        del self.relay.labs[key]
        assert self.end_tenant is not None
        self.end_tenant(lab)

    def _doubt(self) -> None:
        """Load the records before they are used again."""
        self._place = None

    async def _load(self) -> None:
        """Hold what the store does; observers have been told of it, or are by `_recall`."""
        snapshot, self.wall = await read_log(self.store)
        with suppress(StoreRefused):  # it is full: the ordinals of before are good enough
            self.relay.number = await self.store.number() - 1
        for key in self.labs.keys() - snapshot.labs.keys():
            self._end(key)
        for key, state in snapshot.labs.items():
            lab = self.labs.get(key) or self._make(replace(state, records={}))
            lab.service.exchanges = self.relay.number * ORDINALS
            lab.service.replicate(state.records)
            lab.service.position = snapshot.place.position
            lab.time.load(state)
            lab.time.keep_up(self.wall)
        self._place = snapshot.place

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
                lab = self.labs.get(commit.lab)
                if (place := commit.place).position <= until and lab is not None:  # else it was ended since
                    lab.service.recall(commit.facts, commit.exchanges or (None,) * len(commit.facts), place.position)
        for lab in self.labs.values():
            lab.service.position = until

    def _keep(self) -> None:
        """Keep a snapshot, if none is being kept; the records of now are copied, and written while others are served."""
        if self._place is None or (self._keeping is not None and not self._keeping.done()):
            return
        labs = {
            key: replace(each.state, records=dict(each.service.ledger.of(Record)), at=each.time.at, pace=each.time.pace)
            for key, each in self.labs.items()
        }
        snapshot = Snapshot(self._place, labs)

        async def keep() -> None:
            with suppress(StoreLost):
                await self.store.keep(snapshot)

        self._keeping = asyncio.create_task(keep())

    # A store that is gone

    async def _reconnect(self, lost: StoreLost) -> None:
        since, pause = self._instants(), _FIRST_PAUSE
        self._lost = lost.what
        self.back.clear()
        self._fail_all(lost)
        _LOG.error("lab: %s. Calls get 503 until it is back.", lost.what.rstrip("."))
        while True:
            await SystemClock().hold(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
            try:
                await self._sync()
                break
            except LabError:
                self.counts.errors += 1
            except Exception as bug:  # noqa: BLE001 - of an observer, as in `_work`: who calls must not wait for ever
                self._doubt()
                tell_bug(bug)
        self._lost = None
        self.back.set()
        _LOG.warning("lab: the shared ledger is back.")
        self._note_gap(since, lost.what)

    def _instants(self) -> dict[LabCalls, Millis]:
        return {lab: lab.now for lab in self.labs.values()}

    def _note_gap(self, since: Mapping[LabCalls, Millis], why: str) -> None:
        """Tell the journals, now that the store can be told, too."""
        for lab, at in since.items():
            lab.service.note(LedgerLost(at=at, why=why))
            lab.service.note(LedgerBack(at=lab.now))

    def _fail_all(self, why: Exception) -> None:
        while not self._calls.empty():
            self._calls.get_nowait().end(why)

    def _refused(self, why: str) -> None:
        self._refused_since = self._instants()
        _LOG.error("lab: %s. Calls that write get 503 until it takes them.", why.rstrip("."))

    def _accepts(self, why: str) -> None:
        self._note_gap(self._refused_since, why)
        _LOG.warning("lab: the shared ledger takes writes again.")

    def _reverted(self, gone: int, why: str) -> None:
        for lab in self.labs.values():
            lab.set_back = lab.now
            lab.service.note(LedgerReverted(at=lab.now, gone=gone, why=why))
        commits = f"{gone:,} commit{'s' if gone > 1 else ''}"
        _LOG.error("lab: %s. At least %s that it had acknowledged went with that.", why, commits)

    # Beside the calls

    async def beat(self) -> None:
        """Let others know that this one lives; where writes are refused, that shows whether they still are."""
        try:
            await self.store.heartbeat(self._process)
            self.writes.take()
        except SetupReplaced:
            self._doubt()  # the next call learns of it
        except StoreRefused as refused:
            self.writes.refuse(refused.what)
        except StoreLost:
            pass

    async def _publish(self) -> Millis:
        await self.relay.come.wait()
        self.relay.come.clear()
        await SystemClock().hold(_GATHER)
        await self.relay.publish()
        return 0

    async def _follow(self) -> Millis:
        """Fold what others have committed, once they do; for how long nothing has to be asked then."""
        place, follows = self._place, self.relay.follows
        try:
            position = 0 if place is None else place.position
            news = await self.store.wait(position, self.relay.cursor if follows else None, _IDLE)
            pause = _BUSY if news else 0
        except LabError:  # it may be that the store refuses this alone
            news, pause = True, _LOOK
        if real_millis() - self._beaten >= (_IDLE if self.writes.why is not None else PROCESS_LIFETIME // 3):
            self._beaten = real_millis()
            await self.beat()
        idle = real_millis() - self._synced >= _IDLE
        # a commit of this process's own is no news, and with it those of others are folded: the next wait tells of more
        if idle or (news and self._place == place and not self._busy):
            self._synced = real_millis()
            await self.usual.fresh()
        if idle:
            for lab in self.labs.values():
                lab.time.keep_up(self.wall)
        if news and follows:
            await self.relay.catch_up()
        return pause


async def _for_ever(turn: Callable[[], Awaitable[Millis]]) -> None:
    """What goes on beside the calls: turn after turn, whatever comes of it, with the pause that each gives.

    A store that is lost is told of where calls are served, and a bug as one that no call is answered with.
    """
    while True:
        pause = _LOOK
        try:
            pause = await turn()
        except StoreLost:
            pass
        except Exception as bug:  # noqa: BLE001 - else it would end, and nobody would know
            tell_bug(bug)
        await SystemClock().hold(pause)
