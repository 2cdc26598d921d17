"""Python's regular expressions for RE2: what a pattern means stays, or it is refused.

Python's own parser reads the pattern, so that there is one reading of it. Its tree is written again with the bytes of
an alphabet in the place of characters. Refused is what no linear engine can tell (looking round, references back), and
what the two engines answer differently; an operation that is not known here is refused too.
"""

import re
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from re import _constants as op  # type: ignore[attr-defined] # the parser's tree is private; what is unknown is refused
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any, TypeAlias

from msgspec import Struct

from lab.language.patterns.alphabet import Alphabet, TooManyLetters, alphabet
from lab.language.patterns.characters import (
    ASCII_CATEGORIES,
    ASCII_WORDS,
    CATEGORIES,
    HIGHEST,
    NEWLINE,
    UNICODE_WORDS,
    CharacterSet,
    Kind,
    Range,
    whatever_case,
)

Part: TypeAlias = CharacterSet | str
"""A piece of the pattern for RE2: text as it stands, or a set whose bytes the alphabet tells later."""

_REFUSED = {
    op.ASSERT: ("(?=…) and (?<=…) look ahead and behind", "match those characters too, outside the named groups"),
    op.ASSERT_NOT: ("(?!…) and (?<!…) look ahead and behind", "name the characters that may stand there, as [^…]"),
    op.FAILURE: ("(?!) never fits", "leave it out"),
    op.GROUPREF: (
        "a reference back, as \\1, can't be read in one pass",
        "match both places, and compare in a template",
    ),
    op.GROUPREF_EXISTS: ("(?(…)…|…) asks what was found before", "write both ways with |"),
    op.ATOMIC_GROUP: ("(?>…) keeps what it took", "write (?:…): a long message takes no longer"),
    op.POSSESSIVE_REPEAT: ("*+, ++ and ?+ keep what they took", "write *, + or ?: a long message takes no longer"),
}


class BadPattern(Exception):
    """A pattern can't be used: what is wrong, and a hint."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.hint = hint


class Rewritten(Struct, frozen=True):
    """A pattern as RE2 reads it."""

    source: bytes
    alphabet: Alphabet
    names: dict[str, int]
    """Of each named group the number in RE2's, in which no others are counted."""
    width: int
    """At how many places of the pattern, counted repeats written out, one character may stand: RE2 never follows more."""


def rewrite(pattern: str) -> Rewritten:
    """The pattern, ignoring case, for RE2; BadPattern if it is none, or would mean something else there."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what later versions of the language will read otherwise
            tree = parser.parse(pattern, re.IGNORECASE)
        writer = _Writer({number: name for name, number in tree.state.groupdict.items()})
        writer.sequence(tree, tree.state.flags, last=True, grouped=False)
    except (re.error, OverflowError) as error:
        named = "a group is named (?P<NAME>…)" if re.search(r"\(\?<[A-Za-z]", pattern) else ""
        raise BadPattern(f"not a regular expression: {error}", named) from None
    except RecursionError:
        raise BadPattern("groups nested too deep", "leave out groups that aren't needed") from None
    try:
        letters = alphabet(tuple(writer.copies), writer.words)
    except TooManyLetters:
        raise BadPattern("too many different characters", "write classes, as \\w, for what needn't be told") from None
    source = b"".join(
        part.encode() if isinstance(part, str) else _bytes(letters.bytes_of[part]) for part in writer.parts
    )
    places = Counter[int]()
    for each, copies in writer.copies.items():
        places.update(dict.fromkeys(letters.bytes_of[each], copies))
    return Rewritten(source, letters, writer.names, max(places.values(), default=0))


def _bytes(letters: bytes) -> bytes:
    """The set of these bytes, for RE2."""
    return b"[" + b"".join(b"\\x%02x" % byte for byte in letters) + b"]" if letters else b"[^\\x00-\\xff]"


class _Writer:
    """Writes a tree; `last` says that nothing follows a part, `grouped` that it stands in a named group."""

    def __init__(self, named: dict[int, str]) -> None:
        self._named = named
        self.parts: list[Part] = []
        self.names: dict[str, int] = {}
        self.words: CharacterSet | None = None
        """What `\\b` holds for a word's."""
        self.copies = Counter[CharacterSet]()
        """How often each set stands in the pattern, counted repeats written out."""
        self._copies = 1

    def sequence(self, nodes: Sequence[tuple[Any, Any]], flags: int, *, last: bool, grouped: bool) -> None:
        for place, (operation, argument) in enumerate(nodes):
            self._node(operation, argument, flags, last and place == len(nodes) - 1, grouped)

    def _node(self, operation: Any, argument: Any, flags: int, last: bool, grouped: bool) -> None:
        if operation in _REFUSED:
            raise BadPattern(*_REFUSED[operation])
        if operation is op.AT:
            self._place(argument, flags, tail=last and not grouped)
        elif operation is op.BRANCH:
            self._either(argument[1], flags, last, grouped)
        elif operation is op.SUBPATTERN:
            self._group(argument, flags, last, grouped)
        elif operation in (op.MAX_REPEAT, op.MIN_REPEAT):
            self._repeat(argument, flags, lazy=operation is op.MIN_REPEAT)
        else:
            self._set(_set_of(operation, argument, flags))

    def _set(self, characters: CharacterSet) -> None:
        self.parts.append(characters)
        self.copies[characters] += self._copies

    def _either(self, branches: Iterable[Any], flags: int, last: bool, grouped: bool) -> None:
        self.parts.append("(?:")
        for place, branch in enumerate(branches):
            self.parts += ["|"] if place else []
            self.sequence(branch, flags, last=last, grouped=grouped)
        self.parts.append(")")

    def _group(self, argument: Any, flags: int, last: bool, grouped: bool) -> None:
        number, added, removed, inner = argument
        if added & (re.ASCII | re.UNICODE):  # Python itself forgets it where such a part comes first
            raise BadPattern("the flags a and u of a part alone", "write (?a) at the beginning, for the whole pattern")
        name = self._named.get(number)
        if name is not None:
            self.names[name] = len(self.names) + 1
        self.parts.append("(?:" if name is None else "(")
        self.sequence(inner, (flags | added) & ~removed, last=last, grouped=grouped or name is not None)
        self.parts.append(")")

    def _repeat(self, argument: Any, flags: int, *, lazy: bool) -> None:
        low, high, inner = argument
        if high > 1 and not inner.getwidth()[0]:
            raise BadPattern("what is repeated may be empty", "let it take a character at least, as in (?:a|b)+")
        outside, most = self._copies, "" if high is op.MAXREPEAT else high
        self._copies *= max(1, low, most or 0)
        self.parts.append("(?:")
        self.sequence(inner, flags, last=False, grouped=False)
        self._copies = outside
        self.parts.append(f"){{{low},{most}}}" + "?" * lazy)

    def _place(self, at: Any, flags: int, *, tail: bool) -> None:
        if at in (op.AT_BEGINNING, op.AT_END) and flags & re.MULTILINE:
            self.parts.append("(?m:^)" if at is op.AT_BEGINNING else "(?m:$)")
        elif at in (op.AT_BEGINNING, op.AT_BEGINNING_STRING):
            self.parts.append(r"\A")
        elif at is op.AT_END_STRING:
            self.parts.append(r"\z")
        elif at is op.AT_BOUNDARY:
            self.words = ASCII_WORDS if flags & re.ASCII else UNICODE_WORDS
            self.parts.append(r"\b")
        elif at is op.AT_END and tail:
            self.parts.append("(?:")  # Python's $ fits before a last line's end too
            self._set(NEWLINE)
            self.parts.append(r")?\z")
        elif at is op.AT_END:
            raise BadPattern("$ that isn't the last of the pattern, or in a named group", r"put it last, or write \Z")
        else:
            raise BadPattern(r"\B is read otherwise from version to version", "name the characters that stand there")


def _set_of(operation: Any, argument: Any, flags: int) -> CharacterSet:
    """The characters that a letter, a dot or a class takes; BadPattern if it isn't one."""
    if operation is op.ANY:
        return CharacterSet(negated=True) if flags & re.DOTALL else CharacterSet(NEWLINE.ranges, negated=True)
    if operation is op.LITERAL:
        return _named([(operation, argument)], flags)
    if operation is op.NOT_LITERAL:
        return _named([(op.NEGATE, None), (op.LITERAL, argument)], flags)
    if operation is op.IN:
        return _named(argument, flags)
    raise BadPattern(f"{str(operation).lower()} is not known here", "write it in another way")


def _named(members: Iterable[tuple[Any, Any]], flags: int) -> CharacterSet:
    ranges: list[Range] = []
    of_category: list[Range] = []
    kinds: set[Kind] = set()
    negated = False
    for operation, argument in members:
        if operation is op.NEGATE:
            negated = True
        elif operation is op.LITERAL:
            ranges.append((argument, argument))
        elif operation is op.RANGE:
            ranges.append(argument)
        elif operation is op.CATEGORY:
            _, _, name = str(argument).partition("CATEGORY_")
            word = name.removeprefix("NOT_")
            if flags & re.ASCII:
                of_category += _rest(ASCII_CATEGORIES[word]) if word != name else ASCII_CATEGORIES[word]
            else:
                kinds |= set(Kind) - CATEGORIES[word] if word != name else CATEGORIES[word]
        else:
            raise BadPattern(f"{str(operation).lower()} is not known here", "write it in another way")
    named = whatever_case(tuple(ranges), flags) if flags & re.IGNORECASE else tuple(sorted(set(ranges)))
    return CharacterSet((*named, *of_category), frozenset(kinds), negated)


def _rest(ranges: Sequence[Range]) -> list[Range]:
    """What the ranges, in order, leave out."""
    starts, ends = [0, *(high + 1 for _, high in ranges)], [*(low - 1 for low, _ in ranges), HIGHEST]
    return list(zip(starts, ends, strict=True))
