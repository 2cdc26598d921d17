"""What onlookers see: the last observations in memory, encoded only when somebody asks.

A stream derives for itself, at the instant at which a job moves on; the timer is the onlooker's, never the
job's. Looking changes no byte of a tape that is being written.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import suppress
from heapq import heappop, heappush
from typing import Any

from lab.core.clock import Clock, Millis
from lab.core.observe import Noted, Observation, Requested, Touched
from lab.core.service import Service
from lab.recording.lines import Header
from lab.recording.tape import Tape

EXCHANGES = 10_000
_OBSERVATIONS = 6 * EXCHANGES
"""An exchange is told in three to six observations, connections included."""
_SLOWEST = 100_000
"""Lines that a slow follower may be behind before its stream ends."""


class Ring:
    """Keeps the observations of the last 10 000 exchanges; adding one is all that a poll pays for."""

    def __init__(self, service: Service) -> None:
        self._kept: deque[Observation] = deque(maxlen=_OBSERVATIONS)
        self._service = service
        service.observers.append(self._kept.append)

    def close(self) -> None:
        """Observe no more."""
        with suppress(ValueError):
            self._service.observers.remove(self._kept.append)

    def observations(self) -> tuple[Observation, ...]:
        """The observations of the last exchanges, oldest first."""
        kept = tuple(self._kept)
        begins = [index for index, each in enumerate(kept) if isinstance(each, Requested)]
        return kept[begins[-EXCHANGES] :] if len(begins) > EXCHANGES else kept


class Onlooker:
    """Turns observations into lines, and adds derived facts when they are due."""

    def __init__(self, service: Service, clock: Clock, header: Header) -> None:
        self._service = service
        self._clock = clock
        self._lines: list[bytes] = []
        clients = [(client.id, client.secret) for client in service.config.clients]
        self._tape = Tape(service, self._lines.append, header, clients=clients)
        self._changed = asyncio.Event()
        self._due: list[tuple[Millis, str]] = []
        self._until: dict[str, Millis | None] = {}
        self._closed = False

    def __call__(self, told: Observation) -> None:
        """Take an observation."""
        self._tape(told)
        job = _job_of(told)
        if job is not None and (isinstance(told, Noted) or job not in self._until):
            self._schedule(job, self._clock.now())
        self._changed.set()

    def catch_up(self, past: tuple[Observation, ...]) -> None:
        """Take what happened before, and what has followed from it by now."""
        for told in past:
            self._tape(told)
        now = self._clock.now()
        for job in dict.fromkeys(job for told in past if (job := _job_of(told)) is not None):
            self._look(job, now)
        self._changed.set()

    def take(self) -> list[bytes]:
        """The lines that nobody has taken yet."""
        taken = self._lines[:]
        self._lines.clear()
        return taken

    def close(self) -> None:
        """End `follow`."""
        self._closed = True
        self._changed.set()

    async def follow(self) -> AsyncIterator[list[bytes]]:
        """Lines as they come, until `close`."""
        while not self._closed and len(self._lines) < _SLOWEST:
            self._changed.clear()
            self._derive()
            if lines := self.take():
                yield lines
                continue
            await first_of(self._changed.wait, *([self._sleep] if self._due else ()))

    async def _sleep(self) -> None:
        await self._clock.sleep_until(self._due[0][0])

    def _derive(self) -> None:
        now = self._clock.now()
        while self._due and self._due[0][0] <= now:
            until, job = heappop(self._due)
            if self._until.get(job) == until:
                self._look(job, now)

    def _look(self, job: str, now: Millis) -> None:
        self._tape(Touched(now, job))
        self._schedule(job, now)

    def _schedule(self, job: str, now: Millis) -> None:
        derived = self._service.derived(job, now)
        until = derived.until if derived else None
        if until is not None and self._until.get(job) != until:
            heappush(self._due, (until, job))
        self._until[job] = until


def _job_of(told: Observation) -> str | None:
    if isinstance(told, Touched):
        return told.job
    job = getattr(told.fact, "job", None) if isinstance(told, Noted) else None
    return job if isinstance(job, str) else None


def lines_of(ring: Ring, service: Service, clock: Clock, header: Header) -> Iterator[bytes]:
    """The journal in memory, header first, as lines of a recording that is still open."""
    onlooker = Onlooker(service, clock, header)
    onlooker.catch_up(ring.observations())
    return iter(onlooker.take())


async def first_of(*waits: Callable[[], Coroutine[Any, Any, object]]) -> None:
    """Return when one of the waits is over; the others are cancelled."""
    tasks = [asyncio.ensure_future(wait()) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
