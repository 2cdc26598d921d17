"""`lab replay`: evaluate recordings again and compare, and take what differs rightly (recordings.md §6, §12)."""

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import unified_diff
from itertools import groupby, islice
from pathlib import Path
from typing import NamedTuple, Self

from msgspec import Struct
from msgspec.structs import replace

from lab.cli.command_settings import ReplaySettings
from lab.cli.console import Console, report
from lab.cli.loop import complete
from lab.cli.recordings import matched, matchers_of, scenarios_for
from lab.cli.result import tell
from lab.cli.verdicts import FileVerdict, files_result, worst_of
from lab.clocks import real_millis, wall_second
from lab.core.errors import Divergence, LabError, RecordingError, ScenarioError, UsageError
from lab.files.growing_files import replace_recording
from lab.files.recordings import generators, open_recording
from lab.files.scenarios import load_scenario, scenario_names, scenarios_folder, shipped_path
from lab.jobs.program import Program
from lab.recording.format.lines import Recording
from lab.recording.format.reader import demand_closed, read
from lab.recording.replay.job_ends import lost_jobs
from lab.recording.replay.replay import Comparing, replay
from lab.recording.show.transcript import transcript_lines
from lab.recording.tape.header import needed_scenarios


class ReplayedFile(Struct, frozen=True):
    """What came of one recording."""

    verdict: FileVerdict
    again: Callable[[], bytes] | None = None
    """Records it as it is now; None: nothing differs, or it couldn't be replayed."""


def execute(settings: ReplaySettings, console: Console) -> int:
    """Replay each; the last line of stdout stands alone: `12 passed, 0 failed`."""
    began = wall_second()
    files, idle = matched(settings.targets, console, shipped=not settings.accept)
    if settings.against.api is not None:
        from lab.cli.client_replay import replay_against  # most replays open no socket

        done = [ReplayedFile(verdict) for verdict in replay_against(files, settings.against.api, settings, console)]
    else:
        done = [_replay(file, settings, console) for file in files]
    verdicts, codes = [each.verdict for each in done], [each.verdict.code for each in done]
    differing = [(Path(each.verdict.file), each.again) for each in done if each.again is not None]
    hint = _how_to_accept(settings) if differing else ""
    worst = worst_of(codes, idle=idle)
    last = f"{codes.count(0)} passed, {len(codes) - codes.count(0)} failed"
    remarks = (f"note: {hint}",) if hint else ()
    tell(files_result("replay", verdicts, worst, began, last, remarks=remarks), settings.output, console)
    if not (differing and settings.accept):
        return worst
    agreed = False
    try:
        agreed = _accepted(done, settings, console)
    finally:
        if settings.output.form == "json":
            console.json({"accepted": len(differing) if agreed else 0})
    return 0 if agreed else worst


def _accepted(done: Sequence[ReplayedFile], settings: ReplaySettings, console: Console) -> bool:
    """Put those that differ in the old ones' place, unless another couldn't be replayed. Whether that was done."""
    differing = [(Path(each.verdict.file), each.again) for each in done if each.again is not None]
    if unread := [each.verdict.file for each in done if each.verdict.code not in (0, Divergence.exit_code)]:
        new = ", ".join(str(path) for path, _ in differing)
        what = f"Nothing is accepted of {new}: {', '.join(unread)} couldn't be replayed."
        report(UsageError(what, hint=_ALL_OR_NONE), console)
        return False
    return accept([NewRecording.of(path, again()) for path, again in differing], settings, console)


def _replay(file: Path, settings: ReplaySettings, console: Console) -> ReplayedFile:
    """Replay one; what differs is printed as a result."""
    since = real_millis()
    try:
        recording = read(open_recording(file), str(file))
        demand_closed(recording, str(file))
        served, excepted = (
            named_scenarios(recording, scenarios_for(file, settings.scenarios), console),
            matchers_of(file),
        )
        comparing = Comparing(excepted.matchers if excepted else (), generators(), settings.regenerate)
        found = replay(recording, served, name=str(file), comparing=comparing)
        if found.passed and excepted and (idle := excepted.idle(found.applied)):
            raise ScenarioError(idle)
    except LabError as error:
        report(error, console)
        verdict, again = FileVerdict.of_error(error, str(file), "server"), None
    else:
        verdict = FileVerdict.of_replay(found, str(file), "server", _how_to_accept(settings))
        again = None if found.passed else found.again
    return ReplayedFile(replace(verdict, took=real_millis() - since), again)


def _how_to_accept(settings: ReplaySettings) -> str:
    """What to do with a difference that is meant; empty where it is being done."""
    given = shlex.join(("lab", *settings.arguments))
    said = f"where that is meant, {given} --accept shows it, asks, and puts it in the recording's place."
    return "" if settings.accept else said


def named_scenarios(recording: Recording, scenarios: str | None, console: Console) -> tuple[Program, ...]:
    """The scenarios that the recording names, those that no job used where they are; UsageError if another isn't there."""
    folder = scenarios_folder(scenarios)
    names, needed = [each.name for each in recording.header.scenarios or ()], needed_scenarios(recording)
    if any("/" in name or "\\" in name for name in names):
        raise RecordingError(f"{recording.name}:1: a scenario's name is a path")
    found: list[Program] = []
    for name in names:
        if name in needed and shipped_path(name, folder) is not None:
            note = f"note: {folder} has no scenario {name}: it is the shipped one."
            if console.first(note):
                console.err(note)
        try:
            found.append(load_scenario(name, folder))
        except LabError as error:
            if name in needed and isinstance(error, UsageError):
                hint = f"{folder} has none of that name: --scenarios DIR names the folder in which it lies."
                there = name in scenario_names(folder)
                raise UsageError(f"{recording.name}: {error.what}", hint=error.hint if there else hint) from None
            if name in needed:
                raise
    return tuple(found)


# A new truth

_ROW = re.compile(r".{0,154}?\\u000a|.{1,160}|^$")
"""Of a long line, in which the ends of lines are escaped."""
_FURTHER = "      "
"""What stands before each but the first."""
_MOST_ROWS = 40


def _rows(line: str) -> Iterator[str]:
    """A line of a transcript as rows, so that of a long text those are compared, and shown, that differ."""
    return (_FURTHER * bool(found.start()) + found[0] for found in _ROW.finditer(line))


def _bounded(diff: Iterable[str]) -> Iterator[str]:
    """A diff of rows; of those of one text that came or went together the first are shown, and the others counted."""
    for head, run in groupby(diff, key=lambda row: row[: 1 + len(_FURTHER)]):
        rows = list(run)
        most = _MOST_ROWS if head[1:] == _FURTHER else len(rows)
        yield from rows[:most]
        if rows[most:]:
            yield f"{head}… {len(rows) - most} more rows"


class NewRecording(NamedTuple):
    """A recording that is to take another's place."""

    path: Path
    data: bytes
    before: Recording
    now: Recording

    @classmethod
    def of(cls, path: Path, data: bytes) -> Self:
        """The one that lies there, and the one of this time."""
        now = read(data, str(path))
        demand_closed(now, str(path))
        return cls(path, data, read(open_recording(path), str(path)), now)

    def differences(self) -> Iterator[str]:
        """What a transcript says otherwise, texts in full; text from outside stands behind a bar."""
        yield str(self.path)
        before, now = (
            [row for line in transcript_lines(each, whole=True) for row in _rows(line)]
            for each in (self.before, self.now)
        )
        rows = list(_bounded(islice(unified_diff(before, now, lineterm=""), 2, None)))
        yield from (f"| {row}" for row in rows or ("The transcripts are the same: what differs isn't shown in them.",))


def accept(found: Sequence[NewRecording], settings: ReplaySettings, console: Console) -> bool:
    """Show what is new, ask (`--yes`: don't), and replace all of it. Whether it was.

    Divergence, and nothing is replaced, if a job no longer ends, or begins, and that wasn't said to be right.
    """
    say = console.out if settings.output.form in ("text", "github") else console.err
    unfinished: list[str] = []
    for each in found:
        for line in each.differences():
            say(line)
        unfinished += (f"{each.path}: {lost}" for lost in lost_jobs(each.before, each.now))
    if unfinished and not settings.accept_unfinished:
        raise Divergence(f"Nothing is accepted: {' '.join(unfinished)}", hint=_NOT_ENDED)
    agreed = settings.yes or _agreed(len(found), console, say)
    for each in found if agreed else ():
        replace_recording(each.path, each.data, aside=False)
    say(f"{len(found) if agreed else 0} accepted")
    return agreed


_ALL_OR_NONE = "All that differ are accepted, or none: mend what can't be replayed, or leave it out."
_NOT_ENDED = (
    "What the job ends with would be held to nothing: record it anew, with a client that begins it and polls until then."
    " --accept-unfinished takes it as it is."
)


def _agreed(count: int, console: Console, say: Callable[[str], None]) -> bool:
    if not console.terminal:
        raise UsageError("Nobody can be asked here.", hint="--yes accepts what was shown.")
    say(f"Put {'it' if count == 1 else f'these {count}'} in the old place? [y/N]")

    async def work(_: object) -> int:
        return int((await console.line()).strip().lower() in ("y", "yes"))

    return complete(work) == 1
