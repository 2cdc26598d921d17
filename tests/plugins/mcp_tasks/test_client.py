"""What the client of MCP sends for a command, and what it makes of answers, right ones and others."""

import json

from msgspec.structs import replace

from lab.app.effects import Answer
from lab.core.exchange import Response
from lab.core.refusal import Refusal
from lab.dialects import client_named
from lab.dialects.base import Cancel, Decide, Invoke, Look
from lab.dialects.client import Acknowledged, Unreadable
from lab.program.words import Status, Verdict
from tests.app.test_run import APP, GRANT, Play
from tests.conftest import each_row
from tests.dialects.test_clients import WRONG, assert_understood, reply, sent
from tests.plugins.mcp_tasks.peers import CONVERSATION, META, McpPeer, headers_of
from tests.wire_peer import DOCUMENT

MCP = client_named("mcp")


def task(status, **members):
    meta = {CONVERSATION: "C"}
    return {"jsonrpc": "2.0", "id": 1, "result": {"taskId": "J", "status": status, "_meta": meta, **members}}


def ended(*texts, error=False):
    content = [{"type": "text", "text": text} for text in texts]
    return task("completed", result={"content": content, "isError": error})


def asks(**properties):
    params = {"mode": "form", "message": "May I?", "requestedSchema": {"type": "object", "properties": properties}}
    return task("input_required", inputRequests={"K": {"method": "elicitation/create", "params": params}})


def choice(*words, **comment):
    named = [{"const": word, "title": f"{word}!"} for word in words]
    return asks(verdict={"type": "string", "oneOf": named}, comment={"type": "string", **comment})


def params_of(command):
    route, method, path, body = sent(MCP, command)
    assert (route, method, path) == ("mcp", "POST", "/mcp")
    params = dict(body["params"])
    meta = params.pop("_meta")
    assert meta["io.modelcontextprotocol/protocolVersion"] == META["io.modelcontextprotocol/protocolVersion"]
    return body["method"], params


def test_each_command_is_a_call_of_one_path_and_its_headers_say_what_it_asks() -> None:
    assert params_of(Look(team="T", job="J")) == ("tasks/get", {"taskId": "J"})
    assert params_of(Invoke(team="T", message="hi", conversation="C", parameters={"a": 1})) == (
        "tools/call", {"name": "T", "arguments": {"message": "hi", "conversation": "C", "parameters": {"a": 1}}},
    )  # fmt: skip
    for command in (Look(team="T", job="J"), Invoke(team="T", message="hi")):
        request = MCP.ask(command)[1]
        assert dict(request.headers).items() >= headers_of(json.loads(request.body)).items()


@each_row(
    ("opening", "verdict", "comment", "content"),
    [
        ("K", Verdict.APPROVED, None, {"verdict": "approved"}),
        ("K", Verdict.REJECTED, "no", {"verdict": "rejected", "comment": "no"}),
        ("K", Verdict.CHANGES, "more", {"verdict": "changes-requested", "comment": "more"}),
        ("text:K", Verdict.CHANGES, "Bus 7", {"text": "Bus 7"}),
    ],
)
def test_a_decision_fills_in_the_form_and_is_known_again(opening, verdict, comment, content) -> None:
    command = Decide(team="", job="J", opening=opening, verdict=verdict, comment=comment)
    answer = {"action": "accept", "content": content}
    assert params_of(command) == ("tasks/update", {"taskId": "J", "inputResponses": {"K": answer}})
    call = MCP.identify(MCP.ask(command)[1])
    assert (call.command, call.verdict) == (command, verdict)


@each_row(
    ("responses", "verdict"),
    [
        ({"K": {"action": "decline"}}, "rejected"),
        ({"K": {"action": "accept", "content": {"verdict": "maybe"}}}, "maybe"),
        ({"K": {"action": "cancel"}, "L": {"action": "decline"}}, "rejected"),
        ({"K": {"action": "accept"}}, "accept"),
        ({"K": {"action": "cancel"}}, None),
        ({"K": 1}, None),
        ([], None),
    ],
)
def test_of_an_answer_the_verdict_is_told_as_far_as_it_says_one(responses, verdict) -> None:
    request = MCP.ask(Look(team="", job="J"))[1]
    body = {"method": "tasks/update", "params": {"taskId": "J", "inputResponses": responses}}
    call = MCP.identify(replace(request, body=json.dumps(body).encode()))
    assert (call and call.verdict) == verdict


@each_row(
    ("body", "status", "word"),
    [
        (task("working"), Status.RUNNING, "working"),
        (task("input_required"), Status.WAITING, "input_required"),
        (ended("Done"), Status.COMPLETE, "completed"),
        (ended("No.", error=True), Status.ERROR, "completed"),
        (task("failed", error={"code": -32603, "message": "No."}), Status.ERROR, "failed"),
        (task("paused"), None, "paused"),
    ],
)
def test_a_status_is_one_of_the_labs_or_none(body, status, word) -> None:
    assert_understood(MCP.understand("mcp", reply(body)), status, word)


def test_a_task_tells_progress_question_output_and_error() -> None:
    assert MCP.understand("mcp", reply(task("working", statusMessage="Reading"))).progress == "Reading"
    assert MCP.understand("mcp", reply(ended("One", "Two"))).output == "One\nTwo"
    failed = MCP.understand("mcp", reply(ended("No.", "Half", error=True)))
    assert (failed.error, failed.output) == ("No.", "Half")
    assert MCP.understand("mcp", reply(task("failed", error={"message": "No."}))).error == "No."
    cancelled = MCP.understand("mcp", reply(task("cancelled", statusMessage="Half")))
    assert (cancelled.status, cancelled.output) == (Status.CANCELLED, "Half")


def test_a_form_is_a_question_if_it_can_be_filled_in() -> None:
    question = MCP.understand(
        "mcp", reply(choice("approved", "later", "changes-requested", description="How?"))
    ).question
    assert question.verdicts == ((Verdict.APPROVED, "approved!"), (Verdict.CHANGES, "changes-requested!"))
    assert (question.text, question.opening, question.prompt, question.free) == ("May I?", "K", "How?", False)
    plain = MCP.understand("mcp", reply(asks(verdict={"enum": ["rejected"]}))).question
    assert plain.verdicts == ((Verdict.REJECTED, "rejected"),)
    text = MCP.understand("mcp", reply(asks(text={"type": "string", "title": "Your answer"}))).question
    assert (text.opening, text.free, text.verdicts) == ("text:K", True, ((Verdict.CHANGES, "Your answer"),))
    for other in (asks(), asks(name={"type": "string"}), task("input_required", inputRequests={"K": {"method": "x"}})):
        assert MCP.understand("mcp", reply(other)).question is None


@each_row(
    ("response", "status", "text"),
    [
        (reply({"id": 1, "error": {"code": -32602, "message": "No."}}, 400), 400, "JSON-RPC -32602: No."),
        (reply({"id": 1, "error": {"code": -32602, "message": "No."}}), 400, "JSON-RPC -32602: No."),
        (reply({"id": None, "error": {"code": -32000, "message": "Who?"}}, 401), 401, "JSON-RPC -32000: Who?"),
        (reply({"message": "late", "status": "FAI-50300"}, 503), 503, "HTTP 503: FAI-50300 · late"),
        (reply(b"<html>", 502), 502, "HTTP 502"),
    ],
)
def test_a_refusal_has_a_status_and_one_sentence(response, status, text) -> None:
    refusal = MCP.understand("mcp", response)
    assert isinstance(refusal, Refusal) and (refusal.status, refusal.message) == (status, text)


def test_an_acknowledgement_is_no_task_and_what_is_neither_is_unreadable() -> None:
    assert MCP.understand("mcp", reply({"id": 1, "result": {"resultType": "complete"}})) == Acknowledged()
    at_once = {"id": 1, "result": {"resultType": "complete", "content": []}}
    for body in (b"", b"[]", b"{", {"id": 1}, {"id": 1, "result": 7}, at_once):
        assert isinstance(MCP.understand("mcp", reply(body)), Unreadable), body


def test_of_a_stream_the_last_task_counts() -> None:
    notified = [{"method": "notifications/tasks", "params": task(word)["result"]} for word in ("working", "completed")]
    body = b"".join(b"data: %b\n\n" % json.dumps(each).encode() for each in (*notified, {"id": "l", "result": {}}))
    seen = MCP.understand("mcp", Response(200, (("content-type", "text/event-stream"),), body))
    assert (seen.job, seen.word) == ("J", "completed")


@each_row("wrong", WRONG)
def test_whatever_stands_in_a_member_nothing_breaks(wrong) -> None:
    for name in ("taskId", "status", "statusMessage", "inputRequests", "result", "_meta", "error"):
        for word in ("working", "input_required", "completed", "failed"):
            MCP.understand("mcp", reply({"id": 1, "result": {**ended("Done")["result"], "status": word, name: wrong}}))
    for body in (
        asks(verdict=wrong),
        asks(text=wrong),
        asks(verdict={"oneOf": wrong}),
        asks(verdict={"oneOf": [wrong]}),
    ):
        MCP.understand("mcp", reply(body))
    request = MCP.ask(Look(team="", job="J"))[1]
    for method in ("tools/call", "tasks/get", "tasks/update", "tools/list"):
        for params in (wrong, {"taskId": wrong, "name": wrong, "arguments": wrong, "inputResponses": wrong},
                       {"arguments": {"message": wrong}, "inputResponses": {"K": wrong}}):  # fmt: skip
            MCP.identify(replace(request, body=json.dumps({"method": method, "params": params}).encode()))


# The external app


def test_over_mcp_it_is_the_same_story() -> None:
    play = Play(replace(APP, dialect=MCP)).got(GRANT, "token").got(reply(task("working")), "mcp")
    play.waits(1_000).got(reply(choice("approved", "changes-requested")), "mcp")
    play.asks(Answer(play.now, Verdict.CHANGES, "Shorter.")).got(reply({"id": 1, "result": {"resultType": "complete"}}))
    play.waits(1_000).got(reply(ended("Done")))
    outcome = play.outcome
    assert (outcome.status, outcome.output, outcome.job, outcome.conversation) == ("COMPLETE", "Done", "J", "C")


def saying(peer):
    """What the client understands of the server's answer to a command."""

    def say(command, now):
        request = MCP.ask(command)[1]
        signed = replace(request, headers=(("authorization", f"Bearer {peer.bearer}"), *request.headers))
        return MCP.understand("mcp", peer.mock.serve(signed, now).response)

    return say


def test_what_the_client_says_the_server_understands() -> None:
    peer = McpPeer()
    say = saying(peer)
    seen = say(Invoke(team="EXPENSES", message="Taxi 42"), 0)
    question = say(Look(team="", job=seen.job), 2_000).question
    assert [verdict for verdict, _ in question.verdicts] == [Verdict.APPROVED, Verdict.REJECTED, Verdict.CHANGES]
    decide = Decide(team="", job=seen.job, opening=question.opening, verdict=Verdict.APPROVED, comment="Go on")
    assert say(decide, 2_500) == Acknowledged() and peer.decided() == [("approved", "Go on")]
    assert say(Look(team="", job=seen.job), 95_000).output == "Paid 42: Go on"


def test_a_text_that_a_gate_asks_for_is_a_question_without_a_choice_and_its_answer_arrives() -> None:
    gate = {"gate": "seat", "asks": "Which seat?", "patience": "1m", "approval": False}
    peer = McpPeer(DOCUMENT | {"steps": [gate, {"complete": "done", "output": "{{ decisions.seat.comment }}"}]})
    say = saying(peer)
    seen = say(Invoke(team="EXPENSES", message="Taxi 42"), 0)
    question = say(Look(team="", job=seen.job), 0).question
    assert (question.text, question.free, [verdict for verdict, _ in question.verdicts]) == (
        "Which seat?", True, [Verdict.CHANGES],
    )  # fmt: skip
    say(Decide(team="", job=seen.job, opening=question.opening, verdict=Verdict.CHANGES, comment="7A"), 0)
    assert say(Look(team="", job=seen.job), 0).output == "7A"


def test_a_job_is_cancelled_and_the_next_look_shows_it() -> None:
    peer = McpPeer()
    say = saying(peer)
    seen = say(Invoke(team="EXPENSES", message="Taxi 42"), 0)
    command = Cancel(team="", job=seen.job)
    assert MCP.identify(MCP.ask(command)[1]).command == command
    assert say(command, 500) == Acknowledged()
    assert say(Look(team="", job=seen.job), 500).status is Status.CANCELLED
