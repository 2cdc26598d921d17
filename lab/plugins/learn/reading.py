"""What a file holds -> calls: a recording, a HAR 1.2 file, a cassette of vcrpy or of VCR for Ruby (recordings.md §17).

Calls of other tools' files are read as they stand, for ids and statuses belong together as they stand: what of them is
printed is redacted at the end (`command.printable`).
"""

import json
from base64 import b64decode
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from operator import attrgetter
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

import msgspec
import yaml
from msgspec import Struct, field

from lab.core.clock import Epoch, Millis
from lab.core.errors import RecordingError
from lab.core.exchange import Headers, Request, Response, header_of, text_or_json
from lab.core.observe import Replied, Requested
from lab.dialects.router import ROUTER
from lab.recording.exchange import ExchangeReader, RecordedExchange, answered_calls, exchanges_of
from lab.recording.format.codec import is_recording
from lab.recording.format.lines import Entry
from lab.recording.format.reader import read
from lab.recording.tape.captured import unpacked
from lab.recording.tape.recorded_calls import epoch_in

_APART: Millis = 1_000
"""Between two calls of a cassette that has no times."""
_GZIP = b"\x1f\x8b"
_HINT = "A HAR file is {log: {entries: […]}}; a cassette has interactions (vcrpy) or http_interactions (VCR)."


class ObservedCalls(Struct):
    """What a file holds."""

    calls: list[RecordedExchange]
    epoch: Epoch
    """The wall time of instant 0."""
    facts: tuple[Entry, ...] = ()
    timed: bool = True
    """Whether it says when calls were made, in whole seconds at least."""
    origins: set[str] = set()
    """Where the calls of another tool's file went, which nobody has redacted; none: it is a recording."""


def observed_in(data: bytes, file: str) -> ObservedCalls:
    """The calls of a file; RecordingError, with the place, if it can't be read."""
    if is_recording(data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")):
        recording = read(data, file)
        return ObservedCalls(
            list(answered_calls(exchanges_of(recording))), epoch_in(recording), tuple(recording.facts())
        )
    try:
        document = _document(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise RecordingError(f"{file}:{line}: the file is not UTF-8.") from None
    except RecursionError:
        raise RecordingError(f"{file}: it nests too deep.") from None
    except (yaml.YAMLError, ValueError) as error:  # which say the place
        said = " ".join(str(error).split())
        raise RecordingError(f"{file}: neither HAR 1.2 nor a cassette of plain values: {said}.", hint=_HINT) from None
    if document.log is not None:
        return _observed(document.log.entries, f"{file}: $.log.entries")
    for name, listed in (("interactions", document.interactions), ("http_interactions", document.ruby)):
        if listed is not None:
            return _observed(listed, f"{file}: $.{name}")
    raise RecordingError(f"{file}: neither a recording, nor HAR, nor a cassette.", hint=_HINT)


class _Loader(yaml.CSafeLoader):
    """Takes plain values alone: no tag makes an object. Ruby writes bytes under a tag of its own."""

    yaml_constructors = yaml.CSafeLoader.yaml_constructors | {
        "!binary": yaml.CSafeLoader.yaml_constructors["tag:yaml.org,2002:binary"]
    }


# What other tools write


class _Pair(Struct, gc=False):
    name: str
    value: str = ""


class _Content(Struct, gc=False):
    text: str | None = None
    encoding: str | None = None
    odd_encoding: str | None = field(name="_encoding", default=None)
    """Of a request, for which HAR has none."""
    params: list[_Pair] = []


class _Code(Struct, gc=False):
    code: int


class _Message(Struct, kw_only=True, gc=False):
    """A request or a response: HAR has `url`, `postData` and `content`, a cassette `uri` and `body`."""

    method: str = ""
    url: str = ""
    uri: str = ""
    status: int | _Code = 0
    headers: list[_Pair] | dict[str, Any] | None = None
    cookies: list[_Pair] = []
    content: _Content | None = None
    posted: _Content | None = field(name="postData", default=None)
    body: Any = None
    error: str | None = field(name="_error", default=None)

    @property
    def fields(self) -> Headers:
        if isinstance(self.headers, dict):
            listed = ((name, each if isinstance(each, list) else [each]) for name, each in self.headers.items())
            return tuple((name.lower(), str(each)) for name, values in listed for each in values)
        # those of HTTP/2 that begin with a colon are no headers; some writers leave out those of cookies
        pairs = [(each.name.lower(), each.value) for each in self.headers or () if not each.name.startswith(":")]
        return (*pairs, *(("cookie", f"{each.name}={each.value}") for each in self.cookies))

    def data(self, where: str) -> bytes:
        """The bytes of the body, however they are written, decompressed."""
        content, written, coding = self.posted or self.content, self.body, ""
        if content is not None:
            written, coding = content.text, (content.encoding or content.odd_encoding or "").lower()
            if written is None:
                return urlencode([(each.name, each.value) for each in content.params]).encode()
        elif isinstance(written, dict):
            coding = "base64" if "base64_string" in written else ""
            written = written.get("base64_string", written.get("string", written))
        if coding not in ("", "utf-8", "text", "base64"):
            raise RecordingError(f"{where}: the encoding {coding!r} is unknown: HAR has base64, and texts without one.")
        try:
            data = b64decode(str(written)) if coding == "base64" else written
        except ValueError:
            raise RecordingError(f"{where}: the text is no base64.") from None
        if not isinstance(data, bytes):
            data = (text_or_json(data) or "").encode("utf-8", "surrogatepass")
        # some writers decompress bodies and keep the header, so what is no gzip stays as it is
        return unpacked(self.fields, data)[1] if data.startswith(_GZIP) else data


class _Filed(Struct, gc=False):
    """A call as another tool's file has it."""

    request: _Message
    response: _Message
    started: str | None = field(name="startedDateTime", default=None)
    recorded: str | None = field(name="recorded_at", default=None)
    time: float | None = None

    def instant(self, where: str) -> Millis | None:
        """Milliseconds since 1970; a time without a zone is taken for UTC. None: neither the file nor a date tells."""
        try:
            if self.started is None:
                at = parsedate_to_datetime(self.recorded or header_of(self.response.fields, "date") or "")
            else:
                at = datetime.fromisoformat(self.started)
            return round((at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp() * 1000)
        except (ValueError, TypeError, OverflowError):
            if self.started is None:
                return None
        raise RecordingError(f"{where}.startedDateTime: {self.started[:40]!r} is no ISO 8601 time.")


class _Log(Struct):
    entries: list[_Filed]


class _Document(Struct):
    log: _Log | None = None
    interactions: list[_Filed] | None = None
    ruby: list[_Filed] | None = field(name="http_interactions", default=None)


def _document(text: str) -> _Document:
    """A document in YAML, or in JSON, which vcrpy writes too."""
    if text.lstrip()[:1] != "{":
        return msgspec.convert(yaml.load(text, _Loader), _Document, strict=False)
    with suppress(ValueError):
        return msgspec.json.decode(
            text, type=_Document, strict=False
        )  # soon, for nothing is kept of what isn't looked at
    # it says where it broke off, and takes half of a surrogate pair
    return msgspec.convert(json.loads(text), _Document, strict=False)


def _observed(listed: list[_Filed], where: str) -> ObservedCalls:
    times: list[Millis] = []
    for place, each in enumerate(listed):
        if (at := each.instant(f"{where}[{place}]")) is not None:
            # dates have whole seconds, and the calls of a cassette an order
            times.append(max(at, times[-1] + 1) if times and each.started is None else at)
    exact = any(each.started is not None for each in listed) or max(times, default=0) - min(times, default=0) >= _APART
    timed = exact and len(times) == len(listed)
    reader, found = ExchangeReader(), ObservedCalls([], min(times) // 1000 if timed else 0, timed=timed, origins=set())
    for x, each in enumerate(listed, 1):
        sent, came, here = each.request, each.response, f"{where}[{x - 1}]"
        url, at = sent.url or sent.uri, times[x - 1] - 1000 * found.epoch if timed else x * _APART
        if not sent.method or not url:
            raise RecordingError(f"{here}.request: it has no method, or no URL.")
        parts = SplitResult("", "", url, "", "")
        with suppress(ValueError):
            parts = urlsplit(url)
        found.origins.add(f"{parts.scheme}://{parts.netloc}")
        method, data = sent.method.upper(), sent.data(f"{here}.request")
        asks = Requested(
            at, x, ROUTER.name(method, parts.path), Request(method, parts.path, parts.query, sent.fields, data)
        )
        status = came.status if isinstance(came.status, int) else came.status.code
        took, cut = round(each.time) if each.time is not None and 0 <= each.time < 10**12 else 0, None
        if status <= 0:  # HAR has no word for how a call without an answer ended, but browsers add one
            why = (came.error or "").lower()
            late = "timed_out" in why or took >= 20_000
            cut = "client_gone" if "aborted" in why else "timeout" if late else "reset"
        response = Response(max(0, status), came.fields, came.data(f"{here}.response"))
        found.calls.append(reader.complete(reader.begin(asks), Replied(at + took, x, response, None, cut=cut)))
    found.calls.sort(key=attrgetter("at"))
    return found
