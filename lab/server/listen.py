"""A listening socket: opened with clear errors, and paused when the house is full (limits.md §4, row 22).

asyncio's own server can't stop accepting for a while, so this one accepts by itself.
"""

import asyncio
import os
import socket
from collections.abc import Callable

from msgspec import Struct

from lab.core.errors import HostError, UsageError
from lab.server.reachable import address_here

BACKLOG = 1_024
_TAKEN_AT_ONCE = 256
_SPARE = 200
"""Descriptors that are no connections of the mock's: files, the control plane, the loop."""
_BREATH = 1.0
"""Real seconds until accepting is tried again after the descriptors ran out."""


def most_connections(wanted: int) -> int:
    """How many may be open at once: as many as wanted, or as the descriptors allow, some left for the rest."""
    try:
        import resource
    except ImportError:  # Windows has neither the module nor the limit
        return wanted
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if soft == resource.RLIM_INFINITY else max(1, min(wanted, soft - _SPARE))


def check_port(port: int) -> int:
    """The port, or UsageError: the socket would raise OverflowError."""
    if not 0 <= port <= 65_535:
        raise UsageError(f"{port} is no port", hint="a port is 0 (any free one) to 65535")
    return port


def origin_of(host: str, port: int) -> str:
    """`http://127.0.0.1:8080`, brackets around IPv6."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Bound(Struct, frozen=True):
    """A socket that listens and accepts nobody yet: its origin is known before the first connection."""

    sock: socket.socket
    origin: str

    def close(self) -> None:
        """Give the port back."""
        self.sock.close()


def bind(host: str, port: int) -> Bound:
    """Take a port, 0 meaning any free one; HostError says why that is impossible."""
    check_port(port)
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        sock = socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        # A bad name has the resolver's number and words, not the system's.
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)
        hint = "choose another port, or 0 for any free one"
        raise HostError(f"can't listen on {host} port {port}: {why}", hint=hint) from error
    sock.setblocking(False)
    return Bound(sock, origin_of(address_here(host), sock.getsockname()[1]))


class Listener:
    """Accepts connections until it is paused or closed."""

    def __init__(self, bound: Bound, factory: Callable[[], asyncio.BaseProtocol]) -> None:
        self.origin = bound.origin
        self._sock = bound.sock
        self._factory = factory
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[object]] = set()
        self._listening = False
        self._closed = False
        self._accepting: asyncio.Task[None] | None = None
        """Only on a loop that watches no sockets."""
        self.resume()

    @classmethod
    def open(cls, factory: Callable[[], asyncio.BaseProtocol], host: str, port: int) -> "Listener":
        """Listen on `host` and `port`, as `bind`."""
        return cls(bind(host, port), factory)

    def pause(self) -> bool:
        """Accept no more for now; peers wait in the kernel's queue. False if that was so already."""
        if not self._listening:
            return False
        self._listening = False
        if self._accepting is None:
            self._loop.remove_reader(self._sock.fileno())
        else:
            self._accepting.cancel()
        return True

    def resume(self) -> None:
        """Accept again."""
        if not self._listening and not self._closed:
            self._listening = True
            try:
                self._loop.add_reader(self._sock.fileno(), self._accept)
            except NotImplementedError:  # Windows' own loop
                self._accepting = self._loop.create_task(self._accept_each())

    def close(self) -> None:
        """Stop listening; connections stay."""
        self.pause()
        self._closed = True
        self._sock.close()

    def _accept(self) -> None:
        for _ in range(_TAKEN_AT_ONCE):
            if not self._listening:
                return
            try:
                peer, _address = self._sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:
                self._wait_for_descriptors()
                return
            self._greet(peer)

    async def _accept_each(self) -> None:
        while True:
            try:
                peer, _address = await self._loop.sock_accept(self._sock)
            except ConnectionAbortedError:
                continue
            except OSError:
                self._wait_for_descriptors()
                return
            self._greet(peer)

    def _wait_for_descriptors(self) -> None:
        self.pause()
        self._loop.call_later(_BREATH, self.resume)

    def _greet(self, peer: socket.socket) -> None:
        peer.setblocking(False)
        task = self._loop.create_task(self._connect(peer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, peer: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._factory, peer)
        except OSError:  # gone before it was greeted
            peer.close()
