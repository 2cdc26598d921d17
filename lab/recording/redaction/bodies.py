"""Bodies: bytes -> what a recording holds, redacted, and back (recordings.md §2.2)."""

import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from hashlib import sha256
from sys import float_info
from typing import assert_never

from lab.core.exchange import Headers, Json, header_of
from lab.recording.format.lines import Body, Enc
from lab.recording.format.text import dumps, loads
from lab.recording.redaction.alias import NUMBER, fill
from lab.recording.redaction.redact import Redactor
from lab.recording.redaction.written import fill_written, without_secrets

_FALSIFIED = re.compile(r"(?<![\w.\"])-?[0-9]*\.?[0-9]{19}")
"""A number with more digits than any reader of JSON keeps."""
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_DIGITS = bytes(ord("0") if chr(code).isdecimal() else ord(".") for code in range(256))
_RUN = b"0" * 19
"""What stands in such a number, and is found sooner."""


def body_of(headers: Headers, raw: bytes, redactor: Redactor, *, oauth: bool, reply: bool) -> Body:
    """The body as a recording holds it."""
    if not raw:
        return Body()
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        clean = redactor.text(raw.decode(errors="surrogateescape")).encode("utf-8", "surrogateescape")
        # it was refused for what it is, also where that was in a secret alone
        clean += b"" if _is_odd(clean) else b"\n\xff"
        return Body(Enc.B64, b64encode(clean).decode())
    kind = content_type(headers)
    if "x-www-form-urlencoded" in kind:
        return Body(Enc.TEXT, without_secrets(text, redactor, oauth=oauth))
    value = value_of(text, raw) if "json" in kind or text[:1] in "{[" else None
    if value is None:
        clean_text = _events(text, redactor) if kind.startswith("text/event-stream") else redactor.text(text)
        return Body(Enc.TEXT, clean_text)
    redacted = redactor.json(value, oauth=oauth, reply=reply)
    again = dumps(redacted)
    return Body(Enc.JSON, redacted, _raw(redacted == value, again, raw))


def _events(text: str, redactor: Redactor) -> str:
    """Events, each line of which is a text of its own, as JSON is."""
    lines = (line.partition("data: ") if line.startswith("data: ") else ("", "", line) for line in text.split("\n"))
    return "\n".join(mark + redactor.text(said) for _, mark, said in lines)


def value_of(text: str, raw: bytes) -> Json:
    """The value that a text of JSON is, `raw` its bytes; None for one that wouldn't say all of it, and for no JSON."""
    # of digits in a text nothing gets lost
    if _RUN in raw.translate(_DIGITS) and _FALSIFIED.search(_STRING.sub('""', text)):
        return None
    try:
        return loads(text)
    except ValueError:
        return None


def _is_odd(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return True
    return False


def content_type(headers: Headers) -> str:
    """The content type, in lower case."""
    return (header_of(headers, "content-type") or "").lower()


def _raw(same: bool, again: str, raw: bytes) -> str | None:
    """The digest of the bytes, if nothing was redacted and writing the value again would give others."""
    return sha256(raw).hexdigest() if same and again.encode() != raw else None


def bytes_of(body: Body, values: Mapping[str, str], *, form: bool = False) -> bytes:
    """The body as it goes over the wire, aliases replaced by `values`.

    `form`: it is one, so in a text values are percent-encoded.
    """
    match body.enc:
        case Enc.NONE:
            return b""
        case Enc.JSON:
            return dumps(filled(body.value, values)).encode()
        case Enc.TEXT:
            return (fill_written if form else fill)(str(body.value), values).encode("utf-8", "surrogatepass")
        case Enc.B64:
            text = b64decode(str(body.value)).decode(errors="surrogateescape")
            return fill(text, values).encode(errors="surrogateescape")
        case _:
            assert_never(body.enc)


def text_within(body: Body) -> str:
    """The text in which the body's aliases stand."""
    match body.enc:
        case Enc.B64:
            return b64decode(str(body.value)).decode(errors="surrogateescape")
        case Enc.NONE | Enc.JSON | Enc.TEXT:
            return str(body.value)
        case _:
            assert_never(body.enc)


def filled(value: Json, values: Mapping[str, str]) -> Json:
    """The JSON value with aliases replaced."""
    match value:
        case str() if value.startswith("«number:") and (number := NUMBER.fullmatch(fill(value, values))):
            return min(float(number[0]), float_info.max) if number[2] else int(number[0])
        case str():
            return fill(value, values)
        case list():
            return [filled(part, values) for part in value]
        case dict():
            return {fill(name, values): filled(part, values) for name, part in value.items()}
        case _:
            return value
