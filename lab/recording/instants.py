"""Bodies whose instants are moved, so that what was recorded once is of today (recordings.md §15)."""

import json
from datetime import UTC, datetime, timedelta

from lab.core.clock import Millis
from lab.core.exchange import Json, json_bytes
from lab.dialects import WIRES

_MILLIS = frozenset(name for wire in WIRES for name in wire.marks.millis)
_DATES = frozenset(name for wire in WIRES for name in wire.marks.dates)
_INSTANTS = tuple(f'"{name}"'.encode() for name in sorted(_MILLIS | _DATES))
DATE = "%Y-%m-%dT%H:%M:%S.%f+0000"
"""How bodies write an instant."""


def redated(body: bytes, shift: Millis) -> bytes:
    """The body with its instants moved, where it is JSON and has some."""
    if not shift or not body.startswith((b"{", b"[")) or not any(name in body for name in _INSTANTS):
        return body
    try:
        value: Json = json.loads(body)
    except (ValueError, RecursionError):
        return body
    return json_bytes(_moved(value, shift, ""))


def _moved(value: Json, shift: Millis, name: str) -> Json:
    match value:
        case dict():
            return {key: _moved(member, shift, key) for key, member in value.items()}
        case list():
            return [_moved(member, shift, name) for member in value]
        case str() if name in _DATES:
            try:
                at = datetime.strptime(value, DATE).replace(tzinfo=UTC) + timedelta(milliseconds=shift)
            except (ValueError, OverflowError):
                return value
            return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}+0000"
        case int() if name in _MILLIS and not isinstance(value, bool) and value:
            return value + shift
        case _:
            return value
