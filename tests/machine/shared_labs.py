"""Two processes of one lab, each with the loop that serves a shared lab: on a store in memory, or on a real Redis.

A process may hang: it stands still with what it has tried, and goes on later. And the store may be set back.
"""

import asyncio
import atexit
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, TypeVar

from lab.clocks import ManualClock, settle
from lab.core.journal.fact import Fact, Key, Record
from lab.core.journal.shared import SNAPSHOT_EVERY, Commit, LogPlace, LogPosition, SharedStore
from lab.core.observe import Observation
from lab.mock.batches import BatchedService
from lab.mock.config import Config
from lab.mock.history import makes_state
from lab.mock.service import Service
from lab.server.shared import batch_loop
from lab.server.shared.batch_loop import BatchLoop, LabCalls
from lab.server.shared.folded_log import read_log
from lab.server.shared.lab_time import LabTime
from lab.stores.address import store_address
from lab.stores.redis_link import RedisLink
from lab.stores.redis_log import RedisLog
from tests.machine.memory_wire import MemoryLabs, MemoryServer
from tests.server.test_shared_lab import SlowAccess
from tests.stores.memory_store import START_WALL, MemoryStore
from tests.stores.redis_server import RedisServer, lose_history
from tests.stores.test_many_processes import commits_of

SNAPSHOTS = 7
"""After so many commits the records are kept, so that a day of a few has some snapshots."""
KEPT = 5
_Answer = TypeVar("_Answer")


def done(work: Coroutine[Any, Any, _Answer]) -> _Answer:
    """What a call of the store in memory gives: it never waits for anything."""
    try:
        work.send(None)
    except StopIteration as stop:
        answer: _Answer = stop.value
        return answer
    raise AssertionError("the store waits")


class Hang:
    """Of one process: while it hangs nothing that it sends arrives."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.over.set()
        self.hangs = False
        """Whether it stands still from its next commit on."""

    async def before_commit(self) -> None:
        if self.hangs:
            self.over.clear()
        await self.over.wait()


class HangingAccess(SlowAccess):
    """To the store in memory."""

    def __init__(self, shared: MemoryStore, hang: Hang) -> None:
        super().__init__(shared)
        self._hang = hang

    async def append(self, after: LogPlace, commits: Sequence[Commit]) -> bool:
        await self._hang.before_commit()
        return await super().append(after, commits)


class SharedLabs(MemoryLabs):
    """Two of them."""

    def __init__(self, config: Config, observer: Callable[[int, Observation], None]) -> None:
        super().__init__(config, observer)
        batch_loop.SNAPSHOT_EVERY = SNAPSHOTS  # type: ignore[misc]
        self.store = MemoryStore()
        self.store.kept = KEPT
        self._hang_of: dict[int, Hang] = {}
        self._faster = 0

    @property
    def commits(self) -> Sequence[Commit]:
        """All that the log had."""
        return self.store.history

    @property
    def facts(self) -> Sequence[Fact]:
        return [fact for commit in self.commits for fact in commit.facts if makes_state(fact)]

    async def start(self) -> None:
        for _ in range(2):
            self.servers.append(await self._started(0))

    def hang(self, number: int) -> Hang:
        """That of a process."""
        return self._hang_of[id(self.servers[number])]

    @property
    def awake(self) -> list[MemoryServer]:
        """The processes that don't stand still."""
        return [server for number, server in enumerate(self.servers) if self.hang(number).over.is_set()]

    def meanwhile(self, number: int, call: Callable[[Service], object]) -> None:
        """By a process of its own, which has what the store has."""
        self.store.before_commit = lambda: done(self._commit_first(self.store.process(), call))

    async def _commit_first(self, access: SharedStore, call: Callable[[Service], object]) -> None:
        self._faster += 1
        loaded, wall = await read_log(access)
        service = BatchedService(self.config)
        usual = loaded.labs[""]
        service.replicate(usual.records)
        batch = service.attempt((lambda _: call(service),), usual.at)
        if batch.facts:
            position = loaded.place.position + 1
            commit = Commit(position, f"faster-{self._faster}", 1, usual.at, wall, batch.facts, batch.exchanges)
            assert await access.append(loaded.place, [commit])

    async def set_back(self, until: LogPosition) -> None:
        """The store comes back older."""
        await self.store.lose_history(until)

    async def settle(self) -> None:
        await settle()
        for server in self.awake:
            await server.server.labs.usual.calls.fresh()
        await settle()

    async def stop(self) -> None:
        await super().stop()
        batch_loop.SNAPSHOT_EVERY = SNAPSHOT_EVERY  # type: ignore[misc]

    async def records(self) -> Sequence[Mapping[Key, Record]]:
        await self.settle()
        return [*await super().records(), self.store.records]

    def _access(self, hang: Hang) -> SharedStore:
        return HangingAccess(self.store, hang)

    async def _server(self, clock: ManualClock) -> MemoryServer:
        service, hang = BatchedService(self.config), Hang()
        loop = BatchLoop(self._access(hang), f"process-{self._starts}")
        calls = LabCalls(loop, service, LabTime(clock, START_WALL))
        server = MemoryServer(service, clock, calls)
        self._hang_of[id(server)] = hang
        return server


@cache
def _redis() -> RedisServer:
    server = RedisServer()
    server.start()
    atexit.register(server.kill)
    return server


class HangingLog(RedisLog):
    """The same to a real Redis; another process may be faster than the next commit."""

    def __init__(self, link: RedisLink, prefix: str, labs: "RedisLabs", hang: Hang) -> None:
        super().__init__(link, prefix)  # the log keeps what the snapshots cover: the test reads all of it
        self._labs, self._hang = labs, hang

    async def append(self, after: LogPlace, commits: Sequence[Commit]) -> bool:
        await self._hang.before_commit()
        first, self._labs.first = self._labs.first, None
        if first is not None:
            async with self._labs.access() as access:
                await self._labs._commit_first(access, first)
        taken = await super().append(after, commits)
        await self._labs.read()
        return taken


class RedisLabs(SharedLabs):
    """The same, on a real Redis."""

    prefixes = 0

    def __init__(self, config: Config, observer: Callable[[int, Observation], None]) -> None:
        super().__init__(config, observer)
        RedisLabs.prefixes += 1
        self._prefix = f"machine{RedisLabs.prefixes}"
        self._address = store_address(_redis().url)
        self._links: list[RedisLink] = []
        self._commits: list[Commit] = []
        self.first: Callable[[Service], object] | None = None

    @property
    def commits(self) -> Sequence[Commit]:
        return self._commits

    async def read(self) -> None:
        """Know what the log has."""
        async with self.access() as access:
            self._commits = [commit async for commit in commits_of(access)]

    @asynccontextmanager
    async def access(self) -> AsyncIterator[RedisLog]:
        """That of somebody else."""
        link = RedisLink(self._address)
        try:
            yield RedisLog(link, self._prefix)
        finally:
            await link.close()

    def meanwhile(self, number: int, call: Callable[[Service], object]) -> None:
        self.first = call

    async def set_back(self, until: LogPosition) -> None:
        async with self.access() as access:
            await lose_history(access.link, self._prefix, until)
        await self.read()

    async def records(self) -> Sequence[Mapping[Key, Record]]:
        await self.settle()
        async with self.access() as access:
            return [*await MemoryLabs.records(self), (await read_log(access))[0].labs[""].records]

    def _access(self, hang: Hang) -> SharedStore:
        self._links.append(RedisLink(self._address))
        return HangingLog(self._links[-1], self._prefix, self, hang)

    async def stop(self) -> None:
        await super().stop()
        for link in self._links:
            await link.close()
