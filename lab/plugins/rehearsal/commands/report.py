"""`lab report`: what the clients in recordings did well and badly (clients.md §5)."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from msgspec.structs import replace

from lab.cli.commands.replay import NOTHING_MATCHED, matched, worst_of
from lab.cli.console import Console
from lab.cli.console import report as show_error
from lab.cli.recordings import scenarios_for, scenarios_of
from lab.cli.verdicts import FileVerdict, form_of, tell_runner
from lab.core.errors import LabError, UsageError
from lab.files.artifacts import write_text
from lab.files.recordings import open_recording, read_recording
from lab.plugins.rehearsal.report.catalog import RULE_OF
from lab.plugins.rehearsal.report.coverage import Coverage, Elements, joined, met_in, possible_in
from lab.plugins.rehearsal.report.formats import FORMATS, fails, github, junit, notes_of
from lab.plugins.rehearsal.report.gather import histories_of
from lab.plugins.rehearsal.report.history import ClientHistory
from lab.plugins.rehearsal.report.html import html
from lab.plugins.rehearsal.report.judge import ClientReport, report_on
from lab.plugins.rehearsal.report.rule import Severity
from lab.plugins.rehearsal.report.run_groups import lines_of_runs
from lab.program.scenario import Scenario
from lab.recording.format.reader import read
from lab.settings import Flags, refuse_idle


def execute(flags: Flags, console: Console) -> int:
    """Judge them together; 1 if that isn't good enough, 5 if nothing matched, was exercised or can be judged.

    One that can't be read keeps the others from nothing; 3 then, 2 if it isn't there.
    """
    if any("://" in target for target in flags["targets"]):
        return _judge_lab(flags, console)
    refuse_idle(flags, ("all",), "recordings: it tells of the runs of a lab")
    files, idle = matched(flags["targets"], console)
    if not files:
        return NOTHING_MATCHED
    unread: list[FileVerdict] = []
    histories: dict[str, tuple[ClientHistory, ...]] = {}
    met: list[Elements] = []
    scenarios: dict[str, Scenario] = {}
    paths: dict[str, Path] = {}
    for file in files:
        name = str(file) if file.name in paths else file.name
        try:
            recording = read(open_recording(file), str(file))
            histories[name] = histories_of(recording)
        except LabError as error:
            show_error(error, console)
            unread.append(FileVerdict.of_error(error, str(file)))
            continue
        paths[name] = file
        met.append(met_in(recording, histories[name]))
        scenarios |= scenarios_of(recording.header, scenarios_for(file, flags["scenarios"]))
    coverage = Coverage(joined(*met), possible_in(tuple(scenarios.values())))
    code = conclude(report_on(histories, coverage), file_lines(paths), flags, console, unread)
    return worst_of([*(each.code for each in unread), code], idle=idle) or code


def _judge_lab(flags: Flags, console: Console) -> int:
    from lab.plugins.rehearsal.commands.report_live import live_report  # recordings need nothing that speaks to a lab

    found = live_report(flags)
    return conclude(found.report, found.line_of, flags, console)


def conclude(
    report: ClientReport,
    line_of: Callable[[str, int], str],
    flags: Flags,
    console: Console,
    unread: Sequence[FileVerdict] = (),
) -> int:
    """Print it, write what is wanted of it, and say by the exit code whether it is good enough.

    `line_of` gives a line of a recording by its name and number; `unread` are those that it says nothing of.
    """
    required = tuple(name.strip() for name in (flags["require"] or "").split(",") if name.strip())
    unknown = [name for name in required if name not in RULE_OF]
    if unknown:
        raise UsageError(f"--require {unknown[0]} is no rule.", hint=f"Rules are {', '.join(RULE_OF)}.")
    form, severity = form_of(flags), Severity(flags["fail_on"])
    _tell_runs(report, form, flags, console)
    shown = report
    if form == "json":
        for document in (*(each.document() for each in unread), *(each.document() for each in report.runs)):
            console.json(document)
        shown = replace(report, runs=())
    elif form == "github":
        notes = [*(note for each in unread for note in each.notes()), *notes_of(report, on=severity)]
        tell_runner(f"lab {flags['command']}", notes, github(report), flags, console)
    cases = [each.case(flags["command"]) for each in unread]
    text = junit(report, cases) if form == "junit" else FORMATS[form](shown)
    console.out(text.rstrip("\n") + (f", {len(unread)} unreadable" if unread and form in ("text", "github") else ""))
    if flags["junit"]:
        write_text(flags["junit"], junit(report, cases))
    if flags["html"]:
        write_text(flags["html"], html(report, line_of))
    if report.score is None and all(run.good is not False for run in report.runs):
        return NOTHING_MATCHED
    reasons = list(fails(report, on=severity, least_score=flags["min_score"], required=required))
    for reason in reasons:
        console.err(f"lab: {reason}")
    unjudged = bool(report.runs) and all(run.good is None for run in report.runs)
    return 1 if reasons else NOTHING_MATCHED if unjudged else 0


def _tell_runs(report: ClientReport, form: str, flags: Flags, console: Console) -> None:
    """How each run ended, where there are any; beside another form on stderr."""
    lines = lines_of_runs(report.runs, report.not_called, whole=flags["all"])
    for line in lines if report.runs or report.not_called else ():
        console.out(line) if form in ("text", "github") else console.err(line)


def file_lines(paths: Mapping[str, Path]) -> Callable[[str, int], str]:
    """Lines of the recordings in these files."""

    @lru_cache(maxsize=2)
    def lines(recording: str) -> list[bytes]:
        return read_recording(paths[recording]).split(b"\n")

    return lambda recording, line: lines(recording)[line - 1].decode("utf-8", "replace")
