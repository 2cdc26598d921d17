"""What the client of A2A sends for a command, and what it makes of answers, right ones and others."""

import json
from itertools import product

from msgspec.structs import replace

from lab.core.exchange import Request, Response
from lab.core.refusal import Refusal
from lab.dialects import client_named
from lab.dialects.base import Cancel, Decide, Invoke, Look
from lab.dialects.client import Seen, Unreadable
from lab.program.words import Status, Verdict
from tests.conftest import each_row
from tests.dialects.test_clients import WRONG, assert_understood, reply, sent

A2A = client_named("a2a")


def task(state, message=None, **more):
    status = {"state": state, **({} if message is None else {"message": said(message)})}
    return {
        "jsonrpc": "2.0",
        "id": 1,
        "result": {"kind": "task", "id": "J", "contextId": "C", "status": status, **more},
    }


def said(text):
    return {"kind": "message", "messageId": "M", "parts": [{"kind": "text", "text": text}]}


def test_a2a_says_each_command_as_a_message_or_a_look() -> None:
    path = "/api/fusion-ai/orchestrator/a2a/v1/TEAM"
    look = {"jsonrpc": "2.0", "id": 1, "method": "GetTask", "params": {"id": "J"}}
    assert sent(A2A, Look(team="TEAM", job="J")) == ("a2a", "POST", path, look)
    params = sent(A2A, Invoke(team="TEAM", message="hi", conversation="C", parameters={"a": 1}))[3]["params"]
    assert params["metadata"] == {"parameters": {"a": 1}} and params["message"]["contextId"] == "C"
    assert params["configuration"] == {"returnImmediately": True} and params["message"]["role"] == "ROLE_USER"
    assert dict(A2A.ask(Look(team="TEAM", job="J"))[1].headers)["a2a-version"] == "1.0"
    for verdict, comment, text in (
        (Verdict.APPROVED, None, "approve"), (Verdict.APPROVED, "why", "approve"), (Verdict.REJECTED, None, "reject"),
        (Verdict.CHANGES, "bigger", "bigger"), (None, None, ""),
    ):  # fmt: skip
        message = sent(A2A, Decide(team="TEAM", job="J", opening="M", verdict=verdict, comment=comment))[3]["params"][
            "message"
        ]
        assert (message["taskId"], message["parts"]) == ("J", [{"text": text}])


def test_a_message_is_named_by_the_nonce() -> None:
    command = Invoke(team="TEAM", message="hi")
    assert A2A.ask(command, "1") == A2A.ask(command, "1") != A2A.ask(command, "2")


@each_row(
    ("body", "status", "word"),
    [
        (task("submitted"), Status.RUNNING, "submitted"),
        (task("working"), Status.RUNNING, "working"),
        (task("input-required", "May I?"), Status.WAITING, "input-required"),
        (task("completed"), Status.COMPLETE, "completed"),
        (task("failed", "No."), Status.ERROR, "failed"),
        (task("auth-required"), None, "auth-required"),
    ],
)
def test_a_state_is_one_of_four_or_none(body, status, word) -> None:
    assert_understood(A2A.understand("a2a", reply(body)), status, word)


def test_a2a_tells_a_question_an_answer_and_an_error_as_texts() -> None:
    question = A2A.understand("a2a", reply(task("input-required", "May I?"))).question
    assert (question.text, question.opening, question.human) == ("May I?", "M", True)
    assert A2A.understand("a2a", reply(task("input-required"))).question is None
    assert A2A.understand("a2a", reply(task("failed", "No."))).error == "No."
    artifacts = [{"artifactId": "1", "parts": [{"kind": "text", "text": "Done"}, {"kind": "data"}, 3]}, None]
    assert A2A.understand("a2a", reply(task("completed", artifacts=artifacts))).output == "Done"


@each_row(
    ("response", "status", "text"),
    [
        (reply({"error": {"code": -32001, "message": "No."}}), 404, "JSON-RPC -32001: No."),
        (reply({"error": {"code": -32602, "message": "No."}}), 409, "JSON-RPC -32602: No."),
        (reply({"message": "No.", "status": "FAI-40100"}, 401), 401, "HTTP 401: FAI-40100 · No."),
    ],
)
def test_a_refusal_has_a_status_and_a_sentence(response, status, text) -> None:
    assert A2A.understand("a2a", response) == Refusal(status, text)


def test_a_member_of_another_type_is_not_there() -> None:
    for name, value in product(("id", "contextId", "status", "artifacts"), WRONG):
        body = task("input-required", "May I?")
        body["result"][name] = value
        assert isinstance(A2A.understand("a2a", reply(body)), Seen | Unreadable)


# A stream of A2A


def update(kind, **members):
    whose = {"taskId": "J", "contextId": "C"}
    return {"jsonrpc": "2.0", "id": 1, "result": {"kind": kind, **whose, **members}}


def state_of(word, text=None, final=False, **more):
    status = {"state": word, **({} if text is None else {"message": said(text)})}
    return update("status-update", status=status, final=final, **more)


def artifact(text, id="A", **more):
    return update("artifact-update", artifact={"artifactId": id, "parts": [{"kind": "text", "text": text}]}, **more)


def stream(*events):
    return Response(200, (), b": beat\n\n" + b"".join(b"data: %b\n\n" % json.dumps(each).encode() for each in events))


def seen_of(*events):
    return [
        each and (each.word, each.output, each.question and each.question.text)
        for each in map(A2A.job_in, A2A.bodies_in(events))
    ]


def test_the_events_of_a_stream_add_up_to_the_task_that_a_look_would_show() -> None:
    events = (task("submitted"), state_of("working"), state_of("input-required", "May I?", final=True))
    assert seen_of(*events) == [
        ("submitted", None, None), ("working", None, None), ("input-required", None, "May I?"),
    ]  # fmt: skip
    assert list(A2A.bodies_in(events))[-1] == task("input-required", "May I?")
    done = (task("working"), artifact("Do"), artifact("ne", append=True), artifact("too", "B"), state_of("completed"))
    assert [output for _, output, _ in seen_of(*done)] == [None, "Do", "Do\nne", "Do\nne\ntoo", "Do\nne\ntoo"]
    assert [output for _, output, _ in seen_of(task("working"), artifact("Do"), artifact("Did"))][-1] == "Did"


@each_row(
    ("events", "last"),
    [
        ((task("submitted"), task("completed", artifacts=[{"parts": [{"text": "Done"}]}])), ("completed", "Done", None)),
        ((state_of("working"),), ("working", None, None)),
        ((artifact("Done"), state_of("completed")), ("completed", "Done", None)),
        ((artifact("Done"),), None),
        ((task("working"), state_of("completed", taskId="other")), ("working", None, None)),
        ((task("working"), {"result": {"kind": "message", "taskId": "J"}}), ("working", None, None)),
        ((task("working"), update("artifact-update"), update("status-update")), None),
        ((task("working", artifacts=3), artifact("Done")), ("working", "Done", None)),
    ],
)  # fmt: skip
def test_a_stream_of_a_server_that_nobody_checked_is_read_as_far_as_it_can_be(events, last) -> None:
    assert seen_of(*events)[-1] == last


@each_row("route", ["a2a", "a2a-stream"])
def test_an_answer_is_understood_as_what_it_is_whichever_route_it_came_on(route) -> None:
    events = task("working"), artifact("Done"), state_of("completed", final=True)
    assert A2A.understand(route, stream(*events)) == A2A.understand(
        route, reply(task("completed", artifacts=[artifact("Done")["result"]["artifact"]]))
    )
    assert A2A.understand(route, stream(task("working"), {"error": {"code": -32603}})).word == "working"
    refused = A2A.understand(route, stream({"error": {"code": -32001, "message": "No."}}))
    assert refused == Refusal(404, "JSON-RPC -32001: No.")
    assert isinstance(A2A.understand(route, stream({"result": {"kind": "message"}})), Unreadable)


def test_the_gist_of_an_event_is_what_is_new() -> None:
    assert A2A.gist(state_of("working")) == {"status": {"state": "working"}, "final": False}
    assert A2A.gist(artifact("Done"))["artifact"]["parts"] == [{"kind": "text", "text": "Done"}]
    assert A2A.gist({"result": {"status": 7}}) == A2A.gist({"result": []}) == A2A.gist([]) == {}


def test_a_call_says_whether_it_is_to_be_answered_with_events() -> None:
    _, request = A2A.ask(Invoke(team="TEAM", message="hi"))
    _, decision = A2A.ask(Decide(team="TEAM", job="J", opening="", verdict=Verdict.APPROVED))
    methods = ("message/send", "message/stream", "SendMessage", "SendStreamingMessage")
    for sent_by, method, path in product((request, decision), methods, ("", "/stream")):
        body = sent_by.body.replace(b"SendMessage", method.encode())
        call = A2A.identify(replace(sent_by, path=sent_by.path + path, body=body))
        assert call.follows is ("tream" in method) and call.command.team == "TEAM"


def test_the_vendors_pod_is_spoken_to_in_0_3() -> None:
    before, command = client_named("a2a-0.3"), Invoke(team="TEAM", message="hi")
    route, _, path, body = sent(before, command)
    assert (route, path, body["method"]) == ("a2a", "/api/fusion-ai/orchestrator/a2a/v1/TEAM", "message/send")
    assert body["params"]["message"]["parts"] == [{"kind": "text", "text": "hi"}]
    assert body["params"]["message"]["role"] == "user" and body["params"]["configuration"] == {"blocking": False}
    assert dict(before.ask(command)[1].headers)["a2a-version"] == "0.3"
    assert (before.labels.start, before.labels.poll[1]) == ("message/send", "tasks/get ")
    assert sent(before, Cancel(team="TEAM", job="J"))[3]["method"] == "tasks/cancel"


def test_a_look_and_a_cancel_are_known_on_either_binding() -> None:
    path = "/api/fusion-ai/orchestrator/a2a/v1/TEAM"
    for command, method, place in (
        (Look(team="TEAM", job="J"), "GET", "/tasks/J"), (Cancel(team="TEAM", job="J"), "POST", "/tasks/J:cancel"),
    ):  # fmt: skip
        for client in (A2A, client_named("a2a-0.3")):
            assert A2A.identify(client.ask(command)[1]).command == command
        assert A2A.identify(Request(method, path + place)).command == command
    for method, place in (
        ("POST", "/tasks/J:subscribe"),
        ("GET", "/tasks"),
        ("DELETE", "/tasks/J"),
        ("POST", "/message:sand"),
    ):
        assert A2A.identify(Request(method, path + place)) is None
