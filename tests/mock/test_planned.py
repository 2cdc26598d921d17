"""Latencies and faults on every route: those that a team has, and those that name none."""

from base64 import b64encode
from collections import Counter

import pytest
from msgspec.structs import replace

from lab.core.exchange import Request, text_of
from lab.core.journal.numbers import CallCounted
from lab.core.observe import Noted
from lab.dialects.fusion.routes import API, WORKFLOWS
from lab.dialects.router import ROUTER
from lab.faults.facts import FaultStruck
from lab.identity.clients import DEMO, JANE
from lab.identity.routes import IDENTITY_NAMES
from lab.jobs.program import program_of
from lab.kernel import FUSION_DECLARED
from lab.language.shape import parsed
from lab.program.routes import OF_A_FORM, OF_A_JOB, WITHOUT_BEARER, WITHOUT_CLIENT
from lab.program.scenario import Scenario
from tests.conftest import each_row
from tests.wire_peer import (
    CLI,
    DOCUMENT,
    SCOPE,
    authorize_request,
    basic,
    form_post,
    invoke,
    read,
    service,
    status,
    token,
    token_request,
)

KERNEL_ROUTES = (*FUSION_DECLARED.routes, *sorted(IDENTITY_NAMES))
LOGGED_IN = (("cookie", "JSESSIONID=1"), ("x-xsrf-token", "x"))
FILE = {"fileName": "a.pdf", "fileContent": b64encode(b"x").decode()}
OTHER = DOCUMENT | {"name": "other", "agent": {"code": "OTHER"}}


def post(path, bearer, body):
    headers = (("authorization", f"Bearer {bearer}"), ("content-type", "application/json"))
    return Request("POST", path, "", headers, text_of(body).encode())


def served_request(route, mock, bearer):
    return request_on(route, lambda request: mock.serve(request, 0).response, bearer)


def request_on(route, send, bearer):
    """A request of the route that is in order; `send` is for what has to be there before."""
    signed = (("authorization", f"Bearer {bearer}"),)
    match route:
        case "token":
            return token_request("client_credentials")
        case "status":
            job = read(send(request_on("invoke", send, bearer)))["jobId"]
            return status(bearer, job)
        case "authorize":
            return authorize_request()
        case "device":
            return form_post("/oauth2/v1/device", client_id=DEMO.id, response_type="device_code", scope=SCOPE)
        case "introspect" | "revoke":
            return form_post(f"/oauth2/v1/{route}", token=bearer)
        case "relay" | "anticsrf":
            return Request("GET", ROUTER.path(route), "", LOGGED_IN)
        case "relay-basic":
            right = (("authorization", basic(JANE.name, JANE.password)),)
            return Request("GET", ROUTER.path(route), "servicetype=boss", right)
        case "documents":
            return post(ROUTER.path(route), bearer, FILE)
        case "documents-batch":
            return post(ROUTER.path(route), bearer, {"requests": [FILE]})
        case "documents-attach":
            return post(ROUTER.path(route), bearer, {"entityName": "A", "entityId": "1", "documentIds": ["x"]})
        case "multiplex":
            return post(ROUTER.path(route), bearer, {})
        case "invoke" | "stream" | "chat" | "debug":
            return post(ROUTER.path(route, code="EXPENSES"), bearer, {"message": "Taxi 42"})
        case _:
            return Request("GET", ROUTER.path(route, code="EXPENSES"), "", signed)


BEFORE = Counter(token=1)
"""Calls of each route that a mock has had when it is `served`."""


def served(*documents, **more):
    mock = service(*documents, local_orchestrator="on", **more)
    return mock, token(mock)


def struck(mock):
    found = []
    mock.observers.append(
        lambda seen: (
            found.append(seen.fact.fault) if isinstance(seen, Noted) and isinstance(seen.fact, FaultStruck) else None
        )
    )
    return found


class EveryRoute:
    """What holds of each route of a wire; its tests inherit this, and say which those are."""

    with_team = OF_A_JOB
    """Those whose path names a team."""
    request_of = staticmethod(served_request)
    """A request of a route that is in order, to a mock, with a bearer."""

    def test_a_latency_may_name_any_route(self, route):
        mock, bearer = served(DOCUMENT | {"latency": {route: "70ms"}})
        reply = mock.serve(self.request_of(route, mock, bearer), 1_000)
        assert reply.route == route and reply.response.status < 400
        assert reply.latency == 70

    def test_a_fault_may_name_any_route_and_strikes_the_calls_that_it_names(self, route):
        mock, bearer = served(DOCUMENT | {"faults": [{"route": route, "calls": BEFORE[route] + 2, "answer": 503}]})
        names, request = struck(mock), self.request_of(route, mock, bearer)
        codes = [mock.serve(request, now).response.status for now in (1_000, 2_000, 3_000)]
        assert codes[1] == 503 and max(codes[0], codes[2]) < 400
        assert names == [f"{route}-503"]

    def test_what_is_armed_strikes_any_route_even_one_of_which_no_scenario_speaks(self, route):
        mock, bearer = served(DOCUMENT, OTHER)
        request = self.request_of(route, mock, bearer)
        assert mock.arm({"route": route, "strike": "reset"}, 500).status == 200
        assert [mock.serve(request, now).response.status == 0 for now in (1_000, 2_000)] == [True, False]

    def test_a_fault_for_a_client_strikes_its_calls_and_nobody_elses(self, route):
        if route in WITHOUT_CLIENT:
            return
        mock, bearer = served(DOCUMENT)
        request = self.request_of(route, mock, bearer)
        own = CLI if route == "authorize" else DEMO.id
        for client in ("other", own):
            assert mock.arm({"route": route, "client": client, "calls": "1-9", "strike": "reset"}, 500).status == 200
        names = struck(mock)
        assert mock.serve(request, 1_000).response.status == 0
        assert names == [f"{route}-reset-2"]

    def test_a_fault_for_a_user_strikes_calls_with_a_token_of_theirs_alone(self, route):
        if route in WITHOUT_BEARER | WITHOUT_CLIENT:
            return
        mock, own = served(DOCUMENT)
        login = token_request("password", username=JANE.name, password=JANE.password)
        janes = str(read(mock.serve(login, 0).response)["access_token"])
        requests = [self.request_of(route, mock, bearer) for bearer in (own, janes)]
        assert mock.arm({"route": route, "user": "jane", "calls": "1-9", "strike": "reset"}, 500).status == 200
        assert [mock.serve(request, 1_000).response.status == 0 for request in requests] == [False, True]

    def test_a_fault_that_names_whom_nobody_knows_on_its_route_is_refused(self, route):
        mock, _ = served(DOCUMENT)
        for member, name, never in (
            ("client", "demo", route in WITHOUT_CLIENT),
            ("user", "jane", route in WITHOUT_CLIENT | WITHOUT_BEARER),
            ("scenario", "expense", route not in OF_A_JOB),
            ("job", "J", True),  # on status too: there is no job
        ):
            assert mock.arm({"route": route, member: name, "delay": "1s"}, 500).status == (400 if never else 200)

    def test_a_route_without_a_team_heeds_a_scenario_only_where_it_is_served_alone(self, route):
        own = DOCUMENT | {"latency": {route: "70ms"}, "faults": [{"route": route, "answer": 500}]}
        mock, bearer = served(own, OTHER)
        reply = mock.serve(self.request_of(route, mock, bearer), 1_000)
        assert (reply.latency, reply.response.status == 500) == ((70, True) if route in self.with_team else (0, False))


@pytest.mark.parametrize("route", KERNEL_ROUTES)
class TestEveryRoute(EveryRoute):
    pass


SHORT = {"lab": 1, "name": "short", "title": "x", "agent": {"code": "SHORT"}, "ask": "x",
         "steps": [{"work": "look-up", "takes": "1s"}, {"complete": "done", "output": "x"}]}  # fmt: skip


def test_a_fault_for_a_scenario_strikes_where_its_jobs_are_asked_of():
    travel = SHORT | {"name": "travel", "agent": {"code": "EXPENSES"}, "match": "Bus", "ask": "Bus 7"}
    mock, bearer = served(DOCUMENT, travel)
    assert mock.arm({"route": "status", "scenario": "travel", "calls": "1-9", "answer": 503}, 500).status == 200
    assert mock.arm({"route": "invoke", "scenario": "travel", "calls": "3", "answer": 503}, 500).status == 200
    jobs = [read(mock.serve(invoke(bearer, {"message": each}), 600).response)["jobId"] for each in ("Taxi 42", "Bus 7")]
    polls = [mock.serve(status(bearer, str(job), "EXPENSES"), 1_000).response.status for job in jobs]
    assert polls == [200, 503]
    # the calls about other scenarios aren't counted
    sent = [
        mock.serve(invoke(bearer, {"message": each}), 2_000).response.status for each in ("Taxi 1", "Bus 1", "Bus 2")
    ]
    assert sent == [202, 202, 503]


def test_a_fault_for_a_job_strikes_its_polls_under_any_of_its_ids():
    mock, bearer = served(DOCUMENT, resume_job_id="new", answer_by_message="on")
    first, other = (
        str(read(mock.serve(invoke(bearer, {"message": "Taxi 42"}), 0).response)["jobId"]) for _ in range(2)
    )
    again = str(read(mock.serve(invoke(bearer, {"message": "yes", "jobId": first}), 3_000).response)["jobId"])
    assert again not in (first, other)
    assert mock.arm({"route": "status", "job": again, "calls": "1-2", "answer": 503}, 3_000).status == 200
    (armed, *_) = mock.faults()
    assert armed.fault["job"] == first
    polled = [
        mock.serve(status(bearer, job, "EXPENSES"), 3_100).response.status for job in (other, again, first, again)
    ]
    assert polled == [200, 503, 503, 200]


@each_row(("fault", "polled"), [({}, [503, 200, 200, 200]), ({"calls": 1}, [503, 200, 503, 200])])
def test_what_is_armed_for_the_next_call_strikes_no_other_jobs_and_with_calls_each_has_its_own(fault, polled):
    mock, bearer = served(DOCUMENT)
    jobs = [str(read(mock.serve(invoke(bearer, {"message": "Taxi 42"}), 0).response)["jobId"]) for _ in range(2)]
    assert mock.arm({"route": "status", "answer": 503, **fault}, 500).status == 200
    came = [mock.serve(status(bearer, job, "EXPENSES"), 1_000).response.status for job in jobs for _ in range(2)]
    assert came == polled


@each_row(
    ("fault", "why"),
    [
        ({"step": "reed"}, "there is no step reed (did you mean read?)"),
        ({"step": "look-up"}, None),
        ({"step": "look-up", "scenario": "expense"},
         "there is no step look-up (there are: done, read, settle-up, the-boss)"),
        ({"step": "again"}, None),
        ({"scenario": "expence"}, "there is no scenario expence (did you mean expense?)"),
        ({"client": "dmo"}, "there is no client dmo (did you mean demo?)"),
        ({"user": "janet"}, "there is no user janet (did you mean jane?)"),
        ({"job": "J"}, "there is no job J (GET /_lab/jobs lists them)"),
        ({"job": "«own»", "scenario": "expense"}, None),
        ({"job": "«own»", "scenario": "short"}, "the job plays expense (leave scenario out)"),
        ({"job": "«own»", "step": "look-up"}, "there is no step look-up (there are: done, read, settle-up, the-boss)"),
        ({"step": "x", "user": "y"},
         "there is no step x (there are: again, done, look-up, read, settle-up, the-boss); "
         "there is no user y (there are: jane)"),
    ],
)  # fmt: skip
def test_what_an_armed_fault_names_must_be_there(fault, why):
    turns = [{"ask": "y", "steps": [{"work": "again", "takes": "1s"}, {"complete": "done", "output": "x"}]}]
    mock, bearer = served(DOCUMENT, SHORT | {"turns": turns})
    job = str(read(mock.serve(invoke(bearer, {"message": "Taxi 42"}), 0).response)["jobId"])
    own = {member: name.replace("«own»", job) for member, name in fault.items()}
    done = mock.arm({"route": "status", "answer": 503, **own}, 1_000)
    assert done.why == ("status-503" if why is None else f"This is no fault: {why.replace('«own»', job)}.")
    assert done.status == (200 if why is None else 400)


def test_a_step_that_an_edit_took_away_is_still_that_of_older_jobs():
    mock, _ = served(DOCUMENT)
    mock.load(program_of(parsed(Scenario, SHORT | {"name": "expense"})), 1_000)
    for step in ("read", "look-up"):
        assert mock.arm({"route": "status", "step": step, "answer": 503}, 2_000).status == 200


def test_with_any_client_a_fault_may_name_one_that_nobody_registered():
    mock, _ = served(DOCUMENT, clients="any")
    assert mock.arm({"route": "token", "client": "stranger", "answer": 503}, 0).status == 200


@each_row("route", sorted(OF_A_FORM))
def test_where_a_form_is_sent_a_fault_refuses_in_the_words_of_oauth(route):
    fault = {"route": route, "calls": BEFORE[route] + 1, "answer": 400, "error": "invalid_scope"}
    mock, bearer = served(DOCUMENT | {"faults": [fault]})
    body = read(mock.serve(served_request(route, mock, bearer), 1_000).response)
    assert body["error"] == "invalid_scope" and "message" not in body


@each_row(
    "request_of",
    [
        lambda bearer: Request("GET", "/fscmRestApi/anticsrf"), lambda bearer: authorize_request(response_type="x"),
        lambda bearer: Request("GET", "/oauth2/v1/authorize"), lambda bearer: form_post("/oauth2/v1/revoke"),
        lambda bearer: post(f"{API}/agent/v1/documents", bearer, {}), lambda bearer: Request("GET", WORKFLOWS),
        lambda bearer: post(ROUTER.path("invoke", code="NOBODYS"), bearer, {"message": "Taxi 42"}),
    ],
)  # fmt: skip
def test_a_call_that_is_refused_anyway_is_neither_withheld_nor_counted(request_of):
    every = ("anticsrf", "authorize", "revoke", "documents", "workflows", "invoke")
    faults = [{"route": route, "answer": 503, "name": route} for route in every]
    mock, bearer = served(DOCUMENT | {"latency": dict.fromkeys(every, "70ms"), "faults": faults})
    reply = mock.serve(request_of(bearer), 1_000)
    assert (reply.latency, reply.struck) == (0, None) and reply.response.status in (302, 400, 401, 404)
    assert not any(isinstance(fact, CallCounted) for fact in reply.facts)


def test_a_document_that_is_struck_was_never_taken():
    mock, bearer = served(DOCUMENT | {"faults": [{"route": "documents", "answer": 503}]})
    request = served_request("documents", mock, bearer)
    mock.serve(request, 1_000)
    plain, other = served(DOCUMENT)
    assert mock.serve(request, 2_000).response == plain.serve(served_request("documents", plain, other), 2_000).response


def test_a_token_expires_on_any_route_that_asks_for_one():
    mock, bearer = served(DOCUMENT | {"faults": [{"route": "workflows", "expire_token": True}]})
    assert [mock.serve(served_request("workflows", mock, bearer), now).response.status for now in (1_000, 2_000)] == [
        401,
        401,
    ]
    assert mock.serve(served_request("invoke", mock, bearer), 3_000).response.status == 401


def test_on_the_keys_it_expires_where_they_ask_for_one():
    for switches, answers in (({}, [401, 401, 401]), ({"jwks_auth": "off"}, [200, 200, 200])):
        mock, bearer = served(DOCUMENT | {"faults": [{"route": "jwks", "expire_token": True}]}, **switches)
        request = Request("GET", ROUTER.path("jwks"), "", (("authorization", f"Bearer {bearer}"),))
        found = [mock.serve(request, now).response.status for now in (1_000, 2_000)]
        assert [*found, mock.serve(served_request("workflows", mock, bearer), 3_000).response.status] == answers


def test_the_members_of_any_json_answer_can_be_odd_or_left_out():
    faults = [{"route": "relay", "odd_body": True, "omit": ["principal"]}]
    mock, bearer = served(DOCUMENT | {"faults": faults})
    body = read(mock.serve(served_request("relay", mock, bearer), 1_000).response)
    assert body["token_type"] == "JWT" and "principal" not in body and "engineRelease" in body


def test_a_redirect_leads_to_what_was_asked_for_at_this_origin_or_another():
    faults = [{"route": "status", "calls": 1, "redirect": "same"}, {"route": "invoke", "redirect": "other"}]
    mock, bearer = served(DOCUMENT | {"faults": faults})
    request = served_request("invoke", mock, bearer)
    reply = mock.serve(replace(request, query="a=1"), 1_000)
    assert (reply.response.status, reply.job) == (307, None)
    assert reply.response.header("location") == f"http://decoy.invalid{request.path}?a=1"
    poll = status(bearer, read(mock.serve(request, 2_000).response)["jobId"])
    assert mock.serve(poll, 3_000).response.header("location") == poll.path
    assert mock.serve(poll, 4_000).response.status == 200


@each_row(("redirect", "origin"), [("same", ""), ("other", "http://decoy.invalid")])
def test_a_redirect_names_no_host_that_only_the_request_named(redirect, origin):
    mock, bearer = served(DOCUMENT | {"faults": [{"route": "invoke", "redirect": redirect}]})
    request = served_request("invoke", mock, bearer)
    reply = mock.serve(replace(request, path="/" + request.path), 1_000)  # its first part would be a host
    assert reply.response.header("location") == origin + request.path


def by(route, mock, bearer):
    return mock.serve(served_request(route, mock, bearer), 1_000).response.status == 503


@each_row(
    ("named", "strikes"),
    [
        ("stream", {"stream", "chat", "debug"}), ("chat", {"chat"}), ("debug", {"debug"}), ("invoke", {"invoke"}),
    ],
)  # fmt: skip
def test_a_call_goes_by_its_route_and_by_what_is_asked(named, strikes):
    mock, bearer = served(DOCUMENT | {"faults": [{"route": named, "calls": "every 1", "answer": 503}]})
    routes = ("invoke", "stream", "chat", "debug")
    assert {route for route in routes if by(route, mock, bearer)} == strikes


def test_the_first_in_the_list_strikes_whichever_of_its_names_the_call_goes_by():
    faults = [{"route": "chat", "calls": 2, "answer": 503}, {"route": "stream", "calls": "1-2", "answer": 500}]
    mock, bearer = served(DOCUMENT | {"faults": faults})
    names = struck(mock)
    for now in (1_000, 2_000, 3_000):
        mock.serve(served_request("chat", mock, bearer), now)
    assert names == ["stream-500", "chat-503"]


def test_a_stream_is_withheld_as_an_invoke_is_unless_it_has_a_latency_of_its_own():
    mock, bearer = served(DOCUMENT | {"latency": {"invoke": "30ms", "chat": "70ms"}})
    routes = ("invoke", "stream", "chat", "debug")
    assert [mock.serve(served_request(route, mock, bearer), 1_000).latency for route in routes] == [30, 30, 70, 30]


def test_calls_by_nobody_known_are_counted_together_and_a_clients_apart():
    faults = [{"route": "jwks", "calls": 2, "answer": 503}, {"route": "workflows", "calls": 2, "answer": 503}]
    mock, bearer = served(DOCUMENT | {"faults": faults}, jwks_auth="off")
    other = token(mock, client=mock.config.clients[1])
    assert [by("jwks", mock, each) for each in (bearer, other)] == [False, True]
    assert [by("workflows", mock, each) for each in (bearer, other, bearer, other)] == [False, False, True, True]
