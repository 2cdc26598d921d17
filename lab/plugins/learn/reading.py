"""What a file holds -> calls: a recording, a HAR 1.2 file, a cassette of vcrpy or of VCR for Ruby (recordings.md §17).

Calls of other tools' files are read as they stand, for ids and statuses belong together as they stand: what of them is
printed is redacted at the end (`command.printable`).
"""

import json
from base64 import b64decode
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

import msgspec
import yaml
from msgspec import Struct, field
from msgspec.structs import replace

from lab.core.clock import Epoch, Millis
from lab.core.errors import RecordingError
from lab.core.exchange import Headers, Request, Response, header_of, text_or_json
from lab.core.observe import Replied, Requested
from lab.dialects.router import ROUTER
from lab.recording.format.codec import is_recording
from lab.recording.format.lines import Entry
from lab.recording.format.reader import read
from lab.recording.playback.calls import PlaybackCall, playback_call, playback_calls
from lab.recording.redaction.bodies import Blob
from lab.recording.tape.recorded_calls import epoch_in
from lab.recording.tape.unpacked_bodies import unpacked

_APART: Millis = 1_000
"""Between two calls of a cassette that has no times."""
_GZIP = b"\x1f\x8b"
_HINT = "A HAR file is {log: {entries: […]}}; a cassette has interactions (vcrpy) or http_interactions (VCR)."


class ObservedCalls(Struct):
    """What a file holds."""

    calls: list[PlaybackCall]
    epoch: Epoch
    """The wall time of instant 0."""
    facts: tuple[Entry, ...] = ()
    timed: bool = True
    """Whether it says when calls were made, in whole seconds at least."""
    origins: set[str] = set()
    """Where the calls of another tool's file went, which nobody has redacted; none: it is a recording."""


def observed_in(data: bytes, file: str, blob: Blob) -> ObservedCalls:
    """The calls of a file; RecordingError, with the place, if it can't be read."""
    if is_recording(data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")):
        recording = read(data, file)
        facts = tuple(recording.facts("gate.opened", "gate.decided", "gate.expired"))
        return ObservedCalls(list(playback_calls(recording, blob)), epoch_in(recording), facts)
    try:
        document = _document(data.decode("utf-8-sig"), file)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise RecordingError(f"{file}:{line}: the file is not UTF-8.") from None
    if document.log is not None:
        entries = enumerate(document.log.entries)
        return _observed([_har_exchange(entry, f"{file}: $.log.entries[{place}]") for place, entry in entries])
    for name, listed in (("interactions", document.interactions), ("http_interactions", document.ruby)):
        if listed is not None:
            return _observed([_taped_exchange(each, f"{file}: $.{name}[{n}]") for n, each in enumerate(listed)])
    raise RecordingError(f"{file}: neither a recording, nor HAR, nor a cassette.", hint=_HINT)


class _Exchange(Struct):
    """A call as another tool's file has it."""

    at: Millis | None
    """In milliseconds since 1970, as far as the file or the answer's date tells."""
    url: str
    request: Request
    """Without a path yet."""
    response: Response
    took: Millis = 0
    cut: str | None = None


def _observed(exchanges: list[_Exchange]) -> ObservedCalls:
    times: list[Millis] = []
    for each in exchanges:
        # dates have whole seconds, and the calls of a cassette an order
        times += [] if each.at is None else [max(each.at, times[-1] + 1) if times and each.at == times[-1] else each.at]
    timed = len(times) == len(exchanges) and max(times, default=0) - min(times, default=0) >= _APART
    epoch = min(times) // 1000 if timed else 0
    found = ObservedCalls([], epoch, timed=timed, origins=set())
    for place, each in enumerate(exchanges):
        at, parts = times[place] - 1000 * epoch if timed else place * _APART, SplitResult("", "", each.url, "", "")
        with suppress(ValueError):
            parts = urlsplit(each.url)
        found.origins.add(f"{parts.scheme}://{parts.netloc}")
        request = replace(each.request, method=each.request.method.upper(), path=parts.path, query=parts.query)
        requested = Requested(at, place + 1, ROUTER.name(request.method, request.path), request)
        replied = Replied(at + each.took, place + 1, each.response, None, cut=each.cut)
        found.calls.append(playback_call(requested, replied, None, inside=False))
    found.calls.sort(key=lambda call: call.at)
    return found


def _base64(text: str, where: str) -> bytes:
    try:
        return b64decode(text)
    except ValueError:
        raise RecordingError(f"{where}: the text is no base64.") from None


# HAR


class _Pair(Struct):
    name: str
    value: str = ""


class _Content(Struct):
    text: str | None = None
    encoding: str | None = None
    odd_encoding: str | None = field(name="_encoding", default=None)
    """Of a request, for which HAR has none."""
    params: list[_Pair] = []

    def data(self, where: str) -> bytes:
        if self.text is None:
            return urlencode([(each.name, each.value) for each in self.params]).encode()
        coding = (self.encoding or self.odd_encoding or "").lower()
        if coding not in ("", "utf-8", "text", "base64"):
            raise RecordingError(f"{where}: the encoding {coding!r} is unknown: HAR has base64, and texts without one.")
        return _base64(self.text, where) if coding == "base64" else self.text.encode("utf-8", "surrogatepass")


class _Sent(Struct):
    headers: list[_Pair] = []
    cookies: list[_Pair] = []

    @property
    def fields(self) -> Headers:
        # those of HTTP/2 that begin with a colon are no headers; some writers leave out those of cookies
        fields = ((each.name.lower(), each.value) for each in self.headers if not each.name.startswith(":"))
        return (*fields, *(("cookie", f"{each.name}={each.value}") for each in self.cookies))


class _Asked(_Sent, kw_only=True):
    method: str
    url: str
    posted: _Content | None = field(name="postData", default=None)


class _Answered(_Sent, kw_only=True):
    status: int
    content: _Content = field(default_factory=_Content)
    error: str | None = field(name="_error", default=None)


class _HarEntry(Struct):
    started: str = field(name="startedDateTime")
    request: _Asked
    response: _Answered
    time: float | None = None


class _Log(Struct):
    entries: list[_HarEntry]


def _har_exchange(entry: _HarEntry, where: str) -> _Exchange:
    sent, came = entry.request, entry.response
    try:
        start = datetime.fromisoformat(entry.started)
        at = round((start if start.tzinfo is not None else start.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise RecordingError(f"{where}.startedDateTime: {entry.started[:40]!r} is no ISO 8601 time.") from None
    took = round(entry.time) if entry.time is not None and 0 <= entry.time < 10**12 else 0
    cut = None
    if came.status <= 0:  # HAR has no word for how a call without an answer ended, but browsers add one
        why = (came.error or "").lower()
        cut = "client_gone" if "aborted" in why else "timeout" if "timed_out" in why or took >= 20_000 else "reset"
    body = sent.posted.data(f"{where}.request.postData") if sent.posted is not None else b""
    answer = Response(max(0, came.status), came.fields, came.content.data(f"{where}.response.content"))
    return _Exchange(at, sent.url, Request(sent.method, "", "", sent.fields, body), answer, took, cut)


# Cassettes


class _Loader(yaml.CSafeLoader):
    """Takes plain values alone: no tag makes an object. Ruby writes bytes under a tag of its own."""

    yaml_constructors = yaml.CSafeLoader.yaml_constructors | {
        "!binary": yaml.CSafeLoader.yaml_constructors["tag:yaml.org,2002:binary"]
    }


class _Taped(Struct):
    headers: dict[str, Any] | None = None
    body: Any = None

    @property
    def fields(self) -> Headers:
        listed = ((name, each if isinstance(each, list) else [each]) for name, each in (self.headers or {}).items())
        return tuple((name.lower(), str(each)) for name, values in listed for each in values)

    def data(self, where: str) -> bytes:
        """The bytes of the body, however they are written, decompressed."""
        body = self.body
        if isinstance(body, dict) and "base64_string" in body:
            body = _base64(str(body["base64_string"]), f"{where}.body.base64_string")
        elif isinstance(body, dict) and "string" in body:
            body = body["string"]
        data = body if isinstance(body, bytes) else (text_or_json(body) or "").encode("utf-8", "surrogatepass")
        # some writers decompress bodies and keep the header, so what is no gzip stays as it is
        return unpacked(self.fields, data)[1] if data.startswith(_GZIP) else data


class _TapedRequest(_Taped, kw_only=True):
    method: str
    uri: str


class _Code(Struct):
    code: int


class _TapedResponse(_Taped, kw_only=True):
    status: int | _Code


class _Interaction(Struct):
    request: _TapedRequest
    response: _TapedResponse
    recorded: str | None = field(name="recorded_at", default=None)


def _taped_exchange(each: _Interaction, where: str) -> _Exchange:
    sent, came, at = each.request, each.response, None
    with suppress(ValueError, TypeError, OverflowError):
        date = each.recorded or header_of(came.fields, "date") or ""
        at = round(parsedate_to_datetime(date).timestamp() * 1000)
    request = Request(sent.method, "", "", sent.fields, sent.data(f"{where}.request"))
    status = came.status if isinstance(came.status, int) else came.status.code
    return _Exchange(at, sent.uri, request, Response(status, came.fields, came.data(f"{where}.response")))


# Either


class _Document(Struct):
    log: _Log | None = None
    interactions: list[_Interaction] | None = None
    ruby: list[_Interaction] | None = field(name="http_interactions", default=None)


def _document(text: str, file: str) -> _Document:
    """The document of another tool; RecordingError says what is wrong where."""
    try:
        # vcrpy writes JSON too, with escapes of its own
        is_json = text.lstrip()[:1] == "{"
        return msgspec.convert(json.loads(text) if is_json else yaml.load(text, _Loader), _Document, strict=False)
    except json.JSONDecodeError as error:
        raise RecordingError(f"{file}:{error.lineno}:{error.colno}: no JSON: {error.msg}.") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark is not None else file
        raise RecordingError(f"{where}: no YAML of plain values: {error.problem}.") from None
    except RecursionError:
        raise RecordingError(f"{file}: it nests too deep.") from None
    except (yaml.YAMLError, ValueError) as error:
        raise RecordingError(f"{file}: neither HAR 1.2 nor a cassette: {error}.", hint=_HINT) from None
