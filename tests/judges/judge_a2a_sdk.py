"""a2a-sdk 0.3, by the lab's own card and by one given by hand: what it takes for granted must hold on both routes."""

from typing import Any

import pytest

from lab.clocks import ScaledClock
from tests.judges.apart import Environment, seen
from tests.judges.conftest import QUICK
from tests.server.served import Served, serving

A2A_03 = Environment("a2a-03", ("a2a-sdk>=0.3.26,<0.4", "httpx>=0.28"))
"""The client as the vendor's reference has it; from 1.0 on it speaks other methods."""
routes = pytest.mark.parametrize("route", [None, "", "/stream"], ids=["card", "a2a", "a2a-stream"])
"""None: the client finds the card at the host's root, and goes where that leads."""


def events(world: Served, flow: str, route: str | None) -> list[dict[str, Any]]:
    url = () if route is None else (f"{world.api}/a2a/v1/QUICK_TEAM{route}",)
    return seen(world, A2A_03, "a2a_03.py", flow, *url)


def brief(found: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(each["event"], each["state"]) for each in found]


def text_of(task: dict[str, Any]) -> str:
    (artifact,) = task["artifacts"]
    return str(artifact["parts"][0]["text"])


@routes
def test_a_stream_an_answer_and_the_next_turn(world: Served, route: str | None) -> None:
    found = events(world, "stream", route)
    assert brief(found[:4]) == [
        ("task", "submitted"), ("status-update", "working"), ("status-update", "input-required"),
        ("look", "input-required"),
    ]  # fmt: skip
    task, looked = found[2]["task"], found[3]["task"]
    assert task["status"]["message"]["parts"][0]["text"] == "May I?" and found[2]["final"]
    assert looked["status"] == task["status"] and looked["history"][0]["parts"][0]["text"] == "x"
    assert brief(found[4:6]) == [("task", "working"), ("status-update", "input-required")]
    done = found[6:9]
    assert [each["event"] for each in done] == ["task", "artifact-update", "status-update"]
    assert done[-1]["state"] == "completed" and text_of(done[-1]["task"]) == QUICK["steps"][-1]["output"]  # type: ignore[index]
    turn = found[9]["task"]
    assert turn["contextId"] == task["contextId"] and turn["id"] != task["id"]


@routes
def test_a_message_looks_and_an_answer(world: Served, route: str | None) -> None:
    first, *looks, done = events(world, "poll", route)
    assert brief([first]) == [("task", "submitted")]
    assert {state for _, state in brief(looks[:-1])} <= {"submitted", "working"} and len(looks) == 5
    assert brief(looks[-1:]) == [("look", "input-required")]
    assert (done["state"], text_of(done["task"])) == ("completed", "Forty-two.")


def test_looks_while_time_passes_by_itself() -> None:
    with serving(QUICK, clock=ScaledClock("20")) as world:
        first, *looks, done = events(world, "poll", "")
        assert brief([first, looks[-1], done]) == [
            ("task", "submitted"), ("look", "input-required"), ("task", "completed"),
        ]  # fmt: skip
        assert 1 < len(looks) <= 6 and world.clock.now() >= 2_000


@routes
def test_receivers_are_registered_and_told(route: str | None) -> None:
    """The end is told first by another token: it is refused, and comes again."""
    callbacks = {"faults": [{"strike": "bad-signature", "step": "done"}], "tries": ["0s", "5s"]}
    with serving(QUICK | {"callbacks": callbacks}) as world:
        found = events(world, "push", route)
    (got,) = (each["config"] for each in found if each["event"] == "config")
    assert got["pushNotificationConfig"]["id"] == got["taskId"], "the first: that of the message"
    came = [(each["path"], each["state"], each["status"]) for each in found if each["event"] == "told"]
    of_each = [("input-required", 204), ("completed", 401), ("completed", 204)]
    assert sorted(came) == sorted((path, *of) for path in ("/message", "/set") for of in of_each)


@routes
def test_a_task_is_canceled_and_what_is_refused_is_an_error_of_a2as_own(world: Served, route: str | None) -> None:
    _, canceled, *refusals = events(world, "refused", route)
    assert (canceled["event"], canceled["state"]) == ("done", "canceled")
    assert [each.get("code") for each in refusals] == [-32001, -32001]
