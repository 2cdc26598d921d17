"""Bodies: bytes -> what a recording holds, redacted, and back (recordings.md §2.2)."""

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress
from hashlib import sha256
from sys import float_info
from typing import TypeAlias, assert_never
from urllib.parse import unquote_plus, urlencode

from msgspec.structs import replace

from lab.core.errors import RecordingError
from lab.core.exchange import Headers, Json, header_of
from lab.recording.format.lines import LONGEST_BLOB, Body, Enc, Pairs, Res
from lab.recording.format.text import dumps, loads
from lab.recording.redaction.alias import NUMBER, fill
from lab.recording.redaction.redact import Redactor
from lab.recording.redaction.written import fill_written, form_pairs, without_secrets

INLINE = 64 * 1024
"""Bytes of the longest body that stands in its line."""
_FALSIFIED = re.compile(r"(?<![\w.\"])-?[0-9]*\.?[0-9]{19}")
"""A number with more digits than any reader of JSON keeps."""
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_DIGITS = bytes(ord("0") if chr(code).isdecimal() else ord(".") for code in range(256))
_RUN = b"0" * 19
"""What stands in such a number, and is found sooner."""

Blob: TypeAlias = Callable[[str], bytes]
"""Gives the bytes of a digest back."""
Blobs: TypeAlias = Callable[[str, bytes], None]
"""Takes a digest and the redacted bytes it belongs to."""


def query_pairs(query: str) -> Pairs:
    """The query as pairs, decoded, in order; what can't be decoded stays percent-encoded."""
    parts = (part.partition("=") for part in query.split("&") if part)
    return tuple((_decoded(name), _decoded(value)) for name, _, value in parts)


def _decoded(text: str) -> str:
    try:
        return unquote_plus(text, errors="strict")
    except UnicodeDecodeError:
        return text


def body_of(
    headers: Headers, raw: bytes, redactor: Redactor, *, oauth: bool, reply: bool, blobs: Blobs | None = None
) -> Body:
    """The body as a recording holds it."""
    if not raw:
        return Body()
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        clean = redactor.text(raw.decode(errors="surrogateescape")).encode("utf-8", "surrogateescape")
        # it was refused for what it is, also where that was in a secret alone
        clean += b"" if _is_odd(clean) else b"\n\xff"
        return _inline(Enc.B64, b64encode(clean).decode(), blobs)
    kind = content_type(headers)
    if "x-www-form-urlencoded" in kind:
        pairs = form_pairs(text)
        if pairs is None:
            return _inline(Enc.TEXT, without_secrets(text, redactor, oauth=oauth), blobs)
        clean_pairs = redactor.pairs(pairs, oauth=oauth)
        written: Json = [list(pair) for pair in clean_pairs]
        return _inline(Enc.FORM, written, blobs, _raw(clean_pairs == pairs, urlencode(pairs), raw))
    value = value_of(text, raw) if "json" in kind or text[:1] in "{[" else None
    if value is None:
        clean_text = _events(text, redactor) if kind.startswith("text/event-stream") else redactor.text(text)
        return _inline(Enc.TEXT, clean_text, blobs)
    redacted = redactor.json(value, oauth=oauth, reply=reply)
    again = dumps(redacted)
    return _inline(Enc.JSON, redacted, blobs, _raw(redacted == value, again, raw), again)


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


def _inline(enc: Enc, value: Json, blobs: Blobs | None, raw: str | None = None, written: str | None = None) -> Body:
    if blobs is None:
        return Body(enc, value, raw)
    text = written or (value if isinstance(value, str) else dumps(value))
    if len(text) <= INLINE:
        return Body(enc, value, raw)
    data = text.encode("utf-8", "surrogatepass")[:LONGEST_BLOB]
    digest = sha256(data).hexdigest()
    blobs(digest, data)
    return Body(Enc.BLOB, {"sha256": digest, "len": len(data), "enc": enc.value}, raw)


def bytes_of(body: Body, values: Mapping[str, str], blob: Blob | None = None, *, form: bool = False) -> bytes:
    """The body as it goes over the wire, aliases replaced by `values`; RecordingError or ValueError if a blob can't be had.

    `form`: it is one, so in a text values are percent-encoded.
    """
    match body.enc:
        case Enc.NONE:
            return b""
        case Enc.JSON:
            return dumps(filled(body.value, values)).encode()
        case Enc.FORM:
            assert isinstance(body.value, list)
            pairs = [(str(pair[0]), str(pair[1])) for pair in body.value if isinstance(pair, list)]
            return urlencode([(fill(name, values), fill(value, values)) for name, value in pairs]).encode()
        case Enc.TEXT:
            return (fill_written if form else fill)(str(body.value), values).encode("utf-8", "surrogatepass")
        case Enc.B64:
            text = b64decode(str(body.value)).decode(errors="surrogateescape")
            return fill(text, values).encode(errors="surrogateescape")
        case Enc.BLOB:
            return bytes_of(unfolded(body, blob), values, form=form)
        case _:
            assert_never(body.enc)


def unfolded(body: Body, blob: Blob | None) -> Body:
    """The body that a blob holds; RecordingError if it isn't there, ValueError if it was cut."""
    assert isinstance(body.value, dict)
    text = check_blob(body, blob).decode("utf-8", "surrogatepass")
    enc = Enc(str(body.value.get("enc")))
    return Body(enc, text if enc in (Enc.TEXT, Enc.B64) else loads(text))


def unfolded_reply(line: Res, blob: Blob | None) -> Res:
    """The reply with its long body in its line, if it has one; one that was cut, so that it is no value, stays as it is."""
    if line.enc is not Enc.BLOB:
        return line
    with suppress(ValueError):
        body = unfolded(line.body, blob)
        return replace(line, enc=body.enc, value=body.value)
    return line


def text_within(body: Body, blob: Blob | None) -> str:
    """The text in which the body's aliases stand."""
    match body.enc:
        case Enc.BLOB:
            return text_within(unfolded(body, blob), None)
        case Enc.B64:
            return b64decode(str(body.value)).decode(errors="surrogateescape")
        case Enc.NONE | Enc.JSON | Enc.FORM | Enc.TEXT:
            return str(body.value)
        case _:
            assert_never(body.enc)


def check_blob(body: Body, blob: Blob | None) -> bytes:
    """The bytes of a body's blob, if it has one; RecordingError if they aren't there or are others."""
    if body.enc is not Enc.BLOB:
        return b""
    assert isinstance(body.value, dict)
    name, length = str(body.value.get("sha256")), body.value.get("len")
    if blob is None:
        raise RecordingError(f"The blob {name} is missing.")
    data = blob(name)
    if len(data) != length:
        raise RecordingError(f"The blob {name} has {len(data)} bytes, and its line says {length}.")
    return data


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
