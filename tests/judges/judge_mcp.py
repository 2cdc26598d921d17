"""fastmcp-tasks as a client of MCP's tasks, and mcp 2.3, which knows none: both as they come, over the wire as it is."""

from collections.abc import Iterator
from typing import Any

import pytest

from lab.clocks import ScaledClock
from lab.identity.clients import DEMO
from tests.judges.apart import MCP_2, Environment, seen
from tests.judges.conftest import QUICK
from tests.server.served import SCOPE, Served, serving

MCP_TASKS = Environment("mcp-tasks", ("fastmcp==4.1.4", "fastmcp-tasks==4.1.4"))
TEAM, FAILS = "QUICK_TEAM", "FAILING_TEAM"
TALKS = {**QUICK, "turns": [{"ask": "and then?", "steps": [{"complete": "more", "output": "Forty-three."}]}]}
FAILING = {
    **QUICK, "name": "failing", "agent": {"code": FAILS},
    "steps": [{"work": "think", "takes": "2s"}, {"error": "broken", "text": "The tool broke.", "output": "Half of it."}],
}  # fmt: skip


@pytest.fixture
def going() -> Iterator[Served]:
    """A mock whose clock goes by itself: the client polls by the wall."""
    with serving(TALKS, FAILING, clock=ScaledClock("20")) as world:
        yield world


def events(world: Served, flow: str, tool: str = TEAM) -> list[dict[str, Any]]:
    return seen(world, MCP_TASKS, "mcp_tasks.py", flow, tool)


def texts(found: dict[str, Any]) -> list[str]:
    return [each["text"] for each in found["content"]]


def test_a_call_is_followed_through_a_gate_to_its_result(going: Served) -> None:
    form, result = events(going, "call")
    assert (form["event"], form["message"], texts(result)) == ("form", "May I?", ["Forty-two."])


def test_who_declines_rejects_once_and_is_asked_no_more(going: Served) -> None:
    form, result = events(going, "call-no")
    assert (form["event"], texts(result)) == ("form", ["The request was rejected."])


def test_a_task_is_looked_at_answered_and_looked_at(going: Served) -> None:
    task, *looks, form, result = events(going, "poll")
    assert task["task"]["resultType"] == "task" and task["task"]["status"] == "working"
    assert [each["status"] for each in looks[-2:]] == ["working", "input_required"]
    assert (form["event"], texts(result)) == ("form", ["Forty-two."])


def test_a_job_that_fails_is_an_error_of_its_tool(going: Served) -> None:
    [failure] = events(going, "call", FAILS)
    assert (failure["event"], failure["message"]) == ("error", "The tool broke.")


def test_a_conversation_goes_on(going: Served) -> None:
    form, result = events(going, "follow")
    assert (form["event"], texts(result)) == ("form", ["Forty-three."])


def test_a_task_that_is_cancelled_is_so_at_the_next_look(world: Served) -> None:
    _, done, look = events(world, "cancel")
    assert (done["event"], look["status"]) == ("done", "cancelled")


def test_what_is_refused_is_refused_in_mcps_words(world: Served) -> None:
    _, *refusals = events(world, "refused")
    assert [each.get("code") for each in refusals] == [-32602, -32602, -32602]


def test_teams_are_tools(world: Served) -> None:
    [tools] = events(world, "list")
    assert [(each["name"], each["inputSchema"]["required"]) for each in tools["tools"]] == [(TEAM, ["message"])]


def test_a_client_without_tasks_discovers_lists_and_is_told_what_it_lacks(world: Served) -> None:
    discovered, tools, refused, unknown = seen(world, MCP_2, "mcp_2.py", TEAM)
    assert discovered["version"] == "2026-07-28"
    assert [each["name"] for each in tools["list"]["tools"]] == [TEAM]
    needed = {"requiredCapabilities": {"extensions": {"io.modelcontextprotocol/tasks": {}}}}
    assert (refused["code"], refused["data"], unknown["code"]) == (-32021, needed, -32021)


def test_a_client_finds_the_oauth_server_by_the_refusal_of_its_first_call() -> None:
    with serving(QUICK, profile="rfc", resource_metadata="on") as world:
        assert seen(world, MCP_2, "mcp_login.py", DEMO.id, DEMO.secret, SCOPE) == [{"tools": [TEAM]}]
