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
from lab.plugins.learn.model import Session, reworded
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
    rf"(?i){'|'.join(CLUES)}|authorization|cookie|bearer|whsec_|-----begin |://[^/\s@:]*:[^/\s@]+@|eyj|\\u00[2-7]".encode()
)
"""A body in which none of these stands tells of no secret."""
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
        self._begin = {text[place : place + BEGINNING] for text in printed for place in range(len(text))}

    def add(self, text: str, alias: str, *, bounded: bool) -> None:
        if text[:BEGINNING] in self._begin:
            super().add(text, alias, bounded=bounded)


def without_secrets(session: Session, calls: Iterable[FiledCall]) -> Session:
    """What is printed, secrets and hosts replaced by aliases: what any of the calls shows to be one is one everywhere."""
    printed: list[str] = []

    def note(value: Json) -> Json:
        printed.extend(_texts(value))
        return value

    reworded(session, note)
    secrets = CapturedSecrets()
    secrets.texts = _TextsWithin(printed)
    redactor = CaptureRedactor((), secrets=secrets)
    seen: set[object] = set()
    for call in calls:
        secrets.begin()
        _learn(call, redactor, seen)
    for _ in range(2):  # what shows itself to be a secret later on was one before
        clean = reworded(session, redactor.json)
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


def _learn(call: FiledCall, redactor: CaptureRedactor, seen: set[object]) -> None:
    """Have the redactor know the secrets that the call shows; what was seen before shows nothing new."""
    parts = _parts(call.url)
    oauth = ROUTER.name(call.method, parts.path) in IDENTITY_NAMES
    redactor.text(f"{parts.scheme}://{parts.netloc}")
    fresh = {*call.request_headers, *call.headers} - seen
    seen |= fresh
    redactor.headers(tuple(pair for pair in (*call.request_headers, *call.headers) if pair in fresh))
    redactor.pairs(query_pairs(parts.query), oauth=oauth)
    for cookie in call.cookies:
        if len(cookie) >= BEGINNING:
            redactor.secrets.alias(cookie, "cookie")
    for headers, body, reply in ((call.request_headers, call.request_body, False), (call.headers, call.body, True)):
        worth = _TELLING.search(body) and not _OF_PAGES.match(content_type(headers))
        if worth and (oauth, reply, body) not in seen:
            seen.add((oauth, reply, body))
            body_of(headers, body, redactor, oauth=oauth, reply=reply)
