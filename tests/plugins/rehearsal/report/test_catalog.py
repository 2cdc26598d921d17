"""The table of rules: each id once, as many of each severity as the page says, the page's table word for word."""

from collections import Counter
from pathlib import Path

from lab.plugins.rehearsal.report.judge import ALL_POINTS, RULES, SCORED
from lab.plugins.rehearsal.report.rule import Severity
from tests.conftest import ROOT


def test_the_page_has_every_rule_as_the_table_has_it() -> None:
    page = Path(ROOT, "lab/docs/clients.md").read_text()
    rows = [f"| {each.id} | {each.asks} | {each.severity} | `{each.timing}` | {each.source} |" for each in RULES]
    said = [
        line
        for line in page.partition("## 8.")[2].partition("\n## ")[0].splitlines()
        if line.startswith("| ") and "`" in line
    ]
    assert said == rows


def test_as_many_rules_count_as_points_are_given() -> None:
    severities = Counter(each.severity for each in RULES)
    assert severities == {
        Severity.CRITICAL: 11,
        Severity.MAJOR: 27,
        Severity.MINOR: 13,
        Severity.INFORMATION: 4,
    }
    assert (len(SCORED), ALL_POINTS) == (51, 271)


def test_each_rule_has_an_id_of_its_own() -> None:
    assert len({each.id for each in RULES}) == len(RULES)
