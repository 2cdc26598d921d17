"""Bodies of which only the shape is kept: member names, types and lengths (recordings.md §16).

What somebody's business is stays out of the recording. What the wire itself says stays, ids, instants, statuses: without
them nobody could follow a job.
"""

import re
from urllib.parse import urlencode

from lab.core.exchange import Headers, Json, json_bytes
from lab.dialects import wires
from lab.recording.format.lines import Body
from lab.recording.redaction.bodies import content_type, form_pairs, value_of
from lab.recording.tape.instants import INSTANTS
from lab.recording.tape.line_cache import LineCache

_KEPT = INSTANTS | {name for wire in wires() for name in (*wire.marks.ids, *wire.marks.own)}
_ONE_WORD = re.compile(r"[!-~]{1,200}")
"""What an id, an instant or a status is written with."""
_EVENT = re.compile(r"(data: ?)(.*)")


def shape_of(headers: Headers, body: bytes) -> bytes:
    """A body of the same shape: letters and digits give way to as many `x` and `1`."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return b"x" * len(body)
    kind = content_type(headers)
    if "x-www-form-urlencoded" in kind and (pairs := form_pairs(text)) is not None:
        return urlencode([(name, _text(name, value)) for name, value in pairs]).encode()
    if kind.startswith("text/event-stream"):
        return "\n".join(map(_line, text.split("\n"))).encode()
    return _body(text).encode()


def _line(line: str) -> str:
    found = _EVENT.fullmatch(line)
    return line if found is None or found[2] == "[DONE]" else f"{found[1]}{_body(found[2])}"


def _body(text: str) -> str:
    value = value_of(text, text.encode()) if text[:1] in "{[" else None
    return "x" * len(text) if value is None else json_bytes(_value("", value)).decode()


def _value(name: str, value: Json) -> Json:
    match value:
        case str():
            return _text(name, value)
        case bool() | None:
            return value
        case int() | float():
            return value if name in _KEPT else type(value)(re.sub(r"\d", "1", str(value)))
        case list():
            return [_value(name, part) for part in value]
        case dict():
            return {each: _value(each, part) for each, part in value.items()}


def _text(name: str, text: str) -> str:
    return text if name in _KEPT and _ONE_WORD.fullmatch(text) else "x" * len(text)


class ShapedBodies(LineCache):
    """Makes lines whose bodies are shapes, but for those of the identity domain: nobody's business is in them."""

    def body(self, headers: Headers, raw: bytes, *, oauth: bool, reply: bool, cut: bool = False) -> Body:
        """A body as it stands in its line."""
        if not oauth and raw:
            super().body(headers, raw, oauth=False, reply=reply)  # what is a secret in it may stand elsewhere, too
            raw = shape_of(headers, raw)
        return super().body(headers, raw, oauth=oauth, reply=reply, cut=cut)
