"""What each wire's client sends for a command, and what it makes of answers, right ones and others."""

import json
from itertools import product

from msgspec.structs import replace

from lab.core.exchange import Response
from lab.core.refusal import Refusal
from lab.dialects import USUAL_CLIENT as FUSION
from lab.dialects import clients
from lab.dialects.base import Decide, Invoke, Look
from lab.dialects.client import Seen, Unreadable
from lab.plugin import plugins
from lab.program.words import Status, Verdict
from tests.conftest import each_row

NODE = {
    "code": "BOSS", "type": "HUMAN", "channelType": "CHAT", "initialMessage": "May I?", "callbackToken": "K",
    "requestChangeMessage": "How?", "currentIterationCount": 1, "maxIteration": 3, "approvalEnabledFlag": True,
    "actionNames": {"APPROVE_ACTION": "Yes", "ESCALATE": "Up", "RFI_ACTION": "Other", "REJECT_ACTION": 7},
}  # fmt: skip
JOB = {"jobId": "J", "conversationId": "C", "status": "RUNNING"}


def reply(body, status=200):
    return Response(status, (), body if isinstance(body, bytes) else json.dumps(body).encode())


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


@each_row(("status", "word"), [(Status.RUNNING, "RUNNING"), (Status.WAITING, "WAITING"), (None, "QUEUED_V2")])
def test_a_status_is_one_of_four_or_none(status, word) -> None:
    assert_understood(FUSION.understand("status", reply({**JOB, "status": word})), status, word)


def assert_understood(seen, status, word):
    """On any wire: the status among the lab's four, or none, and the word as it came."""
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


@each_row(
    ("route", "response", "status", "text"),
    [
        ("invoke", reply({"message": "late", "status": "FAI-40900"}, 409), 409, "HTTP 409: FAI-40900 · late"),
        ("status", reply(JOB, 202), 202, "HTTP 202: RUNNING"),
        ("status", reply(b"<html>", 502), 502, "HTTP 502"),
    ],
)
def test_a_refusal_has_a_status_and_a_sentence(route, response, status, text) -> None:
    assert FUSION.understand(route, response) == Refusal(status, text)


ODD = (b"", b"<html>", b'{"jobId":"J1","stat', b"\xff\xfe", b"[]", b"null", b"{}", b"[" * 100_000)
WRONG = (None, 7, [], {}, "", [None], {"parts": 3}, {"state": 3})


@each_row("client", clients(), ids=lambda client: client.name)
@each_row("route", [name for plugin in plugins() for wire in plugin.wires for name in wire.of_a_job])
def test_what_holds_neither_job_nor_refusal_is_unreadable(client, route) -> None:
    for body in ODD:
        assert isinstance(client.understand(route, reply(body)), Unreadable)


@each_row("client", clients(), ids=lambda client: client.name)
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


def test_a_call_is_the_same_whatever_the_nonce() -> None:
    command = Invoke(team="TEAM", message="hi")
    assert FUSION.ask(command, "1") == FUSION.ask(command, "2")


def test_the_gist_of_an_event_is_what_it_shows() -> None:
    assert FUSION.gist({"status": "RUNNING"}) == FUSION.gist([]) == {}
    assert FUSION.gist(JOB) == {"status": "RUNNING"}


def test_a_call_says_whether_it_is_to_be_answered_with_events() -> None:
    for path, follows in (("invokeAsync", False), ("invokeStream", True), ("chat", True), ("debug", True)):
        for command in (Invoke(team="TEAM", message="hi"), Decide(team="TEAM", job="J", opening="K", verdict=None)):
            _, request = FUSION.ask(command)
            assert FUSION.identify(replace(request, path=f"/x/TEAM/{path}")).follows is follows
