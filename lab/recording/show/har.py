"""A recording as HAR 1.2, for the tools that read it (recordings.md §9).

The store is the recording: this is a way out. Stand-ins stay, but for the lab's own origin. What a recording doesn't know
is -1, as the format has it.
"""

import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
from http import HTTPStatus
from urllib.parse import quote

from msgspec import UNSET, to_builtins

from lab.core.clock import Epoch, iso
from lab.core.exchange import Json, header_of, is_target, url_at
from lab.mock.config import DECOY_ORIGIN
from lab.recording.exchange import RecordedExchange, events_of
from lab.recording.format.codec import fact_document, line_members
from lab.recording.format.lines import Recording
from lab.recording.format.text import dumps
from lab.recording.har import HarEntry, HarLog, HarPair, HarRequest, HarResponse, content_of
from lab.recording.redaction.bodies import declares_form
from lab.recording.redaction.stand_ins import HERE, stand_ins
from lab.recording.redaction.written import form_pairs, loose_pairs
from lab.recording.tape.header import epoch_in

LAB_ORIGIN = "http://127.0.0.1:8080"
"""Where `lab serve` listens by itself: the origin of URLs if the recording names none."""
_BASE = re.compile(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/-]*)?")
"""A recording is anybody's text: what is no URL of a server may be an option, or a file, to who calls it."""
_IN_URLS = "%/?:@!$&'()*+,;="
"""What stands in a URL as it is, beside letters, digits and `-._~`."""


def har(recording: Recording, numbered: bool = False) -> Iterator[str]:
    """The lines of the document: a head, and one for each call."""
    header, epoch = recording.header, epoch_in(recording)
    base = header.settings.get("base")
    origin = base if isinstance(base, str) and _BASE.fullmatch(base) else LAB_ORIGIN
    facts = [fact_document(fact) for fact in recording.facts()]
    ours = {"header": line_members(header), "state": recording.state.value, "facts": facts}
    log = HarLog(creator={"name": "Invoke Async Lab", "version": header.lab}, lab=ours, entries=[])
    yield f'{{"log":{_text(log).removesuffix("]}")}'.replace(HERE, origin)
    comma = ""
    for call in events_of(recording):
        if isinstance(call, RecordedExchange):
            yield f"{comma}{_text(_entry(call, epoch))}".replace(HERE, origin)
            comma = ","
    yield "]}}"


def _text(part: HarLog | HarEntry) -> str:
    return dumps(to_builtins(part))


def _entry(call: RecordedExchange, epoch: Epoch) -> HarEntry:
    time = call.answered_at - call.at
    first = call.planned_latency if call.first is None else call.first
    wait = time if first is None else min(first, time)
    return HarEntry(
        started=iso(epoch, call.at),
        time=time,
        request=_request(call),
        response=_response(call),
        timings={"send": 0, "wait": wait, "receive": time - wait},
        connection=str(call.connection),
        lab=_beyond(call),
    )


def _beyond(call: RecordedExchange) -> dict[str, Json]:
    """Where it stands, and that for which HAR has no word, by the members of its lines."""
    request: dict[str, Json] = {
        "w": call.sent if call.sent != call.at else None,
        "l": call.listener,
        "flags": [*call.flags] or None,
        "in": call.took or None,
        "judged": [*call.judged] or None,
        "raw": call.raw,
    }
    answered: dict[str, Json] = {
        "w": call.ended if call.ended != call.replied else None,
        "by": call.by,
        "held": call.planned_latency,
        "cut": call.cut,
        "sent": call.bytes_sent,
        "raw": call.reply_raw,
    }
    ours: dict[str, Json] = {"n": call.line - 1, "x": call.x} | _without_none(request)
    return ours if call.reply_line is None else ours | {"reply": {"n": call.reply_line - 1} | _without_none(answered)}


def _without_none(members: dict[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in members.items() if value is not None}


def _request(call: RecordedExchange) -> HarRequest:
    request = call.request
    # what is no path stands there as one that names nothing
    url = quote(request.target, _IN_URLS, errors="surrogatepass")
    target = url if is_target(url) else "/" + quote(request.target, "", errors="surrogatepass")
    written = HarRequest(
        method=request.method,
        url=url_at(DECOY_ORIGIN if call.listener else HERE, target),
        headers=_pairs(request.headers),
        query_string=_pairs(loose_pairs(request.query)) if request.query else [],
        body_size=_size(request.body, call.raw),
    )
    if request.body:
        posted = written.post_data = content_of(request.body, request.header("content-type") or "")
        posted.encoding, posted.odd_encoding = UNSET, posted.encoding
        if declares_form(request.headers) and (pairs := form_pairs(request.body.decode("utf-8", "replace"))):
            posted.text, posted.params = UNSET, _pairs(pairs)
    return written


def _response(call: RecordedExchange) -> HarResponse:
    content = content_of(call.body, header_of(call.headers, "content-type") or "")
    content.size = size = _size(call.body, call.reply_raw) if call.bytes_sent is None else call.bytes_sent
    return HarResponse(
        status=call.status,
        status_text=HTTPStatus(call.status).phrase if call.status in HTTPStatus._value2member_map_ else "",
        headers=_pairs(call.headers),
        content=content,
        redirect_url=header_of(call.headers, "location") or "",
        body_size=size,
    )


def _pairs(pairs: Iterable[tuple[str, str]]) -> list[HarPair]:
    return [HarPair(name, value) for name, value in pairs]


def _size(body: bytes, raw: str | None) -> int:
    """The bytes that went over the wire; -1: it isn't known, for a secret or another spelling stood there."""
    text = body.decode("utf-8", "surrogateescape")
    spelled = raw is None or raw == sha256(body).hexdigest()
    return len(body) if spelled and HERE not in text and not stand_ins(text) else -1
