"""The Responses API on the same jobs: what becomes of a response, and of those that follow it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.core.exchange import Request
from lab.identity.clients import DEMO
from lab.program.words import Verdict
from tests.conftest import each_row, examples
from tests.plugins.openai.peer import ASK, CLAIM, ENDS, GATE, PAY, READ, Peer, approval, error
from tests.wire_peer import DOCUMENT, EPOCH, OTHER, read, status

TALK = DOCUMENT | {
    "name": "talk",
    "agent": {"code": "TALK"},
    "match": None,
    "steps": [{"complete": "hi", "output": "Hi."}],
}


def test_a_response_that_is_created_is_queued_and_has_these_members():
    peer = Peer()
    answer = peer.post(metadata={"a": "b"})
    assert answer.status == 200 and answer.header("content-type") == "application/json"
    (job,) = peer.mock.jobs()
    assert answer.body.decode() == (
        f'{{"id":"resp_{job}","object":"response","created_at":{EPOCH},"status":"queued","background":true,"error":null,'
        '"metadata":{"a":"b"},"model":"EXPENSES","output":[],"previous_response_id":null,"parallel_tool_calls":true,'
        '"tool_choice":"auto","tools":[]}'
    )


def test_a_gate_is_a_response_that_ended_and_its_answer_another_one():
    peer = Peer()
    first = peer.create()
    assert peer.look(first["id"], 1_999) == first | {"status": "in_progress"}
    seen = peer.look(first["id"], 2_000)
    (question,) = seen["output"]
    assert seen["status"] == "completed" and question == {
        "type": "mcp_approval_request", "id": question["id"], "name": "the-boss", "server_label": "lab",
        "arguments": '{"message":"Pay 42?"}',
    }  # fmt: skip
    second = peer.create(approval(question["id"], reason="Quick."), 5_000, previous_response_id=first["id"])
    assert second["status"] == "queued" and second["created_at"] == EPOCH + 5
    assert second["previous_response_id"] == first["id"] != second["id"]
    assert peer.look(second["id"], 7_999)["status"] == "in_progress"
    done = peer.look(second["id"], 8_000)
    assert (done["status"], done["output"][0]["content"][0]["text"]) == ("completed", "Paid 42.\nDone: Quick.")
    assert done["previous_response_id"] == first["id"]
    assert [peer.look(first["id"], now) for now in (5_000, 8_000, 900_000)] == [seen] * 3


def test_a_rejection_has_its_reason():
    peer = Peer()
    first, question = peer.at_gate()
    second = peer.create(approval(question, approve=False, reason="Too much."), 2_000, previous_response_id=first)
    assert second["status"] == "completed" and second["output"][0]["content"][0]["text"] == "No: Too much."


def test_of_a_quorum_each_answer_has_a_response_also_at_one_instant():
    peer = Peer(CLAIM | {"steps": [READ, GATE | {"approvals": 3}, PAY, *ENDS]})
    first, question = peer.at_gate()
    ids, bodies = [first], [peer.look(first, 2_000)]
    for _ in range(3):
        answer = peer.create(approval(question), 2_000, previous_response_id=ids[-1])
        ids.append(answer["id"])
        bodies.append(peer.look(answer["id"], 2_000))
    assert [each["status"] for each in bodies] == ["completed", "completed", "completed", "in_progress"]
    assert [each["previous_response_id"] for each in bodies] == [None, *ids[:3]]
    assert [peer.look(each, 4_999) for each in ids] == bodies
    assert peer.look(ids[-1], 5_000)["status"] == "completed"


@given(st.lists(st.integers(0, 90_000), min_size=1, max_size=6), st.booleans())
@examples(30, thorough=400)
def test_a_response_that_was_answered_never_changes_and_one_that_ended_by_itself_neither(gaps, approve):
    peer = Peer()
    first, question = peer.at_gate(2_500)
    before = peer.look(first, 2_500)
    second = peer.create(approval(question, approve=approve), 2_500, previous_response_id=first)["id"]
    now, ended = 2_500, None
    for gap in gaps:
        now += gap
        assert peer.look(first, now) == before
        seen = peer.look(second, now)
        assert ended is None or seen == ended
        ended = seen if seen["status"] == "completed" else None


def test_where_somebody_else_answers_a_response_goes_on_and_an_answer_comes_too_late():
    peer = Peer()
    first, question = peer.at_gate()
    (job,) = peer.mock.jobs()
    assert peer.mock.decide(job, "the-boss", str(Verdict.APPROVED), 3_000).status == 200
    assert [peer.look(first, now)["status"] for now in (3_000, 6_000)] == ["in_progress", "completed"]
    late = peer.post(approval(question), 7_000, previous_response_id=first)
    assert (late.status, error(late)["code"]) == (400, "conflict")


def test_who_answers_while_another_did_is_told_so_by_a_code():
    peer = Peer()
    first, question = peer.at_gate()
    peer.create(approval(question), 3_000, previous_response_id=first)
    again = peer.refused(approval(question), 3_500, previous_response_id=first)
    assert again["code"] == "conflict" and "already decided" in again["message"]


@each_row(
    ("step", "word"),
    [
        (GATE | {"channel": "EMAIL"}, "in_progress"),
        ({"wait": "settle", "takes": "1m", "says": "Wait."}, "in_progress"),
        (GATE, "completed"),
    ],
)
def test_whom_this_wire_can_not_ask_it_does_not_ask(step, word):
    peer = Peer(CLAIM | {"steps": [READ, step, *ENDS]})
    seen = peer.look(peer.create()["id"], 3_000)
    assert seen["status"] == word and bool(seen["output"]) is (word == "completed")


def test_a_gate_that_takes_a_text_asks_by_a_message_and_is_answered_by_one():
    gate = {"gate": "the-boss", "asks": "How many?", "approval": False, "patience": "1m"}
    peer = Peer(CLAIM | {"steps": [READ, gate, PAY, *ENDS]})
    first = peer.look(peer.create()["id"], 2_000)
    assert first["status"] == "completed" and first["output"][0]["content"][0]["text"] == "How many?"
    assert (
        "asks for no approval" in peer.refused(approval("mcpr_1"), 2_000, previous_response_id=first["id"])["message"]
    )
    second = peer.create("Seven", 2_000, previous_response_id=first["id"])
    assert peer.look(second["id"], 5_000)["output"][0]["content"][0]["text"].endswith("Done: Seven")
    assert peer.look(first["id"], 5_000) == first


@each_row(
    ("steps", "word", "text", "why"),
    [
        ([{"error": "no", "text": "Broken."}], "failed", None, {"code": "server_error", "message": "Broken."}),
        ([{"error": "no", "text": "Broken.", "output": "Half."}], "failed", "Half.", {"code": "server_error", "message": "Broken."}),
        ([{"complete": "hi", "output": "Hi."}], "completed", "Hi.", None),
    ],
)  # fmt: skip
def test_an_end_is_a_status_with_its_text(steps, word, text, why):
    seen = Peer(CLAIM | {"steps": steps}).create()
    texts = [item["content"][0]["text"] for item in seen["output"]]
    assert (seen["status"], texts, seen["error"]) == (word, [] if text is None else [text], why)


def test_the_next_turn_follows_the_response_that_ended():
    more = {"turns": [{"ask": "When?", "match": "when", "steps": [{"complete": "soon", "output": "Soon."}]}]}
    peer = Peer(CLAIM | {"steps": [PAY, *ENDS[:1]]} | more)
    first = peer.create()
    assert "has not ended" in peer.refused("When?", 1_000, previous_response_id=first["id"])["message"]
    second = peer.create("When?", 4_000, previous_response_id=first["id"])
    assert (second["output"][0]["content"][0]["text"], second["previous_response_id"]) == ("Soon.", first["id"])
    assert peer.look(second["id"], 9_000)["previous_response_id"] == first["id"]


def test_a_turn_that_follows_an_old_response_answers_no_gate_of_a_later_one():
    peer = Peer(
        CLAIM | {"turns": [{"ask": "Again 1", "match": r"again (?P<sum>\w+)", "steps": [READ, GATE, *ENDS]}] * 2}
    )
    first, question = peer.at_gate()
    done = peer.create(approval(question), 2_000, previous_response_id=first)["id"]
    waiting = peer.create("Again 1", 9_000, previous_response_id=done)["id"]
    assert peer.look(waiting, 12_000)["status"] == "completed"
    third = peer.create("Again yes", 12_000, previous_response_id=done)
    assert third["status"] == "queued" and peer.look(waiting, 12_000)["output"][0]["type"] == "mcp_approval_request"
    assert len([*peer.mock.jobs()]) == 3


# Blocking


def test_without_background_the_answer_is_the_response_as_it_ended():
    peer = Peer(
        CLAIM
        | {"steps": [READ, GATE | {"channel": "EMAIL", "patience": "10s", "verdicts": {"timed-out": "done"}}, *ENDS]}
    )
    body = {"model": "EXPENSES", "input": ASK}
    headers = (("authorization", f"Bearer {peer.bearer}"), ("content-type", "application/json"))
    response, over = peer.mock.serve(Request("POST", "/v1/responses", "", headers, json.dumps(body).encode()), 0).whole(
        0
    )
    seen = read(response)
    assert over == 12_000 and seen["status"] == "completed" and seen["background"] is False
    assert peer.look(seen["id"], 12_000) == seen


def test_a_blocking_answer_ends_where_it_is_asked():
    peer = Peer()
    first = peer.create(background=...)
    assert first["output"][0]["type"] == "mcp_approval_request" and first["status"] == "completed"
    done = peer.create(approval(first["output"][0]["id"]), 2_000, previous_response_id=first["id"], background=False)
    assert done["output"][0]["content"][0]["text"].startswith("Paid")


# Who may, and what is there


def test_models_are_the_published_teams():
    hidden = TALK | {"name": "hidden", "agent": {"code": "HIDDEN", "published": False}}
    peer = Peer(CLAIM, TALK, hidden)
    listed = read(peer.send("GET", "/v1/models"))
    own = {"object": "model", "created": EPOCH, "owned_by": "invoke-async-lab"}
    assert listed == {"object": "list", "data": [{"id": "EXPENSES", **own}, {"id": "TALK", **own}]}
    assert read(peer.send("GET", "/v1/models/TALK")) == {"id": "TALK", **own}
    for code in ("HIDDEN", "nobody"):
        answer = peer.send("GET", f"/v1/models/{code}")
        assert (answer.status, error(answer)["code"]) == (404, "model_not_found")
        assert peer.refused(model=code)["code"] == "model_not_found"


def test_another_clients_response_is_not_there_and_neither_is_one_that_is_not_stored():
    peer = Peer()
    mine, unstored = peer.create()["id"], peer.create(background=False, store=False)["id"]
    for named, bearer in ((mine, peer.other), (unstored, None), ("resp_x", None), ("x", None), ("resp_", None)):
        for method, end in (("GET", ""), ("GET", "?stream=true"), ("POST", "/cancel")):
            answer = peer.send(method, f"/v1/responses/{named}{end}", bearer=bearer)
            assert answer.status == 404 and error(answer)["message"] == f"Response with id '{named}' not found."
    assert peer.refused(previous_response_id=unstored)["code"] == "previous_response_not_found"


@pytest.mark.parametrize("bearer", ["sk-none", "a b"])
def test_without_a_good_bearer_it_is_refused_in_openais_words(bearer):
    answer = Peer().send("GET", "/v1/models", bearer=bearer)
    assert answer.status in (400, 401)
    assert error(answer)["type"] == "invalid_request_error"
    assert answer.status == 400 or error(answer)["code"] == "invalid_api_key"


def test_a_job_of_the_other_wire_is_a_response_too_and_the_other_way_round():
    peer = Peer()
    job = peer.create()["id"].removeprefix("resp_")
    assert read(peer.mock.serve(status(peer.bearer, job), 2_000).response)["status"] == "WAITING"


# Cancel


@each_row(
    ("cancel", "at_once", "after", "text"),
    [
        (None, "cancelled", "cancelled", None),
        ({"takes": "4s", "output": "Half."}, "in_progress", "cancelled", "Half."),
    ],
)
def test_a_response_of_the_background_is_cancelled_as_the_scenario_says(cancel, at_once, after, text):
    peer = Peer(CLAIM | ({} if cancel is None else {"cancel": cancel}) | {"steps": [PAY | {"takes": "10s"}, *ENDS]})
    created = peer.create()["id"]
    assert read(peer.cancel(created, 1_000))["status"] == at_once
    seen = peer.look(created, 5_000)
    assert (seen["status"], [item["content"][0]["text"] for item in seen["output"]]) == (after, [text] if text else [])
    assert read(peer.cancel(created, 6_000)) == seen


def test_what_has_ended_is_answered_as_it_is_and_what_may_not_be_cancelled_is_refused():
    peer = Peer(CLAIM | {"cancel": "refused"})
    created = peer.create()["id"]
    refused = peer.cancel(created, 500)
    assert refused.status == 400 and error(refused)["code"] == "conflict"
    blocking = peer.create(background=False)["id"]
    assert "synchronous" in error(peer.cancel(blocking, 2_500))["message"]


def test_a_job_that_waits_at_its_gate_is_cancelled_and_one_that_was_answered_goes_on():
    peer = Peer()
    first, _ = peer.at_gate()
    assert read(peer.cancel(first, 3_000))["status"] == "cancelled" == peer.look(first, 4_000)["status"]
    peer = Peer()
    first, question = peer.at_gate()
    second = peer.create(approval(question), 3_000, previous_response_id=first)["id"]
    assert read(peer.cancel(first, 3_500)) == peer.look(first, 3_500)
    assert peer.look(second, 7_000)["status"] == "completed"
    assert read(peer.cancel(second, 7_000)) == peer.look(second, 7_000)


# What is wrong


@each_row(
    ("more", "param", "code"),
    [
        ({"model": ...}, "model", "missing_required_parameter"),
        ({"question": ...}, "input", "missing_required_parameter"),
        ({"model": 7}, "model", "invalid_value"),
        ({"background": "yes"}, "background", "invalid_value"),
        ({"question": 7}, "input", "invalid_value"),
        ({"question": [7]}, "input[0]", "invalid_value"),
        ({"metadata": {"a": 7}}, "metadata[...]", "invalid_value"),
        ({"metadata": {str(n): "" for n in range(17)}}, "metadata", "invalid_value"),
        ({"metadata": {"a": "x" * 513}}, "metadata[...]", "invalid_value"),
        ({"conversation": "conv_1"}, "conversation", "invalid_value"),
        ({"mesage": "a"}, "mesage", "unknown_parameter"),
        ({"store": False}, "store", None),
        ({"previous_response_id": "resp_x"}, "previous_response_id", "previous_response_not_found"),
        ({"question": approval("mcpr_x")}, "input", "conflict"),
    ],
)  # fmt: skip
def test_a_wrong_member_is_named(more, param, code):
    found = Peer().refused(**more)
    assert (found["param"], found["code"]) == (param, code) and found["message"]


@pytest.mark.parametrize("question", ["Shorter, please.", "yes", approval("mcpr_other"), []])
def test_at_an_approval_nothing_but_its_answer_is_taken(question):
    peer = Peer()
    first, wanted = peer.at_gate()
    for sent in (question, [approval(wanted)[0] | {"approve": None}]):
        assert "mcp_approval_response" in peer.refused(sent, 2_500, previous_response_id=first)["message"]
    assert len([*peer.mock.jobs()]) == 1


def test_what_follows_a_response_is_asked_of_the_same_model():
    peer = Peer(CLAIM, TALK)
    first, question = peer.at_gate()
    for model in ("TALK", "nobody"):
        found = peer.refused(approval(question), 2_500, previous_response_id=first, model=model)
        assert found["param"] == "model" and "'EXPENSES'" in found["message"]


def test_with_an_answer_nothing_else_is_said():
    peer = Peer()
    first, question = peer.at_gate()
    both = [*approval(question), {"role": "user", "content": "And quickly."}]
    assert "nothing else" in peer.refused(both, 2_500, previous_response_id=first)["message"]


@each_row("body", [b"", b"[]", b"{", b'"x"'])
def test_no_json_object_is_refused(body):
    answer = Peer().send("POST", "/v1/responses", body)
    assert answer.status == 400 and error(answer)["message"]


def test_what_a_model_would_heed_and_null_are_taken():
    unheeded: dict[str, Any] = {
        "tools": [],
        "temperature": 0.5,
        "instructions": "Be brief.",
        "include": None,
        "store": None,
    }
    assert Peer().create(**unheeded)["status"] == "queued"


@each_row(
    ("question", "text"),
    [
        ("Taxi 7", "Taxi 7"),
        ([{"role": "user", "content": "Taxi 7"}], "Taxi 7"),
        ([{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Taxi"}, {"type": "input_text", "text": "7"}]}], "Taxi\n7"),
        ([{"role": "user", "content": "Bus 1"}, {"role": "assistant", "content": "Well?"}, {"role": "user", "content": "Taxi 7"}], "Taxi 7"),
        ([{"role": "user", "content": "Taxi 7"}, {"type": "item_reference", "id": "x"}], "Taxi 7"),
    ],
)  # fmt: skip
def test_the_users_last_message_counts(question, text):
    peer = Peer(CLAIM | {"match": None, "steps": [{"complete": "done", "output": "{{ message }}"}]})
    assert peer.create(question)["output"][0]["content"][0]["text"] == text


def test_blank_messages_are_refused():
    for question in ("", "  ", [], [{"role": "assistant", "content": "Hi"}]):
        assert "blank" in Peer().refused(question)["message"]


def test_metadata_hold_the_scenarios_parameters():
    peer = Peer(CLAIM | {"steps": [{"complete": "done", "output": "{{ parameters.limit + 1 }}"}]})
    seen = peer.create(metadata={"parameters": '{"limit": 41}'})
    assert seen["output"][0]["content"][0]["text"] == "42" and seen["metadata"] == {"parameters": '{"limit": 41}'}


def test_a_fault_may_give_an_odd_status_in_an_answer_and_in_events():
    odd = {"faults": [{"route": "status", "status_word": "paused"}, {"route": "stream", "status_word": "paused"}]}
    peer = Peer(CLAIM | odd)
    created = peer.create(stream=...)["id"]
    seen = peer.look(created, 2_000)
    assert (seen["status"], seen["output"]) == ("paused", [])
    streamed = peer.post(stream=True)
    assert streamed.body.count(b'"status":"paused"') == 4


# API keys


def test_a_clients_secret_is_its_api_key_here_and_no_token_elsewhere():
    peer = Peer()
    with_token = peer.create()["id"]
    assert peer.send("GET", f"/v1/responses/{with_token}", bearer=DEMO.secret).status == 200
    assert peer.send("GET", f"/v1/responses/{with_token}", bearer=DEMO.secret, now=10**10).status == 200
    assert peer.send("GET", f"/v1/responses/{with_token}", bearer=OTHER.secret).status == 404
    for bearer in (DEMO.id, f"{DEMO.secret}x", "lab-wrong"):
        assert peer.send("GET", "/v1/models", bearer=bearer).status == 401
    assert peer.mock.serve(status(DEMO.secret, with_token.removeprefix("resp_")), 0).response.status == 401


def test_no_fault_ends_a_key():
    peer = Peer(CLAIM | {"faults": [{"route": "status", "calls": 1, "expire_token": True}]})
    created = peer.create()["id"]
    looks = [peer.send("GET", f"/v1/responses/{created}", bearer=DEMO.secret, now=now).status for now in (1, 2)]
    assert looks == [200, 200]
