"""HTTP as frozen values: what both machines read and write, with no socket in sight."""

import json
import re
from typing import TYPE_CHECKING, TypeAlias

import msgspec
from msgspec import Struct

from lab.core.clock import Millis

if TYPE_CHECKING:
    Json: TypeAlias = "None | bool | int | float | str | list[Json] | dict[str, Json]"
else:
    Json = object  # msgspec takes that for any value; it can't read a type that holds itself
"""A parsed JSON value."""

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def text_of(value: object) -> str:
    """Compact JSON text, member order kept, only what must be escaped."""
    return _ENCODER.encode(value)


def text_or_json(value: Json) -> str | None:
    """A text, or None, as it is; anything else as JSON."""
    return value if isinstance(value, str) or value is None else text_of(value)


def json_bytes(value: Json) -> bytes:
    """Compact JSON in UTF-8, member order kept; lone surrogates as escapes."""
    return text_of(value).encode("utf-8", "backslashreplace")


def within_text(value: Json) -> bytes:
    """JSON as it stands within a string of JSON, the quotes around that left out."""
    try:
        text = msgspec.json.encode(value).decode() if isinstance(value, str) else text_of(value)
        return msgspec.json.encode(text)[1:-1]  # the same as beneath, in a tenth of the time
    except UnicodeEncodeError:  # half a surrogate pair
        return json_bytes(text_of(value))[1:-1]


LONG_BODY = 65_536
"""Bytes of the longest body for which others may wait: what takes long about a longer one is done in a thread."""
Headers: TypeAlias = tuple[tuple[str, str], ...]
"""Header fields as pairs: names in lower case, order and duplicates kept."""

RawHeaders: TypeAlias = tuple[tuple[bytes, bytes], ...]
"""Header fields as they came, names in their own case."""

JSON_HEADERS: Headers = (("content-type", "application/json"), ("cache-control", "no-store"))
"""Of every JSON answer: what it says is of this moment."""


def header_of(headers: Headers, name: str) -> str | None:
    """The first value of the header `name` (lower case), or None."""
    for key, value in headers:
        if key == name:
            return value
    return None


_TARGET = re.compile(r"/[^\x00-\x20\x7f\\#]*")
"""What a request asks a server for in origin form (RFC 9112 §3.2.1): path and query, the fragment left out."""


def is_target(text: str) -> bool:
    """Whether this text, behind an origin, is a path at that origin, whoever wrote it.

    Behind `http://here:80` a text such as `@elsewhere/`, `a@elsewhere:81` or `0/` would name another server.
    """
    return _TARGET.fullmatch(text) is not None


def url_at(origin: str, target: str) -> str:
    """The URL of a target at an origin, or beneath a base URL; ValueError if it isn't a path there."""
    if not is_target(target):
        raise ValueError("what it asks for is no path of a server")
    return origin + target


class Request(Struct, frozen=True, gc=False):
    """A request as received: `path` and `query` with their percent-encoding kept."""

    method: str
    path: str
    query: str = ""
    headers: Headers = ()
    body: bytes = b""

    @property
    def target(self) -> str:
        """Path and query, as a request line has them."""
        return f"{self.path}?{self.query}" if self.query else self.path

    def header(self, name: str) -> str | None:
        """The first value of the header `name` (lower case), or None."""
        return header_of(self.headers, name)


class Response(Struct, frozen=True, gc=False):
    """A reply. The shell adds `date`, `content-length` and `connection`."""

    status: int
    headers: Headers = ()
    body: bytes = b""
    times: tuple[Millis, ...] = ()
    """Of a stream of events that was gathered: when each was due, in milliseconds after the request."""

    def header(self, name: str) -> str | None:
        """The first value of the header `name` (lower case), or None."""
        return header_of(self.headers, name)


def json_response(body: Json) -> Response:
    """The answer 200 with this body."""
    return Response(200, JSON_HEADERS, json_bytes(body))


_LONGEST_RETRY = 86_400
"""Seconds: a server that names more is not believed."""


def unprocessed(response: Response) -> bool:
    """Whether a reply says that nothing was accepted: 429, and 503 with Retry-After (RFC 6585 §4, RFC 9110 §10.2.3).

    Even a call that starts a job may be sent again then.
    """
    return response.status == 429 or (response.status == 503 and retry_after(response) is not None)


def retry_after(response: Response) -> Millis | None:
    """How long the server asks its client to wait: integer seconds (RFC 9110 §10.2.3), or a date against its `Date`."""
    text = response.header("retry-after")
    if text is None:
        return None
    if text.isascii() and text.isdigit():
        # a number of thousands of digits is more than int() reads
        return min(int(text) if len(text) < 20 else _LONGEST_RETRY, _LONGEST_RETRY) * 1000
    from email.utils import parsedate_to_datetime  # few servers name a date, and no start waits for it

    try:
        until = parsedate_to_datetime(text)
        since = parsedate_to_datetime(response.header("date") or "")
        pause = int((until - since).total_seconds())
    except (ValueError, TypeError, OverflowError):  # no date, or one without a zone
        return None
    return min(max(0, pause), _LONGEST_RETRY) * 1000


def loopback(host: str) -> bool:
    """Whether nobody but this machine can reach a listener on that host."""
    if host in ("127.0.0.1", "localhost"):
        return True
    from ipaddress import ip_address  # only another host needs it

    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
