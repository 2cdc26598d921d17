"""Other tools' files -> calls: HAR 1.2, and VCR cassettes of vcrpy and of VCR for Ruby (recordings.md §17)."""

import json
from base64 import b64decode
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

import msgspec
import yaml
from msgspec import Struct, field

from lab.core.clock import Millis
from lab.core.errors import RecordingError
from lab.core.exchange import Headers, header_of, text_or_json
from lab.recording.tape.unpacked_bodies import unpacked

_LEFT = ("aborted", "cancel")
"""Words of browsers for a call that its client gave up."""
_AS_IT_IS = ("", "utf-8", "utf8", "text", "identity")
"""What writers say of a text that stands there as it is."""
_APART: Millis = 1_000
"""Between two calls of a cassette that has no times."""
_GZIP = b"\x1f\x8b"


class FiledCall(Struct, frozen=True, kw_only=True):
    """A call as a file holds it: nothing is redacted."""

    at: Millis
    took: Millis = 0
    method: str
    url: str
    request_headers: Headers = ()
    request_body: bytes = b""
    cookies: tuple[str, ...] = ()
    """Their values, of a file that tells them apart from the headers."""
    status: int
    headers: Headers = ()
    body: bytes = b""
    cut: str | None = None


class FiledCalls(Struct, frozen=True):
    """What a file holds."""

    calls: list[FiledCall]
    """In their order."""
    epoch: int
    """The wall time of instant 0, in seconds since 1970."""
    timed: bool = True
    """Whether it says when calls were made, in whole seconds at least."""


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


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
    params: list[_Pair] = []


class _Request(Struct):
    method: str
    url: str
    headers: list[_Pair] = []
    cookies: list[_Pair] = []
    posted: _Content | None = field(name="postData", default=None)


class _Response(Struct):
    status: int
    headers: list[_Pair] = []
    cookies: list[_Pair] = []
    content: _Content = field(default_factory=_Content)
    error: str | None = field(name="_error", default=None)


class _Entry(Struct):
    started: str = field(name="startedDateTime")
    request: _Request
    response: _Response
    time: float | None = None


class _Log(Struct):
    entries: list[_Entry]


class _Har(Struct):
    log: _Log


def har_calls(text: str, file: str) -> FiledCalls:
    """The calls of a HAR file; RecordingError says what is wrong where."""
    try:
        try:
            har = msgspec.json.decode(text, type=_Har)  # nothing is kept of what isn't looked at
        except ValueError:
            # it says where it broke off, and takes half of a surrogate pair
            har = msgspec.convert(json.loads(text), _Har)
    except json.JSONDecodeError as error:
        raise RecordingError(f"{file}:{error.lineno}:{error.colno}: no JSON: {error.msg}.") from None
    except RecursionError:
        raise RecordingError(f"{file}: the JSON nests too deep.") from None
    except ValueError as error:
        raise RecordingError(f"{file}: no HAR 1.2: {error}.", hint="HAR is {log: {entries: […]}}.") from None
    entries = [(entry, f"{file}: $.log.entries[{place}]") for place, entry in enumerate(har.log.entries)]
    starts = [_instant(entry.started, where) for entry, where in entries]
    epoch = min(starts, default=0) // 1000
    calls = [_har_call(*each, at - 1000 * epoch) for each, at in zip(entries, starts, strict=True)]
    return FiledCalls(sorted(calls, key=lambda call: call.at), epoch)


def _instant(text: str, where: str) -> Millis:
    """Milliseconds since 1970; a time without a zone is taken for UTC."""
    try:
        at = datetime.fromisoformat(text)
        return round((at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise RecordingError(f"{where}.startedDateTime: {text[:40]!r} is no ISO 8601 time.") from None


def _har_call(entry: _Entry, where: str, at: Millis) -> FiledCall:
    request, response = entry.request, entry.response
    took = entry.time if entry.time is not None and 0 <= entry.time < 10**12 else 0
    cut = None
    if response.status <= 0:  # HAR has no word for how a call without an answer ended, but browsers add one
        why = (response.error or "").lower()
        cut = "client_gone" if any(word in why for word in _LEFT) else "reset"
        cut = "timeout" if cut == "reset" and ("timed_out" in why or took >= 20_000) else cut
    return FiledCall(
        at=at,
        took=round(took),
        method=request.method.upper(),
        url=request.url,
        request_headers=_pairs(request.headers),
        request_body=_content(request.posted or _Content(), f"{where}.request.postData"),
        cookies=tuple(each.value for each in (*request.cookies, *response.cookies)),
        status=max(0, response.status),
        headers=_pairs(response.headers),
        body=_content(response.content, f"{where}.response.content"),
        cut=cut,
    )


def _pairs(pairs: list[_Pair]) -> Headers:
    # those of HTTP/2 that begin with a colon are no headers
    return tuple((each.name.lower(), each.value) for each in pairs if not each.name.startswith(":"))


def _content(content: _Content, where: str) -> bytes:
    if content.text is None:
        return urlencode([(each.name, each.value) for each in content.params]).encode()
    encoding = content.encoding or content.odd_encoding or ""
    if encoding.lower() in _AS_IT_IS:
        return _bytes(content.text)
    if encoding.lower() == "base64":
        return _base64(content.text, where)
    hint = "HAR has base64, and texts without an encoding."
    raise RecordingError(f"{where}: the encoding {encoding!r} is unknown.", hint=hint)


# Cassettes


class _Loader(yaml.CSafeLoader):
    """Takes plain values alone: no tag makes an object. Ruby writes bytes under a tag of its own."""

    yaml_constructors = yaml.CSafeLoader.yaml_constructors | {
        "!binary": yaml.CSafeLoader.yaml_constructors["tag:yaml.org,2002:binary"]
    }
    yaml_implicit_resolvers = {  # noqa: RUF012  # as its base has it
        first: [(tag, pattern) for tag, pattern in known if tag != "tag:yaml.org,2002:timestamp"]
        for first, known in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }


class _Taped(Struct, kw_only=True):
    headers: dict[str, Any] | None = None
    body: Any = None

    @property
    def pairs(self) -> Headers:
        listed = ((name, each if isinstance(each, list) else [each]) for name, each in (self.headers or {}).items())
        return tuple((name.lower(), _header(each)) for name, values in listed for each in values)

    def content(self, where: str) -> bytes:
        """The bytes of the body, however they are written, decompressed."""
        body = self.body
        if isinstance(body, dict) and "base64_string" in body:
            data = _base64(str(body["base64_string"]), f"{where}.body.base64_string")
        else:
            body = body.get("string") if isinstance(body, dict) and "string" in body else body
            if isinstance(body, dict):  # vcrpy keeps forms of some clients as mappings
                body = urlencode(body, doseq=True)
            data = body if isinstance(body, bytes) else _bytes(text_or_json(body) or "")
        # some writers decompress bodies and keep the header, so what is no gzip stays as it is
        return unpacked(self.pairs, data)[1] if data.startswith(_GZIP) else data


class _TapedRequest(_Taped):
    method: str
    uri: str


class _TapedResponse(_Taped):
    status: Any


class _Interaction(Struct):
    request: _TapedRequest
    response: _TapedResponse
    recorded: str | None = field(name="recorded_at", default=None)


class _Cassette(Struct):
    interactions: list[_Interaction] | None = None
    ruby: list[_Interaction] | None = field(name="http_interactions", default=None)


_HINT = "A cassette is YAML with interactions (vcrpy) or http_interactions (VCR), each a request and its response."


def cassette_calls(text: str, file: str) -> FiledCalls:
    """The calls of a cassette; RecordingError says what is wrong where."""
    try:
        cassette = msgspec.convert(_plain_values(text), _Cassette, strict=False)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark is not None else file
        raise RecordingError(f"{where}: no YAML of plain values: {error.problem}.") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise RecordingError(f"{file}: no cassette: {error}.", hint=_HINT) from None
    listed = cassette.interactions if cassette.interactions is not None else cassette.ruby
    if listed is None:
        raise RecordingError(f"{file}: neither a recording, nor HAR, nor a cassette.", hint=_HINT)
    key = "interactions" if cassette.interactions is not None else "http_interactions"
    times = _times(listed)
    epoch = times[0] // 1000 if times else 0
    calls = [
        _taped_call(each, times[place] - 1000 * epoch if times else place * _APART, f"{file}: $.{key}[{place}]")
        for place, each in enumerate(listed)
    ]
    return FiledCalls(calls, epoch, bool(times))


def _plain_values(text: str) -> Any:
    """The value of YAML, or of JSON, which vcrpy writes too and is read sooner, with escapes of its own."""
    if text.lstrip()[:1] == "{":
        with suppress(ValueError):
            return json.loads(text)
    return yaml.load(text, Loader=_Loader)


def _times(listed: list[_Interaction]) -> list[Millis]:
    """When each call was made, in milliseconds since 1970, from what the file or the answers' dates say; empty: nobody knows."""
    times: list[Millis] = []
    for each in listed:
        text = each.recorded or header_of(each.response.pairs, "date")
        try:
            at = round(parsedate_to_datetime(text or "").timestamp() * 1000)
        except (ValueError, TypeError, OverflowError):
            return []
        # dates have whole seconds, and calls an order
        times.append(max(at, times[-1] + 1 if times else at))
    return times if times and times[-1] - times[0] >= _APART else []


def _taped_call(each: _Interaction, at: Millis, where: str) -> FiledCall:
    request, response = each.request, each.response
    status = response.status.get("code") if isinstance(response.status, dict) else response.status
    if isinstance(status, bool) or not isinstance(status, int):
        raise RecordingError(f"{where}.response.status: no HTTP status.")
    return FiledCall(
        at=at,
        method=request.method.upper(),
        url=request.uri,
        request_headers=request.pairs,
        request_body=request.content(f"{where}.request"),
        status=status,
        headers=response.pairs,
        body=response.content(f"{where}.response"),
    )


def _header(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else "" if value is None else str(value)
