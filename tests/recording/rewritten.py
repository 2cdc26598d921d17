"""A recording that was read, as the bytes of a file again: what a test changed in it is in its lines."""

from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any

from msgspec.structs import replace

from lab.recording.format.codec import write
from lab.recording.format.lines import Entry, FactLine, Line, Members, Recording, Req, Res
from lab.recording.format.reader import read


def _fact(entry: Entry) -> Members:
    return {"type": entry.type, **({} if entry.at is None else {"at": entry.at}), **entry.members}


def file_lines(lines: Iterable[Line]) -> list[Req | Res | FactLine]:
    """Lines of a file, numbered: a request's facts stand in it, and none repeats another."""
    found: list[Req | Res | FactLine] = []
    for _, same in groupby(lines, lambda line: line.n):
        first, *others = same
        number = len(found) + 1
        if isinstance(first, Entry):
            assert not others
            found.append(FactLine(n=number, t=first.t, x=first.x, fact=_fact(first)))
        elif isinstance(first, Req):
            facts = tuple(_fact(each) for each in others if isinstance(each, Entry))
            found.append(replace(first, n=number, like=None, facts=facts))
        else:
            found.append(replace(first, n=number, like=None))
    return found


def rewritten(found: Recording, lines: Iterable[Line] | None = None, reason: str | None = None, **header: Any) -> bytes:
    """The file with these lines in the place of its own, and what of the header is another."""
    assert found.end is not None
    head = replace(found.header, **header)
    return write([head, *file_lines(found.lines if lines is None else lines)], reason or found.end.reason, found.end.t)


def mutated(found: Recording, change: Callable[[Line], Line]) -> Recording:
    """The recording with each of its lines changed."""
    return read(rewritten(found, map(change, found.lines)))


def without(found: Recording, gone: Callable[[Line], bool], reason: str = "closed", **header: Any) -> bytes:
    """The file without those lines or facts, numbered anew."""
    return rewritten(found, (line for line in found.lines if not gone(line)), reason, **header)
