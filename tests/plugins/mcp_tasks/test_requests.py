"""What MCP's requests are held against: envelope, headers, version, method, capability, parameters (mcp.md §2, §6)."""

import json
from base64 import b64encode

from tests.conftest import each_row
from tests.plugins.mcp_tasks.peers import ASK, META, TASKS, VERSION, McpPeer, rpc
from tests.wire_peer import DOCUMENT

CAPABILITIES, PROTOCOL = "io.modelcontextprotocol/clientCapabilities", "io.modelcontextprotocol/protocolVersion"
CALL = rpc("tools/call", ASK)
NEEDED = {"requiredCapabilities": {"extensions": {TASKS: {}}}}


def with_meta(method, params=None, **changed):
    meta = {name: value for name, value in {**META, **changed}.items() if value is not None}
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**(params or {}), "_meta": meta}}


def refused(response):
    error = json.loads(response.body)["error"]
    return response.status, error["code"]


@each_row(
    ("body", "status", "code"),
    [
        (b"{", 400, -32700),
        (b"[]", 400, -32600),
        (b'{"jsonrpc":"2.0","id":1,"id":2,"method":"tools/list"}', 400, -32700),
        ({"id": 1, "method": "tools/list"}, 400, -32600),
        ({"jsonrpc": "1.0", "id": 1, "method": "tools/list"}, 400, -32600),
        ({"jsonrpc": "2.0", "id": 1}, 400, -32600),
        ({"jsonrpc": "2.0", "id": None, "method": "tools/list"}, 400, -32600),
        ({"jsonrpc": "2.0", "id": True, "method": "tools/list"}, 400, -32600),
        ({"jsonrpc": "2.0", "id": 1.5, "method": "tools/list"}, 400, -32600),
        ({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": []}, 400, -32600),
        ({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, 400, -32602),
        (with_meta("tools/list", **{PROTOCOL: None}), 400, -32602),
        (with_meta("tools/list", **{PROTOCOL: 7}), 400, -32602),
        (with_meta("tools/list", **{CAPABILITIES: None}), 400, -32602),
        (with_meta("tools/list", **{CAPABILITIES: []}), 400, -32602),
        (with_meta("tools/list", **{PROTOCOL: "2025-11-25"}), 400, -32020),
        ({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25"}}, 400, -32022),
        (rpc("tasks/list"), 404, -32601),
        (rpc("tasks/result"), 404, -32601),
        (rpc("ping"), 404, -32601),
        (with_meta("tools/call", ASK, **{CAPABILITIES: {}}), 400, -32021),
        (with_meta("tools/call", ASK, **{CAPABILITIES: {"extensions": []}}), 400, -32602),
        (with_meta("tasks/get", {"taskId": "J"}, **{CAPABILITIES: {}}), 400, -32021),
        (with_meta("tasks/update", {"taskId": "J"}, **{CAPABILITIES: {}}), 400, -32021),
        (with_meta("tasks/cancel", {"taskId": "J"}, **{CAPABILITIES: {}}), 400, -32021),
        (with_meta("subscriptions/listen", {"notifications": {"taskIds": []}}, **{CAPABILITIES: {}}), 400, -32021),
        (rpc("tools/call", {"name": "EXPENSES", "arguments": []}), 400, -32602),
        (rpc("tools/call", {"name": "EXPENSES", "arguments": {"message": 7}}), 400, -32602),
        (rpc("tools/call", {"name": "EXPENSES", "arguments": {"message": "Taxi 42", "conversation": ""}}), 400, -32602),
        (rpc("tools/call", {"name": "EXPENSES", "arguments": {"message": "Taxi 42", "conversation": "é\n"}}), 400, -32602),
        (rpc("tools/call", {"name": "EXPENSES", "arguments": {"message": "Taxi 42", "parameters": 1}}), 400, -32602),
        (rpc("tools/call", {"name": "EXPENSES", "arguments": {"message": " "}}), 400, -32602),
        (rpc("tools/call", {"name": "EXPENSES"}), 400, -32602),
        (rpc("tools/call", {"name": "NOBODY", "arguments": {"message": "Hi"}}), 400, -32602),
        (rpc("tasks/get", {"taskId": "nobodys"}), 400, -32602),
        (rpc("tasks/get", {"taskId": ""}), 400, -32602),
        (rpc("tasks/cancel", {"taskId": "nobodys"}), 400, -32602),
        (rpc("tasks/update", {"taskId": "nobodys", "inputResponses": {}}), 400, -32602),
        (rpc("tasks/update", {"taskId": "nobodys", "inputResponses": []}), 400, -32602),
        (rpc("tasks/update", {"taskId": "nobodys", "inputResponses": {"k": {"action": "maybe"}}}), 400, -32602),
        (rpc("tasks/update", {"taskId": "nobodys", "inputResponses": {"k": None}}), 400, -32602),
        (rpc("tasks/update", {"taskId": "J", "inputResponses": {"k": {"action": "accept", "content": []}}}), 400, -32602),
        (rpc("subscriptions/listen"), 400, -32602),
        (rpc("subscriptions/listen", {"notifications": {"taskIds": "J"}}), 400, -32602),
        (rpc("subscriptions/listen", {"notifications": {"taskIds": [7]}}), 400, -32602),
    ],
)  # fmt: skip
def test_a_request_is_refused_by_the_first_thing_that_is_wrong_with_it(body, status, code):
    headers = {"content-type": "application/json"} if isinstance(body, bytes) else None
    reply = McpPeer().send(body, headers=headers)
    assert refused(reply.response) == (status, code)
    assert reply.facts == () or all(fact.type == "request.missed" for fact in reply.facts)
    known = isinstance(body, dict) and isinstance(body.get("id"), int) and body["id"] is not True
    assert json.loads(reply.response.body)["id"] == (1 if known and code != -32600 else None)


@each_row(
    ("headers", "code"),
    [
        ({"mcp-protocol-version": None}, -32020),
        ({"mcp-protocol-version": "2025-11-25"}, -32020),
        ({"mcp-method": None}, -32020),
        ({"mcp-method": "tools/list"}, -32020),
        ({"mcp-name": None}, -32020),
        ({"mcp-name": "OTHERS"}, -32020),
        ({"mcp-name": "=?base64?%?="}, -32020),
        ({"mcp-name": "=?base64?/w==?="}, -32020),
    ],
)
def test_headers_say_what_the_body_says(headers, code):
    assert refused(McpPeer().send(CALL, headers=headers).response) == (400, code)


def test_a_header_may_be_encoded_and_none_stands_twice():
    peer = McpPeer()
    encoded = f"=?base64?{b64encode(b'EXPENSES').decode()}?="
    assert peer.send(CALL, 0, {"mcp-name": encoded}).response.status == 200
    assert refused(peer.send(CALL, 0, None, ("mcp-method", "tools/call")).response) == (400, -32020)


def test_the_name_of_a_task_in_the_headers_counts_where_it_is_sent():
    peer = McpPeer()
    get = rpc("tasks/get", {"taskId": peer.begin()})
    assert peer.send(get, 0, {"mcp-name": None}).response.status == 200
    assert refused(peer.send(get, 0, {"mcp-name": "another"}).response) == (400, -32020)


def test_another_version_is_refused_with_those_that_are_spoken():
    question = with_meta("server/discover", **{PROTOCOL: "2027-01-01"})
    error = json.loads(McpPeer().send(question, 0, {"mcp-protocol-version": "2027-01-01"}).response.body)["error"]
    assert (error["code"], error["data"]) == (-32022, {"supported": [VERSION], "requested": "2027-01-01"})


def test_a_client_without_tasks_is_told_what_it_must_declare_and_may_look_around():
    peer, bare = McpPeer(), {CAPABILITIES: {}}
    error = json.loads(peer.send(with_meta("tools/call", ASK, **bare)).response.body)["error"]
    assert error["data"] == NEEDED
    for method, params in (
        ("server/discover", {}),
        ("tools/list", {}),
        ("subscriptions/listen", {"notifications": {}}),
    ):
        assert peer.send(with_meta(method, params, **bare)).response.status == 200, method


def test_a_notification_is_taken_and_brings_no_answer():
    reply = McpPeer().send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}})
    assert (reply.response.status, reply.response.body, reply.facts) == (202, b"", ())


@each_row(
    ("headers", "body", "status"),
    [
        ({"content-type": "text/plain"}, CALL, 415),
        ({"authorization": None}, CALL, 401),
        ({"authorization": "Bearer nonsense"}, CALL, 401),
        ({"content-type": "application/json"}, b" " * 1_048_577, 413),
    ],
)
def test_what_is_no_fault_of_the_call_has_the_status_that_fits_and_a_code_of_its_own(headers, body, status):
    response = McpPeer().send(body, 0, headers).response
    assert refused(response) == (status, -32000)
    assert (response.header("www-authenticate") is not None) is (status == 401)


def test_a_closed_team_has_no_tool_and_a_role_that_is_missing_is_forbidden():
    hidden = DOCUMENT | {"agent": {"code": "EXPENSES", "published": False}}
    assert McpPeer(hidden).call("tools/call", ASK)["code"] == -32602
    question = DOCUMENT | {"agent": {"code": "EXPENSES", "roles": ["BOSS"]}}
    assert refused(McpPeer(question).send(CALL).response) == (403, -32000)


def test_a_wrong_name_is_answered_with_the_one_that_is_meant():
    peer = McpPeer()
    assert (
        "did you mean EXPENSES?"
        in peer.call("tools/call", {"name": "EXPENSE", "arguments": {"message": "Hi"}})["message"]
    )
    assert "tools/list" in peer.call("tools/call", {"name": "NOBODY", "arguments": {"message": "Hi"}})["message"]
    assert (
        "Did you mean message?"
        in peer.call("tools/call", {"name": "EXPENSES", "arguments": {"mesage": "Hi"}})["message"]
    )
    missed = [fact.near for fact in peer.facts if fact.type == "request.missed"]
    assert missed == [("EXPENSES",), ("message",)]
