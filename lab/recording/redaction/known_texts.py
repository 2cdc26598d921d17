"""Texts that are known to be secret, found in another text in a time that hardly depends on how many they are.

A text is found by its first characters, and of those that begin alike the longest is taken. What a place of a text may
cost is bounded, whoever brought the secrets: anybody may send thousands, and texts in which each place begins like them.
"""

from collections.abc import Collection

from lab.identity.clients import SHORTEST_SECRET

BEGINNING = SHORTEST_SECRET
"""Characters by which a text is found: no shorter one is looked for."""
MOST_LENGTHS = 8
"""Texts of so many lengths that begin alike are looked for, or of one head; of what a peer made up no more."""
_HEAD = 256
"""Characters that are compared at once; what is longer is compared behind them."""
LONGEST_WRITING = 4096
"""Characters of the longest text of a peer that is looked for."""


class KnownTexts:
    """Texts and their aliases; they only get more."""

    def __init__(self) -> None:
        self._aliases: dict[str, str] = {}
        self._lengths: dict[str, tuple[int, ...]] = {}
        """By beginning: how long the texts and heads are that have it, longest first."""
        self._longer: dict[str, list[str]] = {}
        """By head: the texts that have it, longest first."""

    def copy(self) -> "KnownTexts":
        """Others that are the same now."""
        other = KnownTexts()
        other._aliases, other._lengths, other._longer = self._aliases.copy(), self._lengths.copy(), self._longer.copy()
        return other

    def add(self, text: str, alias: str, *, bounded: bool) -> None:
        """Know one more; `bounded`: a peer made it up, and it may be one too many, or known already."""
        if text in self._aliases and not bounded:
            self._aliases[text] = alias
        if text in self._aliases or (bounded and len(text) > LONGEST_WRITING):
            return
        most = MOST_LENGTHS if bounded else len(self._aliases) + 1
        head = text[:_HEAD]
        lengths, longer = self._lengths.get(text[:BEGINNING], ()), self._longer.get(head, [])
        if (len(head) not in lengths and len(lengths) >= most) or (len(text) > _HEAD and len(longer) >= most):
            return
        self._aliases[text] = alias
        self._lengths[text[:BEGINNING]] = tuple(sorted({*lengths, len(head)}, reverse=True))
        if len(text) > _HEAD:
            self._longer[head] = sorted((*longer, text), key=len, reverse=True)

    def at(self, text: str, place: int) -> tuple[int, str] | None:
        """Where the longest one ends that stands at this place of the text, and its alias."""
        for length in self._lengths.get(text[place : place + BEGINNING], ()):
            head = text[place : place + length]
            if length == _HEAD and head in self._longer:
                for whole in self._longer[head]:
                    if text.startswith(whole, place):
                        return place + len(whole), self._aliases[whole]
            if head in self._aliases:
                return place + len(head), self._aliases[head]
        return None

    def reach(self, text: str, start: int, end: int) -> int:
        """Where that ends which begins behind `start` and before `end`, or before where another one so ends; at least `end`."""
        place = start + 1
        while place < end:
            if found := self.at(text, place):
                end = max(end, found[0])
            place += 1
        return end

    def begun(self, text: str) -> int:
        """The first place of the text from which all that is left begins a longer one that is known; -1: there is none."""
        alike: dict[str, list[str]] = {}
        for known in self._aliases:
            alike.setdefault(known[:BEGINNING], []).append(known)
        for place in range(max(0, len(text) - LONGEST_WRITING), len(text) - BEGINNING + 1):
            if any(known.startswith(text[place:]) for known in alike.get(text[place : place + BEGINNING], ())):
                return place
        return -1

    @property
    def beginnings(self) -> Collection[str]:
        """How they begin: where none of these stands, none of them does."""
        return self._lengths

    def find(self, text: str, after: int) -> int:
        """The first place at or after the given one where one stands; -1: nowhere."""
        lengths = self._lengths
        for place in range(after, len(text) - BEGINNING + 1):
            if text[place : place + BEGINNING] in lengths and self.at(text, place):
                return place
        return -1
