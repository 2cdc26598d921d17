"""Two processes of one lab on a store in memory, each with the loop that serves a shared lab."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from lab.clocks import ManualClock
from lab.core.journal.fact import Fact, Key, Record
from lab.core.journal.shared import Commit
from lab.core.observe import Observation
from lab.mock.batches import BatchedService
from lab.mock.config import Config
from lab.mock.history import makes_state
from lab.mock.service import Service
from lab.server.shared.batch_loop import BatchLoop, read_log
from lab.server.shared.lab_time import LabTime
from tests.machine.memory_wire import MemoryLabs, MemoryServer
from tests.server.test_shared_lab import SlowAccess
from tests.stores.memory_store import START_WALL, MemoryStore

_Answer = TypeVar("_Answer")


def done(work: Coroutine[Any, Any, _Answer]) -> _Answer:
    """What a call of the store in memory gives: it never waits for anything."""
    try:
        work.send(None)
    except StopIteration as stop:
        answer: _Answer = stop.value
        return answer
    raise AssertionError("the store waits")


class SharedLabs(MemoryLabs):
    """Two of them."""

    def __init__(self, config: Config, observer: Callable[[int, Observation], None]) -> None:
        super().__init__(config, observer)
        self.store = MemoryStore()
        self._faster = 0

    @property
    def facts(self) -> Sequence[Fact]:
        facts = (fact for commit in self.store.commits for fact in commit.facts)
        return [fact for fact in facts if makes_state(fact)]

    async def start(self) -> None:
        for _ in range(2):
            self.servers.append(await self._started(0))

    def meanwhile(self, number: int, call: Callable[[Service], object]) -> None:
        """By a process of its own, which has what the store has."""
        self.store.before_commit = lambda: self._commit_first(call)

    def _commit_first(self, call: Callable[[Service], object]) -> None:
        self._faster += 1
        access, service = self.store.process(), BatchedService(self.config)
        loaded, wall = done(read_log(access))
        service.replicate(loaded.records)
        batch = service.attempt((lambda _: call(service),), loaded.at)
        if batch.facts:
            position = loaded.place.position + 1
            commit = Commit(position, f"faster-{self._faster}", 1, loaded.at, wall, batch.facts, batch.exchanges)
            assert done(access.append(loaded.place, commit))

    async def settle(self) -> None:
        for server in self.servers:
            await server.server.labs.usual.calls.fresh()

    async def records(self) -> Sequence[Mapping[Key, Record]]:
        await self.settle()
        return [*await super().records(), self.store.records]

    async def _server(self, clock: ManualClock) -> MemoryServer:
        service = BatchedService(self.config)
        calls = BatchLoop(service, SlowAccess(self.store), LabTime(clock, START_WALL), f"process-{self._starts}")
        return MemoryServer(service, clock, calls)
