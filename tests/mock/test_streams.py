"""Streams are computed like views: whole bodies or deltas, up to the first gate, wait or ending (contract.md §8)."""

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from lab.core.exchange import Json, Request
from lab.dialects.fusion.events import pieces
from lab.dialects.fusion.routes import API
from lab.dialects.sse import DONE, KEEP_ALIVE, framed
from lab.jobs.facts import JobCancelled
from lab.jobs.gates import Origin
from lab.mock.service import Service
from tests.conftest import each_row
from tests.shapes import switched
from tests.wire_peer import invoke, read, service, status, token

PLAIN = {
    "lab": 1, "name": "report", "title": "Report", "agent": {"code": "EXPENSES"}, "ask": "Go",
    "steps": [
        {"work": "fetch", "takes": "2s", "says": "Fetching", "tool": "GET"}, {"work": "reason", "takes": "3s"},
        {"complete": "done", "output": "A-1001 is cheaper.", "follow_up": ["Why?"]},
    ],
}  # fmt: skip
MESSAGE = {"message": "Taxi 42", "conversational": True, "conversationId": "talk-1", "progressMessage": True}


def ask(route: str, bearer: str, body: object, code: str = "EXPENSES") -> Request:
    plain = invoke(bearer, body, code)
    return Request("POST", f"{API}/agent/v2/{code}/{route}", headers=plain.headers, body=plain.body)


def events(mock: Service, route: str, body: object, now: int = 1_000) -> list[tuple[int, Any]]:
    """The events of a stream with their instants, the framing checked."""
    reply = mock.serve(ask(route, token(mock), body), now)
    assert reply.response.status == 200, reply.response
    assert reply.response.headers == (("content-type", "text/event-stream"), ("cache-control", "no-store"))
    found: list[tuple[int, Any]] = []
    for when, piece in reply.pieces() or ():
        assert piece.startswith(b"data: ") and piece.endswith(b"\n\n") and piece.count(b"\n") == 2
        text = piece[6:-2].decode()
        found.append((when, text if text == "[DONE]" else json.loads(text)))
    return found


def brief(stream: list[tuple[int, Any]], *names: str) -> list[tuple[object, ...]]:
    return [
        (when, *(event[name] for name in names)) if isinstance(event, dict) else (when, event) for when, event in stream
    ]


def test_invoke_stream_sends_whole_bodies_whose_output_grows() -> None:
    stream = events(service(PLAIN), "invokeStream", {**MESSAGE, "streamOutput": True})
    assert brief(stream, "status", "output", "progressMessage", "endTime") == [
        (1_000, "RUNNING", None, None, 0),
        (1_000, "RUNNING", None, "Fetching", 0),
        (3_000, "RUNNING", None, "", 0),
        (6_000, "RUNNING", "A-1001 ", "", 0),
        (6_000, "RUNNING", "A-1001 is ", "", 0),
        (6_000, "COMPLETE", "A-1001 is cheaper.", "", 1_767_225_606_000),
        (6_000, "[DONE]"),
    ]
    bodies = [event for _, event in stream if isinstance(event, dict)]
    assert all(list(body) == list(bodies[0]) and len(body) == 27 for body in bodies)
    assert bodies[-1]["followUpQuestions"] == ["Why?"] and bodies[-2]["followUpQuestions"] == []
    assert '"streamOutput":true' in str(bodies[0]["input"])


def test_the_first_event_is_what_invoke_would_answer_and_the_last_is_what_status_answers() -> None:
    mock = service(PLAIN)
    bodies = [event for _, event in events(mock, "invokeStream", MESSAGE) if isinstance(event, dict)]
    twin = service(PLAIN)
    assert bodies[0] == read(twin.serve(invoke(token(twin), MESSAGE), 1_000).response)
    job = str(bodies[0]["jobId"])
    assert bodies[-1] == read(mock.serve(status(token(mock), job), 6_000).response)


def test_a_body_that_did_not_change_is_not_sent_again() -> None:
    stream = events(service(PLAIN), "invokeStream", {**MESSAGE, "progressMessage": False})
    assert brief(stream, "status", "output")[:2] == [(1_000, "RUNNING", None), (6_000, "RUNNING", "A-1001 ")]


def test_invoke_stream_ends_with_one_body_at_a_gate_and_goes_on_with_its_answer() -> None:
    mock = service()
    stream = events(mock, "invokeStream", MESSAGE)
    assert brief(stream, "status") == [(1_000, "RUNNING"), (1_000, "RUNNING"), (3_000, "WAITING"), (3_000, "[DONE]")]
    waiting = stream[-2][1]
    node = waiting["waitingNodeDetails"]
    resume = {"messageInstanceId": node["callbackToken"], "userResponse": "APPROVE_ACTION", "content": "well done"}
    went_on = events(mock, "invokeStream", {"message": "", "jobId": waiting["jobId"], "resumeInput": resume}, 9_000)
    # the next step is a wait: it ends the stream as a gate does
    assert brief(went_on, "status", "waitingToolCode") == [(9_000, "WAITING", "SETTLE_UP"), (9_000, "[DONE]")]
    cut = {"messageInstanceId": _token(went_on), "userResponse": "ORA_TIMEOUT"}
    ended = events(mock, "invokeStream", {"message": "", "jobId": waiting["jobId"], "resumeInput": cut}, 10_000)
    assert brief(ended, "status", "output") == [(10_000, "COMPLETE", "Paid 42: well done"), (10_000, "[DONE]")]


def _token(stream: list[tuple[int, Any]]) -> object:
    return stream[-2][1]["waitingNodeDetails"]["callbackToken"]


def test_chat_sends_node_events_and_deltas() -> None:
    stream = events(service(PLAIN), "chat", {"message": "Go", "conversationId": "talk-1"})
    job = stream[0][1]["jobId"]
    head: dict[str, Json] = {"jobId": job}

    def node(code: str, kind: str, **more: Json) -> dict[str, Json]:
        return {**head, "nodeProgressMessage": {"nodeCode": code, "type": kind, **more}}

    def delta(text: str, **more: Json) -> dict[str, Json]:
        return {**head, "message": {"content": [{"text": text}], **more}}

    assert stream == [
        (1_000, {**node("FETCH", "NODE_START", nodeType="TOOL"), "conversationId": "talk-1"}),
        (3_000, node("FETCH", "NODE_END", nodeStepInfo={"totalNodeTime": 2_000})),
        (3_000, node("REASON", "NODE_START", nodeType="AGENT")),
        (6_000, node("REASON", "NODE_END", nodeStepInfo={"totalNodeTime": 3_000})),
        (6_000, delta("A-1001 ")),
        (6_000, delta("is ")),
        (6_000, delta("cheaper.", finishReason="stop", output="A-1001 is cheaper.")),
        (6_000, "[DONE]"),
    ]
    assert list(stream[0][1]) == ["jobId", "conversationId", "nodeProgressMessage"]


@each_row("route", ["chat", "debug"])
def test_a_person_answers_on_the_same_route(route: str) -> None:
    mock = service()
    stream = events(mock, route, {"message": "Taxi 42", "conversationId": "talk-1", "debugParams": {"isDebug": True}})
    *_, question, stopped, done = (event for _, event in stream)
    node = question["waitingNodeDetails"]
    assert len(node) == 13
    assert stopped["message"] == {"content": [{"text": ""}], "finishReason": "wait"}
    assert done == "[DONE]"
    answer = {
        "message": "", "workflowCode": "EXPENSES", "conversationId": "talk-1", "invocationMode": "ADMIN",
        "jobId": question["jobId"],
        "resumeInput": {"messageInstanceId": node["callbackToken"], "userResponse": "APPROVE_ACTION"},
    }  # fmt: skip
    went_on = events(mock, route, answer, 20_000)
    assert brief(went_on, "jobId")[0] == (20_000, question["jobId"])
    # by message: the conversation's next words are the gate's answer too
    again = service()
    events(again, route, {"message": "Taxi 42", "conversationId": "talk-2"})
    by_words = events(again, route, {"message": "yes", "conversationId": "talk-2"}, 20_000)
    assert by_words[0][1]["waitingNodeDetails"]["type"] == "WAIT"


def test_an_error_is_one_event() -> None:
    stream = events(service(), "chat", {"message": "nothing fits", "conversationId": "c-1"})
    assert stream[-2] == (2_000, {
        "jobId": stream[-2][1]["jobId"],
        "message": {"content": [{"text": ""}], "finishReason": "error", "output": "No answer is defined for this message."},
    })  # fmt: skip


@each_row(
    ("route", "code", "published", "expected"),
    [
        ("invokeStream", "NOBODY", True, 404), ("chat", "NOBODY", True, 403), ("debug", "NOBODY", True, 403),
        ("invokeStream", "EXPENSES", False, 404), ("chat", "EXPENSES", False, 403),
        ("debug", "EXPENSES", False, 200),  # debug means the DRAFT
    ],
)  # fmt: skip
def test_an_unknown_or_unpublished_team(route: str, code: str, published: bool, expected: int) -> None:
    mock = service({**PLAIN, "agent": {"code": "EXPENSES", "published": published}})
    reply = mock.serve(ask(route, token(mock), {"message": "Go"}, code), 0)
    assert reply.response.status == expected
    if expected == 403:
        assert read(reply.response)["status"] == "FAI-40300"
    assert reply.route == {"invokeStream": "stream"}.get(route, route)


def test_a_refusal_before_the_first_event_is_plain_http() -> None:
    mock = service()
    reply = mock.serve(ask("chat", token(mock), {"message": "  "}), 0)
    assert (reply.response.status, reply.parts) == (400, None)
    assert mock.serve(Request("GET", f"{API}/agent/v2/EXPENSES/chat"), 0).response.status == 405
    assert mock.serve(Request("POST", f"{API}/agent/v1/EXPENSES/chat"), 0).response.status == 404


def test_chat_needs_no_conversational_and_issues_an_id() -> None:
    stream = events(service(PLAIN), "chat", {"message": "Go"})
    assert isinstance(stream[0][1]["conversationId"], str)


@each_row(("route", "code"), [("invokeStream", 404), ("chat", 403), ("debug", 403)])
def test_a_refused_stream_names_the_code_that_differs_in_case_alone(route: str, code: int) -> None:
    mock = service(PLAIN)
    response = mock.serve(ask(route, token(mock), MESSAGE, "Expenses"), 0).response
    assert (response.status, read(response)["userDetails"]) == (
        code,
        "Codes are compared with case: this one is written EXPENSES.",
    )


def test_debug_params_are_noted_on_debug_only_and_change_nothing() -> None:
    mock = service(PLAIN)
    body = {"message": "Go", "debugParams": {"isDebug": True, "breakPoints": [], "overrides": {}}}
    assert mock.serve(ask("debug", token(mock), body), 0).flags == ("unused_field",)
    assert mock.serve(ask("chat", token(mock), body), 0).flags == ("unknown_field",)
    body["debugParams"]["overrides"] = {"agents": [{"code": "FETCH", "prompt": "Say no."}]}
    overridden, plain = (brief(events(service(PLAIN), "debug", sent)) for sent in (body, {"message": "Go"}))
    assert overridden == plain


@each_row(
    ("params", "wrong"),
    [
        (5, "debugParams must be an object."), ([], "debugParams must be an object."),
        ({"isDebug": 1}, "debugParams.isDebug must be true or false."), ({"isDebug": "true"}, ""),
        ({"breakPoints": {}}, "debugParams.breakPoints must be an array."), ({"breakPoints": ["A"]}, ""),
        ({"overrides": 5}, "debugParams.overrides must be an object."), ({"overide": 5}, ""),
        ({"isDebug": None, "breakPoints": None, "overrides": None}, ""), (None, ""), ({}, ""),
    ],
)  # fmt: skip
@each_row("switches", [{}, {"unknown_fields": "refuse"}], ids=str)
def test_debug_params_have_types_and_are_opaque_beyond_them(
    params: object, wrong: str, switches: dict[str, str]
) -> None:
    mock = service(PLAIN, **switches)
    body = {"message": "Go", "debugParams": params}
    response = mock.serve(ask("debug", token(mock), body), 0).response
    assert response.status == (400 if wrong else 200) and (not wrong or read(response)["message"] == wrong)
    strict = service(PLAIN, types="strict", **switches)
    reply = strict.serve(ask("debug", token(strict), body), 0).response
    assert reply.status == (400 if wrong or params == {"isDebug": "true"} else 200)


def test_the_job_of_a_stream_can_be_polled() -> None:
    mock = service(PLAIN)
    bearer = token(mock)
    reply = mock.serve(ask("invokeStream", bearer, MESSAGE), 1_000)  # nobody reads the stream
    assert read(mock.serve(status(bearer, str(reply.job)), 6_000).response)["status"] == "COMPLETE"


def test_the_switches_of_streams() -> None:
    mock = service(PLAIN, sse_done="off", sse_heartbeat="800ms")
    reply = mock.serve(ask("invokeStream", token(mock), {"message": "Go"}), 0)
    parts = list(reply.pieces() or ())
    beats = [when for when, piece in parts if piece == KEEP_ALIVE]
    assert beats == [800, 1_600, 2_400, 3_200, 4_000, 4_800]
    assert parts[-1][1] != DONE


def test_a_hidden_wait_does_not_end_a_stream() -> None:
    mock = service({**PLAIN, "steps": [{"wait": "rest", "takes": "5s"}, PLAIN["steps"][-1]]}, wait_status="RUNNING")
    stream = events(mock, "invokeStream", {"message": "Go"}, 0)
    assert brief(stream, "status")[-2:] == [(5_000, "COMPLETE"), (5_000, "[DONE]")]


def test_whole_gathers_what_leaves_and_when() -> None:
    mock = service(PLAIN)
    reply = mock.serve(ask("chat", token(mock), {"message": "Go"}), 1_000)
    response, until = reply.whole(1_000)
    assert until == 6_000 and response.body.endswith(DONE) and response.body.startswith(b'data: {"jobId":')


@given(st.text(), st.integers(1, 25))
def test_pieces_join_to_the_text_and_are_few(text: str, most: int) -> None:
    cut = pieces(text, most)
    assert "".join(cut) == text
    assert 1 <= len(cut) <= most
    assert all(cut) or cut == [""]


@given(st.lists(st.integers(0, 50_000)), st.integers(1, 7_000))
def test_heartbeats_fill_every_silence_and_never_an_event_s_place(gaps: list[int], beat: int) -> None:
    instants = [sum(gaps[: n + 1]) for n in range(len(gaps))]
    parts = list(framed(iter([(when, {"n": when}) for when in instants]), switched({"sse_heartbeat": f"{beat}ms"}), 0))
    times = [when for when, _ in parts]
    assert times == sorted(times)
    assert all(later - earlier <= beat for earlier, later in zip([0, *times], times, strict=False))
    assert [when for when, piece in parts if piece not in (KEEP_ALIVE, DONE)] == instants


def test_a_long_output_comes_in_fewer_pieces() -> None:
    long = {**PLAIN, "steps": [{"complete": "done", "output": "word " * 600_000}]}
    mock = service({**long, "steps": [PLAIN["steps"][0], *long["steps"]]})
    sizes = [
        len(piece) for _, piece in mock.serve(ask("invokeStream", token(mock), {"message": "Go"}), 0).pieces() or ()
    ]
    assert sum(sizes) < 12_000_000


def test_children_of_a_parallel_begin_together_and_end_each_by_itself() -> None:
    children = [
        {"delegate": "left", "agent": "A", "takes": "9s", "says": "Slow"},
        {"work": "one", "takes": "1s"},
        {"work": "two", "takes": "1s", "says": "Two"},
    ]
    any_of = {**PLAIN, "steps": [{"parallel": "p", "until": "any", "of": children}, *PLAIN["steps"][-1:]]}
    found = events(service(any_of), "chat", MESSAGE, 0)
    nodes = [
        (when, *(node.get(key) for key in ("type", "nodeCode", "agentCode", "progressMessage")))
        for when, event in found[:5]
        for node in (event["nodeProgressMessage"],)
    ]
    assert nodes == [
        (0, "NODE_START", "LEFT", "A", "Slow"),
        (0, "NODE_START", "ONE", None, None),
        (0, "NODE_START", "TWO", None, "Two"),
        (1_000, "NODE_END", "ONE", None, None),
        (1_000, "NODE_END", "TWO", None, None),
    ]
    all_of = {**PLAIN, "steps": [{"parallel": "p", "of": children}, *PLAIN["steps"][-1:]]}
    (later, more) = events(service(all_of), "chat", MESSAGE, 0)[5:7]
    ended = {"nodeCode": "LEFT", "type": "NODE_END", "nodeStepInfo": {"totalNodeTime": 9_000}}
    assert (later[0], later[1]["nodeProgressMessage"]) == (9_000, ended) and "message" in more[1]


@given(
    route=st.sampled_from(["invokeStream", "chat"]),
    at=st.integers(1_000, 8_000) | st.sampled_from([1_000, 3_000, 4_000, 6_000]),
    beat=st.sampled_from([0, 500, 2_000]),
)
@example(route="chat", at=4_000, beat=500)
def test_a_stream_under_way_goes_on_otherwise_once_its_job_is_cancelled(route: str, at: int, beat: int) -> None:
    mock = service(PLAIN, sse_heartbeat=f"{beat}ms") if beat else service(PLAIN)
    reply = mock.serve(ask(route, token(mock), MESSAGE), 1_000)
    assert reply.parts is not None and reply.watched == tuple(mock.jobs())
    before = list(reply.parts())
    (job,) = mock.jobs()
    if ended := (look := mock.look(job, at)) is None or look.span.status.final:
        assert at >= 6_000
    else:
        mock.note(JobCancelled(at=at, job=job, by=Origin.API))
    after = list(reply.parts())
    past = [part for part in before if part[0] <= at]
    assert after[: len(past)] == past  # whatever has left at that instant already
    assert (after == before) is ended
    if not ended:
        assert after[-1] == (at, DONE) and b"The job was cancelled." in after[-2][1]
