"""https beside http: a throw-away authority, and a listener that tells TLS from what only came to the wrong port.

The keys are drawn by the library at each start and kept nowhere; on disk there is the authority's certificate alone,
which a client has to trust (contract.md: clients with `https://` hard-coded).
"""

import asyncio
import socket
import ssl
from collections.abc import Callable

from msgspec import Struct

from lab.core.errors import UsageError
from lab.server.connection import Connection, Traffic
from lab.server.listener import Bound, Listener

USUAL_NAMES = ("127.0.0.1", "::1", "localhost")
"""The names that every certificate of a lab covers."""
_HANDSHAKE = b"\x16"
"""The first byte of a ClientHello's record (RFC 8446 §5.1)."""
MOST_PEERS = 1_000
"""With TLS at once, in up to 290 KiB each, of which asyncio reads into 256; further ones wait for their turn until the deadline."""


class AuthorityKey(Struct, frozen=True):
    """What makes an authority one and the same in several processes, in PEM."""

    certificate: bytes
    key: bytes


class Authority(Struct, frozen=True):
    """What serves TLS, and the certificate that a client must trust for it, in PEM."""

    context: ssl.SSLContext
    certificate: bytes
    key: bytes


def throwaway(names: tuple[str, ...] = (), known: AuthorityKey | None = None) -> Authority:
    """A new authority, or the `known` one, and a certificate of it for the usual names and these; UsageError if none can be had."""
    import trustme  # takes longer to load than all else that `lab serve` needs

    wanted = tuple(dict.fromkeys((*USUAL_NAMES, *names)))
    if known is None:
        authority = trustme.CA(organization_name="Invoke Async Lab, throw-away")
    else:
        authority = trustme.CA.from_pem(known.certificate, known.key)
    try:
        certificate = authority.issue_cert(*wanted, common_name=wanted[0])
    except (ValueError, UnicodeError):
        raise UsageError(
            f"No certificate can name all of {', '.join(wanted)}.", hint="Give host names or addresses."
        ) from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    certificate.configure_cert(context)
    return Authority(context, authority.cert_pem.bytes(), authority.private_key_pem.bytes())


class _Below(asyncio.Protocol):
    """A connection that reads nothing until TLS takes it over."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()


class _Early(asyncio.Protocol):
    """Keeps what comes between the handshake's end and the turn of the loop in which we learn of it."""

    def __init__(self) -> None:
        self.data = b""
        self.over = False

    def data_received(self, data: bytes) -> None:
        self.data += data

    def eof_received(self) -> None:
        self.over = True

    def connection_lost(self, exc: BaseException | None) -> None:
        self.over = True


class TlsListener(Listener):
    """Accepts TLS; a peer that speaks something else is told so, in the clear."""

    def __init__(
        self,
        bound: Bound,
        factory: Callable[[], Connection],
        context: ssl.SSLContext,
        deadline: float,
        traffic: Traffic,
    ) -> None:
        class Shaking(ssl.SSLObject):
            """Tells of what comes and goes while hands are shaken, of which no connection is told."""

            def do_handshake(self) -> None:
                traffic.left += 1
                super().do_handshake()

        context.sslobject_class = Shaking
        self._connection, self._traffic = factory, traffic
        self._context = context
        self._deadline = deadline
        """Real seconds from the opening to the end of the handshake."""
        self._room = asyncio.Semaphore(MOST_PEERS)
        super().__init__(bound, factory)
        self.origin = "https" + bound.origin.removeprefix("http")

    def close(self) -> None:
        """Stop listening, and let go of peers that haven't shaken hands."""
        super().close()
        for task in tuple(self._tasks):
            task.cancel()

    async def _connect(self, peer: socket.socket) -> None:
        connection: Connection | None = None
        try:
            async with asyncio.timeout(self._deadline) as deadline:
                first = await self._first_of(peer)
                if first == _HANDSHAKE:
                    async with self._room:
                        connection = await self._shake_hands(peer)
                        deadline.reschedule(None)
                        await connection.lost.wait()
                elif first:
                    connection = self._connection()
                    connection.misdirected = True
                    await self._loop.connect_accepted_socket(lambda: connection, peer)
                else:
                    peer.close()
        except (OSError, TimeoutError, asyncio.CancelledError) as fault:
            if connection is None:  # no handshake came of it, or none in time
                peer.close()
            # it would hold, in a circle, all that the handshake needed: hundreds of KiB, until somebody collects garbage
            fault.__traceback__ = None

    async def _first_of(self, peer: socket.socket) -> bytes:
        """The first byte, which stays there to be read; none if the peer has left."""
        readable = asyncio.Event()
        try:
            self._loop.add_reader(peer.fileno(), readable.set)
        except NotImplementedError:  # Windows' own loop: nobody is told that he speaks plainly
            return _HANDSHAKE
        try:
            await readable.wait()
        finally:
            self._loop.remove_reader(peer.fileno())
        return peer.recv(1, socket.MSG_PEEK)

    async def _shake_hands(self, peer: socket.socket) -> Connection:
        below, _ = await self._loop.connect_accepted_socket(_Below, peer)
        early = _Early()
        try:
            # a peer that is closed is asked to say so, too, which RFC 8446 §6.1 demands of nobody: so not for long
            above = await self._loop.start_tls(
                below,
                early,
                self._context,
                server_side=True,
                ssl_handshake_timeout=self._deadline,
                ssl_shutdown_timeout=1.0,
            )
            if above is None or early.over:
                raise ConnectionResetError("The peer has left.")
        except BaseException:
            self._traffic.failed_handshakes += 1
            below.abort()
            raise
        connection = self._connection()
        connection.below = below
        above.set_protocol(connection)
        connection.connection_made(above)
        if early.data:
            connection.data_received(early.data)
        return connection
