"""Processes that share a lab in a real Redis, which is killed while they serve: what was answered holds, and holds once."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from typing import TypeVar

import pytest

from lab.clocks import ManualClock
from lab.core.journal.ledger import MemoryLedger
from lab.core.journal.shared import StoreLost, StoreRefused
from lab.core.journal.shell import LedgerReverted
from lab.jobs.facts import GateDecided, JobAccepted
from lab.server.shared import refused_writes
from lab.server.shared.batch_loop import BatchLoop, LabCalls
from lab.server.shared.folded_log import read_log
from lab.server.shared.lab_time import LabTime
from lab.stores.address import store_address
from lab.stores.redis_log import RedisLog, open_store
from tests.server.test_shared_lab import Process
from tests.stores.bad_link import BadLink
from tests.stores.memory_store import START_WALL, MemoryStore
from tests.stores.redis_server import RedisServer
from tests.stores.test_many_processes import commits_of
from tests.wire_peer import DOCUMENT

DURABLE = ("--appendonly", "yes", "--appendfsync", "always")
JOBS = 300
_Answer = TypeVar("_Answer")


class RedisProcess(Process):
    """One of the processes, on a store in Redis."""

    def __init__(self, store: RedisLog, name: str) -> None:
        super().__init__(MemoryStore(), ManualClock(), name, DOCUMENT)
        self.redis = store
        self.unanswered = 0
        """Calls of which it isn't known whether they came to anything."""
        self.loop = BatchLoop(store, name)
        self.calls = LabCalls(self.loop, self.service, LabTime(self.clock, START_WALL))

    async def insist(self, call: Callable[[], Awaitable[_Answer]]) -> _Answer:
        """What the call gives, once the store can be asked."""
        while True:
            try:
                return await call()
            except StoreLost:
                self.unanswered += 1
                await self.loop.back.wait()


async def killed(server: RedisServer, when: asyncio.Event) -> None:
    """Kill the server, and start it again."""
    await when.wait()
    server.kill()
    await asyncio.to_thread(server.start)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2))
async def test_a_store_that_is_killed_loses_and_doubles_nothing_that_was_answered(seed: int) -> None:
    chance = Random(seed)
    with RedisServer(*DURABLE) as server:
        processes = [RedisProcess(await open_store(store_address(server.url), "lab"), f"p{n}") for n in range(3)]
        for process in processes:
            await process.loop.start()
        bearer = await processes[0].token()
        accepted: list[str] = []
        some_jobs, some_decisions = asyncio.Event(), asyncio.Event()

        async def begin() -> None:
            for _ in range(JOBS // 20):
                process = chance.choice(processes)
                accepted.append(await process.insist(lambda p=process: p.begin(bearer)))  # type: ignore[misc]
                if len(accepted) > JOBS // 3:
                    some_jobs.set()

        await asyncio.gather(killed(server, some_jobs), *(begin() for _ in range(20)))
        await processes[1].insist(lambda: processes[1].advance(3_000))
        admitted: Counter[str] = Counter()

        async def decide(process: RedisProcess) -> None:
            for job in chance.sample(accepted, JOBS):
                admitted[job] += await process.insist(lambda j=job: process.decide(j)) == 200  # type: ignore[misc]
                if admitted.total() > JOBS // 3:
                    some_decisions.set()

        await asyncio.gather(killed(server, some_decisions), *map(decide, processes))
        await check(processes, accepted, admitted)


async def test_a_redis_that_was_flushed_is_given_the_setup_again(caplog: pytest.LogCaptureFixture) -> None:
    with RedisServer() as server:
        store = await open_store(store_address(server.url), "lab")
        process = RedisProcess(store, "p")
        await store.setup(b"this lab's")
        await process.loop.start()
        await process.token()
        await store.link.ask("FLUSHALL")
        await process.calls.fresh()
        assert await store.link.ask("GET", "lab:setup") == b"this lab's"
        assert [fact.gone for fact in process.facts(LedgerReverted)] == [1]  # type: ignore[attr-defined]
        assert "At least 1 commit that it had acknowledged" in caplog.text
        await process.token()
        await store.link.ask("FLUSHALL")
        await store.link.ask("SET", "lab:setup", b"another lab's")
        with pytest.raises(StoreLost, match="another was set up there"):
            await process.token()
        await store.link.ask("DEL", "lab:setup")
        async with asyncio.timeout(5):
            await process.loop.back.wait()
        assert await process.token()
        await process.loop.stop()
        await store.close()


async def test_a_redis_that_is_full_is_said_to_be_and_polls_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    with RedisServer() as server:
        store = await open_store(store_address(server.url), "lab")
        process = RedisProcess(store, "p")
        await process.loop.start()
        bearer = await process.token()
        job = await process.begin(bearer)
        await store.link.ask("CONFIG", "SET", "maxmemory", "1")
        with pytest.raises(StoreRefused, match=r"refuses: .*maxmemory"):
            await process.begin(bearer)
        assert (await process.poll(bearer, job))["status"] == "RUNNING"
        assert "maxmemory" in (process.loop.trouble or "")
        monkeypatch.setattr(refused_writes, "SETTLED", 0)
        await process.loop.beat()
        assert process.loop.trouble is not None
        await store.link.ask("CONFIG", "SET", "maxmemory", "0")
        await process.loop.beat()
        assert process.loop.trouble is None and await process.begin(bearer)
        await process.loop.stop()
        await store.close()


async def check(processes: list[RedisProcess], accepted: list[str], admitted: Counter[str]) -> None:
    """Whoever was answered finds what was answered, once, and all have the same."""
    commits = [commit async for commit in commits_of(processes[0].redis)]
    facts = [fact for commit in commits for fact in commit.facts]
    jobs = Counter(fact.job for fact in facts if isinstance(fact, JobAccepted))
    assert set(accepted) <= set(jobs) and set(jobs.values()) == {1}
    assert len(jobs) - len(accepted) <= sum(process.unanswered for process in processes)
    decided = Counter(fact.job for fact in facts if isinstance(fact, GateDecided))
    assert set(accepted) == set(decided) and set(decided.values()) == {1}
    assert set(admitted.values()) <= {0, 1}, "one at most was told that it decided"
    folded = MemoryLedger()
    folded.commit(facts)
    records = list((await read_log(processes[0].redis))[0].labs[""].records.items())
    assert list(folded._records.items()) == records
    for process in processes:
        await process.insist(process.calls.fresh)
        assert process.records() == records
        await process.loop.stop()
        await process.redis.close()


@pytest.mark.long
async def test_on_a_way_that_is_slow_or_cut_or_lets_nothing_through_nothing_is_lost_and_a_stall_is_told(
    tmp_path: Path,
) -> None:
    time = asyncio.get_running_loop().time
    with RedisServer() as server:
        async with BadLink(server.url.removeprefix("unix://"), tmp_path / "way").open() as way:
            store = await open_store(store_address(way.url), "lab")
            process = RedisProcess(store, "p")
            await process.loop.start()
            bearer, accepted = await process.token(), list[str]()
            way.delay = 150
            accepted += await asyncio.gather(*(process.begin(bearer) for _ in range(5)))
            way.delay = 0
            for _ in range(5):
                way.cut()
                accepted.append(await process.begin(bearer))
            way.through.clear()
            begun = time()
            with pytest.raises(StoreLost, match="not in time"):
                await process.begin(bearer)
            assert time() - begun < 5 and process.loop.trouble is not None
            with pytest.raises(StoreLost):
                await process.poll(bearer, accepted[0])
            way.through.set()
            await process.loop.back.wait()
            accepted.append(await process.insist(lambda: process.begin(bearer)))
            way.delay = 800
            accepted.append(await process.begin(bearer))
            way.delay = 1_100
            with pytest.raises(StoreLost, match="not in time"):
                await process.begin(bearer)
            way.delay = 0
            await process.loop.back.wait()
            jobs = [
                fact.job async for commit in commits_of(store) for fact in commit.facts if isinstance(fact, JobAccepted)
            ]
            assert set(accepted) <= set(jobs) and len(set(jobs)) == len(jobs)
            assert len(jobs) <= len(accepted) + 3, "of those that were refused each may be there, once"
            await process.loop.stop()
            await store.close()
