"""`--dialect openai`: the lab's own app over OpenAI's API, at the lab's mock and at another server."""

import json

import pytest

from tests.cli.test_run import SHIPPED
from tests.cli.test_serve import assert_runs_against_another
from tests.conftest import Lab


@pytest.mark.long
@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_scenario_runs_to_the_same_end_and_its_recording_replays(lab: Lab, name: str) -> None:
    requested = ("run", name, "--speed", "instant", "--seed", "7", "--json")
    fusion, openai = lab(*requested), lab(*requested, "--dialect", "openai", "--record", name)
    assert openai.code == fusion.code, openai.err
    for line, other in zip(openai.lines, fusion.lines, strict=True):
        outcome, expected = json.loads(line), json.loads(other)
        # there are no follow-ups, and other words for a refusal; who waits for others is polled as if it worked
        unsaid = dict.fromkeys(("followUpQuestions", "why", "conversationId", "polls", "elapsed_ms"))
        assert {**outcome, **unsaid} == {**expected, **unsaid}
    assert lab("replay", name).code == 0


def test_the_external_app_runs_against_another_server(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_runs_against_another(lab, monkeypatch, "openai")
