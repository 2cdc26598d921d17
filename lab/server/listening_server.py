"""What listens for HTTP and counts its connections, whoever answers: the mock, or a proxy in front of a pod."""

import asyncio
import ssl
from collections.abc import Callable, Iterable
from contextlib import suppress

from aiohttp import web

from lab.clocks import AnyClock, first_of
from lab.core.clock import Millis
from lab.core.journal.fact import Fact
from lab.core.journal.shell import ConnectionClosed, ConnectionOpened, RequestMalformed, TapeNoted
from lab.server.bugs import Bugs
from lab.server.connection import Connection, Shell
from lab.server.fair_shares import BodyQueue, TurnShare
from lab.server.limits import ServerLimits
from lab.server.listener import Bound, Listener, bind, most_connections

MOST_COMING = 100_663_296
"""Bytes of long bodies that are received, and not yet answered, at once: two uploads, and some messages."""
_AT_ONCE = 0.001
"""Seconds that aiohttp waits for what is left, twice; 0 would mean for ever."""


async def _first(within: Millis, *events: asyncio.Event) -> None:
    """Return once one of them is set, or after so many real milliseconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(within / 1000):
            await first_of(*(each.wait() for each in events))


class ListeningServer(Shell):
    """A server on sockets. `start` gives the origin; `stop` lets replies under way leave within the grace.

    Whoever answers adds `exchange`, `turn_away`, and whom to `note` facts to.
    """

    def __init__(self, clock: AnyClock, limits: ServerLimits) -> None:
        super().__init__(limits, Bugs(self, clock), BodyQueue(MOST_COMING), TurnShare())
        self.clock = clock
        self.origin = ""
        """Where it listens, once it does."""
        self.listeners: list[Listener] = []
        """That at the origin, that of TLS, those at further origins."""
        self.peers: dict[Connection, None] = {}
        """The connections that are open, in the order of their opening."""
        self.opened_connections = 0
        """Since the start; the ordinal of the last one."""
        self.is_ours: Callable[[object], bool] | None = None
        """Tells by its address whether a peer is the run for which the clock is paused; None: it is paused for all."""
        self.calling: Callable[[], Iterable[int]] = tuple
        """The ports from which the lab itself calls at present."""
        self._ending = False
        self._most = most_connections(limits.connections)
        self._nobody = asyncio.Event()
        self._manager: web.Server | None = None

    # What whoever answers adds

    def note(self, fact: Fact) -> None:
        """Tell a fact about a connection."""
        raise NotImplementedError

    def left(self, fact: ConnectionClosed) -> None:
        """A connection ended, as was noted."""

    def note_of(self, connection: Connection, fact: Fact) -> None:
        """Tell a fact about what came on a connection that is open."""
        self.note(fact)

    # Sockets

    async def start(self, host: str = "127.0.0.1", port: int = 0, *, bound: Bound | None = None) -> str:
        """Listen, perhaps on a port taken before; the origin. HostError if the port can't be had, UsageError if none."""
        self._manager = web.Server(self.handle)
        self.listeners.append(Listener(bound or bind(host, port), self.factory()))
        self.origin = self.listeners[0].origin
        return self.origin

    def factory(self) -> Callable[[], Connection]:
        """Makes connections for a listener, once `start` was called."""
        assert self._manager is not None
        return self.factory_for(self._manager)

    def start_tls(self, bound: Bound, context: ssl.SSLContext) -> str:
        """Listen with TLS too, once `start` was called: the same service, the same ledger. The origin."""
        from lab.server.tls import TlsListener  # most labs speak plain HTTP alone

        self.listeners.append(TlsListener(bound, self.factory(), context, self.limits.header_deadline, self.traffic))
        return self.listeners[-1].origin

    @property
    def ending(self) -> bool:
        """Whether it stops soon: requests are served, and each reply is the last of its connection."""
        return self._ending

    async def drain(self, pause: Millis, hurry: asyncio.Event) -> None:
        """End soon: serve on for `pause` real ms or until `hurry`, so that whoever sends calls here learns of it."""
        self._ending = True
        if pause:
            await _first(pause, hurry)

    async def stop(self, grace: Millis = 5_000, hurry: asyncio.Event | None = None) -> None:
        """Accept no more, close idle connections, let the others end within `grace` real ms or until `hurry`, cut them."""
        if self._manager is None:
            return
        for listener in self.listeners:
            listener.close()
        self._ending = True
        for connection in tuple(self.peers):
            connection.retire("shutdown")
        if self.peers:
            self._nobody.clear()
            await _first(grace, self._nobody, *([hurry] if hurry is not None else []))
        await self._manager.shutdown(_AT_ONCE)
        self._manager = None
        self.listeners.clear()

    @property
    def origins(self) -> tuple[str, ...]:
        """All at which clients may call."""
        return tuple(each.origin for each in self.listeners)

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self.peers)

    # What a connection tells

    def malformed(self, connection: Connection, what: str, size: int) -> None:
        """The parser refused what came: told, answered without an echo, and the connection ends."""
        self.note_of(connection, RequestMalformed(at=self.clock.now(), c=connection.ordinal, what=what, bytes=size))
        super().malformed(connection, what, size)

    def opened(self, connection: Connection) -> int:
        """A peer connected: the ordinal of its connection."""
        self.opened_connections += 1
        self.peers[connection] = None
        if self.is_ours is not None:
            connection.outlasts_pauses = not self.is_ours(connection.wire.get_extra_info("peername"))
        self.traffic.came += 1
        self.note(ConnectionOpened(at=self.clock.now(), c=self.opened_connections))
        # every listener pauses, so no generator: `any` would stop at the first
        paused = [each.pause() for each in self.listeners] if self.connections >= self._most else []
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
            for listener in self.listeners:
                listener.resume()
