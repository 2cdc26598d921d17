"""A report that is expected of a recording, and what another one says otherwise (recordings.md §6.3)."""

from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec
from msgspec import Struct

from lab.core.errors import UsageError
from lab.plugins.rehearsal.report.judge import ClientReport

_HOW = "lab report RECORDING --json writes one."


class _ExpectedEvidence(Struct, frozen=True):
    lines: tuple[int, ...]


class ExpectedFinding(Struct, frozen=True, omit_defaults=True):
    """What a rule is to find; further members of a report's row are ignored, as its texts may change."""

    rule: str
    verdict: Literal["pass", "fail", "not exercised"]
    occasions: int = 0
    evidence: tuple[_ExpectedEvidence, ...] = ()

    @property
    def lines(self) -> tuple[int, ...]:
        """Where the rule was broken."""
        return tuple(line for each in self.evidence for line in each.lines)

    @property
    def words(self) -> str:
        """The same in a few words."""
        if self.verdict == "not exercised":
            return self.verdict
        lines = f" at lines {' '.join(map(str, self.lines))}" if self.lines else ""
        return f"{self.verdict} on {self.occasions} occasion{'s' if self.occasions != 1 else ''}{lines}"


class ExpectedReport(Struct, frozen=True):
    """What `lab report --json` writes, as far as it is compared."""

    rules: tuple[ExpectedFinding, ...]


class OtherFinding(Struct, frozen=True):
    """A rule that found something else than was expected; `line` is that of the recording, from 1."""

    line: int
    what: str


def expected_report(text: bytes, file: str) -> ExpectedReport:
    """The report in a file; UsageError if it is none."""
    try:
        return msgspec.json.decode(text, type=ExpectedReport)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is no report: {error}.", hint=_HOW) from None


def other_findings(expected: ExpectedReport, report: ClientReport) -> Iterator[OtherFinding]:
    """Each rule of which the report says otherwise; one that a side doesn't know was not exercised there."""
    before = {each.rule: each for each in expected.rules}
    now = {
        each.rule.id: ExpectedFinding(
            each.rule.id,
            each.verdict.value,
            each.occasions,
            tuple(_ExpectedEvidence(one.lines) for one in each.evidence),
        )
        for each in report.findings
    }
    for rule in {**before, **now}:
        one, other = _of(before, rule), _of(now, rule)
        if (one.verdict, one.occasions, one.lines) != (other.verdict, other.occasions, other.lines):
            line = next(iter(other.lines or one.lines), 1)
            yield OtherFinding(line, f"report: expected {rule} {one.words}, got {other.words}")


def _of(findings: Mapping[str, ExpectedFinding], rule: str) -> ExpectedFinding:
    return findings.get(rule, ExpectedFinding(rule, "not exercised"))
