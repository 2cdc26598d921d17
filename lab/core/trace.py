"""The trace that an exchange belongs to: its client's, as W3C Trace Context hands it on, else one of its own.

Nothing of it is recorded: a client's stands among the headers of its request, and any other is made of what a recording
tells anyway.
"""

import re

from msgspec import Struct

from lab.core.exchange import Headers
from lab.core.seeds import Seed, hexes

_HEADER = "traceparent"
_VALUE = re.compile(
    r"(?!ff)(?P<version>[0-9a-f]{2})-(?P<trace>(?!0{32})[0-9a-f]{32})-(?P<span>(?!0{16})[0-9a-f]{16})"
    r"-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?",
    re.DOTALL,
)
"""Version, trace, parent and flags; a version that isn't known yet may have more behind them."""


class TraceParent(Struct, frozen=True):
    """What a client's `traceparent` says, in hex digits."""

    trace: str
    span: str
    """The client's own, of which the exchange is a part."""
    flags: str


def trace_parent(headers: Headers) -> TraceParent | None:
    """What a client sent; None: nothing, several, or one that isn't well-formed, which counts as none."""
    values = [value for name, value in headers if name == _HEADER]
    found = _VALUE.fullmatch(values[0].strip(" \t")) if len(values) == 1 else None
    if found is None or (found["more"] and found["version"] == "00"):
        return None
    return TraceParent(found["trace"], found["span"], found["flags"])


def trace_in(headers: Headers) -> str | None:
    """The trace id that a client sent, 32 hex digits, if it sent one."""
    parent = trace_parent(headers)
    return None if parent is None else parent.trace


def own_trace(seed: Seed, prefix: str, ordinal: int) -> str:
    """The trace id of the exchange of that ordinal where its client sent none, by the mock whose paths begin with `prefix`."""
    return hexes(seed, f"trace{prefix}/{ordinal}", 32)
