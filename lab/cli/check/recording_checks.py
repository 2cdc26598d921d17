"""What must not be committed in a recording, and what is wrong in the files that lie beside it."""

from pathlib import Path
from typing import BinaryIO

from lab.cli.junit import CaseEnd
from lab.cli.recordings import matchers_of
from lab.cli.verdicts import FileVerdict, Problem, complaint_of, problems_of
from lab.core.errors import Complaint, LabError, RecordingError, ScenarioError, UsageError
from lab.files.recordings import ALLOWED_ENDING, RECORDING_ENDING, beside, open_recording, read_allowed
from lab.identity.clients import DEMO
from lab.recording.format.reader import demand_closed, read
from lab.recording.redaction.leaks import leaks

_CLIENTS = ((DEMO.id, DEMO.secret),)


def check_recording(file: Path, *, strict: bool) -> FileVerdict:
    """The leaks of a recording, or why it can't be read, or isn't closed."""
    found: list[Problem] = []
    kind, code = CaseEnd.FAILURE, 0
    try:
        allowed = read_allowed(file)
        idle = dict(allowed)
        for leak in leaks(data := open_recording(file), _CLIENTS):
            if leak.word in allowed:
                idle.pop(leak.word, None)
                continue
            found.append(Problem(leak.line, leak.what))
            code = RecordingError.exit_code
        beside_it = str(beside(file, ALLOWED_ENDING))
        for word, line in idle.items():
            what = f"nothing is refused for {word} any more"
            found.append(Problem(line, what, hint="remove the line", warning=True, file=beside_it))
        if idle and strict:
            code = code or UsageError.exit_code
        _demand_whole(data, file)
    except LabError as error:
        found += problems_of(error, str(file))
        kind, code = CaseEnd.ERROR, error.exit_code
    lines = (
        f"{each.file or file}:{each.line}:{each.column}: {'warning: ' * each.warning}{each.advice}" for each in found
    )
    return FileVerdict(str(file), code, tuple(found), kind, lines=tuple(lines))


def _demand_whole(data: bytes | BinaryIO, file: Path) -> None:
    """RecordingError unless the recording is closed."""
    recording = read(data, str(file))
    demand_closed(recording, str(file))


def check_beside(file: Path) -> tuple[Complaint, ...]:
    """The complaints about what lies beside a recording: its matchers, or its allowed words, which it is checked with."""
    recording = beside(file, RECORDING_ENDING)
    try:
        if not file.name.endswith(ALLOWED_ENDING):
            matchers_of(recording)
    except ScenarioError as error:
        return error.complaints
    except UsageError as error:
        return (complaint_of(file, error),)
    if not recording.exists():
        return (Complaint(str(file), 1, 1, f"there is no recording {recording.name}", "rename it, or remove it"),)
    return ()
