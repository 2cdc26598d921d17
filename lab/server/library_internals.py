"""What the server uses of aiohttp and asyncio that neither documents: nothing else of it does (limits.md §3).

A new version of either may take any of it away, hence the bounds in pyproject.toml. Each has a test of its own, which
says what it must do: tests/server/test_library_internals.py.
"""

import asyncio
from asyncio.sslproto import SSLProtocol
from collections import deque
from typing import Any

from aiohttp import web
from aiohttp.http import RawRequestMessage, StreamWriter
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.web_protocol import _ErrInfo


class RawRequest:
    """What aiohttp's protocol makes of a message; in place of its own request, which costs more than a poll."""

    __slots__ = ("_task", "message", "payload", "protocol", "writer")

    def __init__(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: Any,
        writer: StreamWriter,
        task: "asyncio.Task[None]",
    ) -> None:
        self.message = message
        self.payload = payload
        self.protocol = protocol
        self.writer = writer
        self._task = task

    def _cancel(self, error: BaseException) -> None:
        """Called by aiohttp when the peer is gone, or at shutdown."""
        if self.payload is not EMPTY_PAYLOAD:
            self.payload.set_exception(error)

    def _finish(self) -> None:
        """Called by aiohttp before the reply is written."""

    @property
    def remote(self) -> str:
        return "a client"


class Sent:
    """What aiohttp is given in place of a response: the bytes have left already."""

    __slots__ = ("keep_alive",)

    def __init__(self, *, keep_alive: bool) -> None:
        self.keep_alive = keep_alive

    async def prepare(self, request: Any) -> None:
        """Nothing is left to prepare."""

    async def write_eof(self) -> None:
        """Nothing is left to write."""


SENT = Sent(keep_alive=True)
SENT_LAST = Sent(keep_alive=False)


def raw_message(request: web.BaseRequest) -> RawRequestMessage:
    """The message of which aiohttp made its own request."""
    return request._message


class HttpProtocol(web.RequestHandler):
    """aiohttp's protocol, with names for what it keeps to itself."""

    __slots__ = ()

    @property
    def parsed(self) -> int:
        """Requests that the parser gave, those that it refused among them."""
        return self._request_count

    @property
    def waiting(self) -> deque[tuple[Any, StreamReader]]:
        """Those of them that nobody has taken up, each with its body; the latest last."""
        return self._messages

    @property
    def latest_refused(self) -> bool:
        """Whether the parser refused what came last, and nobody has answered it yet."""
        return bool(self._messages) and isinstance(self._messages[-1][0], _ErrInfo)

    @property
    def ends(self) -> bool:
        """Whether no request is taken after the one under way."""
        return self._force_close or self._close

    async def wait_until_writable(self) -> None:
        """Return once the peer has read enough, or has closed; ConnectionError if it reset the connection."""
        await self._drain_helper()

    def idled(self) -> None:
        """The connection was closed because no request came for `keepalive_timeout`."""

    def _process_keepalive(self) -> None:
        """aiohttp's timer for idle connections."""
        open_before = self.transport is not None
        super()._process_keepalive()
        if open_before and self.transport is None:
            self.idled()


class TlsProtocol(SSLProtocol):
    """asyncio's own, which would keep 256 KiB to read into for every peer, from the opening on."""

    max_size = 32_768

    def _do_shutdown(self) -> None:
        """Say that it closes; asyncio would then wait 30 s for an idle peer to say so too, which RFC 8446 §6.1 asks of nobody."""
        super()._do_shutdown()  # type: ignore[misc]  # typeshed leaves it out
        if self._transport is not None:
            self._transport.close()  # once all has left


def unsent(transport: Any) -> int:
    """Bytes that the kernel hasn't taken; of TLS those, too, that are encrypted already, where asyncio tells of neither."""
    size: int = transport.get_write_buffer_size()
    tls = getattr(transport, "_ssl_protocol", None)
    below = tls._transport if tls is not None else None
    return size if below is None else size + below.get_write_buffer_size()
