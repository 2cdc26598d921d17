"""Stand-ins: what a recording holds in a secret's place (recordings.md §5).

A stand-in is a word, `lab-T1-token`: letters, digits and dashes, so no wire needs to encode it, and none is the head of
another. The same secret has the same one wherever it stands. Never a hash, for short secrets can be guessed from one.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from math import log2
from typing import TypeAlias
from urllib.parse import quote_plus, unquote_plus

from lab.identity.clients import SHORTEST_SECRET
from lab.recording.format.text import AT_A_TIME, matches
from lab.recording.redaction.writings import Stretch, TextView, forms, views

KINDS = {
    "token": ("T", "token"), "refresh": ("R", "refresh"), "code": ("G", "code"), "device": ("D", "device"),
    "usercode": ("B", "code"), "idtoken": ("I", "idtoken"), "xsrf": ("X", "xsrf"), "cookie": ("K", "cookie"),
    "assertion": ("A", "assertion"), "wrong": ("W", "wrong"), "secret": ("S", "secret"), "verifier": ("V", "verifier"),
    "client": ("C", "secret"), "client name": ("C", "client"), "user": ("U", "password"), "user name": ("U", "user"),
    "signing": ("P", "secret"), "host": ("H", "host"),
}  # fmt: skip
"""The kinds of stand-ins: the letter before the number, and the word behind it."""
GIVEN_KINDS = frozenset("token refresh code device usercode idtoken xsrf signing".split())
"""The kinds that the lab gives: a replay gives the stand-ins themselves."""
MADE_UP = frozenset(("wrong", "secret", "verifier", "cookie", "assertion"))
"""The kinds that peers bring: any other value would do as well."""
HERE = "http://lab.invalid"
"""The origin at which the lab listened, where no public one was given: its port varies."""
LONGEST_ID = 200
"""Characters of an id on any wire."""
MOST_TEXTS = 512
"""Values of peers that are looked for letter by letter: of more only what is one word."""
_MOST_ALIKE = 16
"""Values of peers that are found by the same word of theirs."""
_NAMED = {f"{letter}{word}": kind for kind, (letter, word) in KINDS.items()}
_LETTERED = {letter: kind for kind, (letter, _) in KINDS.items()}
_ENDINGS = "|".join(sorted({word for _, word in KINDS.values()}, key=len, reverse=True))
STAND_IN = re.compile(
    rf"lab-(?P<letter>[A-Z])(?P<number>[0-9]{{1,9}})-(?P<word>{_ENDINGS}|[a-z]{{0,8}})(?:-x*)?[!\x7f]?"
    "|LABU-?(?P<typed>[0-9]{1,9})CODE"
)
"""The last one stands for a user code, which is typed by hand: case and dashes don't count."""
_HOST = re.compile(r"(https?://)?lab-H([0-9]{1,9})-host\.invalid")
_LONGEST_WORD = 4_096
_WORD = re.compile(rf"[A-Za-z0-9_-]{{{SHORTEST_SECRET},{2 * _LONGEST_WORD}}}")
_JWT = re.compile(r"eyJ[\w-]{1,1024}\.eyJ[\w-]+(?:\.[\w-]*)?", re.ASCII)
ID_SIGNS = re.compile(r"[A-Za-z0-9._~:=+-]*")
"""What an id on any wire is written with."""
_DIGIT = re.compile("[0-9]")
_DIGITS = re.compile("[0-9]+")
_BITS_OF_CHANCE = 32
"""With less entropy a word of a peer's may be a part of others, as `00000000` is of ids: it is looked for as a whole."""


def stand_in(kind: str, number: int, like: str = "") -> str:
    """The n-th of a kind; of what a peer brought as long as the value, where there is room, and as odd for an id."""
    if kind == "usercode":
        return f"LABU{'-' if '-' in like else ''}{number}CODE"
    letter, word = KINDS[kind]
    begin = f"lab-{letter}{number}-"
    if not like or kind not in MADE_UP or kind == "assertion":
        return begin + word
    odd = "\x7f" if not like.isprintable() else "" if ID_SIGNS.fullmatch(like) else "!"
    room = max(len(like) - len(odd), len(begin))
    return f"{begin}{word}-".ljust(room, "x")[:room] + odd


def kind_of(word: str) -> str:
    """The kind of a stand-in."""
    found = STAND_IN.match(word)
    assert found is not None
    if found["typed"]:
        return "usercode"
    return _NAMED.get(found["letter"] + found["word"]) or _LETTERED.get(found["letter"], "secret")


def number_of(word: str) -> int:
    """Its number among those of its kind."""
    found = STAND_IN.match(word)
    assert found is not None
    return int(found["typed"] or found["number"])


def stand_ins(text: str) -> list[str]:
    """Those in a text, in order."""
    return [found[0] for found in STAND_IN.finditer(text)] if "lab-" in text or "LABU" in text else []


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with values in the place of stand-ins, where they are known."""
    if "lab-" not in text and "LABU" not in text:
        return text
    return STAND_IN.sub(lambda found: _filled(found, values), text)


def _filled(found: re.Match[str], values: Mapping[str, str]) -> str:
    """The value of a stand-in, to which what stands right behind it may look as if it belonged."""
    word = found[0]
    if (value := values.get(word)) is not None or found["typed"]:
        return word if value is None else value
    begin, end = found.start("word") - found.start(), found.end("word") - found.start()
    for stop in (len(word) - 1, *range(end + 1, begin - 1, -1)):
        if (value := values.get(word[:stop])) is not None:
            return value + word[stop:]
    return word


def with_hosts(text: str, origins: Mapping[int, str]) -> str:
    """The text with these origins in the place of those that stand for hosts, by their numbers."""
    if ".invalid" not in text:
        return text

    def put(found: re.Match[str]) -> str:
        origin = origins.get(int(found[2]))
        return found[0] if origin is None else origin if found[1] else origin.partition("://")[2]

    return _HOST.sub(put, text)


Mark: TypeAlias = Callable[[str, str], str]
"""Of how a secret was written, and its stand-in, what stands in its place."""


class KnownSecrets:
    """Gives stand-ins, and finds in texts what has one; in any thread, if there is a lock."""

    made_up = MADE_UP
    """The kinds of which one may be a word of the lab's, or an id, by chance."""

    def __init__(self, own_words: Callable[[], str] = str) -> None:
        """`own_words` gives the lab's own, in one text: what is one of them is looked for nowhere."""
        self.generation = 0
        """Grows whenever a text that was redacted before may have to be redacted anew."""
        self._of: dict[str, str] = {}
        self.lock: AbstractContextManager[object] = nullcontext()
        """Held while something becomes known, and never while a text is looked at; whoever has threads puts one here."""
        self._texts: dict[str, str] = {}
        """What is looked for letter by letter, by how it may be written."""
        self._listed: tuple[tuple[str, str], ...] | None = ()
        """The same, as it is gone through; None: something is new."""
        self._parts: dict[str, tuple[tuple[int, str, str], ...]] = {}
        """What is looked for by a word of it, however much there is: where that stands in it, all of it, its stand-in."""
        self._numbers: dict[str, str] = {}
        self._counts = dict[str, int]()
        self._own_words, self._own = own_words, ""
        self._ids: set[str] = set()
        self._room = MOST_TEXTS

    def next(self, kind: str) -> int:
        """The number of the next one with the letter of this kind."""
        letter = KINDS.get(kind, ("N", ""))[0]
        with self.lock:
            number = self._counts[letter] = self._counts.get(letter, 0) + 1
        return number

    @property
    def known(self) -> Mapping[str, str]:
        """What stands for each value."""
        return self._of

    def find(self, value: str) -> str | None:
        """What stands for it, if it is known."""
        return self._of.get(value)

    def given(self, value: str, kind: str) -> str:
        """What stands for a value that the lab gives. If a peer had it before, it was none of the lab's then."""
        known = self._of.get(value)
        if known is not None and kind_of(known) == kind:
            return known
        with self.lock:
            # what was made just now stood nowhere before
            generation = self.generation
            word = self._take(value, kind)
            self.generation = generation + (known is not None)
        return word

    def brought(self, value: str, kind: str) -> str:
        """What stands for a value that a peer brings, known from now on wherever it turns up."""
        known = self._of.get(value)
        if known is None:
            with self.lock:
                known = self._of.get(value) or self._take(value, kind)
        return known

    def configure(self, value: str, word: str, name: str) -> None:
        """A secret with which the lab was configured, and whose."""
        self._of[value] = word
        for text in {value, f"{name}:{value}", f"{quote_plus(name)}:{quote_plus(value)}"}:
            self._look_for(text, word)

    def number(self, written: str) -> str:
        """The digits that stand for a number, as many as it has, under the name of a secret."""
        with self.lock:
            known = self._numbers.get(written)
            if known is None:
                digits = iter(str(self.next("number")).rjust(len(_DIGIT.findall(written)), "1"))
                known = self._numbers[written] = _DIGIT.sub(lambda _: next(digits), written)
                if len(written) >= SHORTEST_SECRET:
                    self._look_for(written, known)
        return known

    def number_like(self, written: str) -> str | None:
        """What stands for a number that is known, where it stands under any name."""
        return self._numbers.get(written) if len(written) >= SHORTEST_SECRET else None

    def learn_id(self, text: str) -> None:
        """It is an id: everybody may see it, also where somebody sends it as a secret; unless it was one before."""
        if text not in self._of:
            self._ids.add(text)

    def _take(self, value: str, kind: str) -> str:
        word = self._of[value] = stand_in(kind, self.next(kind), value)
        if kind in self.made_up and self._is_own(value):
            return word
        self._look_for(value, word, bounded=kind in MADE_UP, given=kind in GIVEN_KINDS)
        return word

    def _is_own(self, value: str) -> bool:
        if not self._own:
            self._own = self._own_words() or "\0"
        return value in self._ids or value in self._own

    def _look_for(self, value: str, word: str, *, bounded: bool = False, given: bool = False) -> None:
        # one that is encoded is read, and repeated, as what it means
        if len(unquote_plus(value)) < SHORTEST_SECRET:
            return
        # quotes around it would be taken for those of JSON
        bare = value.strip('"')
        if bare != value and bare in self._of:  # it has a stand-in of its own, and is judged otherwise
            return
        with self.lock:
            new = False
            for form in forms(bare) if len(bare) <= AT_A_TIME else {bare}:
                if bounded and self._is_own(form):  # in another writing it may be one of the lab's words
                    continue
                one_word = len(form) <= _LONGEST_WORD and _WORD.fullmatch(form) is not None
                by_chance = one_word and bits(form) < _BITS_OF_CHANCE
                by_part = given or (bounded and (self._room <= 0 or by_chance))
                if by_part and self._look_for_part(form, word, _MOST_ALIKE if bounded else None):
                    self._texts.pop(form, None)
                    new = True
                elif self._texts.get(form) != word and (not bounded or self._room > 0):
                    self._room -= bounded
                    self._texts[form] = word
                    new = True
            if new:
                self._listed = None
                self.generation += 1

    def _look_for_part(self, form: str, word: str, most: int | None) -> bool:
        """Whether it has a word by which it is found, that of no more than so many: one within it, if there are several."""
        parts = [*_WORD.finditer(form)]
        if not parts:
            return False
        inner = [found for found in parts if found.start() and found.end() < len(form)]
        found = max(inner or parts, key=lambda each: each.end() - each.start())
        alike = self._parts.get(found[0], ())
        if (found.start(), form, word) in alike:
            return False
        others = tuple(each for each in alike if each[1] != form)
        if most is not None and len(others) >= most:
            return False
        self._parts[found[0]] = (*others, (found.start(), form, word))
        return True

    # In texts

    def hidden(self, text: str, brought: Mark | None = None, mark: Mark | None = None) -> str:
        """The text with stand-ins for what is known in it, in whatever writing.

        `brought` gives those of tokens, which their form tells, and of words that are written as stand-ins: a replay would
        let them in. `mark` gives what stands in the place of a secret that was written so, by that and its stand-in.
        """
        spans = [span for view in views(text) for span in self._found_in(view, brought)]
        if not spans:
            return text
        parts: list[str] = []
        end = 0
        for start, stop, known in _apart(spans):
            # what overlaps is hidden as one, for of neither the rest may be read; for digits nothing but digits stands
            written = text[start:stop]
            word = known or (self.number(written) if _DIGITS.fullmatch(written) else self.brought(written, "secret"))
            parts += text[end:start], word if mark is None else mark(written, word)
            end = stop
        return "".join((*parts, text[end:]))

    def _found_in(self, view: TextView, brought: Mark | None) -> Iterator[Stretch]:
        """Where in the text that is viewed something stands, and its stand-in."""
        text, listed = view.text, self._listed
        if listed is None:
            with self.lock:
                listed = self._listed = tuple(self._texts.items())
        for form, word in listed:
            if form in text:
                for place in _places(form, text):
                    yield view.span(_with_escape(form, text, place), place + len(form), word)
        if self._parts:
            parts = self._parts
            for found in matches(_WORD, text):
                for offset, form, word in parts.get(found[0], ()):
                    start = found.start() - offset
                    if start >= 0 and text.startswith(form, start):
                        yield view.span(start, start + len(form), word)
        yield from self.told_in(view, brought)

    def told_in(self, view: TextView, brought: Mark | None) -> Iterator[Stretch]:
        """Where tokens stand, which their form tells, and words that are written as stand-ins."""
        if brought is None:
            return
        for clues, shape in ((("lab-", "LABU"), STAND_IN), (("eyJ",), _JWT)):
            if any(clue in view.text for clue in clues):
                for found in matches(shape, view.text):
                    yield view.span(*found.span(), brought(found[0], "wrong"))

    def begun(self, text: str) -> int:
        """The first place from which all that is left of the text begins something that is known; -1: there is none."""
        with self.lock:
            known = [*self._texts, *(form for each in self._parts.values() for _, form, _ in each)]
        found = [
            view.span(place, len(view.text), "")[0]
            for view in views(text)
            for form in known
            for place in _places(form[:SHORTEST_SECRET], view.text, max(0, len(view.text) - len(form)))
            if form.startswith(view.text[place:])
        ]
        return min(found, default=-1)


def bits(word: str) -> float:
    """Its entropy, by how often each of its characters stands in it."""
    parts = [word.count(sign) / len(word) for sign in set(word)]
    return -sum(part * log2(part) for part in parts) * len(word)


def _places(form: str, text: str, place: int = 0) -> Iterator[int]:
    place = text.find(form, place)
    while place >= 0:
        yield place
        place = text.find(form, place + 1)


def _with_escape(form: str, text: str, place: int) -> int:
    """Where a form that stands at a place begins: an escape before its first sign is a part of it, and left alone is broken."""
    if form[0] not in '"\\':
        return place
    before = text[max(0, place - 64) : place]
    return place - (len(before) - len(before.rstrip("\\"))) % 2


def _apart(spans: list[Stretch]) -> Iterator[Stretch]:
    """Spans that don't overlap, in order; of those that did what they cover together, and no word."""
    first, *others = sorted(spans, key=lambda span: (span[0], -span[1]))
    start, stop, whole = first
    for begin, end, other in others:
        if begin >= stop:
            yield start, stop, whole
            start, stop, whole = begin, end, other
        elif end > stop:
            stop, whole = end, None
    yield start, stop, whole


def odd_sign(plain: str, word: str) -> str:
    """What is refused in a path as the signs of `plain` are, if the word for it isn't; of ids nothing is."""
    return "%2F" if "/" in plain else "" if "!" in word or ID_SIGNS.fullmatch(plain) else "!"
