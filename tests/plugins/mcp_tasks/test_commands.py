"""`--dialect mcp`: the lab's own app over MCP, at the lab's mock and at another server."""

import json

import pytest

from tests.cli.test_decided import BY_EACH_WAY, assert_told
from tests.cli.test_run import SHIPPED
from tests.cli.test_serve import assert_runs_against_another
from tests.conftest import Lab, each_row


@pytest.mark.long
@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_scenario_runs_over_mcp_to_the_same_end_and_its_recording_replays(lab: Lab, name: str) -> None:
    requested = ("run", name, "--speed", "instant", "--seed", "7", "--json")
    fusion, mcp = lab(*requested), lab(*requested, "--dialect", "mcp", "--record", name)
    assert mcp.code == fusion.code, mcp.err
    for line, other in zip(mcp.lines, fusion.lines, strict=True):
        outcome, expected = json.loads(line), json.loads(other)
        # MCP has no follow-ups, its own words for a refusal, and shows how a job goes at the first look
        unsaid = dict.fromkeys(("followUpQuestions", "why", "polls", "elapsed_ms"))
        assert {**outcome, **unsaid} == {**expected, **unsaid}
    assert lab("replay", name).code == 0


def test_the_external_app_runs_against_another_server(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_runs_against_another(lab, monkeypatch, "mcp")


@each_row(("facts", "over", "lines"), BY_EACH_WAY)
def test_a_person_is_told_by_the_way_the_decision_came_though_no_question_names_its_gate(
    facts: bool, over: str, lines: list[str]
) -> None:
    assert_told(facts, over, lines, "mcp", names_gates=False)
