"""The trace that an exchange belongs to: its client's, as W3C Trace Context hands it on, else one of its own.

Nothing of it is recorded: a client's stands among the headers of its request, and any other is made of what a recording
tells anyway.
"""

import re
from functools import lru_cache

from lab.core.exchange import Headers
from lab.core.seeds import Seed, hexes

_HEADER = "traceparent"
_VALUE = re.compile(
    r"(?!ff)(?P<version>[0-9a-f]{2})-(?P<trace>(?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}"
    r"-[0-9a-f]{2}(?P<more>-.*)?",
    re.DOTALL,
)
"""Version, trace, parent and flags; a version that isn't known yet may have more behind them."""


@lru_cache(maxsize=64)  # of a client that polls they are the same object at each call
def trace_in(headers: Headers) -> str | None:
    """The trace id that a client sent, 32 hex digits; None: none, several, or one that isn't well-formed."""
    values = [value for name, value in headers if name == _HEADER]
    found = _VALUE.fullmatch(values[0].strip(" \t")) if len(values) == 1 else None
    return None if found is None or (found["more"] and found["version"] == "00") else found["trace"]


def own_trace(seed: Seed, prefix: str, ordinal: int) -> str:
    """The trace id of the exchange of that ordinal where its client sent none, by the mock whose paths begin with `prefix`."""
    return hexes(seed, f"trace{prefix}/{ordinal}", 32)
