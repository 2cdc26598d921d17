"""The exchanges of one process as they are published for the others: redacted lines, those of an exchange together.

Who redacts remembers every secret. So a writer that has written as many exchanges as are kept makes room for the next,
which begins with the secrets that are still good; what is under way when it comes is written to its end by the one before.
Each numbers its aliases anew, so a reader knows of a line whose they are.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import NamedTuple, TypeAlias

import msgspec
from msgspec import Struct, field

from lab.clocks import AnyClock, breathe
from lab.core.clock import Millis
from lab.core.journal.shared import EXCHANGES_KEPT, LogPosition
from lab.core.observe import Noted, Observation, Replied, Requested
from lab.core.version import __version__
from lab.identity.records import GivenSecret, secret_in
from lab.mock.batches import BatchedService
from lab.server.limits import LONG_BODY

_SLICE = 64
"""Observations worked off before others have their turn."""
_MOST_WRITERS = 8
"""Writers that have something under way: of more the oldest gives that up."""
_WrittenLine: TypeAlias = tuple[str, Millis]
"""A line, and what the store's clock said when it came about."""
_ENCODER = msgspec.json.Encoder()


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
    writer: int = 0
    """Which of the process's writers has written them: the aliases are its own."""

    @property
    def source(self) -> str:
        """Whose the aliases are."""
        return f"{self.process}/{self.writer}"


class LineHead(Struct, frozen=True):
    """What has to be known of a line."""

    k: str
    t: Millis
    x: int | None = None
    c: int | None = None
    type: str | None = None
    fault: str | None = None


class ObservedAt(NamedTuple):
    """What this process observed, up to where the commits were folded then, and what the store's clock said."""

    observation: Observation
    position: LogPosition
    wall: Millis


class ExchangeWriters:
    """Turns observations of this process into what is published, with one writer after the other."""

    def __init__(self, service: BatchedService, clock: AnyClock, process: str) -> None:
        self._service, self._clock, self._process = service, clock, process
        self._count = 0
        self._writers: list[_ExchangeWriter] = []
        """Those that have something under way, and the newest."""

    async def lines(self, pending: deque[ObservedAt]) -> AsyncIterator[bytes]:
        """What is ready to be published, of the next few."""
        for _ in range(_SLICE):
            if not pending:
                return
            observed = pending.popleft()
            writer = await self._writer_of(observed.observation)
            line = await writer.line(observed)
            if writer is not self._writers[-1] and not writer.under_way:
                self._writers.remove(writer)
            if line is not None:
                yield line

    async def _writer_of(self, observation: Observation) -> "_ExchangeWriter":
        """The one that has begun the exchange, or else the newest; a new one, where that has written enough."""
        x = observation.x if isinstance(observation, Replied | Noted) else None
        for writer in self._writers:
            if x is not None and x in writer.under_way:
                return writer
        if not self._writers or self._writers[-1].written >= EXCHANGES_KEPT:
            kept = [each for each in self._writers if each.under_way]
            self._writers = [*kept[1 - _MOST_WRITERS :], await self._next()]
        return self._writers[-1]

    async def _next(self) -> "_ExchangeWriter":
        """One that knows the secrets which are still good, of what is under way too: facts are folded before they are told."""
        writer = _ExchangeWriter(self._service, self._clock, self._process, self._count)
        self._count += 1
        for number, key in enumerate(self._service.ledger.ending(), 1):
            if (secret := secret_in(key)) is not None:
                writer.know(secret)
            if number % _SLICE == 0:
                await breathe()
        return writer


class _ExchangeWriter:
    """Writes each exchange once it is over."""

    def __init__(self, service: BatchedService, clock: AnyClock, process: str, number: int) -> None:
        from lab.recording.tape.header import recording_header
        from lab.recording.tape.tape import Tape

        self._process, self._number = process, number
        self._lines: list[bytes] = []
        header = recording_header(service.config, lab=__version__, clock=clock)
        self._tape: Tape = Tape(service, self._lines.append, header)
        self._tape.traced = True
        self._lines.clear()
        self.written = 0
        """How many exchanges it has begun."""
        self.under_way: dict[int, tuple[LogPosition, list[_WrittenLine]]] = {}
        """Of exchanges, by ordinal: the position at which each began, and its lines."""
        self._digests: dict[str, str] = {}

    def know(self, secret: GivenSecret) -> None:
        """Find it wherever it stands from now on."""
        self._tape.redactor.secrets.given(secret.value, secret.kind)

    async def line(self, observed: ObservedAt) -> bytes | None:
        """What is to be published of it, if it is the end of an exchange or belongs to none."""
        observation, position, wall = observed
        await self._take(observation)
        lines = [(line.decode(), wall) for line in self._lines if _shown(line)]
        self._lines.clear()
        x = observation.x if isinstance(observation, Requested | Replied | Noted) else None
        if type(observation) is Requested:
            self.written += 1
            self.under_way[observation.x] = position, lines
        elif x is not None and x in self.under_way:
            self.under_way[x][1].extend(lines)
            if type(observation) is Replied:
                began, whole = self.under_way.pop(x)
                return self._encoded(whole, began)
        elif lines and x is None:
            return self._encoded(lines, position)
        return None

    async def _take(self, observation: Observation) -> None:
        body = observation.request.body if type(observation) is Requested else b""
        body = observation.response.body if type(observation) is Replied else body
        if len(body) > LONG_BODY:
            await asyncio.to_thread(self._tape, observation)
        else:
            self._tape(observation)

    def _encoded(self, lines: Iterable[_WrittenLine], position: LogPosition) -> bytes:
        texts, walls = zip(*lines, strict=True)
        digests = self._digests_in(texts)
        return _ENCODER.encode(PublishedExchange(self._process, position, texts, walls, digests, self._number))

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
    head = msgspec.json.decode(line, type=LineHead)
    kind = FACTS.get(head.type or "")
    return kind is not None and (kind.kind == "shell" or head.type == "fault.struck") and head.type != "scenario.loaded"
