"""The journal: the last exchanges in memory, bounded in number and in bytes, and those to come, encoded only when somebody asks.

A subscriber derives for itself, at the instant at which a job moves on; the timer is its own, never the job's. Looking
changes no byte of a tape that is being written.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import suppress
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from lab.clocks import breathe
from lab.core.clock import Clock, Millis
from lab.core.observe import Noted, Observation, Replied, Requested, Touched
from lab.mock.service import Service
from lab.server.backlog import SHORT, Backlog, Kept, Taker, weight, without_body
from lab.server.limits import LONG_BODY, ServerLimits

if TYPE_CHECKING:
    from lab.recording.format.lines import Header

_OBSERVATIONS = 6
"""An exchange is told in three to six observations, connections included."""
_SLOWEST = 100_000
"""Observations that may wait to be written, beside the past, before the journal ends for those who follow it."""
HEAVIEST = 67_108_864
"""Bytes of them, at most."""
_SLICE = 64
"""Observations worked off before the mock has its turn."""
_SLICE_BYTES = 16_384
"""Bytes in them, unless one alone has more, which is worked off in a thread: a long body takes seconds."""


class Buffer:
    """Keeps the observations of the last exchanges.

    Calls that are refused need no token, so what they leave is small: a long body goes once the refusal is told.
    """

    def __init__(self, service: Service, limits: ServerLimits, together: "list[Buffer] | None" = None) -> None:
        """`together` are those that keep within the bytes together: the one that holds most forgets first."""
        self._together = [] if together is None else together
        self._together.append(self)
        self._exchanges, self._size = limits.exchanges, limits.exchange_bytes
        self._kept: deque[Kept] = deque()
        self._begun = 0
        """Exchanges whose request is kept."""
        self.bytes = 0
        """Bytes of it."""
        self._long: dict[int, Kept] = {}
        """Requests with long bodies that aren't answered, by exchange."""
        self._left = False
        """Whether some have left, so that the first kept may be the rest of an exchange."""
        self.after = 0
        """The exchanges up to this one are over: replies that still come are kept no more."""
        self.followers: Collection[Taker] = ()
        """Those who are told what is kept from now on."""
        self._service = service
        self.backlog = Backlog.of(service)
        """Gives what is told of the service."""
        self.backlog.hand_to(self.take)

    def restart(self, observations: Iterable[Observation]) -> None:
        """Begin anew, with these."""
        self.backlog.hand_on()
        self._kept.clear()
        self._long.clear()
        self.bytes, self._left, self.after, self._begun = 0, False, self._service.exchanges, 0
        # of a long past the last alone: it may be a day's
        last = deque(observations, maxlen=_OBSERVATIONS * self._exchanges)
        self.take([Kept.just(observation) for observation in last])

    def close(self) -> None:
        """Observe no more."""
        self.backlog.leave(self.take)
        with suppress(ValueError):
            self._together.remove(self)

    def exchanges(self) -> tuple[Kept, ...]:
        """What was observed of the last exchanges, oldest first; nothing of one whose request has left."""
        self.backlog.hand_on()
        kept = tuple(self._kept)
        if not self._left:
            return kept
        begins = (
            (place, each.observation.x) for place, each in enumerate(kept) if isinstance(each.observation, Requested)
        )
        begin, first = next(begins, (len(kept), 0))
        return tuple(each for each in kept[begin:] if (getattr(each.observation, "x", None) or first) >= first)

    def take(self, batch: Sequence[Kept]) -> None:
        """Take a batch of observations."""
        batch = [each for each in batch if type(each.observation) is not Replied or each.observation.x > self.after]
        for each in batch:
            observation = each.observation
            each.weight = weight(observation)
            self._kept.append(each)
            self.bytes += each.weight
            if isinstance(observation, Requested):
                self._begun += 1
                if each.weight > SHORT and len(observation.request.body) > SHORT:
                    self._long[observation.x] = each
            elif isinstance(observation, Replied) and self._long:
                request = self._long.pop(observation.x, None)
                if request is not None and observation.response.status >= 400:
                    assert isinstance(request.observation, Requested)
                    self.bytes -= request.weight
                    request.observation = without_body(request.observation)
                    request.weight = weight(request.observation)
                    self.bytes += request.weight
        for follower in tuple(self.followers):
            follower(batch)
        while len(self._kept) > _OBSERVATIONS * self._exchanges or self._begun > self._exchanges:
            self.forget_oldest()
        while sum(each.bytes for each in self._together) > self._size:
            max(self._together, key=lambda each: each.bytes).forget_oldest()

    def forget_oldest(self) -> None:
        """Drop the oldest observation."""
        gone = self._kept.popleft()
        self.bytes -= gone.weight
        if isinstance(gone.observation, Requested):
            self._begun -= 1
            self._long.pop(gone.observation.x, None)
        self._left = True


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
        self._tape = Tape(service, self._lines.append, header, wall=(lambda: self._wall) if walled else None)
        self._tape.repeats = False
        self._tape.traced = True
        self.replies = replies
        self._pending: deque[tuple[Kept, int]] = deque()
        """What is to be written, and what it weighed when it came: a refused call is shortened."""
        self._weight = 0
        self._long: int | None = None
        """The exchange whose long request was worked off last: the facts that it brought hold what it said."""
        self._due: list[tuple[Millis, int, str]] = []
        """When jobs are to be looked at, in the order in which that came out; one that moved on otherwise counts no more."""
        self._ordinal = 0
        self.take(past)
        self.past = len(self._pending)
        """Observations of the past that are to be written."""
        self._slowest, self._heaviest = len(self._pending) + _SLOWEST, self._weight + HEAVIEST

    def _numbered(self, batch: Iterable[Kept]) -> Iterable[Kept]:
        """A batch with the numbers of exchanges by which it is told."""
        return batch

    def take(self, batch: Iterable[Kept]) -> None:
        """Take what was observed."""
        for each in self._numbered(batch):
            if self.replies or type(each.observation) is not Replied:
                self._pending.append((each, each.weight))
                self._weight += each.weight

    @property
    def overrun(self) -> bool:
        """Whether hopelessly much is to be written."""
        return len(self._pending) > self._slowest or self._weight > self._heaviest

    async def so_far(self) -> AsyncIterator[list[bytes]]:
        """The lines up to now, in pieces."""
        more = True
        while more:
            lines, more = await self.work()
            yield lines
            await breathe()

    async def work(self) -> tuple[list[bytes], bool]:
        """The next lines, and whether more are at hand."""
        if not (more := await self._slice()):  # else the facts that the last request brought may be
            self._tape.flush()
        taken = self._lines[:]
        self._lines.clear()
        return taken, more

    async def sleep(self) -> None:
        """Return once a job moves on, if one does by itself."""
        await (self._clock.sleep_until(self._due[0][0]) if self._due else asyncio.get_running_loop().create_future())

    async def _slice(self) -> bool:
        """One slice: what was told first, then what follows from it by now; whether more is at hand."""
        enough = self._weight - _SLICE_BYTES
        for _ in range(_SLICE):
            if self._pending:
                if self._weight < enough:
                    return True
                kept, weight = self._pending.popleft()
                self._weight -= weight
                self.past -= 1
                await self._put(kept)
            elif self._due and self._due[0][0] <= (now := self._clock.now()):
                due, _, job = heappop(self._due)
                if self._tape.due(job) == due:
                    self._tape(Touched(now, job))
                    self._schedule(job, due)
            else:
                return False
        return True

    async def _put(self, kept: Kept) -> None:
        observation, self._wall = kept.observation, kept.wall
        job = _job_of(observation)
        before = self._tape.due(job)
        if (long := kept.weight > LONG_BODY) and type(observation) is Requested:
            self._long = observation.x
        if long or (type(observation) is Noted and observation.x is not None and observation.x == self._long):
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
