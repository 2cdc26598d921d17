"""What each wire's client sends for a command, and what it makes of answers, right ones and others."""

import json
from itertools import product

import pytest

from lab.core.exchange import Response
from lab.core.refusal import Refusal
from lab.dialects import client_named
from lab.dialects.base import Decide, Invoke, Look
from lab.dialects.client import Seen, Unreadable
from lab.language.document import Status, Verdict

FUSION, A2A = client_named("fusion"), client_named("a2a")
NODE = {
    "code": "BOSS", "type": "HUMAN", "channelType": "CHAT", "initialMessage": "May I?", "callbackToken": "K",
    "requestChangeMessage": "How?", "currentIterationCount": 1, "maxIteration": 3, "approvalEnabledFlag": True,
    "actionNames": {"APPROVE_ACTION": "Yes", "ESCALATE": "Up", "RFI_ACTION": "Other", "REJECT_ACTION": 7},
}  # fmt: skip
JOB = {"jobId": "J", "conversationId": "C", "status": "RUNNING"}


def reply(body, status=200):
    return Response(status, (), body if isinstance(body, bytes) else json.dumps(body).encode())


def task(state, message=None, **more):
    status = {"state": state, **({} if message is None else {"message": said(message)})}
    return {
        "jsonrpc": "2.0",
        "id": 1,
        "result": {"kind": "task", "id": "J", "contextId": "C", "status": status, **more},
    }


def said(text):
    return {"kind": "message", "messageId": "M", "parts": [{"kind": "text", "text": text}]}


def sent(client, command, nonce="n"):
    route, request = client.ask(command, nonce)
    return route, request.method, request.path, json.loads(request.body or "null")


def test_fusion_says_each_command_in_its_own_words() -> None:
    path = "/api/fusion-ai/orchestrator/agent/v2/TEAM"
    assert sent(FUSION, Look(team="TEAM", job="J/1")) == ("status", "GET", f"{path}/status/J%2F1", None)
    assert sent(FUSION, Invoke(team="TEAM", message="hi", parameters={"a": 1})) == (
        "invoke", "POST", f"{path}/invokeAsync",
        {"message": "hi", "conversational": True, "conversationId": None, "progressMessage": True, "parameters": {"a": 1}},
    )  # fmt: skip
    for verdict, action in (
        (Verdict.APPROVED, "APPROVE_ACTION"), (Verdict.REJECTED, "REJECT_ACTION"), (Verdict.CHANGES, "RFI_ACTION"),
        (None, "ORA_TIMEOUT"),
    ):  # fmt: skip
        command = Decide(team="TEAM", job="J", opening="K", verdict=verdict, comment="why", conversation="C")
        assert sent(FUSION, command)[3] == {
            "message": "", "conversationId": "C", "jobId": "J",
            "resumeInput": {"messageInstanceId": "K", "userResponse": action, "content": "why"},
        }  # fmt: skip


def test_a2a_says_each_command_as_a_message_or_a_look() -> None:
    path = "/api/fusion-ai/orchestrator/a2a/v1/TEAM"
    look = {"jsonrpc": "2.0", "id": 1, "method": "tasks/get", "params": {"id": "J"}}
    assert sent(A2A, Look(team="TEAM", job="J")) == ("a2a", "POST", path, look)
    params = sent(A2A, Invoke(team="TEAM", message="hi", conversation="C", parameters={"a": 1}))[3]["params"]
    assert params["metadata"] == {"parameters": {"a": 1}} and params["message"]["contextId"] == "C"
    for verdict, comment, text in (
        (Verdict.APPROVED, None, "approve"), (Verdict.APPROVED, "why", "approve"), (Verdict.REJECTED, None, "reject"),
        (Verdict.CHANGES, "bigger", "bigger"), (None, None, ""),
    ):  # fmt: skip
        message = sent(A2A, Decide(team="TEAM", job="J", opening="M", verdict=verdict, comment=comment))[3]["params"][
            "message"
        ]
        assert (message["taskId"], message["parts"]) == ("J", [{"kind": "text", "text": text}])


def test_a_message_is_named_by_the_nonce() -> None:
    command = Invoke(team="TEAM", message="hi")
    assert A2A.ask(command, "1") == A2A.ask(command, "1") != A2A.ask(command, "2")
    assert FUSION.ask(command, "1") == FUSION.ask(command, "2")


@pytest.mark.parametrize(
    ("client", "route", "body", "status", "word"),
    [
        (FUSION, "status", JOB, Status.RUNNING, "RUNNING"),
        (FUSION, "status", {**JOB, "status": "WAITING"}, Status.WAITING, "WAITING"),
        (FUSION, "status", {**JOB, "status": "QUEUED_V2"}, None, "QUEUED_V2"),
        (A2A, "a2a", task("submitted"), Status.RUNNING, "submitted"),
        (A2A, "a2a", task("working"), Status.RUNNING, "working"),
        (A2A, "a2a", task("input-required", "May I?"), Status.WAITING, "input-required"),
        (A2A, "a2a", task("completed"), Status.COMPLETE, "completed"),
        (A2A, "a2a", task("failed", "No."), Status.ERROR, "failed"),
        (A2A, "a2a", task("auth-required"), None, "auth-required"),
    ],
)
def test_a_status_is_one_of_four_or_none(client, route, body, status, word) -> None:
    seen = client.understand(route, reply(body))
    assert isinstance(seen, Seen)
    assert (seen.job, seen.conversation, seen.status, seen.word) == ("J", "C", status, word)
    assert seen.final is (status in (Status.COMPLETE, Status.ERROR))


def test_fusion_tells_what_a_job_waits_for() -> None:
    seen = FUSION.understand("invoke", reply({**JOB, "status": "WAITING", "waitingNodeDetails": NODE}, 202))
    assert isinstance(seen, Seen) and seen.question is not None
    question = seen.question
    assert question.verdicts == ((Verdict.APPROVED, "Yes"), (Verdict.CHANGES, "Other"))
    assert (question.text, question.opening, question.channel, question.prompt) == ("May I?", "K", "CHAT", "How?")
    assert (question.human, question.round, question.rounds, question.free) == (True, 1, 3, False)


def test_a2a_tells_a_question_an_answer_and_an_error_as_texts() -> None:
    question = A2A.understand("a2a", reply(task("input-required", "May I?"))).question
    assert (question.text, question.opening, question.human) == ("May I?", "M", True)
    assert A2A.understand("a2a", reply(task("input-required"))).question is None
    assert A2A.understand("a2a", reply(task("failed", "No."))).error == "No."
    artifacts = [{"artifactId": "1", "parts": [{"kind": "text", "text": "Done"}, {"kind": "data"}, 3]}, None]
    assert A2A.understand("a2a", reply(task("completed", artifacts=artifacts))).output == "Done"


@pytest.mark.parametrize(
    ("client", "route", "response", "status", "text"),
    [
        (FUSION, "invoke", reply({"message": "late", "status": "FAI-40900"}, 409), 409, "HTTP 409: FAI-40900 · late"),
        (FUSION, "status", reply(JOB, 202), 202, "HTTP 202: RUNNING"),
        (FUSION, "status", reply(b"<html>", 502), 502, "HTTP 502"),
        (A2A, "a2a", reply({"error": {"code": -32001, "message": "No."}}), 404, "JSON-RPC -32001: No."),
        (A2A, "a2a", reply({"error": {"code": -32602, "message": "No."}}), 409, "JSON-RPC -32602: No."),
        (A2A, "a2a", reply({"message": "No.", "status": "FAI-40100"}, 401), 401, "HTTP 401: FAI-40100 · No."),
    ],
)
def test_a_refusal_has_a_status_and_a_sentence(client, route, response, status, text) -> None:
    assert client.understand(route, response) == Refusal(status, text)


ODD = (b"", b"<html>", b'{"jobId":"J1","stat', b"\xff\xfe", b"[]", b"null", b"{}", b"[" * 100_000)
WRONG = (None, 7, [], {}, "", [None], {"parts": 3}, {"state": 3})


@pytest.mark.parametrize("client", [FUSION, A2A], ids=lambda client: client.name)
@pytest.mark.parametrize("route", ["invoke", "status", "a2a"])
def test_what_holds_neither_job_nor_refusal_is_unreadable(client, route) -> None:
    for body in ODD:
        assert isinstance(client.understand(route, reply(body)), Unreadable)


@pytest.mark.parametrize("client", [FUSION, A2A], ids=lambda client: client.name)
def test_a_job_may_be_called_whatever_its_server_called_it(client) -> None:
    for job in ("a/b", "\0", "é", "\ud800"):
        _, request = client.ask(Look(team="EXPENSES", job=job))
        assert request.path.isascii()


def test_an_output_that_is_no_text_is_shown_as_json() -> None:
    seen = FUSION.understand("status", reply({**JOB, "status": "COMPLETE", "output": {"a": [1]}, "error": 5}))
    assert (seen.output, seen.error) == ('{"a":[1]}', "5")
    assert ("output", "JSON, 9 B") in seen.lines


def test_a_member_of_another_type_is_not_there() -> None:
    for name, value in product((*JOB, "output", "followUpQuestions", "waitingNodeDetails"), WRONG):
        assert isinstance(FUSION.understand("status", reply({**JOB, name: value})), Seen | Unreadable)
    for name, value in product(NODE, WRONG):
        assert isinstance(
            FUSION.understand("status", reply({**JOB, "waitingNodeDetails": {**NODE, name: value}})), Seen
        )
    for name, value in product(("id", "contextId", "status", "artifacts"), WRONG):
        body = task("input-required", "May I?")
        body["result"][name] = value
        assert isinstance(A2A.understand("a2a", reply(body)), Seen | Unreadable)
