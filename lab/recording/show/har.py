"""A recording as HAR 1.2, for the tools that read it (recordings.md §9). The store is the recording: this is a way out.

Aliases stay, but for the lab's own origin. What a recording doesn't know is -1, as the format has it.
"""

import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from http import HTTPStatus
from itertools import chain
from urllib.parse import quote

from lab.core.clock import Epoch, Millis, iso
from lab.core.exchange import Headers, Json, header_of, is_target, url_at
from lab.mock.config import DECOY_ORIGIN
from lab.recording.format.codec import fact_document, line_members
from lab.recording.format.lines import Body, Enc, Header, Pairs, Recording, Req, Res
from lab.recording.format.text import dumps
from lab.recording.redaction.bodies import bytes_of, text_within
from lab.recording.redaction.stand_ins import HERE, stand_ins
from lab.recording.redaction.written import loose_pairs
from lab.recording.tape.recorded_calls import RecordedCall, bytes_within, calls_in, epoch_in, fields_of

LAB_ORIGIN = "http://127.0.0.1:8080"
"""Where `lab serve` listens by itself: the origin of URLs if the recording names none."""
_BASE = re.compile(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/-]*)?")
"""A recording is anybody's text: what is no URL of a server may be an option, or a file, to who calls it."""
_IN_URLS = "%/?:@!$&'()*+,;="
"""What stands in a URL as it is, beside letters, digits and `-._~`."""
_IN_LAB = ("flags", "in", "cut", "got", "held", "sent", "by", "raw", "qt", "l", "w")
"""Members of lines for which HAR has no word."""


def har(recording: Recording) -> Iterator[str]:
    """The lines of the document: one for each call, and one for each fact."""
    header = recording.header
    about: dict[str, Json] = {"version": "1.2", "creator": {"name": "Invoke Async Lab", "version": header.lab}}
    ours = {"header": line_members(header), "state": recording.state.value}
    yield f'{{"log":{dumps(about)[:-1]},"_lab":{dumps(ours)[:-1]},"facts":['
    yield from _listed(fact_document(fact) for fact in recording.facts())
    yield ']},"entries":['
    writer = _Writer(epoch_in(recording), recorded_base(header))
    yield from _listed(writer.entry(call) for call in calls_in(recording))
    yield "]}}"


def recorded_base(header: Header) -> str:
    """The public URL under which a lab was recorded; that of a lab on this machine where the header holds none."""
    base = header.settings.get("base")
    return base if isinstance(base, str) and _BASE.fullmatch(base) else LAB_ORIGIN


def _listed(values: Iterator[dict[str, Json]]) -> Iterator[str]:
    """The members of a list, a line each."""
    before: str | None = None
    for text in chain(map(dumps, values), (None,)):
        if before is not None:
            yield before + ("," if text is not None else "")
        before = text


class _Writer:
    def __init__(self, epoch: Epoch, origin: str) -> None:
        self._epoch = epoch
        self._origin = origin

    def entry(self, call: RecordedCall) -> dict[str, Json]:
        """The call as an entry."""
        req, res = call.req, call.res
        time = res.t - req.t if res is not None else 0
        return {
            "startedDateTime": iso(self._epoch, req.t),
            "time": time,
            "request": self._request(req),
            "response": self._response(res),
            "cache": {},
            "timings": _timings(res, time),
            "connection": str(req.c),
            "_lab": _of_the_lab(req, res),
        }

    def _request(self, req: Req) -> dict[str, Json]:
        body = req.body
        origin = DECOY_ORIGIN if req.listener else self._origin
        request: dict[str, Json] = {
            "method": req.method,
            "url": _url(origin, self._here(req.url)),
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": self._pairs(req.headers),
            "queryString": self._pairs(tuple(loose_pairs(req.query)) if req.query else ()),
        }
        if body.enc is not Enc.NONE:
            request["postData"] = self._posted(req.headers, body)
        return request | {"headersSize": -1, "bodySize": self._size(body, None)}

    def _posted(self, headers: Headers, body: Body) -> dict[str, Json]:
        kind, fields = header_of(headers, "content-type") or "", fields_of(headers, body)
        if fields is not None:
            return {"mimeType": kind, "params": self._pairs(fields)}
        text, encoding = self._text(body)
        posted: dict[str, Json] = {"mimeType": kind, "text": text}
        return posted | {"_encoding": encoding} if encoding else posted

    def _response(self, res: Res | None) -> dict[str, Json]:
        """One of status 0 where nothing came."""
        headers = res.headers if res is not None else ()
        body = res.body if res is not None else Body()
        status = res.status if res is not None else 0
        size = self._size(body, res.sent if res is not None else None)
        content: dict[str, Json] = {"size": size, "mimeType": header_of(headers, "content-type") or ""}
        if body.enc is not Enc.NONE:
            text, encoding = self._text(body)
            content |= {"text": text, "encoding": encoding} if encoding else {"text": text}
        return {
            "status": status,
            "statusText": HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "",
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": self._pairs(headers),
            "content": content,
            "redirectURL": self._here(header_of(headers, "location") or ""),
            "headersSize": -1,
            "bodySize": size,
        }

    def _text(self, body: Body) -> tuple[str, str]:
        """The body as text and, if it isn't UTF-8, how that stands for it."""
        data = self._here(bytes_within(body).decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        try:
            return data.decode(), ""
        except UnicodeDecodeError:
            return b64encode(data).decode(), "base64"

    def _size(self, body: Body, cut: int | None) -> int:
        """The bytes that went over the wire; -1: it isn't known, for a secret or another spelling stood there."""
        if cut is not None:
            return cut
        if body.enc is Enc.NONE:
            return 0
        try:
            data, hidden = bytes_of(body), bool(stand_ins(text_within(body)))
        except ValueError:
            return -1
        if hidden:
            return -1
        return len(data) if body.raw in (None, sha256(data).hexdigest()) else -1

    def _here(self, text: str) -> str:
        return text.replace(HERE, self._origin)

    def _pairs(self, pairs: Headers | Pairs) -> list[Json]:
        return [{"name": name, "value": self._here(value)} for name, value in pairs]


def _url(origin: str, target: str) -> str:
    """The URL at that origin; what is no path stands there as one that names nothing."""
    quoted = quote(target, _IN_URLS, errors="surrogatepass")
    return url_at(origin, quoted if is_target(quoted) else "/" + quote(target, "", errors="surrogatepass"))


def _timings(res: Res | None, time: Millis) -> dict[str, Json]:
    first = time if res is None else res.first if res.first is not None else res.latency
    wait = min(time if first is None else first, time)
    return {"send": 0, "wait": wait, "receive": time - wait}


def _of_the_lab(req: Req, res: Res | None) -> dict[str, Json]:
    """Which lines of the recording these are, and what they say beyond HAR."""
    ours: dict[str, Json] = {"n": req.n, "x": req.x} | _beyond(req)
    return ours if res is None else ours | {"reply": {"n": res.n} | _beyond(res)}


def _beyond(line: Req | Res) -> dict[str, Json]:
    return {name: value for name, value in line_members(line).items() if name in _IN_LAB}
