"""Idempotency keys, and fresh job ids on resuming: the switches that look at a job under another name."""

import json

from msgspec.structs import replace

from lab.clocks import ManualClock
from lab.core.observe import Noted, Replied
from lab.dialects.fusion.routes import API
from lab.jobs.facts import GateDecided, JobAccepted, WaitEnded
from lab.recording.format.reader import read as read_recording
from lab.recording.replay.compare import Comparison
from lab.recording.replay.replay import replay
from lab.recording.tape.header import recording_header
from lab.recording.tape.tape import Tape
from tests.conftest import each_row
from tests.wire_peer import DOCUMENT, OTHER, RIGHT, form, invoke, read, service, status, token

ASK = {"message": "Taxi 42", "conversational": True}
SLOW = DOCUMENT | {"latency": {"invoke": {"between": ["100ms", "900ms"]}}}


def keyed(*documents, **switches):
    mock = service(*documents, idempotency_key="on", **switches)
    facts = []
    mock.observers.append(lambda seen: facts.append(seen.fact) if isinstance(seen, Noted) else None)
    return mock, token(mock), facts


def send(mock, bearer, body=ASK, now=0, key="k-1", code="EXPENSES"):
    return mock.serve(invoke(bearer, body, code, **({} if key is None else {"idempotency_key": key})), now)


def jobs_of(facts):
    return [fact.job for fact in facts if isinstance(fact, JobAccepted)]


# Idempotency-Key


def test_the_same_key_and_request_gets_the_first_answer_whenever_it_comes():
    mock, bearer, facts = keyed()
    first = send(mock, bearer)
    for now in (0, 5_000, 10_000_000):
        again = send(mock, token(mock, now), now=now)
        assert (again.response, again.job) == (first.response, first.job)
    assert len(jobs_of(facts)) == 1
    assert [fact.idempotency for fact in facts if isinstance(fact, JobAccepted)] == ["k-1"]
    assert send(mock, bearer, key="k-2").job != first.job != send(mock, bearer, key=None).job


def test_a_key_is_free_again_once_its_job_is_forgotten():
    gone = DOCUMENT | {"steps": [{"complete": "done", "output": "Paid."}], "retention": "1h"}
    mock, bearer, facts = keyed(gone)
    first = send(mock, bearer)
    assert send(mock, bearer, now=3_599_999).job == first.job
    bearer = token(mock, 3_600_000)
    again = send(mock, bearer, now=3_600_000)
    assert again.job != first.job and len(jobs_of(facts)) == 2
    assert send(mock, bearer, now=3_600_001).job == again.job


def test_a_repeat_is_no_answer_to_the_gate_at_which_its_job_waits():
    mock, bearer, facts = keyed()
    conversation = {**ASK, "conversationId": "mine"}
    first = send(mock, bearer, conversation)
    assert read(send(mock, bearer, conversation, 2_000).response) == read(first.response)
    assert not any(isinstance(fact, GateDecided) for fact in facts)


@each_row(
    "other",
    [
        {**ASK, "message": "Taxi 43"},
        {**ASK, "parameters": {"a": True}},
        {**ASK, "conversationId": "mine"},
        {"message": "Taxi 42"},
    ],
)
def test_another_request_under_a_used_key_is_refused(other):
    mock, bearer, facts = keyed()
    send(mock, bearer)
    refused = send(mock, bearer, other, 9_000)
    assert (refused.response.status, read(refused.response)["status"]) == (422, "FAI-42200")
    assert len(jobs_of(facts)) == 1


def test_true_is_not_one_and_the_order_of_members_is_nothing():
    mock, bearer, _ = keyed()
    send(mock, bearer, {**ASK, "parameters": {"a": 1, "b": 2}})
    assert send(mock, bearer, {**ASK, "parameters": {"a": True, "b": 2}}).response.status == 422
    assert send(mock, bearer, {"parameters": {"b": 2, "a": 1}, **ASK}).response.status == 202


def test_the_team_is_part_of_the_request():
    other = DOCUMENT | {"name": "two", "agent": {"code": "OTHERS"}}
    mock, bearer, _ = keyed(DOCUMENT, other)
    send(mock, bearer)
    assert send(mock, bearer, code="OTHERS").response.status == 422


def test_an_owners_keys_are_its_own():
    mock, bearer, facts = keyed()
    send(mock, bearer)
    assert send(mock, token(mock, client=OTHER)).response.status == 202
    assert len(set(jobs_of(facts))) == 2


def test_while_the_first_reply_is_withheld_a_repeat_is_refused():
    mock, bearer, _ = keyed(SLOW)
    first = send(mock, bearer, now=1_000)
    assert first.latency >= 100
    early, late = (send(mock, bearer, now=1_000 + first.latency + off) for off in (-1, 0))
    assert (early.response.status, early.latency) == (409, 0)
    assert late.response == first.response


def test_a_repeat_gets_the_first_answer_once_that_has_left_though_the_clock_stands():
    mock, bearer, _ = keyed(SLOW)
    first = send(mock, bearer, now=1_000)
    assert send(mock, bearer, now=1_000).response.status == 409
    mock.tell(Replied(1_000, first.x, first.response, first.latency, 0))
    assert send(mock, bearer, now=1_000).response == first.response
    cut = send(mock, bearer, now=1_000, key="k-2")
    mock.tell(Replied(1_000, cut.x, cut.response, cut.latency, 0, cut="client_gone"))
    assert send(mock, bearer, now=1_000, key="k-2").response.status == 409


def test_a_replay_of_a_lab_whose_clock_stood_repeats_the_first_answer_too():
    mock, _, _ = keyed(SLOW)
    lines = []
    tape = Tape(mock, lines.append, recording_header(mock.config, lab="x", clock=ManualClock()))
    mock.observers.append(tape)

    def call(request):
        reply = mock.serve(request, 0)
        mock.tell(Replied(0, reply.x, reply.response, reply.latency, 0))
        return reply

    bearer = str(read(call(form(authorization=RIGHT)).response)["access_token"])
    first, again = (call(invoke(bearer, ASK, idempotency_key="k-1")) for _ in range(2))
    assert first.response == again.response
    tape.close(0)
    result = replay(read_recording(b"".join(lines)), mock.config.scenarios)
    assert result.passed, result.text()
    assert not Comparison(read_recording(b"".join(lines)), mock.config).differences()


@each_row("key", ["", "k" * 256, "k" * 300, "\x7f", "schlüssel", "a\tb"])
def test_a_key_is_one_to_255_printable_ascii_characters(key):
    mock, bearer, facts = keyed()
    request = invoke(bearer, ASK)
    headers = (*request.headers, ("idempotency-key", key))
    refused = mock.serve(replace(request, headers=headers), 0)
    assert refused.response.status == 400 and "Idempotency-Key" in read(refused.response)["message"]
    assert not jobs_of(facts)


def test_the_longest_key_is_taken():
    mock, bearer, _ = keyed()
    assert send(mock, bearer, key="k" * 255).response == send(mock, bearer, key="k" * 255).response


def test_without_the_switch_or_on_other_routes_a_key_is_nothing():
    mock = service()
    bearer = token(mock)
    assert send(mock, bearer).job != send(mock, bearer).job
    mock, bearer, _ = keyed()
    headers = (*invoke(bearer, ASK).headers, ("idempotency-key", "k"))
    request = replace(invoke(bearer, ASK), path=f"{API}/agent/v2/EXPENSES/chat", headers=headers)
    assert mock.serve(request, 0).job != mock.serve(request, 0).job


def test_a_refused_request_leaves_its_key_free():
    mock, bearer, _ = keyed()
    assert send(mock, bearer, {"message": " "}).response.status == 400
    assert send(mock, bearer).response.status == 202


# resume_job_id


def renewing(**switches):
    mock = service(resume_job_id="new", **switches)
    facts = []
    mock.observers.append(lambda seen: facts.append(seen.fact) if isinstance(seen, Noted) else None)
    bearer = token(mock)
    return mock, bearer, read(mock.serve(invoke(bearer, ASK), 0).response), facts


def resume(mock, bearer, job, now, action="APPROVE_ACTION", content=None):
    node = read(mock.serve(status(bearer, job), now).response)["waitingNodeDetails"]
    decision = {"messageInstanceId": node["callbackToken"], "userResponse": action, "content": content}
    return read(mock.serve(invoke(bearer, {"message": "", "jobId": job, "resumeInput": decision}), now).response)


def test_a_resumed_job_gets_a_fresh_id_and_is_seen_under_both():
    mock, bearer, first, facts = renewing()
    second = resume(mock, bearer, first["jobId"], 2_000)
    assert second["jobId"] != first["jobId"] and second["conversationId"] == first["conversationId"]
    assert second["input"] == first["input"] and second["traceId"] == first["traceId"]
    for now in (3_000, 200_000):
        bodies = [read(mock.serve(status(token(mock, now), each["jobId"]), now).response) for each in (first, second)]
        assert [body.pop("jobId") for body in bodies] == [first["jobId"], second["jobId"]]
        assert bodies[0] == bodies[1]
    assert [(fact.job, fact.alias) for fact in facts if isinstance(fact, GateDecided)] == [
        (first["jobId"], second["jobId"])
    ]
    assert list(mock.jobs()) == [first["jobId"]]


def test_each_resume_gives_another_id_and_any_of_them_resumes():
    mock, bearer, first, facts = renewing()
    ids = [first["jobId"]]
    ids.append(resume(mock, bearer, ids[-1], 2_000, "RFI_ACTION", "More.")["jobId"])
    ids.append(resume(mock, bearer, ids[-1], 4_000)["jobId"])
    ids.append(resume(mock, bearer, ids[0], 5_000, "ORA_TIMEOUT")["jobId"])
    assert len(set(ids)) == 4
    assert [fact.alias for fact in facts if isinstance(fact, GateDecided | WaitEnded)] == ids[1:]
    assert {fact.job for fact in facts if isinstance(fact, GateDecided | WaitEnded)} == {ids[0]}
    ends = {read(mock.serve(status(bearer, each), 5_000).response)["status"] for each in ids}
    assert ends == {"COMPLETE"}


def test_a_typed_answer_gives_a_fresh_id_too_and_the_location_names_it():
    mock, bearer, first, _ = renewing(location_header="on")
    reply = mock.serve(invoke(bearer, ASK | {"message": "yes", "conversationId": first["conversationId"]}), 2_000)
    assert read(reply.response)["jobId"] != first["jobId"] == reply.job
    assert str(reply.response.header("location")).endswith(str(read(reply.response)["jobId"]))


def test_the_control_plane_decides_under_any_id():
    mock, bearer, first, _ = renewing()
    second = resume(mock, bearer, first["jobId"], 2_000, "RFI_ACTION", "More.")
    assert mock.decide(second["jobId"], "the-boss", "approved", 4_000).status == 200
    assert mock.look(second["jobId"], 4_000).span.id == "settle-up"
    assert json.loads(mock.status_of(second["jobId"], 4_000))["jobId"] == second["jobId"]
    assert mock.derived(second["jobId"], 4_000) == mock.derived(first["jobId"], 4_000)


def test_an_alias_belongs_to_its_jobs_owner():
    mock, bearer, first, _ = renewing()
    second = resume(mock, bearer, first["jobId"], 2_000)
    assert mock.serve(status(token(mock, client=OTHER), second["jobId"]), 2_000).response.status == 404


def test_a_stream_that_resumes_shows_the_fresh_id():
    mock, bearer, first, _ = renewing()
    body = {**ASK, "message": "yes", "conversationId": first["conversationId"]}
    reply = mock.serve(replace(invoke(bearer, body), path=f"{API}/agent/v2/EXPENSES/invokeStream"), 2_000)
    lines = reply.whole(2_000)[0].body.decode().split("\n\n")
    events = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    assert {event["jobId"] for event in events} == {events[0]["jobId"]} != {first["jobId"]}
    assert mock.serve(status(bearer, events[0]["jobId"]), 2_000).response.status == 200
