"""The exchanges of a shared lab: each process publishes its own, redacted, and reads those of the others when somebody looks.

They are told for onlookers alone, so nobody waits for them: a process that is killed may take its last ones along, never
a fact. What a process publishes are lines as its journal shows them, those of an exchange together once it is over.
"""

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from msgspec import Struct, field

from lab.clocks import AnyClock, SystemClock, real_millis
from lab.core.clock import Millis
from lab.core.journal.fact import LedgerCleared
from lab.core.journal.shared import EXCHANGES_KEPT, Cursor, LogPosition, SharedStore, StoreLost
from lab.core.observe import Noted, Observation, Relayed, Replied, Requested
from lab.core.version import __version__
from lab.mock.batches import BatchedService
from lab.server.limits import LONG_BODY
from lab.server.shared.lab_time import LabTime

if TYPE_CHECKING:
    pass

_GATHER: Millis = 50
"""For so long, in real milliseconds, exchanges are gathered before they are published."""
_LOOK: Millis = 100
"""So often those of others are read while somebody follows the journal."""
_SLICE = 64
"""Observations worked off before others have their turn."""
CONNECTIONS = 1_000_000
"""Added to the ordinals of connections for each other process, so that no two of a journal have the same."""
_CONNECTION = re.compile('"c":[0-9]+')
Onlooker = Callable[[Relayed, LogPosition], None]
"""Is told a line of another process, and up to where that had folded the commits."""


class PublishedExchange(Struct, frozen=True, omit_defaults=True):
    """Lines that belong together, as they lie in the store."""

    process: str
    position: LogPosition
    """Up to where the process had folded the commits when they came about."""
    lines: tuple[str, ...]
    walls: tuple[Millis, ...]
    """When each came about, by the store's clock."""
    digests: dict[str, str] = field(default_factory=dict)
    """Of aliases of what the lab gave, the digests of the values."""


_Written = tuple[str, Millis]
"""A line, and what the store's clock said when it came about."""
_ENCODER = msgspec.json.Encoder()


class _Observed(NamedTuple):
    """What this process observed, up to where the commits were folded then, and what the store's clock said."""

    observation: Observation
    position: LogPosition
    wall: Millis


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
        self._pending: deque[_Observed] = deque(maxlen=10 * EXCHANGES_KEPT)
        self._come = asyncio.Event()
        self._writer: _ExchangeWriter | None = None
        self._cleared: LogPosition = 0
        self._processes: dict[str, int] = {}
        self._busy = asyncio.Lock()
        self._reading = asyncio.Lock()
        service.observers.append(self._observe)

    def _observe(self, observation: Observation) -> None:
        if isinstance(observation, Noted) and isinstance(observation.fact, LedgerCleared):
            self._cleared = self._service.position
        if isinstance(observation, Requested | Replied | Noted):
            self._pending.append(_Observed(observation, self._service.position, real_millis() + self._time.ahead))
            self._come.set()

    async def publish(self) -> None:
        """Publish what has come about; what can't be published is lost."""
        async with self._busy:
            if self._writer is None:
                self._writer = _ExchangeWriter(self._service, self._time.clock, self._process)
            while self._pending:
                lines = [line async for line in self._writer.lines(self._pending)]
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
            head = msgspec.json.decode(text, type=_LineHead)
            if head.c is not None:
                text = _CONNECTION.sub(f'"c":{head.c + number * CONNECTIONS}', text, count=1)
            if head.type == "fault.struck" and head.fault is not None:
                self._service.struck_elsewhere(head.fault)
            own_wall = wall - self._time.ahead
            relayed = Relayed(head.t, head.x, text, own_wall, exchange.process, exchange.digests)
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


class _LineHead(Struct, frozen=True):
    """What has to be known of a line."""

    k: str
    t: Millis
    x: int | None = None
    c: int | None = None
    type: str | None = None
    fault: str | None = None


class _ExchangeWriter:
    """Turns observations of this process into what is published: each exchange once it is over."""

    def __init__(self, service: BatchedService, clock: AnyClock, process: str) -> None:
        from lab.recording.tape.header import recording_header
        from lab.recording.tape.tape import Tape

        self._process = process
        self._written: list[bytes] = []
        header = recording_header(service.config, lab=__version__, clock=clock)
        self._tape: Tape = Tape(service, self._written.append, header)
        self._tape.traced = True
        self._written.clear()
        self._open: dict[int, tuple[LogPosition, list[_Written]]] = {}
        """Of exchanges under way, by ordinal: the position at which each began, and its lines."""
        self._digests: dict[str, str] = {}

    async def lines(self, pending: deque[_Observed]) -> AsyncIterator[bytes]:
        """What is ready to be published, of the next few."""
        for _ in range(_SLICE):
            if not pending:
                return
            observation, position, wall = pending.popleft()
            await self._take(observation)
            written = [(line.decode(), wall) for line in self._written if _shown(line)]
            self._written.clear()
            x = observation.x if isinstance(observation, Requested | Replied | Noted) else None
            if type(observation) is Requested:
                self._open[observation.x] = position, written
            elif x is not None and x in self._open:
                self._open[x][1].extend(written)
                if type(observation) is Replied:
                    began, lines = self._open.pop(x)
                    yield self._encoded(lines, began)
            elif written and x is None:
                yield self._encoded(written, position)

    async def _take(self, observation: Observation) -> None:
        body = observation.request.body if type(observation) is Requested else b""
        body = observation.response.body if type(observation) is Replied else body
        if len(body) > LONG_BODY:
            await asyncio.to_thread(self._tape, observation)
        else:
            self._tape(observation)

    def _encoded(self, lines: Iterable[_Written], position: LogPosition) -> bytes:
        texts, walls = zip(*lines, strict=True)
        return _ENCODER.encode(PublishedExchange(self._process, position, texts, walls, self._digests_in(texts)))

    def _digests_in(self, texts: Iterable[str]) -> dict[str, str]:
        from lab.recording.redaction.alias import aliases, kind_of
        from lab.recording.redaction.relayed import GIVEN_KINDS, digest_of_value

        found: dict[str, str] = {}
        values: Mapping[str, str] = self._tape.redactor.secrets.values
        for alias in {alias for text in texts for alias in aliases(text)}:
            if kind_of(alias) in GIVEN_KINDS and (value := values.get(alias)) is not None:
                if (digest := self._digests.get(alias)) is None:
                    digest = self._digests[alias] = digest_of_value(value)
                found[alias] = digest
        return found


def _shown(line: bytes) -> bool:
    """Whether the others don't learn of it by the commits: requests, replies, and what happened to sockets."""
    from lab.recording.format.facts import FACTS

    if line.startswith((b'{"k":"req"', b'{"k":"res"')):
        return True
    head = msgspec.json.decode(line, type=_LineHead)
    kind = FACTS.get(head.type or "")
    return kind is not None and (kind.kind == "shell" or head.type == "fault.struck") and head.type != "scenario.loaded"
