"""JSON text as recordings hold it: compact, readable, and unable to fake a line, a diff or a terminal command."""

import json
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from math import isinf

import msgspec

from lab.core.exchange import Json
from lab.core.jsontext import deep, parse_strictly

_ODD = "\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff"
_ESCAPES = re.compile(rf"\\[\\bfnrt]|[{_ODD}]")
_SHORT = {r"\b": r"\u0008", r"\f": r"\u000c", r"\n": r"\u000a", r"\r": r"\u000d", r"\t": r"\u0009"}
_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False)
AT_A_TIME = 16_384
"""Characters that are looked through in one step: whoever else needs the interpreter gets it between two."""
_BEYOND = 8_192
"""What begins in a piece tells within so many characters behind it whether it is one."""


def matches(shape: re.Pattern[str], text: str, place: int = 0) -> Iterator[re.Match[str]]:
    """As `shape.finditer(text, place)`, piece by piece."""
    while place < len(text):
        stop = place + AT_A_TIME
        for found in shape.finditer(text, place, stop + _BEYOND):
            if found.start() >= stop:
                break
            whole = found if found.end() < stop + _BEYOND else shape.match(text, found.start()) or found
            yield whole
            place = whole.end()
        place = max(place, stop)


def first(shape: re.Pattern[str], text: str, place: int = 0) -> re.Match[str] | None:
    """The first of them."""
    return next(matches(shape, text, place), None)


def replaced(shape: re.Pattern[str], put: Callable[[re.Match[str]], str], text: str) -> str:
    """As `shape.sub(put, text)`, piece by piece."""
    if len(text) <= AT_A_TIME:
        return shape.sub(put, text)
    parts: list[str] = []
    end = 0
    for found in matches(shape, text):
        parts += text[end : found.start()], put(found)
        end = found.end()
    return "".join((*parts, text[end:])) if parts else text


def dumps(value: object) -> str:
    """One value, one text: member order kept, controls and direction marks always as `\\uXXXX`."""
    text = _encoder.encode(value)
    if text.isascii() and "\\" not in text and "\x7f" not in text:
        return text
    return _ESCAPES.sub(_escape, text)


@lru_cache(maxsize=4)
def _long_text(text: str) -> bytes:
    """A message comes in its request, and again in the fact that it brings: that it is written twice nobody need wait for."""
    try:
        written = msgspec.json.encode(text).decode()  # the same, in a tenth of the time
    except UnicodeEncodeError:  # lone surrogates, which only the slow one writes
        written = _encoder.encode(text)
    return replaced(_ESCAPES, _escape, written).encode()


def encoded(value: object, *, long: bool = False) -> bytes:
    """The same in UTF-8. `long`: it may be, and others get the interpreter in between."""
    return b"".join(_parts(value)) if long else dumps(value).encode()


def _parts(value: object) -> Iterator[bytes]:
    """What `dumps` would write, in parts each of which it writes at once."""
    match value:
        case str() if len(value) > AT_A_TIME:
            yield _long_text(value)
        case list():
            yield b"["
            for number, part in enumerate(value):
                yield from (b"," * (number > 0), *_parts(part))
            yield b"]"
        case dict():
            yield b"{"
            for number, (name, part) in enumerate(value.items()):
                yield from (b"," * (number > 0), *_parts(name), b":", *_parts(part))
            yield b"}"
        case _:
            yield dumps(value).encode()


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
