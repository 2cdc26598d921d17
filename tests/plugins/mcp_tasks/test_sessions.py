"""Sessions over MCP, recorded over a real socket: they replay, are shown in every form, and are played back."""

import json
from typing import Any, ClassVar

import pytest
from hypothesis import given

from lab.core.clock import Millis
from lab.recording.exchange import CallKind
from lab.recording.show.timeline_page import timeline_page
from tests.conftest import examples
from tests.plugins.mcp_tasks.peers import APPROVED, rpc
from tests.plugins.mcp_tasks.sessions import SESSIONS
from tests.recording import test_dialect_sessions as sessions
from tests.recording.test_client_calls import calls_that_begin_or_decide
from tests.recording.test_dialect_sessions import (
    GAPS,
    EverySession,
    assert_asked_again,
    assert_seen_in_order,
    recording_of,
)
from tests.server.conftest import TEAM

STATUSES = {"working": "RUNNING", "input_required": "WAITING", "completed": "COMPLETE"}


@pytest.mark.parametrize("name", SESSIONS)
class TestEverySession(EverySession):
    sessions: ClassVar = SESSIONS


def test_another_server_is_asked_the_same_and_must_show_the_same_question_and_end() -> None:
    assert_asked_again(recording_of(SESSIONS["mcp"]))


class Other(sessions.Other):
    """A client of a playback that does otherwise than the recorded one."""

    def rpc(self, at: Millis, method: str, number: Any, **params: Any) -> Any:
        return json.loads(self.ask(at, "POST", "/mcp", rpc(method, params, number)).response.body)

    def started(self) -> str:
        self.rpc(0, "tools/call", 0, name=TEAM, arguments={"message": 1})
        return str(self.rpc(0, "tools/call", 0, name=TEAM, arguments={"message": "Share it"})["result"]["taskId"])


@given(gaps=GAPS)
@examples(12, thorough=500)
def test_whenever_a_client_looks_it_sees_the_history_in_order_and_never_early(gaps: list[int]) -> None:
    client = Other(SESSIONS["mcp"])
    task = client.started()

    def status_at(now: Millis) -> str:
        return STATUSES[client.rpc(now, "tasks/get", now, taskId=task)["result"]["status"]]

    assert_seen_in_order(gaps, status_at)


def test_a_playback_answers_with_the_id_of_this_call() -> None:
    client = Other(SESSIONS["mcp"])
    task = client.started()
    seen = client.rpc(3_000, "tasks/get", "mine", taskId=task)
    assert (seen["id"], seen["result"]["status"]) == ("mine", "input_required")
    responses = dict.fromkeys(seen["result"]["inputRequests"], APPROVED)
    notified = client.rpc(3_500, "tasks/update", "u", taskId=task, inputResponses=responses)
    assert notified == {"jsonrpc": "2.0", "id": "u", "result": {"resultType": "complete"}}
    assert client.rpc(3_600, "tasks/get", 1, taskId=task)["result"]["status"] == "completed"


def test_a_look_that_comes_before_any_recorded_one_is_answered_as_a_look() -> None:
    client = Other(SESSIONS["mcp cancelled"])
    task = client.rpc(0, "tools/call", 0, name=TEAM, arguments={"message": "Share it"})["result"]
    looked = client.rpc(500, "tasks/get", "early", taskId=task["taskId"])
    assert (task["resultType"], looked["id"], looked["result"]) == ("task", "early", {**task, "resultType": "complete"})


def test_what_each_call_is_for_is_known_by_what_it_asks() -> None:
    assert calls_that_begin_or_decide(recording_of(SESSIONS["mcp"])) == {
        (CallKind.INVOKE, "mcp", False), (CallKind.DECIDE, "mcp", False),
    }  # fmt: skip


def test_a_page_tells_what_is_asked_and_what_came_of_it() -> None:
    page = timeline_page(recording_of(SESSIONS["mcp"]))
    assert "input_required · May it be shared?" in page and "completed · Shared." in page
    assert "JSON-RPC -32602: There is no such task." in page
