"""The order of checks: a team that is closed is told before a field that is wrong (contract.md §2.6, steps 7 to 10)."""

import json

import pytest

from lab.core.plan import outline
from lab.core.scenario import Scenario, Switches
from lab.core.service import Config, Service
from lab.core.wire import API
from tests.core.wire_peer import DOCUMENT, EPOCH, Request, invoke, read, service, token

WRONG = {"message": "Taxi 42", "parameters": []}


def asked(route: str, bearer: str, body: object) -> Request:
    one = invoke(bearer, body)
    return Request("POST", f"{API}/agent/v2/EXPENSES/{route}", headers=one.headers, body=one.body)


@pytest.mark.parametrize(
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
        ({"published": False}, {"message": "", "jobId": "x", "resumeInput": {"userResponse": "YES"}}, "invokeAsync", 400),
        ({}, [], "invokeAsync", 400),
    ],
)  # fmt: skip
def test_what_is_closed_is_told_before_what_is_wrong(
    agent: dict[str, object], body: object, route: str, expected: int
) -> None:
    mock = service({**DOCUMENT, "agent": {"code": "EXPENSES", **agent}})
    assert mock.serve(asked(route, token(mock), body), 0).response.status == expected


def refusing() -> Service:
    """A scenario for buyers, whose refusal shows inside the job; jane is none."""
    made = outline(
        Scenario.model_validate({**DOCUMENT, "agent": {"code": "EXPENSES", "roles": ["BUYER"], "refuses": "job"}})
    )
    return Service(Config((made,), Switches(), 42, EPOCH))


def user_token(mock: Service) -> str:
    from tests.core.wire_peer import JANE, ask

    reply = mock.serve(ask("password", username=JANE.name, password=JANE.password), 0)
    return str(read(reply.response)["access_token"])


def test_a_refusal_inside_the_job_is_one_event_on_chat_and_an_error_of_the_job_elsewhere() -> None:
    mock = refusing()
    bearer = user_token(mock)
    reply = mock.serve(asked("chat", bearer, {"message": "Taxi 42", "conversationId": "talk-1"}), 0)
    told = [(when, json.loads(piece[6:])) for when, piece in reply.pieces or () if piece != b"data: [DONE]\n\n"]
    assert told == [(1_000, {
        "jobId": reply.job, "conversationId": "talk-1",
        "message": {
            "content": [{"text": ""}], "finishReason": "error", "output": "FAI-40300: user can not execute this workflow.",
        },
    })]  # fmt: skip
    *_, last = [
        piece for _, piece in mock.serve(asked("invokeStream", bearer, {"message": "Taxi 42"}), 0).pieces or ()
    ][:-1]
    body = json.loads(last[6:])
    assert (body["status"], body["error"]) == ("ERROR", "user can not execute this workflow.")
