"""JSON text as recordings hold it: compact, readable, and unable to fake a line, a diff or a terminal command."""

import json
import re
from math import isinf

import msgspec

from lab.core.exchange import Json
from lab.core.jsontext import deep, parse_strictly

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


def _refuse(word: str) -> Json:
    raise ValueError(f"{word} is no JSON")


def _finite(text: str) -> float:
    if isinf(number := float(text)):
        raise ValueError(f"{text[:20]} is too large a number")
    return number


_decoder = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)


def line_value(raw: bytes) -> Json:
    """What a line of a recording holds; ValueError or RecursionError if that is no JSON, or no value of ours."""
    try:
        value: Json = msgspec.json.decode(raw)
    except msgspec.DecodeError:  # lone surrogates, which only the slow one reads
        value = _decoder.decode(raw.decode())
    return value


def loads(text: str) -> Json:
    """The value; ValueError for anything that is not plain JSON, nests too deep, or would be falsified."""
    try:
        value = parse_strictly(text)
    except RecursionError:
        raise ValueError("the text nests too deep") from None
    if deep(value, text):
        raise ValueError("the text nests too deep")
    return value
