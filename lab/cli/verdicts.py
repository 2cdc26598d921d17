"""What a command found in files, for people, programs and CI (recordings.md §12)."""

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Self

from msgspec import Struct

from lab.cli.ci_forms import CaseEnd, JunitCase, in_markdown, table
from lab.cli.result import CommandResult
from lab.core.clock import Epoch, Millis, iso
from lab.core.errors import Complaint, Divergence, LabError, ScenarioError
from lab.core.exchange import Json
from lab.files.recordings import RECORDING_ENDING

if TYPE_CHECKING:
    from lab.recording.divergences import Divergences

WORST_FIRST = (2, 3, 1, 4)
"""Exit codes of files: with the first of these that one has, a command about several ends."""
NOTHING_MATCHED = 5
"""The exit code where no file was meant: never green on nothing."""


def worst_of(codes: Collection[int], *, idle: bool = False) -> int:
    """The exit code of several files; `idle`: there are targets that matched none."""
    return next((code for code in WORST_FIRST if code in codes), NOTHING_MATCHED if idle else 0)


class FileVerdict(Struct, frozen=True):
    """What came of one file."""

    file: str
    code: int
    """The exit code that it alone would give."""
    complaints: tuple[Complaint, ...] = ()
    """What is wrong with it, or with a file beside it."""
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
        return cls(file, error.exit_code, complaints_in_error(error, file), CaseEnd.ERROR, judge)

    @classmethod
    def of_replay(cls, found: "Divergences", file: str, judge: str, hint: str = "") -> Self:
        """Of one that was replayed; `hint` says what to do where it differs, and stands with the first difference."""
        complaints = [
            Complaint(file, each.line, 1, each.what, "" if place else hint, details="\n".join(each.diff))
            for place, each in enumerate(found.differences)
        ]
        if found.others:
            complaints.append(Complaint(file, found.differences[-1].line, 1, found.others, level="warning"))
        complaints += (Complaint(file, each.line or 1, 1, each.what, level="warning") for each in found.remarks)
        said = (text,) if (text := found.text()) else ()
        if found.passed:
            return cls(file, 0, tuple(complaints), judge=judge, remarks=said)
        return cls(file, Divergence.exit_code, tuple(complaints), judge=judge, lines=said)

    def document(self) -> dict[str, Json]:
        """For programs."""
        problems: list[Json] = [
            {
                "line": each.line,
                "column": each.column,
                "what": each.what,
                "warning": each.level == "warning",
                **({"hint": each.hint} if each.hint else {}),
                **({"file": each.file} if each.file != self.file else {}),
            }
            for each in self.complaints
        ]
        return {"file": self.file, "passed": self.code == 0, "code": self.code, "problems": problems}

    def rows(self) -> Iterator[Sequence[str]]:
        """For a summary in Markdown."""
        end = "passed" if self.code == 0 else f"**{'unreadable' if self.kind is CaseEnd.ERROR else 'failed'}**"
        if not self.complaints:
            yield in_markdown(self.file), end, "", ""
        for each in self.complaints:
            what = f"warning: {each.what}" if each.level == "warning" else each.what
            yield in_markdown(each.file), end, str(each.line), in_markdown(what)

    def case(self, command: str) -> JunitCase:
        """For JUnit."""
        # the place stands in the text: Jenkins' xUnit plugin passes over a file whose testcases have one as an attribute
        text = "\n".join(f"{each._replace(level='error')}\n{each.details}" for each in self.complaints)
        # a class is called by folders before dots, and a dot that isn't one is encoded
        parts = PurePath(self.file.removesuffix(RECORDING_ENDING)).parts
        dotted = ".".join(part.strip("/").replace(".", "%2E") for part in parts)
        group, name = (dotted, self.judge) if self.judge else (f"lab.{command}", self.file)
        if self.code == 0:
            end = CaseEnd.TOLD if self.complaints else None
            return JunitCase(group, name, end, text=text, took=self.took)
        message = self.complaints[0].what if self.complaints else f"exit {self.code}"
        return JunitCase(group, name, self.kind, message, text, self.took)


def complaints_in_error(error: LabError, file: str) -> tuple[Complaint, ...]:
    """What an error says of a file; the place that its words begin with becomes the complaint's."""
    if isinstance(error, ScenarioError):
        return error.complaints
    place = re.match(rf"{re.escape(file)}(?::([0-9]+):|:)? ", error.what)
    what = error.what[place.end() :] if place else error.what
    return (Complaint(file, int(place[1]) if place and place[1] else 1, 1, what, error.hint),)


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
        notes=[complaint for each in verdicts for complaint in each.complaints],
        summary=(
            f"## lab {command}: {len(passed)} passed, {len(failed)} failed",
            "",
            *table(("file", "", "line", "what"), (row for each in (*failed, *passed) for row in each.rows())),
        ),
        remarks=(*(line for each in verdicts for line in each.remarks), *remarks),
        began=iso(began, 0),
    )
