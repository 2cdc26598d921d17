"""Tokens from the pod, documents, and a local orchestrator's paths (contract.md §2.3, §2.4)."""

import json
import re
import tracemalloc
from base64 import b64encode
from binascii import a2b_base64
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lab.core.exchange import Request
from lab.core.jsontext import read_json
from lab.core.observe import Noted, Requested
from lab.dialects.fusion import files
from lab.dialects.fusion.fidelity import WORKFLOW
from lab.dialects.fusion.routes import API, RELEASE_WORKFLOWS, WORKFLOWS
from lab.dialects.router import lightened
from lab.identity.clients import JANE
from lab.identity.facts import TokenGranted
from lab.identity.keys import claims_of
from lab.identity.scopes import SERVICES, service_scope
from tests.conftest import each_row
from tests.wire_peer import DOCUMENT, SCOPE, basic, invoke, read, service, token, token_request

LOGGED_IN = (("cookie", "JSESSIONID=1"), ("x-xsrf-token", "x"))
RELAY_BASIC = "/api/rwdtools/tokenrelay"
RIGHT_USER = (("authorization", basic(JANE.name, JANE.password)),)
PDF = b64encode(b"%PDF-1.7").decode()


def get(mock, path, headers=(), query="", now=0):
    return mock.serve(Request("GET", path, query, headers), now).response


def signed(bearer):
    return (("authorization", f"Bearer {bearer}"),)


def granted(mock):
    facts = []
    mock.observers.append(lambda seen: facts.append(seen.fact) if isinstance(seen, Noted) else None)
    return facts


def opens(mock, bearer, now=0):
    """Whether the API lets the bearer in: a job that nobody knows is 404 then."""
    return get(mock, f"{API}/agent/v2/EXPENSES/status/x", signed(bearer), now=now).status == 404


# Tokens from the pod


def test_a_bearer_gets_a_map_of_tokens_one_for_each_service():
    mock = service()
    bearer, facts = token(mock), granted(mock)
    response = get(mock, f"{API}/authz/v1/tokens", signed(bearer))
    named = read(response)
    assert (response.status, list(named)) == (200, ["fusion-ai", "boss"])
    assert opens(mock, named["fusion-ai"], 3_599_999) and not opens(mock, named["fusion-ai"], 3_600_000)
    assert get(mock, f"{API}/agent/v2/EXPENSES/status/x", signed(named["boss"])).status == 401
    assert [(fact.grant, fact.client, fact.user) for fact in facts] == [("pod_tokens", "demo", None)] * 2
    assert isinstance(claims_of(named["boss"])["exp"], int)


def test_the_map_is_for_the_bearers_user():
    mock = service()
    login = read(mock.serve(token_request("password", username=JANE.name, password=JANE.password), 0).response)
    named = read(get(mock, f"{API}/authz/v1/tokens", signed(login["access_token"])))
    assert {claims_of(each)["sub"] for each in named.values()} == {JANE.name}


@each_row("headers", [(), RIGHT_USER, (("cookie", "x=1"),), signed("eyJ.x.y")])
def test_the_map_needs_a_bearer_of_the_api(headers):
    response = get(service(), f"{API}/authz/v1/tokens", headers)
    assert (response.status, read(response)["status"]) == (401, "FAI-40100")


def test_a_browsers_login_gets_a_token_for_the_default_user():
    mock = service()
    facts = granted(mock)
    response = get(mock, "/fscmRestApi/tokenrelay", LOGGED_IN)
    body = read(response)
    assert list(body) == ["access_token", "token_type", "expires_in", "principal"]
    assert (body["token_type"], body["expires_in"], body["principal"]) == ("JWT", 14_400, JANE.name)
    assert opens(mock, body["access_token"], 14_399_999) and not opens(mock, body["access_token"], 14_400_000)
    assert [(type(fact), fact.grant, fact.user) for fact in facts] == [(TokenGranted, "token_relay", JANE.name)]
    assert "set-cookie" not in dict(response.headers)


@each_row("there", [(), LOGGED_IN[:1], LOGGED_IN[1:], (("cookie", ""), LOGGED_IN[1])])
def test_the_relay_needs_cookie_and_xsrf_token(there):
    response = get(service(), "/fscmRestApi/tokenrelay", there)
    assert response.status == 401 and response.header("www-authenticate") == 'Bearer realm="lab"'


def test_the_relay_takes_the_scope_of_the_request():
    mock = service()
    narrow = get(mock, "/fscmRestApi/tokenrelay", LOGGED_IN, "scopesfq=" + SCOPE.replace(":", "%3A") + "lab.none")
    assert get(mock, f"{API}/agent/v2/EXPENSES/status/x", signed(read(narrow)["access_token"])).status == 403
    for wanted, got in ((60, 60), (99_999, 14_400)):
        short = get(mock, "/fscmRestApi/tokenrelay", LOGGED_IN, f"scopesfq={SCOPE}+urn:opc:resource:expiry={wanted}")
        assert read(short)["expires_in"] == got
    wrong = get(mock, "/fscmRestApi/tokenrelay", LOGGED_IN, "scopesfq=urn:other")
    assert wrong.status == 400 and SCOPE in read(wrong)["userDetails"]


def test_anticsrf_gives_a_new_token_each_time_to_whoever_has_a_cookie():
    mock = service()
    first, second = (read(get(mock, "/fscmRestApi/anticsrf", LOGGED_IN[:1]))["xsrftoken"] for _ in range(2))
    assert first != second and len(first) == 32
    assert get(mock, "/fscmRestApi/anticsrf").status == 401


@each_row("form", ["raw", "form"])
def test_a_password_gets_a_bare_token_as_text(form):
    mock = service()
    user = RIGHT_USER if form == "raw" else (("authorization", basic("jane", "lab-password-a%3Ab%2Fc%2Bd%25e")),)
    response = get(mock, RELAY_BASIC, user, "servicetype=fusion-ai&username=jane&scope=/")
    assert (response.status, response.header("content-type")) == (200, "text/plain")
    assert opens(mock, response.body.decode()) and claims_of(response.body.decode())["sub"] == JANE.name


@each_row("name", SERVICES)
def test_a_token_for_another_service_does_not_open_the_api(name):
    mock = service()
    bearer = get(mock, RELAY_BASIC, RIGHT_USER, f"servicetype={name}").body.decode()
    assert claims_of(bearer)["aud"] == service_scope("acme-test", name)
    refused = get(mock, f"{API}/authz/v1/tokens", signed(bearer))
    assert refused.status == 401 and 'error="invalid_token"' in refused.header("www-authenticate")


@each_row(
    ("headers", "query", "code"),
    [
        ((), "servicetype=fusion-ai", 401),
        ((("authorization", basic("jane", "wrong-password")),), "servicetype=fusion-ai", 401),
        ((("authorization", basic("demo", "lab-secret-a:b/c+d%e")),), "servicetype=fusion-ai", 401),
        ((("authorization", "Basic !!!"),), "servicetype=fusion-ai", 401),
        ((("authorization", "Bearer x"),), "servicetype=fusion-ai", 401),
        (RIGHT_USER, "servicetype=Fusion-AI", 400),
        (RIGHT_USER, "", 400),
        (RIGHT_USER, "servicetype=%ff", 400),
    ],
)
def test_the_basic_relay_refuses(headers, query, code):
    response = get(service(), RELAY_BASIC, headers, query)
    assert response.status == code
    assert (response.header("www-authenticate") == 'Basic realm="lab"') == (code == 401)


def test_the_relays_tokens_end_on_the_control_plane():
    mock = service()
    bearer = read(get(mock, "/fscmRestApi/tokenrelay", LOGGED_IN))["access_token"]
    assert mock.end_tokens("pod", "revoke", 0).status == 200
    assert not opens(mock, bearer)


@each_row("path", [f"{API}/authz/v1/tokens", "/fscmRestApi/tokenrelay", "/fscmRestApi/anticsrf", RELAY_BASIC])
def test_the_pods_tokens_are_for_get_alone(path):
    response = service().serve(Request("POST", path), 0).response
    assert (response.status, response.header("allow")) == (405, "GET")


# Workflows


def workflows(mock, bearer, said=None):
    query = "" if said is None else "$fields=workflowCode,version&$filter=" + quote(said)
    response = get(mock, WORKFLOWS, signed(bearer), query)
    return [item["workflowCode"] for item in read(response)["items"]] if response.status == 200 else response.status


def pod():
    opened = {**DOCUMENT, "agent": {"code": "EXPENSES", "version": 7}}
    return service(opened, {**DOCUMENT, "name": "closed", "agent": {"code": "CLOSED", "published": False}})


def test_a_published_team_is_listed_as_a_workflow_with_all_its_members():
    mock = pod()
    body = read(get(mock, WORKFLOWS, signed(token(mock)), "%24filter=workflowCode%3D%27EXPENSES%27"))
    (item,) = body.pop("items")
    assert body == {"hasMore": False}
    assert list(item) == [row.name for row in WORKFLOW]
    assert (item["workflowCode"], item["version"], item["status"]) == ("EXPENSES", 7, "PUBLISHED")
    assert item["workflowId"] and item["workflowName"] and item["$context"]["etag"]
    other = pod()
    assert read(get(other, WORKFLOWS, signed(token(other))))["items"] == [item]


@each_row(
    ("said", "codes"),
    [
        (None, ["EXPENSES"]), ("workflowCode='EXPENSES'", ["EXPENSES"]), (" workflowCode = 'EXPENSES' ", ["EXPENSES"]),
        ('workflowCode="EXPENSES"', ["EXPENSES"]), ("status='PUBLISHED'", ["EXPENSES"]), ("version='7'", ["EXPENSES"]),
        ("workflowCode='NOBODYS'", []), ("workflowCode='CLOSED'", []), ("workflowCode='expenses'", []),
        ("workflowCode='EXPENSES' and status='PUBLISHED'", ["EXPENSES"]), ("status='DRAFT' or version=7", ["EXPENSES"]),
        ("workflowCode='EXPENSES' and status='DRAFT'", []),
        ("workflowCode=EXPENSES", 400), ("owner='EXPENSES'", 400), ("", 400),
    ],
)  # fmt: skip
def test_a_filter_names_published_teams_and_one_that_can_not_be_read_is_400(said, codes):
    mock = pod()
    assert workflows(mock, token(mock), said) == codes


def test_workflows_are_listed_for_a_bearer_of_boss_or_of_the_api():
    mock = pod()
    bearer = token(mock)
    named = read(get(mock, f"{API}/authz/v1/tokens", signed(bearer)))
    other = get(mock, RELAY_BASIC, RIGHT_USER, "servicetype=sales-common").body.decode()
    assert (
        workflows(mock, bearer) == workflows(mock, named["boss"]) == workflows(mock, named["fusion-ai"]) == ["EXPENSES"]
    )
    assert workflows(mock, other) == workflows(mock, "eyJ.x.y") == 401
    for headers in ((), RIGHT_USER, LOGGED_IN):
        refused = get(mock, WORKFLOWS, headers)
        assert (refused.status, read(refused)["status"]) == (401, "FAI-40100")


def test_a_filter_that_can_not_be_read_is_refused_in_the_words_of_the_api_and_says_where():
    query = "$filter=" + quote("workflowCode ne 'EXPENSES'")
    for switches, place, advice in (({}, "message", "userDetails"), ({"error_body": "problem"}, "detail", "detail")):
        mock = service(DOCUMENT, **switches)
        refused = get(mock, WORKFLOWS, signed(token(mock)), query)
        assert refused.status == 400
        assert "$filter, character 14: = or eq is expected, not ne." in read(refused)[place]
        assert "workflowCode, workflowName" in read(refused)[advice]
    bare = service(DOCUMENT, hints="off")
    said = read(get(bare, WORKFLOWS, signed(token(bare)), query))
    assert "character 14" in said["message"] and said["userDetails"] == ""
    assert get(bare, WORKFLOWS, (), query).status == 401


def test_the_list_of_a_release_is_the_same_list():
    mock = pod()
    bearer = token(mock)
    query = "%24filter=workflowCode%20eq%20%27EXPENSES%27"
    lists = [get(mock, path, signed(bearer), query) for path in (WORKFLOWS, RELEASE_WORKFLOWS.format(release=3054))]
    assert len({each.body for each in lists}) == 1 and len(read(lists[0])["items"]) == 1


def test_nothing_else_of_boss_is_there():
    mock = pod()
    beside = get(mock, WORKFLOWS + "/1", signed(token(mock)))
    assert beside.status == 404 and "workflows" in read(beside)["userDetails"]
    assert mock.serve(Request("POST", WORKFLOWS), 0).response.status == 405


# Documents


def send(mock, bearer, place, body, kind="application/json"):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = (*signed(bearer), ("content-type", kind))
    return mock.serve(Request("POST", f"{API}/agent/v1/{place}", headers=headers, body=raw), 0).response


FILE = {
    "fileContent": PDF, "description": "", "title": "", "fileName": "a.pdf", "size": 8,
    "mediaType": "application/octet-stream", "parse": True,
}  # fmt: skip


def test_a_document_gets_two_ids_new_each_time_and_the_same_for_a_seed():
    def ids():
        mock = service()
        bearer = token(mock)
        answers = [read(send(mock, bearer, "documents", FILE)) for _ in range(2)]
        return [each[name] for each in answers for name in ("documentId", "parseFileDocumentId")]

    assert ids() == ids() and len(set(ids())) == 4
    mock = service()
    unparsed = read(send(mock, token(mock), "documents", FILE | {"parse": False}))
    assert unparsed["parseFileDocumentId"] is None


def test_a_batch_is_answered_by_name():
    mock = service()
    requests = [{"fileName": name, "fileContent": PDF, "parse": True} for name in ("a.pdf", "b.pdf")]
    body = read(send(mock, token(mock), "batch/documents", {"requests": requests}))
    assert list(body) == ["response"] and list(body["response"]) == ["a.pdf", "b.pdf"]
    assert len({value for each in body["response"].values() for value in each.values()}) == 4


def test_documents_are_attached_whether_known_or_not():
    mock = service()
    wanted = {"entityName": "AGENT", "entityId": "1", "documentIds": ["d-1", "d-2"], "parsedDocumentIds": ["p-1"]}
    body = read(send(mock, token(mock), "attachDocuments", wanted))
    assert [list(each) for each in body["documents"]] == [["d-1"], ["d-2"]]
    assert [next(iter(each.values())).keys() for each in body["documents"]] == [{"attachmentDocumentId"}] * 2


@each_row(
    ("place", "body", "says"),
    [
        ("documents", [], "object"),
        ("documents", b"{", "JSON"),
        ("documents", FILE | {"fileContent": "%%"}, "fileContent"),
        ("documents", FILE | {"fileContent": "YQ"}, "fileContent"),
        ("documents", FILE | {"fileContent": None}, "fileContent"),
        ("documents", FILE | {"fileName": ""}, "fileName"),
        ("documents", FILE | {"size": True}, "size"),
        ("documents", FILE | {"parse": "true"}, "parse"),
        ("batch/documents", {"requests": []}, "requests"),
        ("batch/documents", {"requests": {}}, "requests"),
        ("batch/documents", {"requests": [1]}, "requests[0]"),
        ("batch/documents", {"requests": [FILE, FILE]}, "twice"),
        ("batch/documents", {"requests": [FILE, FILE | {"fileName": 1}]}, "requests[1].fileName"),
        ("attachDocuments", {"entityName": "A", "entityId": "", "documentIds": ["d"]}, "entityId"),
        ("attachDocuments", {"entityName": "A", "entityId": "1", "documentIds": []}, "documentIds"),
        ("attachDocuments", {"entityName": "A", "entityId": "1", "documentIds": ["d", 1]}, "documentIds"),
    ],
)
def test_a_wrong_document_is_refused_by_name(place, body, says):
    mock = service()
    response = send(mock, token(mock), place, body)
    assert response.status == 400 and says in read(response)["message"]


def test_documents_are_json_for_a_bearer():
    mock = service()
    assert send(mock, token(mock), "documents", FILE, "multipart/form-data").status == 415
    assert send(mock, "none", "documents", FILE).status == 401


def test_a_files_bytes_are_dropped_before_anyone_sees_them():
    mock = service()
    bearer, observed = token(mock), []
    mock.observers.append(lambda each: observed.append(each.request.body) if isinstance(each, Requested) else None)
    file = FILE | {"fileContent": b64encode(b"x" * 3_000_000).decode()}
    assert send(mock, bearer, "documents", file).status == 200
    assert (
        send(mock, bearer, "documents", json.dumps(file).replace("xx", "!!").replace("eHh4", "eH%4").encode()).status
        == 400
    )
    escaped = json.dumps(FILE | {"fileContent": "ab//"}).replace("//", r"\/\/").encode()
    assert send(mock, bearer, "documents", escaped).status == 200
    assert [json.loads(each)["fileContent"] for each in observed] == ["", "!", ""]


PIECES = [b'"fileContent"', b'"', b"\\", b": ", b"QUJD", b"QUI=", b"\\/", b"a", b'"fileContent":"']


@pytest.mark.parametrize("size", [4, 8, 1 << 22])
@given(pieces=st.lists(st.sampled_from(PIECES), max_size=12))
@example(pieces=[b'"fileContent":"', b"\\/", b"QUI=", b'"fileContent"'])
def test_a_file_ends_where_its_text_does_however_it_is_cut_into_slices(size, pieces):
    def emptied(found):
        content = found[2].replace(rb"\/", b"/")
        if len(content) % 4 or content.endswith(b"==="):
            return found[1] + b'!"'
        try:
            a2b_base64(content, strict_mode=True)
        except ValueError:
            return found[1] + b'!"'
        return found[1] + b'"'

    body = b"".join(pieces)
    whole = re.sub(rb'("fileContent"\s*:\s*")([^"\\]*+(?:\\.[^"\\]*+)*+)"', emptied, body)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "_SLICE", size)
        assert files.without_files(Request("POST", "/", body=body)).body == whole


@each_row("end", [b'"}', b""])
def test_escapes_in_a_files_content_cost_no_memory(end):
    body = b'{"fileName":"a","fileContent":"' + rb"\/" * 1_000_000 + end
    request = Request("POST", f"{API}/agent/v1/documents", body=body)
    tracemalloc.start()
    lightened(request)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


def test_a_long_message_costs_no_memory_beside_itself():
    body = b'{"message":"' + b"a" * 1_000_000 + b'"}'
    tracemalloc.start()
    read_json(body)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


def test_what_is_left_without_files_may_be_a_mebibyte():
    mock = service()
    bearer, observed = token(mock), []
    mock.observers.append(lambda each: observed.append(len(each.request.body)) if isinstance(each, Requested) else None)
    slim = len(json.dumps(FILE | {"fileContent": ""}).encode())
    for over, code in ((0, 200), (1, 413), (5_000_000, 413)):
        file = FILE | {"description": "d" * (1_048_576 - slim + over)}
        assert send(mock, bearer, "documents", file).status == code
    assert observed == [1_048_576, 1_048_577, 1_048_577]


# A local orchestrator's paths

LOCAL = [
    ("POST", "/orchestrator/agent/v2/EXPENSES/invokeAsync", 202),
    ("GET", "/orchestrator/agent/v2/EXPENSES/status/x", 404),
    ("POST", "/orchestrator/agent/v2/EXPENSES/invokeStream", 200),
    ("POST", "/internal/v1/agent/EXPENSES/chat", 200),
    ("POST", "/internal/v1/agent/EXPENSES/debug", 200),
    ("GET", "/internal/v1/agent/EXPENSES/chat", 405),
    ("GET", "/orchestrator/authz/v1/tokens", 200),
    ("GET", "/internal/v1/authz/tokens", 200),
    ("POST", "/internal/v1/aiapps/multiplex", 200),
    ("GET", "/internal/v1/aiapps/multiplex", 405),
    ("POST", "/orchestrator/authz/v1/tokens", 405),
    ("GET", "/orchestrator/agent/v1/EXPENSES/status/x", 404),
    ("GET", "/internal/v1/agent/EXPENSES/nothing", 404),
]


@each_row(("method", "path", "code"), LOCAL)
def test_a_local_orchestrators_paths_answer_with_their_switch(method, path, code):
    mock = service(local_orchestrator="on")
    request = invoke(token(mock), {"message": "Taxi 42"})
    response = mock.serve(
        Request(method, path, "", request.headers, request.body if method == "POST" else b""), 0
    ).response
    assert response.status == code


@each_row("path", [path for _, path, _ in LOCAL])
def test_without_it_they_are_not_there(path):
    mock = service()
    response = mock.serve(Request("GET", path, "", signed(token(mock))), 0).response
    assert response.status == 404
    hint = "Put /api/fusion-ai before /orchestrator." if path.startswith("/orch") else "local_orchestrator"
    assert hint in read(response)["userDetails"]


def test_a_job_of_one_origin_is_seen_at_the_other():
    mock = service(local_orchestrator="on")
    request = invoke(token(mock), {"message": "Taxi 42"})
    path = "//orchestrator/agent/v2/EXPENSES/invokeAsync"
    reply = mock.serve(Request("POST", path, "", request.headers, request.body), 0)
    assert reply.flags == ("double_slash",)
    job = read(reply.response)["jobId"]
    assert get(mock, f"{API}/agent/v2/EXPENSES/status/{job}", request.headers).status == 200
