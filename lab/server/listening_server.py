"""What listens for HTTP and counts its connections, whoever answers: the mock, or a proxy in front of a pod."""

import asyncio
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING

from aiohttp import web

from lab.clocks import AnyClock
from lab.core.clock import Millis
from lab.core.journal.fact import Fact
from lab.core.journal.shell import ConnectionClosed, ConnectionOpened, RequestMalformed, TapeNoted
from lab.core.refusal import Refusal
from lab.server.bugs import Bugs
from lab.server.connection import Connection, Traffic, UnreadBytes, connection_factory, request_handler
from lab.server.fair_shares import BodyQueue, TurnShare
from lab.server.limits import ServerLimits
from lab.server.listener import Bound, Listener, bind, most_connections
from lab.server.request_reader import malformed_refusal

if TYPE_CHECKING:
    from lab.server.tls import TlsListener

MOST_COMING = 100_663_296
"""Bytes of long bodies that are received, and not yet answered, at once: two uploads, and some messages."""
_AT_ONCE = 0.001
"""Seconds that aiohttp waits for what is left, twice; 0 would mean for ever."""


async def _first(within: Millis, *events: asyncio.Event | None) -> None:
    """Return once one of them is set, or after so many real milliseconds."""
    ends = [asyncio.ensure_future(each.wait()) for each in events if each is not None]
    await asyncio.wait(ends, timeout=within / 1000, return_when=asyncio.FIRST_COMPLETED)
    for end in ends:
        end.cancel()


class ListeningServer:
    """A server on sockets. `start` gives the origin; `stop` lets replies under way leave within the grace.

    Whoever answers adds `exchange`, `turn_away`, and whom to `note` facts to.
    """

    def __init__(self, clock: AnyClock, limits: ServerLimits) -> None:
        self.clock = clock
        self.limits = limits
        self.bugs = Bugs(self, clock)
        self.origin = ""
        """Where it listens, once it does."""
        self.peers: dict[Connection, None] = {}
        """The connections that are open, in the order of their opening."""
        self.ending = False
        """Whether it stops soon: requests are served, and each reply is the last of its connection."""
        self.traffic = Traffic()
        self.unread = UnreadBytes(lambda: self.limits.write_deadline)
        self.bodies, self.turn = BodyQueue(MOST_COMING), TurnShare()
        self.others: list[Listener] = []
        """Listeners at further origins, that of TLS apart."""
        self._most = most_connections(limits.connections)
        self._nobody = asyncio.Event()
        self.is_ours: Callable[[object], bool] | None = None
        """Tells by its address whether a peer is the run for which the clock is paused; None: it is paused for all."""
        self.opened_connections = 0
        """Since the start; the ordinal of the last one."""
        self._manager: web.Server | None = None
        self._listener: Listener | None = None
        self._tls: TlsListener | None = None

    # What whoever answers adds

    async def exchange(self, connection: Connection, request: web.BaseRequest) -> web.StreamResponse:
        """Serve one request: what aiohttp is given in place of a response."""
        raise NotImplementedError

    def note(self, fact: Fact) -> None:
        """Tell a fact about a connection."""
        raise NotImplementedError

    def left(self, fact: ConnectionClosed) -> None:
        """A connection ended, as was noted."""

    def note_of(self, connection: Connection, fact: Fact) -> None:
        """Tell a fact about what came on a connection that is open."""
        self.note(fact)

    def turn_away(self, connection: Connection, problem: Refusal) -> None:
        """Refuse what asked for no path that is known, and close."""
        raise NotImplementedError

    # Sockets

    async def start(self, host: str = "127.0.0.1", port: int = 0, *, bound: Bound | None = None) -> str:
        """Listen, perhaps on a port taken before; the origin. HostError if the port can't be had, UsageError if none."""
        self._manager = web.Server(request_handler(self.exchange))
        self._listener = Listener(bound or bind(host, port), self.factory())
        self.origin = self._listener.origin
        return self.origin

    def factory(self) -> Callable[[], Connection]:
        """Makes connections for a listener, once `start` was called."""
        assert self._manager is not None
        return connection_factory(self, self._manager)

    def start_tls(self, bound: Bound, context: ssl.SSLContext) -> str:
        """Listen with TLS too, once `start` was called: the same service, the same ledger. The origin."""
        from lab.server.tls import TlsListener  # most labs speak plain HTTP alone

        self._tls = TlsListener(bound, self.factory(), context, self.limits.header_deadline, self.traffic)
        return self._tls.origin

    @property
    def failed_handshakes(self) -> int:
        """TLS handshakes that peers began, and that came to nothing."""
        return self._tls.failed_handshakes if self._tls is not None else 0

    def _listeners(self) -> tuple[Listener, ...]:
        return tuple(each for each in (self._listener, self._tls, *self.others) if each is not None)

    async def drain(self, pause: Millis, hurry: asyncio.Event) -> None:
        """End soon: serve on for `pause` real ms or until `hurry`, so that whoever sends calls here learns of it."""
        self.ending = True
        if pause:
            await _first(pause, hurry)

    async def stop(self, grace: Millis = 5_000, hurry: asyncio.Event | None = None) -> None:
        """Accept no more, close idle connections, let the others end within `grace` real ms or until `hurry`, cut them."""
        if self._listener is None or self._manager is None:
            return
        for listener in self._listeners():
            listener.close()
        self.ending = True
        for connection in tuple(self.peers):
            connection.retire("shutdown")
        if self.peers:
            self._nobody.clear()
            await _first(grace, self._nobody, hurry)
        await self._manager.shutdown(_AT_ONCE)
        self._listener = self._tls = None
        self.others.clear()

    @property
    def origins(self) -> tuple[str, ...]:
        """All at which clients may call."""
        return tuple(each.origin for each in self._listeners())

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self.peers)

    # What a connection tells

    def malformed(self, connection: Connection, what: str, size: int) -> None:
        """The parser refused what came: answered without an echo, and the connection ends."""
        self.note_of(connection, RequestMalformed(at=self.clock.now(), c=connection.ordinal, what=what, bytes=size))
        self.turn_away(connection, malformed_refusal(what))

    def broken(self, connection: Connection, fault: BaseException | None, *, begun: bool) -> None:
        """A bug of ours: 500 unless a reply has begun, and the connection ends."""
        problem = self.bugs.found(fault, connection.ordinal)
        if not begun:
            self.turn_away(connection, problem)
        connection.over("server")

    def opened(self, connection: Connection) -> int:
        """A peer connected: the ordinal of its connection."""
        self.opened_connections += 1
        self.peers[connection] = None
        if self.is_ours is not None:
            connection.outlasts_pauses = not self.is_ours(connection.wire.get_extra_info("peername"))
        self.traffic.came += 1
        self.note(ConnectionOpened(at=self.clock.now(), c=self.opened_connections))
        # every listener pauses, so no generator: `any` would stop at the first
        paused = [each.pause() for each in self._listeners()] if self.connections >= self._most else []
        if any(paused):
            text = f"{self.connections} connections are open: no more are accepted until one ends"
            self.note(TapeNoted(at=self.clock.now(), text=text))
        return self.opened_connections

    def closed(self, connection: Connection, how: str) -> None:
        """A connection ended."""
        self.peers.pop(connection, None)
        self.traffic.left += 1
        if not self.peers:
            self._nobody.set()
        fact = ConnectionClosed(at=self.clock.now(), c=connection.ordinal, how=how)
        self.note(fact)
        self.left(fact)
        if self.connections < self._most:
            for listener in self._listeners():
                listener.resume()
