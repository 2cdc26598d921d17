"""Instants in bodies: how they are read, and moved, so that what was recorded once is of today (recordings.md §7, §15)."""

from datetime import UTC, datetime
from functools import lru_cache

from lab.core.clock import Millis, iso
from lab.core.exchange import Json, json_bytes
from lab.core.jsontext import value_or_none
from lab.dialects import wires

MILLIS = frozenset(name for wire in wires() for name in wire.marks.millis)
SECONDS = frozenset(name for wire in wires() for name in wire.marks.seconds)
DATES = frozenset(name for wire in wires() for name in wire.marks.dates)
INSTANTS = MILLIS | SECONDS | DATES
"""The members that hold an instant, in milliseconds, in seconds, and as text."""
_NAMES = tuple(f'"{name}"'.encode() for name in sorted(INSTANTS))


def instant_in(text: str) -> Millis | None:
    """An instant as bodies write it (`2026-01-01T00:00:00.000+0000`, or `Z`), in milliseconds since 1970; None: it is none."""
    try:
        at = datetime.strptime(text.removesuffix("Z").removesuffix("+0000"), "%Y-%m-%dT%H:%M:%S.%f").replace(tzinfo=UTC)
    except ValueError:
        return None
    return round(at.timestamp() * 1000)


@lru_cache(maxsize=32)
def redated(body: bytes, shift: Millis) -> bytes:
    """The body with its instants moved, where it is JSON and has some; polls are answered with the same ones for long."""
    if not shift or not body.startswith((b"{", b"[")) or not any(name in body for name in _NAMES):
        return body
    value = value_or_none(body)
    return body if value is None else json_bytes(_moved(value, shift, ""))


def _moved(value: Json, shift: Millis, name: str) -> Json:
    # 0, and 1970 as text, say that something hasn't happened yet
    match value:
        case dict():
            return {key: _moved(member, shift, key) for key, member in value.items()}
        case list():
            return [_moved(member, shift, name) for member in value]
        case str() if name in DATES:
            at = instant_in(value)
            # 1970 is no instant: the job hasn't ended
            return iso(0, at + shift).replace("Z", "Z" if value.endswith("Z") else "+0000") if at else value
        case int() if name in MILLIS and not isinstance(value, bool) and value:
            return value + shift
        case int() if name in SECONDS and not isinstance(value, bool) and value:
            return value + shift // 1000
        case _:
            return value
