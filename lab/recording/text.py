"""JSON text as recordings hold it: compact, readable, and unable to fake a line, a diff or a terminal command."""

import json
import re

from lab.core.exchange import Json

DEEPEST = 100
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


class Falsified(ValueError):
    """A parsed value would say something else than the text."""


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Falsified("a member stands twice")
    return members


def _refuse(word: str) -> Json:
    raise Falsified(f"{word} is no JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise Falsified("a number is out of range")
    return number


_decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_finite)


def loads(text: str) -> Json:
    """The value; ValueError for anything that is not plain JSON, nests too deep, or would be falsified."""
    try:
        value: Json = _decoder.decode(text)
    except RecursionError:
        raise Falsified("the text nests too deep") from None
    return value


def deep(value: Json, limit: int = DEEPEST) -> bool:
    """Whether the value nests deeper than `limit`."""
    layer: list[Json] = [value]
    for _ in range(limit + 1):
        layer = [part for whole in layer if isinstance(whole, dict | list) for part in _parts(whole)]
        if not layer:
            return False
    return True


def _parts(whole: "dict[str, Json] | list[Json]") -> list[Json]:
    return list(whole.values()) if isinstance(whole, dict) else whole
