"""What a command found in files, for CI: JSON lines, JUnit, annotations of a GitHub run (recordings.md §12).

Whatever comes out of a file is untrusted, and a runner obeys what it reads on stdout: so in annotations it is escaped, and
elsewhere it stands behind a bar.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Self

from msgspec import Struct

from lab.cli.console import Console
from lab.core.errors import Complaint, LabError, ScenarioError
from lab.core.exchange import Json
from lab.files.artifacts import write_text
from lab.report.junit import CaseEnd, JunitCase, junit_file
from lab.settings import Environment, Flags

MOST_NOTES = 9
"""Annotations: a runner shows ten of a step, and the last place is for how many there are."""


class Problem(Struct, frozen=True):
    """Something that is wrong in a file; `line` and `column` count from 1."""

    line: int
    what: str
    column: int = 1
    details: str = ""
    warning: bool = False
    file: str = ""
    """Where it is, if not in the file that was looked at, but in one beside it."""

    @classmethod
    def of(cls, complaint: Complaint) -> Self:
        """A complaint as a problem."""
        return cls(complaint.line, complaint.what, complaint.column, complaint.hint, file=complaint.file)


class FileVerdict(Struct, frozen=True):
    """What came of one file."""

    file: str
    code: int
    """The exit code that it alone would give."""
    problems: tuple[Problem, ...] = ()
    kind: CaseEnd = CaseEnd.FAILURE
    """What it is if it isn't good: a failure, or an error where it couldn't be read."""

    def document(self) -> dict[str, Json]:
        """For programs."""
        problems: list[Json] = [
            {
                "line": each.line,
                "column": each.column,
                "what": each.what,
                "warning": each.warning,
                **self._elsewhere(each),
            }
            for each in self.problems
        ]
        return {"file": self.file, "passed": self.code == 0, "code": self.code, "problems": problems}

    def _elsewhere(self, problem: Problem) -> dict[str, Json]:
        return {"file": problem.file} if problem.file not in ("", self.file) else {}

    def case(self, command: str) -> JunitCase:
        """For JUnit."""
        where: Mapping[str, str] = {"file": self.file}
        if self.problems:
            where = {**where, "line": str(self.problems[0].line)}
        text = "\n".join(
            f"{each.file or self.file}:{each.line}:{each.column}: {each.what}\n{each.details}" for each in self.problems
        )
        if self.code == 0:
            end = CaseEnd.TOLD if self.problems else None
            return JunitCase(f"lab.{command}", self.file, end, text=text, where=where)
        message = self.problems[0].what if self.problems else f"exit {self.code}"
        return JunitCase(f"lab.{command}", self.file, self.kind, message, text, where)


def problems_of(error: LabError) -> tuple[Problem, ...]:
    """What an error says, a problem each."""
    if isinstance(error, ScenarioError):
        return tuple(map(Problem.of, error.complaints))
    return (Problem(1, error.what, details=error.hint),)


def form_of(flags: Flags) -> str:
    """How the command prints: as it was told, on a GitHub runner with annotations, else for people."""
    if flags["json"] or flags["format"] == "json":
        return "json"
    return str(flags["format"] or ("github" if flags.into(Environment).github else "text"))


def tell(command: str, verdicts: Sequence[FileVerdict], flags: Flags, console: Console) -> None:
    """Print what the form has beside the text, and write JUnit's file where one is wanted."""
    form = form_of(flags)
    if form == "json":
        for each in verdicts:
            console.json(each.document())
    elif form == "github":
        for note in annotations(command, verdicts):
            console.out(note)
    if flags["junit"]:
        text = junit_file((f"lab {command}", [each.case(command) for each in verdicts]))
        write_text(flags["junit"], text)


def annotations(command: str, verdicts: Sequence[FileVerdict]) -> Iterator[str]:
    """What a GitHub runner shows beside the lines of files."""
    notes = [(each.file or verdict.file, each) for verdict in verdicts for each in verdict.problems]
    for file, each in notes[:MOST_NOTES]:
        word = "warning" if each.warning else "error"
        place = f"file={_property(file)},line={each.line},col={each.column},title=lab {command}"
        yield f"::{word} {place}::{_escaped(each.what)}"
    if (more := len(notes) - MOST_NOTES) > 0:
        yield f"::error title=lab {command}::and {more} more"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
