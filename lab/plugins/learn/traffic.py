"""Calls as other tools' files hold them -> the lab's own, without what redaction takes out (recordings.md §5)."""

import json
import re
from collections.abc import Iterator, Sequence
from itertools import chain
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from msgspec import Struct

from lab.core.clock import Millis
from lab.core.exchange import Headers, Json, Request, Response
from lab.core.observe import Replied, Requested
from lab.dialects.router import ROUTER
from lab.identity.clients import SHORTEST_SECRET
from lab.identity.routes import IDENTITY_NAMES
from lab.plugins.learn.words import MEANING, plain_word
from lab.recording.playback.calls import PlaybackCall, playback_call
from lab.recording.redaction.bodies import body_of, bytes_of
from lab.recording.redaction.secret_names import is_secret, is_secret_header
from lab.recording.tape.captured_secrets import CaptureRedactor

_CREDENTIAL = re.compile(
    "(?:key|auth|authorization|token|secret|cookie|session|signature|sig|credential|password|passwd|pwd|pass|passphrase"
    "|passcode|otp|jwt|bearer|assertion|verifier)s?(?:id|value|code|hash|user|hint)?[0-9]*$"
)
"""How names end under which APIs take or give credentials, in headers, queries and bodies alike, as `plain_word` has them."""
_NO_CREDENTIALS = frozenset(("idempotencykey", "xidempotencykey"))
_NAMING = ("name", "key", "field", "property", "parameter", "header", "variable")
_NAMED = ("value", "values")
"""Members of an object that say what another one is called, and that other one."""
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
        around = (*call.request_headers, *call.headers, *((name, unquote_plus(value)) for name, value in in_urls))
        for name, value in around:
            if is_credential(name):
                self._learn_each(value, *re.split(r"[\s;,=]+", value))
        for name, value in chain(_members(call.request_body), _members(call.body)):
            if _is_credential_in_body(name, value):
                self._learn_each(value, value.split()[-1])
        self._learn_each(*call.secrets)

    def _learn_each(self, *values: str) -> None:
        for value in values:
            if len(value) >= SHORTEST_SECRET and value.lower() not in _SCHEMES:
                self.secrets.alias(value, "secret")

    def named(self, name: str, value: str, *, oauth: bool, reply: bool) -> str:
        """The value of a member: as any, and what only other APIs call a credential is one, too."""
        if _is_credential_in_body(name, value) and not is_secret(name):
            return self.secrets.secret(value)
        return super().named(name, value, oauth=oauth, reply=reply)

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


def is_credential(name: str) -> bool:
    """Whether what stands under that name, be it a header, of a query or of a body, is taken for a credential."""
    plain = plain_word(name)
    known = is_secret(name) or is_secret_header(name) or _CREDENTIAL.search(plain) is not None
    return known and plain not in _NO_CREDENTIALS


def _is_credential_in_body(name: str, value: str) -> bool:
    """Whether the member is one. A sentence is none, but for one behind the word for its scheme, nor is a status."""
    *before, last = value.split() or [""]
    long_enough = len(last) >= SHORTEST_SECRET and len(before) <= 1
    return long_enough and plain_word(last) not in MEANING and is_credential(name)


def _members(body: bytes) -> Iterator[tuple[str, str]]:
    """Every text in a body of JSON, in JSON within its texts, or of a form, and what it is called; none of another body."""
    text = body.decode("utf-8", "replace")
    todo: list[Json] = [_json(text)]
    if todo[0] is None and "=" in text:
        yield from parse_qsl(text.strip())
    while todo:
        value = todo.pop()
        if isinstance(value, list):
            todo += value
        elif isinstance(value, dict):
            for name, part in _by_their_names(value):
                todo.append(part)
                yield from (
                    (name, each) for each in (part if isinstance(part, list) else [part]) if isinstance(each, str)
                )
        elif isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
            todo.append(_json(value))


def _by_their_names(members: dict[str, Json]) -> Iterator[tuple[str, Json]]:
    """The members; in `{"name": "password", "value": …}` what is called `value` is called as the other says."""
    small = {name.lower(): part for name, part in members.items()}
    called = next((text for name in _NAMING if isinstance(text := small.get(name), str)), None)
    if called is None or small.keys().isdisjoint(_NAMED):
        yield from members.items()
    else:
        yield from ((called if name in _NAMED else name, part) for name, part in small.items() if name not in _NAMING)


def _json(text: str) -> Json:
    try:
        value: Json = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value
