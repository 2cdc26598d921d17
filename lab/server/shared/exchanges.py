"""The exchanges of a shared lab: each process publishes its own, and reads those of the others when somebody looks.

They are told for onlookers alone, so nobody waits for them: a process that is killed may take its last ones along, never
a fact. What is published is what was observed, as it was; whoever shows it redacts it, as it does its own.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import TypeAlias

from msgspec.structs import replace

from lab.clocks import breathe, real_millis
from lab.core.clock import Millis
from lab.core.journal.fact import LedgerCleared
from lab.core.journal.shared import EXCHANGE_BYTES, EXCHANGES_KEPT, Cursor, LogPosition, SharedStore, StoreLost
from lab.core.observe import Noted, Observation, Replied, Requested
from lab.faults.facts import FaultStruck
from lab.jobs.facts import ScenarioLoaded
from lab.mock.batches import BatchedService
from lab.server.backlog import SHORT, Kept, without_body
from lab.server.shared.lab_time import LabTime
from lab.stores.codec import ObservedAt, PublishedExchange, decode_exchange, encode_exchange

_SLICE = 32
"""Exchanges that are written before others have their turn."""
CONNECTIONS = 1_000_000
"""Added to the ordinals of the first other process's connections, twice that to the second's: none has that of one of ours."""
Onlooker = Callable[[Kept], object]
"""Is told what another process observed."""
_Published: TypeAlias = Requested | Replied | Noted
_Exchange: TypeAlias = tuple[LogPosition, list[tuple[_Published, Millis]]]
"""Of one exchange up to where the log was folded when it began, and what was observed, when by the store's clock."""


class ExchangeRelay:
    """Publishes the exchanges of one process, and tells onlookers those of the others."""

    def __init__(self, service: BatchedService, store: SharedStore, time: LabTime, process: str) -> None:
        self.number = 0
        """How many processes began before this one."""
        self.onlookers: list[Onlooker] = []
        """Those who are told when somebody looks."""
        self.followers: Collection[object] = ()
        """Those for whose sake the onlookers are told as soon as can be."""
        self.cursor: Cursor = ""
        """Up to where those of the others were read."""
        self._service, self._store, self._time, self._process = service, store, time, process
        self._under_way: dict[int, _Exchange] = {}
        """Those whose reply hasn't left."""
        self._over: deque[tuple[_Exchange, int]] = deque()
        """Those that are to be published, each with the bytes of its bodies."""
        self._bytes = 0
        self.come = asyncio.Event()
        """Set once there is something to publish."""
        self._cleared: LogPosition = 0
        self._publishing, self._reading = asyncio.Lock(), asyncio.Lock()
        service.observers.append(self._observe)

    def _observe(self, observation: Observation) -> None:
        """What belongs to one exchange is published once that is over, and what belongs to none at once."""
        if isinstance(observation, Noted):
            if isinstance(observation.fact, LedgerCleared):
                self._cleared = self._service.position
            if not _shown(observation):
                return
        elif type(observation) is not Requested and type(observation) is not Replied:
            return
        x, wall = observation.x, real_millis() + self._time.ahead
        if x is None:
            self._publish_soon((self._service.position, [(observation, wall)]), 0)
        elif type(observation) is Requested:
            self._under_way[x] = self._service.position, [(observation, wall)]
        elif (exchange := self._under_way.get(x)) is not None:
            exchange[1].append((observation, wall))
            if type(observation) is Replied:
                del self._under_way[x]
                called, when = exchange[1][0]
                assert isinstance(called, Requested)
                # it needs no token, so anybody could fill the store
                if observation.response.status >= 400 and len(called.request.body) > SHORT:
                    exchange[1][0] = called, when = without_body(called), when
                self._publish_soon(exchange, len(called.request.body) + len(observation.response.body))

    def _publish_soon(self, exchange: _Exchange, size: int) -> None:
        self._over.append((exchange, size))
        self._bytes += size
        while self._bytes > EXCHANGE_BYTES or len(self._over) > EXCHANGES_KEPT:  # the store is away for longer
            self._bytes -= self._over.popleft()[1]
        self.come.set()

    async def publish(self) -> None:
        """Publish what has come about; what can't be published is lost."""
        async with self._publishing:
            while self._over:
                lines = []
                for _ in range(min(_SLICE, len(self._over))):
                    (position, observed), size = self._over.popleft()
                    self._bytes -= size
                    entries = [ObservedAt.of(*each) for each in observed]
                    lines.append(encode_exchange(PublishedExchange(self._process, self.number, position, entries)))
                with suppress(StoreLost):
                    await self._store.publish(lines)
                await breathe()

    async def catch_up(self) -> None:
        """Tell the onlookers what other processes have published since."""
        async with self._reading:
            while True:
                published = await self._store.published(self.cursor)
                self.cursor = published.after
                for line in published.lines:
                    self._tell(decode_exchange(line))
                if not published.lines:
                    return

    def _tell(self, exchange: PublishedExchange) -> None:
        # what was cleared is nobody's any more
        if exchange.process == self._process or exchange.position < self._cleared:
            return
        for each in exchange.observed:
            observation = _renumbered(each.observation, (exchange.number + 1) * CONNECTIONS)
            if isinstance(observation, Noted) and isinstance(observation.fact, FaultStruck):
                self._service.struck_elsewhere(observation.fact.fault)
            for onlooker in self.onlookers:
                onlooker(Kept(observation, (each.wall - self._time.ahead) * 1_000, exchange.position))


def _shown(noted: Noted) -> bool:
    """Whether the others don't learn of it by the log: what happened to sockets, and which fault struck."""
    fact = noted.fact
    return isinstance(fact, FaultStruck) or (fact.kind == "shell" and not isinstance(fact, ScenarioLoaded))


def _renumbered(observation: _Published, before: int) -> _Published:
    """The same, of a connection that no other process has."""
    if isinstance(observation, Requested):
        return replace(observation, c=observation.c + before)
    if isinstance(observation, Noted) and isinstance(c := getattr(observation.fact, "c", None), int):
        return replace(observation, fact=replace(observation.fact, c=c + before))
    return observation
