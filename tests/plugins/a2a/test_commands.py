"""`--dialect a2a`: the lab's own app over A2A, at the lab's mock and at another server."""

import json

import pytest

from tests.cli.test_decided import BY_EACH_WAY, assert_told
from tests.cli.test_run import SHIPPED
from tests.cli.test_serve import assert_runs_against_another
from tests.conftest import Lab, each_row


@pytest.mark.long
@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_scenario_runs_over_a2a_to_the_same_end_and_its_recording_replays(lab: Lab, name: str) -> None:
    requested = ("run", name, "--speed", "instant", "--seed", "7", "--json")
    fusion, a2a = lab(*requested), lab(*requested, "--dialect", "a2a", "--record", name)
    assert a2a.code == fusion.code, a2a.err
    for line, other in zip(a2a.lines, fusion.lines, strict=True):
        outcome, expected = json.loads(line), json.loads(other)
        # A2A has no follow-ups, no output of a job that failed, and its own words for a refusal
        partial = () if expected["status"] == "COMPLETE" else ("output",)
        unsaid = dict.fromkeys(("followUpQuestions", "why", *partial))
        assert {**outcome, **unsaid} == {**expected, **unsaid}
    assert lab("replay", name).code == 0


def test_the_external_app_runs_against_another_server(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_runs_against_another(lab, monkeypatch, "a2a")


@each_row(("facts", "over", "lines"), BY_EACH_WAY)
def test_a_person_is_told_by_the_way_the_decision_came_though_no_question_names_its_gate(
    facts: bool, over: str, lines: list[str]
) -> None:
    assert_told(facts, over, lines, "a2a", names_gates=False)
