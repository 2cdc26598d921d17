"""Several processes serve one lab: whatever one has accepted holds at all of them, once."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from lab.clocks import AnyClock, ManualClock, ScaledClock, SystemClock, breathe, real_millis, settle
from lab.core.clock import Millis
from lab.core.errors import UsageError
from lab.core.journal.fact import ClockAdvanced, Fact
from lab.core.journal.shared import (
    Behind,
    Commit,
    Cursor,
    LabState,
    LogPlace,
    LogPosition,
    Snapshot,
    StoreLost,
    StoreRefused,
    Synced,
)
from lab.core.journal.shell import LedgerBack, LedgerLost, LedgerReverted
from lab.core.observe import Noted, Observation
from lab.core.reply import Reply
from lab.identity.clients import DEMO
from lab.identity.records import EXPIRED_FOR, token_key
from lab.jobs.facts import GateDecided, JobAccepted
from lab.mock.batches import Batch, BatchedService
from lab.server.shared import batch_loop, refused_writes
from lab.server.shared.batch_loop import BatchLoop, LabCalls
from lab.server.shared.folded_log import read_log
from lab.server.shared.lab_time import LabTime
from tests.conftest import each_row
from tests.stores.memory_store import START_WALL, MemoryStore, MemoryStoreAccess
from tests.wire_peer import DOCUMENT, basic, form, invoke, service, status

ASK = {"message": "Taxi 42", "conversational": True, "conversationId": None}
LOGIN = form(authorization=basic(DEMO.id, DEMO.secret))


class SlowAccess(MemoryStoreAccess):
    """Another process has its turn before the store hears of anything."""

    async def _reach(self) -> None:
        await breathe()
        await super()._reach()


class CountingService(BatchedService):
    """Counts the batches that came too late."""

    refused = 0

    def refuse(self, batch: Batch) -> None:
        self.refused += 1
        super().refuse(batch)


class Process:
    """One of the processes that serve the lab."""

    def __init__(self, shared: MemoryStore, clock: AnyClock, name: str, document: dict[str, object]) -> None:
        self.clock, self.name = clock, name
        self.service = CountingService(service(document).config)
        self.store = SlowAccess(shared)
        self.loop = BatchLoop(self.store, name)
        self.calls = LabCalls(self.loop, self.service, LabTime(clock, START_WALL))
        self.seen: list[Observation] = []
        self.service.observers.append(self.seen.append)

    async def serve(self, request: object) -> Reply:
        return await self.calls.run(lambda now: self.service.serve(request, now))  # type: ignore[arg-type]

    async def token(self) -> str:
        return str(json.loads((await self.serve(LOGIN)).response.body)["access_token"])

    async def begin(self, bearer: str, **more: object) -> str:
        reply = await self.serve(invoke(bearer, ASK | more))
        assert reply.response.status == 202, reply.response
        return str(json.loads(reply.response.body)["jobId"])

    async def poll(self, bearer: str, job: str) -> dict[str, object]:
        body: dict[str, object] = json.loads((await self.serve(status(bearer, job))).response.body)
        return body

    async def decide(self, job: str, verdict: str = "approved") -> int:
        return (await self.calls.run(lambda now: self.service.decide(job, "the-boss", verdict, now))).status

    async def advance(self, instant: int) -> None:
        assert isinstance(self.clock, ManualClock)
        await self.calls.advance(self.clock, lambda now: instant)

    def facts(self, kind: type[Fact]) -> list[Fact]:
        return [each.fact for each in self.seen if isinstance(each, Noted) and isinstance(each.fact, kind)]

    def records(self) -> object:
        return list(self.service.ledger._records.items())


@asynccontextmanager
async def lab(
    shared: MemoryStore, *clocks: AnyClock, document: dict[str, object] = DOCUMENT
) -> AsyncIterator[list[Process]]:
    """A process for each clock; in the end all have the same records, which are the store's."""
    processes = [Process(shared, clock, f"p{number}", document) for number, clock in enumerate(clocks)]
    async with asyncio.timeout(20):
        for process in processes:
            await process.loop.start()
        yield processes
        for process in processes:
            await process.calls.fresh()
            assert process.records() == list(shared.records.items()), "the folded facts equal the records"
            instants = [each.fact.at for each in process.seen if isinstance(each, Noted)]
            assert instants == sorted(instants)
        for process in processes:
            await process.loop.stop()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that is gone is given up soon."""
    monkeypatch.setattr(batch_loop, "ANSWERED_WITHIN", 30)


@pytest.fixture
def shared() -> MemoryStore:
    return MemoryStore()


async def test_any_process_answers_for_any_token_job_and_conversation(shared: MemoryStore) -> None:
    async with lab(shared, ManualClock(), ManualClock(), ManualClock()) as (one, two, three):
        bearer = await one.token()
        job = await two.begin(bearer)
        await three.advance(3_000)
        waiting = await three.poll(bearer, job)
        assert waiting["status"] == "WAITING"
        assert await one.decide(job) == 200
        decided = await two.poll(bearer, job)
        assert decided == await one.poll(bearer, job) != waiting
        again = await three.serve(invoke(bearer, ASK | {"conversationId": waiting["conversationId"]}))
        assert json.loads(again.response.body)["conversationId"] == waiting["conversationId"]
        assert await two.begin(await three.token()) != job
        await asyncio.gather(*(each.calls.fresh() for each in (one, two, three)))
        assert [len(each.facts(JobAccepted)) for each in (one, two, three)] == [3, 3, 3]
        assert {each.x for each in one.seen if isinstance(each, Noted)} == {
            each.x for each in two.seen if isinstance(each, Noted)
        }


async def test_tokens_that_are_forgotten_leave_the_store_and_every_process_once(shared: MemoryStore) -> None:
    async with lab(shared, ManualClock(), ManualClock()) as (one, two):
        forgotten = [token_key(await each.token()) for each in (one, two) for _ in range(20)]
        assert set(forgotten) <= set(shared.records)
        await one.advance(3_600_000 + EXPIRED_FOR)
        fresh = await asyncio.gather(*(each.token() for each in (one, two) for _ in range(5)))
        assert sum(process.service.refused for process in (one, two)), "some came too late, and were tried again"
        kept = [key for key in shared.records if key.startswith(b"t")]
        assert sorted(kept) == sorted(map(token_key, fresh))
        for process in (one, two):
            await process.calls.fresh()
            assert len(process.service.ledger._expiry._entries) == len(fresh), "and no process remembers when they go"


async def test_of_a_hundred_decisions_at_once_one_is_admitted(shared: MemoryStore) -> None:
    async with lab(shared, *(ManualClock() for _ in range(4))) as processes:
        bearer = await processes[0].token()
        job = await processes[0].begin(bearer)
        await processes[1].advance(3_000)
        found = await asyncio.gather(*(processes[number % 4].decide(job) for number in range(100)))
        assert sorted(found) == [200] + [409] * 99
        assert sum(process.service.refused for process in processes), "some came too late, and were tried again"
        for process in processes:
            await process.calls.fresh()
            assert len(process.facts(GateDecided)) == 1


async def test_a_fault_that_counts_calls_strikes_once(shared: MemoryStore) -> None:
    fault = {"route": "status", "calls": "7", "answer": 503, "name": "seventh"}
    async with lab(shared, ManualClock(), ManualClock(), document=DOCUMENT | {"faults": [fault]}) as (one, two):
        bearer = await one.token()
        job = await one.begin(bearer)
        replies = await asyncio.gather(*((one, two)[number % 2].serve(status(bearer, job)) for number in range(20)))
        assert sorted(reply.response.status for reply in replies) == [200] * 19 + [503]
        ordinals = [reply.x for reply in replies]
        assert len(set(ordinals)) == 20


async def test_who_advances_the_clock_does_so_for_all_and_wakes_their_sleepers(shared: MemoryStore) -> None:
    async with lab(shared, ManualClock(), ManualClock()) as (one, two):
        asleep = asyncio.create_task(two.clock.sleep_until(4_000))
        await two.calls.fresh()
        await one.advance(4_000)
        async with asyncio.timeout(5):
            await asleep
        assert (one.clock.now(), two.clock.now()) == (4_000, 4_000)
        with pytest.raises(UsageError, match="can't go back"):
            await two.advance(3_999)
        found = await asyncio.gather(one.advance(5_000), *(one.serve(LOGIN) for _ in range(3)), two.advance(5_000))
        assert len(found) == 5
        assert [fact.at for fact in two.facts(ClockAdvanced)] == [4_000, 5_000, 5_000]


async def test_a_process_that_comes_later_stands_where_the_lab_does(shared: MemoryStore) -> None:
    async with lab(shared, ManualClock()) as (one,):
        bearer = await one.token()
        await one.advance(9_000)
        await one.token()
        async with lab(shared, ManualClock()) as (late,):
            assert late.clock.now() == 9_000
            assert (await late.serve(invoke(bearer, ASK))).response.status == 202


async def test_who_pauses_the_clock_does_so_for_all(shared: MemoryStore) -> None:
    async with lab(shared, ScaledClock("10"), ScaledClock("10")) as (one, two):
        assert isinstance(one.clock, ScaledClock)
        shared.advance(1_000)
        two.clock.keep_up(10_007)
        await one.calls.scale(one.clock, "0")
        await two.calls.fresh()
        assert (one.clock.now(), two.clock.now(), two.clock.factor) == (10_000, 10_000, "0")
        shared.advance(60_000)
        for process in (one, two):
            assert await process.calls.run(lambda now: now) == 10_000
        await two.calls.scale(one.clock, "2")
        shared.advance(500)
        async with lab(shared, ScaledClock("10")) as (late,):
            for process in (one, two, late):
                assert await process.calls.run(lambda now: now) == 11_000
        with pytest.raises(UsageError):
            await one.calls.scale(one.clock, "fast")


@pytest.mark.parametrize(("early", "admitted"), [(1, 200), (0, 409)])
async def test_processes_whose_clocks_are_an_hour_apart_admit_alike_at_the_edge_of_a_deadline(
    shared: MemoryStore, early: int, admitted: int
) -> None:
    for slow in (0, 1):
        store = MemoryStore()
        async with lab(store, SystemClock(), SystemClock(3_600_000)) as processes:
            bearer = await processes[0].token()
            job = await processes[1].begin(bearer)
            store.advance(2_000 + 60_000 - early)
            assert await processes[slow].decide(job) == admitted
            store.advance(1)
            assert await processes[1 - slow].decide(job) == 409


async def test_an_instant_never_goes_back_even_if_the_store_s_clock_does(shared: MemoryStore) -> None:
    async with lab(shared, SystemClock(), SystemClock()) as (one, two):
        shared.advance(5_000)
        bearer = await one.token()
        shared.wall -= 4_000
        job = await two.begin(bearer)
        assert [fact.at for fact in one.facts(JobAccepted)] == []
        await one.calls.fresh()
        assert [fact.at for fact in one.facts(JobAccepted)] == [5_000]
        assert (await one.poll(bearer, job))["status"] == "RUNNING"
        async with lab(shared, SystemClock()) as (late,):
            assert await late.calls.run(lambda now: now) == 5_000


async def test_a_commit_whose_answer_gets_lost_counts_once(
    shared: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_loop, "ANSWERED_WITHIN", 20_000)
    async with lab(shared, ManualClock(), ManualClock()) as (one, two):
        bearer = await one.token()

        def lose() -> None:
            shared.lost = 1

        shared.before_commit = lose
        job = await one.begin(bearer)
        assert (await two.poll(bearer, job))["status"] == "RUNNING"
        assert len(one.facts(JobAccepted)) == len(two.facts(JobAccepted)) == 1


def gone(shared: MemoryStore, *, taken: bool) -> Callable[[], None]:
    """The store goes away when it has heard of the next commit, which it has `taken`, or not."""

    def go() -> None:
        shared.gone = True
        if not taken:
            raise StoreLost("the store doesn't answer: memory://test")

    return go


@pytest.mark.parametrize("taken", [True, False])
async def test_while_the_store_is_gone_calls_fail_and_nothing_is_doubled(
    shared: MemoryStore, caplog: pytest.LogCaptureFixture, taken: bool
) -> None:
    async with lab(shared, ManualClock(), ManualClock()) as (one, two):
        bearer = await one.token()
        shared.before_commit = gone(shared, taken=taken)
        answers = await asyncio.gather(*(one.begin(bearer) for _ in range(3)), return_exceptions=True)
        assert [type(each) for each in answers] == [StoreLost] * 3
        with pytest.raises(StoreLost):
            await one.begin(bearer)
        with pytest.raises(StoreLost):
            await two.begin(bearer)
        assert not one.facts(LedgerLost)
        shared.gone = False
        async with asyncio.timeout(5):
            await one.loop.back.wait()
            await two.loop.back.wait()
        assert len(one.facts(JobAccepted)) == 3 * taken, "the store had taken them, or never heard of them"
        await one.begin(bearer)
        for process in (one, two):
            await process.calls.fresh()
            assert len(process.facts(JobAccepted)) == 3 * taken + 1
            assert [len(process.facts(kind)) for kind in (LedgerLost, LedgerBack)] == [1, 1]
        assert sum("Calls get 503" in line for line in caplog.messages) == 2, "each process says so once"


async def test_calls_whose_answer_got_lost_are_not_run_again_on_records_that_had_to_be_loaded(
    shared: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_loop, "ANSWERED_WITHIN", 20_000)
    async with lab(shared, ManualClock()) as (one,):
        bearer = await one.token()

        def lose() -> None:
            shared.lost = 1
            asyncio.get_running_loop().call_soon(let_go)

        def let_go() -> None:
            """Others have kept a snapshot with it, and the log goes on far behind."""
            shared.snapshot = Snapshot(shared.commits[-1].place, {"": LabState(dict(shared.records))})
            shared.take(shared.commits[-1].place, Commit(3, "third", 1, 0, shared.wall, ()))
            del shared.commits[:-2]

        shared.before_commit = lose
        with pytest.raises(StoreLost, match="no longer says"):
            await one.begin(bearer)
        await one.loop.back.wait()
        assert len(list(one.service.jobs())) == 1, "the store had taken it"


async def test_a_process_that_is_too_far_behind_loads_the_records(shared: MemoryStore) -> None:
    async with lab(shared, ManualClock(), ManualClock()) as (one, two):
        bearer = await one.token()
        for _ in range(4):
            await one.token()
        await two.calls.fresh()
        shared.snapshot, _ = await read_log(two.store)
        shared.commits = shared.commits[-2:]
        two.loop._place = LogPlace(1)
        two.service.replicate({})
        assert (await two.serve(invoke(bearer, ASK))).response.status == 202


async def test_after_some_commits_the_records_are_kept_and_a_later_process_begins_with_them(
    shared: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_loop, "SNAPSHOT_EVERY", 5)
    shared.kept = 3
    async with lab(shared, ScaledClock("10"), ScaledClock("10")) as (one, two):
        await one.calls.scale(ScaledClock(), "0")
        bearer = await one.token()
        job = await two.begin(bearer)
        for _ in range(9):
            await one.token()
            await two.calls.fresh()
        await settle()
        assert shared.snapshot.place.position == 10
        assert [commit.position for commit in shared.commits] == [7, 8, 9, 10, 11, 12][: len(shared.commits)]
        async with lab(shared, ScaledClock("10")) as (late,):
            assert (await late.poll(bearer, job))["status"] == "RUNNING" and late.clock.factor == "0"
            assert late.records() == one.records()


async def test_nobody_sees_what_the_store_has_not_taken(shared: MemoryStore) -> None:
    async with lab(shared, ManualClock()) as (one,):
        bearer = await one.token()
        seen: list[object] = []
        shared.before_commit = lambda: seen.append((list(one.service.jobs()), one.facts(JobAccepted)))
        job = await one.begin(bearer)
        assert seen == [([], [])]
        assert list(one.service.jobs()) == [job]


async def test_a_store_that_came_back_older_is_taken_as_it_is(shared: MemoryStore) -> None:
    async with lab(shared, ManualClock()) as (one,):
        await one.token()
        bearer = await one.token()
        await shared.lose_history(1)
        assert (await one.serve(status(bearer, "x"))).response.status == 401
        await one.token()


async def test_a_store_that_came_back_empty_is_given_the_setup_and_everybody_learns_what_went(
    shared: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    async with lab(shared, ManualClock(), ManualClock()) as (one, two):
        for process in (one, two):
            await process.store.setup(b"this lab's")
        for _ in range(3):
            bearer = await one.token()
        await two.calls.fresh()
        shared.lose_all()
        for process in (one, two):
            assert (await process.serve(status(bearer, "x"))).response.status == 401
        assert shared.document == b"this lab's"
        for process in (one, two):
            (fact,) = process.facts(LedgerReverted)
            assert isinstance(fact, LedgerReverted)
            assert (fact.gone, process.calls.set_back) == (3, fact.at)
        assert sum("At least 3 commits that it had acknowledged" in line for line in caplog.messages) == 2


async def test_a_process_serves_nothing_on_a_store_where_another_lab_was_set_up(
    shared: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    async with lab(shared, ManualClock()) as (one,):
        await one.store.setup(b"this lab's")
        await one.token()
        shared.lose_all()
        await shared.process().setup(b"another lab's")
        for _ in range(2):
            with pytest.raises(StoreLost, match="another was set up there"):
                await one.token()
        assert shared.head == 0 and shared.document == b"another lab's"
        assert sum("another was set up there" in line for line in caplog.messages) == 1
        shared.document = None
        async with asyncio.timeout(5):
            await one.loop.back.wait()
        assert await one.token() and shared.document == b"this lab's"


async def test_a_heartbeat_restores_the_setup_of_a_lab_that_had_accepted_nothing(shared: MemoryStore) -> None:
    async with lab(shared, ManualClock()) as (one,):
        await one.store.setup(b"this lab's")
        shared.lose_all()
        await one.loop.beat()
        assert shared.document == b"this lab's"
        shared.document = b"another lab's"
        await one.loop.beat()
        with pytest.raises(StoreLost, match="another was set up there"):
            await one.token()
        shared.document = None
        async with asyncio.timeout(5):
            await one.loop.back.wait()


async def test_a_store_that_refuses_writes_answers_what_only_reads_and_the_log_says_it_once(
    shared: MemoryStore, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with lab(shared, ManualClock()) as (one,):
        bearer = await one.token()
        job = await one.begin(bearer)
        shared.full = True
        for _ in range(5):
            answers = await asyncio.gather(
                one.begin(bearer), one.poll(bearer, job), one.token(), return_exceptions=True
            )
            assert [type(each) for each in answers] == [StoreRefused, dict, StoreRefused]
        assert "it is full" in (one.loop.trouble or "") and not one.facts(LedgerLost)
        shared.full = False
        await one.begin(bearer)
        assert one.loop.trouble is not None, "it may be at its limit still"
        shared.full = True
        monkeypatch.setattr(refused_writes, "SETTLED", 0)
        await one.loop.beat()
        assert one.loop.trouble is not None, "an attempt shows that it is"
        shared.full = False
        await one.loop.beat()
        assert one.loop.trouble is None, "nobody has to write to find out"
        assert [len(one.facts(kind)) for kind in (LedgerLost, LedgerBack)] == [1, 1]
        said = [line for line in caplog.messages if "write" in line]
        assert ["Calls that write get 503" in line for line in said] == [True, False]


async def test_a_process_that_never_reached_the_store_ends(shared: MemoryStore) -> None:
    shared.gone = True
    process = Process(shared, ManualClock(), "p", DOCUMENT)
    with pytest.raises(StoreLost):
        await process.loop.start()
    async with asyncio.timeout(5):
        await process.loop.stop()


async def test_a_bug_ends_its_call_alone(shared: MemoryStore) -> None:
    async with lab(shared, ManualClock()) as (one,):

        def broken(now: int) -> None:
            raise ZeroDivisionError

        calls = one.calls.run(broken), one.token()
        failed, bearer = await asyncio.gather(*calls, return_exceptions=True)
        assert isinstance(failed, ZeroDivisionError) and one.service.knows_token(str(bearer))

        def bad_observer(observation: Observation) -> None:
            one.service.observers.remove(bad_observer)
            raise ZeroDivisionError

        one.service.observers.insert(0, bad_observer)
        with pytest.raises(ZeroDivisionError):
            await one.token()
        await one.calls.fresh()
        assert one.records() == list(shared.records.items()), "what the store had taken is there all the same"


@each_row("at", [JobAccepted, LedgerLost, LedgerBack])
async def test_a_bug_while_the_store_is_back_keeps_nobody_waiting(at: type[Fact]) -> None:
    shared = MemoryStore()
    async with lab(shared, ManualClock()) as (one,):
        bearer = await one.token()

        def bad_observer(observation: Observation) -> None:
            if isinstance(observation, Noted) and isinstance(observation.fact, at):
                one.service.observers.remove(bad_observer)
                raise ZeroDivisionError

        shared.before_commit = gone(shared, taken=True)
        with pytest.raises(StoreLost):
            await one.begin(bearer)
        one.service.observers.insert(0, bad_observer)
        shared.gone = False
        async with asyncio.timeout(5):
            await one.loop.back.wait()
            await one.calls.fresh()
            assert await one.begin(bearer)
        assert one.loop.trouble is None and bad_observer not in one.service.observers


async def test_a_reset_clears_what_every_process_remembers(shared: MemoryStore) -> None:
    async with lab(shared, ManualClock(), ManualClock()) as (one, two):
        bearer = await one.token()
        job = await two.begin(bearer)
        await two.calls.run(lambda now: two.service.arm({"route": "token", "answer": 503}, now))
        await one.calls.run(one.service.reset)
        assert (await two.serve(status(bearer, job))).response.status == 401
        assert not shared.records
        assert not two.service.strikes and (await two.token())


class WaitCounting(SlowAccess):
    """Counts how often a process asks and waits for commits, which the store may refuse."""

    syncs = waits = 0
    refused = False

    async def sync(self, after: LogPlace) -> Synced | Behind:
        self.syncs += 1
        return await super().sync(after)

    async def append(self, after: LogPlace, commits: Sequence[Commit]) -> bool:
        done = await super().append(after, commits)
        await settle()  # who waits hears of it before the answer is there
        return done

    async def wait(self, position: LogPosition, cursor: Cursor | None, timeout: Millis) -> bool:
        self.waits += 1
        if self.refused:
            raise StoreLost("NOPERM")
        return await super().wait(position, cursor, timeout)


@pytest.mark.parametrize("refused", [False, True])
async def test_a_process_that_commits_or_may_not_wait_asks_for_commits_seldom(
    shared: MemoryStore, *, refused: bool
) -> None:
    process = Process(shared, ManualClock(), "p", DOCUMENT)
    store = WaitCounting(shared)
    store.refused = refused
    process.loop = BatchLoop(store, "p")
    process.calls = LabCalls(process.loop, process.service, LabTime(process.clock, START_WALL))
    await process.loop.start()
    begun = real_millis()
    bearer = await process.token()
    for _ in range(100):
        await process.begin(bearer)
        await settle()
    assert store.waits <= 3 + (real_millis() - begun) // 50
    await process.loop.stop()


async def test_of_its_own_commits_a_process_asks_nothing_more(
    shared: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_loop, "_BUSY", 0)
    monkeypatch.setattr(batch_loop, "_IDLE", 60_000)
    process, store = Process(shared, ManualClock(), "p", DOCUMENT), WaitCounting(shared)
    process.loop = BatchLoop(store, "p")
    process.calls = LabCalls(process.loop, process.service, LabTime(process.clock, START_WALL))
    await process.loop.start()
    bearer, before = await process.token(), store.syncs
    for _ in range(20):
        await process.begin(bearer)
        await settle()
    assert store.syncs - before == 20 < store.waits
    await process.loop.stop()


async def test_a_process_that_serves_no_longer_takes_no_call(shared: MemoryStore) -> None:
    async with lab(shared, ManualClock(), ManualClock()) as (one, _):
        pass
    with pytest.raises(StoreLost, match="no longer serves"):
        await one.calls.fresh()
