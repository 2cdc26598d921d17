"""What a run needs of the outer world, for whoever asks before it is there: it comes after the first paint."""

import asyncio
from typing import TYPE_CHECKING

from lab.tui.sources.protocol import RunConnection

if TYPE_CHECKING:
    from lab.client.control import ControlClient


class ConnectionPromise:
    """The connection of a run, once it stands; who waits for it is told why it never will."""

    def __init__(self) -> None:
        self._future: asyncio.Future[RunConnection] | None = None

    @property
    def future(self) -> "asyncio.Future[RunConnection]":
        """What a key pressed before the connection stands waits for."""
        if self._future is None:
            self._future = asyncio.get_running_loop().create_future()
        return self._future

    async def connection(self) -> RunConnection:
        """The connection."""
        return await asyncio.shield(self.future)

    async def control(self) -> "ControlClient | None":
        """Its control plane; None where it has none."""
        return (await self.connection()).control

    def paced(self, factor: str) -> None:
        """Our clock runs at that pace: whatever stands by then is told."""
        future = self._future
        if future is not None and future.done() and not future.cancelled() and future.exception() is None:
            future.result().paced(factor)

    def fail(self, error: Exception) -> None:
        """It doesn't come to stand."""
        if not self.future.done():
            self.future.set_exception(error)
            self.future.exception()
