"""JSON text as recordings hold it: compact, readable, and unable to fake a line, a diff or a terminal command."""

import json
import re

from lab.core.exchange import Json
from lab.core.jsontext import parse_strictly

DEEPEST_VALUE = 100
"""Deeper values are written as text, so that no reader runs out of stack."""

_ODD = "\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff"
_SUSPECT = re.compile(rf"\\[bfnrt]|[{_ODD}]")
_ESCAPES = re.compile(rf"\\.|[{_ODD}]")
_SHORT = {r"\b": r"\u0008", r"\f": r"\u000c", r"\n": r"\u000a", r"\r": r"\u000d", r"\t": r"\u0009"}
_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False)


def dumps(value: object) -> str:
    """One value, one text: member order kept, controls and direction marks always as `\\uXXXX`."""
    text = _encoder.encode(value)
    if text.isascii() and "\\" not in text and "\x7f" not in text:
        return text
    return _ESCAPES.sub(_escape, text) if _SUSPECT.search(text) else text


def _escape(found: re.Match[str]) -> str:
    text = found[0]
    if text[0] == "\\":
        return _SHORT.get(text, text)
    return f"\\u{ord(text):04x}"


def loads(text: str) -> Json:
    """The value; ValueError for anything that is not plain JSON, nests too deep, or would be falsified."""
    try:
        return parse_strictly(text)
    except RecursionError:
        raise ValueError("the text nests too deep") from None


def deep(value: Json, limit: int = DEEPEST_VALUE) -> bool:
    """Whether the value nests deeper than `limit`."""
    layer: list[Json] = [value]
    for _ in range(limit + 1):
        layer = [part for whole in layer if isinstance(whole, dict | list) for part in _parts(whole)]
        if not layer:
            return False
    return True


def _parts(whole: "dict[str, Json] | list[Json]") -> list[Json]:
    return list(whole.values()) if isinstance(whole, dict) else whole
