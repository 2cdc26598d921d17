"""Recording a command's mock: tapes, their files, and a footer whatever ends the command."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from lab.cli.console import Console
from lab.cli.setup import Setup
from lab.core.clock import Millis
from lab.core.errors import UsageError
from lab.core.exchange import Request
from lab.core.observe import Replied, Requested
from lab.core.version import __version__
from lab.mock.service import Service

if TYPE_CHECKING:  # who only serves knows no run
    from lab.app.effects import RunObservation
    from lab.cli.tapes.file_tape import FileTape


class TapeRecorder:
    """With `--record` a tape that runs from before the first connection until `close`; others begin and end on demand."""

    def __init__(self, setup: Setup, service: Service, console: Console, *, outside: bool) -> None:
        """`outside`: the client that is recorded is another process."""
        self._console = console
        self._clock = setup.clock
        self._limit, self._label = setup.limits.recording, setup.label
        self._service = service
        self.outside = outside
        self._reached: Millis = 0
        self._failure: str | None = None
        self.tape: FileTape | None = None
        if setup.settings.record is not None:
            self._begin(setup.settings.record, force=setup.settings.force)

    @property
    def running(self) -> bool:
        """Whether a tape is being written."""
        return self.tape is not None

    @property
    def trouble(self) -> str | None:
        """What killed a tape, for the control plane's health."""
        self.look()
        return (self.tape.dead if self.tape else None) or self._failure

    def look(self) -> None:
        """Find out whether the file is still there, as it was written: a tape whose file isn't is dead."""
        if self.tape is not None:
            self.tape.look()

    async def prepare(self, request: Request) -> None:
        """Redact a long request that is about to be served."""
        if self.tape is not None:
            await self.tape.redact(Requested(0, 0, "", request))

    async def redact(self, reply: Replied) -> None:
        """Redact a long reply that is about to be told."""
        if self.tape is not None:
            await self.tape.redact(reply)

    def flush(self) -> None:
        """Write what was told until now."""
        if self.tape is not None:
            self.tape.flush()

    def follow(self, observation: "RunObservation") -> None:
        """Remember how far a run without a loop has come: it moves no clock."""
        self._reached = observation.at

    def begin(self, name: str) -> str:
        """Begin a tape in `recordings/`, restating what lives; where it lies."""
        from lab.files.recordings import is_slug  # as beneath

        if not is_slug(name):
            raise UsageError(f"{name!r} can't name a recording here.", hint="Use a-z, 0-9, dot, dash and underscore.")
        return self._begin(name)

    def end(self) -> str:
        """End the tape; where it lies."""
        assert self.tape is not None
        path = str(self.tape.path)
        self._close("closed")
        return path

    def renew(self, back: Callable[[], None]) -> str | None:
        """End the tape if one runs, go `back` to an earlier instant, and begin NAME-2; where that lies."""
        before = self.tape.path if self.tape is not None else None
        if self.tape is not None:
            self._close("closed")
        back()
        return None if before is None else self._begin_next(before)

    def close(self, reason: str) -> int:
        """Write the footer; 4 if a tape died on the way, else 0."""
        self._close(reason)
        return 0 if self._failure is None else 4

    def _begin(self, name: str, *, force: bool = False) -> str:
        # most commands begin without a tape, and no start waits for one
        from lab.cli.tapes.file_tape import FileTape, TapeOpening
        from lab.files.growing_files import TapeFile
        from lab.files.recordings import generators, recording_path
        from lab.recording.format.snapshot import snapshot
        from lab.recording.redaction.redactor import redactor_of
        from lab.recording.tape.header import recording_header

        file = TapeFile(recording_path(name), force=force)
        config, clock, now = self._service.config, self._clock, self._clock.now()
        header = self._label(recording_header(config, lab=__version__, clock=clock, generators=generators(), t=now))
        facts = snapshot(self._service, now)
        opening = TapeOpening(header, redactor_of(config), self._limit, outside=clock if self.outside else None)
        tape = self.tape = FileTape(file, self._service, opening)
        self._service.observers.append(tape)
        tape.tape.restate(facts, now, self._service.exchanges)
        return str(tape.path)

    def _begin_next(self, before: Path) -> str:
        """Begin a tape under the first name that is free: NAME-2, NAME-3, …"""
        slug, number = before.name.partition(".rec.")[0], 2
        while True:
            try:
                return self._begin(str(before.with_name(f"{slug}-{number}.rec.jsonl")))
            except UsageError:
                number += 1
                if number > 1_000:
                    raise

    def _close(self, reason: str) -> None:
        tape = self.tape
        if tape is None:
            return
        self._service.observers.remove(tape)
        self.tape = None
        self._failure = tape.close(max(self._reached, self._clock.now()), reason, self._console) or self._failure
