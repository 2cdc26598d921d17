"""Bearer tokens in a text, told by their shape: as they are, in base64, or as hexadecimal digits (recordings.md §5).

They are looked for before all else, and each is found whole: all begin alike, so the beginning of one that somebody sent
as a secret stands in every other.
"""

import re
from base64 import b64decode
from bisect import bisect_left
from collections.abc import Iterator
from operator import attrgetter

from msgspec import Struct

_DOT = r"(?:\.|%(?:25)?2[Ee])"
_TOKEN = re.compile(rf"eyJ[\w-]{{1,1024}}{_DOT}eyJ[\w-]+(?:{_DOT}[\w-]*)?", re.ASCII)
_DOTS = re.compile(_DOT)
IS_JWT = re.compile(r"eyJ[\w-]{1,1024}\.eyJ[\w-]+\.[\w-]*", re.ASCII)
IS_TOKEN = re.compile(rf"{IS_JWT.pattern}|eyJ[\w-]{{1,1024}}\.eyJ[\w-]+", re.ASCII)
"""One whose signature may have been cut off."""
IS_HEAD = re.compile(r"eyJ(?:hbGci|0eXAi|raWQi|jdHki|4N[WX])[\w-]*", re.ASCII)
"""Its head alone, or the beginning of one: JSON whose first member is `alg`, `typ`, `kid`, `cty` or an `x5…`. No secret."""
_RUN = re.compile(r"[A-Za-z0-9+/_-]{20,}={0,2}")
_DIGITS = re.compile(r"65794[aA](?:[0-9a-fA-F]{2}){12,}")
"""What hexadecimal digits show of one, from `eyJ` on."""
_PACKED = ("ZXlK", "V5S", "leU")
"""What base64 makes of `eyJ`, by how many bytes stand before it: the signs that hold no part of another byte."""
_ALPHABET = str.maketrans("-_", "+/", "=")


class BearerToken(Struct, frozen=True):
    """Where one stands, and what it is."""

    start: int
    end: int
    plain: str


class BearerTokens:
    """All of a text, in order."""

    def __init__(self, text: str) -> None:
        self._all: list[BearerToken] = []
        some = [*_plain(text), *_packed(text)]
        if "65794" in text:
            some += _in_digits(text)
        for found in sorted(some, key=attrgetter("start")):
            if not self._all or found.start >= self._all[-1].end:
                self._all.append(found)
        self._starts = [each.start for each in self._all]

    def find(self, after: int) -> int:
        """Where the first one begins at or after this place; -1: none does."""
        index = bisect_left(self._starts, after)
        return self._starts[index] if index < len(self._starts) else -1

    def across(self, start: int, end: int) -> BearerToken | None:
        """The one that begins behind `start` and before `end`, and reaches beyond that; one at `start` may end there, too."""
        index = bisect_left(self._starts, end) - 1
        found = self._all[index] if index >= 0 else None
        return (
            found if found is not None and found.start >= start and found.end > end - (found.start == start) else None
        )


def _plain(text: str) -> Iterator[BearerToken]:
    for found in _TOKEN.finditer(text) if "eyJ" in text else ():
        yield BearerToken(found.start(), found.end(), _DOTS.sub(".", found[0]))


def _packed(text: str) -> Iterator[BearerToken]:
    for run in _RUN.finditer(text) if any(clue in text for clue in _PACKED) else ():
        if any(clue in run[0] for clue in _PACKED):
            yield from _unpacked(run)


def _in_digits(text: str) -> Iterator[BearerToken]:
    for run in _DIGITS.finditer(text):
        found = _TOKEN.match(bytes.fromhex(run[0]).decode("latin-1"))
        if found:
            yield BearerToken(run.start(), run.start() + 2 * found.end(), found[0])


def _unpacked(run: re.Match[str]) -> Iterator[BearerToken]:
    signs = run[0].translate(_ALPHABET)
    for skipped in range(4):
        packed = signs[skipped:]
        whole = packed[: len(packed) - (len(packed) % 4 == 1)]
        plain = b64decode(whole + "=" * (-len(whole) % 4)).decode("latin-1")
        for found in _TOKEN.finditer(plain):
            first, last = skipped + found.start() * 4 // 3, skipped - (-found.end() * 4 // 3)
            end = (
                run.end() if found.end() == len(plain) else run.start() + last
            )  # with padding, or the rest of what was cut
            yield BearerToken(run.start() + first, end, found[0])
