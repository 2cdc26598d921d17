"""Latencies and faults on the routes of A2A, by their own names and by what their calls ask."""

import pytest
from msgspec.structs import replace

from lab.core.exchange import Request
from lab.core.journal.numbers import CallCounted
from lab.dialects.router import ROUTER
from lab.plugins.a2a.plugin import PLUGIN
from tests.conftest import each_row
from tests.mock import test_planned as planned
from tests.mock.test_planned import EveryRoute, post, served
from tests.recording.test_pod import assert_replays_with_faults_on
from tests.wire_peer import DOCUMENT, read

A2A_DECLARED, _ = PLUGIN.wires
CALL = {"jsonrpc": "2.0", "id": "1", "method": "message/send"}
MESSAGE = {"kind": "message", "messageId": "m", "role": "user", "parts": [{"kind": "text", "text": "Taxi 42"}]}
ONE = {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "Taxi 42"}]}
"""The same as 1.0 has it."""
ASKING = ("invoke", "stream", "chat", "debug", "a2a", "a2a-stream")
"""Routes whose calls begin a job."""


def request_of(route, bearer):
    match route:
        case "a2a-search":
            return post(ROUTER.path(route), bearer, {})
        case "a2a-http":
            plain = post(
                ROUTER.path(route, code="EXPENSES"),
                bearer,
                {"message": ONE, "configuration": {"returnImmediately": True}},
            )
            return replace(plain, headers=(*plain.headers, ("a2a-version", "1.0")))
        case "a2a-card":
            return Request("GET", ROUTER.path(route, code="EXPENSES"), "", (("authorization", f"Bearer {bearer}"),))
        case _:
            method = "message/stream" if route == "a2a-stream" else "message/send"
            call = {**CALL, "method": method, "params": {"message": MESSAGE}}
            return post(ROUTER.path(route, code="EXPENSES"), bearer, call)


def served_request(route, mock, bearer):
    """Of any wire: A2A's calls stand beside those of Fusion's."""
    return request_of(route, bearer) if route in A2A_DECLARED.routes else planned.served_request(route, mock, bearer)


@pytest.mark.parametrize("route", A2A_DECLARED.routes)
class TestEveryRoute(EveryRoute):
    with_team = frozenset(("a2a", "a2a-stream", "a2a-http", "a2a-card"))
    request_of = staticmethod(served_request)


def test_latencies_and_faults_on_its_routes_replay_byte_for_byte():
    assert_replays_with_faults_on(A2A_DECLARED.routes, lambda route, send, bearer: request_of(route, bearer))


def test_a_card_that_is_refused_anyway_is_neither_withheld_nor_counted():
    fault = {"route": "a2a-card", "answer": 503}
    mock, bearer = served(DOCUMENT | {"latency": {"a2a-card": "70ms"}, "faults": [fault]})
    card = Request("GET", ROUTER.path("a2a-card", code="NOBODYS"), "", (("authorization", f"Bearer {bearer}"),))
    reply = mock.serve(card, 1_000)
    assert (reply.latency, reply.struck, reply.response.status) == (0, None, 404)
    assert not any(isinstance(fact, CallCounted) for fact in reply.facts)


def test_a_token_that_expired_on_another_route_is_none_for_a_card():
    mock, bearer = served(DOCUMENT | {"faults": [{"route": "workflows", "expire_token": True}]})
    answers = [mock.serve(served_request(route, mock, bearer), 1_000).response for route in ("workflows", "a2a-card")]
    assert [answer.status for answer in answers] == [401, 401]


@each_row(
    ("named", "strikes"),
    [
        ("stream", {"stream", "chat", "debug", "a2a-stream"}), ("invoke", {"invoke", "a2a"}),
        ("a2a", {"a2a"}), ("a2a-stream", {"a2a-stream"}),
    ],
)  # fmt: skip
def test_a_call_goes_by_its_route_and_by_what_is_asked(named, strikes):
    mock, bearer = served(DOCUMENT | {"faults": [{"route": named, "calls": "every 1", "answer": 503}]})
    answers = {route: mock.serve(served_request(route, mock, bearer), 1_000).response.status for route in ASKING}
    assert {route for route, status in answers.items() if status == 503} == strikes


def test_a_stream_is_withheld_as_an_invoke_is_unless_it_has_a_latency_of_its_own():
    mock, bearer = served(DOCUMENT | {"latency": {"invoke": "30ms", "chat": "70ms", "a2a": "90ms"}})
    latencies = [mock.serve(served_request(route, mock, bearer), 1_000).latency for route in ASKING]
    assert latencies == [30, 30, 70, 30, 90, 30]


def test_a_call_is_counted_by_its_job_where_status_is_named_and_by_its_client_where_a2a_is():
    faults = [{"route": "status", "calls": 2, "answer": 500}, {"route": "a2a", "calls": 4, "answer": 503}]
    mock, bearer = served(DOCUMENT | {"faults": faults})
    jobs = [read(mock.serve(request_of("a2a", bearer), 0).response)["result"]["id"] for _ in range(2)]

    def polled(job):
        call = {"jsonrpc": "2.0", "id": "1", "method": "tasks/get", "params": {"id": job}}
        return mock.serve(post(ROUTER.path("a2a", code="EXPENSES"), bearer, call), 1_000).response.status

    assert [polled(job) for job in (jobs[0], jobs[1], jobs[0])] == [200, 503, 500]
