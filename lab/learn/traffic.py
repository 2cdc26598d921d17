"""Calls as other tools' files hold them -> the lab's own, without what redaction takes out (recordings.md §5)."""

import re
from collections.abc import Sequence
from urllib.parse import unquote_plus, urlsplit

from msgspec import Struct

from lab.core.clock import Millis
from lab.core.exchange import Headers, Request, Response
from lab.core.observe import Replied, Requested
from lab.dialects.router import ROUTER
from lab.identity.clients import SHORTEST_SECRET
from lab.identity.routes import IDENTITY_NAMES
from lab.recording.playback.calls import PlaybackCall, playback_call
from lab.recording.redaction.bodies import body_of, bytes_of
from lab.recording.tape.captured_secrets import CaptureRedactor

_CREDENTIAL = re.compile("key|auth|token|secret|cookie|session|signature|sig$|credential|password", re.IGNORECASE)
"""Names of headers and of a query's pairs under which APIs take credentials."""
_SCHEMES = frozenset(("bearer", "basic", "digest", "negotiate", "httponly", "samesite", "expires", "max-age", "path=/"))
"""Words beside credentials that are none."""
_IN_URL = re.compile(r"[?&]([\w.-]+)=([^&\s\"'<>\\]+)")
_KEPT = (
    "content-type",
    "retry-after",
    "date",
    "location",
    "operation-location",
    "azure-asyncoperation",
    "content-location",
)
"""The headers that anything is learned from."""
_NO_CREDENTIALS = ("idempotency-key", "keep-alive")


class FiledCall(Struct, frozen=True, kw_only=True):
    """A call as a HAR file or a cassette holds it: nothing is redacted."""

    at: Millis
    took: Millis
    method: str
    url: str
    request_headers: Headers = ()
    request_body: bytes = b""
    secrets: tuple[str, ...] = ()
    """Values of cookies."""
    status: int
    headers: Headers = ()
    body: bytes = b""
    cut: str | None = None


class TrafficRedactor(CaptureRedactor):
    """Takes the secrets out of calls of which nobody has told any: by name, by value, by shape (recordings.md §5, §16)."""

    def __init__(self) -> None:
        super().__init__(())

    def playback_calls(self, calls: Sequence[FiledCall]) -> list[PlaybackCall]:
        """The calls, redacted. What shows itself to be a secret later on was one before."""
        for call in calls:
            self.secrets.begin()
            self._learn(call)
            self._call(call, 1)
        return [self._call(call, x) for x, call in enumerate(calls, 1)]

    def _learn(self, call: FiledCall) -> None:
        """What stands under a name of credentials is known from now on, whether or not such a name is one of ours."""
        bodies = (body.decode("utf-8", "replace").replace("\\/", "/") for body in (call.request_body, call.body))
        in_urls = _IN_URL.findall(" ".join((call.url, *(value for _, value in call.headers), *bodies)))
        named = (*call.request_headers, *call.headers, *((name, unquote_plus(value)) for name, value in in_urls))
        credentials = [value for name, value in named if _CREDENTIAL.search(name) and name not in _NO_CREDENTIALS]
        for value in (*credentials, *call.secrets):
            for part in (value, *re.split(r"[\s;,=]+", value)):
                if len(part) >= SHORTEST_SECRET and part.lower() not in _SCHEMES:
                    self.secrets.alias(part, "secret")

    def _call(self, call: FiledCall, x: int) -> PlaybackCall:
        parts = urlsplit(call.url)
        self.text(f"{parts.scheme}://{parts.netloc}")  # its host and its login are known from now on
        route = ROUTER.name(call.method, parts.path)
        oauth = route in IDENTITY_NAMES
        sent = self._body(call.request_headers, call.request_body, oauth=oauth, reply=False)
        came = self._body(call.headers, call.body, oauth=oauth, reply=True)
        self.headers((*call.request_headers, *call.headers))  # so are the credentials in these
        request = Request(
            call.method, self.text(parts.path), self.text(parts.query), self._kept(call.request_headers), sent
        )
        response = Response(call.status, self._kept(call.headers), came)
        requested = Requested(call.at, x, route, request)
        replied = Replied(call.at + call.took, x, response, None, cut=call.cut)
        return playback_call(requested, replied, None, inside=False)

    def _kept(self, headers: Headers) -> Headers:
        return tuple((name, self.text(value)) for name, value in headers if name in _KEPT)

    def _body(self, headers: Headers, body: bytes, *, oauth: bool, reply: bool) -> bytes:
        return bytes_of(body_of(headers, body, self, oauth=oauth, reply=reply), {})
