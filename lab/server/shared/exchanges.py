"""The exchanges of a shared lab: each process publishes its own, and reads those of the others when somebody looks.

They are told for onlookers alone, so nobody waits for them: a process that is killed may take its last ones along, never
a fact. What is published is what was observed, as it was; whoever shows it redacts it, as it does its own.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from typing import TypeAlias

from msgspec.structs import replace

from lab.clocks import breathe, real_millis
from lab.core.journal.fact import LedgerCleared
from lab.core.journal.shared import EXCHANGE_BYTES, EXCHANGES_KEPT, Cursor, LabKey, LogPosition, SharedStore, StoreLost
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


class ExchangeRelay:
    """Publishes the exchanges of one process, and reads those of the others."""

    def __init__(self, store: SharedStore, process: str, fresh: Callable[[], Awaitable[None]]) -> None:
        """`fresh` returns once all is folded that was committed before."""
        self.number = 0
        """How many processes began before this one."""
        self.labs: dict[LabKey, LabRelay] = {}
        self.cursor: Cursor = ""
        """Up to where those of the others were read."""
        self._store, self._process, self._fresh = store, process, fresh
        self._over: deque[bytes] = deque()
        """Those that are to be published, as they are written."""
        self._bytes = 0
        self.come = asyncio.Event()
        """Set once there is something to publish."""
        self._publishing, self._reading = asyncio.Lock(), asyncio.Lock()

    @property
    def follows(self) -> bool:
        """Whether somebody is to be told as soon as can be."""
        return any(each.followers for each in self.labs.values())

    def begin(self, lab: LabKey, position: LogPosition, first: ObservedAt) -> PublishedExchange:
        """One that begins so, or what belongs to none; up to where the log was folded when it began."""
        return PublishedExchange(self._process, self.number, position, [first], lab)

    def add(self, exchange: PublishedExchange) -> None:
        """Publish it soon."""
        self._over.append(encode_exchange(exchange))
        self._bytes += len(self._over[-1])
        while self._bytes > EXCHANGE_BYTES or len(self._over) > EXCHANGES_KEPT:  # the store is away for longer
            self._bytes -= len(self._over.popleft())
        self.come.set()

    async def publish(self) -> None:
        """Publish what has come about; what can't be published is lost."""
        async with self._publishing:
            while self._over:
                lines = [self._over.popleft() for _ in range(min(_SLICE, len(self._over)))]
                self._bytes -= sum(map(len, lines))
                with suppress(StoreLost):
                    await self._store.publish(lines)
                await breathe()

    async def catch_up(self) -> None:
        """Tell the onlookers of each lab that is here what other processes have published since."""
        async with self._reading:
            while True:
                published = await self._store.published(self.cursor)
                self.cursor = published.after
                exchanges = [decode_exchange(line) for line in published.lines]
                if any(each.lab not in self.labs for each in exchanges):  # a tenant that is just made, or was ended
                    await self._fresh()
                for each in exchanges:
                    if each.process != self._process and (lab := self.labs.get(each.lab)) is not None:
                        lab.tell(each)
                if not published.lines:
                    return


class LabRelay:
    """The exchanges of one lab: takes those of this process, and tells onlookers those of the others."""

    def __init__(self, relay: ExchangeRelay, key: LabKey, service: BatchedService, time: LabTime) -> None:
        self.key = key
        self.onlookers: list[Onlooker] = []
        """Those who are told when somebody looks."""
        self.followers: Collection[object] = ()
        """Those for whose sake the onlookers are told as soon as can be."""
        self._relay, self._service, self._time = relay, service, time
        self._under_way: dict[int, PublishedExchange] = {}
        """Those whose reply hasn't left."""
        self._cleared: LogPosition = 0
        relay.labs[key] = self
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
        x, seen = observation.x, ObservedAt.of(observation, real_millis() + self._time.ahead)
        if x is None:
            self._relay.add(self._relay.begin(self.key, self._service.position, seen))
        elif type(observation) is Requested:
            self._under_way[x] = self._relay.begin(self.key, self._service.position, seen)
        elif (exchange := self._under_way.get(x)) is not None:
            exchange.observed.append(seen)
            if type(observation) is Replied:
                del self._under_way[x]
                request = exchange.observed[0].requested
                # it needs no token, so anybody could fill the store
                if request is not None and observation.response.status >= 400 and len(request.request.body) > SHORT:
                    exchange.observed[0] = replace(exchange.observed[0], requested=without_body(request))
                self._relay.add(exchange)

    def tell(self, exchange: PublishedExchange) -> None:
        """Tell the onlookers of another process's."""
        if exchange.position < self._cleared:  # what was cleared is nobody's any more
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
