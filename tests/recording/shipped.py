"""The recordings that come with the lab, what their replay needs, and lines written as a file anew."""

from hashlib import sha256
from pathlib import Path
from typing import Any

from msgspec import Struct

from lab.files.scenarios import load_scenario
from lab.jobs.program import Program
from lab.recording.format.codec import footer
from lab.recording.format.reader import read
from lab.recording.format.text import dumps
from tests.conftest import ROOT

Members = dict[str, Any]


class Target(Struct, frozen=True):
    """A shipped recording, and what its replay needs."""

    path: Path
    scenarios: tuple[Program, ...]


def shipped() -> list[Path]:
    """All of them."""
    return sorted((ROOT / "recordings").glob("*.rec.jsonl"))


def target_of(path: Path) -> Target:
    """One of them."""
    named = read(path.read_bytes()).header.scenarios or ()
    return Target(path, tuple(load_scenario(each.name, ROOT / "scenarios") for each in named))


def written(lines: list[Members]) -> bytes:
    """The lines as a file whose numbers and footer are right."""
    *kept, end = lines
    raw = b"".join((dumps({**line, "n": n}) + "\n").encode() for n, line in enumerate(kept))
    return raw + footer(len(kept), end["t"], end["reason"], sha256(raw))
