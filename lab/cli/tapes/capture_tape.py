"""The tape of a capture: what is seen of a pod from outside."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lab.cli.console import Console
from lab.cli.loop import Stop
from lab.cli.run_settings import Peer
from lab.cli.tapes.file_tape import FileTape, TapeOpening
from lab.clocks import AnyClock, wall_second
from lab.core.clock import Epoch
from lab.core.observe import Observation, Requested
from lab.core.version import __version__
from lab.files.growing_files import TapeFile
from lab.files.recordings import recording_path
from lab.server.limits import ServerLimits
from lab.settings import MockSettings

if TYPE_CHECKING:
    from lab.client.driver import Transport


class CaptureTape:
    """Begins before the first request, ends with a footer; `exit_code` is 4 afterwards if it died on the way."""

    exit_code = 0

    def __init__(self, clock: AnyClock, epoch: Epoch, pod: Iterable[str], own: Iterable[str], console: Console) -> None:
        """`pod` are the origins that are called, `own` those at which the lab is."""
        self._clock, self._epoch, self._console = clock, epoch, console
        self._pod, self._own = tuple(pod), tuple(own)
        self._tape: FileTape | None = None
        self.path = ""

    def begin(self, name: str, *, force: bool, shapes: bool = False) -> None:
        """Create the file; UsageError if it exists or the name is none, HostError if it can't be had.

        `shapes`: of bodies only the shape is kept.
        """
        from lab.recording.tape.captured import NoJobs, capture_header
        from lab.recording.tape.captured_secrets import CaptureRedactor
        from lab.recording.tape.header import BODIES, TOKEN_HOST

        redactor, clock = CaptureRedactor(self._pod, self._own), self._clock
        settings = {TOKEN_HOST: redactor.text(self._pod[-1]), **({BODIES: "shape"} if shapes else {})}
        header = capture_header(lab=__version__, clock=clock, epoch=self._epoch, t=clock.now(), settings=settings)
        opening = TapeOpening(header, redactor, ServerLimits().recording, shapes)
        self._tape = FileTape(TapeFile(recording_path(name), force=force), NoJobs(), opening)
        self.path = str(self._tape.path)

    def observe(self, observation: Observation) -> None:
        """Write what was seen; what may have changed something before its client is told."""
        assert self._tape is not None
        self._tape(observation)
        if isinstance(observation, Requested) and observation.request.method not in ("GET", "HEAD"):
            self._tape.flush()

    def look(self) -> None:
        """Find out whether the file is still there."""
        if self._tape is not None:
            self._tape.look()

    def close(self, reason: str) -> None:
        """Write the footer, and say where the recording lies."""
        if self._tape is not None and self._tape.close(self._clock.now(), reason, self._console) is not None:
            self.exit_code = 4


class RecordedPeer:
    """What our own app says to another server, and is told, where `--record` asks for it."""

    def __init__(self, clock: AnyClock, tape: CaptureTape | None) -> None:
        self._clock = clock
        self._tape = tape

    @property
    def exit_code(self) -> int:
        """Afterwards: 4 if the tape died, else 0."""
        return self._tape.exit_code if self._tape is not None else 0

    def over(self, transport: "Transport") -> "Transport":
        """The same transport, recorded."""
        from lab.client.recorded_transport import RecordedTransport

        return transport if self._tape is None else RecordedTransport(transport, self._clock, self._tape.observe)


@contextmanager
def recorded_peer(
    settings: MockSettings, peer: Peer, clock: AnyClock, console: Console, stop: Stop
) -> Iterator[RecordedPeer]:
    """From the first line of the tape to its footer, whatever ends it."""
    if settings.record is None:
        yield RecordedPeer(clock, None)
        return
    origins = [f"{url.scheme}://{url.netloc}" for url in map(urlsplit, (peer.base, peer.token_url))]
    tape = CaptureTape(clock, wall_second(), origins, (), console)
    tape.begin(settings.record, force=settings.force)
    try:
        yield RecordedPeer(clock, tape)
    finally:
        tape.close(stop.footer)
