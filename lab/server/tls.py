"""https beside http: a throw-away authority, and a listener that tells TLS from what only came to the wrong port.

The keys are drawn by the library at each start and kept nowhere; on disk there is the authority's certificate alone,
which a client has to trust (contract.md: clients with `https://` hard-coded).
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from ipaddress import ip_address

from msgspec import Struct

from lab.core.errors import UsageError
from lab.server.connection import Traffic
from lab.server.library_internals import TlsProtocol
from lab.server.listener import Bound, Listener

USUAL_NAMES = ("127.0.0.1", "::1", "localhost")
"""The names that every certificate of a lab covers."""
_HANDSHAKE = b"\x16"
"""The first byte of a ClientHello's record (RFC 8446 §5.1)."""
_FIRST = 4_096
"""Bytes that are read before it is known who serves them: a ClientHello at most, or the rest is read later."""


MOST_HANDSHAKES = 1_024
"""Under way at once, each in 90 KiB; further peers wait for their turn until the deadline."""


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


def names_of(host: str, more: tuple[str, ...]) -> tuple[str, ...]:
    """What a certificate has to cover beside the usual names: the host listened on, unless that means any, and these."""
    try:
        anywhere = ip_address(host).is_unspecified
    except ValueError:
        anywhere = not host
    return more if anywhere else (host, *more)


class _SecureProtocol(TlsProtocol):
    """Tells of what comes and goes while hands are shaken."""

    traffic: Traffic
    shaken: "asyncio.Future[None]"
    """Done once the handshake is."""
    first: bytes
    """What had come before."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The peer is there, and has begun."""
        super().connection_made(transport)
        first, self.first = self.first, b""
        self.get_buffer(len(first))[: len(first)] = first
        self.buffer_updated(len(first))

    def buffer_updated(self, nbytes: int) -> None:
        """More came; what a handshake answers to it leaves without any connection being told."""
        if not self.shaken.done():
            self.traffic.left += 1
        super().buffer_updated(nbytes)


class TlsListener(Listener):
    """Accepts TLS; a peer that speaks something else in it is given to `misdirected`, in the clear."""

    def __init__(
        self, bound: Bound, factory: Callable[[], asyncio.BaseProtocol], misdirected: Callable[[], asyncio.Protocol],
        context: ssl.SSLContext, deadline: float, traffic: Traffic,
    ) -> None:  # fmt: skip
        self._context = context
        self._misdirected = misdirected
        self._deadline = deadline
        """Real seconds from the opening to the end of the handshake."""
        self._traffic = traffic
        self._room = asyncio.Semaphore(MOST_HANDSHAKES)
        self.failed_handshakes = 0
        """Those that peers began, and that came to nothing."""
        super().__init__(bound, factory)
        self.origin = "https" + bound.origin.removeprefix("http")

    def close(self) -> None:
        """Stop listening, and let go of peers that haven't shaken hands."""
        super().close()
        for task in tuple(self._tasks):
            task.cancel()

    async def _connect(self, peer: socket.socket) -> None:
        try:
            async with asyncio.timeout(self._deadline):
                first = await self._loop.sock_recv(peer, _FIRST)
                if first.startswith(_HANDSHAKE):
                    async with self._room:
                        await self._shake_hands(peer, first)
                elif first:
                    _, connection = await self._loop.connect_accepted_socket(self._misdirected, peer)
                    connection.data_received(first)
                else:
                    peer.close()
        except (OSError, TimeoutError, asyncio.CancelledError) as fault:  # no handshake came of it, or none in time
            peer.close()
            # it would hold, in a circle, all that the handshake needed: hundreds of KiB, until somebody collects garbage
            fault.__traceback__ = None

    async def _shake_hands(self, peer: socket.socket, first: bytes) -> None:
        done = self._loop.create_future()
        secure = _SecureProtocol(
            self._loop,
            self._factory(),
            self._context,
            done,
            server_side=True,
            ssl_handshake_timeout=self._deadline,  # type: ignore[arg-type]  # a fraction is taken, too
        )
        secure.traffic, secure.shaken, secure.first = self._traffic, done, first
        transport, _ = await self._loop.connect_accepted_socket(lambda: secure, peer)
        try:
            await done
        except BaseException:
            self.failed_handshakes += 1
            transport.close()
            raise
