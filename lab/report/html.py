"""A report as one page for browsers: nothing of it lies elsewhere, and every line of evidence is in it."""

from collections.abc import Callable
from importlib.resources import files

from lab.recording.page import page_of
from lab.report.formats import MOST_LINES, MOST_RECORDINGS, NOT_VISIBLE, score_line
from lab.report.judge import ClientReport, Evidence, Finding, RuleVerdict

LONGEST_LINE_SHOWN = 600
"""Characters of a line of a recording."""


def html(report: ClientReport, line_of: Callable[[str, int], str]) -> str:
    """The page; `line_of` gives a line of a recording by the recording's name and its number from 1."""
    cited = {
        (each.recording, line): _short(line_of(each.recording, line))
        for finding in report.with_verdict(RuleVerdict.FAIL)
        for each in _shown(finding)
        for line in each.lines[:MOST_LINES]
    }
    return page_of(
        files("lab.report").joinpath("page.html").read_text("utf-8"),
        report=report,
        score=score_line(report),
        recordings=report.recordings,
        passed=report.with_verdict(RuleVerdict.PASS),
        failed=report.failed,
        skipped=report.with_verdict(RuleVerdict.NOT_EXERCISED),
        coverage=report.coverage,
        missing=list(report.coverage.missing()) if report.coverage else [],
        cited=cited,
        runs=[run for run in report.runs if run.good is False],
        most=MOST_LINES,
        shown=_shown,
        anchor=lambda recording, line: f"{recording}-{line}",
        not_visible=NOT_VISIBLE,
    )


def _shown(finding: Finding) -> tuple[Evidence, ...]:
    """All evidence; of a rule for information, which most recordings break, the first."""
    return finding.evidence if finding.rule.severity.weight else finding.evidence[:MOST_RECORDINGS]


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_LINE_SHOWN else f"{text[: LONGEST_LINE_SHOWN - 1]}…"
