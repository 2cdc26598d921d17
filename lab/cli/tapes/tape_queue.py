"""What a tape is told, in order. A body of a megabyte may take seconds to redact, for which no other call should wait.

So a server has a long one redacted before it tells of it (`redact`), in another thread, and lets the call itself wait:
then its lines are written at once, as any other's. Of what is told without that, long bodies are redacted in a thread, and
what comes meanwhile is written behind them; a call that brought something is answered once it is (`written`). What the
tape asks about a job that was touched is asked here, when it is told: by the time it is written, the job may have gone on.
"""

import asyncio
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from lab.clocks import real_millis
from lab.core.clock import Millis
from lab.core.observe import Noted, Observation, Replied, Requested, Touched
from lab.jobs.facts import Derived
from lab.mock.config import Config
from lab.server.limits import LONG_BODY

if TYPE_CHECKING:
    from lab.recording.tape.long_bodies import Said
    from lab.recording.tape.tape import Source, Tape

_MOST_AHEAD = 2
"""Bodies that are redacted at once before they are told: each such thread keeps the interpreter from the loop."""
_TRIES = 3
"""Of one while which others bring secrets, before it is redacted as what is told without that."""
MOST_BEHIND = 2_097_152
"""Bytes of long bodies that wait, for which the end of the lab waits too; further long requests aren't handled until some
are written."""
_MOST_WAITING = 67_108_864
"""Bytes of them with the replies, which can't be put off: beyond it everybody waits."""


class TapeQueue:
    """Observes a service for a tape, of which it is the source."""

    tape: "Tape"
    """To be set before the first observation."""

    def __init__(self, service: "Source") -> None:
        self._service = service
        self._thread = ThreadPoolExecutor(1, "tape")
        self._ahead = ThreadPoolExecutor(_MOST_AHEAD, "redaction")
        self._under_way: deque[tuple[Future[None], int]] = deque()
        self._behind = 0
        self._long: int | None = None
        """The last exchange whose request is long: what it brings is long too."""
        self._begun = real_millis()
        self._wall: Millis = 0
        self._derived: dict[str, Derived | None] = {}
        """What the thread's tape is told of the job that was touched."""

    @property
    def config(self) -> Config:
        """The service's."""
        return self._service.config

    def wall(self) -> Millis:
        """Real milliseconds from the beginning until what is being written was told."""
        return self._wall

    def derived(self, job: str, now: Millis) -> Derived | None:
        """The service's, as of when it was told."""
        return self._derived[job] if job in self._derived else self._service.derived(job, now)

    def __call__(self, observation: Observation) -> None:
        """Write it, now or once what is before it is written."""
        size, wall = self._size(observation), real_millis() - self._begun
        if not size and not self.busy:
            self._wall = wall
            self.tape(observation)
            return
        derived = {}
        if isinstance(observation, Touched):
            derived[observation.job] = self._service.derived(observation.job, observation.at)
        self._under_way.append((self._thread.submit(self._write, observation, wall, derived), size))
        self._behind += size
        while self._behind > _MOST_WAITING:
            self._oldest()

    def _size(self, observation: Observation) -> int:
        """Bytes of what takes long; 0 of anything else."""
        if type(observation) is Requested:
            size = self._unready(observation, len(observation.request.body))
            self._long = observation.x if size else self._long
            return size
        if type(observation) is Replied:
            return self._unready(observation, len(observation.response.body))
        # a fact holds what the request said
        return int(type(observation) is Noted and observation.x is not None and observation.x == self._long)

    def _unready(self, observation: Requested | Replied, size: int) -> int:
        return size if size > LONG_BODY and not self.tape.long.ready(observation) else 0

    async def redact(self, observation: Requested | Replied, said: "Said" = tuple) -> None:
        """Redact the long body of what is about to be told; `said` gives what of it a fact may hold."""
        body = (observation.request if isinstance(observation, Requested) else observation.response).body
        loop, long = asyncio.get_running_loop(), self.tape.long
        for _ in range(_TRIES):
            if self.tape.dead is not None or not self._unready(observation, len(body)):
                return
            known = await loop.run_in_executor(self._ahead, long.redacted, observation, said, long.trial())
            if not known.trial.fits():  # it may hold what is a secret by now
                continue
            long.keep(known)

    async def written(self) -> None:
        """Return once all that was told until now is written."""
        if not self.busy:
            self.tape.flush()
            return
        self._under_way.append((self._thread.submit(self.tape.flush), 0))
        await asyncio.wait([asyncio.wrap_future(self._under_way[-1][0])])

    def _write(self, observation: Observation, wall: Millis, derived: dict[str, Derived | None]) -> None:
        self._wall, self._derived = wall, derived
        try:
            self.tape(observation)
        finally:
            self._derived = {}

    @property
    def busy(self) -> bool:
        """Whether something isn't written yet."""
        while self._under_way and self._under_way[0][0].done():
            self._oldest()
        return bool(self._under_way)

    def _oldest(self) -> None:
        written, size = self._under_way.popleft()
        self._behind -= size
        written.result()

    async def room(self) -> None:
        """Return once a further long request may be handled."""
        while self.busy and self._behind > MOST_BEHIND:
            await asyncio.wait([asyncio.wrap_future(self._under_way[0][0])])

    def flush(self) -> None:
        """Return once all is written."""
        while self._under_way:
            self._oldest()

    def close(self) -> None:
        """Write what is left, and end the thread."""
        self.flush()
        self._thread.shutdown()
        self._ahead.shutdown(wait=False)
