"""When a rule has no occasion: what can't be told is never passed."""

import msgspec
import pytest

from lab.identity.clients import DEMO, Client
from lab.report.gather import histories_of
from lab.report.judge import RuleVerdict, report_on
from tests.report.good import Plain
from tests.report.rehearsal import Rehearsal
from tests.report.together import judged
from tests.report.zoo_tokens import USUAL, TokenPerCall


@pytest.mark.parametrize(
    ("client", "verdict"), [(DEMO, RuleVerdict.PASS), (Client("b", "lab-secret-b"), RuleVerdict.NOT_EXERCISED)]
)
def test_how_a_secret_is_encoded_is_judged_where_its_characters_are_known(client: Client, verdict: RuleVerdict) -> None:
    found = judged(Rehearsal(USUAL, Plain, client=client).day())
    assert [each.verdict for each in found.findings if each.rule.id == "A8"] == [verdict]


def test_how_long_a_token_was_good_is_not_judged_under_another_clock() -> None:
    history = histories_of(Rehearsal(USUAL, TokenPerCall).day(), over=True)
    for exact, verdict in ((True, RuleVerdict.FAIL), (False, RuleVerdict.NOT_EXERCISED)):
        found = report_on({"day": [msgspec.structs.replace(each, exact=exact) for each in history]})
        assert [each.verdict for each in found.findings if each.rule.id == "A1"] == [verdict]
