"""HAR 1.2: the model of such a file, and a recording as one, for the tools that read it (recordings.md §9).

The store is the recording: this is a way out. Stand-ins stay, but for the lab's own origin. What a recording doesn't know
is -1, as the format has it.
"""

import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from http import HTTPStatus
from typing import Any, TypeAlias
from urllib.parse import quote

from msgspec import UNSET, Struct, UnsetType, field, to_builtins

from lab.core.clock import Epoch, iso
from lab.core.exchange import Headers, Json, header_of, is_target, url_at
from lab.mock.config import DECOY_ORIGIN
from lab.recording.format.codec import fact_document, line_members
from lab.recording.format.lines import Body, Enc, Pairs, Recording, Req, Res
from lab.recording.format.text import dumps
from lab.recording.redaction.bodies import form_pairs, loose_pairs
from lab.recording.redaction.stand_ins import HERE, stand_ins
from lab.recording.tape.recorded_calls import RecordedCall, bytes_within, calls_in, epoch_in, fields_of

LAB_ORIGIN = "http://127.0.0.1:8080"
"""Where `lab serve` listens by itself: the origin of URLs if the recording names none."""
_BASE = re.compile(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/-]*)?")
"""A recording is anybody's text: what is no URL of a server may be an option, or a file, to who calls it."""
_IN_URLS = "%/?:@!$&'()*+,;="
"""What stands in a URL as it is, beside letters, digits and `-._~`."""
_IN_LAB = ("w", "l", "flags", "in", "judged", "by", "held", "cut", "sent", "raw")
"""Members of lines for which HAR has no word."""

# The model. `NeverRead` is written and never read, so it may be anything in the files of others.

NeverRead: TypeAlias = Any


class HarPair(Struct):
    """A header, a parameter or a cookie."""

    name: str
    value: str = ""


class HarContent(Struct, kw_only=True, rename="camel"):
    """A body: `postData` of a request, `content` of a response."""

    size: NeverRead = UNSET
    mime_type: NeverRead = ""
    text: str | UnsetType | None = UNSET
    params: list[HarPair] | UnsetType = UNSET
    encoding: str | UnsetType | None = UNSET
    odd_encoding: str | UnsetType | None = field(name="_encoding", default=UNSET)
    """Of a request, for which HAR has none."""


class _HarMessage(Struct, kw_only=True, rename="camel"):
    http_version: NeverRead = "HTTP/1.1"
    cookies: list[HarPair] = []
    headers: list[HarPair] = []
    headers_size: NeverRead = -1
    body_size: NeverRead = -1


class HarRequest(_HarMessage, kw_only=True, rename="camel"):
    """A request."""

    method: str = ""
    url: str = ""
    query_string: NeverRead = []
    post_data: HarContent | UnsetType | None = UNSET


class HarResponse(_HarMessage, kw_only=True):
    """A response; of status 0 where nothing came."""

    status: int = 0
    status_text: NeverRead = field(name="statusText", default="")
    content: HarContent = field(default_factory=HarContent)
    redirect_url: NeverRead = field(name="redirectURL", default="")
    error: str | UnsetType | None = field(name="_error", default=UNSET)
    """How a call without an answer ended, which browsers say."""


class HarEntry(Struct, kw_only=True):
    """A call."""

    started: str | None = field(name="startedDateTime", default=None)
    time: float | None = None
    request: HarRequest
    response: HarResponse
    cache: NeverRead = {}
    timings: NeverRead = {}
    connection: NeverRead = UNSET
    lab: NeverRead = field(name="_lab", default=UNSET)
    """Which lines of a recording these are, and what they say beyond HAR."""


class HarLog(Struct, kw_only=True):
    """What a file holds under `log`."""

    version: NeverRead = "1.2"
    creator: NeverRead = {}
    lab: NeverRead = field(name="_lab", default=UNSET)
    """Of a recording its header, its state and all facts."""
    entries: list[HarEntry]


# A recording as such a file


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
    for call in calls_in(recording):
        yield f"{comma}{_text(_entry(call, epoch))}".replace(HERE, origin)
        comma = ","
    yield "]}}"


def _text(part: HarLog | HarEntry) -> str:
    return dumps(to_builtins(part))


def _entry(call: RecordedCall, epoch: Epoch) -> HarEntry:
    req, res = call.req, call.res
    time = res.t - req.t if res is not None else 0
    first = time if res is None else res.first if res.first is not None else res.latency
    wait = min(time if first is None else first, time)
    ours: dict[str, Json] = {"n": req.n, "x": req.x} | _beyond(req)
    return HarEntry(
        started=iso(epoch, req.t),
        time=time,
        request=_request(req),
        response=_response(res) if res is not None else HarResponse(content=HarContent(size=0), body_size=0),
        timings={"send": 0, "wait": wait, "receive": time - wait},
        connection=str(req.c),
        lab=ours if res is None else ours | {"reply": {"n": res.n} | _beyond(res)},
    )


def _beyond(line: Req | Res) -> dict[str, Json]:
    return {name: value for name, value in line_members(line).items() if name in _IN_LAB}


def _request(req: Req) -> HarRequest:
    # what is no path stands there as one that names nothing
    url = quote(req.url, _IN_URLS, errors="surrogatepass")
    target = url if is_target(url) else "/" + quote(req.url, "", errors="surrogatepass")
    request = HarRequest(
        method=req.method,
        url=url_at(DECOY_ORIGIN if req.listener else HERE, target),
        headers=_pairs(req.headers),
        query_string=_pairs(loose_pairs(req.query)) if req.query else [],
        body_size=_size(req.body, None),
    )
    if req.body.enc is not Enc.NONE:
        posted = request.post_data = _content(req.headers, req.body)
        posted.encoding, posted.odd_encoding = UNSET, posted.encoding
        if fields_of(req.headers, req.body) is not None and (pairs := form_pairs(str(req.body.value))):
            posted.text, posted.params = UNSET, _pairs(pairs)
    return request


def _response(res: Res) -> HarResponse:
    content, size = _content(res.headers, res.body), _size(res.body, res.sent)
    content.size = size
    return HarResponse(
        status=res.status,
        status_text=HTTPStatus(res.status).phrase if res.status in HTTPStatus._value2member_map_ else "",
        headers=_pairs(res.headers),
        content=content,
        redirect_url=header_of(res.headers, "location") or "",
        body_size=size,
    )


def _pairs(pairs: Headers | Pairs | Iterator[tuple[str, str]]) -> list[HarPair]:
    return [HarPair(name, value) for name, value in pairs]


def _content(headers: Headers, body: Body) -> HarContent:
    content = HarContent(mime_type=header_of(headers, "content-type") or "")
    if body.enc is not Enc.NONE:
        data = bytes_within(body)
        try:
            content.text = data.decode()
        except UnicodeDecodeError:
            content.text, content.encoding = b64encode(data).decode(), "base64"
    return content


def _size(body: Body, cut: int | None) -> int:
    """The bytes that went over the wire; -1: it isn't known, for a secret or another spelling stood there."""
    if cut is not None:
        return cut
    data = bytes_within(body)
    text = data.decode("utf-8", "surrogateescape")
    spelled = body.raw is None or body.raw == sha256(data).hexdigest()
    return len(data) if spelled and HERE not in text and not stand_ins(text) else -1
