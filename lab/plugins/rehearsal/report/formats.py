"""A report as people and machines read it: text, JSON, JUnit, a GitHub summary (clients.md §5)."""

from collections.abc import Iterator, Sequence
from typing import assert_never

from lab.cli.junit import CaseEnd, JunitCase
from lab.cli.runner import Level, Note, in_markdown, table
from lab.core.exchange import Json
from lab.plugins.rehearsal.report.judge import SCORED, ClientReport, Finding, RuleVerdict
from lab.plugins.rehearsal.report.rule import Severity
from lab.plugins.rehearsal.report.runs import JudgedRun, summary_of_runs

MOST_MISSING = 12
"""Elements of coverage that were not met and are named."""
MOST_RECORDINGS = 3
"""Recordings with evidence that are shown of a rule; the others are counted."""
MOST_LINES = 5
"""Lines of evidence that are shown of a recording; the others are counted."""
NOT_VISIBLE = (
    "what the client logs, shows or stores; whether it checks certificates (unless it was served with --tls); whether it"
    " understood an answer, as long as it goes on as if; why it stopped; what it would do later."
)
"""What no server can see."""


def summary(report: ClientReport) -> str:
    """`12 passed, 1 failed, 38 not exercised`, of rules: the last line; of runs, by which it ended too, before them."""
    counts = [(len(report.with_verdict(verdict)), word) for verdict, word in _WORDS]
    rules = ", ".join(f"{count} {word}" for count, word in counts)
    if not report.runs:
        return rules
    ends = [run.good for run in report.runs]
    unknown = f", {ends.count(None)} not judged" if None in ends else ""
    return f"runs: {ends.count(True)} passed, {ends.count(False)} failed{unknown}; rules: {rules}"


_WORDS = ((RuleVerdict.PASS, "passed"), (RuleVerdict.FAIL, "failed"), (RuleVerdict.NOT_EXERCISED, "not exercised"))


def score_line(report: ClientReport) -> str:
    """Score and grade, and of how many rules; what is missing where nothing was exercised."""
    if report.score is None:
        return "No score: no rule was exercised."
    thin = "; in brackets: less than half of all points were exercised" if "(" in report.grade else ""
    return f"{report.score} of 100, grade {report.grade}; exercised {len(report.exercised)} of {len(SCORED)}{thin}"


def evidence_of(finding: Finding) -> Iterator[str]:
    """`day.rec.jsonl, lines 12 13 20 (and 4 more)`, one a recording; of many the first, and how many there are besides."""
    for each in finding.evidence[:MOST_RECORDINGS]:
        shown, rest = each.lines[:MOST_LINES], len(each.lines) - MOST_LINES
        more = f" (and {rest} more)" if rest > 0 else ""
        yield f"{each.recording}, lines {' '.join(map(str, shown))}{more}"
    if (others := len(finding.evidence) - MOST_RECORDINGS) > 0:
        yield f"and in {others} more recording{'s' if others > 1 else ''}"


def report_text(report: ClientReport) -> str:
    """For people: what failed first, with evidence and what to do; then what passed, and what was not exercised."""
    return "\n".join(_text(report)) + "\n"


def _text(report: ClientReport) -> Iterator[str]:
    for finding in report.failed:
        rule = finding.rule
        yield f"FAIL  {rule.id:<4}{rule.asks} ({rule.severity})"
        yield from (f"          {line}" for line in evidence_of(finding))
        yield f"          {rule.fix}"
        yield f"          {rule.source}"
    for finding in report.with_verdict(RuleVerdict.PASS):
        yield f"pass  {finding.rule.id:<4}{finding.rule.asks}"
    for finding in report.with_verdict(RuleVerdict.NOT_EXERCISED):
        yield f"  -   {finding.rule.id:<4}{finding.rule.asks}: try {finding.rule.tried}"
    yield from _coverage(report)
    yield ""
    if report.failed:
        yield "Lines are those of the recordings: lab show FILE --line-numbers"
    yield f"A server can't see {NOT_VISIBLE}"
    yield score_line(report)
    yield summary(report)


def _coverage(report: ClientReport) -> Iterator[str]:
    if report.coverage is None:
        return
    yield ""
    yield f"Met: {' · '.join(report.coverage.counts())}"
    missing = list(report.coverage.missing())
    if missing:
        more = f" and {len(missing) - MOST_MISSING} more" if len(missing) > MOST_MISSING else ""
        yield f"Never met: {', '.join(missing[:MOST_MISSING])}{more}"


def report_document(report: ClientReport) -> dict[str, Json]:
    """For programs: every rule with its verdict, and the score."""
    rules: list[Json] = [_row(finding) for finding in report.findings]
    runs: list[Json] = [run.document() for run in report.runs]
    return {
        "score": report.score,
        "grade": report.grade or None,
        "exercised": len(report.exercised),
        "of": len(SCORED),
        "points": report.points,
        **{word.replace(" ", "_"): len(report.with_verdict(each)) for each, word in _WORDS},
        "rules": rules,
        "coverage": report.coverage.document() if report.coverage else None,
        "unseen": NOT_VISIBLE,
        **({"runs": runs} if runs else {}),
    }


def _row(finding: Finding) -> Json:
    rule = finding.rule
    evidence: list[Json] = [{"recording": each.recording, "lines": list(each.lines)} for each in finding.evidence]
    return {
        "rule": rule.id,
        "asks": rule.asks,
        "severity": rule.severity,
        "timing": rule.timing,
        "verdict": finding.verdict,
        "occasions": finding.occasions,
        "evidence": evidence,
        "fix": rule.fix,
        "source": rule.source,
        "tried": rule.tried,
    }


def suites_of(report: ClientReport, files: Sequence[JunitCase] = ()) -> Sequence[tuple[str, Sequence[JunitCase]]]:
    """A testcase a run, and one a rule; of what nothing can be said is skipped. A rule for information fails nothing.

    `files` are those of recordings that couldn't be judged.
    """
    runs = [("lab rehearse", [_run_case(run) for run in report.runs])] if report.runs else []
    unread = [("lab recordings", files)] if files else []
    return [*unread, *runs, ("lab report", [_testcase(finding) for finding in report.findings])]


def _run_case(run: JudgedRun) -> JunitCase:
    details = "\n".join(run.lines)
    if run.good is None:
        return JunitCase("lab.run", run.name, CaseEnd.SKIPPED, f"{run.outcome}: {details}", took=run.took)
    if run.good:
        return JunitCase("lab.run", run.name, took=run.took)
    message = f"{run.outcome}; a good client: {run.wanted}"
    return JunitCase("lab.run", run.name, CaseEnd.FAILURE, message, details, took=run.took)


def _testcase(finding: Finding) -> JunitCase:
    rule = finding.rule
    group, name = f"lab.plugins.rehearsal.report.{rule.severity}", f"{rule.id} {rule.asks}"
    match finding.verdict:
        case RuleVerdict.PASS:
            return JunitCase(group, name)
        case RuleVerdict.NOT_EXERCISED:
            return JunitCase(group, name, CaseEnd.SKIPPED, f"not exercised; try {rule.tried}")
        case RuleVerdict.FAIL:
            reasons = "\n".join((*evidence_of(finding), rule.fix, rule.source))
            if not rule.severity.weight:
                return JunitCase(group, name, CaseEnd.TOLD, text=reasons)
            return JunitCase(group, name, CaseEnd.FAILURE, rule.asks, reasons)
        case _:
            assert_never(finding.verdict)


def github(report: ClientReport) -> str:
    """Markdown, for the summary of a GitHub run."""
    return "\n".join(_github(report)) + "\n"


def _github(report: ClientReport) -> Iterator[str]:
    yield "## What the client did"
    yield ""
    yield f"**{score_line(report)}**"
    if report.runs:
        yield ""
        yield summary_of_runs(report.runs, report.not_called)
    if otherwise := [run for run in report.runs if run.good is False]:
        yield ""
        yield from table(
            ("run", "ended", "a good client"),
            (tuple(map(in_markdown, (run.name, run.outcome, run.wanted))) for run in otherwise),
        )
    if report.failed:
        yield ""
        yield from table(("rule", "severity", "where", "what to do"), map(_failed_row, report.failed))
    yield from map(in_markdown, _coverage(report))
    yield ""
    yield summary(report)


def _failed_row(finding: Finding) -> tuple[str, ...]:
    rule = finding.rule
    where = "<br>".join(map(in_markdown, evidence_of(finding)))
    return in_markdown(f"{rule.id} {rule.asks}"), rule.severity, where, in_markdown(f"{rule.fix} ({rule.source})")


def notes_of(report: ClientReport, *, on: Severity) -> Iterator[Note]:
    """For a GitHub run: runs that ended otherwise, then rules that were broken; those below `on` are warnings."""
    for run in report.runs:
        if run.good is False:
            yield Note(f"{run.name}: {run.outcome}; a good client: {run.wanted}")
    for finding in report.failed:
        rule, (where, *_) = finding.rule, (*evidence_of(finding), "")
        level: Level = "error" if rule.severity.weight >= on.weight else "warning" if rule.severity.weight else "notice"
        yield Note(f"{rule.id} {rule.asks} ({where}): {rule.fix}", level)


def fails(report: ClientReport, *, on: Severity, least_score: int = 0, required: tuple[str, ...] = ()) -> Iterator[str]:
    """Why a report isn't good enough, a sentence each; none: it is.

    `on` is the least severity of which a failed rule counts, `required` are rules that must have been exercised.
    """
    if otherwise := sum(run.good is False for run in report.runs):
        yield f"{otherwise} run{'s' if otherwise > 1 else ''} ended otherwise than a good client's."
    for finding in report.with_verdict(RuleVerdict.FAIL):
        if finding.rule.severity.weight >= on.weight:
            yield f"{finding.rule.id} failed ({finding.rule.severity})."
    if report.score is not None and report.score < least_score:
        yield f"The score is {report.score}, below {least_score}."
    for finding in report.with_verdict(RuleVerdict.NOT_EXERCISED):
        if finding.rule.id in required:
            yield f"{finding.rule.id} was not exercised; try {finding.rule.tried}."
