"""Recordings of an older major version as those of this one (recordings.md §11).

A step is a pure function from the lines of one major to those of the next; steps are chained. There is one major so far, and
so there is no step.
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from types import MappingProxyType
from typing import TypeAlias

import msgspec

from lab.core.errors import RecordingError
from lab.core.exchange import Json
from lab.recording.format.codec import footer
from lab.recording.format.lines import FORMAT, LONGEST_LINE, VERSION
from lab.recording.format.text import dumps

RawLine: TypeAlias = dict[str, Json]
"""The members of a line, in their order; of the footer all but its digest."""
Migration: TypeAlias = Callable[[Sequence[RawLine]], Sequence[RawLine]]
"""Gives lines of the next major, header and footer too; it leaves what it is given as it is."""

MIGRATIONS: Mapping[int, Migration] = MappingProxyType({})
"""By the major that they take."""


def migrated(data: bytes, name: str, steps: Mapping[int, Migration] = MIGRATIONS, to: int = VERSION[0]) -> bytes | None:
    """The recording as one of major `to`; None if it is one already.

    RecordingError if it isn't whole, or no steps lead there.
    """
    lines: Sequence[RawLine] = _lines(data, name)
    major = _major(lines[0], name)
    if major == to:
        return None
    if major > to:
        raise RecordingError(
            f"{name}:1: version {major}.x is newer than this lab, which reads {to}.x", hint=other_major(major)
        )
    for step in range(major, to):
        if step not in steps:
            raise RecordingError(f"{name}:1: version {step}.x can't be migrated by this lab")
        lines = steps[step](lines)
    return _bytes(lines)


def other_major(major: int) -> str:
    """What to do about a recording of that major, which this lab doesn't read."""
    if major > VERSION[0]:
        return f"Take a lab that writes {major}.x, or a later one: it reads the file, or migrates it."
    return "lab migrate writes a new file that this lab reads."


def _major(header: RawLine, name: str) -> int:
    match header.get("version"):
        case [int(major), int()] if header.get("format") == FORMAT:
            return major
        case _:
            raise RecordingError(f"{name}:1: the first line is no header of a lab recording")


def major_of(data: bytes) -> int | None:
    """The major version that the first line names; None if that is no header."""
    try:
        return _major(msgspec.json.decode(data.partition(b"\n")[0], type=dict[str, Json]), "")
    except (ValueError, RecursionError, RecordingError):
        return None


def _lines(data: bytes, name: str) -> list[RawLine]:
    """The lines of a closed file; RecordingError for any other: what is damaged isn't made whole by migrating it."""
    whole = data.splitlines(keepends=True)
    if not whole:
        raise RecordingError(f"{name}: the file is empty")
    lines: list[RawLine] = []
    for number, raw in enumerate(whole, 1):
        try:
            if len(raw) > LONGEST_LINE:
                raise ValueError(f"longer than {LONGEST_LINE} bytes")
            lines.append(msgspec.json.decode(raw, type=dict[str, Json]))
        except (ValueError, RecursionError) as fault:
            raise RecordingError(f"{name}:{number}: the line is no JSON object: {fault}") from None
    end = lines[-1]
    end.pop("sha256", None)
    if _bytes_of_end(end, b"".join(whole[:-1])) != whole[-1]:
        raise RecordingError(
            f"{name}:{len(lines)}: the recording isn't whole: there is no footer, or its digest is wrong"
        )
    return lines


def _bytes(lines: Sequence[RawLine]) -> bytes:
    before = "".join(f"{dumps(line)}\n" for line in lines[:-1]).encode()
    return before + _bytes_of_end(lines[-1], before)


def _bytes_of_end(end: RawLine, before: bytes) -> bytes:
    n, t, reason = end.get("n"), end.get("t"), end.get("reason")
    if not isinstance(n, int) or not isinstance(t, int) or not isinstance(reason, str):
        return b""
    return footer(n, t, reason, sha256(before))
