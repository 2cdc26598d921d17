"""Bodies: bytes -> what a recording holds, redacted, and back (recordings.md §2.2)."""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from types import MappingProxyType
from typing import assert_never
from urllib.parse import parse_qsl, unquote_plus

from lab.core.exchange import LONG_BODY, Headers, Json, header_of
from lab.recording.format.lines import Body, Enc, Pairs
from lab.recording.format.text import dumps, encoded, loads
from lab.recording.redaction.redactor import Redactor
from lab.recording.redaction.stand_ins import filled

_FORM = "x-www-form-urlencoded"
_DIGITS = bytes(ord("0") if chr(code).isdecimal() else ord(".") for code in range(256))
NO_VALUES: Mapping[str, str] = MappingProxyType({})
_RUN = b"0" * 19
"""Of a number with so many digits in a row no reader of JSON keeps all."""


def plain_body(headers: Headers, raw: bytes, *, cut: bool = False) -> Body:
    """The body as a recording holds one, nothing of it hidden; `cut`: not all of it arrived."""
    if not raw:
        return Body()
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return Body(Enc.B64, b64encode(raw).decode())
    kind = content_type(headers)
    may_be_json = not cut and ("json" in kind or text[0] in "{[") and _FORM not in kind
    value = value_of(text, raw) if may_be_json else None
    return Body(Enc.TEXT, text) if value is None else Body(Enc.JSON, value)


def declares_form(headers: Headers) -> bool:
    """Whether a body is one, as its type says."""
    return _FORM in content_type(headers)


def form_fields(headers: Headers, body: Body) -> Pairs | None:
    """The fields of a form, decoded as well as they can be; None: the body is none."""
    return tuple(loose_pairs(str(body.value))) if body.enc is Enc.TEXT and declares_form(headers) else None


def body_of(
    headers: Headers, raw: bytes, redactor: Redactor, *, oauth: bool = False, reply: bool, cut: bool = False
) -> Body:
    """The body as a recording holds it; `cut`: not all of it arrived."""
    body = plain_body(headers, raw, cut=cut)
    if body.enc is Enc.JSON:
        redacted = redactor.json(body.value, oauth=oauth, reply=reply)
        # where the value doesn't give the bytes back, their digest tells them
        exact = redacted != body.value or encoded(redacted, long=len(raw) > LONG_BODY) == raw
        return Body(Enc.JSON, redacted, None if exact else sha256(raw).hexdigest())
    if body.enc is Enc.TEXT:
        text, kind = str(body.value), content_type(headers)
        if _FORM in kind:
            return Body(Enc.TEXT, redactor.written(text, oauth=oauth))
        said = _events(text, redactor) if kind.startswith("text/event-stream") else redactor.text(text)
        return Body(Enc.TEXT, redactor.of_cut(said) if cut else said)
    if body.enc is Enc.B64:
        clean = redactor.text(raw.decode(errors="surrogateescape")).encode("utf-8", "surrogateescape")
        # it was refused for what it is, also where that was in a secret alone
        clean += b"" if _is_odd(clean) else b"\n\xff"
        return Body(Enc.B64, b64encode(clean).decode())
    return body


def _events(text: str, redactor: Redactor) -> str:
    """Events, each line of which is a text of its own, as JSON is."""
    lines = (line.partition("data: ") if line.startswith("data: ") else ("", "", line) for line in text.split("\n"))
    return "\n".join(f"{before}{mark}{redactor.text(said)}" for before, mark, said in lines)


def value_of(text: str, raw: bytes) -> Json:
    """The value that a text of JSON is, `raw` its bytes; None for one that wouldn't say all of it, and for no JSON."""
    try:
        value = loads(text)
        if _RUN in raw.translate(_DIGITS):  # of digits in a text nothing gets lost
            _EXACT.decode(text)
    except ValueError:
        return None
    return value


def _exact(number: str) -> float:
    if _RUN in number.encode().translate(_DIGITS):
        raise ValueError("a number would lose digits")
    return 0.0


_EXACT = json.JSONDecoder(parse_int=_exact, parse_float=_exact)


def _is_odd(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return True
    return False


def content_type(headers: Headers) -> str:
    """The content type, in lower case."""
    return (header_of(headers, "content-type") or "").lower()


def bytes_of(body: Body, values: Mapping[str, str] = NO_VALUES) -> bytes:
    """The body as it goes over the wire, stand-ins replaced by `values`; ValueError for one that no wire gave."""
    match body.enc:
        case Enc.NONE:
            return b""
        case Enc.JSON:
            text = dumps(body.value)
        case Enc.TEXT:
            text = str(body.value)
        case Enc.B64:
            raw = b64decode(str(body.value)).decode(errors="surrogateescape")
            return filled(raw, values).encode(errors="surrogateescape")
        case _:
            assert_never(body.enc)
    return filled(text, values).encode("utf-8", "surrogatepass")


def text_within(body: Body) -> str:
    """The text in which the body's stand-ins are."""
    return bytes_of(body).decode("utf-8", "surrogateescape")


def form_pairs(text: str) -> Pairs | None:
    """The pairs of a form, if they say all that a strict reader sees in it."""
    if not text.isascii():
        return None
    try:
        return tuple(parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict", separator="&"))
    except ValueError:
        return None


def loose_pairs(text: str) -> Iterator[tuple[str, str]]:
    """The pairs of a form or query, as well as they can be read."""
    for part in text.split("&"):
        name, _, value = part.partition("=")
        yield unquote_plus(name), unquote_plus(value)
