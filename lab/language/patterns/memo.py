"""What was found in long messages, kept: each look at a job asks again, and an engine may take half a second to say.

Results may be put here by other threads: a search holds no lock of the interpreter's.
"""

from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from typing import TypeAlias

LONG_MESSAGE = 4096
"""Characters of a message of which is kept what was found in it."""
_MOST = 8192
"""Results that are kept."""

Spans: TypeAlias = tuple[tuple[int, int], ...]
"""Where parts begin and end, in characters; -1: nowhere."""

_UNKNOWN: Spans = ((-2, -2),)
_known: dict[tuple[str, bytes], Spans | None] = {}


@lru_cache(maxsize=4)
def _digest(message: str) -> bytes:
    return sha256(message.encode("utf-8", "surrogatepass")).digest()


def remembered(what: str, message: str, search: Callable[[str], Spans | None]) -> Spans | None:
    """What `search` finds in the message; `what` names the search. A long message is searched once."""
    if len(message) < LONG_MESSAGE:
        return search(message)
    key = what, _digest(message)
    found = _known.get(key, _UNKNOWN)
    if found is _UNKNOWN:
        found = search(message)
        if len(_known) >= _MOST:
            _known.clear()
        _known[key] = found
    return found
