"""The writings in which a secret is looked for (recordings.md §5)."""

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import suppress
from html import escape
from itertools import product
from urllib.parse import quote, quote_plus, unquote_plus

from lab.identity.clients import SHORTEST_SECRET
from lab.recording.format.text import dumps

_SAFE = ("", "/", "/:", ":/?#[]@!$&'()*+,;=", "!'()*", "-_.!~*'()")
"""What encoders leave as it is: all is encoded; Python's `quote`, and as of a URL; `encodeURI`; RFC 3986's;
`encodeURIComponent`."""
_MARKS = "".join(map(chr, (*range(0x20, 0x30), *range(0x3A, 0x41), *range(0x5B, 0x61), *range(0x7B, 0x7F))))
_ESCAPED = ("/", "+", "/+", "<>&'=", "\"&'+<>`", _MARKS)
"""What encoders of JSON and HTML escape though they needn't: one of these, what a page takes for its own, all marks."""
_AS_JSON = ("\\u{:04x}", "\\u{:04X}")
_AS_HTML = ("&#{:d};", "&#{:03d};", "&#x{:x};", "&#x{:X};")
_SHORTEST_INNER = 10
"""Characters of base64 in the midst of other base64: fewer come about by chance."""


def forms_of(value: str, client: str | None = None) -> set[str]:
    """The value as itself, escaped for URLs, forms, JSON and HTML, in base64 and as hexadecimal digits, also with its owner before it."""
    raw = value.encode("utf-8", "surrogatepass")
    packed = {value, quote_plus(raw)}
    if client is not None:
        packed |= {f"{client}:{value}", f"{quote_plus(client.encode('utf-8', 'surrogatepass'))}:{quote_plus(raw)}"}
    forms = packed | {*_urls(raw), *_misread(value), *_inner(raw), *_inner(quote_plus(raw).encode())}
    forms |= {unquote_plus(value), escape(value), dumps(value)[1:-1], json.dumps(value)[1:-1]}
    forms |= {part for form in (value, json.dumps(value)[1:-1], *_misread(value)) for part in _parts(form)}
    for text in packed:
        forms |= set(_packed(text.encode("utf-8", "surrogatepass")))
    return {form for form in forms if len(form) >= SHORTEST_SECRET}


def escapes_of(value: str) -> set[str]:
    """The value with more escaped than must be, as some encoders of JSON (`\\/` is PHP's) and HTML do."""
    forms = set()
    for text in (dumps(value)[1:-1], json.dumps(value)[1:-1]):
        forms |= {text.replace("/", "\\/"), *(_numbered(text, *each) for each in product(_ESCAPED, _AS_JSON))}
    for marks, form in product(_ESCAPED, _AS_HTML):
        forms |= {_numbered(value, marks, form), _numbered(escape(value), marks.translate({38: "", 59: ""}), form)}
    forms |= set(map(unquote_plus, forms))
    return {form for form in forms if len(form) >= SHORTEST_SECRET}


def _numbered(text: str, marks: str, form: str) -> str:
    return text.translate({ord(mark): form.format(ord(mark)) for mark in marks})


def _urls(raw: bytes) -> Iterator[str]:
    """Percent-encoded, digits in either case, also where an encoder leaves more as it is than the shape of a URL holds."""
    for encoded in (quote_plus(raw), *(quote(raw, safe=safe) for safe in _SAFE)):
        yield encoded
        first, *rest = encoded.split("%")
        yield "%".join((first, *(part[:2].lower() + part[2:] for part in rest)))


def _parts(value: str) -> Iterator[str]:
    """What a form or query makes of one that wasn't encoded."""
    for part in re.split("[&=]", value):
        yield part
        yield unquote_plus(part)


def _misread(value: str) -> Iterator[str]:
    """As a reader of headers has it who takes one of UTF-8 and Latin-1 for the other."""
    yield value.encode("utf-8", "surrogatepass").decode("latin-1")
    with suppress(UnicodeEncodeError):
        yield value.encode("latin-1").decode("utf-8", "surrogateescape")


def _packed(raw: bytes) -> Iterator[str]:
    for packed in (b64encode(raw).decode(), urlsafe_b64encode(raw).decode()):
        yield packed
        yield packed.rstrip("=")
    yield raw.hex()
    yield raw.hex().upper()


def _inner(raw: bytes) -> Iterator[str]:
    """What base64 shows of the value wherever it stands in what was packed: three alignments, without what is shared."""
    for before in range(3):
        filled = b"\0" * before + raw
        first, last = -(-before * 8 // 6), len(filled) * 8 // 6
        for packed in (b64encode(filled).decode(), urlsafe_b64encode(filled).decode()):
            if last - first >= _SHORTEST_INNER:
                yield packed[first:last]
