"""A way to a store on which things go wrong: it is slow, it is cut, an answer is lost, or nothing comes through."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from lab.clocks import SystemClock
from lab.core.clock import Millis


class BadLink:
    """From one socket of this machine to another."""

    def __init__(self, to: str, socket: Path) -> None:
        self.url = f"unix://{socket}"
        self.delay: Millis = 0
        """How long each piece is under way, in either direction."""
        self.through = asyncio.Event()
        """Cleared, connections stay open and nothing comes through."""
        self.through.set()
        self.lost: list[bytes] = []
        """In the place of an answer with the first of these in it the connection is cut, once."""
        self._to, self._socket = to, socket
        self._writers: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """Cut every connection."""
        for each in tuple(self._writers):
            each.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool = False) -> None:
        with suppress(OSError):
            while piece := await reader.read(65_536):
                await SystemClock().hold(self.delay)
                await self.through.wait()
                if answers and self.lost and self.lost[0] in piece:
                    self.lost.pop(0)
                    self.cut()
                    break
                writer.write(piece)
        writer.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_unix_connection(self._to)
        except OSError:
            writer.close()
            return
        ends = {writer, far_writer}
        self._writers |= ends
        with suppress(asyncio.CancelledError):  # the loop ends
            await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer, answers=True))
        self._writers -= ends

    @asynccontextmanager
    async def open(self) -> AsyncIterator["BadLink"]:
        """Listen until the block ends."""
        server = await asyncio.start_unix_server(self._connected, self._socket)
        try:
            yield self
        finally:
            server.close()
            self.through.set()
            self.cut()
