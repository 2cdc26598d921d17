"""Files in request bodies: their bytes are dropped at the door, for only the ids of documents matter (contract.md §2.4)."""

import re
from binascii import Error, a2b_base64

from msgspec.structs import replace

from lab.core.exchange import Request
from lab.dialects.reading import LARGEST_BODY

NO_FILE = "!"
"""What stands in the place of content that is no base64, and is as wrong."""

_NAME = b'"fileContent"'
# Possessive: a run that may be given back costs memory for each of its characters.
_CONTENT = re.compile(rb'("fileContent"\s*+:\s*+")([^"\\]*+(?:\\.[^"\\]*+)*+)"', re.DOTALL)


def holds_files(body: bytes) -> bool:
    """Whether a body may hold files, at a glance."""
    return _NAME in body


def without_files(request: Request) -> Request:
    """An upload with its files' content emptied; what is left beyond the largest body is cut one byte past it.

    It is done before anything is handled or told, so a recording holds what was handled, and replays.
    """
    body = _CONTENT.sub(_emptied, request.body)
    return replace(request, body=body[: LARGEST_BODY + 1])


def _emptied(found: re.Match[bytes]) -> bytes:
    return found[1] + (b'"' if is_base64(found[2].replace(rb"\/", b"/")) else NO_FILE.encode() + b'"')


def is_base64(text: bytes) -> bool:
    """Whether it is base64 (RFC 4648 §4), padded; nothing is."""
    try:
        a2b_base64(text, strict_mode=True)
    except Error:
        return False
    return True
