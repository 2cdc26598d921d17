"""Regular expressions that somebody else's text is held to: RE2's syntax, in time that grows with the text and no faster.

What RE2 doesn't know is a complaint with what to write instead. Only ASCII is known to its `\\w`, `\\d` and `\\b`, so
`cut` tells where a message shows it.

A search may take some 20 ns for each character and instruction of the pattern, so of a long message a tenth of a second,
and each look at a job asks again. So what was found is kept, and another thread may look for it first: a search holds no
lock of the interpreter's.
"""

import re
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from lab.core.errors import Unusable

if TYPE_CHECKING:
    import re2

LARGEST_PROGRAM = 2_500
"""Instructions of RE2's that a pattern may come to: counted repeats are written out, `.` takes 8 and `\\pL` 1,200."""
MOST_SEARCHED = 65_536
"""Characters of a message, its first ones, in which a pattern must be found."""
_MEMORY = 2 << 20
"""Bytes that RE2 may use for a pattern, its states under way included."""

Spans: TypeAlias = tuple[tuple[int, int], ...]
"""Where the match and the named groups begin and end, in characters; -1: nowhere."""

ASCII_ALONE = r"\w and \b know the letters of ASCII alone (\pL: any letter, \S: any but a blank)"
_ASCII_ALONE = re.compile(r"(?<!\\)(?:\\\\)*\\[wWbB]")
_NAME = re.compile(r"(?<!\\)(?:\\\\)*\(\?P?<(\w+)>")
_SMALLER = "fit what tells messages apart, not all of them; repeat less often, as {1,20}, or write +"
_INSTEAD = (
    (r"\(\?<?[=!]", "it doesn't look around: match those characters too, outside the named groups; or write [^…]"),
    (r"\(\?P?['<]", "a group is named (?P<NAME>…), of letters, digits and _"),
    (r"\\[1-9kg]|\(\?[P(]", "it doesn't refer back: match both places, and compare them in a template"),
    (r"\(\?>|[*+?}]\+$", "write (?:…), and one + alone: a long message takes no longer"),
    (r"\\[ZuUN]", r"write \z for the end, a letter itself, or its code as \x{e9}"),
    (r"\(\?\w*[xauL#]", "it knows the flags i, m, s and U, and no comments: write it as one line, without"),
    (r"^\{\d|^pattern too large|nests too deeply", _SMALLER),
)
"""By what RE2 stumbles over, what to write instead."""


class BadPattern(Unusable):
    """A pattern can't be used."""


@lru_cache(maxsize=1024)
def engine(text: str, *, ignore_case: bool = False) -> "re2._Regexp":
    """The pattern as RE2 reads it; BadPattern."""
    import re2  # a library of its own, which a lab without patterns needn't load

    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    options.case_sensitive = not ignore_case
    try:
        return re2.compile(text, options)
    except UnicodeEncodeError:
        raise BadPattern("half a character (a lone surrogate) can't be looked for") from None
    except re2.error as error:
        why = error.args[0].decode("utf-8", "replace") if isinstance(error.args[0], bytes) else str(error)
    # of brackets it shows all of the pattern, and no place
    part = "" if why.startswith(("missing )", "unexpected )")) else why.rpartition(": ")[2]
    hint = next((hint for found, hint in _INSTEAD if re.search(found, part)), "its syntax: lab docs scenarios, §3.3")
    raise BadPattern(f"not a pattern of RE2: {why}", hint)


class Pattern:
    """A pattern that ignores case, to be found anywhere in a text."""

    def __init__(self, text: str) -> None:
        """BadPattern if RE2 can't read it, or it is too large."""
        names = _NAME.findall(text)
        if twice := [name for name in names if names.count(name) > 1]:
            raise BadPattern(f"two groups are called {twice[0]}", "only the first would be read: name them apart")
        self._engine = engine(text, ignore_case=True)
        self.size: int = self._engine.programsize
        if self.size > LARGEST_PROGRAM:
            raise BadPattern(f"too large: {self.size} instructions, {LARGEST_PROGRAM} at most", _SMALLER)
        self._numbers: dict[str, int] = self._engine.groupindex
        self.names = tuple(self._numbers)
        self._ascii_alone = _ASCII_ALONE.search(text) is not None

    def fits(self, message: str) -> bool:
        """Whether it is found in the message."""
        return self._spans(message) is not None

    def groups(self, message: str) -> dict[str, str] | None:
        """The named groups in the message, those that take no part empty; None if it isn't found."""
        if (spans := self._spans(message)) is None:
            return None
        return {name: message[slice(*span)] for name, span in zip(self.names, spans[1:], strict=True)}

    def cut(self, message: str) -> str | None:
        """The word that `\\w` or `\\b` tears apart at a letter beyond ASCII, or may keep it from being found; else None."""
        if not self._ascii_alone or message.isascii():
            return None
        spans = self._spans(message)
        for word in re.finditer(r"\w+", message):
            edges = {edge for span in spans or () for edge in span if word.start() < edge < word.end()}
            torn = not all(message[edge - 1 : edge + 1].isascii() for edge in edges)
            if torn or (spans is None and not word[0].isascii()):
                return word[0]
        return None

    def _spans(self, message: str) -> Spans | None:
        return _found(self, message[: MOST_SEARCHED + 1])  # one more than is searched: so $ knows that it goes on

    def search(self, message: str) -> Spans | None:
        """Look for it, whatever is remembered."""
        text = message.encode("utf-8", "replace").decode()  # a lone surrogate becomes ?, which is as long
        found = self._engine.search(text, None, MOST_SEARCHED)
        return None if found is None else (found.span(), *map(found.span, self._numbers.values()))


@lru_cache(maxsize=4096)
def _found(pattern: Pattern, message: str) -> Spans | None:
    return pattern.search(message)


@lru_cache(maxsize=1024)
def pattern_of(text: str) -> Pattern:
    """The pattern of a text, made once; BadPattern."""
    return Pattern(text)
