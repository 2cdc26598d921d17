"""How a text, and a secret in it, may be written: percent-encoded, in base64, escaped (recordings.md §5).

A text is looked at as it stands, and again with each writing undone: so what is known is found in whatever mixture of
them, behind whatever stands before it, and in time linear in the text.
"""

import json
import re
from base64 import b64encode, urlsafe_b64encode
from binascii import a2b_base64
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property
from html import escape
from itertools import accumulate
from typing import TypeAlias
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from lab.identity.clients import SHORTEST_SECRET
from lab.recording.format.text import first, matches, replaced

_ENCODED = re.compile("(?:%[0-9A-Fa-f]{2})+")
_SHORTEST_PACKED = 11
_PACKED = re.compile(rf"[A-Za-z0-9+/_-]{{{_SHORTEST_PACKED},}}+")
"""What may be base64 of a secret, and of what stands before and behind it; a shorter one has less than 8 bytes."""

Stretch: TypeAlias = tuple[int, int, str | None]
"""From where to where; None: of several that overlap."""


class TextView:
    """A text as it stands."""

    def __init__(self, text: str) -> None:
        self.text = text

    def span(self, start: int, stop: int, word: str | None) -> Stretch:
        """Where a stretch of it stands in the text that is viewed."""
        return start, stop, word


class _Unescaped(TextView):
    """A view with percent-encoding undone."""

    def __init__(self, of: TextView) -> None:
        super().__init__(replaced(_ENCODED, lambda found: _signs(found[0]), of.text))
        self._of = of

    @cached_property
    def _runs(self) -> "tuple[list[int], list[int], list[str]]":
        """Where each run of encoded signs begins, here and in what was written, and what it says; a view is asked seldom."""
        here, there, said, less = [0], [0], [""], 0
        for found in matches(_ENCODED, self._of.text):
            signs = _signs(found[0])
            here.append(found.start() - less)
            there.append(found.start())
            said.append(signs)
            less += len(found[0]) - len(signs)
        return here, there, said

    def span(self, start: int, stop: int, word: str | None) -> Stretch:
        return self._of.span(self._place(start), self._place(stop), word)

    def _place(self, place: int) -> int:
        here, there, said = self._runs
        number = bisect_right(here, place) - 1
        within, signs = place - here[number], said[number]
        encoded = 3 * len(signs[:within].encode("utf-8", "surrogateescape"))
        return there[number] + encoded + max(0, within - len(signs))


class _Unpacked(TextView):
    """What the words of a view say if they are base64, from the n-th letter of each on: so much stands before it."""

    def __init__(self, of: TextView, words: "Sequence[tuple[int, int]]", shift: int) -> None:
        packed = [of.text[start + shift : stop] for start, stop in words]
        quads = "".join([each + "A" * (-len(each) % 4) for each in packed])
        super().__init__(a2b_base64(quads.replace("-", "+").replace("_", "/")).decode("latin-1"))
        self._of, self._words, self._shift = of, words, shift

    @cached_property
    def _starts(self) -> "list[int]":
        lengths = (3 * (-(-(stop - start - self._shift) // 4)) for start, stop in self._words)
        return [0, *accumulate(lengths)]

    def span(self, start: int, stop: int, word: str | None) -> Stretch:
        number = bisect_right(self._starts, start) - 1
        begin, end = self._words[number]
        here, begin = self._starts[number], begin + self._shift
        # a letter is 6 bits of 8: all that have one of the first and the last byte
        first, last = begin + (start - here) * 4 // 3, begin - (here - stop) * 4 // 3
        return self._of.span(first, min(end, last), word)


def views(text: str) -> "Iterator[TextView]":
    """A text as it stands, with percent-encoding undone, and its words with base64 undone, and what is encoded in that."""
    plain = [*_unescaped(TextView(text))]
    yield from plain
    view = plain[-1]
    if len(text) >= _SHORTEST_PACKED and (words := [found.span() for found in matches(_PACKED, view.text)]):
        for shift in range(4):
            yield from _unescaped(_Unpacked(view, words, shift))


def _unescaped(view: TextView) -> Iterator[TextView]:
    yield view
    if "%" in view.text and first(_ENCODED, view.text) is not None:
        yield _Unescaped(view)


def _signs(encoded: str) -> str:
    return bytes.fromhex(encoded.replace("%", "")).decode("utf-8", "surrogateescape")


def forms(value: str) -> set[str]:
    """How it may stand in a view of a text: as it is, or as a form means it, escaped for a page or JSON, its bytes as signs."""
    read = {value, unquote(value), unquote_plus(value)}
    read |= {each.replace(" ", "+") for each in read}
    found = set(read)
    for each in read:
        as_bytes = each.encode("utf-8", "surrogatepass").decode("latin-1")
        found |= {escape(each), json.dumps(each)[1:-1], json.dumps(each, ensure_ascii=False)[1:-1], as_bytes}
    return {form for form in found if len(form) >= SHORTEST_SECRET}


def writings(value: str) -> set[str]:
    """How it may be written by itself: in any such form, percent-encoded, with small letters too, in base64."""
    raw = value.encode("utf-8", "surrogatepass")
    # one that a form holds as it is, is read as another, and that repeated
    read = unquote_plus(value).encode("utf-8", "surrogatepass")
    encoded = {form for each in (raw, read) for form in (quote_plus(each), quote(each, safe=""), quote(each))}
    found = (
        forms(value) | encoded | {_ENCODED.sub(lambda found: found[0].lower(), form) for form in encoded if "%" in form}
    )
    for packed in (b64encode(raw), urlsafe_b64encode(raw)):
        found |= {packed.decode(), packed.decode().rstrip("=")}
    return {form for form in found if len(form) >= SHORTEST_SECRET}
