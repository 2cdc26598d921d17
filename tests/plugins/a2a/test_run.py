"""The external app over A2A: the same story as over Fusion's own wire."""

import json

from msgspec.structs import replace

from lab.app.effects import Answer
from lab.dialects import client_named
from lab.program.words import Verdict
from tests.app.test_run import APP, GRANT, Play, reply

A2A = replace(APP, dialect=client_named("a2a"))


def task(state, message=None, **more):
    status = {"state": state}
    if message is not None:
        status["message"] = {"messageId": "M", "parts": [{"kind": "text", "text": message}]}
    return reply(jsonrpc="2.0", id=1, result={"kind": "task", "id": "J", "contextId": "C", "status": status, **more})


def rpc_error(code):
    return reply(jsonrpc="2.0", id=1, error={"code": code, "message": "No."})


def test_over_a2a_it_is_the_same_story():
    play = Play(A2A).got(GRANT, "token").got(task("submitted"), "a2a")
    play.waits(1_000).got(task("working"), "a2a").waits(2_000).got(task("input-required", "May I?"), "a2a")
    play.asks().got(task("input-required", "May I?")).asks(Answer(play.now, Verdict.CHANGES, "Shorter."))
    message = json.loads(play.sent().body)["params"]["message"]
    assert (message["taskId"], message["contextId"], message["parts"][0]["text"]) == ("J", "C", "Shorter.")
    done = task("completed", artifacts=[{"parts": [{"kind": "text", "text": "Done"}]}])
    play.got(task("working")).waits(1_000).got(done)
    outcome = play.outcome
    assert (outcome.status, outcome.output, outcome.job, outcome.conversation) == ("COMPLETE", "Done", "J", "C")


def test_over_a2a_an_error_of_a_call_is_what_the_same_refusal_is_elsewhere():
    play = Play(A2A).got(GRANT).got(task("submitted")).waits(1_000).got(rpc_error(-32001)).waits(3_000, "retry")
    play.got(task("input-required", "May I?")).asks(Answer(play.now, Verdict.APPROVED)).got(rpc_error(-32602))
    play.asks().got(task("failed", "Nobody decided."))
    assert (play.outcome.status, play.outcome.error) == ("ERROR", "Nobody decided.")
    assert Play(A2A).got(GRANT).got(rpc_error(-32602)).outcome.why == "JSON-RPC -32602: No."
