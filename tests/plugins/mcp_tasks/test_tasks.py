"""Jobs as tasks of MCP: how they begin, what they ask, how they are answered, and how they end (mcp.md §4)."""

import json

from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import each_row, examples
from tests.plugins.mcp_tasks.peers import APPROVED, ASK, CONVERSATION, McpPeer, events, rpc
from tests.wire_peer import DOCUMENT, read, status

TALK = DOCUMENT | {
    "name": "talk", "title": "Small talk", "agent": {"code": "TALK"}, "match": None,
    "ask": {"message": "Hi", "parameters": {"tone": "kind", "lines": 2}},
    "steps": [{"work": "think", "takes": "1s"}, {"error": "no", "text": "Nothing to say.", "output": "Half of it"}],
}  # fmt: skip


def gated(**gate):
    """A scenario of one gate, which is open at once."""
    return DOCUMENT | {
        "steps": [
            {"gate": "boss", "asks": "May it be paid?", "patience": "1m", **gate},
            {"complete": "done", "output": "Paid: {{ decisions['boss'].comment or 'fine' }}"},
        ]
    }


def test_whoever_discovers_the_server_is_told_version_and_capabilities():
    assert McpPeer().call("server/discover") == {
        "resultType": "complete", "supportedVersions": ["2026-07-28"],
        "capabilities": {"tools": {}, "extensions": {"io.modelcontextprotocol/tasks": {}}},
        "ttlMs": 0, "cacheScope": "private",
        "instructions": "Each tool is an agent team. A call becomes a task, which may ask for a decision before it ends.",
        "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "invoke-async-lab", "version": "1"}},
    }  # fmt: skip


def test_each_published_team_is_a_tool_with_what_its_scenarios_ask_for():
    hidden = DOCUMENT | {"name": "hidden", "agent": {"code": "HIDDEN", "published": False}}
    expenses, talk = McpPeer(DOCUMENT, TALK, hidden).call("tools/list")["tools"]
    assert (expenses["name"], talk["name"], talk["title"]) == ("EXPENSES", "TALK", "Small talk")
    assert list(expenses["inputSchema"]["properties"]) == ["message", "conversation"]
    assert talk["inputSchema"]["required"] == ["message"]
    assert talk["inputSchema"]["properties"]["parameters"]["properties"] == {
        "tone": {"type": "string", "examples": ["kind"]}, "lines": {"type": "integer", "examples": [2]},
    }  # fmt: skip


def test_a_call_of_a_tool_is_answered_with_a_task():
    response = McpPeer().send(rpc("tools/call", ASK, 7)).response
    answer = json.loads(response.body)
    task, conversation = answer["result"]["taskId"], answer["result"]["_meta"][CONVERSATION]
    assert response.body.decode() == (
        f'{{"jsonrpc":"2.0","id":7,"result":{{"resultType":"task","taskId":"{task}","status":"working",'
        '"createdAt":"2026-01-01T00:00:00.000Z","lastUpdatedAt":"2026-01-01T00:00:00.000Z","ttlMs":null,'
        f'"pollIntervalMs":5000,"_meta":{{"{CONVERSATION}":"{conversation}"}},"statusMessage":"Reading 42"}}}}'
    )


@each_row(
    ("steps", "status"),
    [
        (
            [{"gate": "boss", "asks": "Well?", "patience": "1m"}, {"complete": "done", "output": "Done"}],
            "input_required",
        ),
        ([{"complete": "done", "output": "Done"}], "completed"),
    ],
)
def test_a_task_begins_working_and_the_first_look_shows_what_it_asks_for_or_came_to(steps, status):
    peer = McpPeer(DOCUMENT | {"steps": steps})
    begun = peer.call("tools/call", ASK)
    assert begun["status"] == "working" and not {"inputRequests", "result"} & begun.keys()
    assert peer.task(begun["taskId"], 0)["status"] == status


def test_a_gate_is_a_form_under_its_key():
    peer = McpPeer()
    task = peer.begin()
    seen = peer.task(task, 2_000)
    ((key, question),) = seen["inputRequests"].items()
    assert (seen["status"], seen["lastUpdatedAt"], "statusMessage" in seen) == (
        "input_required", "2026-01-01T00:00:02.000Z", False,
    )  # fmt: skip
    params = question["params"]
    assert (question["method"], params["mode"], params["message"][:12]) == (
        "elicitation/create",
        "form",
        "Pay 42 from ",
    )
    words = [("approved", "Approve"), ("rejected", "Reject"), ("changes-requested", "Request changes")]
    assert params["requestedSchema"] == {
        "type": "object",
        "properties": {
            "verdict": {
                "type": "string", "title": "Verdict", "enum": [word for word, _ in words],
                "oneOf": [{"const": word, "title": title} for word, title in words],
            },
            "comment": {"type": "string", "title": "Comment", "description": "Say what should be different."},
        },
        "required": ["verdict"],
    }  # fmt: skip
    assert peer.key(task, 61_999) == key


def test_an_answer_counts_before_its_acknowledgement():
    peer = McpPeer()
    task = peer.begin()
    assert peer.answer(task, 2_000, **{peer.key(task, 2_000): APPROVED}) == {"resultType": "complete"}
    assert peer.task(task, 2_000)["status"] == "working"
    assert peer.decided() == [("approved", None)]


def test_a_wait_is_work_and_the_end_holds_the_result_of_the_tool():
    peer = McpPeer()
    task = peer.begin()
    peer.answer(task, 2_000, **{peer.key(task, 2_000): APPROVED})
    waiting, done = peer.task(task, 3_000), peer.task(task, 92_000)
    assert (waiting["status"], waiting["statusMessage"]) == ("working", "The bank works.")
    meta = {CONVERSATION: done["_meta"][CONVERSATION]}
    assert (done["status"], done["result"]) == (
        "completed",
        {
            "resultType": "complete",
            "content": [{"type": "text", "text": "Paid 42: fine"}],
            "isError": False,
            "_meta": meta,
        },
    )


def test_an_error_is_a_completed_task_whose_result_says_so():
    peer = McpPeer(TALK)
    task = peer.begin("Hi", name="TALK")
    done = peer.task(task, 1_000)
    texts = [part["text"] for part in done["result"]["content"]]
    assert (done["status"], done["result"]["isError"], texts) == ("completed", True, ["Nothing to say.", "Half of it"])


@each_row(
    ("response", "decided"),
    [
        (APPROVED, ("approved", None)),
        ({"action": "accept", "content": {"verdict": "approved", "comment": "Go on"}}, ("approved", "Go on")),
        ({"action": "accept", "content": {"verdict": "rejected", "comment": "No"}}, ("rejected", "No")),
        (
            {"action": "accept", "content": {"verdict": "changes-requested", "comment": "Less"}},
            ("changes-requested", "Less"),
        ),
        ({"action": "decline"}, ("rejected", None)),
        ({"action": "cancel"}, None),
    ],
)
def test_who_fills_in_the_form_decides_who_declines_says_no_and_who_cancels_is_asked_again(response, decided):
    peer = McpPeer()
    task = peer.begin()
    key = peer.key(task, 2_000)
    assert peer.answer(task, 2_500, **{key: response}) == {"resultType": "complete"}
    assert peer.decided() == ([] if decided is None else [decided])
    assert (peer.task(task, 2_500)["status"] == "input_required") is (decided is None)


@each_row(
    "response",
    [
        {"action": "accept"},
        {"action": "accept", "content": {"verdict": "Approve"}},
        {"action": "accept", "content": {"verdict": ["approved"]}},
        {"action": "accept", "content": {"verdict": "timed-out"}},
        {"action": "accept", "content": {"verdict": "changes-requested"}},
        {"action": "accept", "content": {"verdict": "changes-requested", "comment": " "}},
        {"action": "accept", "content": {"verdict": "approved", "comment": 7}},
    ],
)
def test_a_form_that_is_filled_in_wrongly_is_refused_and_stays_open(response):
    peer = McpPeer()
    task = peer.begin()
    key = peer.key(task, 2_000)
    error = peer.answer(task, 2_000, **{key: response})
    assert (error["code"], "content." in error["message"], peer.decided()) == (-32602, True, [])
    assert peer.key(task, 2_000) == key


def test_a_gate_that_only_collects_a_text_asks_for_that():
    peer = McpPeer(gated(approval=False, labels={"changes": "Your answer"}))
    task = peer.begin()
    ((key, question),) = peer.task(task, 0)["inputRequests"].items()
    schema = question["params"]["requestedSchema"]
    assert schema["properties"] == {"text": {"type": "string", "title": "Your answer", "minLength": 1}}
    assert schema["required"] == ["text"]
    assert peer.answer(task, 0, **{key: {"action": "accept", "content": {"text": " "}}})["code"] == -32602
    assert peer.answer(task, 0, **{key: {"action": "decline"}}) == {"resultType": "complete"}
    assert peer.key(task, 0) == key
    peer.answer(task, 0, **{key: {"action": "accept", "content": {"text": "Bus 7 "}}})
    assert peer.decided() == [("approved", "Bus 7 ")]


def test_a_quorum_asks_again_under_another_key_and_an_old_one_has_no_effect():
    peer = McpPeer(gated(approvals=2))
    task = peer.begin()
    first = peer.key(task, 0)
    peer.answer(task, 10, **{first: APPROVED})
    second = peer.key(task, 10)
    assert first != second and peer.task(task, 10)["lastUpdatedAt"] == "2026-01-01T00:00:00.010Z"
    reply = peer.send(rpc("tasks/update", {"taskId": task, "inputResponses": {first: APPROVED}}), 20)
    assert (read(reply.response)["result"], reply.flags) == ({"resultType": "complete"}, ("ignored_input_response",))
    assert peer.task(task, 20)["status"] == "input_required"
    peer.answer(task, 30, **{"nobodys": APPROVED, second: APPROVED})
    assert peer.task(task, 30)["status"] == "completed" and len(peer.decided()) == 2


def test_what_a_script_votes_leaves_the_key_as_it_is_for_nobody_has_answered_it():
    peer = McpPeer(gated(approvals=2, reviewer={"script": [{"after": "5s", "verdict": "approved", "by": "Ann"}]}))
    task = peer.begin()
    assert peer.key(task, 4_999) == peer.key(task, 5_000)


@each_row(("channel", "status"), [("CHAT", "input_required"), ("EMAIL", "working"), ("APPROVAL_PROCESS", "working")])
def test_only_what_can_be_answered_here_asks_for_input(channel, status):
    peer = McpPeer(gated(channel=channel))
    seen = peer.task(peer.begin(), 0)
    assert (seen["status"], "inputRequests" in seen, seen.get("statusMessage")) == (
        status, status != "working", "May it be paid?" if status == "working" else None,
    )  # fmt: skip


@given(answers=st.lists(st.sampled_from(["approved", "changes-requested"]), max_size=5))
@examples(20, thorough=200)
def test_no_key_is_ever_used_for_two_requests(answers):
    peer = McpPeer(DOCUMENT | {
        "steps": [
            {"work": "read", "takes": "1s"},
            {"gate": "boss", "asks": "Well?", "patience": "1h", "approvals": 2, "rounds": 9,
             "verdicts": {"changes-requested": "read"}},
            {"complete": "done", "output": "Done"},
        ]
    })  # fmt: skip
    task, now, keys = peer.begin(), 0, list[str]()
    for verdict in answers:
        now += 1_000
        seen = peer.task(task, now)
        if seen["status"] != "input_required":
            break
        keys += seen["inputRequests"]
        content = {"verdict": verdict, "comment": "Once more"}
        peer.answer(task, now, **{keys[-1]: {"action": "accept", "content": content}})
    assert len(keys) == len(set(keys)) == len(peer.decided())


def test_a_request_to_cancel_is_acknowledged_whatever_comes_of_it():
    peer, done = McpPeer(), {"resultType": "complete"}
    task = peer.begin()
    assert peer.call("tasks/cancel", {"taskId": task}, 500) == done
    assert peer.task(task, 500)["status"] == "cancelled"
    assert peer.call("tasks/cancel", {"taskId": task}, 600) == done
    refused = McpPeer(DOCUMENT | {"cancel": "refused"})
    task = refused.begin()
    assert refused.call("tasks/cancel", {"taskId": task}, 500) == done
    assert refused.task(task, 500)["status"] == "working"
    slow = McpPeer(DOCUMENT | {"cancel": {"takes": "3s", "output": "Half of it"}})
    task = slow.begin()
    assert slow.call("tasks/cancel", {"taskId": task}, 500) == done
    cancelled = slow.task(task, 3_500)
    assert (slow.task(task, 600)["status"], cancelled["status"], cancelled["statusMessage"]) == (
        "working", "cancelled", "Half of it",
    )  # fmt: skip
    assert "result" not in cancelled


def test_how_long_a_task_can_be_asked_for_is_told_once_it_has_ended():
    peer = McpPeer(TALK | {"retention": "10s"})
    task = peer.begin("Hi", name="TALK")
    assert peer.task(task, 500)["ttlMs"] is None
    assert peer.task(task, 1_000)["ttlMs"] == 11_000
    assert peer.task(task, 11_000)["code"] == -32602


def test_a_conversation_goes_on_by_its_id_and_parameters_reach_the_job():
    peer = McpPeer(DOCUMENT | {"turns": [{"ask": "More", "steps": [{"complete": "more", "output": "More of it"}]}]})
    first = peer.call("tools/call", ASK)
    conversation = first["_meta"][CONVERSATION]
    question = {"message": "More", "conversation": conversation, "parameters": {"a": [1]}}
    second = peer.call("tools/call", {"name": "EXPENSES", "arguments": question}, 5)
    assert second["taskId"] != first["taskId"] and second["_meta"][CONVERSATION] == conversation
    accepted = [fact for fact in peer.facts if fact.type == "job.accepted"]
    assert [(fact.turn, fact.input.get("parameters")) for fact in accepted] == [(1, None), (2, {"a": [1]})]


def test_a_call_in_the_conversation_of_a_task_that_asks_is_a_task_of_its_own():
    peer = McpPeer(DOCUMENT | {"turns": [{"ask": "yes", "steps": [{"complete": "more", "output": "More of it"}]}]})
    first = peer.call("tools/call", ASK)
    second = peer.begin("yes", 2_000, conversation=first["_meta"][CONVERSATION])
    assert second != first["taskId"] and peer.decided() == []
    assert peer.task(first["taskId"], 2_000)["status"] == "input_required"


def test_an_argument_that_is_unknown_is_noted():
    reply = McpPeer().send(
        rpc("tools/call", {"name": "EXPENSES", "arguments": {"message": "Taxi 42", "colour": "red"}})
    )
    assert (reply.response.status, reply.flags) == (200, ("unknown_field",))


def test_a_task_and_a_job_are_one():
    peer = McpPeer()
    task = peer.begin()
    body = read(peer.mock.serve(status(peer.bearer, task), 2_000).response)
    assert (body["status"], body["jobId"]) == ("WAITING", task)


# Notifications


def listen(peer, now, *tasks, number="listen-1"):
    return events(peer.send(rpc("subscriptions/listen", {"notifications": {"taskIds": list(tasks)}}, number), now))


def test_who_listens_is_told_of_each_task_whole_until_all_have_ended():
    peer = McpPeer(gated(reviewer={"after": "3s", "verdict": "approved"}), TALK)
    one, two = peer.begin(), peer.begin("Hi", name="TALK")
    notified = listen(peer, 500, one, "nobodys", two)
    meta = {"io.modelcontextprotocol/subscriptionId": "listen-1"}
    (when, acknowledged), (last, answer) = notified[0], notified[-1]
    assert (when, acknowledged) == (500, {
        "jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged",
        "params": {"notifications": {"taskIds": [one, two]}, "_meta": meta},
    })  # fmt: skip
    assert (last, answer) == (
        3_000,
        {"jsonrpc": "2.0", "id": "listen-1", "result": {"resultType": "complete", "_meta": meta}},
    )
    assert [(when, each["params"]["taskId"] == one, each["params"]["status"]) for when, each in notified[1:-1]] == [
        (500, True, "input_required"), (500, False, "working"), (1_000, False, "completed"), (3_000, True, "completed"),
    ]  # fmt: skip
    for when, each in notified[1:-1]:
        members = dict(each["params"])
        assert members.pop("_meta").items() >= meta.items()
        shown = peer.task(members["taskId"], when)
        del shown["resultType"], shown["_meta"]
        assert members == shown


def test_an_answer_to_a_quorum_is_told_with_the_next_key():
    peer = McpPeer(gated(approvals=2))
    task = peer.begin()
    reply = peer.send(rpc("subscriptions/listen", {"notifications": {"taskIds": [task]}}, 1), 0)
    before = events(reply)
    peer.answer(task, 2_000, **{peer.key(task, 2_000): APPROVED})
    again = events(reply)
    assert again[:2] == before[:2]
    assert (again[2][0], list(again[2][1]["params"]["inputRequests"])) == (2_000, [peer.key(task, 2_000)])
    assert [when for when, _ in again[3:]] == [60_000, 60_000]
    peer.answer(task, 3_000, **{peer.key(task, 3_000): APPROVED})
    assert [(when, each["params"]["status"]) for when, each in events(reply)[2:-1]] == [
        (2_000, "input_required"), (3_000, "completed"),
    ]  # fmt: skip


def test_who_listens_for_nothing_here_is_told_that_it_is_over():
    peer = McpPeer()
    notified = events(peer.send(rpc("subscriptions/listen", {"notifications": {"toolsListChanged": True}}, "l"), 5))
    assert [when for when, _ in notified] == [5, 5]
    assert notified[0][1]["params"]["notifications"] == {} and notified[1][1]["id"] == "l"
