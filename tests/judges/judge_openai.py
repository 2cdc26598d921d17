"""OpenAI's own library as a client of the Responses API: over this wire the lab is what the library takes it for."""

from typing import Any

import pytest

from lab.clocks import ScaledClock
from tests.judges.apart import Environment, seen
from tests.judges.conftest import QUICK
from tests.server.served import Served, serving

OPENAI = Environment("openai", ("openai>=3,<4",))
BEGUN = ["response.created", "response.queued", "response.in_progress"]
ASKED = ["response.output_item.added", "response.output_item.done", "response.completed"]
SAID = [
    "response.output_item.added", "response.content_part.added", "response.output_text.delta",
    "response.output_text.done", "response.content_part.done", "response.output_item.done", "response.completed",
]  # fmt: skip


def events(world: Served, flow: str) -> list[dict[str, Any]]:
    return seen(world, OPENAI, "openai_responses.py", flow, "QUICK_TEAM")


def of(found: list[dict[str, Any]], event: str) -> list[dict[str, Any]]:
    return [each for each in found if each["event"] == event]


@pytest.mark.parametrize("flow", ["poll", "strict"])
def test_an_approval_the_next_turn_and_a_rejection(world: Served, flow: str) -> None:
    found = events(world, flow)
    begun, ends = of(found, "response"), of(found, "end")
    assert [each["status"] for each in begun] == ["queued", "completed", "queued", "completed"]
    assert [each["status"] for each in ends] == ["completed"] * 4
    assert [each["text"] for each in ends] == ["", "Forty-two.", "", "The request was rejected. Too early"]
    previous = [each["response"]["previous_response_id"] for each in begun]
    ids = [each["response"]["id"] for each in begun]
    assert previous == [None, *ids[:-1]] and len(set(ids)) == 4
    first = [each["response"] for each in of(found, "look") if each["response"]["id"] == ids[0]]
    assert first[-1] == first[-2] and first[-1]["output"][0]["type"] == "mcp_approval_request"
    assert {each["status"] for each in of(found, "look")} == {"in_progress", "completed"}


def test_a_stream_that_was_left_goes_on_behind_the_last_event(world: Served) -> None:
    found = [(each["event"], each["number"]) for each in events(world, "stream")]
    first = [(kind, number) for number, kind in enumerate([*BEGUN, *ASKED])]
    assert found[:6] == first
    assert found[6:] == [(kind, number) for number, kind in enumerate([*BEGUN, *SAID])]


def test_the_librarys_own_helper_folds_a_stream(world: Served) -> None:
    found = events(world, "helper")
    (end,) = of(found, "end")
    assert end["status"] == "completed" and end["response"]["output"][0]["type"] == "mcp_approval_request"
    again = found[found.index(end) + 1 :]
    assert [each["event"] for each in again] == [*BEGUN, *ASKED][1:]


def test_a_blocking_call_waits_for_its_job() -> None:
    with serving(QUICK, clock=ScaledClock("20")) as world:
        (end,) = events(world, "block")
        assert end["status"] == "completed" and end["response"]["output"][0]["type"] == "mcp_approval_request"
        assert world.clock.now() >= 2_000


def test_a_response_is_cancelled(world: Served) -> None:
    found = events(world, "cancel")
    assert [each["status"] for each in found] == ["cancelled"] * len(found) and len(found) == 3


def test_what_is_refused_is_an_error_of_the_librarys(world: Served) -> None:
    found = events(world, "refused")
    assert [(each["error"], each["status"], each["code"]) for each in found] == [
        ("NotFoundError", 404, None), ("NotFoundError", 404, None), ("BadRequestError", 400, "model_not_found"),
        ("BadRequestError", 400, "previous_response_not_found"), ("AuthenticationError", 401, "invalid_api_key"),
    ]  # fmt: skip
    assert all(each["body"].keys() == {"message", "type", "param", "code"} for each in found)


def test_models_are_agent_teams(world: Served) -> None:
    (found,) = events(world, "list")
    assert [each["id"] for each in found["models"]] == ["QUICK_TEAM"]
