"""One connection: aiohttp parses and keeps it going; deadlines, half-close, exact bytes and a word for its end are ours.

Of aiohttp only the public face is used: `RequestHandler` of `aiohttp.web`, the methods of an asyncio protocol, and
`handle_error` and `log_exception`, or what it refuses would be answered, and logged with its bytes, in its own words.
A request is taken up some turns of the loop after it came, and nothing public tells of it until then: hence `TURNS`.
"""

import asyncio
import logging
import socket
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from aiohttp import StreamReader, web

from lab.core.exchange import Headers, RawHeaders, header_of
from lab.core.refusal import Refusal
from lab.core.unpacking import Unpacked
from lab.server.bugs import Bugs
from lab.server.fair_shares import BodyQueue, TurnShare
from lab.server.limits import LONG_BODY, ServerLimits
from lab.server.request_reader import check_head, check_length, headers_of, malformed_refusal, shell_refusal

_LOG = logging.getLogger("lab")
LONGEST_PIECE = 65_536
"""Bytes that are given to a transport at once: as many as asyncio lets wait before it says so."""
BEHIND = 50
"""Real milliseconds within which the end of a peer's stream comes behind its request: it has said all, and still reads."""
TURNS = 4
"""Of the loop, within which aiohttp takes up a request that has come."""
MOST_HEADS = 64
"""That are given to the parser one by one of a segment: a body may hold nothing but empty lines."""
_END = b"\r\n\r\n"
_TLS = b"\x16\x03"
_LOOKS = 4
"""Times that a peer is looked at before it is late; it is cut at most a quarter of the deadline after it."""
_MOST_WASTED = 524_288
"""Bytes of a body that may be framing; more than a segment, which may hold the next requests too."""
_NO_LINGER = struct.pack("ii", 1, 0)
"""Linger, for no time: closing sends RST (socket(7))."""


class Sent(web.StreamResponse):
    """What aiohttp is given in place of a response: the bytes have left already."""

    def __init__(self, *, last: bool) -> None:
        super().__init__()
        self.last = last

    @property
    def keep_alive(self) -> bool:
        return not self.last

    async def prepare(self, request: web.BaseRequest) -> None:
        """Nothing is left to prepare."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is left to write."""


SENT, SENT_LAST = Sent(last=False), Sent(last=True)


class PeerGone(Exception):
    """The peer left before its request was complete."""


def reset(transport: asyncio.WriteTransport) -> None:
    """End a connection with RST: what the kernel still holds for the peer goes, too."""
    if (peer := transport.get_extra_info("socket")) is not None:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()


class Traffic:
    """Counts what goes over the connections of a listener, so that somebody can tell whether anything has."""

    came = left = 0
    """Times that bytes or a peer came; that bytes left, or a connection ended."""
    failed_handshakes = 0
    """Of TLS, those that peers began, and that came to nothing."""


class UnreadBytes:
    """Looks at the connections for which bytes wait, and resets those whose peer takes none of them for so many seconds.

    asyncio itself would keep them for ever. A reply of which nothing waits, because a fault or a stream has nothing to
    send yet, isn't late.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._seen: dict[Connection, tuple[int, float]] = {}
        """How much the peer of each had taken, and when that was seen first."""
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, connection: "Connection") -> None:
        """Bytes wait for this one's peer."""
        if connection not in self._seen:
            self._seen[connection] = (connection.taken, asyncio.get_running_loop().time())
            self._look_later()

    def forget(self, connection: "Connection") -> None:
        """It is over."""
        if self._seen.pop(connection, None) is not None and not self._seen and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_later(self) -> None:
        if self._timer is None and self._seen:
            self._timer = asyncio.get_running_loop().call_later(self._seconds() / _LOOKS, self.look)

    def look(self) -> None:
        """Look at each."""
        now, self._timer, late = asyncio.get_running_loop().time(), None, 0
        for connection, (taken, since) in tuple(self._seen.items()):
            if not connection.unsent:
                del self._seen[connection]
            elif connection.taken != taken:
                self._seen[connection] = (connection.taken, now)
            elif now - since >= self._seconds():
                del self._seen[connection]
                connection.how = "deadline"
                reset(connection.wire)
                late += 1
        if late:  # of who follows a journal nothing else tells
            cut = f"cut {late} connection{'s' * (late > 1)}"
            _LOG.warning("lab: %s, which took nothing for %g s of what waited.", cut, self._seconds())
        self._look_later()


class Shell:
    """What the connections of a listener share, and what becomes of them. Whoever answers adds `exchange` and `turn_away`."""

    def __init__(self, limits: ServerLimits, bugs: Bugs, bodies: BodyQueue, turn: TurnShare) -> None:
        self.limits, self.bugs, self.bodies, self.turn = limits, bugs, bodies, turn
        self.traffic, self.unread = Traffic(), UnreadBytes(lambda: self.limits.write_deadline)

    @property
    def ending(self) -> bool:
        """Whether no connection is to be kept any longer than for the reply under way."""
        raise NotImplementedError

    async def exchange(self, connection: "Connection", request: web.BaseRequest) -> web.StreamResponse:
        """Serve one request: what aiohttp is given in place of a response."""
        raise NotImplementedError

    def turn_away(self, connection: "Connection", problem: Refusal) -> None:
        """Refuse what asked for no path that is known, and close."""
        raise NotImplementedError

    def opened(self, connection: "Connection") -> int:
        """A peer connected: the ordinal of its connection, where these are counted."""
        return 0

    def closed(self, connection: "Connection", how: str) -> None:
        """A connection ended."""

    def malformed(self, connection: "Connection", what: str, size: int) -> None:
        """The parser refused what came: answered without an echo, and the connection ends."""
        self.turn_away(connection, malformed_refusal(what))

    def broken(self, connection: "Connection", fault: BaseException | None, *, begun: bool) -> None:
        """A bug of ours: 500 unless a reply has `begun`, and the connection ends."""
        problem = self.bugs.found(fault, connection.ordinal or None)
        if not begun:
            self.turn_away(connection, problem)
        connection.over("server")

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """What aiohttp calls for each request."""
        connection = request.protocol
        assert isinstance(connection, Connection)
        connection.begin(request)
        try:
            sent = await self.exchange(connection, request)
            if sent is SENT and connection.half_closed:
                connection.over("server")
            return sent
        except PeerGone:
            self.malformed(connection, "body-cut", connection.received)
            return SENT_LAST
        finally:
            connection.end()

    def factory_for(self, manager: web.Server) -> "Callable[[], Connection]":
        """Makes the connections of a listener, for aiohttp's server."""
        limits = self.limits
        return partial(
            Connection, self, manager, loop=asyncio.get_running_loop(), keepalive_timeout=limits.idle,
            lingering_time=limits.lingering, access_log=None, max_line_size=limits.line, max_field_size=limits.line,
            max_headers=limits.headers, auto_decompress=False,  # a gzip body that is cut short passes there
        )  # fmt: skip


class Connection(web.RequestHandler):
    """A connection with an ordinal, a header deadline, half-close, and a word for how it ended."""

    __slots__ = tuple(
        "_late _raw _since _tail _tls at_end begun behind below busy half_closed headers heads how listener lost misdirected ordinal outlasts_pauses received request room shell special tenant total wire written wrote".split()
    )

    request: web.BaseRequest
    """The one under way."""
    wire: asyncio.Transport
    """aiohttp forgets a transport that it has closed, and asyncio keeps it open until its bytes are taken."""

    def __init__(self, shell: Shell, manager: web.Server, **settings: Any) -> None:
        super().__init__(manager, **settings)
        self.shell = shell
        self.ordinal = 0
        self.how: str | None = None
        """At whose will it ends, once that is known."""
        self.listener: str | None = None
        """Where it was accepted, if not at the API's origin."""
        self.below: asyncio.WriteTransport | None = None
        """Of TLS what the encrypted bytes leave by."""
        self.misdirected = False
        """Whether the peer speaks plainly where TLS is spoken."""
        self.outlasts_pauses = False
        """Whether a pause of the clock is none of its peer's, so that it is answered meanwhile."""
        self.half_closed, self.lost = False, asyncio.Event()
        """Whether the peer has said all; whether it is gone."""
        self.at_end: Callable[[], object] | None = None
        """Called at either."""
        # what came, and left
        self.received = self.total = self.written = 0
        """Bytes that came last, that came, that were written."""
        self.heads = self.begun = 0
        """Empty lines that have come, of which each request has one, and a body may have more; requests that were taken up."""
        self.behind = False
        """Whether what came last ends in mid head, or is of a body."""
        self._tail, self._tls = b"", False
        self._late: asyncio.TimerHandle | None = None
        self._since = 0.0
        """When the latest request was over."""
        # the request under way
        self.busy = self.wrote = False
        """Whether its reply isn't out; whether some of it is."""
        self.headers: Headers = ()
        self.special = False
        self._raw: RawHeaders | None = None
        self.room = 0
        """Bytes of the room for long bodies that it has taken."""
        self.tenant: object = None
        """Whom it is for; None: there was none yet."""

    # What asyncio and aiohttp call

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A peer connected: the header deadline begins."""
        super().connection_made(transport)
        assert isinstance(transport, asyncio.Transport)
        self.wire, self._since = transport, asyncio.get_running_loop().time()
        self.ordinal = self.shell.opened(self)
        self._hasten()

    def connection_lost(self, exc: BaseException | None) -> None:
        """The connection is over."""
        self._on_time()
        self.shell.unread.forget(self)
        self.lost.set()
        if self.at_end is not None:
            self.at_end()
        super().connection_lost(exc)
        # aiohttp doesn't say so where it closes for that
        idle = not self.busy and asyncio.get_running_loop().time() - self._since >= self.shell.limits.idle
        self.shell.closed(self, self.how or ("reset" if exc is not None else "idle" if idle else "client"))

    def data_received(self, data: bytes) -> None:
        """Feed the parser each head by itself: what it refuses takes along all that it was given with it."""
        self.shell.traffic.came += 1
        if not data:  # aiohttp goes on with what it has kept
            super().data_received(data)
            return
        if not self.total:
            self._tls = data.startswith(_TLS)
        self.received = len(data)
        self.total += self.received
        if self.misdirected:
            if not self.wire.is_closing():
                self.shell.malformed(self, "plain-on-tls-port", self.received)
                self.wire.close()
            return
        if not self._tail and data.find(_END) == len(data) - len(_END) > 0:  # one head, and nothing else
            self.heads += 1
            self.behind = False
            super().data_received(data)
            return
        for piece in self._pieces(data):
            super().data_received(piece)

    def _pieces(self, data: bytes) -> Iterator[bytes]:
        """Each head by itself, but one whose body comes in chunks together with what has come of that.

        They are counted, and one that is begun and not ended is on the clock.
        """
        whole, before = self._tail + data, len(self._tail)
        ends = whole.count(_END)
        self.heads += ends
        self.behind = not whole.endswith(_END)
        self._tail = whole[-3:] if self.behind else b""
        if self.behind and not self.busy:
            self._hasten()
        begin, end = before, 0
        for left in range(min(ends, MOST_HEADS) - 1, -1, -1):
            end = whole.index(_END, end) + len(_END)
            if end == len(whole) or (left == 0 and b"chunked" in whole[begin:end].lower()):
                break
            yield whole[begin:end]
            begin = end
        yield data if begin == before else whole[begin:]

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio reads it; aiohttp declares None
        """The peer has said all: what it asked is still answered, unless whoever answers takes that for giving up."""
        self.half_closed = True
        if self.at_end is not None:
            self.at_end()
        self._close_when_quiet()
        return not self.secure  # TLS can't be closed by halves

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> Sent:
        """What the parser refused, or a bug of ours; never the bytes, never the traceback, to the peer."""
        if status != 400:
            self.shell.broken(self, exc, begun=self.wrote or bool(request.writer.output_size))
            return SENT_LAST
        self._on_time()
        self.shell.malformed(self, "tls-on-plain-port" if self._tls else type(exc).__name__, self.received)
        return SENT_LAST

    def log_exception(self, *texts: Any, exc_info: Any = None, **more: Any) -> None:
        """A bug on the way out; that a body turned out broken or cut is the peer's, and was answered."""
        if not isinstance(exc_info, web.RequestPayloadError | ConnectionError):
            self.shell.broken(self, exc_info, begun=True)

    # A request

    def begin(self, request: web.BaseRequest) -> None:
        """A head is whole, and its request is taken up. `special` tells whether `refused_head` is to look at it."""
        self.request, self.busy, self.wrote = request, True, False
        self.begun += 1
        if self._late is not None:
            self._on_time()
        if (raw := request.raw_headers) != self._raw:
            # a polling client sends the same head again and again: it is read once
            self.headers, self.special = headers_of(raw)
            self._raw = raw

    def end(self) -> None:
        """The request under way is over; a peer that has said all since then is asked nothing more."""
        self.busy, self._since = False, asyncio.get_running_loop().time()
        if self.room:
            self.leave_room()
        if self.half_closed:
            self._close_when_quiet()
        elif self.behind and not self.request.body_exists:  # else it may have been the end of that
            self._hasten()
        del self.request

    def refused_head(self) -> Refusal | None:
        """What is wrong with the head of the request under way, before its body is; None if nothing is."""
        unusual = self.special or self.request.version < (1, 0)
        return check_head(self.request.version, self.headers) if unusual else None

    async def receive(self, most: int) -> bytes | Refusal:
        """The body of the request under way, or what is wrong with its head or body."""
        if (problem := self.refused_head()) is not None:
            return problem
        return await self.body(most) if self.request.body_exists else b""

    async def body(self, most: int, *, ask: bool = True, packed: bool = False) -> bytes | Refusal:
        """All of it, decompressed; refused by Content-Length alone when that is enough; PeerGone if the peer left.

        With `ask` one that was announced by Expect is asked for; `packed`: it stays compressed.
        """
        if (too_large := check_length(self.headers, most)) is not None:
            self._widen()
            return too_large
        content, limits = self.request.content, self.shell.limits
        if ask and self.request.version >= (1, 1) and header_of(self.headers, "expect") is not None:
            self.wire.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if not content.is_eof():
            size = int(header_of(self.headers, "content-length") or most)
            if size > LONG_BODY:
                await self._take_room(size)
            if self.half_closed or self.lost.is_set():
                raise PeerGone
        self.at_end = partial(_cut, content)
        try:
            async with asyncio.timeout(limits.body_deadline):
                before, body = self.total, bytearray()
                coding = (header_of(self.headers, "content-encoding") or "identity").strip().lower()
                unpacked = None if packed or coding == "identity" else Unpacked(coding)
                while chunk := await content.readany():
                    body += chunk if unpacked is None else unpacked.feed(chunk, most + 1 - len(body))
                    if len(body) > most:
                        return shell_refusal(413, f"The body is larger than {most} bytes.")
                if unpacked is not None:
                    unpacked.end()
        except TimeoutError:
            return shell_refusal(408, "The body did not come in time.")
        except (web.RequestPayloadError, zlib.error):
            return shell_refusal(400, "The body can not be read: its chunks or its compression are broken.")
        except ConnectionError as error:
            raise PeerGone from error
        finally:
            self.at_end = None
        # the parser swallows chunk extensions of any length
        wasted = self.total - before - 8 * len(body) > _MOST_WASTED
        return shell_refusal(400, "The chunks are mostly extensions.") if wasted else bytes(body)

    async def _take_room(self, size: int) -> None:
        """Wait until so long a body may come; no more of it is read until then."""
        if self.lost.is_set():
            return
        self.pause_reading()
        self.room = await self.shell.bodies.take(size)
        self._widen()
        if not self.lost.is_set():
            self.resume_reading()

    def _widen(self) -> None:
        """Have more of a long body come at once than a peer may send unasked."""
        peer = self.wire.get_extra_info("socket")
        if peer is not None and not self.lost.is_set():
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, LONGEST_PIECE)

    def leave_room(self) -> None:
        """The body of the request under way is held no longer."""
        self.shell.bodies.give_back(self.room)
        self.room = 0

    # A reply

    def last(self) -> bool:
        """Whether the connection ends with the reply to the request under way."""
        said_all = self.half_closed and self.heads <= self.begun
        return said_all or self.shell.ending or not self.request.keep_alive

    def write(self, data: bytes | memoryview) -> bool:
        """Send it; False if the peer is gone."""
        if self.lost.is_set() or self.wire.is_closing():
            return False
        self.wire.write(data)
        self.shell.traffic.left += 1
        self.written += len(data)
        self.wrote = True
        if self.wire.get_write_buffer_size() or (self.below is not None and self.unsent):
            self.shell.unread.watch(self)
        return True

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
        await self.request.writer.drain()
        if self.lost.is_set():  # aiohttp says so only where the peer reset it
            raise ConnectionResetError("The connection is over.")

    @property
    def secure(self) -> bool:
        """Whether it speaks TLS."""
        return self.below is not None

    @property
    def unsent(self) -> int:
        """Bytes that the kernel hasn't taken; of TLS those, too, that are encrypted already."""
        size = self.wire.get_write_buffer_size()
        return size if self.below is None else size + self.below.get_write_buffer_size()

    @property
    def taken(self) -> int:
        """Bytes that the kernel has taken, but for what TLS adds."""
        return self.written - self.unsent

    @property
    def rejected(self) -> bool:
        """Whether a peer that had ended its side has refused what was sent: it was gone, and hadn't only said all."""
        if not self.half_closed:
            return False
        peer = self.wire.get_extra_info("socket")
        # asyncio reads no more after such an end, so nobody else hears of the reset
        return self.wire.is_closing() or bool(peer.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))

    # The end

    def over(self, how: str) -> Sent:
        """The connection ends with this reply: `how` says at whose will."""
        self.how = self.how or how
        return SENT_LAST

    def retire(self, how: str) -> None:
        """Take no further request: closed at once if none is under way."""
        self.how = self.how or how
        self._close_when_quiet()

    def cut(self, how: str) -> None:
        """End the connection at once."""
        self.how = self.how or how
        self.wire.abort()

    def _close_when_quiet(self, turns: int = TURNS, begun: int | None = None) -> None:
        """Close, unless a request is under way or waits for aiohttp to take it up."""
        begun = self.begun if begun is None else begun
        if self.busy or self.begun != begun:
            return
        waits = self.behind or self.heads > self.begun  # a request may, or what the parser refuses
        if waits and turns:
            asyncio.get_running_loop().call_soon(self._close_when_quiet, turns - 1, begun)
        else:
            self.wire.close()

    def _hasten(self) -> None:
        """What is left of a head that has begun is to come before the deadline."""
        if self._late is None:
            loop, seconds = asyncio.get_running_loop(), self.shell.limits.header_deadline
            self._late = loop.call_later(seconds, self.cut, "deadline")

    def _on_time(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


def _cut(content: StreamReader) -> None:
    """The peer has said all: a body that lacks its end will never have it."""
    if not content.is_eof():
        content.set_exception(ConnectionResetError("The peer closed before the end of its body."))
