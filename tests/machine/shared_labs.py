"""Two processes of one lab on a store in memory: each call is a batch of its own, tried again after a conflict."""

from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from lab.core.clock import Millis
from lab.core.exchange import Request
from lab.core.journal.fact import ClockAdvanced, Fact, Key, Record
from lab.core.journal.shared import Behind, Committed, Conflict, Proposal, Synced
from lab.core.observe import Observation
from lab.core.reply import Reply
from lab.jobs.view import JobView
from lab.mock.batches import BatchCall, BatchedService
from lab.mock.config import Config
from lab.mock.history import makes_state
from lab.mock.service import ControlResult, Service
from tests.machine.memory_wire import MemoryLabs
from tests.stores.memory_store import MemoryStore

_Answer = TypeVar("_Answer")


def done(work: Coroutine[Any, Any, _Answer]) -> _Answer:
    """What a call of the store in memory gives: it never waits for anything."""
    try:
        work.send(None)
    except StopIteration as stop:
        answer: _Answer = stop.value
        return answer
    raise AssertionError("the store waits")


class ReplicaService(BatchedService):
    """A process's service: what it commits the store has taken, and what it reads is as new as the call."""

    def __init__(self, config: Config, shared: MemoryStore, name: str) -> None:
        super().__init__(config)
        self._store, self._name = shared.process(), name
        self._number = 0
        loaded = done(self._store.load())
        self._position = loaded.position
        self.replicate(loaded.records)

    def _sync(self) -> None:
        synced = done(self._store.sync(self._position, 1))
        assert isinstance(synced, Synced)
        self._fold(synced)
        self.grant(synced.first, 1)

    def _fold(self, news: Synced | Conflict) -> None:
        for commit in news.commits:
            self.fold(commit.facts, commit.exchanges)
            self._position = commit.position

    def _batched(self, call: BatchCall, now: Millis) -> Any:
        if self._steps is not None:
            return call(now)
        while True:
            self._sync()
            batch = self.attempt((call,), now)
            if batch.facts:
                proposal = Proposal(
                    self._name, self._number + 1, self._position, now, batch.facts, batch.records, batch.exchanges
                )
                answer = done(self._store.commit(proposal))
                assert not isinstance(answer, Behind)
                if isinstance(answer, Conflict):
                    self.refuse(batch)
                    continue
                assert isinstance(answer, Committed)
                self._number, self._position = self._number + 1, answer.position
            self.accept(batch)
            (result,) = batch.results
            if isinstance(result, Exception):
                raise result
            return result

    def serve(self, request: Request, now: Millis, *, c: int = 1, took: Millis = 0) -> Reply:
        reply: Reply = self._batched(lambda at: Service.serve(self, request, at, c=c, took=took), now)
        return reply

    def decide(
        self, job: str, gate: str, verdict: str, now: Millis, *, name: str | None = None, comment: str | None = None
    ) -> ControlResult:
        result: ControlResult = self._batched(
            lambda at: Service.decide(self, job, gate, verdict, at, name=name, comment=comment), now
        )
        return result

    def end_tokens(self, client: str, do: str, now: Millis) -> ControlResult:
        result: ControlResult = self._batched(lambda at: Service.end_tokens(self, client, do, at), now)
        return result

    def note(self, fact: Fact) -> None:
        if fact.kind == "input":
            self._batched(lambda _: Service.note(self, fact), fact.at)
        else:
            Service.note(self, fact)

    def look(self, job: str, now: Millis) -> JobView | None:
        if self._steps is None:
            self._sync()
        return super().look(job, now)

    def newest_jobs(self, most: int) -> list[str]:
        self._sync()
        return super().newest_jobs(most)


class SharedLabs(MemoryLabs):
    """Two of them."""

    def __init__(self, config: Config, observer: Callable[[int, Observation], None]) -> None:
        super().__init__(config, observer)
        self.store = MemoryStore()

    @property
    def facts(self) -> Sequence[Fact]:
        facts = (fact for commit in self.store.commits for fact in commit.facts)
        return [fact for fact in facts if makes_state(fact)]

    async def start(self) -> None:
        for _ in range(2):
            self.servers.append(await self._started(0))

    def meanwhile(self, number: int, call: Callable[[Service], object]) -> None:
        self.store.before_commit = lambda: call(self.servers[number].service)

    async def follow(self, now: int) -> None:
        assert isinstance(self.facts[-1], ClockAdvanced)
        for server in self.servers:
            await server.clock.advance_to(self.facts[-1].at)

    def records(self) -> Iterator[Mapping[Key, Record]]:
        for server in self.servers:
            assert isinstance(server.service, ReplicaService)
            server.service._sync()
        yield from super().records()
        yield self.store.records

    def _service(self) -> Service:
        return ReplicaService(self.config, self.store, f"process-{self._starts}")
