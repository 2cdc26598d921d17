"""The mocked API's listener: bytes to a Request, the service's Reply to bytes, the latency slept in between.

No job waits here: one exchange costs one pass through the service, and a held reply one timer of its own.
"""

import asyncio
import ssl
from dataclasses import replace
from typing import Any

from aiohttp import web
from aiohttp.streams import EMPTY_PAYLOAD

from lab.app.observe import Replied, Requested
from lab.clocks import AnyClock
from lab.core.clock import Millis
from lab.core.exchange import Request, Response
from lab.core.refusal import Refusal
from lab.core.reply import Parts, Reply
from lab.dialects import fusion as wire
from lab.jobs.shell import ConnectionClosed, ConnectionOpened, RequestMalformed, TapeNoted
from lab.mock.service import Service
from lab.server.connection import SENT, SENT_LAST, Connection, Sent
from lab.server.faults import deliver_struck
from lab.server.limits import ServerLimits
from lab.server.listen import Bound, Listener, bind, most_connections
from lab.server.request_reader import (
    UNCODABLE,
    PeerGone,
    RawRequest,
    ShellRefusal,
    body_of,
    check,
    headers_of,
    request_of,
    target_of,
)
from lab.server.response_writer import ResponseWriter, refusal
from lab.server.streaming import Streaming
from lab.server.tls import TlsListener

_CLOSE = b"connection: close\r\n"
_KEEP = b"connection: keep-alive\r\n"
_WRONG_PORT = {
    "tls-on-plain-port": "This port speaks plain HTTP: use http://.",
    "plain-on-tls-port": "This port speaks TLS: use https://.",
}
_AT_ONCE = 0.001
"""Seconds that aiohttp waits for what is left, twice; 0 would mean for ever."""
_NOTHING = Response(0)
"""A reply of which no status line left."""


class _Manager(web.Server):
    """aiohttp's low-level server, which makes connections of ours."""

    def __init__(self, shell: "MockServer") -> None:
        super().__init__(shell.exchange, request_factory=RawRequest)  # type: ignore[arg-type]  # in place of BaseRequest
        self._shell = shell

    def __call__(self) -> Connection:
        limits = self._shell.limits
        return Connection(
            self._shell, self, loop=self._loop, keepalive_timeout=limits.idle,
            lingering_time=limits.lingering, access_log=None, max_line_size=limits.line, max_field_size=limits.line,
            max_headers=limits.headers,
        )  # fmt: skip


class MockServer:
    """The mock on a socket. `start` gives the origin; `stop` lets replies under way leave within the grace."""

    def __init__(self, service: Service, clock: AnyClock, limits: ServerLimits | None = None) -> None:
        self.service = service
        self.clock = clock
        self.limits = limits or ServerLimits()
        self.origin = ""
        """Where it listens, once it does."""
        self.connections = 0
        """Open now."""
        self._most = most_connections(self.limits.connections)
        self._nobody = asyncio.Event()
        self._ordinal = 0
        self.writer = ResponseWriter(service.config.epoch)
        self._manager: _Manager | None = None
        self._listener: Listener | None = None
        self._tls: TlsListener | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0, *, bound: Bound | None = None) -> str:
        """Listen, perhaps on a port taken before; the origin. HostError if the port can't be had, UsageError if none."""
        self._manager = _Manager(self)
        self._listener = Listener(bound or bind(host, port), self._manager)
        self.origin = self._listener.origin
        return self.origin

    def start_tls(self, bound: Bound, context: ssl.SSLContext) -> str:
        """Listen with TLS too, once `start` was called: the same service, the same ledger. The origin."""
        manager = self._manager
        assert manager is not None

        def misdirected() -> Connection:
            connection = manager()
            connection.misdirected = True
            return connection

        self._tls = TlsListener(bound, manager, misdirected, context, self.limits.header_deadline)
        return self._tls.origin

    def _listeners(self) -> tuple[Listener, ...]:
        return tuple(each for each in (self._listener, self._tls) if each is not None)

    async def stop(self, grace: Millis = 5_000, hurry: asyncio.Event | None = None) -> None:
        """Accept no more, close idle connections, let the others end within `grace` real ms or until `hurry`, cut them."""
        if self._listener is None or self._manager is None:
            return
        for listener in self._listeners():
            listener.close()
        for connection in self._manager.connections:
            if isinstance(connection, Connection):
                connection.retire("shutdown")
        self._manager.pre_shutdown()
        if self.connections:
            self._nobody.clear()
            ends = [asyncio.ensure_future(each.wait()) for each in (self._nobody, hurry) if each is not None]
            await asyncio.wait(ends, timeout=grace / 1000, return_when=asyncio.FIRST_COMPLETED)
            for end in ends:
                end.cancel()
        await self._manager.shutdown(_AT_ONCE)
        self._listener = self._tls = None

    def drop(self) -> None:
        """Cut the connections whose reply isn't out: what was asked there never happened."""
        for connection in self._manager.connections if self._manager is not None else ():
            if isinstance(connection, Connection) and connection.busy:
                connection.cut("reset")

    # What a connection tells

    def opened(self) -> int:
        """A peer connected: the ordinal of its connection."""
        self._ordinal += 1
        self.connections += 1
        self.service.note(ConnectionOpened(at=self.clock.now(), c=self._ordinal))
        # every listener pauses, so no generator: `any` would stop at the first
        paused = [each.pause() for each in self._listeners()] if self.connections >= self._most else []
        if any(paused):
            text = f"{self.connections} connections are open: no more are accepted until one ends"
            self.service.note(TapeNoted(at=self.clock.now(), text=text))
        return self._ordinal

    def closed(self, ordinal: int, how: str) -> None:
        """A connection ended."""
        self.connections -= 1
        if not self.connections:
            self._nobody.set()
        self.service.note(ConnectionClosed(at=self.clock.now(), c=ordinal, how=how))
        if self.connections < self._most:
            for listener in self._listeners():
                listener.resume()

    def malformed(self, connection: Connection, what: str, size: int, *, status: int = 400) -> None:
        """The parser refused what came: answered without an echo, and the connection ends."""
        self.service.note(RequestMalformed(at=self.clock.now(), c=connection.ordinal, what=what, bytes=size))
        why = UNCODABLE if status == 415 else _WRONG_PORT.get(what, "This is no HTTP/1.1 request.")
        self._write(connection, self._worded(ShellRefusal(status, why)), "GET", _CLOSE)
        connection.how = connection.how or "server"

    def broken(self, connection: Connection) -> None:
        """A bug of ours: 500, and the connection ends."""
        self._write(connection, self._worded(ShellRefusal(500, "Internal error.")), "GET", _CLOSE)
        connection.how = connection.how or "server"

    # One exchange

    async def exchange(self, incoming: Any) -> Any:
        """Serve one request."""
        message, connection = incoming.message, incoming.protocol
        since = self.clock.now()
        raw = message.raw_headers
        if raw != connection.raw:
            # A polling client sends the same head again and again: it is read once.
            connection.headers, connection.special = headers_of(raw)
            connection.raw = raw
        headers = connection.headers
        body: bytes | ShellRefusal = b""
        refused = self._unusual(message, connection)
        if refused is not None:
            body = refused
        elif incoming.payload is not EMPTY_PAYLOAD:
            try:
                body = await body_of(incoming, target_of(message.path)[0], headers, self.limits)
            except PeerGone:
                self.malformed(connection, "body-cut", connection.received)
                return SENT_LAST
        now = self.clock.now()
        if isinstance(body, ShellRefusal):
            return await self._refuse(incoming, body, now, now - since)
        request = request_of(message, headers, body)
        reply = self.service.serve(request, now, c=connection.ordinal, took=now - since)
        if reply.strike is not None:
            return await deliver_struck(self, incoming, reply, reply.strike, now)
        if reply.parts is not None:
            return await self._stream(incoming, reply, reply.parts, now)
        return await self._deliver(incoming, request, reply, now)

    def _worded(self, refused: ShellRefusal, route: str = "unknown", path: str = "") -> Response:
        """The refusal as the path words it; without one, as the server does."""
        told = refusal(refused, route)
        return self.service.word(told, path) if isinstance(told, Refusal) else told

    def _unusual(self, message: Any, connection: Connection) -> ShellRefusal | None:
        if message.version < (1, 0):
            return ShellRefusal(400, "HTTP/0.9 is not spoken here.")
        return check(message, connection.headers) if connection.special else None

    async def _refuse(self, incoming: RawRequest, refused: ShellRefusal, now: Millis, took: Millis) -> Sent:
        """Answer without asking the service; the exchange is told all the same."""
        request = request_of(incoming.message, incoming.protocol.headers, b"")
        route = wire.route_of(request.method, request.path)
        response = self._worded(refused, route, request.path)
        x = self.service.next_exchange()
        connection = incoming.protocol
        self.service.tell(Requested(now, x, route, request, c=connection.ordinal, took=took))
        self._write(connection, response, request.method, _CLOSE)
        connection.how = connection.how or "server"
        self.service.tell(Replied(self.clock.now(), x, response, by="shell"))
        return SENT_LAST

    async def _deliver(self, incoming: Any, request: Request, reply: Reply, now: Millis) -> Sent:
        """Withhold, write, and tell what became of it."""
        connection, message = incoming.protocol, incoming.message
        try:
            if reply.held:
                await self.clock.hold(reply.held)
            last = connection.last_of(message.should_close)
            line = _CLOSE if last else _KEEP if message.version < (1, 1) else b""
            if not self._write(connection, reply.response, request.method, line):
                self._tell_cut(reply, "client_gone")
                return SENT_LAST
            first = self.clock.now() - now
            if connection.writing_paused:
                await connection._drain_helper()
        except asyncio.CancelledError:
            self._tell_cut(reply, "shutdown")
            raise
        except ConnectionError:
            self._tell_cut(reply, "client_gone")
            return SENT_LAST
        shown = first if first != reply.held else None
        self.service.tell(Replied(self.clock.now(), reply.x, reply.response, reply.held, shown))
        if not last:
            return SENT
        connection.how = connection.how or "server"
        return SENT_LAST

    async def _stream(self, incoming: Any, reply: Reply, pieces: Parts, now: Millis) -> Sent:
        """Withhold, write a body that comes bit by bit, and tell what of it left."""
        connection: Connection = incoming.protocol
        chunked = incoming.message.version >= (1, 1)
        streaming = Streaming(connection, self.clock, chunked=chunked)
        response, first, last, cut = _NOTHING, reply.held, True, "client_gone"
        try:
            if reply.held:
                await self.clock.hold(reply.held)
            last = not chunked or connection.last_of(incoming.message.should_close)
            line, at = _CLOSE if last else b"", self.clock.now()
            if streaming.begin(self.writer.bytes_of(reply.response, at, last=line, chunked=chunked)):
                response, first = reply.response, at - now
                cut = "" if await streaming.send(pieces) else cut
        except asyncio.CancelledError:
            cut = "shutdown"
            raise
        except ConnectionError:
            cut = "client_gone"
        finally:
            body = streaming.sent
            self.service.tell(Replied(
                self.clock.now(), reply.x, replace(response, body=body), reply.held,
                first if first != reply.held else None, cut=cut or None, sent=len(body) if cut else None,
            ))  # fmt: skip
        if not last and not cut:
            return SENT
        connection.how = connection.how or "server"
        return SENT_LAST

    def _write(self, connection: Connection, response: Response, method: str, line: bytes) -> bool:
        transport = connection.transport
        if transport is None or transport.is_closing():
            return False
        transport.write(self.writer.bytes_of(response, self.clock.now(), method=method, last=line))
        return True

    def _tell_cut(self, reply: Reply, cut: str) -> None:
        self.service.tell(Replied(self.clock.now(), reply.x, _NOTHING, reply.held, cut=cut, sent=0))
