"""What the rules find in recordings: a finding a rule, a score, a grade (clients.md §5)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum
from itertools import chain

from msgspec import Struct

from lab.plugins.rehearsal.report.answers import ANSWER_RULES
from lab.plugins.rehearsal.report.callbacks import CALLBACK_RULES
from lab.plugins.rehearsal.report.coverage import SHOWN_BY_DRILLS, Coverage, Elements, joined
from lab.plugins.rehearsal.report.failures import FAILURE_RULES
from lab.plugins.rehearsal.report.history import ClientHistory
from lab.plugins.rehearsal.report.messages import MESSAGE_RULES
from lab.plugins.rehearsal.report.polls import POLL_RULES
from lab.plugins.rehearsal.report.rule import ClientRule, Severity
from lab.plugins.rehearsal.report.runs import JudgedRun
from lab.plugins.rehearsal.report.tokens import TOKEN_RULES
from lab.plugins.rehearsal.report.transport import TRANSPORT_RULES

RULES: tuple[ClientRule, ...] = (
    *TOKEN_RULES,
    *MESSAGE_RULES,
    *POLL_RULES,
    *FAILURE_RULES,
    *TRANSPORT_RULES,
    *ANSWER_RULES,
)
"""All rules for clients, in their order (clients.md §5), but for those of whom callbacks tell."""
RULE_OF = {rule.id: rule for rule in (*RULES, *CALLBACK_RULES)}
SCORED = tuple(rule for rule in RULES if rule.severity.weight)
"""The rules that count in the score."""
ALL_POINTS = sum(rule.severity.weight for rule in RULES)
MOST_LINES = 5
"""Lines of evidence that are shown of a recording."""
THIN = 0.5
"""With less than this share of all points exercised the grade stands in brackets."""
_GRADES = ((90, "A"), (80, "B"), (65, "C"), (50, "D"), (0, "E"))


class RuleVerdict(StrEnum):
    """What a rule says of a client."""

    PASS = "pass"
    FAIL = "fail"
    NOT_EXERCISED = "not exercised"


class Evidence(Struct, frozen=True):
    """Lines at which a rule was broken, in one recording."""

    recording: str
    lines: tuple[int, ...]

    @property
    def shown(self) -> tuple[int, ...]:
        """Those that people are shown; the others are counted."""
        return self.lines[:MOST_LINES]


class Finding(Struct, frozen=True):
    """What one rule found."""

    rule: ClientRule
    verdict: RuleVerdict
    occasions: int = 0
    evidence: tuple[Evidence, ...] = ()


class ClientReport(Struct, frozen=True):
    """What all rules found."""

    findings: tuple[Finding, ...]
    coverage: Coverage | None = None
    recordings: tuple[str, ...] = ()
    """The names of those that were judged."""
    runs: tuple[JudgedRun, ...] = ()
    """Of a rehearsal, or of those who chose a scenario: how each ended."""
    not_called: int = 0
    """Scenarios that could be chosen, and were not."""
    began: str = ""
    """When a rehearsal did, as 2026-01-01T00:00:00.000Z; of recordings alone it doesn't matter."""

    def with_verdict(self, verdict: RuleVerdict) -> tuple[Finding, ...]:
        """The findings that say so."""
        return tuple(finding for finding in self.findings if finding.verdict is verdict)

    @property
    def failed(self) -> tuple[Finding, ...]:
        """The findings that say so, what harms most first."""
        return tuple(sorted(self.with_verdict(RuleVerdict.FAIL), key=lambda each: -each.rule.severity.weight))

    def broken_in(self, recording: str) -> tuple[str, ...]:
        """The rules that count in the score, and were broken in a recording."""
        scored = (each for each in self.findings if each.rule.severity.weight)
        return tuple(each.rule.id for each in scored if recording in (cited.recording for cited in each.evidence))

    @property
    def exercised(self) -> tuple[Finding, ...]:
        """Of the rules that count in the score, those with an occasion."""
        scored = (each for each in self.findings if each.rule.severity.weight)
        return tuple(each for each in scored if each.verdict is not RuleVerdict.NOT_EXERCISED)

    @property
    def points(self) -> int:
        """The weight of what was exercised."""
        return sum(finding.rule.severity.weight for finding in self.exercised)

    @property
    def score(self) -> int | None:
        """The share of the exercised weight that passed, in percent, rounded down; None: nothing was exercised."""
        passed = sum(each.rule.severity.weight for each in self.exercised if each.verdict is RuleVerdict.PASS)
        return 100 * passed // self.points if self.points else None

    @property
    def grade(self) -> str:
        """A to E; D at most where a critical rule failed; in brackets on thin evidence; empty without a score."""
        score = self.score
        if score is None:
            return ""
        grade = next(letter for least, letter in _GRADES if score >= least)
        if any(each.rule.severity is Severity.CRITICAL for each in self.with_verdict(RuleVerdict.FAIL)):
            grade = max(grade, "D")
        return grade if self.points >= THIN * ALL_POINTS else f"({grade})"


def report_on(
    histories: Mapping[str, Iterable[ClientHistory]], coverage: Coverage | None = None, runs: Sequence[JudgedRun] = ()
) -> ClientReport:
    """What the rules find in the clients' histories, by the name of their recording.

    A rule fails if it was broken in one of them, and passes if it was kept in one and broken in none.
    """
    known = {name: tuple(each) for name, each in histories.items()}
    called_back = any(fact.type == "callback.sent" for each in known.values() for one in each for fact in one.facts)
    rules = (*RULES, *CALLBACK_RULES) if called_back else RULES
    return ClientReport(tuple(_finding(rule, known) for rule in rules), coverage, tuple(known), tuple(runs))


def report_on_lab(
    runs: Sequence[JudgedRun], chosen: Collection[str], possible: Elements, faults: Collection[str]
) -> ClientReport:
    """The same of a lab's clients, by what it calls its journals; those `chosen` are runs, which `faults` may have struck."""
    coverage = Coverage(joined(*(run.met for run in runs)), possible)
    if faults:
        coverage = Coverage(coverage.met, {**possible, "faults": frozenset(faults)}, SHOWN_BY_DRILLS)
    return report_on({run.name: run.histories for run in runs}, coverage, [run for run in runs if run.name in chosen])


def _finding(rule: ClientRule, histories: Mapping[str, tuple[ClientHistory, ...]]) -> Finding:
    count, evidence = 0, list[Evidence]()
    for name, each in histories.items():
        occasions = [occasion for history in each for occasion in rule.occasions(history)]
        count += len(occasions)
        wrong = [occasion.lines for occasion in occasions if not occasion.kept]
        if wrong:
            evidence.append(Evidence(name, tuple(dict.fromkeys(chain(*wrong)))))
    verdict = RuleVerdict.FAIL if evidence else RuleVerdict.PASS if count else RuleVerdict.NOT_EXERCISED
    return Finding(rule, verdict, count, tuple(evidence))
