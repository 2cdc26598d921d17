"""Every shipped recording falsified in every way: `python -m tests.recording.tampering [NAME…]`.

Each line is dropped, each reply said twice, each member left out and replaced by others of its kind; `n` and the footer
are made right again and the rest is left. A replay of what comes out must fail, unless what was changed is never
compared: `NOT_COMPARED` names that, with the reason. Both ways through must agree. Exit 1 if one forgery passes.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from msgspec import Struct

from lab.core.errors import LabError
from lab.files.recordings import read_blob
from lab.files.scenarios import load_scenario
from lab.jobs.compiled import CompiledScenario
from lab.language.document import Fake
from lab.recording.format.codec import footer
from lab.recording.format.lines import Line
from lab.recording.format.reader import read
from lab.recording.format.text import dumps
from lab.recording.replay.compare import Comparison
from lab.recording.replay.fast_replay import FastReplay
from lab.recording.replay.match import COMPARED
from lab.recording.replay.replay import compare
from lab.recording.tape.header import config_of
from tests.conftest import ROOT

Members = dict[str, Any]
Place = tuple[str | int, ...]

NOT_COMPARED: dict[tuple[str, str], str] = {
    ("res", "t"): "when the last byte left is the peer's doing",
    ("res", "first"): "when the first byte left is the socket's doing",
    ("res", "w"): "real time, for information",
    ("res", "sent"): "how much left before a cut is the socket's doing",
    ("res", "raw"): "JSON is compared as a value, whatever its bytes",
    ("fact", "t"): "when a derived fact was looked at; its `at` is compared",
    ("end", "t"): "when the tape ended",
    ("end", "reason"): "why the tape ended",
}
"""Kinds of lines and members of theirs that no replay compares, and why."""


class Forgery(Struct, frozen=True):
    """A falsified recording: which line (from 1), the place in it, what was done there."""

    line: int
    kind: str
    place: Place
    what: str
    lines: list[Members]

    @property
    def data(self) -> bytes:
        """The file."""
        return written(self.lines)

    def __str__(self) -> str:
        return f"{self.line} {self.kind} {'.'.join(map(str, self.place))} {self.what}"


def written(lines: list[Members]) -> bytes:
    """The lines as a file whose numbers and footer are right."""
    *kept, end = lines
    raw = b"".join((dumps({**line, "n": n}) + "\n").encode() for n, line in enumerate(kept))
    return raw + footer(len(kept), end["t"], end["reason"], sha256(raw))


def forgeries(lines: list[Members], index: int) -> Iterator[Forgery]:
    """Every forgery of one line."""
    line, before, after = lines[index], lines[:index], lines[index + 1 :]
    kind = line["k"]
    if kind not in ("header", "end"):
        yield Forgery(index + 1, kind, (), "dropped", [*before, *after])
    if kind == "res":
        other = {**line, "s": 418}
        for both in ((other, line), (line, other), (line, line)):
            yield Forgery(index + 1, kind, (), "said twice", [*before, *both, *after])
    for place, what, changed in changes(line):
        if place[0] not in ("k", "n", "sha256") and not (kind == "end" and what == "left out"):
            yield Forgery(index + 1, kind, place, what, [*before, changed, *after])


def changes(line: Members) -> Iterator[tuple[Place, str, Members]]:
    """The line with one member, at any depth, left out or replaced."""
    for place, value in walk(line):
        for other in (other for other in others(value) if other != value):
            yield place, f"{dumps(value)[:40]} -> {dumps(other)[:40]}", put(line, place, other)
        yield place, "left out", put(line, place, ...)


def walk(value: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every value inside, with its place."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield (*place, name), part
        yield from walk(part, (*place, name))


def others(value: Any) -> tuple[Any, ...]:
    """Others of its kind."""
    match value:
        case bool():
            return (not value,)
        case int() | float():
            return value + 1, value - 1
        case str():
            return value + "x", "«token:T1»", "«token:T99»"
        case None:
            return "x", 0
        case list():
            return ([*value, *value[-1:]],) if value else (["x"],)
        case dict():
            return ({**value, "further": "x"},)
        case _:
            raise TypeError(value)


def put(whole: Any, place: Place, value: Any) -> Any:
    """A copy with another value at the place; `...`: with nothing there."""
    name, *rest = place
    value = put(whole[name], tuple(rest), value) if rest else value
    if isinstance(whole, dict):
        return {
            each: value if each == name else part for each, part in whole.items() if each != name or value is not ...
        }
    return [value if each == name else part for each, part in enumerate(whole) if each != name or value is not ...]


class _Hasty(Comparison):
    """Goes no further than the first difference."""

    def take(self, line: Line) -> bool:
        return super().take(line) and not self.found


class Target(Struct, frozen=True):
    """A recording to be falsified, and what its replay needs."""

    path: Path
    lines: list[Members]
    scenarios: tuple[CompiledScenario, ...]
    generated: frozenset[str]
    """The draws that hold generated text."""

    def verdict(self, data: bytes) -> str:
        """`red` or `green`; what is wrong with the replay itself, if anything is."""
        try:
            found = read(data)
            config = config_of(found, self.scenarios)
            fast = FastReplay(found, config, self.blob).same()
            passed = not compare(partial(_Hasty, found, config, self.blob, "x"))[1]
        except LabError:
            return "red"
        except Exception as bug:  # noqa: BLE001 - whatever it is, it is what was looked for
            return f"a traceback: {bug!r}"
        if fast and not passed:
            return "the two ways through differ"
        return "green" if passed else "red"

    def blob(self, digest: str) -> bytes:
        """A body that is too long for a line."""
        return read_blob(self.path, digest)

    def judged(self, forgery: Forgery) -> str:
        """`red`, `not compared`, or what is wrong."""
        found = self.verdict(forgery.data)
        return "not compared" if found == "green" and self.excuse(forgery) else found

    def excuse(self, forgery: Forgery) -> str | None:
        """Why a replay need not see it; None: it must."""
        match forgery.kind, forgery.place:
            case "header", _:
                return "the header says what is asked, by which every answer is made anew"
            case "req", (*_, _):
                return "the question: another one with the same answers and facts is another true recording"
            case "fact", ("drawn", str(name), *_) if name in self.generated:
                return "generated text that no reply shows: another version of the generator may give another"
            case "res", ("h", *rest):
                header = self.lines[forgery.line - 1]["h"]
                named = header[rest[0]][0] if rest else ""
                return None if named in COMPARED else "a header that varies with the machine or follows from the rest"
            case kind, (str(member), *_):
                return NOT_COMPARED.get((kind, member))
            case _:
                return None


def target_of(path: Path) -> Target:
    """A shipped recording."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    scenarios = tuple(load_scenario(each["name"], ROOT / "scenarios") for each in lines[0]["scenarios"])
    data = [turn.scenario.data for each in scenarios for turn in (each, *each.turns)]
    generated = {f"data/{name}" for each in data for name, datum in each.items() if isinstance(datum, Fake)}
    return Target(path, lines, scenarios, frozenset(generated))


def shipped() -> list[Path]:
    """The recordings that come with the lab."""
    return sorted((ROOT / "recordings").glob("*.rec.jsonl"))


def attack(target: Target) -> Counter[str]:
    """Falsify one recording in every way; what came of it, told on the way."""
    counted: Counter[str] = Counter()
    for index in range(len(target.lines)):
        for forgery in forgeries(target.lines, index):
            found = target.judged(forgery)
            counted["forged"] += 1
            counted[found if found in ("red", "not compared") else "wrong"] += 1
            if found not in ("red", "not compared"):
                sys.stdout.write(f"{target.path.name}:{forgery}: {found}\n")
    return counted


def main(names: list[str]) -> int:
    """Falsify them all, or those named."""
    total: Counter[str] = Counter()
    for path in shipped():
        if not names or path.name.partition(".")[0] in names:
            counted = attack(target_of(path))
            total += counted
            sys.stdout.write(f"{path.name}: {dict(counted)}\n")
            sys.stdout.flush()
    sys.stdout.write(", ".join(f"{total[word]} {word}" for word in ("forged", "red", "not compared", "wrong")) + "\n")
    return 1 if total["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
