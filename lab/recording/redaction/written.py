"""Forms, queries and paths as they were written, secrets apart (recordings.md §2.2, §5).

A mock reads them strictly: what isn't encoded, or stands without `=`, is refused. So where decoded pairs wouldn't give
that back, the text stands in the recording, and an alias in it stands for the value percent-encoded.
"""

import re
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl, quote, quote_plus, unquote, unquote_plus, unquote_to_bytes

from lab.recording.format.lines import Pairs
from lab.recording.redaction.alias import ALIAS, CONFIGURED, aliases, fill
from lab.recording.redaction.hiding import Hiding

_SLASH = re.compile(r"(/|%2[Ff])")


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


def without_secrets(text: str, hiding: Hiding, *, oauth: bool) -> str:
    """A form or query, pair by pair as it was written."""
    return "&".join(_pair(part, hiding, oauth=oauth) for part in text.split("&"))


def _pair(part: str, hiding: Hiding, *, oauth: bool) -> str:
    name, equals, value = part.partition("=")
    sign = _unreadable(value)
    # a replay's value has the sign behind it, and is to be known again
    plain = unquote_plus(value).removesuffix(unquote_plus(sign))
    clean = hiding.named(unquote_plus(name), plain, oauth=oauth, reply=False)
    written = _quoted(clean) + sign if aliases(clean) else hiding.text(value)
    left = hiding.text(unquote_plus(name))
    return (_quoted(left) + _unreadable(name) if aliases(left) else hiding.text(name)) + equals + written


def _unreadable(value: str) -> str:
    """A sign that is refused as the value is: not encoded, or no UTF-8."""
    if not value.isascii():
        return "é"
    try:
        unquote_to_bytes(value).decode()
    except UnicodeDecodeError:
        return "%FF"
    return ""


def _quoted(clean: str) -> str:
    """Text percent-encoded, its aliases as they are."""
    parts: list[str] = []
    end = 0
    for found in ALIAS.finditer(clean):
        parts += _plus(clean[end : found.start()]), found[0] if found[0][1] != "«" else _plus(found[0][1:])
        end = found.end()
    return "".join((*parts, _plus(clean[end:])))


def _plus(text: str) -> str:
    return quote_plus(text.encode("utf-8", "surrogatepass"))


def fill_written(text: str, values: Mapping[str, str]) -> str:
    """The text with aliases replaced by percent-encoded values."""
    return fill(text, {alias: _plus(values[alias]) for alias in aliases(text) if alias in values})


def path_without_secrets(path: str, hiding: Hiding) -> str:
    """The path, segment by segment as it was written; one secret over several segments is one in each."""
    if "%" not in path and hiding.text(path) == path:
        return path
    segments = _SLASH.split(path)
    clean = [hiding.text(unquote(segment)) for segment in segments]
    if set(aliases(hiding.text(unquote(path)))) <= set(aliases("".join(clean))):
        return "".join(_segment(*each, hiding) for each in zip(segments, clean, strict=True))
    return "".join(
        segment
        if _SLASH.fullmatch(segment) or hiding.secrets.is_own(segment)
        else hiding.secrets.secret(unquote(segment))
        for segment in segments
    )


def _segment(segment: str, clean: str, hiding: Hiding) -> str:
    if not aliases(clean):
        return hiding.text(segment) if "«" in segment else segment
    plain = unquote(segment)
    if clean.startswith(CONFIGURED) and hiding.secrets.find(plain) != clean:
        # in another writing, as base64: a replay would write it plainly, and with its signs
        clean = hiding.secrets.secret(plain)
    return _quoted(clean).replace("+", "%20") + _unreadable(segment)


def path_filled(path: str, values: Mapping[str, str]) -> str:
    """The path with aliases replaced by percent-encoded values."""
    return fill(path, {alias: quote(values[alias], safe="") for alias in aliases(path) if alias in values})
