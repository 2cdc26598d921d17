"""Regular expressions that somebody else's text is held to, in time that grows with the text and no faster.

`characters` says which characters a class takes, `alphabet` which of them a pattern tells apart, `rewrite` makes of
Python's syntax what RE2 reads. A pattern means what Python's `re` makes of it, or is refused.
"""

from functools import lru_cache
from typing import TYPE_CHECKING

from lab.language.patterns.memo import LONG_MESSAGE, Spans, remembered
from lab.language.patterns.rewrite import BadPattern, rewrite

if TYPE_CHECKING:
    import re2

LONGEST_PATTERN = 2_000
"""Characters."""
LARGEST_PROGRAM = 300
"""Instructions of RE2's that a pattern may come to: its length, more or less, with counted repeats written out."""
_MEMORY = 2 << 20
"""Bytes that RE2 may use for a pattern, its states under way included."""
_MOST_WORK = 1 << 24
"""Characters of a match times the pattern's width: what named groups may cost, half a second at the very worst."""


class LongMatch(Exception):
    """A message fits, but what fits is too long for this pattern's groups."""


class Pattern:
    """A pattern that ignores case, to be found anywhere in a text."""

    def __init__(self, text: str) -> None:
        """BadPattern if it isn't one, or can't be held to texts in linear time."""
        if len(text) > LONGEST_PATTERN:
            raise BadPattern(
                f"longer than {LONGEST_PATTERN} characters", "fit what tells messages apart, not all of them"
            )
        rewritten = rewrite(text)
        self.names = tuple(rewritten.names)
        self._text = text
        self._numbers = tuple(rewritten.names.values())
        self._alphabet = rewritten.alphabet
        self._width = rewritten.width
        self._engine = _engine(rewritten.source, captures=False)
        self._capturing = _engine(rewritten.source, captures=True) if self.names else self._engine

    def fits(self, message: str) -> bool:
        """Whether it is found in the message."""
        return self._whole(message) is not None

    def groups(self, message: str) -> dict[str, str] | None:
        """The named groups in the message, those that take no part empty; None if it isn't found; LongMatch."""
        whole = self._whole(message)
        if whole is None or not self.names:
            return None if whole is None else {}
        ((start, end),) = whole
        if (end - start) * self._width > _MOST_WORK:
            raise LongMatch(f"match takes {end - start} characters of the message, too many for its groups")
        spans = remembered(f"groups {self._text}", message, self._search_groups)
        assert spans is not None, "it fits"
        return {
            name: message[start:end] if start >= 0 else "" for name, (start, end) in zip(self.names, spans, strict=True)
        }

    def _whole(self, message: str) -> Spans | None:
        return remembered(f"whole {self._text}", message, self._search)

    def _search(self, message: str) -> Spans | None:
        found = self._engine.search(self._alphabet.encode(message))
        return None if found is None else (found.span(),)

    def _search_groups(self, message: str) -> Spans | None:
        found = self._capturing.search(self._alphabet.encode(message))
        return None if found is None else tuple(map(found.span, self._numbers))


def _engine(source: bytes, *, captures: bool) -> "re2._Regexp":
    import re2  # a library of its own, which a lab without patterns needn't load

    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.log_errors = False
    options.max_mem = _MEMORY
    options.never_capture = not captures
    hint = "repeat less often, as {1,20}, or +; name fewer words"
    try:
        engine = re2.compile(source, options)
    except re2.error:
        raise BadPattern("too large", hint) from None
    if engine.programsize > LARGEST_PROGRAM:
        raise BadPattern(f"too large: {engine.programsize} instructions, {LARGEST_PROGRAM} at most", hint)
    return engine


@lru_cache(maxsize=1024)
def pattern_of(text: str) -> Pattern:
    """The pattern of a text, made once; BadPattern."""
    return Pattern(text)
