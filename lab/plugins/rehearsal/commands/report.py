"""`lab report`: what the clients in recordings did well and badly (clients.md §5)."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

from msgspec.structs import replace

from lab.cli.console import Console
from lab.cli.console import report as show_error
from lab.cli.recordings import matched, scenarios_for, scenarios_of
from lab.cli.result import CommandResult, tell
from lab.cli.verdicts import NOTHING_MATCHED, FileVerdict, worst_of
from lab.core.errors import LabError, UsageError
from lab.files.recordings import open_recording, read_recording
from lab.plugins.rehearsal.options import JudgingSettings, ReportSettings
from lab.plugins.rehearsal.report.coverage import Coverage, Elements, joined, met_in, possible_in
from lab.plugins.rehearsal.report.formats import (
    fails,
    github_lines,
    lines_of_runs,
    notes_of,
    report_document,
    report_lines,
    suites_of,
)
from lab.plugins.rehearsal.report.gather import histories_of
from lab.plugins.rehearsal.report.history import ClientHistory
from lab.plugins.rehearsal.report.html import html
from lab.plugins.rehearsal.report.judge import RULE_OF, ClientReport, report_on
from lab.plugins.rehearsal.report.rule import Severity
from lab.program.scenario import Scenario
from lab.recording.format.reader import read


def execute(settings: ReportSettings, console: Console) -> int:
    """Judge them together; 1 if that isn't good enough, 5 if nothing matched, was exercised or can be judged.

    One that can't be read keeps the others from nothing; 3 then, 2 if it isn't there.
    """
    judging = settings.judging
    if any("://" in target for target in settings.targets):
        from lab.plugins.rehearsal.commands.report_live import live_report  # nothing else here speaks to a lab

        report, journals = live_report(settings)
        result = report_result("lab report", report, lines_in(journals.__getitem__), judging)
        return tell(result, judging.output, console)
    if judging.whole:
        raise UsageError("--all tells of the runs of a lab, and these are recordings.", hint="Leave it out.")
    files, idle = matched(settings.targets, console)
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
        scenarios |= scenarios_of(recording.header, scenarios_for(file, settings.scenarios))
    coverage = Coverage(joined(*met), possible_in(tuple(scenarios.values())))
    lines = lines_in(lambda name: read_recording(paths[name]))
    result = report_result("lab report", report_on(histories, coverage), lines, judging, unread)
    tell(result, judging.output, console)
    return worst_of([*(each.code for each in unread), result.code], idle=idle) or result.code


def report_result(
    title: str,
    report: ClientReport,
    line_of: Callable[[str, int], str],
    judging: JudgingSettings,
    unread: Sequence[FileVerdict] = (),
) -> CommandResult:
    """The report in all forms, and by its code whether it is good enough; UsageError if a rule that is required is none.

    `line_of` gives a line of a recording by its name and number; `unread` are those that it says nothing of.
    """
    if unknown := [name for name in judging.required if name not in RULE_OF]:
        raise UsageError(f"--require {unknown[0]} is no rule.", hint=f"Rules are {', '.join(RULE_OF)}.")
    severity = Severity(judging.fail_on)
    reasons = list(fails(report, on=severity, least_score=judging.least_score, required=judging.required))
    judged = [run.good for run in report.runs]
    nothing = (report.score is None and False not in judged) or (bool(judged) and set(judged) == {None} and not reasons)
    any_run = bool(report.runs or report.not_called)
    runs = tuple(lines_of_runs(report.runs, report.not_called, whole=judging.whole)) if any_run else ()
    *before, last = report_lines(report)
    last += f", {len(unread)} unreadable" if unread else ""
    return CommandResult(
        title=title,
        code=NOTHING_MATCHED if nothing else int(bool(reasons)),
        lines=(*runs, *before, last),
        documents=(*(each.document() for each in (*unread, *report.runs)), report_document(replace(report, runs=()))),
        suites=suites_of(report, [each.case(title.removeprefix("lab ")) for each in unread], on=severity),
        notes=(*(note for each in unread for note in each.complaints), *notes_of(report, on=severity)),
        summary=tuple(github_lines(report)),
        page=lambda: html(report, line_of),
        beside=runs,
        remarks=tuple(f"lab: {reason}" for reason in reasons) if not nothing else (),
        began=report.began,
    )


def lines_in(text_of: Callable[[str], bytes]) -> Callable[[str, int], str]:
    """Lines of recordings, by name and number from 1; each is read where one of its lines is wanted."""

    @lru_cache(maxsize=2)
    def lines(recording: str) -> list[bytes]:
        return text_of(recording).split(b"\n")

    return lambda recording, line: lines(recording)[line - 1].decode("utf-8", "replace")
