"""The tails of `req` and `res` lines: what doesn't change when the same thing is said again.

A poll loop says the same things again and again, so a tail, redacted and encoded, is remembered by what it was made of:
all of a request from `m` on, all of a reply from `h` on. A tail that stands in a line already is named by that line.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from lab.core.exchange import LONG_BODY, Headers, Response
from lab.core.observe import Replied, Requested
from lab.identity.routes import IDENTITY_NAMES
from lab.recording.format.codec import encode
from lab.recording.format.lines import LONGEST_LINE, Body, Enc, Req, Res
from lab.recording.format.text import dumps
from lab.recording.redaction.bodies import body_of
from lab.recording.redaction.redactor import Redactor

MOST_TAILS = 4096
"""Tails that are kept at most, of requests and of replies each."""
MOST_LONG = 8
"""Of those with more than `_LONG` bytes: a few are polled again and again, and thousands would fill memory."""
_LONG = 4096
"""Bytes of a body."""
_REQ_HEAD = len('{"k":"req","n":0,"t":0,"x":0,"c":0,')
_RES_HEAD = len('{"k":"res","n":0,"t":0,"x":0,"s":0,')
RequestParts: TypeAlias = tuple[str, str, str, Headers, bytes]
"""Method, path, query, headers and body of a request."""
_LOCAL = ("127.0.0.1", "localhost", "[::1]")


class Tail(Struct):
    """What a line has that may be said again."""

    make: Callable[[], bytes]
    written: bytes = b""
    """Its members without the comma before them."""
    generation: int = -1
    """Of the secrets that were known when it was made."""
    n: int = 0
    """The line in which it stands; 0: in none yet."""

    def take(self, written: bytes, generation: int) -> None:
        """Be written so, as it was made by what was known then."""
        if written != self.written:
            self.written, self.n = written, 0
        self.generation = generation


class LineCache:
    """Makes tails, and gives those that it has made before; they may be made, but not taken, in any thread."""

    def __init__(self, redactor: Redactor) -> None:
        self.redactor = redactor
        self._request = lru_cache(MOST_TAILS)(self._of_request)
        self._long_request = lru_cache(MOST_LONG)(self._of_request)
        self._reply = lru_cache(MOST_TAILS)(self._of_reply)
        self._long_reply = lru_cache(MOST_LONG)(self._of_reply)

    def request(self, observation: Requested) -> Tail:
        """The tail of a request's line."""
        return self._current(self.of_request(observation))

    def of_request(self, observation: Requested) -> Tail:
        """The same, as it was made last."""
        request = observation.request
        tail = self._request if len(request.body) <= _LONG else self._long_request
        # its parts, and not the request itself, whose hash is computed in Python
        parts = request.method, request.path, request.query, request.headers, request.body
        return tail(parts, observation.route in IDENTITY_NAMES)

    def reply(self, response: Response, *, oauth: bool, cut: bool = False) -> Tail:
        """The tail of a reply's line; `oauth`: it is the identity domain's; `cut`: not all of its body arrived."""
        return self._current(self.of_reply(response, oauth=oauth, cut=cut))

    def of_reply(self, response: Response, *, oauth: bool, cut: bool = False) -> Tail:
        """The same, as it was made last."""
        tail = self._reply if len(response.body) <= _LONG else self._long_reply
        return tail(response.headers, response.body, oauth, cut)

    def _current(self, tail: Tail) -> Tail:
        """The tail as it is to be written now: made anew if a secret became known since that may stand in it."""
        while tail.generation != (generation := self.redactor.secrets.generation):
            tail.take(tail.make(), generation)  # one that was found meanwhile may stand where it wasn't known yet
        return tail

    def _of_request(self, parts: RequestParts, oauth: bool) -> Tail:
        return Tail(partial(self._request_tail, parts, oauth))

    def _of_reply(self, headers: Headers, body: bytes, oauth: bool, cut: bool) -> Tail:
        return Tail(partial(self._reply_tail, headers, body, oauth, cut))

    def _request_tail(self, parts: RequestParts, oauth: bool) -> bytes:
        redactor, (method, path, query, headers, body) = self.redactor, parts
        written = self.body(headers, body, oauth=oauth, reply=False)
        query_text = f"?{redactor.written(query, oauth=oauth)}" if query else ""
        line = Req(
            n=0, t=0, x=0, c=0, method=method, url=redactor.path(path) + query_text,
            headers=redactor.headers(_foreign(headers)), enc=written.enc, value=written.member, raw=written.raw,
        )  # fmt: skip
        return _short(line, long=len(body) > LONG_BODY)[_REQ_HEAD:-2]

    def _reply_tail(self, headers: Headers, body: bytes, oauth: bool, cut: bool) -> bytes:
        written = self.body(headers, body, oauth=oauth, reply=True, cut=cut)
        clean = self.redactor.headers(headers)
        line = Res(n=0, t=0, x=0, status=0, headers=clean, enc=written.enc, value=written.member, raw=written.raw)
        return _short(line, long=len(body) > LONG_BODY)[_RES_HEAD:-2]

    def body(self, headers: Headers, raw: bytes, *, oauth: bool, reply: bool, cut: bool = False) -> Body:
        """A body as it stands in its line."""
        return body_of(headers, raw, self.redactor, oauth=oauth, reply=reply, cut=cut)


def varying_members(observation: Replied) -> str:
    """`by held first cut sent times`: what differs between replies with the same headers and body."""
    latency, first = observation.latency, observation.first
    text = "" if latency is None else f'"held":{latency},'
    if first is None and observation.by is None and observation.cut is None and not observation.response.times:
        return text
    if first is not None and first != latency:
        text += f'"first":{first},'
    if observation.by is not None:
        text = f'"by":{dumps(observation.by)},{text}'
    if observation.cut is not None:
        text += f'"cut":{dumps(observation.cut)},'
        if observation.sent is not None:
            text += f'"sent":{observation.sent},'
    if observation.response.times:
        text += f'"times":{dumps(list(observation.response.times))},'
    return text


def _foreign(headers: Headers) -> Headers:
    """Without a `host` that names the listener itself: its port varies."""
    return tuple(pair for pair in headers if pair[0] != "host" or not pair[1].lower().startswith(_LOCAL))


def _short(line: Req | Res, *, long: bool) -> bytes:
    """The line, its body left out if it is longer than any reader takes."""
    written = encode(line, long=long)
    if len(written) < LONGEST_LINE - 128:
        return written
    return encode(replace(line, enc=Enc.TEXT, value=f"{len(written.decode())} bytes are too long for a line", raw=None))
