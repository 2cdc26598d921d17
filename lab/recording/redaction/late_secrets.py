"""Secrets that stood on a tape in the open before they were known as such (recordings.md §6).

Somebody writes a word into a message, and sends it as a password later: from then on every answer that repeats the
message has an alias in it. A replay that makes up another password finds the word there, and so what the alias stands for.
"""

from collections.abc import Iterator

from lab.core.exchange import Json
from lab.identity.clients import SHORTEST_SECRET
from lab.recording.redaction.alias import ALIAS, aliases, fill, kind_of
from lab.recording.redaction.known_texts import LONGEST_WRITING

_MADE_UP = frozenset(("wrong", "secret", "cookie", "assertion", "part"))
"""The kinds of aliases whose values a replay makes up."""


def open_values(expected: Json, actual: Json) -> Iterator[tuple[str, str]]:
    """The aliases of a recorded value in whose places the replayed one has a text, and that text."""
    match expected, actual:
        case dict(), dict():
            for name, part in expected.items():
                yield from open_values(part, actual.get(name))
        case list(), list():
            for one, other in zip(expected, actual, strict=False):
                yield from open_values(one, other)
        case str(), str() if "«" in expected and expected != actual:
            for alias, text in _in_places(expected, actual):
                if _may_be(alias, text):
                    yield alias, fill(text, {})
        case _:
            return


def _in_places(expected: str, actual: str) -> Iterator[tuple[str, str]]:
    first, *pieces = ALIAS.split(expected)
    place = len(first) if actual.startswith(first) else -1
    for number, (alias, piece) in enumerate(zip(ALIAS.findall(expected), pieces, strict=True), 1):
        last = number == len(pieces)
        end = len(actual) - len(piece) if last and actual.endswith(piece) else actual.find(piece, place)
        if not 0 <= place <= end or (last and end + len(piece) < len(actual)):
            return
        yield alias, actual[place:end]
        place = end + len(piece)


def _may_be(alias: str, text: str) -> bool:
    return kind_of(alias) in _MADE_UP and SHORTEST_SECRET <= len(text) <= LONGEST_WRITING and not aliases(text)
