"""Bodies of a pod's traffic as a recording has them: unpacked, so that secrets in them are found (recordings.md §16)."""

import zlib

from lab.core.exchange import Headers
from lab.core.unpacking import Unpacked
from lab.recording.format.lines import LONGEST_BODY

_READ = ("gzip", "x-gzip", "deflate")
OF_PACKED = ("content-encoding", "content-length")
"""Headers that tell of the bytes which went over the wire."""


def unpacked(headers: Headers, body: bytes) -> tuple[Headers, bytes]:
    """Headers and body once the body is unpacked; a sentence in its place where it can't be: nobody could look into it."""
    said = [value for name, value in headers if name == "content-encoding"]
    codings = [each for value in said for part in value.lower().split(",") if (each := part.strip()) != "identity"]
    if not codings or not body:
        return headers, body
    plain: bytes | None = body
    for coding in reversed(codings):
        plain = _unpacked(plain, coding) if plain is not None and coding in _READ else None
    if plain is None:
        plain = f"({len(body)} bytes of {', '.join(codings)}, which can't be looked into: not kept)".encode()
    return tuple(pair for pair in headers if pair[0] not in OF_PACKED), plain


def _unpacked(body: bytes, coding: str) -> bytes | None:
    """As much as there is of it: the rest may have been cut. None if it is broken."""
    try:
        # one byte more shows that it was cut
        return Unpacked(coding.removeprefix("x-")).feed(body, LONGEST_BODY + 1)
    except zlib.error:
        return None
