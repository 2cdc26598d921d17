"""What a file holds -> calls: a recording, a HAR 1.2 file, a cassette of vcrpy or of VCR for Ruby (recordings.md §17).

Calls of other tools' files are read as they stand, for ids and statuses belong together as they stand: what of them is
printed is redacted at the end (`command.printable`).
"""

import json
from base64 import b64encode
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from operator import attrgetter
from typing import Any
from urllib.parse import SplitResult, urlsplit

import msgspec
import yaml
from msgspec import UNSET, Struct, UnsetType, field

from lab.core.clock import Epoch, Millis
from lab.core.errors import RecordingError
from lab.core.exchange import Headers, Request, Response, header_of, text_or_json
from lab.core.observe import Replied, Requested
from lab.dialects.router import ROUTER
from lab.recording.exchange import ExchangeReader, RecordedExchange, answered_calls, exchanges_of
from lab.recording.format.codec import is_recording
from lab.recording.format.lines import Entry
from lab.recording.format.reader import read
from lab.recording.har import HarContent, HarEntry, HarLog, HarPair, HarRequest, HarResponse, HarText
from lab.recording.tape.header import epoch_in
from lab.recording.tape.unpacked_bodies import unpacked

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
            return _observed([each.entry() for each in listed], f"{file}: $.{name}")
    raise RecordingError(f"{file}: neither a recording, nor HAR, nor a cassette.", hint=_HINT)


class _Loader(yaml.CSafeLoader):
    """Takes plain values alone: no tag makes an object. Ruby writes bytes under a tag of its own."""

    yaml_constructors = yaml.CSafeLoader.yaml_constructors | {
        "!binary": yaml.CSafeLoader.yaml_constructors["tag:yaml.org,2002:binary"]
    }


# Cassettes, read into the model of HAR


class _Code(Struct, gc=False):
    code: int


class _Message(Struct, gc=False):
    """A request or a response of a cassette."""

    method: str = ""
    uri: str = ""
    status: int | _Code = 0
    headers: dict[str, Any] | None = None
    body: Any = None

    def pairs(self) -> list[HarPair]:
        listed = ((name, each if isinstance(each, list) else [each]) for name, each in (self.headers or {}).items())
        return [HarPair(name, str(each)) for name, values in listed for each in values]

    def content(self) -> HarContent:
        """The body, however it is written."""
        coding: HarText = UNSET
        body = self.body
        if isinstance(body, dict):
            coding = "base64" if "base64_string" in body else UNSET
            body = body.get("base64_string", body.get("string", body))
        if isinstance(body, bytes):
            return HarContent(text=b64encode(body).decode(), encoding="base64")
        return HarContent(text=text_or_json(body), encoding=coding)


class _Interaction(Struct, gc=False):
    """A call of a cassette."""

    request: _Message
    response: _Message
    recorded: str | None = field(name="recorded_at", default=None)

    def entry(self) -> HarEntry:
        sent, came = self.request, self.response
        # as HAR has it, an answer that says when it was made
        dates = [HarPair("date", self.recorded)] if self.recorded else []
        return HarEntry(
            request=HarRequest(method=sent.method, url=sent.uri, headers=sent.pairs(), post_data=sent.content()),
            response=HarResponse(
                status=came.status if isinstance(came.status, int) else came.status.code,
                headers=[*dates, *came.pairs()],
                content=came.content(),
            ),
        )


class _Document(Struct):
    log: HarLog | None = None
    interactions: list[_Interaction] | None = None
    ruby: list[_Interaction] | None = field(name="http_interactions", default=None)


def _document(text: str) -> _Document:
    """A document in YAML, or in JSON, which vcrpy writes too."""
    if text.lstrip()[:1] != "{":
        return msgspec.convert(yaml.load(text, _Loader), _Document, strict=False)
    with suppress(ValueError):
        return msgspec.json.decode(text, type=_Document, strict=False)
    # it says where it broke off, and takes half of a surrogate pair
    return msgspec.convert(json.loads(text), _Document, strict=False)


def _instant(entry: HarEntry, where: str) -> Millis | None:
    """Milliseconds since 1970; a time without a zone is taken for UTC. None: neither the file nor a date tells."""
    try:
        if entry.started is None:
            at = parsedate_to_datetime(header_of(entry.response.fields, "date") or "")
        else:
            at = datetime.fromisoformat(entry.started)
        return round((at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, TypeError, OverflowError):
        if entry.started is None:
            return None
    raise RecordingError(f"{where}.startedDateTime: {entry.started[:40]!r} is no ISO 8601 time.")


def _data(content: HarContent | UnsetType | None, headers: Headers, where: str) -> bytes:
    """The bytes of the body, decompressed."""
    try:
        data = content.data if content else b""
    except ValueError as error:
        raise RecordingError(f"{where}: {error}") from None
    # some writers decompress bodies and keep the header, so what is no gzip stays as it is
    return unpacked(headers, data)[1] if data.startswith(_GZIP) else data


def _observed(entries: Sequence[HarEntry], where: str) -> ObservedCalls:
    times: list[Millis] = []
    for place, each in enumerate(entries):
        if (at := _instant(each, f"{where}[{place}]")) is not None:
            # dates have whole seconds, and the calls of a cassette an order
            times.append(max(at, times[-1] + 1) if times and each.started is None else at)
    exact = any(each.started is not None for each in entries) or max(times, default=0) - min(times, default=0) >= _APART
    timed = exact and len(times) == len(entries)
    reader, found = ExchangeReader(), ObservedCalls([], min(times) // 1000 if timed else 0, timed=timed, origins=set())
    for x, each in enumerate(entries, 1):
        sent, came, here = each.request, each.response, f"{where}[{x - 1}]"
        if not sent.method or not sent.url:
            raise RecordingError(f"{here}.request: it has no method, or no URL.")
        parts = SplitResult("", "", sent.url, "", "")
        with suppress(ValueError):
            parts = urlsplit(sent.url)
        found.origins.add(f"{parts.scheme}://{parts.netloc}")
        at, method, fields = (
            times[x - 1] - 1000 * found.epoch if timed else x * _APART,
            sent.method.upper(),
            sent.fields,
        )
        request = Request(method, parts.path, parts.query, fields, _data(sent.post_data, fields, f"{here}.request"))
        took, cut = round(each.time) if each.time is not None and 0 <= each.time < 10**12 else 0, None
        if came.status <= 0:  # HAR has no word for how a call without an answer ended, but browsers add one
            why = (came.error or "").lower()
            late = "timed_out" in why or took >= 20_000
            cut = "client_gone" if "aborted" in why else "timeout" if late else "reset"
        response = Response(max(0, came.status), came.fields, _data(came.content, came.fields, f"{here}.response"))
        call = reader.begin(Requested(at, x, ROUTER.name(method, parts.path), request))
        found.calls.append(reader.complete(call, Replied(at + took, x, response, cut=cut)))
    found.calls.sort(key=attrgetter("at"))
    return found
