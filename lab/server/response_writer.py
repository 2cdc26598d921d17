"""From a Response to the bytes that leave, and the refusals that the shell gives by itself."""

from email.utils import formatdate
from http import HTTPStatus

from lab.core.clock import Epoch, Millis
from lab.core.exchange import Headers, Response
from lab.core.refusal import Refusal
from lab.identity.refusals import TOKEN_HEADERS, oauth_error
from lab.identity.routes import FORM_ROUTES
from lab.server.request_reader import ShellRefusal

_BODILESS = (204, 304)
_HINTS = {
    400: "Send one complete HTTP/1.1 request.",
    408: "Send the whole body within 30 s of the headers.",
    413: "Send less.",
    415: "Send the body as it is, or compressed with gzip or deflate.",
    417: "Leave the Expect header out.",
    426: "Poll instead.",
}
_KEPT = 256
"""Heads remembered; more differ only where a header holds a draw."""


class ResponseWriter:
    """Makes bytes of responses; remembers heads and the date, for most replies differ in their body alone."""

    def __init__(self, epoch: Epoch) -> None:
        self._epoch = epoch
        self._heads: dict[tuple[int, Headers], bytes] = {}
        self._second = -1
        self._date = b""

    def bytes_of(
        self, response: Response, now: Millis, *, method: str = "GET", last: bytes = b"", chunked: bool | None = None
    ) -> bytes:
        """The whole reply; `last` is one more header line, `Date` is the lab's.

        With `chunked` given, the head alone: the body follows in chunks, or ends with the connection.
        """
        key = (response.status, response.headers)
        head = self._heads.get(key)
        if head is None:
            head = self._remember(key)
        second = now // 1000
        if second != self._second:
            self._second, self._date = second, formatdate(self._epoch + second, usegmt=True).encode()
        body = response.body
        if chunked is not None:
            framing = b"transfer-encoding: chunked\r\n" if chunked else b""
            return b"%b%bdate: %b\r\n%b\r\n" % (head, framing, self._date, last)
        if response.status in _BODILESS:
            return b"%bdate: %b\r\n%b\r\n" % (head, self._date, last)
        shown = b"" if method == "HEAD" else body
        return b"%bcontent-length: %d\r\ndate: %b\r\n%b\r\n%b" % (head, len(body), self._date, last, shown)

    def _remember(self, key: tuple[int, Headers]) -> bytes:
        if len(self._heads) >= _KEPT:
            self._heads.clear()
        status, headers = key
        lines = [f"HTTP/1.1 {status} {_phrase(status)}", *(f"{name}: {_one_line(value)}" for name, value in headers)]
        head = self._heads[key] = "".join(f"{line}\r\n" for line in lines).encode("latin-1", "replace")
        return head


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _one_line(value: str) -> str:
    return "".join(char if char >= " " and char != "\x7f" else " " for char in value)


def refusal(refused: ShellRefusal, route: str) -> Response | Refusal:
    """What the shell says no with (bad-inputs.md §1): the identity domain's dialect whole, else a problem to be worded."""
    if route in FORM_ROUTES:
        if refused.status == 413:
            return Response(413, TOKEN_HEADERS[1:])
        return oauth_error(refused.status, "invalid_request", refused.why)
    extra: Headers = (("upgrade", "HTTP/1.1"),) if refused.status == 426 else ()
    return Refusal(refused.status, refused.why, _HINTS.get(refused.status, ""), extra)
