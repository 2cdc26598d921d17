"""The mocked API's listener: bytes to a Request, the service's Reply to bytes, the latency slept in between.

No job waits here: one exchange costs one pass through the service, and a reply that is withheld one timer of its own.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from aiohttp import web
from aiohttp.streams import EMPTY_PAYLOAD

from lab.clocks import AnyClock
from lab.core.clock import Millis
from lab.core.exchange import Request, Response
from lab.core.journal.shell import ConnectionClosed, ConnectionOpened, RequestMalformed, TapeNoted
from lab.core.observe import DECOY, Replied, Requested
from lab.core.refusal import Refusal
from lab.dialects.router import ROUTER, UNKNOWN_ROUTE, lightened
from lab.identity.routes import FORM_ROUTES
from lab.mock.service import Service
from lab.server import request_reader as reader
from lab.server.bugs import Bugs
from lab.server.connection import SENT_LAST, Connection, ConnectionObserver, Sent, Traffic
from lab.server.delivery import CLOSE
from lab.server.limits import LONG_BODY, ServerLimits
from lab.server.listen import Bound, Listener, bind, most_connections
from lab.server.mounts import Mount, Mounts, Routed
from lab.server.response_writer import ResponseWriter
from lab.server.tls import TlsListener

_WRONG_PORT = {
    "tls-on-plain-port": "This port speaks plain HTTP: use http://.",
    "plain-on-tls-port": "This port speaks TLS: use https://.",
}
MOST_HEAVY = 2
"""Calls that are prepared at once: long ones, held to patterns, and the first of all."""
_AT_ONCE = 0.001
"""Seconds that aiohttp waits for what is left, twice; 0 would mean for ever."""


def connections(shell: ConnectionObserver, manager: Any) -> Callable[[], Connection]:
    """Makes the connections of a listener, for aiohttp's server `manager`."""
    limits = shell.limits
    return partial(
        Connection, shell, manager, loop=asyncio.get_running_loop(), keepalive_timeout=limits.idle,
        lingering_time=limits.lingering, access_log=None, max_line_size=limits.line, max_field_size=limits.line,
        max_headers=limits.headers, auto_decompress=False,  # a gzip body that is cut short passes there
    )  # fmt: skip


class MockServer:
    """The mock on a socket. `start` gives the origin; `stop` lets replies under way leave within the grace."""

    def __init__(self, service: Service, clock: AnyClock, limits: ServerLimits | None = None) -> None:
        self.clock = clock
        self.mounts = Mounts(Mount(service, clock))
        self.limits = limits or ServerLimits()
        self.origin = ""
        """Where it listens, once it does."""
        self.connections = 0
        """Open now."""
        self.traffic = Traffic()
        self.preparing = 0
        """Calls that other threads prepare, or soon will."""
        self._most = most_connections(self.limits.connections)
        self._nobody = asyncio.Event()
        self.heavy = asyncio.Semaphore(MOST_HEAVY)
        """Taken while a call is prepared in other threads."""
        self._ordinal = 0
        self.bugs = Bugs(service, clock)
        self._manager: web.Server | None = None
        self._listener: Listener | None = None
        self._tls: TlsListener | None = None
        self._decoy: Listener | None = None

    @property
    def service(self) -> Service:
        """The usual mock: that of a request which chooses none."""
        return self.mounts.main.service

    @service.setter
    def service(self, service: Service) -> None:
        self.mounts.main.service = service

    async def start(self, host: str = "127.0.0.1", port: int = 0, *, bound: Bound | None = None) -> str:
        """Listen, perhaps on a port taken before; the origin. HostError if the port can't be had, UsageError if none."""
        # raw requests in place of aiohttp's own
        self._manager = web.Server(self.exchange, request_factory=reader.RawRequest)  # type: ignore[arg-type]
        self._listener = Listener(bound or bind(host, port), connections(self, self._manager))
        self.origin = self._listener.origin
        return self.origin

    def start_tls(self, bound: Bound, context: ssl.SSLContext) -> str:
        """Listen with TLS too, once `start` was called: the same service, the same ledger. The origin."""
        assert self._manager is not None
        factory = connections(self, self._manager)

        def misdirected() -> Connection:
            connection = factory()
            connection.misdirected = True
            return connection

        self._tls = TlsListener(bound, factory, misdirected, context, self.limits.header_deadline, self.traffic)
        return self._tls.origin

    @property
    def failed_handshakes(self) -> int:
        """TLS handshakes that peers began, and that came to nothing."""
        return self._tls.failed_handshakes if self._tls is not None else 0

    def start_decoy(self, bound: Bound) -> None:
        """Listen at another origin too, once `start` was called: nothing is there, but what is sent to it is told."""
        assert self._manager is not None
        factory = connections(self, self._manager)

        def elsewhere() -> Connection:
            connection = factory()
            connection.listener = DECOY
            return connection

        self._decoy = Listener(bound, elsewhere)

    def _listeners(self) -> tuple[Listener, ...]:
        return tuple(each for each in (self._listener, self._tls, self._decoy) if each is not None)

    async def stop(self, grace: Millis = 5_000, hurry: asyncio.Event | None = None) -> None:
        """Accept no more, close idle connections, let the others end within `grace` real ms or until `hurry`, cut them."""
        if self._listener is None or self._manager is None:
            return
        for listener in self._listeners():
            listener.close()
        for connection in self.peers():
            connection.retire("shutdown")
        self._manager.pre_shutdown()
        if self.connections:
            self._nobody.clear()
            ends = [asyncio.ensure_future(each.wait()) for each in (self._nobody, hurry) if each is not None]
            await asyncio.wait(ends, timeout=grace / 1000, return_when=asyncio.FIRST_COMPLETED)
            for end in ends:
                end.cancel()
        await self._manager.shutdown(_AT_ONCE)
        self._listener = self._tls = self._decoy = None

    def drop(self) -> None:
        """Cut the connections whose reply isn't out: what was asked there never happened."""
        for connection in self.peers():
            if connection.busy:
                connection.cut("reset")

    @property
    def origins(self) -> tuple[str, ...]:
        """All at which clients may call."""
        return tuple(each.origin for each in self._listeners())

    def peers(self) -> tuple[Connection, ...]:
        """The connections that are open."""
        open_now = self._manager.connections if self._manager is not None else ()
        return tuple(each for each in open_now if isinstance(each, Connection))

    def redate(self) -> None:
        """Count the `Date` of replies from the service's epoch of now."""
        self.mounts.main.sender.writer = ResponseWriter(self.service.config.epoch)

    # What a connection tells

    def opened(self) -> int:
        """A peer connected: the ordinal of its connection."""
        self._ordinal += 1
        self.connections += 1
        self.traffic.came += 1
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
        self.traffic.left += 1
        if not self.connections:
            self._nobody.set()
        fact = ConnectionClosed(at=self.clock.now(), c=ordinal, how=how)
        self.service.note(fact)
        # one that went on elsewhere wasn't left open where it was before
        if (latest := self.mounts.latest(ordinal)) is not self.mounts.main:
            latest.service.note(fact)
        self.mounts.leave(ordinal)
        if self.connections < self._most:
            for listener in self._listeners():
                listener.resume()

    def malformed(self, connection: Connection, what: str, size: int) -> None:
        """The parser refused what came: answered without an echo, and the connection ends."""
        fact = RequestMalformed(at=self.clock.now(), c=connection.ordinal, what=what, bytes=size)
        self.mounts.latest(connection.ordinal).service.note(fact)
        why = _WRONG_PORT.get(what, "This is no HTTP/1.1 request.")
        self._turn_away(connection, reader.shell_refusal(400, why))

    def broken(self, connection: Connection, fault: BaseException | None, *, begun: bool) -> None:
        """A bug of ours: 500 unless a reply has begun, and the connection ends."""
        problem = self.bugs.found(fault, connection.ordinal)
        if not begun:
            self._turn_away(connection, problem)
        connection.over("server")

    # One exchange

    async def exchange(self, incoming: Any) -> Any:
        """Serve one request; a bug of ours is 500, and the exchange is told all the same."""
        message, connection = incoming.message, incoming.protocol
        since = self.clock.now()
        headers = connection.read_head(message.raw_headers)
        path, query = reader.target_of(message.path)
        routed = self.mounts.route(path, headers)
        mount = routed.mount
        self.mounts.enter(mount, connection.ordinal)
        service = mount.service
        body: bytes | Refusal = routed.refusal or connection.refused_head(message) or b""
        if isinstance(body, bytes) and incoming.payload is not EMPTY_PAYLOAD:
            try:
                body = await reader.receive_body(incoming, routed.path, headers, self.limits)
            except reader.PeerGone:
                self.malformed(connection, "body-cut", connection.received)
                return SENT_LAST
        now = self.clock.now()
        if connection.listener is not None:
            body = reader.shell_refusal(404, "This is another origin than the API's.")
        if isinstance(body, Refusal):
            return self._refuse(incoming, routed, body, now, now - since)
        request = Request(message.method, routed.path, query, headers, body)
        before = service.exchanges
        try:
            steps = service.preparation(request, now)
            if steps is not None or len(body) > LONG_BODY:
                request = await self._prepare(mount, request, steps or iter(()))
                if connection.how == "reset":  # the lab was set back meanwhile
                    return SENT_LAST
                now, before = self.clock.now(), service.exchanges
            reply = service.serve(request, now, c=connection.ordinal, took=now - since)
        except Exception as fault:  # noqa: BLE001 - whatever it is, the client gets an answer and the record is whole
            problem = self.bugs.found(fault, connection.ordinal)
            x = service.exchanges if service.exchanges != before else None
            return self._refuse(incoming, routed, problem, now, now - since, x)
        return await mount.sender.send(incoming, request, reply, now)

    async def _prepare(self, mount: Mount, request: Request, steps: Iterator[None]) -> Request:
        """Do it in other threads, few at a time: whoever sends less is answered meanwhile. The request without files."""
        self.preparing += 1
        try:
            async with self.heavy:
                while await asyncio.to_thread(next, steps, self) is not self:
                    pass
                if mount.recorder is not None:
                    await mount.recorder.room()
                return await asyncio.to_thread(lightened, request)
        finally:
            self.preparing -= 1

    def _refuse(
        self,
        incoming: reader.RawRequest,
        routed: Routed,
        problem: Refusal,
        now: Millis,
        took: Millis,
        x: int | None = None,
    ) -> Sent:
        """Answer without the service; the exchange is told all the same, its request too unless `x` is its ordinal already."""
        connection: Connection = incoming.protocol
        service, method = routed.mount.service, incoming.message.method
        form = ROUTER.name(method, routed.path) in FORM_ROUTES
        response = reader.identity_refusal(problem) if form else service.word(problem, routed.path)
        if x is None:
            x = service.next_exchange()
            whole, query = reader.target_of(incoming.message.path)
            path = routed.path if routed.refusal is None else whole
            request, listener = Request(method, path, query, connection.headers), connection.listener
            route = ROUTER.name(method, path) if listener is None else UNKNOWN_ROUTE
            service.tell(Requested(now, x, route, request, c=connection.ordinal, took=took, listener=listener))
        routed.mount.sender.write(connection, response, method, CLOSE)
        service.tell(Replied(self.clock.now(), x, response, by="shell"))
        return connection.over("server")

    def _turn_away(self, connection: Connection, problem: Refusal) -> None:
        """Answer where no path is known, so in the server's words; then close."""
        self.write_last(connection, self.service.word(problem, ""))

    def write_last(self, connection: Connection, response: Response) -> None:
        """Send the last response of a connection, to whatever was asked."""
        self.mounts.main.sender.write(connection, response, "GET", CLOSE)
        connection.over("server")
