"""A report as people and machines read it: text, JSON, JUnit, a GitHub summary (clients.md §5, §9).

A client that repeats nothing fails sixty drills for a handful of reasons. So runs are grouped by how they ended and by the
gravest rule that was broken in them; of a group the first is shown, with what shows it and what repeats it, and of each
further one its name. The end of what a client printed is shown whole once, then by its last line, in which an error has
its words, where that is new: tracebacks differ in little else.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct, to_builtins
from msgspec.structs import replace

from lab.cli.ci_forms import CaseEnd, JunitCase, in_markdown, note, table
from lab.core.errors import Complaint, Level
from lab.core.exchange import Json
from lab.plugins.rehearsal.report.judge import RULE_OF, SCORED, ClientReport, Finding, RuleVerdict
from lab.plugins.rehearsal.report.rule import ClientRule, Severity
from lab.plugins.rehearsal.report.runs import JudgedRun, RunOutcome, summary_of_runs

MOST_MISSING = 12
"""Elements of coverage that were not met and are named."""
MOST_RECORDINGS = 3
"""Recordings with evidence that are shown of a rule; the others are counted."""
NOT_VISIBLE = (
    "what the client logs, shows or stores; whether it checks certificates (unless it was served with --tls); whether it"
    " understood an answer, as long as it goes on as if; why it stopped; what it would do later."
)
"""What no server can see."""
_WORDS = {RuleVerdict.PASS: "passed", RuleVerdict.FAIL: "failed", RuleVerdict.NOT_EXERCISED: "not exercised"}


# What several forms say


def reasons_of(finding: Finding) -> Iterator[str]:
    """Where a rule was broken, what to do, and who says so."""
    yield from evidence_of(finding)
    yield finding.rule.fix
    yield finding.rule.source


def evidence_of(finding: Finding) -> Iterator[str]:
    """`day.rec.jsonl, lines 12 13 20 (and 4 more)`, one a recording; of many the first, and how many there are besides."""
    for each in finding.evidence[:MOST_RECORDINGS]:
        more = f" (and {len(each.lines) - len(each.shown)} more)" if each.lines > each.shown else ""
        yield f"{each.recording}, lines {' '.join(map(str, each.shown))}{more}"
    if (others := len(finding.evidence) - MOST_RECORDINGS) > 0:
        yield f"and in {others} more recording{'s' if others > 1 else ''}"


def score_line(report: ClientReport) -> str:
    """Score and grade, of how many rules, and that those without an occasion say nothing of the client."""
    if report.score is None:
        return "No score: these calls gave no occasion to judge a client by any rule that has points."
    rules, skipped = len(report.findings), len(report.with_verdict(RuleVerdict.NOT_EXERCISED))
    thin = "; in brackets, for those have less than half of all points" if "(" in report.grade else ""
    return (
        f"{report.score} of 100, grade {report.grade}, by the {rules - skipped} of {rules} rules to which these calls"
        f" gave occasion{thin}. The other {skipped}, not exercised, count neither for nor against the client."
    )


def summary(report: ClientReport) -> str:
    """`12 passed, 1 failed, 38 not exercised`, of rules: the last line; of runs, by which it ended too, before them."""
    rules = ", ".join(f"{len(report.with_verdict(verdict))} {word}" for verdict, word in _WORDS.items())
    if not report.runs:
        return rules
    ends = [run.good for run in report.runs]
    unknown = f", {ends.count(None)} not judged" if None in ends else ""
    return f"runs: {ends.count(True)} passed, {ends.count(False)} failed{unknown}; rules: {rules}"


def _coverage(report: ClientReport) -> Iterator[str]:
    if report.coverage is None:
        return
    yield ""
    yield f"Met: {' · '.join(report.coverage.counts())}"
    missing = list(report.coverage.missing())
    if missing:
        more = f" and {len(missing) - MOST_MISSING} more" if len(missing) > MOST_MISSING else ""
        yield f"Never met: {', '.join(missing[:MOST_MISSING])}{more}"


# For people: runs


class RunGroup(Struct, frozen=True):
    """Runs that ended alike."""

    outcome: RunOutcome
    rule: ClientRule | None
    """The gravest that was broken in each of them; None: none that counts."""
    runs: list[JudgedRun]

    @property
    def rank(self) -> tuple[bool, int, int]:
        """What harms most comes first, then the larger; last those of which nothing can be said."""
        weight = self.rule.severity.weight if self.rule is not None else 0
        return self.runs[0].good is None, -weight, -len(self.runs)


def lines_of_runs(runs: Sequence[JudgedRun], not_called: int = 0, *, whole: bool = False) -> Iterator[str]:
    """Those that ended otherwise than a good client's, then those of which nothing can be said; the counts last.

    `whole`: each by itself, with all that is known of it.
    """
    shown = [run for run in runs if run.good is False or (run.good is None and run.lines)]
    if whole:
        for run in sorted(shown, key=lambda run: run.good is None):
            yield from _alone(run, run.printed)
    else:
        seen = set[str]()
        for group in groups_of(shown):
            yield from _group_lines(group, seen)
    yield summary_of_runs(runs, not_called)


def groups_of(runs: Sequence[JudgedRun]) -> list[RunGroup]:
    """By ending and gravest rule, in their order."""
    grouped: dict[tuple[bool, RunOutcome, ClientRule | None], RunGroup] = {}
    for run in runs:
        rule = max((RULE_OF[each] for each in run.broken), key=lambda each: each.severity.weight, default=None)
        key = run.good is None, run.outcome, rule
        grouped.setdefault(key, RunGroup(run.outcome, rule, [])).runs.append(run)
    return sorted(grouped.values(), key=lambda group: group.rank)


def _group_lines(group: RunGroup, seen: set[str]) -> Iterator[str]:
    first, *further = group.runs
    # of what was printed: lines that mark a place in the one above say nothing, and after the first time the last one does
    new = [line for line in first.printed if line not in seen and line.strip("| ^~")]
    printed = new[-1:] if seen else new
    seen.update(first.printed)
    if not further:
        yield from _alone(first, printed)
        return
    rule = group.rule
    why = f"; {rule.id} {rule.asks} ({rule.severity})" if rule is not None else ""
    yield f"{_mark(first)}{len(group.runs)} runs: {group.outcome}{why}"
    yield f"      {_named(first, *first.about)}"
    advice = (first.advice,) if first.advice and rule is None else ()
    yield from _indented(*first.details, *advice, *first.notes, *first.commands, *printed)
    yield from (f"      {_named(run)}" for run in further)


def _alone(run: JudgedRun, printed: Sequence[str]) -> Iterator[str]:
    yield f"{_mark(run)}{run.name}: {run.ended if run.good is False else run.outcome}"
    yield from _indented(*run.own_lines, *printed)


def _mark(run: JudgedRun) -> str:
    return "FAIL  " if run.good is False else "  -   "


def _named(run: JudgedRun, *about: str) -> str:
    wanted = (f"a good client: {run.wanted}",) if run.good is False else ()
    return f"{run.name}: {'; '.join((*about, *wanted))}".removesuffix(": ")


def _indented(*lines: str) -> Iterator[str]:
    return (f"          {line}" for line in lines)


# For people: rules


def report_lines(report: ClientReport) -> Iterator[str]:
    """What failed first, with evidence and what to do; then what passed, and what was not exercised."""
    for finding in report.failed:
        yield f"FAIL  {finding.rule.id:<4}{finding.rule.asks} ({finding.rule.severity})"
        yield from _indented(*reasons_of(finding))
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


def github_lines(report: ClientReport) -> Iterator[str]:
    """Markdown, for the summary of a GitHub run."""
    yield from ("## What the client did", "", f"**{score_line(report)}**")
    if report.runs:
        yield from ("", summary_of_runs(report.runs, report.not_called))
    if otherwise := [(run.name, run.outcome, run.wanted) for run in report.runs if run.good is False]:
        yield ""
        yield from table(("run", "ended", "a good client"), (tuple(map(in_markdown, row)) for row in otherwise))
    if report.failed:
        yield ""
        yield from table(("rule", "severity", "where", "what to do"), map(_failed_row, report.failed))
    yield from map(in_markdown, _coverage(report))
    yield from ("", summary(report))


def _failed_row(finding: Finding) -> tuple[str, ...]:
    rule = finding.rule
    where = "<br>".join(map(in_markdown, evidence_of(finding)))
    return in_markdown(f"{rule.id} {rule.asks}"), rule.severity, where, in_markdown(f"{rule.fix} ({rule.source})")


def notes_of(report: ClientReport, *, on: Severity) -> Iterator[Complaint]:
    """For a GitHub run: runs that ended otherwise, then rules that were broken; those below `on` are warnings."""
    yield from (note(f"{run.name}: {run.ended}") for run in report.runs if run.good is False)
    for finding in report.failed:
        rule, where = finding.rule, next(evidence_of(finding), "")
        level: Level = "error" if rule.severity.weight >= on.weight else "warning" if rule.severity.weight else "notice"
        yield note(f"{rule.id} {rule.asks} ({where}): {rule.fix}", level)


# For programs


def report_document(report: ClientReport) -> dict[str, Json]:
    """Every rule with its verdict, and the score."""
    rules: list[Json] = [_row(finding) for finding in report.findings]
    runs: list[Json] = [run.document() for run in report.runs]
    return {
        "score": report.score,
        "grade": report.grade or None,
        "exercised": len(report.exercised),
        "of": len(SCORED),
        "points": report.points,
        **{word.replace(" ", "_"): len(report.with_verdict(each)) for each, word in _WORDS.items()},
        "rules": rules,
        "coverage": report.coverage.document() if report.coverage else None,
        "unseen": NOT_VISIBLE,
        **({"runs": runs} if runs else {}),
    }


def _row(finding: Finding) -> dict[str, Json]:
    rule = finding.rule
    return {
        "rule": rule.id,
        "asks": rule.asks,
        "severity": rule.severity,
        "timing": rule.timing,
        "verdict": finding.verdict,
        "occasions": finding.occasions,
        "evidence": to_builtins(finding.evidence),
        "fix": rule.fix,
        "source": rule.source,
        "tried": rule.tried,
    }


def suites_of(
    report: ClientReport, files: Sequence[JunitCase] = (), *, on: Severity
) -> Sequence[tuple[str, Sequence[JunitCase]]]:
    """A testcase a run, and one a rule; of what nothing can be said is skipped. What is less severe than `on` fails nothing.

    `files` are those of recordings that couldn't be judged.
    """
    runs = [_run_case(run) for run in report.runs]
    suites = (("lab recordings", files), ("lab rehearse", runs))
    return [*(each for each in suites if each[1]), ("lab report", [_rule_case(each, on) for each in report.findings])]


def _run_case(run: JudgedRun) -> JunitCase:
    case, details = JunitCase("lab.run", run.name, took=run.took), "\n".join(run.lines)
    if run.good is None:
        return replace(case, end=CaseEnd.SKIPPED, message=f"{run.outcome}: {details}")
    return case if run.good else replace(case, end=CaseEnd.FAILURE, message=run.ended, text=details)


def _rule_case(finding: Finding, on: Severity) -> JunitCase:
    rule = finding.rule
    case = JunitCase(f"lab.plugins.rehearsal.report.{rule.severity}", f"{rule.id} {rule.asks}")
    if finding.verdict is RuleVerdict.NOT_EXERCISED:
        return replace(case, end=CaseEnd.SKIPPED, message=f"not exercised; try {rule.tried}")
    if finding.verdict is RuleVerdict.PASS:
        return case
    failure = replace(case, end=CaseEnd.FAILURE, message=rule.asks, text="\n".join(reasons_of(finding)))
    counts = rule.severity.weight >= max(on.weight, 1)
    return failure if counts else replace(failure, end=CaseEnd.TOLD, message="")


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
