"""The exchanges of a shared lab: each process publishes its own, and reads those of the others when somebody looks.

They are told for onlookers alone, so nobody waits for them: a process that is killed may take its last ones along, never
a fact. What is published is what was observed, as it was; whoever shows it redacts it, as it does its own.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

from msgspec.structs import replace

from lab.clocks import SystemClock, breathe, real_millis
from lab.core.clock import Millis
from lab.core.journal.fact import LedgerCleared
from lab.core.journal.shared import EXCHANGES_KEPT, Cursor, LogPosition, SharedStore, StoreLost
from lab.core.observe import Noted, Observation, Replied, Requested
from lab.faults.facts import FaultStruck
from lab.jobs.facts import ScenarioLoaded
from lab.mock.batches import BatchedService
from lab.server.backlog import SHORT, without_body
from lab.server.shared.lab_time import LabTime
from lab.server.shared.loop_turn import loop_turn
from lab.stores.codec import ObservedAt, PublishedExchange, decode_exchange, encode_exchange

_GATHER: Millis = 50
"""For so long, in real milliseconds, exchanges are gathered before they are published."""
_LOOK: Millis = 100
"""So often those of others are read while somebody follows the journal."""
_SLICE = 64
"""Observations that are written before others have their turn."""
CONNECTIONS = 1_000_000
"""Added to the ordinals of the first other process's connections, twice that to the second's: none has that of one of ours."""
_Published: TypeAlias = Requested | Replied | Noted
Onlooker = Callable[[_Published, LogPosition, Millis], None]
"""Is told what another process observed, up to where that had folded the log, and when, in real milliseconds of this one."""


class ExchangeRelay:
    """Publishes the exchanges of one process, and tells onlookers those of the others."""

    def __init__(self, service: BatchedService, store: SharedStore, time: LabTime, process: str) -> None:
        self.number = 0
        """How many processes began before this one."""
        self.onlookers: list[Onlooker] = []
        self.cursor: Cursor = ""
        """Up to where those of the others were read."""
        self.followed = asyncio.Event()
        """Set while somebody wants to be told as soon as can be."""
        self._followers = 0
        self._service, self._store, self._time, self._process = service, store, time, process
        self._pending: deque[tuple[_Published, LogPosition, Millis]] = deque(maxlen=10 * EXCHANGES_KEPT)
        self._come = asyncio.Event()
        self._under_way: dict[int, PublishedExchange] = {}
        """Those whose reply hasn't left."""
        self._cleared: LogPosition = 0
        self._publishing, self._reading = asyncio.Lock(), asyncio.Lock()
        service.observers.append(self._observe)

    def _observe(self, observation: Observation) -> None:
        if isinstance(observation, Noted):
            if isinstance(observation.fact, LedgerCleared):
                self._cleared = self._service.position
            if not _shown(observation):
                return
        elif type(observation) is not Requested and type(observation) is not Replied:
            return
        self._pending.append((observation, self._service.position, real_millis() + self._time.ahead))
        self._come.set()

    async def publish(self) -> None:
        """Publish what has come about; what can't be published is lost."""
        async with self._publishing:
            while self._pending:
                observed = (self._pending.popleft() for _ in range(min(_SLICE, len(self._pending))))
                lines = [encode_exchange(whole) for each in observed if (whole := self._whole(*each)) is not None]
                if lines:
                    with suppress(StoreLost):
                        await self._store.publish(lines)
                await breathe()

    def _whole(self, observation: _Published, position: LogPosition, wall: Millis) -> PublishedExchange | None:
        """What can be published now that this was observed: what belongs to one exchange once that is over."""
        entry, x = ObservedAt.of(observation, wall), observation.x
        if type(observation) is Requested or x is None:
            exchange = PublishedExchange(self._process, self.number, position, [entry])
            if x is None:
                return exchange
            self._under_way[x] = exchange
        elif x in self._under_way:
            observed = self._under_way[x].observed
            observed.append(entry)
            # it needs no token, so anybody could fill the store
            if type(observation) is Replied and observation.response.status >= 400:
                called = observed[0].requested
                if called is not None and len(called.request.body) > SHORT:
                    observed[0] = replace(observed[0], requested=without_body(called))
        return self._under_way.pop(x, None) if type(observation) is Replied and x is not None else None

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
                onlooker(observation, exchange.position, each.wall - self._time.ahead)

    def follow(self, onlooker: Onlooker | None) -> None:
        """Somebody wants to be told as soon as can be, perhaps by `onlooker`, until `leave` is called with the same."""
        self.onlookers += [onlooker] if onlooker is not None else []
        self._followers += 1
        self.followed.set()

    def leave(self, onlooker: Onlooker | None) -> None:
        """Somebody has looked enough."""
        self.onlookers = [each for each in self.onlookers if each != onlooker]
        self._followers -= 1
        if not self._followers:
            self.followed.clear()

    async def keep_publishing(self) -> None:
        """Publish what comes about, until it is cancelled."""
        while True:
            await self._come.wait()
            self._come.clear()
            await SystemClock().hold(_GATHER)
            with loop_turn():
                await self.publish()

    async def keep_up(self) -> None:
        """Tell those who follow what others publish, until it is cancelled."""
        while True:
            await self.followed.wait()
            await SystemClock().hold(_LOOK)
            with loop_turn():
                await self.catch_up()


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
