"""One connection: aiohttp's protocol with the deadlines it lacks, and facts about what became of the socket.

What aiohttp does by itself, and what had to be added, is tabled in limits.md §3.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import BadHttpMethod
from aiohttp.web import RequestPayloadError

from lab.core.exchange import Headers, RawHeaders
from lab.core.refusal import Refusal
from lab.server.library_internals import SENT_LAST, Sent
from lab.server.limits import ServerLimits
from lab.server.request_reader import check_head, headers_of
from lab.server.watched_parser import WatchedParser
from lab.server.write_deadline import WriteDeadline

LONGEST_PIECE = 65_536
"""Bytes that are given to a transport at once: as many as asyncio lets wait before it says so."""
BEHIND = 50
"""Real milliseconds within which the end of a peer's stream comes behind its request: it has said all, and still reads."""
_TLS = b"\x16\x03"
_NO_LINGER = struct.pack("ii", 1, 0)
"""Linger, for no time: closing sends RST (socket(7))."""


def reset(transport: asyncio.BaseTransport) -> None:
    """End a connection with RST: what the kernel still holds for the peer goes, too."""
    if (peer := transport.get_extra_info("socket")) is not None:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    assert isinstance(transport, asyncio.WriteTransport)
    transport.abort()


class Traffic:
    """Counts what goes over the connections of a listener, so that somebody can tell whether anything has."""

    def __init__(self) -> None:
        self.came = 0
        """Times that bytes or a peer came."""
        self.left = 0
        """Times that bytes left, or a connection ended."""


class ConnectionObserver(Protocol):
    """The listener's side: what a connection tells it, and the deadlines that it sets."""

    traffic: Traffic

    @property
    def ending(self) -> bool:
        """Whether no connection is to be kept any longer than for the reply under way."""

    @property
    def limits(self) -> ServerLimits:
        """Sizes and deadlines."""

    def opened(self) -> int:
        """A peer connected: the ordinal of its connection."""

    def closed(self, ordinal: int, how: str) -> None:
        """A connection ended."""

    def malformed(self, connection: "Connection", what: str, size: int) -> None:
        """The parser refused what came."""

    def broken(self, connection: "Connection", fault: BaseException | None, *, begun: bool) -> None:
        """A request ended in a bug of ours; `begun`: some of its reply has left."""


class Connection(WatchedParser):
    """A connection with an ordinal, a header deadline, half-close, and a word for how it ended."""

    __slots__ = tuple(
        "_answered _late _raw _tls _unread at_end half_closed headers how listener lost misdirected ordinal received shell special tenant total wrote".split()
    )

    def __init__(self, shell: ConnectionObserver, manager: Any, **settings: Any) -> None:
        super().__init__(manager, **settings)
        self.shell = shell
        self.ordinal = 0
        self.how: str | None = None
        self.half_closed = False
        self._raw: RawHeaders | None = None
        self.headers: Headers = ()
        self.special = False
        self._late: asyncio.TimerHandle | None = None
        self._unread: WriteDeadline | None = None
        self.lost = asyncio.Event()
        """Set once the connection is over."""
        self.at_end: Callable[[], None] | None = None
        """Called once the peer has ended its side, or is gone."""
        self.received = 0
        self.total = 0
        self.wrote = False
        """Whether some of the reply to the request under way has left."""
        self._answered = 0
        """Requests that are over."""
        self._tls = False
        self.misdirected = False
        """Whether the peer speaks plainly where TLS is spoken."""
        self.listener: str | None = None
        """Where it was accepted, if not at the API's origin."""
        self.tenant: object = None
        """Whom the request under way is for; None: there was none yet."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A peer connected: the header deadline begins."""
        super().connection_made(transport)
        self.ordinal = self.shell.opened()
        assert isinstance(transport, asyncio.Transport)
        self._unread = WriteDeadline(transport, self.shell.limits.write_deadline, partial(self._unmoved, transport))
        self._hasten()

    def connection_lost(self, exc: BaseException | None) -> None:
        """The connection is over."""
        self._on_time()
        if self._unread is not None:
            self._unread.close()
        self.lost.set()
        if self.at_end is not None:
            self.at_end()
        super().connection_lost(exc)
        self.shell.closed(self.ordinal, self.how or ("reset" if exc is not None else "client"))

    def data_received(self, data: bytes) -> None:
        """Feed the parser; a head that is begun and not ended is on the clock."""
        before = self.parsed
        self.shell.traffic.came += 1
        self.received = len(data)
        self.total += self.received
        if self.misdirected:
            self._turn_away()
            return
        if before == 0:
            self._tls = data.startswith(_TLS)
        self.feed(data)
        if self.parsed != before:
            if self._late is not None:
                self._on_time()
        elif not self._busy():
            self._hasten()

    def _hasten(self) -> None:
        """What is left of a head that has begun is to come before the deadline."""
        if self._late is None:
            self._late = asyncio.get_running_loop().call_later(self.shell.limits.header_deadline, self._overdue)

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio reads it; aiohttp declares None
        """The peer has said all: what it asked is still answered, unless whoever answers takes that for giving up."""
        self.half_closed = True
        if self.at_end is not None:
            self.at_end()
        # TLS can't be closed by halves
        return self._busy() and self.transport is not None and self.transport.get_extra_info("sslcontext") is None

    def _turn_away(self) -> None:
        """Say where TLS is spoken that it is, and close."""
        if self.transport is not None and not self.transport.is_closing():
            self.shell.malformed(self, "plain-on-tls-port", self.received)
            self.transport.close()

    @property
    def busy(self) -> bool:
        """Whether a reply isn't out."""
        return self._busy()

    def _busy(self) -> bool:
        """Whether a request is under way or queued."""
        return self._answered < self.parsed

    def answered(self) -> None:
        """The request under way is over; a peer that has said all since then is asked nothing more."""
        self._answered = self.parsed - len(self.waiting)
        self.wrote = False
        if self.half_closed and not self.waiting:
            self.close()
        elif self.behind and not self._busy():
            self._hasten()

    async def finish_response(self, request: Any, resp: Any, start_time: float | None) -> Any:
        """Send a response that aiohttp sends: the request is over then."""
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            self.answered()

    def last_of(self, should_close: bool) -> bool:
        """Whether the connection ends with this reply."""
        return should_close or self.ends or self.shell.ending or (self.half_closed and not self.waiting)

    def read_head(self, raw: RawHeaders) -> Headers:
        """The header fields as text; `special` tells whether `refused_head` is to look at them."""
        if raw != self._raw:
            # a polling client sends the same head again and again: it is read once
            self.headers, self.special = headers_of(raw)
            self._raw = raw
        return self.headers

    def refused_head(self, message: RawRequestMessage) -> Refusal | None:
        """What is wrong with the head that was read last, before its body is; None if nothing is."""
        unusual = self.special or message.version < (1, 0)
        return check_head(message, self.headers) if unusual else None

    def write(self, data: bytes | memoryview) -> bool:
        """Send it; False if the peer is gone."""
        if self.lost.is_set() or self.transport is None or self.transport.is_closing():
            return False
        self.transport.write(data)
        self.shell.traffic.left += 1
        if self._unread is not None:
            self._unread.wrote(len(data))
        self.wrote = True
        return True

    @property
    def unread(self) -> bool:
        """Whether a peer that had ended its side has refused what was sent: it was gone, and hadn't only said all."""
        if not self.half_closed or self.transport is None:
            return False
        peer = self.transport.get_extra_info("socket")
        # asyncio reads no more after such an end, so nobody else hears of the reset
        return self.transport.is_closing() or bool(peer.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))

    async def write_long(self, data: bytes) -> None:
        """Send it as fast as the peer takes it, so that no copy of it waits; ConnectionError if the peer is gone."""
        view = memoryview(data)
        for start in range(0, len(data), LONGEST_PIECE):
            if not self.write(view[start : start + LONGEST_PIECE]):
                raise ConnectionResetError("The connection is over.")
            if self.writing_paused:
                await self.drain()

    async def drain(self) -> None:
        """Return once the peer has read enough that more may be sent; ConnectionError if it is gone."""
        await self.wait_until_writable()
        if self.lost.is_set():  # aiohttp says so only where the peer reset it
            raise ConnectionResetError("The connection is over.")

    def over(self, how: str) -> Sent:
        """The connection ends with this reply: `how` says at whose will."""
        self.how = self.how or how
        return SENT_LAST

    def handle_error(
        self, request: Any, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> Any:
        """What the parser refused, or a bug of ours; never the bytes, never the traceback, to the peer."""
        if status != 400:
            self.shell.broken(self, exc, begun=self.wrote or bool(request.writer.output_size))
            return SENT_LAST
        what = "tls-on-plain-port" if self._tls and isinstance(exc, BadHttpMethod) else type(exc).__name__
        self.shell.malformed(self, what, self.received)
        return SENT_LAST

    def log_exception(self, *texts: Any, exc_info: Any = None, **more: Any) -> None:
        """A bug on the way out; that a body turned out broken or cut is the peer's, and was answered."""
        if not isinstance(exc_info, RequestPayloadError | ConnectionError):
            self.shell.broken(self, exc_info, begun=True)

    def retire(self, how: str) -> None:
        """Take no further request: closed at once if none is under way."""
        self.how = self.how or how
        if self.transport is not None and not self._busy():
            self.transport.close()

    def cut(self, how: str) -> None:
        """End the connection at once."""
        self.how = self.how or how
        if self.transport is not None:
            self.transport.abort()

    def _overdue(self) -> None:
        self._late = None
        self.cut("deadline")

    def _unmoved(self, transport: asyncio.Transport) -> None:
        # aiohttp forgets a transport that it has closed, and asyncio keeps it open until its bytes are taken
        self.how = "deadline"
        reset(transport)

    def _on_time(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def idled(self) -> None:
        """No request came for as long as one may be waited for."""
        self.how = self.how or "idle"
