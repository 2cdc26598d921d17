"""A2A 0.3 on the same jobs: cards, search, JSON-RPC and its stream (a2a.md)."""

import json

from lab.core.exchange import Request
from lab.core.observe import Noted
from lab.dialects.fusion.routes import API
from lab.dialects.router import ROUTER
from lab.jobs.facts import GateDecided, JobAccepted, JobCancelled
from tests.conftest import each_row
from tests.wire_peer import DOCUMENT, OTHER, invoke, read, service, status, token

HIDDEN = DOCUMENT | {"name": "hidden", "title": "Hidden", "agent": {"code": "HIDDEN", "published": False}}
TALK = DOCUMENT | {
    "name": "talk", "title": "Small talk", "shows": "Says something.", "agent": {"code": "TALK"}, "match": None,
    "steps": [{"work": "think", "takes": "1s"}, {"error": "no", "text": "Nothing to say."}],
}  # fmt: skip
BASE = "http://127.0.0.1"


class Peer:
    """A client of one agent team that speaks JSON-RPC."""

    def __init__(self, *documents, code="EXPENSES", **switches):
        self.mock = service(*(documents or (DOCUMENT, TALK)), **switches)
        self.bearer, self.code, self.facts = token(self.mock), code, []
        self.mock.observers.append(lambda seen: self.facts.append(seen.fact) if isinstance(seen, Noted) else None)

    def send(self, body, now=0, route="a2a", bearer=None, kind="application/json"):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = (("authorization", f"Bearer {bearer or self.bearer}"), ("content-type", kind))
        return self.mock.serve(Request("POST", ROUTER.path(route, code=self.code), "", headers, raw), now)

    def call(self, method, params, now=0, **more):
        response = self.send({"jsonrpc": "2.0", "id": "c-1", "method": method, "params": params}, now, **more).response
        assert response.status == 200, response.body
        answer = read(response)
        assert list(answer)[:2] == ["jsonrpc", "id"] and answer["id"] == "c-1"
        return answer.get("error") or answer["result"]

    def say(self, text, now=0, **members):
        return self.call("message/send", {"message": message(text, **members)}, now)

    def task(self, named, now, **more):
        return self.call("tasks/get", {"id": named, **more}, now)


def message(text, **members):
    return {"kind": "message", "messageId": "m-1", "role": "user", "parts": [{"kind": "text", "text": text}], **members}


def get(peer, route, code="EXPENSES"):
    headers = (("authorization", f"Bearer {peer.bearer}"),)
    return peer.mock.serve(Request("GET", ROUTER.path(route, code=code), "", headers), 0).response


def test_a_code_that_differs_in_case_alone_is_404_and_names_the_right_one():
    peer = Peer(DOCUMENT | {"agent": {"code": "Expenses"}})
    assert read(get(peer, "a2a-card", "Expenses"))["name"] == "Expenses"
    call = {"jsonrpc": "2.0", "id": 1, "method": "message/send", "params": {"message": message("Taxi 42")}}
    for response in (get(peer, "a2a-card"), peer.send(call).response):
        assert response.status == 404 and read(response)["userDetails"].endswith("is written Expenses.")


# Cards and search


def test_a_team_has_a_card_with_a_skill_for_each_scenario():
    card = read(get(Peer(), "a2a-card"))
    assert list(card) == [
        "name", "description", "supportedInterfaces", "protocolVersion", "url", "preferredTransport", "version", "provider",
        "documentationUrl", "authentication", "capabilities", "defaultInputModes", "defaultOutputModes", "skills",
    ]  # fmt: skip
    assert card["url"] == f"{BASE}{API}/a2a/v1/EXPENSES" and card["version"] == "3"
    assert card["capabilities"] == {
        "streaming": True, "pushNotifications": True, "stateTransitionHistory": False, "extendedAgentCard": False,
    }  # fmt: skip
    assert card["defaultInputModes"] == card["defaultOutputModes"] == ["text"]
    assert card["authentication"] == {"schemes": ["Bearer"], "credentials": None}
    assert [(each["id"], each["examples"]) for each in card["skills"]] == [("expense", ["Taxi 42"])]


def test_a_scenario_that_is_not_published_says_nothing_of_its_team_on_either_wire():
    agent = {"code": "EXPENSES", "version": 9, "published": False}
    draft = DOCUMENT | {"name": "a-draft", "title": "A draft", "shows": "Not yet.", "agent": agent}
    peer = Peer(draft, DOCUMENT)
    card, (workflow,) = read(get(peer, "a2a-card")), read(get(peer, "workflows"))["items"]
    assert (card["description"], card["version"]) == (workflow["workflowName"], str(workflow["version"]))
    assert (card["description"], card["version"]) == (DOCUMENT["title"], "3")
    assert [each["id"] for each in card["skills"]] == ["expense"]
    assert read(peer.send({"query": "not yet"}, route="a2a-search").response)["total_count"] == 0


@each_row("code", ["NOBODY", "HIDDEN", "agents"])
def test_a_team_that_is_not_published_has_no_card(code):
    response = get(Peer(DOCUMENT, HIDDEN), "a2a-card", code)
    assert (response.status, read(response)["message"]) == (404, "Workflow not found.")


@each_row(
    ("search", "total", "codes"),
    [
        ({}, 2, ["EXPENSES", "TALK"]),
        ({"query": None, "skip": None, "top": None}, 2, ["EXPENSES", "TALK"]),
        ({"query": "  "}, 2, ["EXPENSES", "TALK"]),
        ({"query": "small"}, 1, ["TALK"]),
        ({"query": "SAYS something"}, 1, ["TALK"]),
        ({"query": "hidden"}, 0, []),
        ({"skip": 1}, 2, ["TALK"]),
        ({"top": 1}, 2, ["EXPENSES"]),
        ({"skip": 1.0, "top": 1.0}, 2, ["TALK"]),
        ({"skip": 9, "top": 100}, 2, []),
    ],
)
def test_the_search_finds_published_teams(search, total, codes):
    peer = Peer(DOCUMENT, HIDDEN, TALK)
    headers = (("authorization", f"Bearer {peer.bearer}"), ("content-type", "application/json"))
    body = json.dumps(search).encode()
    found = read(peer.mock.serve(Request("POST", f"{API}/a2a/v1/agents/search", "", headers, body), 0).response)
    assert list(found) == ["registry_version", "total_count", "resources"]
    assert (found["total_count"], [each["id"] for each in found["resources"]]) == (total, codes)
    for each in found["resources"]:
        where = each["location"]["url"].removeprefix(BASE)
        assert each["location"]["type"] == "agent_card"
        assert read(peer.mock.serve(Request("GET", where, "", headers[:1]), 0).response)["name"] == each["id"]


@each_row("search", [[], {"query": 1}, {"skip": -1}, {"skip": True}, {"top": 0}, {"top": 101}, {"top": "x"}, b"", b"{"])
def test_a_wrong_search_is_refused(search):
    peer = Peer()
    headers = (("authorization", f"Bearer {peer.bearer}"), ("content-type", "application/json"))
    body = search if isinstance(search, bytes) else json.dumps(search).encode()
    assert peer.mock.serve(Request("POST", f"{API}/a2a/v1/agents/search", "", headers, body), 0).response.status == 400


# JSON-RPC


def test_a_message_starts_a_task_whose_gate_a_second_message_answers():
    peer = Peer()
    first = peer.say("Taxi 42", 250)
    assert list(first) == ["kind", "id", "contextId", "status", "artifacts", "history"]
    assert first["status"] == {"state": "submitted", "timestamp": "2026-01-01T00:00:00.250Z"}
    assert (first["artifacts"], first["history"]) == ([], [])
    assert peer.task(first["id"], 300)["status"] == {"state": "working", "timestamp": "2026-01-01T00:00:00.250Z"}
    waiting = peer.task(first["id"], 2_250)
    assert waiting["status"]["state"] == "input-required"
    assert waiting["status"]["message"]["parts"][0]["text"].startswith("Pay 42 from ")
    assert waiting["status"]["message"]["role"] == "agent"
    answered = peer.say("yes", 3_000, taskId=first["id"], contextId=first["contextId"])
    assert (answered["id"], answered["status"]["state"]) == (first["id"], "input-required")  # the wait
    done = peer.task(first["id"], 200_000)
    assert (done["status"]["state"], done["artifacts"][0]["parts"][0]["text"]) == ("completed", "Paid 42: fine")
    assert "message" not in done["status"]


def test_a_request_for_changes_sets_a_task_to_work_again_under_the_same_id():
    peer = Peer(resume_job_id="new")
    first = peer.say("Taxi 42")
    again = peer.say("Another sum, please", 2_500, taskId=first["id"])
    assert (again["id"], again["status"]) == (
        first["id"],
        {"state": "working", "timestamp": "2026-01-01T00:00:02.500Z"},
    )
    assert [fact.comment for fact in peer.facts if isinstance(fact, GateDecided)] == ["Another sum, please"]


def test_a_send_takes_as_long_as_an_invoke_and_a_look_as_long_as_a_poll():
    peer = Peer(DOCUMENT | {"latency": {"invoke": "300ms", "status": "70ms"}})
    call = {"jsonrpc": "2.0", "id": 1, "method": "message/send", "params": {"message": message("Taxi 1")}}
    sent = peer.send(call)
    call |= {"method": "tasks/get", "params": {"id": read(sent.response)["result"]["id"]}}
    assert (sent.latency, peer.send(call, 300).latency) == (300, 70)


def test_a_task_is_a_job_of_the_other_api():
    peer = Peer()
    first = peer.say("Taxi 42")
    body = read(peer.mock.serve(status(peer.bearer, first["id"]), 10).response)
    assert (body["jobId"], body["conversationId"], body["status"]) == (first["id"], first["contextId"], "RUNNING")
    job = read(peer.mock.serve(invoke(peer.bearer, {"message": "Taxi 7"}), 0).response)["jobId"]
    assert (peer.task(job, 10)["contextId"], peer.task(job, 10)["status"]["state"]) == (None, "working")


def test_a_message_in_the_context_of_a_gate_is_its_answer_too():
    peer = Peer()
    first = peer.say("Taxi 42", contextId="mine")
    again = peer.say("reject", 2_500, contextId="mine")
    assert (first["contextId"], again["id"], again["status"]["state"]) == ("mine", first["id"], "completed")
    assert [str(fact.verdict) for fact in peer.facts if isinstance(fact, GateDecided)] == ["rejected"]
    assert peer.say("Taxi 9", 3_000, contextId="mine")["id"] != first["id"]


def test_a_failed_job_is_a_failed_task():
    peer = Peer(code="TALK")
    first = peer.say("Hello")
    failed = peer.task(first["id"], 1_000)["status"]
    assert (failed["state"], failed["message"]["parts"]) == ("failed", [{"kind": "text", "text": "Nothing to say."}])


def test_tasks_send_makes_the_task_under_the_clients_id():
    peer = Peer()
    params = {"id": "my-task:1", "contextId": "mine", "message": {"role": "user", "parts": [{"type": "text", "text": "Taxi 1"}]}}  # fmt: skip
    first = peer.call("tasks/send", params)
    assert (first["id"], first["contextId"], first["status"]["state"]) == ("my-task:1", "mine", "submitted")
    assert peer.call("tasks/send", params, 10)["code"] == -32602
    assert read(peer.mock.serve(status(peer.bearer, "my-task:1"), 10).response)["jobId"] == "my-task:1"
    assert [fact.job for fact in peer.facts if isinstance(fact, JobAccepted)] == ["my-task:1"]


def test_history_comes_when_a_client_wants_it():
    peer = Peer()
    first = peer.say("Taxi 42")
    assert peer.task(first["id"], 0, historyLength=0)["history"] == []
    said = peer.task(first["id"], 0, historyLength=5)["history"]
    assert [(each["role"], each["parts"]) for each in said] == [("user", [{"kind": "text", "text": "Taxi 42"}])]


def test_a_task_carries_the_metadata_of_the_call_that_started_it():
    peer = Peer()
    mine = {"trace": ["a", 1], "x": None}
    first = peer.call("message/send", {"message": message("Taxi 42"), "metadata": mine})
    assert list(first)[-1] == "metadata" and first["metadata"] == mine
    assert peer.task(first["id"], 1)["metadata"] == mine
    params = {"message": message("yes", taskId=first["id"]), "metadata": {"other": 1}}
    assert peer.call("message/send", params, 2_500)["metadata"] == mine
    assert "metadata" not in peer.say("Taxi 43")
    assert peer.call("message/send", {"message": message("Taxi 42"), "metadata": []})["code"] == -32602
    assert "metadata" not in read(peer.mock.serve(status(peer.bearer, first["id"]), 3_000).response)


def test_a_team_that_is_not_published_has_no_tasks_either():
    for switch in (404, 403):
        peer = Peer(DOCUMENT, HIDDEN, code="HIDDEN", unpublished=switch)
        draft = invoke(peer.bearer, {"message": "Taxi 42", "status": "DRAFT"}, "HIDDEN")
        job = read(peer.mock.serve(draft, 0).response)["jobId"]
        for method in ("tasks/get", "tasks/send", "message/send", "nonsense"):
            call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"id": job}}
            response = peer.send(call, 1).response
            assert (response.status, read(response)["message"]) == (404, "Workflow not found.")


def test_several_parts_are_joined_by_lines():
    peer = Peer()
    parts = [{"kind": "text", "text": "Taxi 42"}, {"kind": "text", "text": "please"}]
    first = peer.say("", parts=parts)
    assert (
        json.loads(read(peer.mock.serve(status(peer.bearer, first["id"]), 0).response)["input"])["message"]
        == "Taxi 42\nplease"
    )


@each_row(
    ("body", "code", "named"),
    [
        (b"{", -32700, None),
        (b'{"jsonrpc":"2.0","jsonrpc":"2.0"}', -32700, None),
        (b"[1e999]", -32700, None),
        ([], -32600, None),
        ([{"jsonrpc": "2.0", "id": 1, "method": "tasks/get", "params": {}}], -32600, None),
        ({"jsonrpc": "2.0", "method": "tasks/get"}, -32602, None),
        ({"params": {"id": "x"}}, -32600, None),
        ({"method": "tasks/get", "params": {"id": "x"}}, -32001, None),
        ({"jsonrpc": "2.0", "id": True, "method": "tasks/get"}, -32600, None),
        ({"jsonrpc": "2.0", "id": {}, "method": "tasks/get"}, -32600, None),
        ({"jsonrpc": "1.0", "id": 7, "method": "tasks/get"}, -32600, 7),
        ({"id": 7, "method": "tasks/get"}, -32602, 7),
        ({"jsonrpc": None, "id": 7, "method": "tasks/get", "params": {"id": "x"}}, -32600, 7),
        ({"jsonrpc": "2.0", "id": 7, "method": 1}, -32600, 7),
        ({"jsonrpc": "2.0", "id": "a", "method": "tasks/resubscribe", "params": {}}, -32602, "a"),
        ({"jsonrpc": "2.0", "id": "a", "method": "SendMessage", "params": {}}, -32601, "a"),
        ({"jsonrpc": "2.0", "id": "a", "method": "message/stream", "params": {}}, -32602, "a"),
        ({"jsonrpc": "2.0", "id": "a", "method": "tasks/cancel", "params": {}}, -32602, "a"),
        ({"jsonrpc": "2.0", "id": "a", "method": "tasks/cancel", "params": {"id": "x"}}, -32001, "a"),
        ({"jsonrpc": "2.0", "id": None, "method": "tasks/get", "params": []}, -32602, None),
        ({"jsonrpc": "2.0", "id": 1.5, "method": "tasks/get", "params": {"id": ""}}, -32602, 1.5),
        ({"jsonrpc": "2.0", "id": 1, "method": "tasks/get", "params": {"id": "x", "historyLength": -1}}, -32602, 1),
        ({"jsonrpc": "2.0", "id": 1, "method": "tasks/get", "params": {"id": "x"}}, -32001, 1),
    ],
)  # fmt: skip
def test_errors_come_in_json_rpc_and_name_the_call(body, code, named):
    response = Peer().send(body).response
    answer = read(response)
    assert (response.status, list(answer)) == (200, ["jsonrpc", "id", "error"])
    assert (answer["error"]["code"], answer["id"]) == (code, named) and answer["error"]["message"]


@each_row(
    ("members", "says"),
    [
        ({"kind": "task"}, "kind"),
        ({"role": "system"}, "role"),
        ({"role": None}, "role"),
        ({"messageId": ""}, "messageId"),
        ({"messageId": 1}, "messageId"),
        ({"parts": []}, "parts"),
        ({"parts": {}}, "parts"),
        ({"parts": [{"kind": "text", "text": 1}]}, "parts"),
        ({"parts": [{"kind": "text", "text": " "}]}, "blank"),
        ({"contextId": 1}, "contextId"),
        ({"contextId": "c" * 201}, "contextId"),
        ({"contextId": "\x00"}, "contextId"),
        ({"taskId": ""}, "taskId"),
    ],
)
def test_a_wrong_message_is_refused_by_name(members, says):
    refused = Peer().say("Taxi 42", **members)
    assert refused["code"] == -32602 and says in refused["message"]


def test_what_is_no_text_is_not_taken():
    for part, code in (({"kind": "file", "file": {}}, -32005), ({"kind": "data", "data": {}}, -32005), ({}, -32602)):
        assert Peer().say("", parts=[{"kind": "text", "text": "Taxi 42"}, part])["code"] == code


@each_row("named", ["", "a/b", "..", "t" * 201, "\n", "a b", "ä", "a%2f", 7, None])
def test_a_wrong_id_is_refused(named):
    peer = Peer()
    assert peer.call("tasks/send", {"id": named, "message": message("Taxi 42")})["code"] == -32602
    assert not peer.facts


def test_a_task_belongs_to_its_owner_and_its_team():
    peer = Peer()
    first = peer.say("Taxi 42")
    foreign = token(peer.mock, client=OTHER)
    assert peer.call("tasks/get", {"id": first["id"]}, bearer=foreign)["code"] == -32001
    params = {"message": message("yes", taskId=first["id"])}
    assert peer.call("message/send", params, 2_500, bearer=foreign)["code"] == -32001
    assert (
        peer.call("message/send", {"message": message("x", contextId=first["contextId"])}, bearer=foreign)["code"]
        == -32602
    )
    peer.code = "TALK"
    assert peer.task(first["id"], 0)["code"] == -32001


def test_only_a_task_that_waits_takes_an_answer():
    peer = Peer()
    first = peer.say("Taxi 42")
    for now, word in ((0, "reached"), (70_000, "timed out")):
        refused = peer.say("yes", now, taskId=first["id"])
        assert refused["code"] == -32004 and word in refused["message"]
    assert peer.say("yes", 2_500, taskId=peer.say("Taxi 1")["id"], contextId="other")["code"] == -32602
    off = Peer(answer_by_message="off")
    assert off.say("yes", 2_500, taskId=off.say("Taxi 42")["id"])["code"] == -32004
    assert [fact for fact in (*peer.facts, *off.facts) if isinstance(fact, GateDecided)] == []


@each_row(("code", "kind", "bearer", "wanted"), [
    ("NOBODY", "application/json", None, 404), ("HIDDEN", "application/json", None, 404),
    ("EXPENSES", "text/plain", None, 415), ("EXPENSES", "application/json", "x", 401),
])  # fmt: skip
def test_what_is_wrong_with_the_transport_is_said_in_http(code, kind, bearer, wanted):
    peer = Peer(DOCUMENT, HIDDEN, code=code)
    call = {"jsonrpc": "2.0", "id": 1, "method": "message/send", "params": {"message": message("Taxi 42")}}
    for route in ("a2a", "a2a-stream"):
        if route == "a2a-stream":
            call["method"] = "message/stream"
        response = peer.send(call, route=route, kind=kind, bearer=bearer).response
        assert response.status == wanted and "message" in read(response)


@each_row(("route", "method", "allow"), [
    ("a2a", "GET", "POST"), ("a2a-stream", "GET", "POST"), ("a2a-card", "POST", "GET"),
])  # fmt: skip
def test_another_method_is_not_allowed(route, method, allow):
    response = Peer().mock.serve(Request(method, ROUTER.path(route, code="EXPENSES")), 0).response
    assert (response.status, response.header("allow")) == (405, allow)


# The stream


def events(peer, text, now=0, route="a2a-stream", **members):
    params = {"message": message(text, **members)}
    reply = peer.send({"jsonrpc": "2.0", "id": 5, "method": "message/stream", "params": params}, now, route)
    assert reply.response.header("content-type") == "text/event-stream"
    parts = [(when, piece.decode()) for when, piece in reply.pieces()]
    assert all(piece.startswith("data: {") and piece.endswith("\n\n") for _, piece in parts)
    answers = [(when, json.loads(piece[6:])) for when, piece in parts]
    assert {(answer["jsonrpc"], answer["id"]) for _, answer in answers} == {("2.0", 5)}
    results = [(when, answer["result"]) for when, answer in answers]
    (_, first), *updates = results
    assert (first["kind"], first["artifacts"]) == ("task", []), "what updates tell, the Task doesn't yet"
    assert [each.get("final") is True for _, each in updates] == [False] * (len(updates) - 1) + [True]
    assert {(each["taskId"], each["contextId"]) for _, each in updates} == {(first["id"], first["contextId"])}
    return results


def outline(stream):
    return [(when, each["kind"], each["status"]["state"] if "status" in each else None) for when, each in stream]


@each_row("route", ["a2a", "a2a-stream"])
def test_a_stream_tells_each_state_until_somebody_has_to_speak(route):
    peer = Peer()
    stream = events(peer, "Taxi 42", 1_000, route)
    assert outline(stream) == [
        (1_000, "task", "submitted"), (1_000, "status-update", "working"), (3_000, "status-update", "input-required"),
    ]  # fmt: skip
    task = stream[0][1]
    assert stream[-1][1]["status"] == peer.task(task["id"], 3_000)["status"]
    again = events(peer, "changes please", 3_500, route, taskId=task["id"], contextId=task["contextId"])
    assert outline(again) == [(3_500, "task", "working"), (5_500, "status-update", "input-required")]
    assert again[0][1]["id"] == task["id"]


def test_a_stream_brings_the_answer_before_its_task_is_said_to_be_completed():
    peer = Peer(DOCUMENT | {"steps": [{"work": "w", "takes": "1s"}, {"complete": "done", "output": "Paid."}]})
    stream = events(peer, "Taxi 1")
    assert outline(stream)[2:] == [(1_000, "artifact-update", None), (1_000, "status-update", "completed")]
    update = stream[2][1]
    assert list(update) == ["kind", "taskId", "contextId", "artifact", "append", "lastChunk"]
    assert (update["append"], update["lastChunk"]) == (False, True)
    polled = peer.task(update["taskId"], 1_000)
    assert (polled["artifacts"], polled["status"]) == ([update["artifact"]], stream[3][1]["status"])


def test_a_stream_tells_of_what_happens_at_once_by_updates_too():
    at_once = events(Peer(DOCUMENT | {"steps": [{"complete": "done", "output": "At once."}]}), "Taxi 1")
    assert [(kind, state) for _, kind, state in outline(at_once)] == [
        ("task", "submitted"), ("artifact-update", None), ("status-update", "completed"),
    ]  # fmt: skip
    peer = Peer(code="TALK")
    failed = events(peer, "Hello")
    assert outline(failed)[1:] == [(0, "status-update", "working"), (1_000, "status-update", "failed")]
    assert failed[-1][1]["status"]["message"]["parts"] == [{"kind": "text", "text": "Nothing to say."}]


def test_a_stream_at_a_gate_that_takes_several_answers_shows_that_it_waits_still():
    gate = {"gate": "boss", "asks": "Pay?", "patience": "1m", "approvals": 2}
    peer = Peer(DOCUMENT | {"steps": [gate, {"complete": "done", "output": "Paid."}]})
    first = events(peer, "Taxi 1")
    assert outline(first) == [(0, "task", "submitted"), (0, "status-update", "input-required")]
    again = events(peer, "yes", 10, taskId=first[0][1]["id"])
    assert outline(again) == [(10, "task", "input-required"), (10, "status-update", "input-required")]
    assert again[0][1]["status"] == again[1][1]["status"] and "message" in again[0][1]["status"]
    done = events(peer, "yes", 20, taskId=first[0][1]["id"])
    assert [(kind, state) for _, kind, state in outline(done)] == [
        ("task", "working"), ("artifact-update", None), ("status-update", "completed"),
    ]  # fmt: skip


def test_a_stream_never_ends_with_done_and_its_silences_are_fusions():
    for switch in ("on", "off"):
        peer = Peer(sse_done=switch, sse_heartbeat="500ms")
        call = {"method": "message/stream", "params": {"message": message("Taxi 42")}}
        pieces = [piece for _, piece in peer.send(call, route="a2a-stream").pieces()]
        assert pieces.count(b": keep-alive\n\n") == 4 and not any(b"[DONE]" in piece for piece in pieces)


def test_a_state_that_nobody_documented_is_in_updates_as_in_tasks():
    faults = [{"route": route, "status_word": "paused", "calls": "1-9"} for route in ("a2a", "a2a-stream")]
    peer = Peer(DOCUMENT | {"faults": faults})
    call = {"method": "message/stream", "params": {"message": message("Taxi 42")}}
    results = [json.loads(piece[6:])["result"] for _, piece in peer.send(call, route="a2a-stream").pieces()]
    assert [each["status"]["state"] for each in results] == ["paused"] * 3
    assert ["artifacts" in each for each in results] == [True, False, False]


# What the vendor's reference leaves open


@each_row("left_out", [("jsonrpc",), ("id",), ("jsonrpc", "id")])
@each_row("route", ["a2a", "a2a-stream"])
def test_only_method_and_params_are_required(left_out, route):
    call = {"jsonrpc": "2.0", "id": "c", "method": "message/send", "params": {"message": message("Taxi 42")}}
    sent = {name: member for name, member in call.items() if name not in left_out}
    answer = read(Peer().send(sent, route=route).response)
    assert (answer["jsonrpc"], answer["id"]) == ("2.0", None if "id" in left_out else "c")
    assert answer["result"]["status"]["state"] == "submitted"


def test_a_message_needs_a_role_and_no_id():
    peer = Peer()
    for role in ("user", "agent"):
        sent = {"role": role, "parts": [{"kind": "text", "text": "Taxi 42"}]}
        assert peer.call("message/send", {"message": sent})["status"]["state"] == "submitted"
        assert peer.call("tasks/send", {"id": f"t-{role}", "message": sent})["status"]["state"] == "submitted"
    for method in ("message/send", "message/stream", "tasks/send"):
        refused = peer.call(method, {"id": "t", "message": {"parts": sent["parts"]}})
        assert (refused["code"], refused["message"]) == (-32602, "message.role must be user or agent.")


@each_row("route", ["a2a", "a2a-stream"])
def test_each_route_takes_each_method(route):
    peer = Peer()
    first = peer.call("message/send", {"message": message("Taxi 42")}, route=route)
    assert first["status"]["state"] == "submitted"
    assert peer.call("tasks/get", {"id": first["id"]}, 1, route=route)["status"]["state"] == "working"
    mine = peer.call("tasks/send", {"id": "mine", "message": message("Taxi 42")}, route=route)
    assert mine["id"] == "mine"
    assert peer.call("tasks/cancel", {"id": "mine"}, 1, route=route)["status"]["state"] == "canceled"
    assert outline(events(peer, "Taxi 42", route=route))[0] == (0, "task", "submitted")


def test_a_task_is_canceled_once_by_its_owner():
    peer = Peer()
    first, waits, done = (peer.say("Taxi 42") for _ in range(3))
    foreign = token(peer.mock, client=OTHER)
    assert peer.call("tasks/cancel", {"id": "nobodys"})["code"] == -32001
    assert peer.call("tasks/cancel", {"id": first["id"]}, bearer=foreign)["code"] == -32001
    for task, now in ((first, 1), (waits, 2_500)):  # it works, waits
        ended = peer.call("tasks/cancel", {"id": task["id"]}, now)
        assert (ended["id"], ended["status"]["state"], ended["artifacts"]) == (task["id"], "canceled", [])
        assert peer.task(task["id"], now + 1) == ended
        assert peer.call("tasks/cancel", {"id": task["id"]}, now + 1)["code"] == -32002
    assert peer.call("tasks/cancel", {"id": done["id"]}, 200_000)["code"] == -32002
    assert [fact.job for fact in peer.facts if isinstance(fact, JobCancelled)] == [first["id"], waits["id"]]
    peer.code = "TALK"
    assert peer.call("tasks/cancel", {"id": first["id"]})["code"] == -32001


def test_what_is_wrong_before_the_stream_is_one_answer():
    peer = Peer()
    refused = peer.call("message/stream", {"message": message("yes", taskId="nobody")}, route="a2a-stream")
    assert refused["code"] == -32001
    assert peer.call("message/send", {}, route="a2a-stream")["code"] == -32602


def test_a_fault_names_the_command_so_it_strikes_on_every_wire():
    faults = [{"route": route, "answer": 503, "calls": "2"} for route in ("invoke", "status", "stream")]
    peer = Peer(DOCUMENT | {"faults": faults})
    first = peer.say("Taxi 42")
    assert peer.mock.serve(invoke(peer.bearer, {"message": "Taxi 1"}), 0).response.status == 503, "the second invoke"

    def sent(method, params, now, route="a2a"):
        return peer.send({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}, now, route).response.status

    assert [sent("tasks/get", {"id": first["id"]}, now) for now in (1, 2, 3)] == [200, 503, 200]
    stream = {"message": message("Taxi 1")}
    assert [sent("message/stream", stream, 4, "a2a-stream") for _ in range(3)] == [200, 503, 200]
