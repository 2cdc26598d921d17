"""The matrix of clients and rules is diagonal: each client of the zoo fails its rule and no other, good ones fail none."""

from dataclasses import replace
from pathlib import Path

import pytest

from lab.plugins.rehearsal.report.judge import ClientReport, RuleVerdict
from tests.conftest import few_of
from tests.plugins.rehearsal.report.good import Plain
from tests.plugins.rehearsal.report.matrix import row
from tests.plugins.rehearsal.report.rehearsal import Rehearsal
from tests.plugins.rehearsal.report.together import judged
from tests.plugins.rehearsal.report.zoo_all import ZOO, rule_of

ROWS = dict(line.split(": ") for line in Path(__file__).with_name("matrix.txt").read_text().splitlines())

DAYS: dict[str, ClientReport] = {}
"""What good clients did, by what they met: a third of the rehearsals differ in who breaks the rule alone."""


def good_day(rehearsal: Rehearsal) -> ClientReport:
    key = repr(rehearsal)
    if key not in DAYS:
        DAYS[key] = judged(rehearsal.day(rehearsal.good))
    return DAYS[key]


def test_the_matrix_has_a_row_for_each_client() -> None:
    assert {*ROWS} == {*ZOO, *(f"{name}, good" for name in ZOO)}, (
        "python -m tests.plugins.rehearsal.report.matrix > tests/plugins/rehearsal/report/matrix.txt"
    )


@pytest.mark.parametrize("name", few_of(ZOO, {rule_of(name): name for name in [*ZOO][::-1]}.values()))
def test_a_client_fails_the_rule_that_it_breaks_and_no_other(name: str) -> None:
    found = judged(ZOO[name].day())
    assert [each.rule.id for each in found.with_verdict(RuleVerdict.FAIL)] == [rule_of(name)]
    assert row(name, found) == f"{name}: {ROWS[name]}"


@pytest.mark.long
@pytest.mark.parametrize("name", ZOO)
def test_a_good_client_passes_the_rule_where_the_other_fails_it(name: str) -> None:
    found = good_day(replace(ZOO[name], breaks=Plain))
    assert not [each.rule.id for each in found.with_verdict(RuleVerdict.FAIL)]
    assert rule_of(name) in [each.rule.id for each in found.with_verdict(RuleVerdict.PASS)]
    assert row(f"{name}, good", found) == f"{name}, good: {ROWS[f'{name}, good']}"
