"""A tape in its file, from the header to the footer, whoever is recorded."""

import asyncio
from threading import RLock
from typing import TYPE_CHECKING

from msgspec import Struct

from lab.cli.console import Console
from lab.clocks import AnyClock, apart, real_millis
from lab.core.clock import Millis
from lab.core.observe import Observation, Replied, Requested
from lab.files.growing_files import TapeFile
from lab.server.fair_shares import LongWork
from lab.server.limits import LONG_BODY

if TYPE_CHECKING:  # most commands begin without a tape, and no start waits for one
    from lab.recording.format.lines import Header
    from lab.recording.redaction.redactor import Redactor
    from lab.recording.tape.tape import Source

MOST_HELD = 64
"""Lines that are written at once."""
_HELD_FOR = 0.05
"""Real seconds for which a line may wait for others, if its call brought no fact."""
_TRIES = 3
"""Of redacting a long body while others bring secrets."""


class TapeOpening(Struct, frozen=True):
    """With what a tape begins."""

    header: "Header"
    redactor: "Redactor"
    limit: int
    """Bytes: a longer one ends by itself."""
    shapes: bool = False
    """Whether of bodies only the shape is kept."""
    outside: "AnyClock | None" = None
    """The lab's clock where the client is another process, and so may live by another one."""


class FileTape:
    """Observes a source, and writes what it is told."""

    def __init__(self, file: TapeFile, source: "Source", opening: TapeOpening) -> None:
        from lab.recording.tape.body_shapes import ShapedBodies
        from lab.recording.tape.line_cache import LineCache
        from lab.recording.tape.tape import Tape

        self._file, clock, begun = file, opening.outside, real_millis()
        self.path = file.path
        self._work = LongWork()
        self._timer: asyncio.TimerHandle | None = None

        def wall() -> Millis | None:
            """The client's own time: told only where the lab's clock isn't that, and the client is not ours."""
            return real_millis() - begun if clock is not None and apart(clock) else None

        opening.redactor.secrets.lock = RLock()  # long bodies are redacted in other threads
        self._tails = (ShapedBodies if opening.shapes else LineCache)(opening.redactor)
        self.tape = Tape(source, file.write, opening.header, sync=file.sync, wall=wall, tails=self._tails)
        self.tape.hold = MOST_HELD
        self.tape.limit = opening.limit

    def __call__(self, observation: Observation) -> None:
        """Write it, with what else comes within a moment."""
        self.tape(observation)
        if self._timer is None and self.tape.waiting:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:  # the client is ours, and knows when it is at its end
                return
            self._timer = loop.call_later(_HELD_FOR, self.flush)

    def flush(self) -> None:
        """Write what was told until now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.tape.flush()

    async def redact(self, observation: Requested | Replied) -> None:
        """Redact the long body of what is about to be told, in another thread: nobody else waits for it."""
        said = observation.request if isinstance(observation, Requested) else observation.response
        if len(said.body) <= LONG_BODY or self.dead is not None:
            return
        if isinstance(observation, Requested):
            tail = self._tails.of_request(observation)
        else:
            oauth = self.tape.is_of_identity(observation.x)
            tail = self._tails.of_reply(observation.response, oauth=oauth, cut=observation.cut is not None)
        secrets = self.tape.redactor.secrets
        async with self._work:
            for _ in range(_TRIES):
                if tail.generation == (generation := secrets.generation):
                    return
                tail.take(await asyncio.to_thread(tail.make), generation)

    @property
    def dead(self) -> str | None:
        """What killed it."""
        return self.tape.dead

    def look(self) -> None:
        """Find out whether the file is still there, as it was written: a tape whose file isn't is dead."""
        if self.tape.dead is None:
            try:
                self._file.check()
            except OSError as fault:
                self.tape.fail(f"The recording {self.path} is lost: {fault.strerror or fault}.")

    def close(self, now: Millis, reason: str, console: Console) -> str | None:
        """Write what is left and the footer, and say where it lies, or what killed it."""
        self.flush()
        self.look()
        self.tape.close(now, reason)
        self._file.close()
        console.err(f"lab: {self.dead}" if self.dead is not None else f"recorded {self.path}")
        return self.dead
