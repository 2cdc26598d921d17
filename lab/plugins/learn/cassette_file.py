"""VCR cassettes -> calls: YAML of vcrpy (`interactions`) and of VCR for Ruby (`http_interactions`) (recordings.md §17)."""

import json
from base64 import b64decode
from binascii import Error
from collections.abc import Sequence
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

import msgspec
import yaml
from msgspec import Struct, field

from lab.core.clock import Millis
from lab.core.errors import RecordingError
from lab.core.exchange import Headers, header_of, text_of
from lab.plugins.learn.traffic import FiledCall
from lab.recording.tape.unpacked_bodies import unpacked

_APART: Millis = 1_000
"""Between two calls of a cassette that has no times."""
_GZIP = b"\x1f\x8b"
"""How gzip begins."""


class _Loader(yaml.CSafeLoader):
    """Takes plain values alone: no tag makes an object. Ruby writes bytes under a tag of its own."""


_Loader.yaml_constructors = yaml.CSafeLoader.yaml_constructors | {
    "!binary": yaml.CSafeLoader.yaml_constructors["tag:yaml.org,2002:binary"]
}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag != "tag:yaml.org,2002:timestamp"]
    for first, known in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


class _TapedRequest(Struct):
    method: str
    uri: str
    headers: dict[str, Any] | None = None
    body: Any = None


class _TapedResponse(Struct):
    status: Any
    headers: dict[str, Any] | None = None
    body: Any = None


class _Interaction(Struct):
    request: _TapedRequest
    response: _TapedResponse
    recorded: str | None = field(name="recorded_at", default=None)


class _Cassette(Struct):
    interactions: list[_Interaction] | None = None
    ruby: list[_Interaction] | None = field(name="http_interactions", default=None)


class CassetteCalls(Struct, frozen=True):
    """What a cassette holds."""

    calls: list[FiledCall]
    epoch: int
    """The wall time of instant 0, in seconds since 1970."""
    timed: bool
    """Whether it says when calls were made, in whole seconds at least."""


def cassette_calls(text: str, file: str) -> CassetteCalls:
    """The calls in their order; RecordingError says what is wrong where."""
    try:
        cassette = msgspec.convert(_document(text), _Cassette, strict=False)
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
        _call(each, times[place] - 1000 * epoch if times else place * _APART, f"{file}: $.{key}[{place}]")
        for place, each in enumerate(listed)
    ]
    return CassetteCalls(calls, epoch, bool(times))


def _document(text: str) -> Any:
    """The value of YAML, or of JSON, which vcrpy writes too and is read sooner, with escapes of its own."""
    if text.lstrip()[:1] == "{":
        with suppress(ValueError):
            return json.loads(text)
    return yaml.load(text, Loader=_Loader)


_HINT = "A cassette is YAML with interactions (vcrpy) or http_interactions (VCR), each a request and its response."


def _times(listed: Sequence[_Interaction]) -> list[Millis]:
    """When each call was made, in milliseconds since 1970, from what the file or the answers' dates say; empty: nobody knows."""
    times: list[Millis] = []
    for each in listed:
        text = each.recorded or header_of(_headers(each.response.headers), "date")
        try:
            at = round(parsedate_to_datetime(text or "").timestamp() * 1000)
        except (ValueError, TypeError, OverflowError):
            return []
        # dates have whole seconds, and calls an order
        times.append(max(at, times[-1] + 1 if times else at))
    return times if times and times[-1] - times[0] >= _APART else []


def _call(each: _Interaction, at: Millis, where: str) -> FiledCall:
    request, response = each.request, each.response
    sent, came = _headers(request.headers), _headers(response.headers)
    status = response.status.get("code") if isinstance(response.status, dict) else response.status
    if isinstance(status, bool) or not isinstance(status, int):
        raise RecordingError(f"{where}.response.status: no HTTP status.")
    return FiledCall(
        at=at,
        took=0,
        method=request.method.upper(),
        url=request.uri,
        request_headers=sent,
        request_body=_body(request.body, sent, f"{where}.request.body"),
        status=status,
        headers=came,
        body=_body(response.body, came, f"{where}.response.body"),
    )


def _headers(headers: dict[str, Any] | None) -> Headers:
    found: list[tuple[str, str]] = []
    for name, values in (headers or {}).items():
        for value in values if isinstance(values, list) else [values]:
            text = value.decode("latin-1") if isinstance(value, bytes) else "" if value is None else str(value)
            found.append((name.lower(), text))
    return tuple(found)


def _body(body: Any, headers: Headers, where: str) -> bytes:
    """The bytes of a body, however they are written, decompressed."""
    if isinstance(body, dict) and "base64_string" in body:
        try:
            data = b64decode(str(body["base64_string"]))
        except (Error, ValueError):
            raise RecordingError(f"{where}.base64_string: no base64.") from None
    else:
        data = _plain(body.get("string") if isinstance(body, dict) and "string" in body else body)
    return _decompressed(data, headers)


def _plain(body: Any) -> bytes:
    match body:
        case None:
            return b""
        case bytes():
            return body
        case str():
            return body.encode("utf-8", "surrogatepass")
        case dict():  # vcrpy keeps forms of some clients as mappings
            return urlencode(body, doseq=True).encode()
        case _:
            return text_of(body).encode()


def _decompressed(data: bytes, headers: Headers) -> bytes:
    """Some writers decompress bodies and keep the header, so what is no gzip stays as it is."""
    return unpacked(headers, data)[1] if data.startswith(_GZIP) else data
