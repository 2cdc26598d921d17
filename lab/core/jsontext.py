"""Bodies as JSON. Requests on a leash: bounds are counted before parsing (contract.md §2.6, limits.md §2).

Answers of somebody else's server are read tolerantly (`value_or_none`, `members_of`, `text_or_none`): what isn't there,
isn't there.
"""

import json

from lab.core.exchange import Json

DEEPEST = 64
DEEPEST_VALUE = 100
"""Levels of the deepest value that is taken for one: what nests deeper is text, so that no walk runs out of stack."""
MOST_DIGITS = 100
MOST_IN_BODY = 20_000
"""Values of a body, counted by its commas and brackets: each costs microseconds, in which nobody else is answered."""


class BadJson(ValueError):
    """The text is refused; the message says why, `flag` what the journal notes."""

    def __init__(self, why: str, flag: str | None = None) -> None:
        super().__init__(why)
        self.flag = flag


_SHAPE = bytes(byte if byte in b'",[]{}' else ord("0") if byte in b"0123456789" else ord(".") for byte in range(256))
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_TOO_MANY_DIGITS = b"0" * (MOST_DIGITS + 1)
_PIECE = 65_536
"""Bytes that are split at once: whoever else needs the interpreter gets it between two."""


def read_json(body: bytes) -> Json:
    """The value of a UTF-8 text, a BOM skipped; BadJson says what is wrong with any other."""
    if body.startswith(b"\xef\xbb\xbf"):
        body = body[3:]
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise BadJson("The body is not UTF-8.", "not_utf8") from None
    _check_bounds(body)
    try:
        return parse_strictly(text)
    except BadJson:
        raise
    except (ValueError, RecursionError) as error:
        raise BadJson(f"The body is not JSON: {_where(error)}.") from None


def _check_bounds(body: bytes) -> None:
    shape = _outside_strings(body)
    brackets = shape.translate(None, _NO_BRACKETS)
    if shape.count(b",") + len(brackets) // 2 >= MOST_IN_BODY:
        raise BadJson(f"The body holds more than {MOST_IN_BODY} values.")
    depth = 0
    for byte in brackets if len(brackets) > DEEPEST else b"":
        if byte in b"[{":
            depth += 1
            if depth > DEEPEST:
                raise BadJson(f"The body nests deeper than {DEEPEST} levels.")
        else:
            depth -= 1
    if _TOO_MANY_DIGITS in shape:
        raise BadJson(f"A number has more than {MOST_DIGITS} digits.")


def _outside_strings(body: bytes) -> bytes:
    """What stands outside strings, where these are told by a quote: commas and brackets as they are, 0 for any digit.

    A pattern that finds strings takes five times as long, and holds the interpreter for all of it.
    """
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    body = body.translate(_SHAPE)
    parts, inside = list[bytes](), False
    for start in range(0, len(body), _PIECE):
        pieces = body[start : start + _PIECE].split(b'"')
        parts.append(b"".join(pieces[inside::2]))
        inside ^= len(pieces) % 2 == 0
    return b"".join(parts)


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise BadJson("A member stands twice in one object.", "duplicate_key")
    return members


def _constant(name: str) -> Json:
    raise BadJson(f"{name} is no JSON number.")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise BadJson("A number is too large.")
    return number


_STRICT = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_constant, parse_float=_finite)


def parse_strictly(text: str) -> Json:
    """The value of a text that would come back the same: BadJson for a member that stands twice, or no JSON number.

    ValueError for what is no JSON, RecursionError for what nests too deep.
    """
    value: Json = _STRICT.decode(text)
    return value


def whole(value: Json) -> int | None:
    """The integer that a JSON number is, 1.0 as well as 1; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not value.is_integer():  # nor are infinity and NaN, which Python reads
        return None
    return int(value)


def deep(value: Json, text: str | bytes, limit: int = DEEPEST_VALUE) -> bool:
    """Whether the value of that text nests deeper than `limit` levels; few texts have so many brackets."""
    brackets = text.count("[") + text.count("{") if isinstance(text, str) else text.count(b"[") + text.count(b"{")
    if brackets <= limit:
        return False
    layer: list[Json] = [value]
    for _ in range(limit + 1):
        layer = [part for whole in layer if isinstance(whole, dict | list) for part in _parts(whole)]
        if not layer:
            return False
    return True


def _parts(whole: "dict[str, Json] | list[Json]") -> list[Json]:
    return list(whole.values()) if isinstance(whole, dict) else whole


def value_or_none(text: str | bytes) -> Json:
    """The value that somebody else's JSON is; None for what is none, and for what nests deeper than `DEEPEST_VALUE`."""
    try:
        value: Json = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return None if deep(value, text) else value


def members_of(body: bytes) -> dict[str, Json]:
    """The members of the JSON object that an answer holds; none if it holds something else."""
    value = value_or_none(body)
    return value if isinstance(value, dict) else {}


def text_or_none(value: Json) -> str | None:
    """A text; None for anything else."""
    return value if isinstance(value, str) else None


def integer_or_none(value: Json) -> int | None:
    """An integer as it is written without a point; None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _where(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg[:1].lower()}{error.msg[1:]} at line {error.lineno}, column {error.colno}"
    return "it can not be read"
