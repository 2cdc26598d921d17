"""Faults at the socket: a struck reply is broken off, spoilt or dragged out for real (client-rules.md §4).

What leaves of it was settled by the core; here it leaves, on the lab's clock. A manual clock withholds no reply, but
a hang, a stall and a slow body last until it has been advanced past them.
"""

import asyncio
import socket
import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lab.app.observe import Replied
from lab.core.clock import Millis
from lab.core.exchange import Response
from lab.core.reply import Reply, Strike
from lab.server.connection import SENT, SENT_LAST, Connection, Sent
from lab.server.streaming import Streaming

if TYPE_CHECKING:
    from lab.server.mock_server import MockServer

_NO_LINGER = struct.pack("ii", 1, 0)
"""Linger, for no time: closing sends RST (socket(7))."""


async def deliver_struck(shell: "MockServer", incoming: Any, reply: Reply, strike: Strike, now: Millis) -> Sent:
    """Let a struck reply leave as it does, and tell what of it left."""
    return await _Struck(shell, incoming, reply, strike, now).deliver()


class _Struck:
    def __init__(self, shell: "MockServer", incoming: Any, reply: Reply, strike: Strike, now: Millis) -> None:
        self.shell = shell
        self.connection: Connection = incoming.protocol
        self.reply = reply
        self.strike = strike
        self.since = now
        self.chunked = strike.length is None and incoming.message.version >= (1, 1)
        self.last = strike.how == "close" or self.connection.last_of(incoming.message.should_close)
        if strike.length is None and not self.chunked:
            self.last = True  # nothing but the end of the connection tells where the body ends
        self.body = Streaming(self.connection, shell.clock, chunked=self.chunked)
        self.left = Response(0)
        self.first: Millis | None = None

    async def deliver(self) -> Sent:
        cut: str | None = "client_gone"
        try:
            if self.reply.held:
                await self.shell.clock.hold(self.reply.held)
            if await self._write() and await self._wait():
                cut = self.strike.cut
        except asyncio.CancelledError:
            cut = "shutdown"
            raise
        except ConnectionError:
            pass
        finally:
            self._tell(cut)
        self._end(cut)
        return SENT_LAST if self.last or cut else SENT

    async def _write(self) -> bool:
        """Send what leaves; False once the peer is gone."""
        response, strike, clock = self.reply.response, self.strike, self.shell.clock
        if response.status == 0:
            return not self.connection.lost.is_set()
        line = b"connection: close\r\n" if self.last else b""
        if strike.length is not None:
            line = b"content-length: %d\r\n%b" % (strike.length, line)
        at = clock.now()
        if not self.body.begin(self.shell.writer.bytes_of(response, at, last=line, chunked=self.chunked)):
            return False
        self.left, self.first = response, at - self.since
        parts = self.reply.parts or iter(((at, response.body),))
        return await self.body.send(parts, whole=strike.cut is None)

    async def _wait(self) -> bool:
        """Keep the peer waiting; False if it had enough of that."""
        if not self.strike.lasts:
            return True
        clock, gone = self.shell.clock, asyncio.Event()
        until = max(clock.now(), self.since + self.reply.held) + self.strike.lasts
        # no answer is to come, so a peer that ends its side now has given up
        self.connection.at_end = gone.set
        waits = [asyncio.ensure_future(wait) for wait in (clock.sleep_until(until), gone.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.connection.at_end = None
            for wait in waits:
                wait.cancel()
        return not gone.is_set()

    def _tell(self, cut: str | None) -> None:
        body = self.body.sent
        left = replace(self.left, body=body) if self.left.status else self.left
        first = self.first if self.first != self.reply.held else None
        self.shell.service.tell(Replied(
            self.shell.clock.now(), self.reply.x, left, self.reply.held, first, cut=cut, sent=len(body) if cut else None
        ))  # fmt: skip

    def _end(self, cut: str | None) -> None:
        connection, transport = self.connection, self.connection.transport
        if cut is None and not self.last:
            return
        connection.how = connection.how or ("client" if cut == "client_gone" else "fault")
        if transport is None or cut is None:
            return
        if self.strike.how == "reset":
            peer = transport.get_extra_info("socket")
            if peer is not None:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            transport.abort()
        else:
            transport.close()
