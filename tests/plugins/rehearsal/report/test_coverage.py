"""Coverage: what was met of what could be; more recordings never take anything away."""

from hypothesis import given
from hypothesis import strategies as st

from lab.plugins.rehearsal.report.coverage import UNKNOWN, Coverage, joined, met_in, possible_in
from lab.plugins.rehearsal.report.gather import histories_of
from tests.plugins.rehearsal.report.good import Plain
from tests.plugins.rehearsal.report.together import Together
from tests.plugins.rehearsal.report.zoo import APPROVAL, ODD_STATUS, QUICK

ELEMENTS = st.dictionaries(st.sampled_from(("statuses", "verdicts")), st.frozensets(st.sampled_from("abcdef")))


def coverage_of(scenario: str) -> Coverage:
    lab = Together(scenario)
    recording = lab.play(Plain(lab).story())
    met = met_in(recording, histories_of(recording, over=True))
    return Coverage(met, possible_in([each.scenario for each in lab.config.scenarios]))


def test_what_a_day_showed_is_counted_against_what_its_scenario_has() -> None:
    found = coverage_of(APPROVAL)
    assert list(found.counts()) == [
        "statuses 3/3",
        "verdicts 1/3",
        "endings 1/1",
        "turns 1/1",
        "refusals 0",
        "faults 0",
    ]
    assert found.met["endings"] == found.possible["endings"]
    assert list(found.missing()) == ["verdict may-it: rejected", "verdict may-it: timed-out"]


def test_a_word_that_nobody_documented_counts_as_one() -> None:
    assert UNKNOWN in coverage_of(ODD_STATUS).met["statuses"]
    assert list(coverage_of(QUICK).missing()) == []


@given(ELEMENTS, ELEMENTS)
def test_joining_is_union(one: dict[str, frozenset[str]], other: dict[str, frozenset[str]]) -> None:
    both = joined(one, other)
    assert both == joined(other, one) and joined(both, one) == both
    assert all(part[name] <= both[name] for part in (one, other) for name in part)
