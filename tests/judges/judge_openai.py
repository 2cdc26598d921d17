"""OpenAI's own library as a client of the Responses API: over this wire the lab is what the library takes it for."""

from typing import Any

import pytest

from lab.clocks import ScaledClock
from tests.judges.apart import Environment, seen
from tests.judges.conftest import QUICK
from tests.server.served import Served, serving

OPENAI = Environment("openai", ("openai>=3.57,<4",))
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


# Webhooks


def test_endpoints_are_registered_changed_and_ended(world: Served) -> None:
    lines = seen(world, OPENAI, "openai_webhooks.py", "manage", "QUICK_TEAM")
    found = {each["event"]: each for each in lines}
    own = found["created"]["endpoints"]
    ids, secrets = [each["id"] for each in own], [each["signing_secret"] for each in own]
    assert len({*ids}) == len({*secrets}) == 3 and all(each.startswith("whsec_") for each in secrets)
    assert found["types"]["types"]["data"][0] == "response.completed"
    assert found["pages"]["pages"] == [[ids[2], ids[1]], [ids[0]]]
    changed = {"name": "new", "event_types": ["response.failed"], "updated_at": own[0]["created_at"] + 2}
    shown = {name: each for name, each in own[0].items() if name != "signing_secret"} | changed
    assert found["updated"]["endpoint"] == found["retrieved"]["endpoint"] == shown
    rotated = dict(found["rotated"]["endpoint"])
    assert rotated.pop("signing_secret") not in secrets and rotated == shown
    assert found["deleted"]["endpoint"] == {"id": ids[0], "object": "webhook_endpoint.deleted", "deleted": True}
    assert found["left"]["ids"] == [ids[2], ids[1]]
    assert [(each["status"], each["param"]) for each in of(lines, "refused")] == [
        (404, None), (404, None), (400, "url"), (400, "url"), (400, "event_types"),
        (400, "keep_old_secret_active_for_24_hours"), (404, None),
    ]  # fmt: skip


STRIKES = {
    "good": [0, 1], "lost": [1], "late": [1, 0], "twice": [0, 0, 1], "reordered": [1, 0], "other-job": [None, 1],
    "bad-signature": ["refused", 0, 1], "old-timestamp": ["refused", 0, 1], "truncated": ["refused", 0, 1],
}  # fmt: skip
"""What comes, by what goes wrong with the first webhook: of which response; None: of one that there isn't."""


@pytest.mark.parametrize("strike", STRIKES)
def test_what_comes_is_taken_if_it_is_good_and_refused_if_not(strike: str) -> None:
    callbacks = {"tries": ["0s", "5s"], "faults": [] if strike == "good" else [{"strike": strike}]}
    with serving(QUICK | {"callbacks": callbacks}) as world:
        *came, end = seen(world, OPENAI, "openai_webhooks.py", "receive", "QUICK_TEAM")
    ids = {each: number for number, each in enumerate(end["responses"])}
    assert [each["event"] and ids.get(each["event"]["data"]["id"]) for each in came] == [
        None if each == "refused" else each for each in STRIKES[strike]
    ]
    assert [each["status"] for each in came] == [400 if each == "refused" else 200 for each in STRIKES[strike]]
    assert {each["event"]["type"] for each in came if each["event"]} == {"response.completed"}
