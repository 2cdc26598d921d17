"""A tape in its file, from the header to the footer, whoever is recorded."""

from typing import TYPE_CHECKING

from msgspec import Struct

from lab.cli.console import Console
from lab.cli.tapes.tape_queue import TapeQueue
from lab.clocks import AnyClock, apart
from lab.core.clock import Millis
from lab.files.recordings import TapeFile

if TYPE_CHECKING:  # most commands begin without a tape, and no start waits for one
    from lab.recording.format.lines import Header
    from lab.recording.redaction.redact import Redactor
    from lab.recording.tape.tape import Source


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

        self._file, clock = file, opening.outside
        self.path = file.path
        self.queue = queue = TapeQueue(source)
        # `w` is the client's own time: written only where the lab's clock isn't that, and the client is not ours.
        wall = None if clock is None else lambda: queue.wall() if apart(clock) else None
        tails = (ShapedBodies if opening.shapes else LineCache)(opening.redactor)
        self.tape = queue.tape = Tape(queue, file.write, opening.header, sync=file.sync, wall=wall, tails=tails)
        self.tape.limit = opening.limit

    @property
    def dead(self) -> str | None:
        """What killed it."""
        return self.tape.dead

    def look(self) -> None:
        """Find out whether the file is still there, as it was written: a tape whose file isn't is dead."""
        # while a line is being written the file has more of it than it knows
        if self.tape.dead is None and not self.queue.busy:
            try:
                self._file.check()
            except OSError as fault:
                self.tape.fail(f"The recording {self.path} is lost: {fault.strerror or fault}.")

    def close(self, now: Millis, reason: str, console: Console) -> str | None:
        """Write what is left and the footer, and say where it lies, or what killed it."""
        self.queue.close()
        self.look()
        self.tape.close(now, reason)
        self._file.close()
        console.err(f"lab: {self.dead}" if self.dead is not None else f"recorded {self.path}")
        return self.dead
