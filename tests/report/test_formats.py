"""What forms of the report say for people."""

from lab.report.catalog import RULE_OF
from lab.report.formats import evidence_of
from lab.report.judge import Evidence, Finding, RuleVerdict


def test_of_much_evidence_some_is_shown_and_the_rest_counted() -> None:
    several = tuple(
        Evidence(f"{name}.rec.jsonl", tuple(range(1, 2 + len(name)))) for name in ("a", "bbbbbbb", "c", "d")
    )
    first = ["a.rec.jsonl, lines 1 2", "bbbbbbb.rec.jsonl, lines 1 2 3 4 5 (and 3 more)", "c.rec.jsonl, lines 1 2"]
    for evidence, more in (
        (several, ["and in 1 more recording"]),
        ((*several, several[0]), ["and in 2 more recordings"]),
    ):
        assert [*evidence_of(Finding(RULE_OF["C1"], RuleVerdict.FAIL, 9, evidence))] == first + more
    assert [*evidence_of(Finding(RULE_OF["C1"], RuleVerdict.FAIL, 3, several[:3]))] == first
