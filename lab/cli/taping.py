"""Recording a command's mock: the tape, its file, and its footer whatever ends the command."""

from lab import __version__
from lab.cli.console import Console
from lab.cli.world import World
from lab.clocks import ManualClock, real_millis
from lab.core.clock import Millis
from lab.core.observe import Observation
from lab.core.service import Service
from lab.files import TapeFile, generators, recording_path
from lab.recording.header import header_of
from lab.recording.tape import Tape
from lab.settings import Settings


class Taping:
    """A tape that runs from before the first connection until `close`; without `--record` it does nothing."""

    def __init__(self, asked: Settings, world: World, service: Service, console: Console, *, outside: bool) -> None:
        self._console = console
        self._clock = world.clock
        self._reached: Millis = 0
        self.tape: Tape | None = None
        if asked.record is None:
            return
        self._file = TapeFile(recording_path(asked.record), force=asked.force)
        begun = real_millis()
        # `w` is the client's own time: told only where the lab's clock isn't that, and the client is not ours.
        wall = (lambda: real_millis() - begun) if outside and world.clock.mode != "real" else None
        header = header_of(
            world.config, lab=__version__, mode=world.clock.mode, generators=generators(), t=world.clock.now(),
            factor=None if isinstance(world.clock, ManualClock) or world.clock.mode == "real" else world.clock.factor,
            blobs=True,
        )  # fmt: skip
        self.tape = Tape(
            service, self._file.write, header, clients=[(client.id, client.secret) for client in world.config.clients],
            sync=self._file.sync, wall=wall, blobs=self._file.blob,
        )  # fmt: skip
        service.observers.append(self.tape)

    @property
    def trouble(self) -> str | None:
        """What killed the tape, for the control plane's health."""
        return self.tape.dead if self.tape else None

    def follow(self, told: Observation) -> None:
        """Remember how far a run without a loop has come: it moves no clock."""
        self._reached = told.at

    def close(self, reason: str) -> int:
        """Write the footer; 4 if the tape died on the way, else 0."""
        if self.tape is None:
            return 0
        self.tape.close(max(self._reached, self._clock.now()), reason)
        self._file.close()
        if self.tape.dead is not None:
            self._console.err(f"lab: {self.tape.dead}")
            return 4
        self._console.err(f"recorded {self._file.path}")
        return 0
