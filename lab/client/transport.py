"""The door to outgoing sockets: requests of the external app, and of clients of the control plane."""

import socket
import ssl
from collections.abc import Iterable, Mapping
from typing import Any
from weakref import WeakSet

import aiohttp
from yarl import URL

from lab.app.effects import ANSWER_TOO_LARGE, LARGEST_ANSWER, NOT_CONNECTED
from lab.client.driver import TransportLost
from lab.core.errors import UsageError
from lab.core.exchange import Request, Response, url_at
from lab.core.version import __version__
from lab.identity.routes import IDENTITY_NAMES

_USUAL: Mapping[str, Any] = {
    "headers": {"user-agent": f"invoke-async-lab/{__version__}", "accept-encoding": "gzip, deflate"},
    "skip_auto_headers": ("content-type",),
}
"""Names the lab alone: no platform, so that recordings are the same everywhere."""
_DOTS = b"......"
"""In the place of a secret, whatever its length."""
_UNSET = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)
"""No limit in real time: how long to wait is the run's affair, and it goes by the lab's clock."""


def address(text: str) -> URL:
    """An http or https URL without query and fragment, its encoding kept; UsageError for anything else."""
    hint = "write it as https://host or http://127.0.0.1:8080"
    try:
        url = URL(text, encoded=True)
        host, scheme = url.host, url.scheme
    except ValueError:
        raise UsageError(f"{text!r} is no URL", hint=hint) from None
    if scheme not in ("http", "https") or not host or url.query_string or url.fragment:
        raise UsageError(f"{text!r} is no URL of a server", hint=hint)
    return url


class Connections:
    """The connections of one client: opened when first used, inside the running loop, and kept until they are closed.

    It keeps no cookies, reads no environment, waits for ever, and sends nothing twice by itself, as aiohttp would a GET
    after a reset: whether to try again is the caller's affair, and each try is an exchange to be seen.
    """

    def __init__(self, trust: ssl.SSLContext | None = None, **settings: Any) -> None:
        """`trust` is what checks certificates, None: the system; `settings` are what the session has else."""
        self._trust, self._settings = trust, settings
        self._session: aiohttp.ClientSession | None = None
        self._sockets = WeakSet[socket.socket]()

    def open(self) -> aiohttp.ClientSession:
        """The open connections."""
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0, ssl=self._trust or True, socket_factory=self._socket)
            self._session = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), timeout=_UNSET, trust_env=False,
                **{**_USUAL, **self._settings},
            )  # fmt: skip
            # aiohttp has no option for it; its own test client does the same
            self._session._retry_connection = False
        return self._session

    def request(self, method: str, url: URL, **how: Any) -> aiohttp.client._RequestContextManager:
        """Ask that URL, and no other: a redirect is an answer."""
        return self.open().request(method, url, allow_redirects=False, **how)

    def _socket(self, address: aiohttp.AddrInfoType) -> socket.socket:
        opened = socket.socket(*address[:3])
        self._sockets.add(opened)
        return opened

    def calls_from(self, peer: object) -> bool:
        """Whether it is at that address, as a server on this machine sees it."""
        return any(each.fileno() >= 0 and each.getsockname() == peer for each in self._sockets)

    @property
    def ports(self) -> list[int]:
        """From which it calls at present."""
        return [each.getsockname()[1] for each in self._sockets if each.fileno() >= 0]

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


class HttpTransport(Connections):
    """Sends over sockets: `token` to the token URL exactly, all else to the base URL with the path appended."""

    def __init__(
        self,
        base_url: str,
        token_url: str,
        secrets: Iterable[str] = (),
        trust: ssl.SSLContext | None = None,
        *,
        largest: int | None = None,
    ) -> None:
        """`secrets` are texts that nobody is shown: a server that repeats one is heard as saying dots. A body that is
        larger than so many bytes (None: `LARGEST_ANSWER`) is read no further."""
        super().__init__(trust)
        # headers are read byte by byte
        forms = {form for each in secrets for form in (each, each.encode("utf-8", "replace").decode("latin-1"))}
        self._secrets = sorted(forms, key=len, reverse=True)
        self._base = str(address(base_url)).rstrip("/")
        self._largest = largest
        self._token = address(token_url)

    async def send(self, route: str, request: Request) -> Response:
        """The reply whatever its status, redirects too; TransportLost when none could be read."""
        try:
            url, data = self._url(route, request), request.body or None
            async with self.request(request.method, url, headers=request.headers, data=data) as got:
                headers = tuple(
                    (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in got.raw_headers
                )
                return with_dots(Response(got.status, headers, await bounded_body(got, self._largest)), self._secrets)
        except AnswerTooLarge:
            raise TransportLost(ANSWER_TOO_LARGE) from None
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise TransportLost(_why(error)) from error

    def _url(self, route: str, request: Request) -> URL:
        if route == "token":
            return self._token
        return URL(url_at(self._base, request.target), encoded=True)


class PodTransport(HttpTransport):
    """Sends each request to its own path: those of the identity domain to one origin, all others to another.

    Where the token URL has a path, that is where tokens are asked for.
    """

    def _url(self, route: str, request: Request) -> URL:
        if route not in IDENTITY_NAMES:
            return super()._url(route, request)
        if route == "token" and self._token.path not in ("", "/"):
            return self._token
        return URL(url_at(str(self._token.origin()), request.target), encoded=True)


class AnswerTooLarge(Exception):
    """A body has no end within what is read of one."""


async def bounded_body(got: aiohttp.ClientResponse, largest: int | None = None) -> bytes:
    """The body, unpacked; AnswerTooLarge as soon as it is, and the connection is over."""
    body, largest = bytearray(), LARGEST_ANSWER if largest is None else largest
    async for piece in got.content.iter_any():
        body += piece
        if len(body) > largest:
            got.close()
            raise AnswerTooLarge
    return bytes(body)


def with_dots(response: Response, secrets: Iterable[str]) -> Response:
    """The reply with dots where it holds one of these texts."""
    body, headers = response.body, response.headers
    for secret in secrets:
        body = body.replace(secret.encode("utf-8", "surrogateescape"), _DOTS)
        # a header is told sign by sign as its bytes came
        came = secret.encode("utf-8", "surrogateescape").decode("latin-1")
        headers = tuple((name, value.replace(came, _DOTS.decode())) for name, value in headers)
    return Response(response.status, headers, body)


def _why(error: Exception) -> str:
    """The name by which the loss is told: what the peer could observe."""
    match error:
        case TimeoutError():
            return "timeout"
        case aiohttp.ClientConnectorError():
            return NOT_CONNECTED
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError() | ConnectionError():
            return "reset"
        case _:
            return "unreadable"
