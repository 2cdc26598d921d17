"""From a source to the screen: observations in batches, so that a flood of them leaves room for keys."""

from asyncio import Event

from textual.message import Message
from textual.screen import Screen

from lab.app.effects import RunObservation
from lab.core.errors import LabError
from lab.tui.screens.host import Host
from lab.tui.state.journal import SourceUpdate

BATCH = 50
"""The most observations that one message carries."""


class ObservationBatch(Message):
    """Observations that came since the last message."""

    def __init__(self, batch: list[RunObservation | SourceUpdate]) -> None:
        super().__init__()
        self.batch = batch


class Feed:
    """Hands a screen what its source observes: one message a frame, however many observations."""

    def __init__(self, screen: Screen[None], host: Host) -> None:
        self._screen = screen
        self._host = host
        self._batch: list[RunObservation | SourceUpdate] = []

    @property
    def waiting(self) -> bool:
        """Whether something was observed that the screen hasn't been handed."""
        return bool(self._batch)

    def start(self) -> None:
        """Begin to listen; for as long as the screen lives."""
        self._screen.run_worker(self._listen(), group="run", exclusive=True, exit_on_error=False)

    async def _listen(self) -> None:
        """A bug in the source doesn't end the show."""
        try:
            async for observation in self._host.source.observations():
                self._batch.append(observation)
                if len(self._batch) == 1:
                    self._screen.call_later(self._flush)
                if len(self._batch) >= BATCH:
                    self._flush()
                    await self._taken()
        except LabError as error:
            self._host.fail(error)
        except Exception as error:  # noqa: BLE001 - a bug of ours must not end the show
            self._host.survive(error)

    async def _taken(self) -> None:
        """Let the screen take the message before more are made."""
        done = Event()
        self._screen.call_later(done.set)
        await done.wait()

    def _flush(self) -> None:
        if self._batch:
            batch, self._batch = self._batch, []
            self._screen.post_message(ObservationBatch(batch))
