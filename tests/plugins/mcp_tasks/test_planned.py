"""Latencies and faults over MCP, by its route and by what its calls ask."""

import json

import pytest

from lab.core.exchange import Request, json_bytes
from lab.plugins.mcp_tasks.plugin import PLUGIN
from tests.conftest import each_row
from tests.mock import test_planned as planned
from tests.mock.test_planned import EveryRoute
from tests.plugins.mcp_tasks.peers import ASK, McpPeer, headers_of, rpc
from tests.recording.test_pod import assert_replays_with_faults_on
from tests.wire_peer import DOCUMENT

(MCP_DECLARED,) = PLUGIN.wires


def request_of(route, bearer):
    body = rpc("tools/call", ASK)
    headers = (("authorization", f"Bearer {bearer}"), *headers_of(body).items())
    return Request("POST", "/mcp", "", headers, json_bytes(body))


def served_request(route, mock, bearer):
    return request_of(route, bearer) if route == "mcp" else planned.served_request(route, mock, bearer)


@pytest.mark.parametrize("route", MCP_DECLARED.routes)
class TestEveryRoute(EveryRoute):
    with_team = frozenset(("mcp",))
    request_of = staticmethod(served_request)


def test_latencies_and_faults_on_its_route_replay_byte_for_byte():
    assert_replays_with_faults_on(MCP_DECLARED.routes, lambda route, send, bearer: request_of(route, bearer))


@each_row(
    ("named", "struck"),
    [
        ("mcp", {"tools/call", "tasks/get", "tasks/cancel", "subscriptions/listen"}), ("invoke", {"tools/call"}),
        ("status", {"tasks/get"}), ("cancel", {"tasks/cancel"}), ("stream", {"subscriptions/listen"}),
    ],
)  # fmt: skip
def test_a_call_goes_by_its_route_and_by_what_it_asks(named, struck):
    fault = {"route": named, "calls": "2-9", "answer": 503}
    peer = McpPeer(DOCUMENT | {"cancel": {"takes": "1h"}, "faults": [fault]})
    task = peer.begin()
    found = set()
    for _ in range(2):
        for method, params in (
            ("tools/call", ASK), ("tasks/get", {"taskId": task}), ("tasks/cancel", {"taskId": task}),
            ("subscriptions/listen", {"notifications": {"taskIds": [task]}}),
        ):  # fmt: skip
            response = peer.send(rpc(method, params)).response
            found |= {method} if response.status == 503 else set()
    assert found == struck


def test_an_answer_in_a_faults_stead_is_an_error_of_json_rpc_unless_it_says_otherwise():
    faults = [
        {"route": "mcp", "calls": 1, "answer": 429, "retry_after": "2s"},
        {"route": "mcp", "calls": 2, "answer": 503, "body": "problem"},
    ]
    peer = McpPeer(DOCUMENT | {"faults": faults})
    first, second = (peer.send(rpc("tools/call", ASK)).response for _ in range(2))
    assert (first.status, first.header("retry-after"), json.loads(first.body)["error"]["code"]) == (429, "2", -32000)
    assert (second.status, json.loads(second.body)["title"]) == (503, "Service Unavailable")


def test_a_status_word_that_nobody_documented_comes_without_what_was_asked_for():
    peer = McpPeer(DOCUMENT | {"faults": [{"route": "status", "status_word": "paused", "calls": 2}]})
    task = peer.begin()
    assert peer.task(task, 2_000)["status"] == "input_required"
    odd = peer.task(task, 2_000)
    assert (odd["status"], "inputRequests" in odd, odd["taskId"]) == ("paused", False, task)
