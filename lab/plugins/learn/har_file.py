"""HAR 1.2 -> calls: what browsers, proxies and `lab show --as har` write (recordings.md §17)."""

import json
from base64 import b64decode
from binascii import Error
from datetime import UTC, datetime
from urllib.parse import urlencode

import msgspec
from msgspec import Struct, field

from lab.core.clock import Millis
from lab.core.errors import RecordingError
from lab.core.exchange import Headers
from lab.plugins.learn.traffic import FiledCall

_LEFT = ("aborted", "cancel")
"""Words of browsers for a call that its client gave up."""


_AS_IT_IS = ("", "utf-8", "utf8", "text", "identity")
"""What writers say of a text that stands there as it is."""


class _HarPair(Struct):
    name: str
    value: str = ""


class _HarContent(Struct):
    text: str | None = None
    encoding: str | None = None


class _HarPosted(Struct):
    text: str | None = None
    params: list[_HarPair] = []
    encoding: str | None = None
    odd_encoding: str | None = field(name="_encoding", default=None)


class _HarRequest(Struct):
    method: str
    url: str
    headers: list[_HarPair] = []
    cookies: list[_HarPair] = []
    posted: _HarPosted | None = field(name="postData", default=None)


class _HarResponse(Struct):
    status: int
    headers: list[_HarPair] = []
    cookies: list[_HarPair] = []
    content: _HarContent = field(default_factory=_HarContent)
    error: str | None = field(name="_error", default=None)


class _HarEntry(Struct):
    started: str = field(name="startedDateTime")
    request: _HarRequest
    response: _HarResponse
    time: float | None = None


class _HarLog(Struct):
    entries: list[_HarEntry]


class _HarDocument(Struct):
    log: _HarLog


def har_calls(text: str, file: str) -> tuple[list[FiledCall], int]:
    """The calls in their order, and the wall time of instant 0 in seconds since 1970; RecordingError says what is wrong where."""
    try:
        document = _document(text)
    except json.JSONDecodeError as error:
        raise RecordingError(f"{file}:{error.lineno}:{error.colno}: no JSON: {error.msg}.") from None
    except RecursionError:
        raise RecordingError(f"{file}: the JSON nests too deep.") from None
    except (msgspec.ValidationError, ValueError) as error:
        raise RecordingError(f"{file}: no HAR 1.2: {error}.", hint="HAR is {log: {entries: […]}}.") from None
    entries = document.log.entries
    starts = [_instant(entry.started, f"{file}: $.log.entries[{place}]") for place, entry in enumerate(entries)]
    epoch = min(starts, default=0) // 1000
    calls = [
        _call(entry, at - 1000 * epoch, f"{file}: $.log.entries[{place}]")
        for place, (entry, at) in enumerate(zip(entries, starts, strict=True))
    ]
    return sorted(calls, key=lambda call: call.at), epoch


def _document(text: str) -> _HarDocument:
    try:
        return msgspec.json.decode(text, type=_HarDocument)  # nothing is kept of what isn't looked at
    except ValueError:
        # it says where it broke off, and takes half of a surrogate pair
        return msgspec.convert(json.loads(text), _HarDocument)


def _instant(text: str, where: str) -> Millis:
    """Milliseconds since 1970; a time without a zone is taken for UTC."""
    try:
        at = datetime.fromisoformat(text)
        return round((at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise RecordingError(f"{where}.startedDateTime: {text[:40]!r} is no ISO 8601 time.") from None


def _call(entry: _HarEntry, at: Millis, where: str) -> FiledCall:
    request, response = entry.request, entry.response
    took = entry.time if entry.time is not None and 0 <= entry.time < 10**12 else 0
    return FiledCall(
        at=at,
        took=round(took),
        method=request.method.upper(),
        url=request.url,
        request_headers=_pairs(request.headers),
        request_body=_posted(request.posted, f"{where}.request.postData"),
        secrets=tuple(each.value for each in (*request.cookies, *response.cookies)),
        status=max(0, response.status),
        headers=_pairs(response.headers),
        body=_decoded(response.content.text, response.content.encoding, f"{where}.response.content"),
        cut=_cut(response, took),
    )


def _cut(response: _HarResponse, took: float) -> str | None:
    """How a call without an answer ended: HAR has no word for it, but browsers add one."""
    if response.status > 0:
        return None
    why = (response.error or "").lower()
    if any(word in why for word in _LEFT):
        return "client_gone"
    return "timeout" if "timed_out" in why or took >= 20_000 else "reset"


def _pairs(pairs: list[_HarPair]) -> Headers:
    # those of HTTP/2 that begin with a colon are no headers
    return tuple((each.name.lower(), each.value) for each in pairs if not each.name.startswith(":"))


def _posted(posted: _HarPosted | None, where: str) -> bytes:
    if posted is None:
        return b""
    if posted.text is None:
        return urlencode([(each.name, each.value) for each in posted.params]).encode()
    return _decoded(posted.text, posted.encoding or posted.odd_encoding, where)


def _decoded(text: str | None, encoding: str | None, where: str) -> bytes:
    if text is None:
        return b""
    named = (encoding or "").lower()
    if named in _AS_IT_IS:
        return text.encode("utf-8", "surrogatepass")
    if named != "base64":
        raise RecordingError(
            f"{where}: the encoding {encoding!r} is unknown.", hint="HAR has base64, and texts without an encoding."
        )
    try:
        return b64decode(text)
    except (Error, ValueError):
        raise RecordingError(f"{where}: the text is no base64.") from None
