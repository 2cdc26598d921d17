"""What subscribers of the journal see: the last exchanges and those to come, encoded only when somebody asks.

A subscriber derives for itself, at the instant at which a job moves on; the timer is its own, never the job's. Looking
changes no byte of a tape that is being written.
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
"""Observations that may wait to be written, the past aside, before the journal ends for those who follow it."""
HEAVIEST = 67_108_864
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

        self._clock = clock
        self._lines: list[bytes] = []
        self._wall: Millis = 0
        self._tape = Tape(
            service, self._lines.append, header, wall=(lambda: self._wall) if walled else None, repeats=False
        )
        self._tape.traced = True
        self.replies = replies
        self.after = 0
        """The exchanges up to this one are over: replies that still come are nobody's."""
        self._pending = deque(each for each in self._numbered(past) if replies or type(each.observation) is not Replied)
        self._weight = sum(each.weight for each in self._pending)
        self._slowest, self._heaviest = len(self._pending) + _SLOWEST, self._weight + HEAVIEST
        self._long: int | None = None
        """The exchange whose long request was worked off last: the facts that it brought hold what it said."""
        self._due: list[tuple[Millis, int, str]] = []
        """When jobs are to be looked at, in the order in which that came out; one that moved on otherwise counts no more."""
        self._ordinal = 0
        self._changed = asyncio.Event()
        self.closed = False

    def _numbered(self, past: Iterable[Kept]) -> Iterable[Kept]:
        """The past with the numbers of exchanges by which it is told."""
        return past

    def __call__(self, observation: Observation, wall: Millis | None = None) -> None:
        """Take an observation, which came about at `wall`, in real milliseconds; None: just now."""
        if self.closed or (type(observation) is Replied and not (self.replies and observation.x > self.after)):
            return
        kept = Kept.just(observation)
        kept.micros = kept.micros if wall is None else wall * 1_000
        self._pending.append(kept)
        self._weight += kept.weight
        if len(self._pending) > self._slowest or self._weight > self._heaviest:
            self._pending.clear()
            self.closed = True
        self._changed.set()

    def relay(self, kept: Kept) -> None:
        """Take what another process observed."""
        self(kept.observation, kept.wall)

    def close(self) -> None:
        """End `follow`."""
        self.closed = True
        self._changed.set()

    async def so_far(self, turn: Callable[[], Awaitable[None]] = breathe) -> AsyncIterator[list[bytes]]:
        """The lines up to now, in pieces; `turn` waits for that of each."""
        more = True
        while more:
            more = await self._work()
            yield self._take(more=more)
            if more:
                await turn()

    async def follow(self, turn: Callable[[], Awaitable[None]] = breathe) -> AsyncIterator[list[bytes]]:
        """Lines as they come, until `close`, or until there is hopelessly much to be written."""
        while not self.closed:
            await turn()
            self._changed.clear()
            more = await self._work()
            if lines := self._take(more=more):
                yield lines
            if more:
                await breathe()
            else:
                await first_of(self._changed.wait(), *([self._sleep()] if self._due else ()))

    def _take(self, *, more: bool) -> list[bytes]:
        if not more:  # else the facts that the last request brought may be at hand
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
            elif self._due and self._due[0][0] <= (now := self._clock.now()):
                due, _, job = heappop(self._due)
                if self._tape.due(job) == due:
                    self._tape(Touched(now, job))
                    self._schedule(job, due)
            else:
                return False
        return True

    async def _put(self, kept: Kept) -> None:
        observation = kept.observation
        self._weight -= kept.weight
        self._wall = kept.wall
        job = _job_of(observation)
        before = self._tape.due(job)
        if kept.weight > LONG_BODY:
            self._long = observation.x if type(observation) is Requested else self._long
            await asyncio.to_thread(self._tape, observation)
        elif type(observation) is Noted and observation.x is not None and observation.x == self._long:
            await asyncio.to_thread(self._tape, observation)
        else:
            self._tape(observation)
        if job and type(observation) is Noted and before is None and self._tape.due(job) is None:
            # of its acceptance nothing is kept
            self._tape.flush()
            self._tape(Touched(observation.at, job))
        self._schedule(job, before)

    def _schedule(self, job: str, before: Millis | None) -> None:
        """Look at a job when its next fact is due, if that is another instant than `before`."""
        due = self._tape.due(job)
        if due is not None and due != before:
            self._ordinal += 1
            heappush(self._due, (due, self._ordinal, job))


def _job_of(observation: Observation) -> str:
    """The job that it is about; none has an empty name."""
    if isinstance(observation, Touched):
        return observation.job
    job = getattr(observation.fact, "job", None) if isinstance(observation, Noted) else None
    return job if isinstance(job, str) else ""
