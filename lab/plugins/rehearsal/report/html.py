"""A report for browsers: one page, of which nothing lies elsewhere, and every line of evidence is in it; or a part of one."""

from collections.abc import Callable, Iterator, Mapping
from importlib.resources import files
from typing import TypeAlias

from lab.plugins.rehearsal.report.formats import MOST_RECORDINGS, NOT_VISIBLE, score_line
from lab.plugins.rehearsal.report.gather import histories_of
from lab.plugins.rehearsal.report.judge import ClientReport, Evidence, Finding, RuleVerdict, report_on
from lab.recording.format.lines import Recording
from lab.recording.show.page import page_of, part_of
from lab.recording.show.timeline_page import anchors, timeline_page

LONGEST_LINE_SHOWN = 600
"""Characters of a line of a recording."""
_PAGE = """\
<main>
  <h1>{{ title }}</h1>
  <div class="dim">{{ report.recordings | join(", ") }}</div>
{{ part }}
</main>
</html>
"""

Anchor: TypeAlias = Callable[[str, int], str]
"""Where a page shows a line of a recording, by the recording's name and the line's number from 1; empty: nowhere."""


def html(report: ClientReport, line_of: Callable[[str, int], str]) -> str:
    """The page; `line_of` gives a line of a recording by the recording's name and its number from 1."""
    cited = {
        (each.recording, line): _short(line_of(each.recording, line))
        for finding in report.with_verdict(RuleVerdict.FAIL)
        for each in _shown(finding)
        for line in each.shown
    }
    part = report_part(report, lambda recording, line: f"{recording}-{line}", cited)
    return page_of(_PAGE, "What the client did", report=report, part=part)


def timeline_with_report(recording: Recording, numbered: bool) -> Iterator[str]:
    """The page of a recording, and in it what the client did well and badly if any of its calls says."""
    report, there = report_on({recording.name: histories_of(recording)}), anchors(recording)
    part = "" if report.score is None else report_part(report, lambda _, line: there.get(line, ""), {})
    yield timeline_page(recording, part).rstrip("\n")


def report_part(report: ClientReport, anchor: Anchor, cited: Mapping[tuple[str, int], str]) -> str:
    """What a page shows of a report; `cited` are the lines that it has to show itself."""
    return part_of(
        files("lab.plugins.rehearsal.report").joinpath("report.html").read_text("utf-8"),
        report=report,
        score=score_line(report),
        passed=report.with_verdict(RuleVerdict.PASS),
        failed=report.failed,
        skipped=report.with_verdict(RuleVerdict.NOT_EXERCISED),
        coverage=report.coverage,
        missing=list(report.coverage.missing()) if report.coverage else [],
        cited=cited,
        runs=[run for run in report.runs if run.good is False],
        shown=_shown,
        anchor=anchor,
        not_visible=NOT_VISIBLE,
    )


def _shown(finding: Finding) -> tuple[Evidence, ...]:
    """All evidence; of a rule for information, which most recordings break, the first."""
    return finding.evidence if finding.rule.severity.weight else finding.evidence[:MOST_RECORDINGS]


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_LINE_SHOWN else f"{text[: LONGEST_LINE_SHOWN - 1]}…"
