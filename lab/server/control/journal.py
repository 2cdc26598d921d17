"""What subscribers of the journal see: the last exchanges and those to come, encoded only when somebody asks.

A stream derives for itself, at the instant at which a job moves on; the timer is the subscriber's, never the
job's. Looking changes no byte of a tape that is being written.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from lab.clocks import breathe, first_of
from lab.core.clock import Clock, Millis
from lab.core.observe import Noted, Observation, Replied, Requested, Touched
from lab.mock.service import Service
from lab.server.backlog import Kept
from lab.server.limits import LONG_BODY

if TYPE_CHECKING:
    from lab.recording.format.lines import Header

_SLOWEST = 100_000
"""Observations that a slow follower may be behind, its past aside, before its stream ends."""
_HEAVIEST = 67_108_864
"""Bytes of them, at most."""
_SLICE = 64
"""Observations worked off before the mock has its turn."""
_SLICE_BYTES = 16_384
"""Bytes in them, unless one alone has more, which is worked off in a thread: a long body takes seconds."""


class Subscriber:
    """Turns observations into lines, and adds derived facts when they are due.

    It begins with the past and works in slices, so that somebody who looks doesn't make the mock late.
    """

    def __init__(
        self,
        service: Service,
        clock: Clock,
        header: "Header",
        past: Iterable[Kept] = (),
        *,
        replies: bool = True,
        walled: bool = False,
    ) -> None:
        """Without `replies` no body of megabytes is written for somebody who has it already.

        `walled`: real time is told beside the lab's, for it is the client's own.
        """
        from lab.recording.tape.tape import Tape  # a server that nobody looks at starts without it

        self._service = service
        self._clock = clock
        self._lines: list[bytes] = []
        self._wall: Millis = 0
        self._tape = Tape(
            service, self._lines.append, header, wall=(lambda: self._wall) if walled else None, repeats=False
        )
        self._tape.traced = True
        self._replies = replies
        self.after = 0
        """The exchanges up to this one are over: replies that still come are nobody's."""
        self._pending = deque(each for each in self._numbered(past) if replies or type(each.observation) is not Replied)
        self._weight = sum(each.weight for each in self._pending)
        self._slowest, self._heaviest = len(self._pending) + _SLOWEST, self._weight + _HEAVIEST
        self._long: int | None = None
        """The exchange whose long request was worked off last: the facts that it brought hold what it said."""
        self._unseen: dict[str, None] = {}
        self._looks: deque[str] = deque()
        self._until: dict[str, Millis | None] = {}
        self._due: list[tuple[Millis, str]] = []
        self._changed = asyncio.Event()
        self._closed = False

    def _numbered(self, past: Iterable[Kept]) -> Iterable[Kept]:
        """The past with the numbers of exchanges by which it is told."""
        return past

    def __call__(self, observation: Observation, wall: Millis | None = None) -> None:
        """Take an observation, which came about at `wall`, in real milliseconds; None: just now."""
        if self._closed or (type(observation) is Replied and not (self._replies and observation.x > self.after)):
            return
        kept = Kept.just(observation)
        kept.micros = kept.micros if wall is None else wall * 1_000
        self._pending.append(kept)
        self._weight += kept.weight
        if len(self._pending) > self._slowest or self._weight > self._heaviest:
            # at once: a reader that takes nothing holds `follow` up
            self._pending.clear()
            self._closed = True
        self._changed.set()

    def close(self) -> None:
        """End `follow`."""
        self._closed = True
        self._changed.set()

    async def so_far(self) -> AsyncIterator[list[bytes]]:
        """The lines up to now, in pieces."""
        while await self._work():
            yield self._take()
            await breathe()
        yield self._take()

    async def follow(self, turn: Callable[[], Awaitable[None]] = breathe) -> AsyncIterator[list[bytes]]:
        """Lines as they come, until `close`, or until the reader is hopelessly behind; `turn` waits for each slice's."""
        while not self._closed:
            await turn()
            self._changed.clear()
            more = await self._work()
            if lines := self._take():
                yield lines
            if more:
                await breathe()
            else:
                await first_of(self._changed.wait(), *([self._sleep()] if self._due else ()))

    def _take(self) -> list[bytes]:
        self._tape.flush()
        taken = self._lines[:]
        self._lines.clear()
        return taken

    async def _sleep(self) -> None:
        await self._clock.sleep_until(self._due[0][0])

    async def _work(self) -> bool:
        """One slice: what was told first, then what follows from it by now; whether more is at hand."""
        enough = self._weight - _SLICE_BYTES
        for _ in range(_SLICE):
            if self._pending:
                if self._weight < enough:
                    return True
                await self._put(self._pending.popleft())
            elif self._looks:
                self._look(self._looks.popleft())
            elif self._unseen:
                self._looks.extend(self._unseen)
                self._unseen.clear()
            elif self._due and self._due[0][0] <= self._clock.now():
                until, job = heappop(self._due)
                if self._until.get(job) == until:
                    self._look(job)
            else:
                return False
        return True

    async def _put(self, kept: Kept) -> None:
        observation = kept.observation
        self._weight -= kept.weight
        self._wall = kept.wall
        if kept.weight > LONG_BODY:
            self._long = observation.x if type(observation) is Requested else self._long
            await asyncio.to_thread(self._tape, observation)
        elif type(observation) is Noted and observation.x is not None and observation.x == self._long:
            await asyncio.to_thread(self._tape, observation)
        else:
            self._tape(observation)
        job = _job_of(observation)
        if isinstance(observation, Touched) and observation.whole is not None:
            self._until.pop(observation.job, None)
            self._unseen.pop(observation.job, None)
        elif job is not None and (isinstance(observation, Noted) or job not in self._until):
            self._unseen[job] = None

    def _look(self, job: str) -> None:
        now = self._clock.now()
        self._tape(Touched(now, job))
        derived = self._service.derived(job, now)
        until = derived.until if derived else None
        if until is not None and self._until.get(job) != until:
            heappush(self._due, (until, job))
        self._until[job] = until


def _job_of(observation: Observation) -> str | None:
    if isinstance(observation, Touched):
        return observation.job
    job = getattr(observation.fact, "job", None) if isinstance(observation, Noted) else None
    return job if isinstance(job, str) else None
