"""The exchanges of a shared lab: each process publishes its own, redacted, and reads those of the others when somebody looks.

They are told for onlookers alone, so nobody waits for them: a process that is killed may take its last ones along, never
a fact. What a process publishes are lines as its journal shows them, those of an exchange together once it is over.
"""

import asyncio
import re
from collections import deque
from collections.abc import Callable
from contextlib import suppress

import msgspec

from lab.clocks import SystemClock, real_millis
from lab.core.clock import Millis
from lab.core.journal.fact import LedgerCleared
from lab.core.journal.shared import EXCHANGES_KEPT, Cursor, LogPosition, SharedStore, StoreLost
from lab.core.observe import Noted, Observation, Relayed, Replied, Requested
from lab.mock.batches import BatchedService
from lab.server.shared.lab_time import LabTime
from lab.server.shared.published_exchanges import ExchangeWriters, LineHead, ObservedAt, PublishedExchange

_GATHER: Millis = 50
"""For so long, in real milliseconds, exchanges are gathered before they are published."""
_LOOK: Millis = 100
"""So often those of others are read while somebody follows the journal."""
CONNECTIONS = 1_000_000
"""Added to the ordinals of connections for each other process, so that no two of a journal have the same."""
_CONNECTION = re.compile('"c":[0-9]+')
Onlooker = Callable[[Relayed, LogPosition], None]
"""Is told a line of another process, and up to where that had folded the commits."""


class ExchangeRelay:
    """Publishes the exchanges of one process, and tells onlookers those of the others."""

    def __init__(self, service: BatchedService, store: SharedStore, time: LabTime, process: str) -> None:
        self.onlookers: list[Onlooker] = []
        self.cursor: Cursor = ""
        """Up to where those of the others were read."""
        self.followed = asyncio.Event()
        """Set while somebody wants to be told as soon as can be."""
        self._followers = 0
        self._service, self._store, self._time, self._process = service, store, time, process
        self._pending: deque[ObservedAt] = deque(maxlen=10 * EXCHANGES_KEPT)
        self._come = asyncio.Event()
        self._writers: ExchangeWriters | None = None
        self._cleared: LogPosition = 0
        self._processes: dict[str, int] = {}
        self._busy = asyncio.Lock()
        self._reading = asyncio.Lock()
        service.observers.append(self._observe)

    def _observe(self, observation: Observation) -> None:
        if isinstance(observation, Noted) and isinstance(observation.fact, LedgerCleared):
            self._cleared = self._service.position
        if isinstance(observation, Requested | Replied | Noted):
            self._pending.append(ObservedAt(observation, self._service.position, real_millis() + self._time.ahead))
            self._come.set()

    async def publish(self) -> None:
        """Publish what has come about; what can't be published is lost."""
        async with self._busy:
            if self._writers is None:
                self._writers = ExchangeWriters(self._service, self._time.clock, self._process)
            while self._pending:
                lines = [line async for line in self._writers.lines(self._pending)]
                if lines:
                    with suppress(StoreLost):
                        await self._store.publish(lines)

    async def catch_up(self) -> None:
        """Tell the onlookers what other processes have published since."""
        async with self._reading:
            while True:
                published = await self._store.published(self.cursor)
                self.cursor = published.after
                for line in published.lines:
                    self._tell(line)
                if not published.lines:
                    return

    def _tell(self, line: bytes) -> None:
        exchange = msgspec.json.decode(line, type=PublishedExchange)
        # what was cleared is nobody's any more
        if exchange.process == self._process or exchange.position < self._cleared:
            return
        number = self._processes.setdefault(exchange.process, len(self._processes) + 1)
        for text, wall in zip(exchange.lines, exchange.walls, strict=True):
            head = msgspec.json.decode(text, type=LineHead)
            if head.c is not None:
                text = _CONNECTION.sub(f'"c":{head.c + number * CONNECTIONS}', text, count=1)
            if head.type == "fault.struck" and head.fault is not None:
                self._service.struck_elsewhere(head.fault)
            own_wall = wall - self._time.ahead
            relayed = Relayed(head.t, head.x, text, own_wall, exchange.source, exchange.digests)
            for onlooker in self.onlookers:
                onlooker(relayed, exchange.position)

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
            await self.publish()

    async def keep_up(self) -> None:
        """Tell those who follow what others publish, until it is cancelled."""
        while True:
            await self.followed.wait()
            await SystemClock().hold(_LOOK)
            with suppress(StoreLost):
                await self.catch_up()
