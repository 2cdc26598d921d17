"""A pattern's alphabet: characters that no set of a pattern tells apart become one byte, in the pattern and in texts.

RE2 knows `\\w`, `\\d`, `\\s` and `\\b` of ASCII alone, and case as another version of Unicode has it. So it never sees
characters: only bytes, of which those for words lie where its own `\\b` expects words.

    \\bZo\\w+   is read over five letters: z, o, another of a word, the end of a line, any other
"""

from bisect import bisect_right
from collections.abc import Sequence
from functools import cache, lru_cache

from msgspec import Struct

from lab.language.patterns.characters import (
    HIGHEST,
    NEWLINE,
    CharacterSet,
    Kind,
    Range,
    character_kind,
    runs,
)

_WORDS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
_OTHERS = bytes(byte for byte in range(256) if byte not in _WORDS and byte != 10)
_ASCII = 0x80


class TooManyLetters(Exception):
    """There are more letters than bytes."""


class Alphabet(Struct, frozen=True, eq=False):
    """Which byte stands for which characters."""

    starts: tuple[int, ...]
    """Code points at which the segments begin, within which sets ask for a character's kind alone."""
    segments: tuple[dict[Kind, int], ...]
    """Of each segment the byte by kind."""
    ascii: bytes
    """The byte for each character of ASCII."""
    bytes_of: dict[CharacterSet, bytes]
    """The bytes that stand for each set."""

    def encode(self, text: str) -> bytes:
        """A text in bytes, one a character; lone surrogates are characters like others."""
        if text.isascii():
            return text.encode().translate(self.ascii + self.ascii)
        return text.translate(_table(self)).encode("latin-1")


def alphabet(sets: Sequence[CharacterSet], boundary: CharacterSet | None) -> Alphabet:
    """The alphabet that tells the sets apart, and the ends of lines; `boundary`: what is a word's, if `\\b` asks."""
    asking = list(dict.fromkeys([NEWLINE, *sets, *([boundary] if boundary else [])]))
    starts = sorted({0, _ASCII, *(edge for each in asking for low, high in each.ranges for edge in (low, high + 1))})
    if starts[-1] > HIGHEST:
        starts.pop()
    numbers: dict[tuple[bool, ...], int] = {}
    pools = (
        {True: iter(_WORDS), False: iter(_OTHERS)} if boundary else dict.fromkeys((True, False), iter(_OTHERS + _WORDS))
    )

    @cache
    def number(start: int, kind: Kind) -> int:
        """The byte of the characters of a kind between a start and the next one."""
        answers = tuple(each.holds(start, kind) for each in asking)
        if answers not in numbers:
            word = boundary is not None and boundary.holds(start, kind)
            numbers[answers] = 10 if answers[0] else next(pools[word], -1)
            if numbers[answers] < 0:
                raise TooManyLetters
        return numbers[answers]

    plain = bytes(number(starts[bisect_right(starts, code) - 1], character_kind(code)) for code in range(_ASCII))
    segments = tuple({kind: number(start, kind) for kind in Kind} if start >= _ASCII else {} for start in starts)
    bytes_of = {
        each: bytes(sorted(byte for answers, byte in numbers.items() if answers[place]))
        for place, each in enumerate(asking)
    }
    return Alphabet(tuple(starts), segments, plain, bytes_of)


@lru_cache(maxsize=64)
def _table(letters: Alphabet) -> bytes:
    """The byte for every character: a megabyte, so not all are kept, and none is made for texts in ASCII."""
    table = bytearray(letters.ascii.ljust(HIGHEST + 1, b"\0"))
    ends = (*letters.starts[1:], HIGHEST + 1)
    for start, end, kinds in zip(letters.starts, ends, letters.segments, strict=True):
        if kinds:
            table[start:end] = bytes([kinds[Kind.OTHER]]) * (end - start)
    for kind, run in runs():
        _fill(table, letters, ends, kind, run)
    return bytes(table)


def _fill(table: bytearray, letters: Alphabet, ends: Sequence[int], kind: Kind, run: Range) -> None:
    place = bisect_right(letters.starts, run[0]) - 1
    while place < len(ends) and letters.starts[place] <= run[1]:
        start, end = max(run[0], letters.starts[place]), min(run[1] + 1, ends[place])
        table[start:end] = bytes([letters.segments[place][kind]]) * (end - start)
        place += 1
