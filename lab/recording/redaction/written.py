"""Forms and queries as they were written, read."""

from collections.abc import Iterator
from urllib.parse import parse_qsl, unquote_plus

from lab.recording.format.lines import Pairs


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
