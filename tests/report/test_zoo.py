"""The matrix of clients and rules is diagonal: each client of the zoo fails its rule and no other, good ones fail none."""

import pytest

from lab.report.judge import RuleVerdict
from tests.report.together import judged
from tests.report.zoo_all import ZOO


@pytest.mark.parametrize("rule", ZOO)
def test_a_client_fails_the_rule_that_it_breaks_and_no_other(rule: str) -> None:
    found = judged(ZOO[rule].day())
    assert [each.rule.id for each in found.with_verdict(RuleVerdict.FAIL)] == [rule]


@pytest.mark.parametrize("rule", ZOO)
def test_a_good_client_passes_the_rule_where_the_other_fails_it(rule: str) -> None:
    found = judged(ZOO[rule].day(ZOO[rule].good))
    assert not [each.rule.id for each in found.with_verdict(RuleVerdict.FAIL)]
    assert rule in [each.rule.id for each in found.with_verdict(RuleVerdict.PASS)]
