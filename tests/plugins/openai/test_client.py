"""What the client of OpenAI's API sends for a command, and what it makes of answers, right ones and others."""

import json
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from lab.core.exchange import Request, Response
from lab.core.refusal import Refusal
from lab.dialects import client_named
from lab.dialects.base import Cancel, Decide, Invoke, Look
from lab.dialects.client import Seen, Unreadable
from lab.program.words import Status, Verdict
from tests.conftest import each_row, examples
from tests.dialects.test_clients import WRONG, reply, sent

OPENAI = client_named("openai")
ASKED = {
    "type": "mcp_approval_request",
    "id": "mcpr_O",
    "name": "boss",
    "arguments": '{"message":"May I?"}',
    "server_label": "lab",
}
SAID = {"type": "message", "content": [{"type": "output_text", "text": "Done"}]}


def response(status: str, *output: Any, **more: Any) -> dict[str, Any]:
    return {"id": "resp_J", "object": "response", "status": status, "output": [*output], **more}


def test_each_command_has_its_call() -> None:
    assert sent(OPENAI, Look(team="T", job="J"))[:3] == ("openai-response", "GET", "/v1/responses/resp_J")
    assert sent(OPENAI, Cancel(team="T", job="J"))[:3] == ("openai-cancel", "POST", "/v1/responses/resp_J/cancel")
    create = "openai", "POST", "/v1/responses"
    first = sent(OPENAI, Invoke(team="T", message="hi"))
    assert first == (*create, {"model": "T", "background": True, "input": "hi"})
    more = sent(OPENAI, Invoke(team="T", message="hi", conversation="J", parameters={"a": 1}))[3]
    assert (more["previous_response_id"], more["metadata"]) == ("resp_J", {"parameters": '{"a":1}'})
    for verdict, comment, approve in ((Verdict.APPROVED, None, True), (Verdict.REJECTED, "no", False)):
        command = Decide(team="T", job="J", opening="O", verdict=verdict, comment=comment)
        reason = {} if comment is None else {"reason": comment}
        item = {"type": "mcp_approval_response", "approval_request_id": "mcpr_O", "approve": approve, **reason}
        body = {"model": "T", "background": True, "previous_response_id": "resp_J", "input": [item]}
        assert sent(OPENAI, command) == (*create, body)


@each_row(
    "command",
    [
        Look(team="", job="J"),
        Cancel(team="", job="J"),
        Invoke(team="T", message="hi"),
        Invoke(team="T", message="hi", conversation="J", parameters={"a": [1]}),
        Decide(team="T", job="J", opening="O", verdict=Verdict.APPROVED),
        Decide(team="T", job="J", opening="O", verdict=Verdict.REJECTED, comment="no"),
    ],
)
def test_what_it_sends_it_makes_out(command) -> None:
    _, request = OPENAI.ask(command)
    call = OPENAI.identify(request)
    assert call is not None and call.command == command and not call.follows
    if request.method == "POST" and request.body:
        streamed = json.dumps(json.loads(request.body) | {"stream": True}).encode()
        assert OPENAI.identify(replace(request, body=streamed)).follows
    else:
        assert OPENAI.identify(replace(request, query="stream=true")).follows


@each_row("body", [b"", b"[]", b"{", b'{"model":7}', b'{"model":"T"}', b'{"model":"T","input":7}'])
def test_of_what_is_no_create_nothing_is_made_out(body) -> None:
    assert OPENAI.identify(Request("POST", "/v1/responses", "", (), body)) is None


@each_row(
    ("body", "status", "word"),
    [
        (response("queued"), Status.RUNNING, "queued"),
        (response("in_progress"), Status.RUNNING, "in_progress"),
        (response("completed", ASKED), Status.WAITING, "mcp_approval_request"),
        (response("completed", SAID), Status.COMPLETE, "completed"),
        (response("failed", error={"code": "server_error", "message": "No."}), Status.ERROR, "failed"),
        (response("cancelled"), Status.CANCELLED, "cancelled"),
        (response("incomplete"), None, "incomplete"),
        (response("in_progress", ASKED), Status.RUNNING, "in_progress"),
    ],
)
def test_a_status_is_one_of_five_or_none(body, status, word) -> None:
    seen = OPENAI.understand("openai", reply(body))
    assert (seen.job, seen.conversation, seen.status, seen.word) == ("J", "J", status, word)
    assert seen.final is (status is not None and status.final)


def test_a_question_an_answer_and_an_error_are_read() -> None:
    seen = OPENAI.understand("openai", reply(response("completed", SAID, ASKED)))
    question = seen.question
    assert (question.job, question.text, question.opening, question.gate) == ("J", "May I?", "O", "boss")
    assert dict(question.verdicts).keys() == {Verdict.APPROVED, Verdict.REJECTED} and question.human
    assert seen.conversation == "J" and seen.output == "Done"
    assert OPENAI.understand("openai", reply(response("completed", ASKED | {"id": "x"}))).question.opening is None
    assert OPENAI.understand("openai", reply(response("completed", ASKED | {"arguments": "{"}))).question.text == "{"
    two = {"type": "message", "content": [{"text": "a"}, {"type": "output_text"}, 3]}, SAID, None
    assert OPENAI.understand("openai", reply(response("completed", *two))).output == "a\nDone"
    failed = response("failed", error={"message": "No."})
    assert OPENAI.understand("openai", reply(failed)).error == "No."


@each_row(
    ("answer", "status", "text"),
    [
        (reply({"error": {"message": "No.", "code": "conflict"}}, 400), 409, "HTTP 400: No."),
        (reply({"error": {"message": "No.", "code": None}}, 400), 400, "HTTP 400: No."),
        (reply({"error": {"message": "No."}}, 404), 404, "HTTP 404: No."),
        (reply({"message": "No.", "status": "FAI-40500"}, 405), 405, "HTTP 405: FAI-40500 · No."),
        (Response(502, (), b"<html>"), 502, "HTTP 502"),
    ],
)
def test_a_refusal_has_a_status_and_a_sentence(answer, status, text) -> None:
    assert OPENAI.understand("openai", answer) == Refusal(status, text)


@given(st.sampled_from(["id", "status", "output", "error"]), st.sampled_from(WRONG))
@examples(40, thorough=200)
def test_a_member_of_another_type_is_not_there(name, value) -> None:
    body = response("completed", SAID) | {name: value}
    assert isinstance(OPENAI.understand("openai", reply(body)), Seen | Unreadable)


def test_an_item_of_another_type_is_not_there() -> None:
    for name, value in product(("type", "id", "content", "arguments", "name"), WRONG):
        assert isinstance(OPENAI.understand("openai", reply(response("completed", ASKED | SAID | {name: value}))), Seen)


def event(kind: str, **members: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", "sequence_number": 0, **members}


def stream(*events: Any) -> Response:
    blocks = (b"event: %b\ndata: %b\n\n" % (each["type"].encode(), json.dumps(each).encode()) for each in events)
    return Response(200, (("content-type", "text/event-stream"),), b": beat\n\n" + b"".join(blocks))


def test_the_last_response_of_a_stream_tells() -> None:
    begun, delta = event("created", response=response("queued")), event("output_text.delta", delta="Do")
    done = event("completed", response=response("completed", SAID))
    assert OPENAI.understand("openai", stream(begun, delta, done)).output == "Done"
    assert OPENAI.understand("openai", stream(begun, delta)).word == "queued"
    assert isinstance(OPENAI.understand("openai", stream(delta)), Unreadable)
    assert [OPENAI.job_in(each) is not None for each in OPENAI.bodies_in([begun, delta, done])] == [True, False, True]


@pytest.mark.parametrize("document", [None, [], 7, {}, {"response": 7}])
def test_the_gist_of_what_is_none_is_nothing(document) -> None:
    assert OPENAI.gist(document) == {}


def test_the_gist_is_what_is_new() -> None:
    assert OPENAI.gist(response("completed", SAID, error=None)) == {"status": "completed", "output": [SAID]}
    assert OPENAI.gist(event("created", response=response("queued"))) == {"status": "queued"}
    assert OPENAI.gist(event("output_text.delta", delta="Do", logprobs=[])) == {"delta": "Do"}
    assert OPENAI.gist(event("output_item.done", item=ASKED)) == {"item": ASKED}
