"""The wire contract at the core: requests in, replies out, nothing in between."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from lab.core.exchange import Request
from lab.core.observe import Noted
from lab.dialects.fusion.routes import API
from lab.identity.clients import DEMO
from lab.identity.facts import TokenGranted
from lab.jobs.facts import GateDecided, JobAccepted, WaitEnded
from lab.mock.service import Service
from tests.conftest import each_row
from tests.wire_peer import DOCUMENT, EPOCH, OTHER, SCOPE, basic, form, invoke, read, service, status, token

RIGHT = basic(DEMO.id, DEMO.secret)
KEYS = (
    "input output progressMessage error followUpQuestions jobId conversationId traceId status supportingChunks "
    "citations nodes waitingToolCode workflowCode workflowName architecture workflowVersion workflowStatus startDate "
    "endTime createDate endDate timeTaken inputTokenCount outputTokenCount waitingNodeDetails preview"
).split()
ASK = {"message": "Taxi 42", "conversational": True, "conversationId": None}


def started(**more):
    mock = service()
    bearer = token(mock)
    reply = mock.serve(invoke(bearer, ASK | more), 1_000)
    return mock, bearer, read(reply.response)


# The token endpoint (contract.md §7.4)


@each_row(
    ("request_", "code", "error"),
    [
        (form(authorization=RIGHT), 200, None),
        (form(authorization="basic " + RIGHT[6:]), 200, None),
        (form(authorization=basic(DEMO.id, "lab-secret-a%3Ab%2Fc%2Bd%25e")), 200, None),
        (form(f"grant_type=client_credentials&scope={SCOPE}&client_id=demo&client_secret=lab-secret-a:b/c%2Bd%25e"), 200, None),
        (form(authorization=basic(DEMO.id, "wrong")), 401, "invalid_client"),
        (form(authorization=basic("nobody", DEMO.secret)), 401, "invalid_client"),
        (form(f"grant_type=client_credentials&scope={SCOPE}&client_id=demo&client_secret=x"), 401, "invalid_client"),
        (form(), 401, "invalid_client"),
        (form(authorization="Basic !!!"), 401, "invalid_client"),
        (form(authorization="Basic ZGVtbw=="), 401, "invalid_client"),
        (form(authorization=basic("", "x")), 401, "invalid_client"),
        (form(authorization="Bearer x"), 401, "invalid_client"),
        (form(f"grant_type=client_credentials&scope={SCOPE}&client_secret=x", authorization=RIGHT), 400, "invalid_request"),
        (form(f"scope={SCOPE}", authorization=RIGHT), 400, "invalid_request"),
        (form(f"grant_type=&scope={SCOPE}", authorization=RIGHT), 400, "invalid_request"),
        (form(f"grant_type=Client_Credentials&scope={SCOPE}", authorization=RIGHT), 400, "unsupported_grant_type"),
        (form("grant_type=client_credentials", authorization=RIGHT), 400, "invalid_scope"),
        (form("grant_type=client_credentials&scope=urn:opc:resource:consumer::all", authorization=RIGHT), 400, "invalid_scope"),
        (form(f"grant_type=client_credentials&scope={SCOPE[:-1]}", authorization=RIGHT), 400, "invalid_scope"),
        (form(f"grant_type=client_credentials&scope={SCOPE}&scope={SCOPE}", authorization=RIGHT), 400, "invalid_request"),
        (form("a=1&" * 101 + "grant_type=client_credentials", authorization=RIGHT), 400, "invalid_request"),
        (form("{}", authorization=RIGHT, content_type="application/json"), 400, "invalid_request"),
        (form("grant_type=%ff", authorization=RIGHT), 400, "invalid_request"),
        *(
            (form(f"grant_type=client_credentials&scope={SCOPE}+urn:opc:resource:expiry={n}", authorization=RIGHT), 400, "invalid_scope")
            for n in ("-1", "abc", "1e9", "0", "60+urn:opc:resource:expiry=60")
        ),
    ],
)  # fmt: skip
def test_the_token_endpoint_answers_by_its_table(request_, code, error):
    response = service().serve(request_, 0).response
    assert response.status == code
    body = read(response)
    assert body.get("error") == error
    assert response.header("cache-control") == "no-store" and response.header("pragma") == "no-cache"
    assert (response.header("www-authenticate") == 'Basic realm="lab"') == (code == 401)
    if code == 200:
        assert list(body) == ["access_token", "token_type", "expires_in"]
        assert body["token_type"] == "Bearer" and body["expires_in"] == 3600
    else:
        assert list(body) == ["error", "error_description", "ecid"]
        assert not set('"\\') & set(body["error_description"]) and body["error_description"].isascii()


def test_a_secret_in_the_url_is_refused_and_flagged():
    request = Request("POST", "/oauth2/v1/token", "client_secret=x", form().headers, form().body)
    reply = service().serve(request, 0)
    assert (reply.response.status, reply.flags) == (400, ("secret_in_uri",))


@each_row(("wanted", "got"), [(60, 60), (1, 60), (599, 599), (7200, 3600)])
def test_a_request_may_name_a_lifetime(wanted, got):
    scope = f"{SCOPE}+urn:opc:resource:expiry={wanted}"
    mock = service()
    reply = mock.serve(form(f"grant_type=client_credentials&scope={scope}", authorization=RIGHT), 0)
    assert read(reply.response)["expires_in"] == got


def test_the_token_is_a_signed_jwt_on_the_labs_clock():
    import jwt
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    from lab.identity.testkey import PRIVATE_PEM

    key = load_pem_private_key(PRIVATE_PEM.encode(), None).public_key()
    claims = jwt.decode(
        token(service(), 90_500), key, ["RS256"], options={"verify_exp": False, "verify_iat": False}, audience=SCOPE
    )
    assert (claims["iat"], claims["exp"]) == (EPOCH + 90, EPOCH + 3_690)
    assert (claims["sub"], claims["sub_type"], claims["iss"]) == ("demo", "client", "https://identity.oraclecloud.com/")


# The bearer (contract.md §7.5)


def bearer_answer(mock, now=10, **headers):
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return mock.serve(Request("GET", f"{API}/agent/v2/EXPENSES/status/x", headers=pairs), now).response


def test_a_bearer_is_challenged_as_rfc_6750_says():
    mock = service()
    good = token(mock)
    none = bearer_answer(mock)
    assert none.status == 401 and none.header("www-authenticate") == 'Bearer realm="lab"'
    basic_ = bearer_answer(mock, authorization=RIGHT)
    assert basic_.status == 401 and basic_.header("www-authenticate") == 'Bearer realm="lab"'
    forged = bearer_answer(mock, authorization="Bearer eyJ.x.y")
    assert forged.status == 401 and 'error="invalid_token"' in forged.header("www-authenticate")
    for value in ("Bearer", "Bearer ", f"Bearer {good}, {good}", f"Bearer {good} {good}"):
        response = bearer_answer(mock, authorization=value)
        assert response.status == 400 and 'error="invalid_request"' in response.header("www-authenticate"), value
    assert bearer_answer(mock, authorization=f"bearer {good}").status == 404
    assert bearer_answer(mock, authorization=f"Bearer {good}").status == 404
    narrow = token(mock, scope=SCOPE + "lab.none")
    refused = bearer_answer(mock, authorization=f"Bearer {narrow}")
    assert refused.status == 403 and f'scope="{SCOPE}"' in refused.header("www-authenticate")


@each_row(("now", "code"), [(3_599_999, 404), (3_600_000, 401)])
def test_a_token_is_good_until_its_exp_and_no_longer(now, code):
    mock = service()
    assert bearer_answer(mock, now, authorization=f"Bearer {token(mock)}").status == code


def test_a_cookie_alone_is_sent_to_the_relay():
    hint = read(bearer_answer(service(), cookie="JSESSIONID=x"))["userDetails"]
    assert hint == "A browser's login does not open this API; use the token relay."


def test_two_authorization_headers_are_refused():
    mock = service()
    value = f"Bearer {token(mock)}"
    request = Request("GET", f"{API}/agent/v2/EXPENSES/status/x", headers=(("authorization", value),) * 2)
    assert mock.serve(request, 0).response.status == 400


def test_a_token_can_be_ended_from_outside():
    mock = service()
    bearer = token(mock)
    assert mock.end_tokens("demo", "revoke", 10).status == 200
    assert bearer_answer(mock, authorization=f"Bearer {bearer}").status == 401
    assert mock.end_tokens("nobody", "revoke", 10).status == 404


# Paths and methods (contract.md §2.5, §2.6)


@each_row(
    ("method", "path", "code", "hint"),
    [
        ("GET", f"{API}/agent/v2/EXPENSES/invokeAsync/J", 404, "Poll GET"),
        ("GET", f"{API}/agent/v2/status/J", 404, "team code belongs"),
        ("GET", f"{API}/agent/v2/EXPENSES", 404, "Add /status"),
        ("GET", "/orchestrator/agent/v2/EXPENSES/status/J", 404, "Put /api/fusion-ai"),
        ("GET", "/orchestrator", 404, "Put /api/fusion-ai"),
        ("GET", "/orchestrator/agent/v2/EXPENSES/jobs", 404, "Put /api/fusion-ai"),
        ("POST", f"{API}/agent/v2/EXPENSES/status/J/cancel", 404, "no such operation"),
        ("GET", f"{API}/agent/v2/EXPENSES/jobs", 404, "no such operation"),
        ("GET", f"{API}/agent/v1/EXPENSES/status", 404, "no such operation"),
        ("GET", f"{API}/jobs", 404, "no such operation"),
        ("DELETE", f"{API}/agent/v2/EXPENSES/jobs/J", 404, "no such operation"),
        *(
            ("POST", f"{API}/agent/v2/{word}", 404, "no such operation")
            for word in ("cancel", "resume", "approve", "feedback", "jobs")
        ),
        ("GET", f"{API}/agent/v2/EXPENSES/status/J/", 404, "final slash"),
        ("GET", f"{API}/agent/v2/EXPENSES/../EXPENSES/status/J", 404, "lab openapi prints every path"),
        ("GET", "/oauth2/v1/../v1/token", 404, ""),
        ("GET", f"{API}/agent/v2/%2e%2e%2f/status/J", 404, "lab openapi prints every path"),
        ("GET", "/_lab/health", 404, ""),
        ("DELETE", f"{API}/agent/v2/EXPENSES/status/J", 405, "Use GET."),
        ("HEAD", f"{API}/agent/v2/EXPENSES/status/J", 405, "Use GET."),
        ("GET", f"{API}/agent/v2/EXPENSES/invokeAsync", 405, "Use POST."),
        ("GET", "/oauth2/v1/token", 405, "Use POST."),
    ],
)
def test_what_must_not_exist_answers_with_a_hint(method, path, code, hint):
    response = service().serve(Request(method, path), 0).response
    assert response.status == code
    body = read(response)
    assert list(body) == ["message", "status", "userDetails"]
    assert body["status"] == f"FAI-{code}00" and hint in body["userDetails"]
    assert (response.header("allow") is not None) == (code == 405)
    assert read(service(hints=False).serve(Request(method, path), 0).response)["userDetails"] == ""


def test_runs_of_slashes_count_as_one_and_are_noted():
    mock, bearer, body = started()
    request = status(bearer, body["jobId"])
    doubled = Request("GET", "/" + request.path, headers=request.headers)
    reply = mock.serve(doubled, 1_000)
    assert (reply.response.status, reply.flags) == (200, ("double_slash",))


# invokeAsync (contract.md §3)


@each_row(
    ("body", "code"),
    [
        (ASK, 202),
        ({"message": "Taxi 42"}, 202),
        ({"message": {"content": [{"type": "text", "text": "Taxi"}, {"type": "text", "text": "42"}]}}, 202),
        ({"message": "Taxi 42", "version": "3", "conversational": "true"}, 202),
        ({"message": "Taxi 42", "version": 3.0}, 202), ({"message": "Taxi 42", "version": 3.5}, 400),
        ({"message": "Taxi 42", "novel": 1}, 202),
        ({"message": "Taxi 42", "conversational": None, "version": None}, 202),
        ({"message": "", "parameters": {"a": {"value": 1}}}, 202),
        ({"message": "", "triggerType": "schedule"}, 202),
        ({"message": "\ud800"}, 202),
        (b'\xef\xbb\xbf{"message":"Taxi 42"}', 202),
        (b"", 400), (b"null", 400), (b"[]", 400), (b'"x"', 400), (b"1", 400),
        (b'{"message":"x"', 400), (b'{"message":"x",}', 400), (b"{'message':'x'}", 400),
        ('{"message":"x"}'.encode("utf-16"), 400),
        (b'{"message":"x","n":NaN}', 400), (b'{"message":"x","n":1e999}', 400),
        (b'{"a":' * 1000 + b"1" + b"}" * 1000, 400),
        (b'{"message":"x","n":' + b"[" * 100_000, 400),
        (b'{"message":"x","n":' + b"9" * 5000 + b"}", 400),
        (b'{"message":"x","message":"y"}', 400),
        ({}, 400), ({"message": ""}, 400), ({"message": "  "}, 400),
        ({"message": 7}, 400), ({"message": "x", "parameters": []}, 400), ({"message": "x", "version": 0}, 400),
        ({"message": "x", "conversational": "yes"}, 400), ({"message": "x", "status": "LIVE"}, 400),
        ({"message": "x", "invocationMode": "ROOT"}, 400), ({"message": "x", "conversationId": "a" * 201}, 400),
        ({"message": "x", "version": 4}, 202),
    ],
)  # fmt: skip
def test_an_invoke_is_accepted_or_named_at_fault(body, code):
    mock = service()
    response = mock.serve(invoke(token(mock), body), 5).response
    assert response.status == code, response.body
    if code == 202:
        assert list(read(response)) == KEYS
    else:
        assert list(read(response)) == ["message", "status", "userDetails"]
        assert not list(mock.jobs())


@each_row("kind", ["", "text/plain", "application/json; charset=latin1"])
def test_another_content_type_is_415(kind):
    mock = service()
    assert mock.serve(invoke(token(mock), ASK, content_type=kind), 0).response.status == 415


def test_flags_note_what_was_tolerated():
    mock = service()
    body = {
        "message": "Taxi 42",
        "version": "3",
        "novel": 1,
        "conversationId": "c",
        "workflowCode": "X",
        "agentCodes": [],
    }
    reply = mock.serve(invoke(token(mock), body), 0)
    assert reply.flags == ("code_differs", "ignored_conversation_id", "unknown_field", "unused_field", "wrong_type")


MIXED = DOCUMENT | {"name": "mixed", "agent": {"code": "Sales_Order_Assistant_Demo", "version": 3}}
LOUD = DOCUMENT | {"name": "loud", "agent": {"code": "SALES_ORDER_ASSISTANT_DEMO"}}


def test_codes_are_compared_with_case():
    mock = service(MIXED, LOUD)
    bearer = token(mock)
    for document in (MIXED, LOUD):
        code = document["agent"]["code"]
        body = read(mock.serve(invoke(bearer, ASK, code=code), 0).response)
        assert (body["workflowCode"], json.loads(body["input"])["workflowCode"]) == (code, code)
        assert mock.serve(status(bearer, body["jobId"], code), 0).response.status == 200
    assert mock.serve(status(bearer, body["jobId"], MIXED["agent"]["code"]), 0).response.status == 404


@each_row("profile", ["oci", "rfc"])
@each_row(
    ("code", "documents", "written"),
    [
        ("sales_order_assistant_demo", (MIXED,), "is written Sales_Order_Assistant_Demo."),
        ("Sales_Order_ASSISTANT_demo", (MIXED, LOUD), "SALES_ORDER_ASSISTANT_DEMO or Sales_Order_Assistant_Demo."),
        ("Sales_Order_Assistant_Dem", (MIXED, LOUD), "did you mean Sales_Order_Assistant_Demo?"),
        ("EXPENSES", (MIXED, LOUD), "letter by letter"),
    ],
)
def test_the_404_of_a_code_that_is_nearly_that_of_a_team_names_the_right_one(code, documents, written, profile):
    for hints in ("on", "off"):
        mock = service(*documents, hints=hints, profile=profile)
        bearer = token(mock)
        for request in (invoke(bearer, ASK, code), status(bearer, "x", code), invoke(bearer, {}, code)):
            response = mock.serve(request, 0).response
            assert response.status == 404 and b"Workflow not found." in response.body
            assert (written.encode() in response.body) == (hints == "on")


def test_an_unknown_or_unpublished_team_is_404():
    mock = service()
    assert mock.serve(invoke(token(mock), ASK, code="NOPE"), 0).response.status == 404
    hidden = service(DOCUMENT | {"agent": {"code": "EXPENSES", "published": False}})
    bearer = token(hidden)
    assert hidden.serve(invoke(bearer, ASK), 0).response.status == 404
    assert hidden.serve(invoke(bearer, ASK | {"status": "DRAFT"}), 0).response.status == 202


def test_a_message_that_no_scenario_fits_ends_in_error_after_a_second():
    mock = service()
    bearer = token(mock)
    job = read(mock.serve(invoke(bearer, {"message": "Bus"}), 0).response)["jobId"]
    assert read(mock.serve(status(bearer, job), 999).response)["status"] == "RUNNING"
    body = read(mock.serve(status(bearer, job), 1_000).response)
    assert (body["status"], body["error"]) == ("ERROR", "No answer is defined for this message.")


def test_conversations_are_threaded_by_owner_and_team():
    mock, bearer, first = started()
    known = first["conversationId"]
    mock.decide(first["jobId"], "the-boss", "rejected", 4_000)
    second = read(mock.serve(invoke(bearer, ASK | {"conversationId": known}), 5_000).response)
    assert second["conversationId"] == known and second["jobId"] != first["jobId"]
    foreign = mock.serve(invoke(token(mock, client=OTHER), ASK | {"conversationId": known}), 5_000)
    assert foreign.response.status == 404
    adopted = read(mock.serve(invoke(bearer, ASK | {"conversationId": "my own"}), 5_000).response)
    assert adopted["conversationId"] == "my own"
    refusing = service(unknown_conversation="refuse")
    assert refusing.serve(invoke(token(refusing), ASK | {"conversationId": "my own"}), 0).response.status == 400
    one_shot = read(mock.serve(invoke(bearer, {"message": "Taxi 1"}), 5_000).response)
    assert one_shot["conversationId"] is None


# The job body (contract.md §4)


def test_the_body_has_27_keys_in_order_in_every_status():
    mock, bearer, body = started(progressMessage=True)
    job = body["jobId"]
    assert list(body) == KEYS and body["status"] == "RUNNING" and body["progressMessage"] is None
    running = read(mock.serve(status(bearer, job), 2_999).response)
    assert running["progressMessage"] == "Reading 42"
    waiting = read(mock.serve(status(bearer, job), 3_000).response)
    node = waiting["waitingNodeDetails"]
    assert waiting["status"] == "WAITING" and waiting["waitingToolCode"] == node["code"] == "THE_BOSS"
    assert (
        list(node)
        == (
            "code type channelType initialMessage requestChangeMessage maxIterationMessage currentIterationCount "
            "maxIteration feedbackEnabledFlag approvalEnabledFlag waitTimeInMinutes actionNames callbackToken"
        ).split()
    )
    assert node["initialMessage"].startswith("Pay 42 from ") and node["maxIteration"] == 2
    mock.decide(job, "the-boss", "approved", 4_000, comment="ok")
    wait = read(mock.serve(status(bearer, job), 4_000).response)["waitingNodeDetails"]
    assert (wait["type"], wait["waitTimeInMinutes"], wait["actionNames"]) == ("WAIT", 2, {})
    done = read(mock.serve(status(bearer, job), 94_000).response)
    assert (done["status"], done["output"], done["followUpQuestions"]) == ("COMPLETE", "Paid 42: ok", ["More?"])
    assert done["endTime"] == (EPOCH + 94) * 1000 and done["endDate"] == "2026-01-01T00:01:34.000+0000"
    assert done["createDate"] == "2026-01-01T00:00:01.000+0000" and done["startDate"] == (EPOCH + 1) * 1000
    for each in (running, waiting, done):
        assert list(each) == KEYS and each["input"] == body["input"] and each["traceId"] == body["traceId"]
    assert json.loads(body["input"])["jobId"] == job and len(json.loads(body["input"])) == 14


def test_the_body_is_constant_once_final():
    mock, bearer, body = started()
    bodies = {mock.serve(status(bearer, body["jobId"]), now).response.body for now in (70_000, 10**6, 3_000_000)}
    assert len(bodies) == 1


def test_a_job_is_seen_by_its_owner_under_its_team_only():
    mock, bearer, body = started()
    job = body["jobId"]
    foreign = token(mock, client=OTHER)
    for request in (
        status(foreign, job),
        status(bearer, job, "OTHER"),
        status(bearer, job.upper()),
        status(bearer, "x"),
    ):
        assert mock.serve(request, 2_000).response.status == 404
    assert mock.serve(status(bearer, job, version=1), 2_000).response.status == 200
    assert service(unknown_job=403).serve(status(token(service()), job), 0).response.status == 401
    strict = service(unknown_job=403)
    assert strict.serve(status(token(strict), job), 0).response.status == 403


# Gates over the API (contract.md §5.3, §5.4) and from outside


def resume(mock, bearer, job, now, action="APPROVE_ACTION", **more):
    node = read(mock.serve(status(bearer, job), now).response)["waitingNodeDetails"] or {}
    decision = {"messageInstanceId": node.get("callbackToken"), "userResponse": action, **more}
    return mock.serve(invoke(bearer, {"message": "", "jobId": job, "resumeInput": decision}), now).response


def test_a_chat_gate_is_answered_by_token():
    mock, bearer, body = started()
    response = resume(mock, bearer, body["jobId"], 5_000)
    assert response.status == 202 and read(response)["jobId"] == body["jobId"]
    assert read(response)["status"] == "WAITING" and read(response)["waitingNodeDetails"]["type"] == "WAIT"


@each_row(
    ("text", "status_", "round_"),
    [("Approve", "WAITING", 0), (" yes ", "WAITING", 0), ("REJECT", "COMPLETE", 0), ("no", "COMPLETE", 0), ("Cheaper", "RUNNING", 1)],
)  # fmt: skip
def test_a_chat_gate_is_answered_by_message(text, status_, round_):
    mock, bearer, body = started()
    conversation = body["conversationId"]
    again = {"message": text, "conversational": True, "conversationId": conversation}
    answer = read(mock.serve(invoke(bearer, again), 5_000).response)
    assert (answer["jobId"], answer["status"]) == (body["jobId"], status_)
    if round_:
        node = read(mock.serve(status(bearer, body["jobId"]), 7_000).response)["waitingNodeDetails"]
        assert node["currentIterationCount"] == 1
    off = service(answer_by_message=False)
    bearer = token(off)
    first = read(off.serve(invoke(bearer, ASK), 0).response)
    second = off.serve(invoke(bearer, again | {"conversationId": first["conversationId"]}), 3_000)
    assert read(second.response)["jobId"] != first["jobId"]


def test_a_callback_token_is_new_at_each_opening():
    mock, bearer, body = started()
    job = body["jobId"]
    old = read(mock.serve(status(bearer, job), 3_000).response)["waitingNodeDetails"]["callbackToken"]
    assert resume(mock, bearer, job, 3_000, "RFI_ACTION", content="Again").status == 202
    new = read(mock.serve(status(bearer, job), 5_000).response)["waitingNodeDetails"]["callbackToken"]
    assert new != old and len(new) == 32
    stale = {"messageInstanceId": old, "userResponse": "APPROVE_ACTION"}
    assert mock.serve(invoke(bearer, {"jobId": job, "resumeInput": stale}), 5_000).response.status == 409


def test_a_wait_can_be_ended_early_by_ora_timeout_only():
    mock, bearer, body = started()
    job = body["jobId"]
    resume(mock, bearer, job, 5_000)
    assert resume(mock, bearer, job, 6_000).status == 400
    assert read(resume(mock, bearer, job, 6_000, "ORA_TIMEOUT"))["status"] == "COMPLETE"


@each_row(
    ("decision", "code"),
    [
        ({"userResponse": "APPROVE_ACTION"}, 400),
        ({"messageInstanceId": "x", "userResponse": "MAYBE"}, 400),
        ({"messageInstanceId": "x", "userResponse": "RFI_ACTION"}, 400),
        ({"messageInstanceId": "x", "userResponse": "RFI_ACTION", "content": " "}, 400),
        ({"messageInstanceId": "x", "userResponse": "APPROVE_ACTION"}, 409),
    ],
)
def test_a_refused_answer_leaves_the_journal_as_it_was(decision, code):
    mock, bearer, body = started()
    facts = []
    mock.observers.append(lambda seen: facts.append(seen) if isinstance(seen, Noted) else None)
    request = invoke(bearer, {"jobId": body["jobId"], "resumeInput": decision})
    assert mock.serve(request, 5_000).response.status == code and not facts
    assert mock.serve(invoke(bearer, {"jobId": "x", "resumeInput": decision}), 5_000).response.status in (400, 404)


def test_early_late_and_repeated_decisions_are_refused_with_the_reason():
    mock, _, body = started()
    job = body["jobId"]
    early = mock.decide(job, "the-boss", "approved", 2_999)
    assert (early.status, "not reached" in early.why) == (409, True)
    assert mock.decide(job, "THE_BOSS", "changes-requested", 3_000).status == 409
    assert mock.decide(job, "nobody", "approved", 3_000).status == 404
    assert mock.decide("x", "the-boss", "approved", 3_000).status == 404
    assert mock.decide(job, "the-boss", "maybe", 3_000).status == 400
    assert mock.decide(job, "THE_BOSS", "approved", 3_000, name="ann").status == 200
    again = mock.decide(job, "the-boss", "approved", 3_000)
    assert again.status == 409 and "ann" in again.why and "00:02.0" in again.why
    late_mock, _, late_body = started()
    late = late_mock.decide(late_body["jobId"], "the-boss", "approved", 63_000)
    assert late.status == 409 and "timed out" in late.why


INPUT_GATE = DOCUMENT | {
    "match": None, "steps": [{"gate": "note", "asks": "Which?", "approval": False, "patience": "1m"}, {"complete": "done", "output": "{{ decisions.note.comment }}"}]
}  # fmt: skip


@each_row(
    ("action", "code"),
    [("RFI_ACTION", 202), ("APPROVE_ACTION", 400), ("REJECT_ACTION", 400)],
)
def test_a_gate_without_approval_offers_input_alone(action, code):
    mock = service(INPUT_GATE)
    bearer = token(mock)
    job = read(mock.serve(invoke(bearer, ASK), 0).response)["jobId"]
    key = read(mock.serve(status(bearer, job), 0).response)["waitingNodeDetails"]["callbackToken"]
    resume = {"messageInstanceId": key, "userResponse": action, "content": "The red one"}
    response = mock.serve(invoke(bearer, {"jobId": job, "resumeInput": resume}), 1).response
    assert response.status == code
    if code == 400:
        assert read(response)["userDetails"].startswith("It offers RFI_ACTION (")
    assert read(mock.serve(status(bearer, job), 1).response)["output"] == (None if code == 400 else "The red one")


def test_an_email_gate_is_not_answered_over_the_api():
    steps = [dict(step) for step in DOCUMENT["steps"]]
    steps[1] = steps[1] | {"channel": "EMAIL"}
    mock = service(DOCUMENT | {"steps": steps})
    bearer = token(mock)
    body = read(mock.serve(invoke(bearer, ASK), 0).response)
    node = read(mock.serve(status(bearer, body["jobId"]), 3_000).response)["waitingNodeDetails"]
    assert node["callbackToken"] is None and node["channelType"] == "EMAIL"
    decision = {"messageInstanceId": "x", "userResponse": "APPROVE_ACTION"}
    response = mock.serve(invoke(bearer, {"jobId": body["jobId"], "resumeInput": decision}), 3_000).response
    assert response.status == 409 and "outside the API" in read(response)["message"]
    assert mock.decide(body["jobId"], "the-boss", "approved", 3_000).status == 200


# The switches (contract.md §10)

SLASHED = "//api/fusion-ai/orchestrator/agent/v2/EXPENSES/invokeAsync"


def switched(**switches):
    mock = service(**switches)
    return mock, token(mock)


@each_row(
    ("switches", "body", "code"),
    [
        ({"invoke_status": 200}, ASK, 200),
        ({"types": "strict"}, ASK | {"conversational": "true"}, 400),
        ({"types": "strict"}, ASK | {"version": "3"}, 400),
        ({"profile": "rfc"}, ASK | {"version": "3"}, 400),
        ({"profile": "rfc", "types": "lenient"}, ASK | {"version": "3"}, 202),
        ({"message_shape": "string"}, {"message": {"content": [{"text": "Taxi 42"}]}}, 400),
        ({"unknown_fields": "refuse"}, ASK | {"mesage": "x"}, 400),
        ({"version_check": "off"}, ASK | {"version": 99}, 202),
        ({"version_check": "refuse"}, ASK | {"version": 99}, 403),
        ({"service_tokens": "refused"}, ASK, 403),
    ],
)
def test_a_switch_changes_whether_an_invoke_is_taken(switches, body, code):
    mock, bearer = switched(**switches)
    assert mock.serve(invoke(bearer, body), 0).response.status == code


@each_row(
    ("part", "code", "flags"),
    [
        ({"type": "text", "text": "Taxi 42"}, 202, ()),
        ({"text": "Taxi 42"}, 202, ("wrong_type",)),
        ({"type": "image", "text": "Taxi 42"}, 400, ()),
        ({"type": None, "text": "Taxi 42"}, 400, ()),
        ({"type": "text"}, 400, ()),
        ("Taxi 42", 400, ()),
    ],
)
@each_row("profile", ["oci", "rfc"])
def test_a_message_in_parts_is_of_text_parts(part, code, flags, profile):
    mock, bearer = switched(profile=profile)
    reply = mock.serve(invoke(bearer, {"message": {"content": [{"type": "text", "text": "Well,"}, part]}}), 0)
    assert (reply.response.status, reply.flags) == (code, flags)


@each_row("style", ["fusion", "problem"])
def test_without_hints_the_reasons_of_a_refused_answer_still_stand(style):
    mock, bearer = switched(hints="off", error_body=style)
    job = read(mock.serve(invoke(bearer, ASK), 0).response)["jobId"]

    def advice(now, action, key="x", **more):
        resume = {"messageInstanceId": key, "userResponse": action}
        body = read(mock.serve(invoke(bearer, {"jobId": job, "resumeInput": resume, **more}), now).response)
        return body["userDetails"] if style == "fusion" else body["detail"]

    def key(now):
        return read(mock.serve(status(bearer, job), now).response)["waitingNodeDetails"]["callbackToken"]

    assert "not reached the gate" in advice(1_000, "APPROVE_ACTION")
    assert "It offers APPROVE_ACTION (" in advice(2_000, "ORA_TIMEOUT", key(2_000))
    mock.decide(job, "the-boss", "approved", 2_000)
    assert "It offers ORA_TIMEOUT" in advice(2_001, "APPROVE_ACTION", key(2_001))
    assert "was already decided: approved by" in advice(200_000, "APPROVE_ACTION")
    blank = read(mock.serve(invoke(bearer, {"message": ""}), 0).response)
    assert blank.get("userDetails", "") == "" and "Say what" not in blank.get("detail", "")


def test_a_version_that_is_not_checked_is_echoed():
    mock, bearer = switched(version_check="off")
    body = read(mock.serve(invoke(bearer, ASK | {"version": 99}), 0).response)
    assert body["workflowVersion"] == json.loads(body["input"])["version"] == 99
    mock, bearer = switched(version_check="off")
    assert read(mock.serve(invoke(bearer, ASK), 0).response)["workflowVersion"] == 3


def test_an_unknown_field_is_refused_with_the_nearest_name():
    mock, bearer = switched(unknown_fields="refuse")
    body = read(mock.serve(invoke(bearer, ASK | {"mesage": "x"}), 0).response)
    assert body["userDetails"] == "Did you mean message?"


def test_error_bodies_can_be_problem_details():
    for switches in ({"error_body": "problem"}, {"profile": "rfc"}):
        mock, bearer = switched(**switches)
        response = mock.serve(status(bearer, "nope"), 0).response
        assert response.header("content-type") == "application/problem+json"
        assert list(read(response)) == ["type", "title", "status", "detail", "code"]
        assert read(response)["code"] == "FAI-40400" and read(response)["title"] == "Not Found"


def test_an_unpublished_team_may_be_403():
    mock = service(DOCUMENT | {"agent": {"code": "EXPENSES", "published": False}}, unpublished=403)
    assert mock.serve(invoke(token(mock), ASK), 0).response.status == 403


def test_double_slashes_can_be_refused():
    mock, bearer = switched(double_slash="refuse")
    plain = invoke(bearer, ASK)
    response = mock.serve(Request("POST", SLASHED, "", plain.headers, plain.body), 0).response
    assert response.status == 404 and "base URL" in read(response)["userDetails"]


def test_a_202_can_say_where_to_poll():
    mock, bearer = switched(location_header="on")
    response = mock.serve(invoke(bearer, ASK), 0).response
    assert response.header("location").endswith(f"/EXPENSES/status/{read(response)['jobId']}")
    assert response.header("retry-after") == "2"
    assert service().serve(invoke(token(service()), ASK), 0).response.header("location") is None


def test_where_to_poll_is_an_absolute_url_with_the_path_of_the_request():
    mock, bearer = switched(location_header="on", idempotency_key="on")
    origin = mock.config.origin
    for version in (1, 2):
        plain = invoke(bearer, ASK, idempotency_key=f"k{version}")
        request = replace(plain, path=plain.path.replace("/v2/", f"/v{version}/"))
        for _ in range(2):
            where = mock.serve(request, 0).response.header("location")
            assert where.startswith(f"{origin}{API}/agent/v{version}/EXPENSES/status/")
            assert mock.serve(replace(status(bearer, ""), path=where.removeprefix(origin)), 0).response.status == 200


def test_an_absent_flag_can_count_as_conversational():
    mock, bearer = switched(conversational_default="on")
    assert read(mock.serve(invoke(bearer, {"message": "Taxi 1"}), 0).response)["conversationId"]


def test_a_one_shot_can_show_an_id_that_is_never_honoured():
    mock, bearer = switched(one_shot_conversation_id="fresh", unknown_conversation="refuse")
    shown = read(mock.serve(invoke(bearer, {"message": "Taxi 1"}), 0).response)["conversationId"]
    assert len(shown) == 36
    assert mock.serve(invoke(bearer, ASK | {"conversationId": shown}), 0).response.status == 400


def test_a_busy_conversation_can_be_refused():
    for word, code in (("accept", 202), ("refuse", 409)):
        mock, bearer = switched(busy_conversation=word)
        thread = read(mock.serve(invoke(bearer, ASK), 0).response)["conversationId"]
        assert mock.serve(invoke(bearer, ASK | {"conversationId": thread}), 1_000).response.status == code


def test_a_wait_can_look_like_running_and_refuse_its_early_end():
    mock, bearer = switched(wait_status="RUNNING")
    job = read(mock.serve(invoke(bearer, ASK), 0).response)["jobId"]
    mock.decide(job, "the-boss", "approved", 2_000)
    body = read(mock.serve(status(bearer, job), 2_000).response)
    assert (body["status"], body["waitingNodeDetails"], body["waitingToolCode"]) == ("RUNNING", None, None)
    stubborn, bearer = switched(timeout_action="off")
    job = read(stubborn.serve(invoke(bearer, ASK), 0).response)["jobId"]
    stubborn.decide(job, "the-boss", "approved", 2_000)
    assert resume(stubborn, bearer, job, 2_000, "ORA_TIMEOUT").status == 400


def test_output_can_hold_the_question_while_waiting():
    mock, bearer = switched(waiting_output="message")
    job = read(mock.serve(invoke(bearer, ASK), 0).response)["jobId"]
    assert read(mock.serve(status(bearer, job), 2_000).response)["output"].startswith("Pay 42 from ")


def test_admin_sees_the_nodes_passed_so_far():
    mock, bearer, body = started()
    job = body["jobId"]

    def polled(query, now=3_000):
        plain = status(bearer, job)
        return mock.serve(Request("GET", plain.path, query, plain.headers), now).response

    nodes = read(polled("invocationMode=ADMIN"))["nodes"]
    assert [(node["nodeCode"], node["nodeType"], node["status"]) for node in nodes] == [
        ("READ", "AGENT", "DONE"), ("THE_BOSS", "HUMAN", "RUNNING"),
    ]  # fmt: skip
    assert read(polled("invocationMode=END_USER"))["nodes"] == read(polled(""))["nodes"] == []
    assert polled("invocationMode=ROOT").status == 400
    off, bearer = switched(admin_nodes="off")
    document = ASK | {"invocationMode": "ADMIN"}
    assert read(off.serve(invoke(bearer, document), 0).response)["nodes"] == []
    on, bearer = switched()
    assert len(read(on.serve(invoke(bearer, document), 0).response)["nodes"]) == 1


# The journal


def test_refolding_the_journal_gives_the_same_views():
    mock, bearer, _ = started()
    facts = []
    mock.observers.append(lambda seen: facts.append(seen.fact) if isinstance(seen, Noted) else None)
    bearer = token(mock, 1_000)
    jobs = [read(mock.serve(invoke(bearer, ASK), 1_000 + n).response)["jobId"] for n in range(3)]
    resume(mock, bearer, jobs[0], 4_000)
    resume(mock, bearer, jobs[0], 5_000, "ORA_TIMEOUT")
    mock.decide(jobs[1], "the-boss", "changes-requested", 4_000, comment="Again")
    assert [type(fact) for fact in facts] == [TokenGranted, *[JobAccepted] * 3, GateDecided, WaitEnded, GateDecided]
    again = service()
    for fact in facts:
        again.note(fact)
    for job in jobs:
        for now in (2_000, 4_500, 8_000, 10**6):
            assert again.status_of(job, now) == mock.status_of(job, now)
            assert again.derived(job, now) == mock.derived(job, now)


def test_a_reset_clears_jobs_tokens_and_numbers():
    mock, bearer, body = started()
    mock.reset(2_000)
    assert list(mock.jobs()) == []
    assert mock.serve(status(bearer, body["jobId"]), 2_000).response.status == 401
    bearer = token(mock, 2_000)
    assert read(mock.serve(invoke(bearer, ASK), 3_000).response)["jobId"] == body["jobId"]


def test_jobs_running_side_by_side_look_as_if_alone():
    alone, _, body = started()
    crowd = service()
    crowd_bearer, other = token(crowd), token(crowd, client=OTHER)
    for n in range(5):
        crowd.serve(invoke(other, {"message": f"Taxi {n}"}), n)
    again = read(crowd.serve(invoke(crowd_bearer, ASK), 1_000).response)
    assert again == body
    assert crowd.status_of(body["jobId"], 3_500) == alone.status_of(body["jobId"], 3_500)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    "message version status invocationMode parameters resumeInput resumeNodeInput triggerType conversational "
    "conversationId jobId workflowCode agentCodes progressMessage".split()
)


@pytest.mark.long
@given(st.dictionaries(NAMES | st.text(max_size=5), JSON, max_size=6) | JSON)
def test_no_body_is_too_odd_for_an_answer(body):
    mock = service()
    response = mock.serve(invoke(token(mock), json.dumps(body).encode()), 0).response
    assert response.status in (202, 400, 403, 404, 409)
    json.loads(response.body)


@pytest.mark.long
@given(st.binary(max_size=200), st.text(max_size=60), st.sampled_from(("GET", "POST", "FOO")))
def test_no_bytes_are_too_odd_for_an_answer(body, path, method):
    mock = service()
    headers = (("authorization", f"Bearer {token(mock)}"), ("content-type", "application/json"))
    assert mock.serve(Request(method, "/" + path, "", headers, body), 0).response.status in (400, 404, 405)
    assert mock.serve(invoke(headers[0][1][7:], body), 0).response.status in (202, 400)
    assert mock.serve(Request("POST", "/oauth2/v1/token", path, headers, body), 0).response.status in (400, 401)


def test_each_opening_takes_a_decision_of_its_own_from_outside():
    mock, _, body = started()
    job = body["jobId"]
    assert mock.decide(job, "the-boss", "changes-requested", 3_000, comment="Again").status == 200
    assert mock.decide(job, "the-boss", "approved", 4_999).status == 409
    assert mock.decide(job, "the-boss", "approved", 5_000).status == 200
    assert mock.look(job, 5_000).span.id == "settle-up"


def test_tokens_follow_the_only_scenario_or_the_one_that_is_named():
    slow = DOCUMENT | {"latency": {"token": "120ms"}, "token": {"lifetime": "5m"}}
    other = DOCUMENT | {"name": "other", "agent": {"code": "OTHER"}}
    request = form(authorization=RIGHT)

    def answered(mock):
        reply = mock.serve(request, 0)
        return reply.latency, read(reply.response)["expires_in"]

    assert answered(service(slow)) == (120, 300)
    several = service(slow, other)
    assert answered(several) == (0, 3600)
    named = Service(replace(several.config, token_scenario="expense"))
    assert answered(named) == (120, 300)
