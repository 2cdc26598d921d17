"""The tails of `req` and `res` lines: what doesn't change when the same thing is said again.

A poll loop says the same things again and again, so a tail, redacted and encoded, is remembered by what it was made of:
all of a request from `m` on, all of a reply from `h` on.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from lab.core.exchange import Headers, Json, Response
from lab.core.observe import Replied, Requested
from lab.core.trace import trace_in
from lab.identity.routes import IDENTITY_NAMES
from lab.recording.format.codec import encode
from lab.recording.format.lines import LONGEST_LINE, Body, Enc, Members, Req, Res
from lab.recording.format.text import dumps
from lab.recording.redaction.bodies import body_of
from lab.recording.redaction.redact import Redactor
from lab.recording.redaction.written import path_without_secrets, without_secrets
from lab.recording.tape.long_bodies import LongBodies, LongBody, key_of

MOST_TAILS = 4096
"""Tails that are kept at most, of requests and of replies each."""
_MOST_LONG = 8
"""Of replies with more than `_LONG` bytes: a few are polled again and again, and thousands would fill memory."""
_LONG = 4096
"""Bytes of a body."""
_REQ_HEAD = len('{"k":"req","n":0,"t":0,"x":0,"c":0,')
_RES_HEAD = len('{"k":"res","n":0,"t":0,"x":0,"s":0,')
RequestParts: TypeAlias = tuple[str, str, str, Headers, bytes]
"""Method, path, query, headers and body of a request."""
_LOCAL = ("127.0.0.1", "localhost", "[::1]")


class Tail(Struct):
    """What a line has that may be said again."""

    written: bytes
    """Its members without the comma before them."""
    n: int = 0
    """The line in which it stands; 0: in none yet."""


class LineCache:
    """Makes tails, and gives those that it has made before."""

    def __init__(self, redactor: Redactor) -> None:
        self.redactor = redactor
        self._of_cut = redactor.of_cut()
        self.long = LongBodies(redactor)
        self._said: LongBody | None = None
        """What was redacted of the latest request before it was told."""
        self._generation = redactor.secrets.generation
        self._request = lru_cache(MOST_TAILS)(self._request_tail)
        self._reply = lru_cache(MOST_TAILS)(self._reply_tail)
        self._long_reply = lru_cache(_MOST_LONG)(self._reply_tail)

    def request(self, observation: Requested) -> Tail:
        """The tail of a request's line."""
        self._renew()
        request = observation.request
        # its parts, and not the request itself, whose hash is computed in Python
        parts = request.method, request.path, request.query, request.headers, request.body
        short = len(request.body) <= _LONG
        self._said = None if short else self.long.get(key_of(request.headers, request.body, reply=False))
        # one with a long body hardly comes twice
        tail = (self._request if short else self._request_tail)(parts, observation.route in IDENTITY_NAMES)
        if self._said is not None:
            self.long.drop(self._said)
        return tail

    def members(self, members: Members) -> dict[str, Json]:
        """Those of a fact, redacted: of the latest request's as they were before it was told, if they were."""
        known = {name: said for name, value in members.items() if (said := self._ahead(value)) is not None}
        clean = self.redactor.json({name: value for name, value in members.items() if name not in known})
        assert isinstance(clean, dict)
        return clean | known

    def _ahead(self, value: Json) -> Json:
        if self._said is None or not self._said.trial.fits():
            return None
        return next((clean for raw, clean in self._said.said if raw == value), None)

    def reply(self, response: Response, *, oauth: bool, cut: bool = False) -> Tail:
        """The tail of a reply's line; `oauth`: it is the identity domain's; `cut`: not all of its body arrived."""
        self._renew()
        tail = self._reply if len(response.body) <= _LONG else self._long_reply
        return tail(response.headers, response.body, oauth, cut)

    def _renew(self) -> None:
        # a value that is now known as a secret may stand in what is remembered
        if self._generation != self.redactor.secrets.generation:
            self._request.cache_clear()
            self._reply.cache_clear()
            self._long_reply.cache_clear()
            self._generation = self.redactor.secrets.generation

    def _request_tail(self, parts: RequestParts, oauth: bool) -> Tail:
        return self._settled(partial(self._request_as_known, parts, oauth))

    def _request_as_known(self, parts: RequestParts, oauth: bool) -> bytes:
        redactor, (method, path, query, headers, body) = self.redactor, parts
        written = self._body(headers, body, redactor, oauth=oauth, reply=False)
        asked = f"?{without_secrets(query, redactor, oauth=oauth)}" if query else ""
        line = Req(
            n=0, t=0, x=0, c=0, method=method, url=path_without_secrets(path, redactor) + asked,
            headers=redactor.headers(_foreign(headers)), enc=written.enc, value=written.member, raw=written.raw,
        )  # fmt: skip
        return _short(line)[_REQ_HEAD:-2]

    def _reply_tail(self, headers: Headers, body: bytes, oauth: bool, cut: bool) -> Tail:
        return self._settled(partial(self._reply_as_known, headers, body, oauth, cut))

    def _settled(self, make: Callable[[], bytes]) -> Tail:
        """What is made, once more if a secret was found meanwhile: it may stand where it wasn't known yet."""
        known = self.redactor.secrets.generation
        tail = make()
        return Tail(make() if self.redactor.secrets.generation != known else tail)

    def _body(
        self, headers: Headers, raw: bytes, redactor: Redactor, *, oauth: bool, reply: bool, cut: bool = False
    ) -> Body:
        ahead = not oauth and len(raw) > _LONG
        if ahead and (known := self.long.get(key_of(headers, raw, reply=reply, cut=cut))) is not None:
            known.trial.settle()
            return known.body
        return body_of(headers, raw, redactor, oauth=oauth, reply=reply)

    def _reply_as_known(self, headers: Headers, body: bytes, oauth: bool, cut: bool) -> bytes:
        redactor = self._of_cut if cut else self.redactor
        written = self._body(headers, body, redactor, oauth=oauth, reply=True, cut=cut)
        clean = self.redactor.headers(headers)
        line = Res(n=0, t=0, x=0, status=0, headers=clean, enc=written.enc, value=written.member, raw=written.raw)
        return _short(line)[_RES_HEAD:-2]


def trace_member(observation: Requested, trace: str, redactor: Redactor) -> str:
    """`trace`: redacted if its client sent it. In one of the lab's own no secret hides, and looking for one takes long."""
    sent = trace_in(observation.request.headers) is not None
    return f'"trace":{dumps(redactor.text(trace) if sent else trace)},'


def varying_members(observation: Replied) -> str:
    """`by held first cut sent times`: what differs between replies with the same headers and body."""
    latency, first = observation.latency, observation.first
    text = "" if latency is None else f'"held":{latency},'
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


def _short(line: Req | Res) -> bytes:
    """The line, its body left out if it is longer than any reader takes."""
    written = encode(line)
    if len(written) < LONGEST_LINE - 128:
        return written
    return encode(replace(line, enc=Enc.TEXT, value=f"{len(written)} bytes are too long for a line", raw=None))
