"""Carries what a proxy is asked on to a pod: nothing is followed, repeated, kept, unpacked or added (recordings.md §16)."""

import re
import ssl
from io import BytesIO

import aiohttp
from yarl import URL

from lab.client.transport import Connections
from lab.core.errors import UsageError
from lab.core.exchange import RawHeaders, url_at
from lab.core.upstream import UpstreamFailed, UpstreamRequest

_LONGEST_FIELD = 65_536
"""Bytes of a header line: a pod may set cookies of any length."""
_LOWEST_STATUS = 200
"""Of an answer that is the last one to its request: a connection is never given another protocol."""
_ECHO = re.compile(r"\n\n|: b['\"]")
"""Where the parser goes on with the bytes that it refused."""
_WITHOUT = ("user-agent", "accept", "accept-encoding", "content-type")
"""What aiohttp would add by itself."""


class PodClient(Connections):
    """The connections that stand for one of a client's: so they are reused, and grow stale, as its own would."""

    def __init__(self, trust: ssl.SSLContext | None = None) -> None:
        """`trust` is what is believed to be the pod; None: what the system trusts."""
        super().__init__(
            trust, headers=None, skip_auto_headers=_WITHOUT,
            auto_decompress=False, max_line_size=_LONGEST_FIELD, max_field_size=_LONGEST_FIELD,
        )  # fmt: skip

    async def ask(self, request: UpstreamRequest) -> "PodAnswer":
        """The answer, once its head is there; UpstreamFailed if there is none."""
        try:
            got = await self.request(
                request.method,
                URL(url_at(request.origin, request.target), encoded=True),
                headers=[(_text(name), _text(value)) for name, value in request.headers],
                data=BytesIO(request.body) if request.body else None,  # in pieces: nobody copies it whole
            )
        except (aiohttp.ClientError, OSError, ValueError) as fault:
            raise failure_of(fault) from fault
        if got.status < _LOWEST_STATUS:
            got.close()
            raise UpstreamFailed(f"its answer has the status {got.status:03d}, with which no answer ends")
        return PodAnswer(got)


class PodAnswer:
    """An answer of which the head has come."""

    def __init__(self, got: aiohttp.ClientResponse) -> None:
        self._got = got
        self._fault: UpstreamFailed | None = None
        self.status = got.status
        self.reason = got.reason or ""
        self.headers: RawHeaders = got.raw_headers

    async def piece(self) -> bytes:
        """The next bytes of the body; empty at its end. UpstreamFailed if the pod ended it before."""
        if self._fault is not None:
            raise self._fault
        try:
            return await self._got.content.readany()
        except (aiohttp.ClientError, OSError) as fault:
            self._fault = failure_of(fault)
            # what came before the end is kept by the stream, and no longer given
            if left := b"".join(self._got.content._buffer):
                self._got.content._buffer.clear()
                return left
            raise self._fault from fault

    def close(self) -> None:
        """Read no more of it."""
        self._got.close()


def _text(raw: bytes) -> str:
    """As aiohttp writes it in UTF-8 again; what isn't that is taken for Latin-1."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def failure_of(fault: BaseException) -> UpstreamFailed:
    """What it says of the other side, in a sentence."""
    match fault:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return UpstreamFailed(f"its TLS can't be trusted ({_reason(fault)}); --ca FILE names who is")
        case aiohttp.ClientConnectorError():
            return UpstreamFailed(f"it can't be reached ({_reason(fault)})")
        case aiohttp.ServerDisconnectedError():
            return UpstreamFailed("it closed the connection without an answer", "truncated")
        case aiohttp.ClientPayloadError() if "ConnectionResetError" not in str(fault):
            return UpstreamFailed("it closed the connection before the end of its answer", "truncated")
        case aiohttp.ClientPayloadError() | aiohttp.ClientOSError() | OSError():
            return UpstreamFailed("it reset the connection", "reset")
        case aiohttp.ClientResponseError():
            return UpstreamFailed(f"its answer is no HTTP/1.1: {_misread(fault.message)}")
        case _:
            return UpstreamFailed(f"its answer is no HTTP/1.1 ({type(fault).__name__})")


def _misread(message: str) -> str:
    """What the parser says, without a byte of the answer."""
    said = " ".join(_ECHO.split(message)[0].split()).rstrip(":")
    if "Expected HTTP/" in said:
        return "other bytes came where one should begin, as of a body after HEAD, 204 or 304, which have none"
    return said


def _reason(fault: aiohttp.ClientConnectorError | aiohttp.ClientConnectorCertificateError) -> str:
    """What the system or OpenSSL says, without the address."""
    inner = fault.certificate_error if isinstance(fault, aiohttp.ClientConnectorCertificateError) else fault.os_error
    if isinstance(inner, ssl.SSLCertVerificationError):
        return inner.verify_message
    return getattr(inner, "strerror", None) or getattr(inner, "reason", None) or type(inner).__name__


def trusting(certificates: str, name: str) -> ssl.SSLContext:
    """What checks a pod's certificate: the authorities of the system, and these in PEM; UsageError if `name` holds none."""
    context = ssl.create_default_context()
    try:
        context.load_verify_locations(cadata=certificates)
    except ssl.SSLError:
        raise UsageError(f"{name} holds no certificate.", hint="Name a file in PEM.") from None
    return context
