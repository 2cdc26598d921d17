"""The tape of a capture: what is seen of a pod from outside."""

from collections.abc import Iterable

from lab import __version__
from lab.cli.console import Console
from lab.cli.file_tape import FileTape, TapeOpening
from lab.clocks import AnyClock
from lab.core.clock import Epoch
from lab.core.observe import Observation
from lab.files.recordings import TapeFile, recording_path
from lab.server.limits import ServerLimits


class CaptureTape:
    """Begins before the first request, ends with a footer; `exit_code` is 4 afterwards if it died on the way."""

    exit_code = 0

    def __init__(self, clock: AnyClock, epoch: Epoch, pod: Iterable[str], own: Iterable[str], console: Console) -> None:
        """`pod` are the origins that are called, `own` those at which the lab is."""
        self._clock, self._epoch, self._console = clock, epoch, console
        self._pod, self._own = tuple(pod), tuple(own)
        self._tape: FileTape | None = None
        self.path = ""

    def begin(self, name: str, *, force: bool) -> None:
        """Create the file; UsageError if it exists or the name is none, HostError if it can't be had."""
        from lab.recording.captured import CaptureRedactor, NoJobs, capture_header

        header = capture_header(lab=__version__, clock=self._clock, epoch=self._epoch, t=self._clock.now())
        opening = TapeOpening(header, CaptureRedactor(self._pod, self._own), ServerLimits().recording)
        self._tape = FileTape(TapeFile(recording_path(name), force=force), NoJobs(), opening)
        self.path = str(self._tape.path)

    def observe(self, observation: Observation) -> None:
        """Write what was seen."""
        assert self._tape is not None
        self._tape.queue(observation)

    def look(self) -> None:
        """Find out whether the file is still there."""
        if self._tape is not None:
            self._tape.look()

    def close(self, reason: str) -> None:
        """Write the footer, and say where the recording lies."""
        if self._tape is not None and self._tape.close(self._clock.now(), reason, self._console) is not None:
            self.exit_code = 4
