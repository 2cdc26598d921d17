"""The exceptions of the lab: each says whose fault it is, and ends the program.

They are caught in one place, `lab.cli.console`, which turns them into text and an exit code.
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple, TypeAlias


class LabError(Exception):
    """The base of all: what happened, where, and what to do."""

    exit_code = 1

    def __init__(self, what: str, *, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.what}\n  {self.hint}" if self.hint else self.what


class UsageError(LabError):
    """The command was called wrongly: a bad option, a missing file, a wrong name."""

    exit_code = 2


class Unusable(Exception):
    """Something that was written can't be used: what is wrong, and a hint. Whoever knows its place complains of it."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.hint = hint


def advised(what: str, hint: str) -> str:
    """What is wrong and what to do, in one line; a hint that is a sentence stands behind a full stop."""
    if not hint:
        return what
    return f"{what.removesuffix('.')}{'.' if hint[0].isupper() else ';'} {hint}"


Level: TypeAlias = Literal["error", "warning", "notice"]


class Complaint(NamedTuple):
    """One thing wrong with a file, with its place; lines and columns count from 1."""

    file: str
    """Empty: it is about a whole run."""
    line: int
    column: int
    what: str
    hint: str = ""
    """What to do."""
    level: Level = "error"
    details: str = ""
    """In full: what differs."""

    @property
    def advice(self) -> str:
        """What is wrong, and what to do."""
        return advised(self.what, self.hint)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {'warning: ' * (self.level == 'warning')}{self.advice}"


class ScenarioError(LabError):
    """A scenario can't be loaded; carries every complaint."""

    exit_code = 2

    def __init__(self, complaints: tuple[Complaint, ...]) -> None:
        super().__init__("\n".join(map(str, complaints)))
        self.complaints = complaints


class RecordingError(LabError):
    """A recording is unreadable, open, torn, of another version, or damaged."""

    exit_code = 3


class ProtocolError(LabError):
    """The peer broke the contract."""


class Divergence(LabError):
    """Replay and recording differ."""


class HostError(LabError):
    """The surroundings fail: a port, a disk, the installation."""

    exit_code = 4


def closest(word: str, known: Iterable[str], least: float = 0.6) -> str:
    """The known word that another is probably a slip of; empty: none is alike by so much, of 1."""
    from difflib import get_close_matches  # only a mistake needs it

    return next(iter(get_close_matches(word, known, 1, least)), "")
