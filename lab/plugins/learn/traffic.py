"""What a file holds -> calls as they were; and what of them is printed, without secrets (recordings.md §5, §16).

Calls of other tools' files are read as they stand, for ids and statuses belong together as they stand. Of all that passed
only what is printed has to be redacted, and of all secrets in it only those matter that stand in what is printed.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

from lab.core.clock import Epoch
from lab.core.errors import RecordingError
from lab.core.exchange import Json, Request, Response
from lab.core.observe import Replied, Requested
from lab.dialects.router import ROUTER
from lab.identity.routes import IDENTITY_NAMES
from lab.plugins.learn.files import FiledCall, cassette_calls, har_calls
from lab.plugins.learn.model import Session, with_texts
from lab.recording.format.codec import is_recording
from lab.recording.format.lines import Entry
from lab.recording.format.reader import read
from lab.recording.playback.calls import PlaybackCall, playback_call, playback_calls
from lab.recording.redaction.bodies import Blob, body_of, content_type, query_pairs
from lab.recording.redaction.known_texts import BEGINNING, KnownTexts
from lab.recording.redaction.secret_names import CLUES
from lab.recording.tape.captured_secrets import CapturedSecrets, CaptureRedactor
from lab.recording.tape.recorded_calls import epoch_in

_CASSETTE_IN_JSON = re.compile(rb'\{\s*(?:"(?:version|recorded_with)"\s*:[^,{\[]*,\s*)*"(?:http_)?interactions"')
_TELLING = re.compile(
    rf"(?i){'|'.join(CLUES)}|authoriz|authentic|cookie|bearer|whsec_|-----begin |://[^/\s@:]*:[^/\s@]+@|eyj|\\u00[2-7]|«"
)
"""A text in which none of these stands tells of no secret."""
_TELLING_BYTES = re.compile(_TELLING.pattern.encode())
_OF_PAGES = re.compile(r"(?:text/css|(?:image|font|audio|video)/|.*(?:javascript|ecmascript|wasm))")
"""What pages are made of: programs and pictures, the same for everybody."""


class ObservedCalls(Struct):
    """What a file holds."""

    calls: list[PlaybackCall]
    epoch: Epoch
    facts: tuple[Entry, ...] = ()
    timed: bool = True
    filed: tuple[FiledCall, ...] = ()
    """The calls as another tool's file has them, with their secrets; empty: it is a recording, which has none."""


def observed_in(data: bytes, file: str, blob: Blob) -> ObservedCalls:
    """The calls of a file; RecordingError, with the place, if it can't be read."""
    start = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if is_recording(start):
        recording = read(data, file)
        facts = tuple(recording.facts("gate.opened", "gate.decided", "gate.expired"))
        return ObservedCalls(list(playback_calls(recording, blob)), epoch_in(recording), facts)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise RecordingError(f"{file}:{line}: the file is not UTF-8.") from None
    is_har = start.startswith(b"{") and not _CASSETTE_IN_JSON.match(start)
    found = har_calls(text, file) if is_har else cassette_calls(text, file)
    calls = [_call(call, x) for x, call in enumerate(found.calls, 1)]
    return ObservedCalls(calls, found.epoch, timed=found.timed, filed=tuple(found.calls))


def _parts(url: str) -> SplitResult:
    with suppress(ValueError):
        return urlsplit(url)
    return SplitResult("", "", url, "", "")


def _call(call: FiledCall, x: int) -> PlaybackCall:
    parts = _parts(call.url)
    request = Request(call.method, parts.path, parts.query, call.request_headers, call.request_body)
    requested = Requested(call.at, x, ROUTER.name(call.method, parts.path), request)
    response = Response(call.status, call.headers, call.body)
    return playback_call(requested, Replied(call.at + call.took, x, response, None, cut=call.cut), None, inside=False)


class _TextsWithin(KnownTexts):
    """Knows those alone that may stand in what is printed, by how they begin."""

    def __init__(self, printed: Iterable[str]) -> None:
        super().__init__()
        self._begin = bytearray(1 << 24)
        """By the hash of a beginning whether some may begin so."""
        for text in printed:
            for place in range(len(text) - BEGINNING + 1):
                self._begin[hash(text[place : place + BEGINNING]) & 0xFFFFFF] = 1

    def may_hold(self, text: str) -> bool:
        return self._begin[hash(text[:BEGINNING]) & 0xFFFFFF] == 1

    def add(self, text: str, alias: str, *, bounded: bool) -> None:
        if self.may_hold(text):
            super().add(text, alias, bounded=bounded)


class _Secrets(CapturedSecrets):
    """Looks for no secret that can't stand in what is printed."""

    def __init__(self, printed: Iterable[str]) -> None:
        super().__init__()
        self.texts = self._within = _TextsWithin(printed)

    def is_own(self, text: str) -> bool:
        return self._within.may_hold(text) and super().is_own(text)  # which is dear


class _Learner(CaptureRedactor):
    """Passes over texts that tell of no secret: what it makes of them is thrown away."""

    def text(self, text: str) -> str:
        return super().text(text) if _TELLING.search(text) else text


def printable(session: Session, observed: ObservedCalls) -> Session:
    """What is printed, secrets and hosts replaced by aliases: what any of the calls shows to be one is one everywhere."""
    printed: list[str] = []

    def note(value: Json) -> Json:
        printed.extend(_texts(value))
        return value

    with_texts(session, note)
    secrets = _Secrets(printed)
    learner, redactor = _Learner((), secrets=secrets), CaptureRedactor((), secrets=secrets)
    seen: set[object] = set()
    for call, filed in zip(observed.calls, observed.filed, strict=True):
        secrets.begin()
        _learn(call, filed, learner, seen)
    for _ in range(2):  # what shows itself to be a secret later on was one before
        clean = with_texts(session, redactor.json)
    return clean


def _texts(value: Json) -> Iterator[str]:
    todo = [value]
    while todo:
        match todo.pop():
            case str() as text:
                yield text
            case list() as parts:
                todo += parts
            case dict() as members:
                todo += chain(members, members.values())


def _learn(call: PlaybackCall, filed: FiledCall, learner: _Learner, seen: set[object]) -> None:
    """Have it know the secrets that the call shows; what was seen before shows nothing new."""
    oauth, parts = call.requested.route in IDENTITY_NAMES, _parts(filed.url)
    learner.flat(f"{parts.scheme}://{parts.netloc}")
    for header in (*filed.request_headers, *filed.headers):
        if header not in seen:
            seen.add(header)
            if _TELLING.search(": ".join(header)):
                learner.headers((header,))
    learner.pairs(query_pairs(parts.query), oauth=oauth)
    for cookie in filed.cookies:
        if len(cookie) >= BEGINNING:
            learner.secrets.alias(cookie, "cookie")
    sent, came = (filed.request_headers, filed.request_body, False), (filed.headers, filed.body, True)
    for headers, body, reply in (sent, came):
        if not _OF_PAGES.match(content_type(headers)) and _TELLING_BYTES.search(body):
            if (known := (oauth, reply, body)) not in seen:
                seen.add(known)
                body_of(headers, body, learner, oauth=oauth, reply=reply)
