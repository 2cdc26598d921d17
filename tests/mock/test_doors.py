"""The order of checks: a team that is closed is told before a field that is wrong (contract.md §2.6, steps 7 to 10)."""

import json

from msgspec.structs import replace

from lab.dialects.fusion.routes import API
from lab.jobs.program import program_of
from lab.language.shape import parsed
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.scenario import Scenario
from lab.program.switches import Switches
from tests.conftest import each_row
from tests.wire_peer import DOCUMENT, EPOCH, Request, invoke, read, service, status, token

RESUME = {"messageInstanceId": "x", "userResponse": "APPROVE_ACTION"}
WRONG = {"message": "Taxi 42", "parameters": []}


def post(route: str, bearer: str, body: object) -> Request:
    one = invoke(bearer, body)
    return Request("POST", f"{API}/agent/v2/EXPENSES/{route}", headers=one.headers, body=one.body)


@each_row(
    ("agent", "body", "route", "expected"),
    [
        ({"published": False}, WRONG, "invokeAsync", 404),
        ({"published": False}, {**WRONG, "status": "DRAFT"}, "invokeAsync", 400),
        ({"published": False}, WRONG, "chat", 403),
        ({"published": False}, WRONG, "debug", 400),
        ({"roles": ["BUYER"]}, WRONG, "invokeAsync", 403),
        ({"roles": ["BUYER"]}, {"message": ""}, "invokeAsync", 403),
        ({"version": 3}, {**WRONG, "version": 4}, "invokeAsync", 403),
        ({"version": 3}, {**WRONG, "version": 3}, "invokeAsync", 400),
        ({"version": 3}, {"message": "Taxi 42", "version": 0}, "invokeAsync", 400),
        ({"version": 3}, {"message": "Taxi 42", "version": True}, "invokeAsync", 400),
        ({"version": 3}, {"message": 5, "version": 99}, "invokeAsync", 403),
        ({"version": 3}, {"message": 5, "version": "99"}, "invokeAsync", 403),
        ({"version": 3}, {"message": "", "version": 99}, "chat", 403),
        ({"published": False}, {"message": 5, "status": "zzz", "version": "x"}, "invokeAsync", 404),
        ({"published": False}, {"message": "", "jobId": "x", "resumeInput": {"userResponse": "YES"}}, "invokeAsync", 404),
        ({"published": False}, {"resumeInput": 5, "status": "DRAFT"}, "chat", 403),
        ({}, {"message": "", "jobId": "x", "resumeInput": {"userResponse": "YES"}}, "invokeAsync", 400),
        ({}, [], "invokeAsync", 400),
    ],
)  # fmt: skip
def test_what_is_closed_comes_before_what_is_wrong(
    agent: dict[str, object], body: object, route: str, expected: int
) -> None:
    mock = service({**DOCUMENT, "agent": {"code": "EXPENSES", **agent}}, version_check="refuse")
    assert mock.serve(post(route, token(mock), body), 0).response.status == expected


@each_row(
    ("route", "body"),
    [
        ("invokeAsync", {"message": ""}),
        ("invokeAsync", {"message": 5}),
        ("invokeAsync", {"message": 5, "version": 99}),
        ("invokeAsync", {"message": "Taxi 42", "conversational": True, "conversationId": "elsewhere"}),
        ("invokeAsync", {"message": "", "jobId": "x", "resumeInput": RESUME}),
        ("invokeAsync", {"message": "", "resumeInput": {}}),
        ("invokeAsync", {"message": "", "resumeNodeInput": "x"}),
        ("invokeStream", {"message": ""}),
        ("chat", {"message": 5}),
        ("chat", {"message": "hello", "version": 99}),
        ("debug", {"resumeInput": {}}),
    ],
)
def test_a_user_without_the_role_hears_so_whatever_is_wrong_beside(route: str, body: object) -> None:
    buyers: dict[str, object] = {"code": "EXPENSES", "version": 3, "roles": ["BUYER"]}
    mock = service({**DOCUMENT, "agent": buyers}, {**DOCUMENT, "name": "open", "agent": {"code": "OPEN"}})
    bearer = user_token(mock)
    mock.serve(invoke(bearer, {"message": "Taxi 42", "conversational": True, "conversationId": "elsewhere"}, "OPEN"), 0)
    response = mock.serve(post(route, bearer, body), 1).response
    assert response.status == 403
    assert read(response)["userDetails"] == "Ask for a role that gives access to EXPENSES: BUYER."


def test_a_role_that_only_one_scenario_of_the_team_wants_comes_before_a_wrong_conversation() -> None:
    buyers = {**DOCUMENT, "agent": {"code": "EXPENSES", "roles": ["BUYER"]}}
    free = {**DOCUMENT, "name": "free", "match": "Bus", "agent": {"code": "EXPENSES"}}
    mock = service(buyers, free, {**DOCUMENT, "name": "open", "agent": {"code": "OPEN"}})
    bearer = user_token(mock)
    thread = {"conversational": True, "conversationId": "elsewhere"}
    mock.serve(invoke(bearer, {"message": "Taxi 42", **thread}, "OPEN"), 0)
    assert mock.serve(post("invokeAsync", bearer, {"message": "Taxi 42", **thread}), 1).response.status == 403
    assert mock.serve(post("invokeAsync", bearer, {"message": "Bus 42", **thread}), 1).response.status == 400


UNREAD: tuple[dict[str, object], ...] = (
    {"version": 99}, {"version": "x"}, {"version": 0}, {"status": "zzz"}, {"status": 5}, {"conversational": "junk"},
    {"parameters": []},
)  # fmt: skip


def at_its_gate(agent: dict[str, object], **more: object) -> tuple[Service, str, str, str]:
    """A mock whose job waits at its gate at 3 s; with the bearer, the job, and the gate's token."""
    mock = service({**DOCUMENT, "agent": {"code": "EXPENSES", "version": 3, **agent}})
    bearer = token(mock)
    job = str(read(mock.serve(invoke(bearer, {"message": "Taxi 42", **more}), 0).response)["jobId"])
    node = read(mock.serve(status(bearer, job), 3_000).response)["waitingNodeDetails"]
    assert isinstance(node, dict)
    return mock, bearer, job, node["callbackToken"]


@each_row("junk", UNREAD)
def test_a_request_that_resumes_is_not_refused_for_what_its_job_has_already(junk: dict[str, object]) -> None:
    mock, bearer, job, _ = at_its_gate({})
    assert mock.serve(invoke(bearer, {"message": "yes", "jobId": job, **junk}), 3_001).response.status == 202
    mock, bearer, job, key = at_its_gate({})
    resumes = {"jobId": job, "resumeInput": {"messageInstanceId": key, "userResponse": "APPROVE_ACTION"}}
    assert mock.serve(invoke(bearer, {**resumes, **junk}), 3_001).response.status == 202


@each_row("junk", UNREAD)
def test_a_job_that_does_not_wait_resumes_nothing(junk: dict[str, object]) -> None:
    mock, bearer, job, _ = at_its_gate({})
    reply = mock.serve(invoke(bearer, {"message": "yes", "jobId": job, **junk}), 1_000)
    assert reply.response.status == (202 if junk == {"version": 99} else 400)
    assert reply.job != job


def test_the_job_of_a_draft_is_answered_without_saying_so_again() -> None:
    agent: dict[str, object] = {"published": False}
    mock, bearer, job, _ = at_its_gate(agent, status="DRAFT")
    assert mock.serve(invoke(bearer, {"message": "yes", "jobId": job}), 3_001).response.status == 202
    mock, bearer, job, key = at_its_gate(agent, status="DRAFT")
    resume = {"messageInstanceId": key, "userResponse": "APPROVE_ACTION"}
    assert mock.serve(invoke(bearer, {"jobId": job, "resumeInput": resume}), 3_001).response.status == 202
    mock, bearer, job, _ = at_its_gate(agent, status="DRAFT", conversational=True, conversationId="talk")
    by_thread = {"message": "yes", "conversational": True, "conversationId": "talk"}
    assert mock.serve(invoke(bearer, by_thread), 3_001).response.status == 202
    assert mock.serve(invoke(bearer, {"message": "Taxi 42"}), 3_002).response.status == 404


@each_row(
    ("code", "switches", "answered", "says"),
    [
        ("NOBODY", {}, 404, "Workflow not found."),
        ("NOBODY", {"unknown_job": 403, "unpublished": 403}, 404, "Workflow not found."),
        ("HIDDEN", {}, 404, "Workflow not found."),
        ("HIDDEN", {"unknown_job": 403}, 404, "Workflow not found."),
        ("HIDDEN", {"unpublished": 403}, 403, "user can not execute this workflow."),
        ("EXPENSES", {"unpublished": 403}, 404, "Job not found."),
        ("EXPENSES", {"unknown_job": 403}, 403, "user can not execute this workflow."),
    ],
)
def test_a_status_tells_of_the_team_before_the_job(
    code: str, switches: dict[str, object], answered: int, says: str
) -> None:
    hidden = {**DOCUMENT, "name": "hidden", "agent": {"code": "HIDDEN", "published": False}}
    mock = service(DOCUMENT, hidden, **switches)
    bearer = token(mock)
    response = mock.serve(status(bearer, "nope", code), 0).response
    assert (response.status, read(response)["message"]) == (answered, says)
    draft = mock.serve(invoke(bearer, {"message": "Taxi 42", "status": "DRAFT"}, "HIDDEN"), 0).response
    assert mock.serve(status(bearer, str(read(draft)["jobId"]), "HIDDEN"), 1).response.status == 200


def test_a_status_tells_of_the_team_before_a_wrong_query() -> None:
    mock = service()
    asks = [replace(status(token(mock), "nope", code), query="invocationMode=X") for code in ("NOBODY", "EXPENSES")]
    assert [mock.serve(each, 0).response.status for each in asks] == [404, 400]


def refusing() -> Service:
    """A scenario for buyers, whose refusal shows inside the job; jane is none."""
    program = program_of(
        parsed(Scenario, {**DOCUMENT, "agent": {"code": "EXPENSES", "roles": ["BUYER"], "refuses": "job"}})
    )
    return Service(Config((program,), Switches(), 42, EPOCH))


def user_token(mock: Service) -> str:
    from tests.wire_peer import JANE, token_request

    reply = mock.serve(token_request("password", username=JANE.name, password=JANE.password), 0)
    return str(read(reply.response)["access_token"])


def test_a_refusal_inside_the_job_is_one_event_on_chat_and_an_error_of_the_job_elsewhere() -> None:
    mock = refusing()
    bearer = user_token(mock)
    reply = mock.serve(post("chat", bearer, {"message": "Taxi 42", "conversationId": "talk-1"}), 0)
    streamed = [(when, json.loads(piece[6:])) for when, piece in reply.pieces() or () if piece != b"data: [DONE]\n\n"]
    assert streamed == [(1_000, {
        "jobId": reply.job, "conversationId": "talk-1",
        "message": {
            "content": [{"text": ""}], "finishReason": "error", "output": "FAI-40300: user can not execute this workflow.",
        },
    })]  # fmt: skip
    *_, last = [
        piece for _, piece in mock.serve(post("invokeStream", bearer, {"message": "Taxi 42"}), 0).pieces() or ()
    ][:-1]
    body = json.loads(last[6:])
    assert (body["status"], body["error"]) == ("ERROR", "user can not execute this workflow.")
