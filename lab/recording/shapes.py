"""What a secret looks like (recording.md §5), and the clue without which no text can hold one.

Trying every shape at every character is what redaction takes its time for; a clue is looked up at the speed of
reading. So a text is searched for those shapes only whose clues are in it: for most texts, for none.
"""

import re
from functools import cache
from typing import NamedTuple

from lab.recording.alias import GRAMMAR

NAMES = r"(?:[\w.-]*(?:token|secret|password)|assertion|client_assertion|code_verifier|device_code|user_code|api_key)"
"""Names of members and fields that hold a secret; as a clue, each contains one of `_NAMED`."""

_NAMED = ("token", "secret", "password", "assertion", "code_verifier", "device_code", "user_code", "api_key")
_JWT = r"eyJ[\w-]{1,1024}\.eyJ[\w-]+\.[\w-]*"
IS_JWT = re.compile(_JWT)
HEX = re.compile(r"[0-9a-f]{32}")


class _Shape(NamedTuple):
    """A pattern, a piece that each of its matches holds, and whether one holds a secret's name too."""

    pattern: str
    clue: str
    named: bool = False


# Every shape is bounded or anchored: an unbounded run tried from each of its characters takes the square of its length.
_SHAPES = (
    _Shape(rf"(?P<jwt>{_JWT})", "eyJ"),
    _Shape(r"(?P<packed>ZXlK[A-Za-z0-9+/_-]{16,}={0,2})", "ZXlK"),
    _Shape(r"(?P<hook>whsec_[A-Za-z0-9+/=_-]+)", "whsec_"),
    _Shape(r"(?P<pem>-----BEGIN [A-Z0-9 ]+-----[\s\S]*?(?:-----END [A-Z0-9 ]+-----|\Z))", "-----BEGIN "),
    _Shape(r"(?P<login>(?<=://)[^/\s@:]*:[^/\s@]+(?=@))", "://"),
    _Shape(rf"(?P<hex>{HEX.pattern})", ""),
    _Shape(rf"(?P<literal>{GRAMMAR})", "«"),
    _Shape(r"(?P<url>(?<![A-Za-z0-9._~*+:-])[A-Za-z0-9._~*+:-]*%[0-9A-Fa-f]{2}[A-Za-z0-9._~*+%:-]*)", "%"),
    _Shape(rf'(?P<member>"(?i:{NAMES})"\s*:\s*")(?P<told>(?:[^"\\]++|\\.)++)', '"', named=True),
    _Shape(rf"(?P<field>(?<![\w.-])(?i:{NAMES})=)(?P<given>[^&\s\"'<>]+)", "=", named=True),
)
ANY = "|".join(shape.pattern for shape in _SHAPES)
"""The pattern of all shapes; where two fit at one character, the first counts."""


def pattern_for(text: str) -> re.Pattern[str] | None:
    """A pattern that finds in `text` what `ANY` would find; None: nothing."""
    named = _holds_a_name(text)
    clues = tuple(
        (shape.clue in text if shape.clue else HEX.search(text) is not None) and (named or not shape.named)
        for shape in _SHAPES
    )
    return _pattern(clues) if any(clues) else None


def _holds_a_name(text: str) -> bool:
    if not text.isascii():  # some letters beyond ASCII count as ASCII ones where case doesn't
        return True
    folded = text.lower()
    return any(name in folded for name in _NAMED)


@cache
def _pattern(clues: tuple[bool, ...]) -> re.Pattern[str]:
    return re.compile("|".join(shape.pattern for shape, there in zip(_SHAPES, clues, strict=True) if there))
