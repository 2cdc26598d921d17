"""A listening socket: opened with clear errors, named as its callers reach it, and paused when the house is full
(limits.md §4, row 22).

asyncio's own server can't stop accepting for a while, so this one accepts by itself.
"""

import asyncio
import os
import socket
from collections.abc import Callable
from ipaddress import ip_address
from typing import TypeAlias

from msgspec import Struct

from lab.core.errors import HostError, UsageError
from lab.files.opening import descriptors

SocketAddress: TypeAlias = tuple[str, int]
BACKLOG = 1_024
RECEIVED_AT_ONCE = 16_384
"""Bytes that the system keeps of what a peer sends, which is what one turn of the loop reads of it; Linux doubles them."""
SENT_AT_ONCE = 65_536
"""Bytes that it keeps for a peer; doubled, too. By itself it would keep megabytes for each."""
_TAKEN_AT_ONCE = 64
_SPARE = 200
"""Descriptors that are no connections of the mock's: files, the control plane, the loop."""
_BREATH = 1.0
"""Real seconds until accepting is tried again after the descriptors ran out."""
_BEYOND = {4: "192.0.2.1", 6: "2001:db8::1"}
"""Addresses that no network has (RFC 5737, RFC 3849): on the way to them lies whatever leads out of this machine."""
_DISCARD = 9


def most_connections(wanted: int) -> int:
    """How many may be open at once: as many as wanted, or as the descriptors allow, some left for the rest."""
    return int(max(1, min(wanted, descriptors() - _SPARE)))


def check_port(port: int) -> int:
    """The port, or UsageError: the socket would raise OverflowError."""
    if not 0 <= port <= 65_535:
        raise UsageError(f"{port} is no port", hint="a port is 0 (any free one) to 65535")
    return port


def origin_of(host: str, port: int) -> str:
    """`http://127.0.0.1:8080`, brackets around IPv6."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_every_address(host: str) -> bool:
    """Whether a listener on it takes calls at every address of this machine."""
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False


def address_here(host: str) -> str:
    """The host itself; of one that is every address, which is none to call, that of this machine's loopback."""
    return ("::1" if ":" in host else "127.0.0.1") if is_every_address(host) else host


def address_for_others(host: str) -> str | None:
    """The host itself; of one that is every address that of the interface which leads out, None if none does.

    A UDP socket is connected for it, which asks the routing table and sends nothing.
    """
    if not is_every_address(host):
        return host
    version = ip_address(host).version
    try:
        with socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.connect((_BEYOND[version], _DISCARD))
            found: str = sock.getsockname()[0]
    except OSError:
        return None
    return None if ip_address(found).is_loopback else found


class Bound(Struct, frozen=True):
    """A socket that listens and accepts nobody yet: its origin is known before the first connection."""

    sock: socket.socket
    origin: str

    @property
    def port(self) -> int:
        """Which one it is."""
        return int(self.sock.getsockname()[1])

    def close(self) -> None:
        """Give the port back."""
        self.sock.close()


def bind(host: str, port: int, *, shared: bool = False) -> Bound:
    """Take a port, 0 meaning any free one; HostError says why that is impossible.

    One that is `shared` was reserved: other processes listen at it too, and the system gives each connection to one of them.
    """

    def listening(family: socket.AddressFamily, address: SocketAddress) -> socket.socket:
        return socket.create_server(address, family=family, backlog=BACKLOG, reuse_port=shared)

    return _bound(host, port, listening)


def reserve(host: str, port: int) -> Bound:
    """Take a port at which several processes will listen, as `bind`; whoever has it so doesn't listen himself."""
    option = reuse_port()
    if port:  # another lab's processes would share it with ours, for it is the same user's
        bind(host, port).close()

    def open_socket(family: socket.AddressFamily, address: SocketAddress) -> socket.socket:
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            for each in (socket.SO_REUSEADDR, option):
                sock.setsockopt(socket.SOL_SOCKET, each, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind(address)
        except BaseException:
            sock.close()
            raise
        return sock

    return _bound(host, port, open_socket)


def inherited(number: int, host: str) -> Bound:
    """A socket that listens already: a descriptor that the process was started with."""
    sock = socket.socket(fileno=number)
    sock.setblocking(False)
    return Bound(sock, origin_of(address_here(host), sock.getsockname()[1]))


def reuse_port() -> int:
    """The option of sockets by which processes share a port; UsageError where the system has none."""
    option: int | None = getattr(socket, "SO_REUSEPORT", None)
    if option is None:
        hint = "Start labs at ports of their own, with the same --ledger, and a proxy before them."
        raise UsageError("--workers: no two processes of this system can listen at one port (SO_REUSEPORT).", hint=hint)
    return option


def _bound(host: str, port: int, open_socket: Callable[[socket.AddressFamily, SocketAddress], socket.socket]) -> Bound:
    check_port(port)
    try:
        # text would be taken for one in letters of any script, and the codec for that loaded
        name = host.encode() if host.isascii() else host
        family, *_, address = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        sock = open_socket(family, (str(address[0]), int(address[1])))
    except OSError as error:
        # A bad name has the resolver's number and words, not the system's.
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)
        hint = "choose another port, or 0 for any free one"
        raise HostError(f"can't listen on {host} port {port}: {why}", hint=hint) from error
    sock.setblocking(False)
    # whoever is accepted there inherits it: what comes at once of many long bodies waits with their peers
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED_AT_ONCE)
    # and of a stream that nobody reads no more is made than that
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SENT_AT_ONCE)
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
