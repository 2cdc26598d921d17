"""From a Response to the bytes that leave."""

import re
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus

from lab.core.clock import Epoch, Millis, http_date
from lab.core.errors import UsageError
from lab.core.exchange import Headers, Response, json_bytes

BODILESS = (204, 304)
"""Statuses of answers that have no body (RFC 9110 §6.4.1)."""
CLOSE, KEEP = b"connection: close\r\n", b"connection: keep-alive\r\n"
_OWN_HEADERS = frozenset(("connection", "content-length", "date", "keep-alive", "transfer-encoding", "upgrade"))
"""That the lab writes by itself, as body and connection want them."""
_KEPT = 256
"""Heads remembered; more differ only where a header holds a draw."""


_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROLS = bytes(code for code in (*range(32), 127) if code != 9)
_ONE_LINE = bytes.maketrans(_CONTROLS, b" " * len(_CONTROLS))


def field_line(name: bytes, value: bytes) -> bytes:
    """A header as it leaves, wherever it came from: a control in its value is a blank, and a name that is none isn't sent.

    Else a line break in either would begin another header, or the body (RFC 9110 §5.5).
    """
    return b"%b: %b\r\n" % (name, one_line(value)) if _NAME.fullmatch(name) else b""


def with_headers(headers: Headers, wanted: Mapping[str, str | list[str] | None]) -> Headers:
    """The headers with those that a hand has written in their places, others behind, and without those that are None.

    UsageError for one that would leave otherwise than it is written.
    """
    new: dict[str, list[str]] = {}
    for given, values in wanted.items():
        name = given.lower()
        if name in _OWN_HEADERS:
            raise UsageError(f"{name} is the lab's own to write.", hint="Leave it out: it fits what is sent.")
        new[name] = [] if values is None else [values] if isinstance(values, str) else values
        if not all(map(partial(_leaves_whole, name), new[name] or [""])):
            hint = "A name is letters, digits and hyphens; a value one line of Latin-1."
            raise UsageError(f"The header {json_bytes(given).decode()} can't be sent so.", hint=hint)
    found: list[tuple[str, str]] = []
    for name, value in headers:
        if name not in new:
            found.append((name, value))
        else:  # in the first one's place
            found += [(name, each) for each in new[name]]
            new[name] = []
    return (*found, *((name, value) for name, values in new.items() for value in values))


def _leaves_whole(name: str, value: str) -> bool:
    try:
        parts = name.encode("ascii"), value.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return field_line(*parts) == b"%b: %b\r\n" % parts and value == value.strip()


def one_line(text: bytes) -> bytes:
    """What came from outside, as a part of one line."""
    return text.translate(_ONE_LINE)


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
            self._second, self._date = second, http_date(self._epoch, now).encode()
        body = response.body
        if chunked is not None:
            framing = b"transfer-encoding: chunked\r\n" if chunked else b""
            return b"%b%bdate: %b\r\n%b\r\n" % (head, framing, self._date, last)
        if response.status in BODILESS:
            return b"%bdate: %b\r\n%b\r\n" % (head, self._date, last)
        shown = b"" if method == "HEAD" else body
        return b"%bcontent-length: %d\r\ndate: %b\r\n%b\r\n%b" % (head, len(body), self._date, last, shown)

    def _remember(self, key: tuple[int, Headers]) -> bytes:
        if len(self._heads) >= _KEPT:
            self._heads.clear()
        status, headers = key
        lines = (field_line(*(part.encode("latin-1", "replace") for part in header)) for header in headers)
        head = self._heads[key] = b"HTTP/1.1 %d %b\r\n%b" % (status, _phrase(status).encode(), b"".join(lines))
        return head


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
