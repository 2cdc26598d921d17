"""The tails of `req` and `res` lines: what doesn't change when the same thing is said again."""

from msgspec.structs import replace

from lab.core.exchange import Headers, Response
from lab.core.observe import Replied, Requested
from lab.identity.routes import IDENTITY_NAMES
from lab.recording.bodies import Blobs, body_of, query_pairs
from lab.recording.codec import encode
from lab.recording.lines import LONGEST_LINE, Enc, Req, Res
from lab.recording.redact import Redactor
from lab.recording.text import dumps

_REQ_HEAD = len('{"k":"req","n":0,"t":0,"x":0,"c":0,')
_RES_HEAD = len('{"k":"res","n":0,"t":0,"x":0,"s":0,')
_LOCAL = ("127.0.0.1", "localhost", "[::1]")


def request_tail(told: Requested, redactor: Redactor, blobs: Blobs | None) -> bytes:
    """From `m` on."""
    request = told.request
    oauth = told.route in IDENTITY_NAMES
    body = body_of(request.headers, request.body, redactor, oauth=oauth, reply=False, blobs=blobs)
    line = Req(
        n=0, t=0, x=0, c=0, method=request.method, path=redactor.text(request.path),
        query=redactor.pairs(query_pairs(request.query), oauth=oauth),
        headers=redactor.headers(_foreign(request.headers), reply=False), flags=told.flags, took=told.took,
        enc=body.enc, value=body.member, raw=body.raw,
    )  # fmt: skip
    return _short(line)[_REQ_HEAD:]


def reply_tail(response: Response, redactor: Redactor, blobs: Blobs | None, *, oauth: bool) -> bytes:
    """From `h` on."""
    body = body_of(response.headers, response.body, redactor, oauth=oauth, reply=True, blobs=blobs)
    clean = redactor.headers(response.headers, reply=True)
    return _short(Res(n=0, t=0, x=0, status=0, headers=clean, enc=body.enc, value=body.member, raw=body.raw))[
        _RES_HEAD:
    ]


def between(told: Replied) -> str:
    """`by held first cut sent`: what varies between replies with the same headers and body."""
    latency, first = told.latency, told.first
    text = "" if latency is None else f'"held":{latency},'
    if first is not None and first != latency:
        text += f'"first":{first},'
    if told.by is not None:
        text = f'"by":{dumps(told.by)},{text}'
    if told.cut is not None:
        text += f'"cut":{dumps(told.cut)},'
        if told.sent is not None:
            text += f'"sent":{told.sent},'
    return text


def _foreign(headers: Headers) -> Headers:
    """Without a `host` that names the listener itself: its port varies."""
    return tuple(pair for pair in headers if pair[0] != "host" or not pair[1].lower().startswith(_LOCAL))


def _short(line: Req | Res) -> bytes:
    """The line, its body left out if it is longer than any reader takes."""
    written = encode(line)
    if len(written) < LONGEST_LINE - 128:
        return written
    return encode(replace(line, enc=Enc.TEXT, value=f"{len(written)} bytes are too long for a line", raw=None))
