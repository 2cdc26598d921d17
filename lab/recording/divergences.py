"""What is told of a difference between a recording and what came this time (recordings.md §6)."""

import json
from bisect import bisect
from collections.abc import Callable, Iterator
from difflib import unified_diff
from itertools import zip_longest
from typing import TypeAlias

from msgspec import UNSET, Struct, UnsetType

from lab.core.exchange import Json, Request
from lab.core.logtext import harmless_text, no_command
from lab.recording.bindings import Bindings
from lab.recording.format.lines import Req
from lab.recording.format.text import dumps

Side: TypeAlias = Json | UnsetType
"""A value, or none."""
_BRIEF = 60
"""Characters of a value in a sentence."""
_BESIDE = 20
"""Of them those that are alike on both sides, before what differs."""
_MILLIS = frozenset((".held", ".at", ".until", ".otherwise.at"))
"""Members that are milliseconds, of a reply as it compares, and of facts."""


class Difference(Struct, frozen=True):
    """One place where both differ; `line` counts from 1."""

    job: str | None
    line: int
    what: str
    diff: tuple[str, ...] = ()


class Differences:
    """The first of each job, and how many more there are: those mostly follow from it, and all would fill memory."""

    def __init__(self, name: str, names: Callable[[], Bindings]) -> None:
        """`name` is the recording's; `names`, by which ids are called, is asked for once something differs."""
        self._name, self._names = name, names
        self._first: dict[str | None, Difference] = {}
        self.count = 0

    def add(
        self, job: str | None, line: int, said: Callable[[], str], sides: tuple[Json, Json] | None = None, of: str = ""
    ) -> None:
        """One more; `said` gives its sentence, and `sides` are shown as a diff `of` something, if it is the first."""
        self.count += 1
        if job not in self._first or line < self._first[job].line:
            names, what = self._names(), said()
            shown = () if sides is None else map(names.hidden, diff(*sides, f"{self._name}:{line} → {of}"))
            self._first[job] = Difference(job, line, names.hidden(what) + names.legend(what), tuple(shown))

    @property
    def found(self) -> tuple[Difference, ...]:
        """The first of each job, as they stand in the recording."""
        return tuple(sorted(self._first.values(), key=lambda one: one.line))

    @property
    def more(self) -> int:
        """How many others there are."""
        return self.count - len(self._first)


class Remark(Struct, frozen=True):
    """What is said of a replay beside the differences."""

    what: str
    line: int = 0
    """Of the recording, from 1; 0: it is about none."""
    word: str = "warning"
    """Or `note`, where nothing is amiss."""


class Divergences(Struct, frozen=True, eq=False):
    """What a replay found: the first divergence of each job, how many more there are, and what is said beside them."""

    name: str
    """The recording's."""
    differences: tuple[Difference, ...]
    more: int
    remarks: tuple[Remark, ...]

    @property
    def passed(self) -> bool:
        """Whether everything was as recorded."""
        return not self.differences

    @property
    def others(self) -> str:
        """How many differences aren't shown; empty: all are."""
        return f"{self.more} more after the first of each job" if self.more else ""

    def text(self) -> str:
        """The same for people: the remarks first, each divergence with its place and diff; others are counted only."""
        shown = [
            f"{each.word}: {self.name}{f':{each.line}' if each.line else ''}: {each.what}" for each in self.remarks
        ]
        for found in self.differences:
            shown.append(f"{self.name}:{found.line}  {found.what}")
            # untrusted text stands behind a bar, so no runner obeys it
            shown += [f"| {line}" for line in found.diff]
        if self.others:
            shown.append(f"{self.others}.")
        return no_command("\n".join(shown))


def no_end_of(job: str) -> str:
    """What is said of a recording in which a job's client never saw its end."""
    return f"no answer shows the end of job {job}: what it ends with is held to nothing"


def request_title(request: Req | Request, x: int, named: Callable[[str], str] = str) -> str:
    """A request in a few words, `GET …/status/J1 (x=3)`; `named` gives a path with ids by their names."""
    parts = named(request.path).split("/")
    shown = "/".join(parts[-2:]) if len(parts) > 3 else "/".join(parts).lstrip("/")
    return harmless_text(f"{request.method} …/{shown} (x={x})")


def differing(expected: Side, got: Side, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Side, Side]]:
    """Each place at which two values differ, in their order, and what stands there; true is not 1."""
    match expected, got:
        case dict(), dict():
            for name in {**expected, **got}:
                yield from differing(expected.get(name, UNSET), got.get(name, UNSET), (*path, f".{name}"))
        case list(), list():
            for place, (one, other) in enumerate(zip_longest(expected, got, fillvalue=UNSET)):
                yield from differing(one, other, (*path, f"[{place}]"))
        case _ if expected != got or isinstance(expected, bool) is not isinstance(got, bool):
            yield path, expected, got
        case _:
            return


def first_difference(expected: Json, got: Json) -> str | None:
    """The first place that differs, in words; None: there is none."""
    for path, one, other in differing(expected, got):
        member, inside = path[0].lstrip("."), "".join(path[1:]).lstrip(".")
        mine, yours = _brief_sides(one, other, " ms" if member == "times" or "".join(path) in _MILLIS else "")
        if not inside and not isinstance(one, dict | list) and not isinstance(other, dict | list):
            return f"expected {member} {mine}, got {yours}"
        inside = f"{inside} expected" if inside else "expected"
        return f"{member} differs: {inside} {mine}, got {yours}"
    return None


def diff(expected: Json, got: Json, place: str) -> list[str]:
    """A unified diff with three lines of context; `place` heads it."""
    lines = unified_diff(_pretty(expected), _pretty(got), f"{place} (recorded)", f"{place} (replayed)", lineterm="")
    return list(lines)


def _pretty(value: Json) -> list[str]:
    """The value as lines, members sorted, controls escaped."""
    text = json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False)
    return [_printable(line) for line in text.splitlines()]


def _printable(text: str) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else dumps(c)[1:-1] for c in text)


def _brief_sides(expected: Side, got: Side, unit: str) -> tuple[str, str]:
    """Both in so few characters that what tells them apart is among them; numbers with their unit."""
    one, other = _written(expected, unit), _written(got, unit)
    if one == other:  # a text, and what is written like it
        one, other = dumps(expected), dumps(got)
    alike = _alike(one, other)
    window = slice(max(0, alike - _BRIEF), alike + _BRIEF + 1)
    one, other = _printable(one[window]), _printable(other[window])
    alike = _alike(one, other)
    # beside what differs stands a little of what is alike, and all of that only where there is room
    start = alike - _BESIDE if max(len(one), len(other)) > _BRIEF and alike > 2 * _BESIDE else 0
    return _brief(one, start), _brief(other, start)


def _alike(one: str, other: str) -> int:
    """How many characters they begin with alike."""
    return bisect(range(1, min(len(one), len(other)) + 1), False, key=lambda length: one[:length] != other[:length])


def _written(value: Side, unit: str) -> str:
    if value is UNSET:
        return "nothing"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value}{unit}"
    return value if isinstance(value, str) else dumps(value)


def _brief(text: str, start: int) -> str:
    shown = "…" * bool(start) + text[start:]
    return shown if len(shown) <= _BRIEF else shown[: _BRIEF - 1] + "…"
