"""What a command found in files, for CI: JSON lines, JUnit, what a GitHub run shows (recordings.md §12)."""

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Self

from msgspec import Struct

from lab.cli.junit import CaseEnd, JunitCase
from lab.cli.result import CommandResult
from lab.cli.runner import Level, Note, in_markdown, table
from lab.core.clock import Epoch, Millis, iso
from lab.core.errors import Complaint, Divergence, LabError, ScenarioError, advised
from lab.core.exchange import Json
from lab.files.recordings import RECORDING_ENDING

if TYPE_CHECKING:
    from lab.recording.divergences import Divergences

WORST_FIRST = (2, 3, 1, 4)
"""Exit codes of files: with the first of these that one has, a command about several ends."""


class Problem(Struct, frozen=True):
    """Something that is wrong in a file; `line` and `column` count from 1."""

    line: int
    what: str
    column: int = 1
    hint: str = ""
    """What to do."""
    details: str = ""
    """In full: what differs."""
    warning: bool = False
    file: str = ""
    """Where it is, if not in the file that was looked at, but in one beside it."""

    @classmethod
    def of(cls, complaint: Complaint) -> Self:
        """A complaint as a problem."""
        return cls(complaint.line, complaint.what, complaint.column, complaint.hint, file=complaint.file)

    @property
    def advice(self) -> str:
        """What is wrong, and what to do."""
        return advised(self.what, self.hint)


class FileVerdict(Struct, frozen=True):
    """What came of one file."""

    file: str
    code: int
    """The exit code that it alone would give."""
    problems: tuple[Problem, ...] = ()
    kind: CaseEnd = CaseEnd.FAILURE
    """What it is if it isn't good: a failure, or an error where it couldn't be read."""
    judge: str = ""
    """What is judged of a recording: server, or client."""
    took: Millis | None = None
    """Real milliseconds."""
    lines: tuple[str, ...] = ()
    """What people read of it; of one that can't be read nothing, for the error itself was told."""
    remarks: tuple[str, ...] = ()
    """What they are told beside the results."""

    @classmethod
    def of_error(cls, error: LabError, file: str, judge: str = "") -> Self:
        """Of one that couldn't be read, or asked."""
        return cls(file, error.exit_code, problems_of(error, file), CaseEnd.ERROR, judge)

    @classmethod
    def of_replay(cls, found: "Divergences", file: str, judge: str, hint: str = "") -> Self:
        """Of one that was replayed; `hint` says what to do where it differs, and stands with the first difference."""
        problems = [
            Problem(each.line, each.what, hint="" if place else hint, details="\n".join(each.diff))
            for place, each in enumerate(found.differences)
        ]
        if found.others:
            problems.append(Problem(found.differences[-1].line, found.others, warning=True))
        problems += (Problem(each.line or 1, each.what, warning=True) for each in found.remarks)
        code, text = 0 if found.passed else Divergence.exit_code, found.text()
        said = (text,) if text else ()
        if found.passed:
            return cls(file, code, tuple(problems), judge=judge, remarks=said)
        return cls(file, code, tuple(problems), judge=judge, lines=said)

    def document(self) -> dict[str, Json]:
        """For programs."""
        problems: list[Json] = [
            {
                "line": each.line,
                "column": each.column,
                "what": each.what,
                "warning": each.warning,
                **({"hint": each.hint} if each.hint else {}),
                **self._elsewhere(each),
            }
            for each in self.problems
        ]
        return {"file": self.file, "passed": self.code == 0, "code": self.code, "problems": problems}

    def _elsewhere(self, problem: Problem) -> dict[str, Json]:
        return {"file": problem.file} if problem.file not in ("", self.file) else {}

    def notes(self) -> Iterator[Note]:
        """For a runner that shows them beside the lines of files."""
        for each in self.problems:
            level: Level = "warning" if each.warning else "error"
            yield Note(each.advice, level, each.file or self.file, each.line, each.column)

    def rows(self) -> Iterator[Sequence[str]]:
        """For a summary in Markdown."""
        end = "passed" if self.code == 0 else f"**{'unreadable' if self.kind is CaseEnd.ERROR else 'failed'}**"
        if not self.problems:
            yield in_markdown(self.file), end, "", ""
        for each in self.problems:
            what = f"warning: {each.what}" if each.warning else each.what
            yield in_markdown(each.file or self.file), end, str(each.line), in_markdown(what)

    def case(self, command: str) -> JunitCase:
        """For JUnit."""
        # the place stands in the text: Jenkins' xUnit plugin passes over a file whose testcases have one as an attribute
        text = "\n".join(
            f"{each.file or self.file}:{each.line}:{each.column}: {each.advice}\n{each.details}"
            for each in self.problems
        )
        group, name = f"lab.{command}", self.file
        if self.judge:
            group, name = _dotted(self.file), self.judge
        if self.code == 0:
            end = CaseEnd.TOLD if self.problems else None
            return JunitCase(group, name, end, text=text, took=self.took)
        message = self.problems[0].what if self.problems else f"exit {self.code}"
        return JunitCase(group, name, self.kind, message, text, self.took)


def _dotted(file: str) -> str:
    """The path of a recording as a class is called: folders before dots, and a dot that isn't one encoded."""
    parts = PurePath(file.removesuffix(RECORDING_ENDING)).parts
    return ".".join(part.strip("/").replace(".", "%2E") for part in parts)


def problems_of(error: LabError, file: str) -> tuple[Problem, ...]:
    """What an error says of a file, a problem each; the place that its words begin with becomes the problem's."""
    if isinstance(error, ScenarioError):
        return tuple(map(Problem.of, error.complaints))
    place = re.match(rf"{re.escape(file)}(?::([0-9]+):|:)? ", error.what)
    what = error.what[place.end() :] if place else error.what
    return (Problem(int(place[1]) if place and place[1] else 1, what, hint=error.hint),)


def files_result(
    command: str, verdicts: Sequence[FileVerdict], code: int, began: Epoch, *last: str, remarks: Sequence[str] = ()
) -> CommandResult:
    """What a command found in files, in all forms; `last` are lines about all of them, `began` when they were looked at."""
    passed = [each for each in verdicts if not each.code]
    failed = [each for each in verdicts if each.code]
    counts: dict[str, Json] = {"passed": len(passed), "failed": len(failed)}
    return CommandResult(
        title=f"lab {command}",
        code=code,
        lines=(*(line for each in verdicts for line in each.lines), *last),
        documents=(*(each.document() for each in verdicts), counts),
        suites=((f"lab {command}", [each.case(command) for each in verdicts]),),
        notes=[note for each in verdicts for note in each.notes()],
        summary=(
            f"## lab {command}: {len(passed)} passed, {len(failed)} failed",
            "",
            *table(("file", "", "line", "what"), (row for each in (*failed, *passed) for row in each.rows())),
        ),
        remarks=(*(line for each in verdicts for line in each.remarks), *remarks),
        began=iso(began, 0),
    )


def complaint_of(file: PurePath, error: LabError) -> Complaint:
    """An error about a file as a complaint."""
    (problem,) = problems_of(error, str(file))
    return Complaint(str(file), problem.line, 1, problem.what, problem.hint)
