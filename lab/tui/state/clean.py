"""The one door for text from outside: no control characters, no secrets, no more than a cap.

A terminal obeys what it is sent, so nothing raw gets into the state (screen.md §9).
"""

import json
import re
from base64 import urlsafe_b64decode
from binascii import Error as BadBase64
from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from typing import TypeVar
from urllib.parse import parse_qsl, unquote_plus

from msgspec import Struct
from msgspec.structs import replace

from lab.core.exchange import Headers, Json, Request, text_of
from lab.core.jsontext import members_of, value_or_none
from lab.recording.redaction.secret_names import is_secret, is_secret_header
from lab.recording.redaction.stand_ins import STAND_IN

CAP = 65_536
"""The most characters of one text that the screen keeps."""

REMEMBERED = 64
"""Bodies that are kept cleaned: a poll brings the same one again and again."""

DOTS = "••••••"
"""A secret, whatever its length."""

_PICTURES = {code: 0x2400 + code for code in range(0x20)} | {0x7F: 0x2421}
_BAD = dict.fromkeys((*range(0x80, 0xA0), *range(0xD800, 0xE000), 0x2028, 0x2029), 0xFFFD)
_BIDI = dict.fromkeys((0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)), 0xFFFD)
_DROPPED = dict.fromkeys((0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x00AD, *range(0xFE00, 0xFE10)))
_LINES: dict[int, int | str | None] = {**_PICTURES, **_BAD, **_BIDI, **_DROPPED, 0x0A: 0x0A, 0x09: "    "}
_LINE: dict[int, int | str | None] = {**_LINES, 0x0A: 0x20, 0x09: " "}

_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){1,2}")
_BEARER = re.compile(
    rf"(?i:\b(?P<scheme>bearer|basic)\s+)(?!(?:{STAND_IN.pattern})(?![A-Za-z0-9._~+/=%:-]))[A-Za-z0-9._~+/=%:-]{{6,}}"
)


def lines(text: str, cap: int = CAP) -> str:
    """Text that may have line breaks."""
    return _cleaned(text, cap, _LINES)


def line(text: str, cap: int = 4_096) -> str:
    """Text for one row."""
    return _cleaned(text, cap, _LINE)


_OF_LINES = frozenset(("error", "output", "text", "why"))
"""Members that may have line breaks."""
_Whole = TypeVar("_Whole", bound=Struct)


def whole(value: _Whole) -> _Whole:
    """A Struct from outside with every text in it cleaned: what is no JSON, and has no secret as a whole."""
    return replace(value, **{name: _part(name, getattr(value, name)) for name in value.__struct_fields__})


def _part(name: str, value: object) -> object:
    match value:
        case Enum():
            return value
        case str():
            return lines(value) if name in _OF_LINES else line(value, 500)
        case tuple():
            return tuple(_part(name, each) for each in value)
        case Struct():
            return whole(value)
        case _:
            return value


def _cleaned(text: str, cap: int, signs: Mapping[int, int | str | None]) -> str:
    text = text[:cap]
    if not (text.isascii() and text.isprintable()):
        text = text.replace("\r\n", "\n").translate(signs)
    return masked(text)


def token_ends(token: str) -> str:
    """A token as its first 8 … last 4; all of a short one is hidden. A recording's stand-in stands for itself."""
    if STAND_IN.fullmatch(token):
        return token
    return line(f"{token[:8]}…{token[-4:]}") if len(token) >= 24 else DOTS


def masked(text: str) -> str:
    """The text without bearers, Basic credentials and JWTs."""
    if " " not in text and "eyJ" not in text and "\n" not in text:
        return text
    text = _BEARER.sub(lambda found: f"{found['scheme']} {DOTS}", text)
    return _JWT.sub(lambda found: token_ends(found[0]), text)


def both_ends(text: str) -> str:
    """Both ends of a long text: `c81f27d4…d4a90b3c`."""
    return text if len(text) <= 17 else f"{text[:8]}…{text[-8:]}"


def end_of(text: str, most: int) -> str:
    """The end of a text that is longer than `most`, `…` before it."""
    return text if len(text) <= most else "…" + text[1 - most :]


def beginning(text: str, most: int) -> str:
    """The beginning of a text that is longer than `most`, `…` after it."""
    return text if len(text) <= most else text[: most - 1].rstrip(" ") + "…"


def is_form(kind: str | None) -> bool:
    """Whether a content type is that of a form."""
    return kind is not None and "form-urlencoded" in kind


def _is_secret_field(name: str) -> bool:
    """In a form or a query `code` is that of a grant; in JSON it says what went wrong."""
    return name.lower() == "code" or _is_secret_member(name)


def _is_secret_member(name: str) -> bool:
    """What a tape hides, but for what the person at the screen types in elsewhere."""
    return is_secret(name) and name.lower() != "user_code"


def form(body: bytes) -> tuple[tuple[str, str], ...]:
    """The fields of a form, secrets as dots."""
    pairs = parse_qsl(body[:CAP].decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=None)
    return tuple((line(name, 64), DOTS if _is_secret_field(name) else line(value)) for name, value in pairs)


def pairs(text: str) -> tuple[tuple[str, str], ...]:
    """The fields of a form that is cleaned already, as `body` writes it."""
    fields = (each.partition("=") for each in text.split("\n") if text)
    return tuple((name, value) for name, _, value in fields)


def target(request: Request) -> str:
    """Path and query, secrets in it as dots."""
    path = line(request.path, 2_048)
    if not request.query:
        return path
    return line(masked(f"{path}?{'&'.join(map(_parameter, request.query[:CAP].split('&')))}"))


def _parameter(text: str) -> str:
    name, sign, _ = text.partition("=")
    return f"{name}{sign}{DOTS}" if sign and _is_secret_field(unquote_plus(name)) else text


def headers(pairs: Headers) -> tuple[tuple[str, str], ...]:
    """Header fields, secrets as dots."""
    return tuple(_header(name, value) for name, value in pairs[:64])


@lru_cache(maxsize=256)
def _header(name: str, value: str) -> tuple[str, str]:
    """One field; most of them come with every call."""
    known, (word, _, rest) = name.lower(), value.partition(" ")
    if known == "authorization" and word.lower() == "bearer":
        value = f"Bearer {token_ends(rest.strip())}"
    elif known == "authorization" and word.lower() == "basic" and STAND_IN.fullmatch(rest):
        pass
    elif known == "authorization":
        value = f"{word} {DOTS}" if word.lower() == "basic" else DOTS
    else:
        value = DOTS if is_secret_header(name) else line(value)
    return line(name, 64), value


def value_line(value: Json, cap: int = 4_096) -> str:
    """A value of JSON in one row: a string as it is, all else as compact JSON."""
    return line(value if isinstance(value, str) else text_of(_safe(value)), cap)


@lru_cache(maxsize=REMEMBERED)
def body(raw: bytes, kind: str | None) -> str:
    """A body as text: JSON on one line, a form as lines, secrets masked."""
    if not raw:
        return ""
    if is_form(kind):
        return "\n".join(f"{name}={value}" for name, value in form(raw))
    value = value_or_none(raw) if len(raw) <= CAP else None
    if isinstance(value, dict | list):
        return lines(json.dumps(_safe(value), ensure_ascii=False))
    return lines(raw[:CAP].decode("utf-8", "replace"))


def compact(raw: bytes, kind: str | None, value: Json, cap: int) -> str:
    """The beginning of a body in one row; `value` is what it holds, if it is JSON."""
    if is_form(kind):
        return line(body(raw, kind).replace("\n", "&"), cap)
    if isinstance(value, dict | list):
        return value_line(value, cap)
    return line(raw[: 4 * cap].decode("utf-8", "replace"), cap)


def _safe(value: Json) -> Json:
    if isinstance(value, dict):
        return {name: _member(name, member) for name, member in value.items()}
    return [_safe(member) for member in value] if isinstance(value, list) else value


def _member(name: str, value: Json) -> Json:
    if isinstance(value, str) and _is_secret_member(name):
        return token_ends(value)
    return _safe(value)


def claims(token: str) -> dict[str, str]:
    """The claims of a JWT as text, cleaned; none of an opaque token. The signature isn't looked at."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        value = members_of(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, BadBase64):
        return {}
    return {line(name, 64): line(_scalar(member), 512) for name, member in list(value.items())[:32]}


def _scalar(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
