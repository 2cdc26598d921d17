"""Sets of characters, as Python's engine reads them: which characters a letter, a class or `\\w` of a pattern takes.

A set is told by the ranges that it names and by Unicode's categories, of which no list is made. What ignoring case adds
to the named ones is asked of Python's own engine: `s` takes `ſ` too, `i` the dotless one, `k` the sign of Kelvin.
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache
from typing import TypeAlias

from msgspec import Struct

Range: TypeAlias = tuple[int, int]
"""Code points, both ends included."""

HIGHEST = 0x10FFFF
NO_CASE = 0x1F000
NO_KIND = 0x34000
"""From here on no character has another case, or is of a kind (held by a test to the Unicode of this Python)."""
ASCII_CASED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz\u0130\u0131\u017f\u212a"
"""What may equal a letter of ASCII when case is ignored."""


class Kind(StrEnum):
    """What every character is one of; a digit is a word's too."""

    WORD = "word"
    DIGIT = "digit"
    SPACE = "space"
    OTHER = "other"


WORD_KINDS = frozenset({Kind.WORD, Kind.DIGIT})
CATEGORIES = {"WORD": WORD_KINDS, "DIGIT": frozenset({Kind.DIGIT}), "SPACE": frozenset({Kind.SPACE})}
"""What `\\w`, `\\d` and `\\s` take; the capital ones take the rest."""
ASCII_CATEGORIES: dict[str, tuple[Range, ...]] = {
    "WORD": ((48, 57), (65, 90), (95, 95), (97, 122)),
    "DIGIT": ((48, 57),),
    "SPACE": ((9, 13), (32, 32)),
}
"""The same under the flag `a`."""


class CharacterSet(Struct, frozen=True):
    """The characters in `ranges` or of one of the `kinds`; `negated`: all others."""

    ranges: tuple[Range, ...] = ()
    kinds: frozenset[Kind] = frozenset()
    negated: bool = False

    def holds(self, code: int, kind: Kind) -> bool:
        """Whether a character is in it, given by its code point and its kind."""
        named = kind in self.kinds or any(low <= code <= high for low, high in self.ranges)
        return named is not self.negated


NEWLINE = CharacterSet(((10, 10),))
ASCII_WORDS = CharacterSet(ASCII_CATEGORIES["WORD"])
UNICODE_WORDS = CharacterSet(kinds=WORD_KINDS)


def character_kind(code: int) -> Kind:
    """Of what kind a character is."""
    letter = chr(code)
    if letter.isdecimal():
        return Kind.DIGIT
    if letter.isalnum() or letter == "_":
        return Kind.WORD
    return Kind.SPACE if letter.isspace() else Kind.OTHER


def whatever_case(ranges: tuple[Range, ...], flags: int) -> tuple[Range, ...]:
    """The ranges, and what Python's engine takes for one of theirs when it ignores case."""
    among = ASCII_CASED if all(high < 0x80 for _, high in ranges) else _cased()
    named = "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in ranges)
    alike = re.findall(f"[{named}]", among, flags & re.ASCII | re.IGNORECASE) if named else []
    return tuple(sorted({*ranges, *((ord(letter), ord(letter)) for letter in alike)}))


@lru_cache(maxsize=1)
def _cased() -> str:
    """Every character that has another case."""
    letters = map(chr, range(NO_CASE))
    return "".join(letter for letter in letters if letter.lower() != letter or letter.upper() != letter)


@lru_cache(maxsize=1)
def runs() -> tuple[tuple[Kind, Range], ...]:
    """Where characters of a kind other than OTHER stand, beyond ASCII."""
    return tuple(_runs())


def _runs() -> Iterator[tuple[Kind, Range]]:
    letters = "".join(map(chr, range(0x80, NO_KIND)))
    # digits come last: they are words too, and what is read later holds
    for kind, expression in ((Kind.WORD, r"\w+"), (Kind.SPACE, r"\s+"), (Kind.DIGIT, r"\d+")):
        for found in re.finditer(expression, letters):
            yield kind, (found.start() + 0x80, found.end() + 0x7F)
