"""Files in request bodies: their bytes are dropped at the door, for only the ids of documents matter (contract.md §2.4).

They may be many, so a thread drops them, in slices: it holds the interpreter's lock for no longer than others may wait.
"""

import re
from binascii import Error, a2b_base64

from msgspec.structs import replace

from lab.core.exchange import Request
from lab.dialects.reading import LARGEST_BODY

NO_FILE = "!"
"""What stands in the place of content that is no base64, and is as wrong."""

_NAME = b'"fileContent"'
_OPENING = re.compile(rb'"fileContent"\s*+:\s*+"')
# Possessive: a run that may be given back costs memory for each of its characters.
_TEXT = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_SLICE = 1 << 22
"""Bytes that are looked at by one call: 40 ms at most. They hold whole quanta of base64."""


def holds_files(body: bytes) -> bool:
    """Whether a body may hold files, at a glance."""
    return _NAME in body


def without_files(request: Request) -> Request:
    """An upload with its files' content emptied; what is left beyond the largest body is cut one byte past it.

    It is done before anything is handled or told, so a recording holds what was handled, and replays.
    """
    body, parts, end = request.body, bytearray(), 0
    while (opening := _OPENING.search(body, end)) and (close := _end_of_text(body, opening.end())) is not None:
        content = body[opening.end() : close].replace(rb"\/", b"/")
        parts += body[end : opening.end()] + (b'"' if is_base64(content) else NO_FILE.encode() + b'"')
        end = close + 1
    parts += body[end : end + LARGEST_BODY + 1]
    return replace(request, body=bytes(parts[: LARGEST_BODY + 1]))


def _end_of_text(body: bytes, start: int) -> int | None:
    """Where the quote stands that ends the text which begins at `start`; None: nowhere."""
    while found := _TEXT.match(body, start, start + _SLICE):
        end = found.end()
        if body[end : end + 1] == b'"':
            return end
        if end == start:  # the body ends in it
            return None
        start = end
    return None


def is_base64(text: bytes) -> bool:
    """Whether it is base64 (RFC 4648 §4), padded; nothing is."""
    if len(text) % 4 or text.endswith(b"==="):  # Python's decoder, though strict, takes too much padding
        return False
    for start in range(0, len(text), _SLICE):
        part = text[start : start + _SLICE]
        try:
            a2b_base64(part, strict_mode=True)
        except Error:
            return False
        if b"=" in part and start + _SLICE < len(text):
            return False
    return True
