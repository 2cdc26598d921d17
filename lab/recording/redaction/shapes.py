"""What a secret looks like, and where in a text one can begin (recordings.md §5).

The pattern has ten alternatives, which is too much to try at each character of a body of megabytes. So prefilters
look for what an alternative can't do without, a fixed text each, and the pattern is tried only where one may begin.
The result is that of `pattern.sub`: a prefilter may name too many places, and never misses one.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from functools import cache, partial
from heapq import heapify, heappop, heapreplace
from typing import TypeAlias

from lab.recording.redaction.alias import GRAMMAR
from lab.recording.redaction.bearer_tokens import BearerTokens
from lab.recording.redaction.known_texts import KnownTexts
from lab.recording.redaction.secret_names import CLUES, NAMES

HEX = re.compile(r"[0-9a-f]{32}")
TYPED_CODE = '<input name="user_code" value="'
"""How the page of a device's code repeats one that was typed, be it a word of the lab's own."""
# Every shape is bounded or anchored: an unbounded run tried from each of its characters takes the square of its length.
SHAPES = "|".join(
    (
        r"(?P<hook>whsec_[A-Za-z0-9+/=_-]+)",
        r"(?P<pem>-----BEGIN [A-Z0-9 ]+-----[\s\S]*?(?:-----END [A-Z0-9 ]+-----|\Z))",
        r"(?P<login>(?<=://)[^/\s@:]*:[^/\s@]+(?=@))",
        rf"(?P<hex>{HEX.pattern})",
        rf"(?P<literal>{GRAMMAR})",
        r"(?P<url>(?<![A-Za-z0-9._~*+:-])[A-Za-z0-9._~*+:-]*%[0-9A-Fa-f]{2}[A-Za-z0-9._~*+%:-]*)",
        rf'(?P<member>"(?i:{NAMES})"\s*:\s*")(?P<quoted>(?:[^"\\]++|\\.)++)',
        rf'(?P<part>"(?i:{NAMES})"[^\r\n]{{0,512}}+\r?\n(?:[^\r\n]{{1,512}}+\r?\n){{0,8}}+\r?\n)(?P<inside>[\s\S]+?)(?=\r?\n--|\Z)',
        rf"(?P<page>{TYPED_CODE})(?P<typed>[^\"<>]+)",
        rf"(?P<field>(?<![\w.-])(?i:{NAMES})\]?=)(?P<plain>[^&\s\"'<>]+)",
        r"(?P<word>(?<![\w-])Bearer[ ])(?P<credential>(?=[\w.~+/-]*\d)[\w.~+/-]{16,}=*)",
    )
)
_FIXED = ("whsec_", "-----BEGIN ")
"""How the shapes begin that begin with a fixed text."""
_WHOLE = frozenset(("hook", "pem", "login"))
"""The shapes that are secret as a whole, also where they begin with what is known."""
_MARKS = frozenset('"\\')
"""What a text of JSON holds behind a backslash only."""
_NAMED = frozenset(("quoted", "inside", "plain", "credential", "typed"))
"""The shapes of which a name stays."""
_FEW = 128
"""Beginnings that are looked for one by one: that is sooner done, but in a short text."""
_CLUED = re.compile(rf"((?:{'|'.join(CLUES)})[\w.-]*+)(\]?=|\")".encode())
"""The end of a name, and behind it what tells that a secret follows."""
_NAME = re.compile(rf"(?i:{NAMES})")
_CLUES_OF_NAMES = tuple(clue.encode() for clue in CLUES)
_LONG = 256
_IN_URL = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~*+:-")
_ESCAPE = re.compile("%[0-9A-Fa-f]{2}")
_LOGIN = re.compile(r"://[^/\s@:]*:[^/\s@]+@")
_LITERAL = re.compile(GRAMMAR)
_QUOTES = re.compile("«+")
FOLDED = {"ſ": "s", "\u212a": "k", "ı": "i", "İ": "i"}
"""What a pattern that ignores case takes for a letter of ASCII."""
_DIGITS = bytes(ord("x") if chr(code) in "0123456789abcdef" else ord(".") for code in range(256))
_RUN = b"x" * 32


def _unescaped(before: str, first: str) -> str:
    """What stands before a secret of that first character, without the backslash that escaped it: nothing needs it now."""
    odd = first in _MARKS and (len(before) - len(before.rstrip("\\"))) % 2
    return before[:-1] if odd else before


class ScannedText:
    """A text as prefilters see it: every character has the same place in all three."""

    __slots__ = ("_labels", "digits", "small", "text", "tokens")

    def __init__(self, text: str) -> None:
        narrow = text.encode("latin-1", "replace")
        self.text = text
        self.digits = narrow.translate(_DIGITS)
        """An x for every hexadecimal digit."""
        self.tokens = BearerTokens(text)
        self.small = (narrow if text.isascii() else _folded(text)).lower()
        self._labels: list[int] | None = None

    @property
    def labels(self) -> list[int]:
        """Where a name may say that a secret follows, in order."""
        if self._labels is None:
            self._labels = sorted(set(_name_places(self.text, self.small)))
        return self._labels


def _name_places(text: str, small: bytes) -> Iterator[int]:
    """Where the name of a secret stands as in a query, a form or JSON; `small` is the text in small letters of one byte."""
    if not ("=" in text or '"' in text):
        return
    if len(small) > _LONG and not any(clue in small for clue in _CLUES_OF_NAMES):
        return  # which is sooner seen, but in a short text
    begun = 0
    for found in _CLUED.finditer(small):
        first = found.start()
        while first > begun and (text[first - 1].isalnum() or text[first - 1] in "_.-"):
            first -= 1
        begun = found.end(1)
        if not _NAME.fullmatch(text, first, begun):
            continue
        if found[2] != b'"':
            yield first
        elif text[first - 1 : first] == '"':
            yield first - 1


def _folded(text: str) -> bytes:
    for odd, letter in FOLDED.items():
        text = text.replace(odd, letter)
    return text.encode("latin-1", "replace")


Prefilter: TypeAlias = Callable[[ScannedText, int], int]
"""The first place at or after the given one where a secret of one shape may begin; -1: nowhere."""


class Shapes:
    """What is looked for, and its prefilters, each with what makes it worth asking."""

    def __init__(self, known: KnownTexts, own: str, elsewhere: str = "") -> None:
        """`own` is the lab's own origin, `elsewhere` its second one, if any.

        They and what is known to be secret come before any shape.
        """
        self._known = known
        origins = {name: text for name, text in (("own", own), ("elsewhere", elsewhere)) if text}
        either = "|".join(f"(?P<{name}>{re.escape(text)})" for name, text in origins.items())
        self._own = re.compile(rf"(?:{either})(?![\w.:-])" if origins else "(?!)")
        fixed = (*origins.values(), *_FIXED)
        self._of_shapes: tuple[tuple[str, Prefilter], ...] = (
            *((text, partial(_fixed, text)) for text in fixed),
            *_CLUES,
        )
        self._of_known: tuple[tuple[str, Prefilter], ...] = ()
        """One for each beginning of what is known."""

    def sub(self, replace: Callable[[re.Match[str]], str], secret: Callable[[str], str], text: str) -> str:
        """The text, in it aliases for what is known, and else what `replace` makes of the origin and of a shape.

        `secret` gives the alias of a bearer token.
        """
        scanned = ScannedText(text)
        shapes = [each for clue, each in self._of_shapes if clue in text]
        prefilters = [*shapes, *self._worth_asking(text)]
        places = [
            (place, number) for number, prefilter in enumerate(prefilters) if (place := prefilter(scanned, 0)) >= 0
        ]
        if not places:
            return text
        some_known = any(number >= len(shapes) for _, number in places)
        heapify(places)
        parts: list[str] = []
        end = 0
        while places:
            place, number = places[0]
            if place >= end and (found := self._at(scanned, place, replace, secret, some_known)):
                parts += _unescaped(text[end:place], text[place]), found[1]
                end = found[0]
            place = prefilters[number](scanned, max(end, place + 1))
            if place < 0:
                heappop(places)
            else:
                heapreplace(places, (place, number))
        return "".join((*parts, text[end:]))

    def _at(
        self,
        scanned: ScannedText,
        place: int,
        replace: Callable[[re.Match[str]], str],
        secret: Callable[[str], str],
        some_known: bool,
    ) -> tuple[int, str] | None:
        """Where that ends which begins at this place, and what is written for it; `some_known`: some of it stands somewhere.

        Of what ends in the midst of another secret all is hidden as one.
        """
        text = scanned.text
        known, found = self._known.at(text, place), self._own.match(text, place) or _compiled().match(text, place)
        if known and found and (found.lastgroup not in _WHOLE or found.end() <= known[0]):
            found = None
        stop = found.end() if found else known[0] if known else place + 1
        token = scanned.tokens.across(place, stop)
        begun = token.end if token else stop
        end = self._known.reach(text, place, begun) if some_known else begun
        if token:
            return end, secret(token.plain if token.start == place and end == begun else text[place:end])
        if found and end > stop and found.lastgroup in _NAMED:
            return end, f"{replace(found)}{text[stop]}{secret(text[stop + 1 : end]) if end > stop + 1 else ''}"
        if end > stop:
            return end, secret(text[place:end])
        return (stop, replace(found)) if found else known

    def _worth_asking(self, text: str) -> list[Prefilter]:
        beginnings = self._known.beginnings
        if len(beginnings) > min(len(text), _FEW):
            return [partial(_known, self._known)]
        if len(beginnings) != len(self._of_known):
            self._of_known = tuple((text, partial(_fixed, text)) for text in beginnings)
        return [each for clue, each in self._of_known if clue in text]


@cache
def _compiled() -> re.Pattern[str]:
    return re.compile(SHAPES)  # takes a millisecond, too much for a lab that nobody looks at


def _known(known: KnownTexts, scanned: ScannedText, after: int) -> int:
    return known.find(scanned.text, after)


def _token(scanned: ScannedText, after: int) -> int:
    return scanned.tokens.find(after)


def _fixed(fixed: str, scanned: ScannedText, after: int) -> int:
    return scanned.text.find(fixed, after)


def _login(scanned: ScannedText, after: int) -> int:
    found = _LOGIN.search(scanned.text, max(0, after - 3))
    return found.start() + 3 if found else -1


def _hex(scanned: ScannedText, after: int) -> int:
    return scanned.digits.find(_RUN, after)


def _literal(scanned: ScannedText, after: int) -> int:
    text = scanned.text
    place = text.find("«", after)
    while place >= 0 and not _LITERAL.match(text, place):
        # what doesn't match at the first of a run doesn't at the others
        run = _QUOTES.match(text, place)
        place = text.find("«", run.end() if run else place + 1)
    return place


def _url(scanned: ScannedText, after: int) -> int:
    text = scanned.text
    for escape in _ESCAPE.finditer(text, after):
        began = escape.start()
        while began > after and text[began - 1] in _IN_URL:
            began -= 1
        if not began or text[began - 1] not in _IN_URL:
            return began
        after = escape.start() + 1
    return -1


def _named(scanned: ScannedText, after: int) -> int:
    places = scanned.labels
    index = bisect_left(places, after)
    return places[index] if index < len(places) else -1


_CLUES: tuple[tuple[str, Prefilter], ...] = (
    ("://", _login),
    ("", _hex),
    ("", _token),
    ("«", _literal),
    ("%", _url),
    ("", _named),
    ("Bearer ", partial(_fixed, "Bearer ")),
    (TYPED_CODE, partial(_fixed, TYPED_CODE)),
)
