"""A body that leaves piece by piece, each at its instant on the lab's clock."""

import asyncio

from lab.clocks import AnyClock
from lab.core.clock import Millis
from lab.core.reply import Parts
from lab.server.connection import Connection


class Streaming:
    """One streamed body; `sent` is what has left of it, also after it broke off."""

    def __init__(self, connection: Connection, clock: AnyClock, *, chunked: bool) -> None:
        self._connection = connection
        self._clock = clock
        self._chunked = chunked
        self._parts: list[bytes] = []

    @property
    def sent(self) -> bytes:
        """The body's bytes that have left."""
        return b"".join(self._parts)

    def begin(self, head: bytes) -> bool:
        """Send the head; False if the peer is gone."""
        return self._write(head)

    async def send(self, pieces: Parts, *, whole: bool = True) -> bool:
        """Whether all of it left; False once the peer is gone. A body that is not `whole` is left without an end."""
        for when, piece in pieces:
            if self._clock.now() < when:
                await self._due(when)
            if not self._write(b"%x\r\n%b\r\n" % (len(piece), piece) if self._chunked else piece):
                return False
            self._parts.append(piece)
            if self._connection.writing_paused:
                await self._connection._drain_helper()
        return self._write(b"0\r\n\r\n" if self._chunked and whole else b"")

    async def _due(self, when: Millis) -> None:
        """Return when the piece is due, or the peer is gone; a cancelled stream ends at once."""
        waits = [asyncio.ensure_future(wait) for wait in (self._clock.sleep_until(when), self._connection.lost.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _write(self, data: bytes) -> bool:
        transport = self._connection.transport
        if self._connection.lost.is_set() or transport is None or transport.is_closing():
            return False
        transport.write(data)
        return True
