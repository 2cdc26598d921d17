"""The identity domain, row by row, in both profiles (contract.md §7.4)."""

import json
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from lab.core.exchange import Request
from lab.core.journal.ledger import MemoryLedger
from lab.dialects.fusion.routes import API
from lab.identity.clients import DEMO, JANE, Client, Grant, aistudio_cli
from lab.identity.keys import claims_of
from lab.identity.scopes import OFFLINE, service_scope
from lab.identity.testkey import PRIVATE_PEM
from lab.mock.service import Service
from tests.conftest import each_row
from tests.wire_peer import (
    ASSERTION_GRANT,
    CLI,
    DEVICE_GRANT,
    EPOCH,
    OTHER,
    REDIRECT,
    RIGHT,
    SCOPE,
    TV,
    assertion,
    authorize_request,
    basic,
    code_exchange,
    code_of,
    form_post,
    read,
    redirect_parameters,
    service,
    token_request,
)

PROFILES = ("oci", "rfc")
STAY = f"{SCOPE} {OFFLINE}"
BASE = "http://127.0.0.1"


@pytest.fixture(params=PROFILES)
def profile(request):
    return request.param


def error_of(response):
    assert response.header("content-type") == "application/json"
    assert response.header("cache-control") == "no-store" and response.header("pragma") == "no-cache"
    return response.status, read(response)["error"]


def login(mock, now=0, scope=STAY):
    return read(
        mock.serve(token_request("password", username=JANE.name, password=JANE.password, scope=scope), now).response
    )


def opens(mock, bearer, now):
    path = f"{API}/agent/v2/EXPENSES/status/x"
    response = mock.serve(Request("GET", path, headers=(("authorization", f"Bearer {bearer}"),)), now).response
    return response.status


def refresh(mock, token, now, authorization=RIGHT, **fields):
    return mock.serve(
        token_request("refresh_token", authorization, refresh_token=token, **{"scope": "", **fields}), now
    ).response


def twice(request, other=RIGHT):
    return replace(request, headers=(*request.headers, ("authorization", other)))


BODY_SECRET = {"client_id": DEMO.id, "client_secret": DEMO.secret}
ROWS = [
    # row, request, answer in oci, answer in rfc (None: the same)
    ("1", token_request("client_credentials"), (200, None), None),
    ("2", token_request("client_credentials", None, **BODY_SECRET), (200, None), None),
    ("3 wrong secret", token_request("client_credentials", basic(DEMO.id, "wrong")), (401, "invalid_client"), None),
    ("3 unknown client", token_request("client_credentials", basic("nobody", "wrong")), (401, "invalid_client"), None),
    ("4", token_request("client_credentials", None, client_id=DEMO.id, client_secret="x"), (401, "invalid_client"), (400, "invalid_client")),
    ("5 nothing", token_request("client_credentials", None), (401, "invalid_client"), None),
    ("5 not public", token_request("client_credentials", None, client_id=DEMO.id), (401, "invalid_client"), None),
    ("6", token_request("client_credentials", "Basic !!!"), (401, "invalid_client"), None),
    ("7", token_request("client_credentials", client_secret=DEMO.secret), (400, "invalid_request"), None),
    ("7 two ids", token_request("client_credentials", client_id=OTHER.id), (400, "invalid_request"), None),
    ("7 two headers", twice(token_request("client_credentials")), (400, "invalid_request"), None),
    ("7 a right and a wrong one", twice(token_request("client_credentials"), basic("x", "y")), (400, "invalid_request"), None),
    ("7 and a bearer", twice(token_request("client_credentials"), "Bearer x"), (400, "invalid_request"), None),
    ("7 introspect", twice(form_post("/oauth2/v1/introspect", RIGHT, token="x")), (400, "invalid_request"), None),
    ("7 revoke", twice(form_post("/oauth2/v1/revoke", RIGHT, token="x")), (400, "invalid_request"), None),
    ("8", token_request(""), (400, "invalid_request"), None),
    ("9", token_request("urn:ietf:params:oauth:grant-type:saml2-bearer"), (400, "unsupported_grant_type"), None),
    ("9 case", token_request("PASSWORD"), (400, "unsupported_grant_type"), None),
    ("10", token_request("client_credentials", None, client_id=CLI), (400, "unauthorized_client"), None),
    ("10 password", token_request("password", None, client_id=CLI, username="jane", password="x"), (400, "unauthorized_client"), None),
    ("11", token_request("client_credentials", scope=""), (400, "invalid_scope"), None),
    ("11 alone", token_request("client_credentials", scope=f"{SCOPE} urn:opc:idm:__myscopes__"), (400, "invalid_scope"), None),
    ("11 nothing left", token_request("client_credentials", scope="openid offline_access"), (400, "invalid_scope"), None),
    ("17", token_request("password", username=JANE.name, password=JANE.password), (200, None), None),
    ("17 incomplete", token_request("password", username=JANE.name), (400, "invalid_request"), None),
    ("18 user", token_request("password", username="nobody", password=JANE.password), (400, "invalid_grant"), None),
    ("18 password", token_request("password", username=JANE.name, password="x"), (400, "invalid_grant"), None),
    ("22 unknown", token_request("refresh_token", refresh_token="x"), (400, "invalid_grant"), None),
    ("22 missing", token_request("refresh_token"), (400, "invalid_request"), None),
    ("30 unknown", code_exchange("x"), (400, "invalid_grant"), None),
    ("34 no JWT", token_request(ASSERTION_GRANT, assertion="x.y.z"), (400, "invalid_grant"), None),
    ("38 unknown", token_request(DEVICE_GRANT, device_code="x"), (400, "invalid_grant"), None),
    ("41", form_post("/oauth2/v1/introspect", None, token="x"), (401, "invalid_client"), None),
    ("41 public", form_post("/oauth2/v1/introspect", None, token="x", client_id=CLI), (401, "invalid_client"), None),
    ("42 wrong client", form_post("/oauth2/v1/revoke", basic(DEMO.id, "x"), token="x"), (401, "invalid_client"), None),
]  # fmt: skip


@each_row(("sent", "oci", "rfc"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_a_request_alone_is_answered_by_the_table(sent, oci, rfc, profile):
    response = service(profile=profile).serve(sent, 0).response
    status, error = (rfc or oci) if profile == "rfc" else oci
    body = read(response)
    assert (response.status, body.get("error")) == (status, error)
    assert (response.header("www-authenticate") == 'Basic realm="lab"') == (status == 401)
    if error:
        assert list(body) == ["error", "error_description"] + ["ecid"] * (profile == "oci")
        assert body["error_description"].isascii() and not set('"\\') & set(body["error_description"])


@each_row("path", ["token", "device", "introspect", "revoke"])
def test_row_14_and_15_another_method_and_a_body_too_large(path, profile):
    mock = service(profile=profile)
    response = mock.serve(Request("GET", f"/oauth2/v1/{path}"), 0).response
    assert (response.status, response.header("allow")) == (405, "POST")
    large = Request("POST", f"/oauth2/v1/{path}", headers=form_post("/").headers, body=b"a=" + b"b" * 65_535)
    refused = mock.serve(large, 0).response
    assert (refused.status, refused.body) == (413, b"")
    assert mock.serve(form_post("/oauth2/v1/userinfo"), 0).response.status == 404


def test_rows_12_13_16_hold_on_every_form(profile):
    mock = service(profile=profile)
    for path in ("device", "introspect", "revoke"):
        twice = Request("POST", f"/oauth2/v1/{path}", headers=form_post("/").headers, body=b"a=1&a=2")
        assert error_of(mock.serve(twice, 0).response) == (400, "invalid_request")
        as_json = Request("POST", f"/oauth2/v1/{path}", headers=(("content-type", "application/json"),), body=b"{}")
        assert error_of(mock.serve(as_json, 0).response) == (400, "invalid_request")
        in_uri = Request("POST", f"/oauth2/v1/{path}", "client_secret=x", form_post("/").headers)
        reply = mock.serve(in_uri, 0)
        assert error_of(reply.response) == (400, "invalid_request") and reply.flags == ("secret_in_uri",)


def test_scope_stands_in_the_answer_of_rfc_where_it_differs():
    scope = f"{SCOPE} urn:opc:resource:expiry=5"
    strict = read(service(profile="rfc").serve(token_request("client_credentials", scope=scope), 0).response)
    assert (strict["scope"], strict["expires_in"]) == (SCOPE, 5)
    assert "scope" not in read(service(profile="rfc").serve(token_request("client_credentials"), 0).response)
    lenient = read(service().serve(token_request("client_credentials", scope=scope), 0).response)
    assert "scope" not in lenient and lenient["expires_in"] == 60


@each_row(
    ("switches", "issuer"),
    [
        ({}, "https://identity.oraclecloud.com/"), ({"issuer": "tenant"}, f"{BASE}/"), ({"profile": "rfc"}, BASE),
        ({"profile": "rfc", "issuer": "generic"}, "https://identity.oraclecloud.com/"),
    ],
)  # fmt: skip
def test_the_issuer_is_the_same_wherever_it_stands(switches, issuer):
    mock = service(**switches)
    answer = login(mock)
    assert claims_of(answer["access_token"])["iss"] == issuer
    found = mock.serve(Request("GET", "/.well-known/openid-configuration"), 0).response
    assert read(found)["issuer"] == issuer


def test_row_17_a_users_token_says_so_and_a_refresh_token_comes_by_profile(profile):
    mock = service(profile=profile)
    plain, stay = login(mock, scope=SCOPE), login(mock)
    assert ("refresh_token" in plain) == (profile == "rfc") and "refresh_token" in stay
    claims = claims_of(stay["access_token"])
    assert (claims["sub"], claims["sub_type"], claims["sub_mappingattr"]) == ("jane", "user", "userName")
    assert (claims["aud"], claims["scope"], claims["client_id"]) == (SCOPE, STAY, DEMO.id)
    assert opens(mock, stay["access_token"], 1) == 404
    unasked = read(mock.serve(token_request("client_credentials", scope=STAY), 0).response)
    assert "refresh_token" not in unasked


def test_row_18_is_worded_alike_for_user_and_password(profile):
    mock = service(profile=profile)
    answers = [
        read(mock.serve(token_request("password", username=name, password=word), 0).response)["error_description"]
        for name, word in (("nobody", JANE.password), (JANE.name, "x"))
    ]
    assert answers[0] == answers[1]


def test_rows_19_and_20_a_refresh_rotates_within_its_scope(profile):
    mock = service(profile=profile)
    first = login(mock)["refresh_token"]
    assert error_of(refresh(mock, first, 1, scope=f"{STAY} openid")) == (400, "invalid_scope")
    narrow = mock.serve(token_request("refresh_token", refresh_token=first, scope=SCOPE), 2).response
    assert narrow.status == 200 and claims_of(read(narrow)["access_token"])["scope"] == SCOPE
    second = read(narrow)["refresh_token"]
    assert second != first
    again = read(refresh(mock, second, 3))
    assert claims_of(again["access_token"])["scope"] == STAY, "the original scope stays with the family"
    assert claims_of(again["access_token"])["sub"] == "jane"


def test_row_21_a_second_use_ends_the_family(profile):
    mock = service(profile=profile)
    granted = login(mock)
    first = granted["refresh_token"]
    after = read(refresh(mock, first, 5))
    assert opens(mock, granted["access_token"], 6) == opens(mock, after["access_token"], 6) == 404
    assert error_of(refresh(mock, first, 7)) == (400, "invalid_grant")
    assert error_of(refresh(mock, after["refresh_token"], 8)) == (400, "invalid_grant")
    assert opens(mock, granted["access_token"], 9) == opens(mock, after["access_token"], 9) == 401
    assert opens(mock, login(mock, 10)["access_token"], 11) == 404, "another login is another family"


def test_without_rotation_the_refresh_token_stays(profile):
    mock = service(profile=profile, refresh_rotation="off")
    token = login(mock)["refresh_token"]
    for now in (1, 2):
        assert "refresh_token" not in read(refresh(mock, token, now))


@each_row(("now", "status"), [(604_799_999, 200), (604_800_000, 400)])
def test_row_22_a_refresh_token_is_its_clients_and_ends(now, status, profile):
    mock = service(profile=profile)
    token = login(mock)["refresh_token"]
    other = refresh(mock, token, 1, basic(OTHER.id, OTHER.secret))
    assert error_of(other) == (400, "invalid_grant")
    assert refresh(mock, token, now).status == status


def test_rows_23_and_27_a_code_is_traded_for_tokens(profile):
    mock = service(profile=profile)
    response = mock.serve(authorize_request(scope=f"{STAY} openid", nonce="n-1"), 0).response
    parameters = redirect_parameters(response)
    assert response.status == 302 and response.header("location").startswith(REDIRECT + "?")
    assert parameters["state"] == "s t&" and parameters.get("iss") == (BASE if profile == "rfc" else None)
    answer = read(mock.serve(code_exchange(parameters["code"]), 1).response)
    assert claims_of(answer["access_token"])["sub"] == "jane" and "refresh_token" in answer
    identity = claims_of(answer["id_token"])
    assert (identity["nonce"], identity["aud"], identity["sub"]) == ("n-1", CLI, "jane")
    assert opens(mock, answer["access_token"], 2) == 404
    assert opens(mock, answer["id_token"], 2) == opens(mock, answer["refresh_token"], 2) == 401
    again = refresh(mock, answer["refresh_token"], 3, None, client_id=CLI)
    assert again.status == 200 and "id_token" not in read(again)


@each_row(
    ("changed", "status"),
    [
        ({"client_id": "nobody"}, 400), ({"redirect_uri": None}, 400), ({"redirect_uri": REDIRECT + "/"}, 400),
        ({"redirect_uri": REDIRECT + "?a=b"}, 400), ({"redirect_uri": REDIRECT + "#a"}, 400),
        ({"redirect_uri": "http://127.0.0.1.evil.test:43188/callback"}, 400),
        ({"redirect_uri": "http://127.0.0.1:43188/x/../callback"}, 400),
        ({"redirect_uri": "javascript:alert(1)"}, 400), ({"redirect_uri": "https://127.0.0.1:43188/callback"}, 400),
        ({"redirect_uri": "http://[::1]:43188/callback"}, 400), ({"state": "x" * 100_000}, 400),
        ({"redirect_uri": "http://127.0.0.1:99999/callback"}, 400), ({"redirect_uri": "http://127.0.0.1:0/callback"}, 400),
        ({"redirect_uri": "http://127.0.0.1:65536/callback"}, 400), ({"redirect_uri": "http://127.0.0.1:65535/callback"}, 302),
        ({"redirect_uri": "http://127.0.0.1:1/callback"}, 302), ({"redirect_uri": "http://127.0.0.1/callback"}, 302),
        ({"client_id": DEMO.id, "redirect_uri": "http://127.0.0.1:1/callback"}, 400),
        ({"client_id": DEMO.id, "code_challenge": None, "code_challenge_method": None}, 302),
    ],
)  # fmt: skip
def test_row_24_nothing_is_sent_where_nobody_registered(changed, status, profile):
    response = service(profile=profile).serve(authorize_request(**changed), 0).response
    assert response.status == status
    if status == 400:
        assert response.header("location") is None and response.header("content-type").startswith("text/html")
    else:
        assert "code" in redirect_parameters(response)


@each_row(
    ("changed", "error"),
    [
        ({"response_type": None}, "invalid_request"), ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": None}, "invalid_scope"), ({"scope": "urn:x"}, "invalid_scope"),
        ({"code_challenge": None}, "invalid_request"), ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"), ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
    ],
)  # fmt: skip
def test_rows_25_and_26_other_faults_go_to_the_client(changed, error, profile):
    response = service(profile=profile).serve(authorize_request(**changed), 0).response
    parameters = redirect_parameters(response)
    assert (response.status, parameters["error"], parameters["state"]) == (302, error, "s t&")
    assert ("iss" in parameters) == (profile == "rfc") and "code" not in parameters


def test_a_state_can_not_split_a_header(profile):
    response = service(profile=profile).serve(authorize_request(state="a\r\nset-cookie: x"), 0).response
    assert "%0D%0A" in response.header("location") and "\n" not in response.header("location")


def test_a_person_may_answer_or_be_refused(profile):
    assert (
        redirect_parameters(service(profile=profile, authorize="deny").serve(authorize_request(), 0).response)["error"]
        == "access_denied"
    )
    mock = service(profile=profile, authorize="page")
    page = mock.serve(authorize_request(state='"><script>'), 0).response
    assert page.status == 200 and b"Allow" in page.body and b"<script>" not in page.body
    assert redirect_parameters(mock.serve(authorize_request(answer="deny"), 0).response)["error"] == "access_denied"
    assert "code" in redirect_parameters(mock.serve(authorize_request(answer="allow"), 0).response)


@each_row(
    ("changed", "error"),
    [
        ({"code_verifier": "w" * 43}, "invalid_grant"), ({"code_verifier": None}, "invalid_grant"),
        ({"code_verifier": "v" * 42}, "invalid_request"), ({"code_verifier": "v" * 129}, "invalid_request"),
        ({"redirect_uri": REDIRECT + "/"}, "invalid_grant"), ({"redirect_uri": None}, "invalid_grant"),
    ],
)  # fmt: skip
def test_rows_28_and_31_a_wrong_exchange_burns_the_code(changed, error, profile):
    mock = service(profile=profile)
    code = code_of(mock)
    assert error_of(mock.serve(code_exchange(code, **changed), 1).response) == (400, error)
    assert error_of(mock.serve(code_exchange(code), 2).response) == (400, "invalid_grant")


def test_row_29_a_verifier_without_a_challenge(profile):
    mock = service(profile=profile)
    bare = {"client_id": DEMO.id, "code_challenge": None, "code_challenge_method": None}
    code = code_of(mock, **bare)
    assert error_of(mock.serve(code_exchange(code, RIGHT, client_id=None), 1).response) == (400, "invalid_grant")
    code = code_of(mock, **bare)
    assert mock.serve(code_exchange(code, RIGHT, client_id=None, code_verifier=None), 1).response.status == 200


def test_row_30_a_code_used_twice_takes_its_tokens_along(profile):
    mock = service(profile=profile)
    code = code_of(mock)
    bearer = read(mock.serve(code_exchange(code), 1).response)["access_token"]
    assert opens(mock, bearer, 2) == 404
    assert error_of(mock.serve(code_exchange(code), 3).response) == (400, "invalid_grant")
    assert opens(mock, bearer, 4) == 401


def test_row_32_a_code_ends(profile):
    lifetime = 180_000 if profile == "oci" else 600_000
    for now, status in ((lifetime - 1, 200), (lifetime, 400)):
        mock = service(profile=profile)
        assert mock.serve(code_exchange(code_of(mock)), now).response.status == status


AUDIENCE = {"oci": "https://identity.oraclecloud.com/", "rfc": BASE}


def test_row_33_an_assertion_stands_for_its_user(profile):
    mock = service(profile=profile)
    answer = mock.serve(token_request(ASSERTION_GRANT, assertion=assertion(aud=AUDIENCE[profile])), 0).response
    claims = claims_of(read(answer)["access_token"])
    assert (claims["sub"], claims["sub_type"]) == ("jane", "user")
    for audience in ("oauth.idm.oracle.com",) if profile == "oci" else (f"{BASE}/oauth2/v1/token",):
        assert (
            mock.serve(token_request(ASSERTION_GRANT, assertion=assertion(aud=audience, jti="2")), 0).response.status
            == 200
        )


def test_row_34_an_assertion_is_good_once(profile):
    mock = service(profile=profile, assertion_jti="single")
    once = assertion(aud=AUDIENCE[profile])
    assert mock.serve(token_request(ASSERTION_GRANT, assertion=once), 0).response.status == 200
    assert error_of(mock.serve(token_request(ASSERTION_GRANT, assertion=once), 1).response) == (400, "invalid_grant")
    late = assertion(aud=AUDIENCE[profile], jti="2")
    assert mock.serve(token_request(ASSERTION_GRANT, assertion=late), 300_000).response.status == 400


def own(profile, **changed):
    signed = assertion(**{"sub": DEMO.id, "prn": None, "aud": AUDIENCE[profile], **changed})
    kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    return token_request("client_credentials", None, client_assertion_type=kind, client_assertion=signed)


def test_row_35_a_client_may_sign_in_place_of_a_secret(profile):
    mock = service(profile=profile, assertion_jti="single")
    answer = read(mock.serve(own(profile), 0).response)
    assert claims_of(answer["access_token"])["sub"] == DEMO.id
    for wrong in (
        own(profile),
        own(profile, jti="2", sub="x"),
        own(profile, jti="3", key=PRIVATE_PEM),
        own(profile, jti="4", iss="x"),
    ):
        response = mock.serve(wrong, 1).response
        assert error_of(response) == (401, "invalid_client")
        assert response.header("www-authenticate") == 'Basic realm="lab"'
    both = Request("POST", "/oauth2/v1/token", headers=form_post("/").headers, body=own(profile, jti="5").body)
    assert error_of(mock.serve(both, 2).response) == (400, "invalid_request")


def test_an_assertion_and_a_client_id_name_the_same_client(profile):
    signed = own(profile).body + b"&client_id=" + OTHER.id.encode()
    headers = tuple(pair for pair in form_post("/").headers if pair[0] != "authorization")
    response = (
        service(profile=profile).serve(Request("POST", "/oauth2/v1/token", headers=headers, body=signed), 0).response
    )
    assert error_of(response) == (401, "invalid_client")


def test_row_11_holds_for_every_grant_that_asks_for_a_scope(profile):
    mock = service(profile=profile)
    for request in (
        token_request("password", scope="", username=JANE.name, password=JANE.password),
        token_request(ASSERTION_GRANT, scope="", assertion=assertion(aud=AUDIENCE[profile])),
        form_post("/oauth2/v1/device", None, client_id=TV.id, response_type="device_code"),
    ):
        assert error_of(mock.serve(request, 0).response) == (400, "invalid_scope")


def device(mock, now=0, **fields):
    sent = {"client_id": TV.id, "scope": SCOPE, "response_type": "device_code", **fields}
    return mock.serve(form_post("/oauth2/v1/device", None, **sent), now).response


def polled(mock, code, now):
    return mock.serve(token_request(DEVICE_GRANT, None, client_id=TV.id, device_code=code), now).response


def test_row_36_a_device_gets_two_codes(profile):
    mock = service(profile=profile)
    body = read(device(mock))
    page = f"{BASE}/ui/v1/device"
    assert (body["expires_in"], body["verification_uri"]) == (300, page)
    if profile == "oci":
        assert len(body["user_code"]) == 8 and "interval" not in body and "verification_uri_complete" not in body
        assert error_of(device(mock, response_type="")) == (400, "invalid_request")
        assert device(mock, client_id=DEMO.id).status == 200, "no client authentication"
    else:
        assert body["interval"] == 5 and body["verification_uri_complete"] == f"{page}?user_code={body['user_code']}"
        assert error_of(device(mock, client_id=DEMO.id)) == (401, "invalid_client")
    assert error_of(device(mock, client_id="nobody")) == (401, "invalid_client")
    assert error_of(device(mock, scope="x")) == (400, "invalid_scope")


def test_row_37_a_hasty_device_waits_longer_for_good(profile):
    mock = service(profile=profile, authorize="page")
    code = read(device(mock))["device_code"]
    steps = [
        (0, "authorization_pending"),
        (4_999, "slow_down"),
        (14_998, "slow_down"),
        (29_998, "authorization_pending"),
    ]
    for now, error in steps:
        assert error_of(polled(mock, code, now)) == (400, error), now


@each_row(("switch", "error"), [("auto", None), ("deny", "access_denied")])
def test_rows_37_and_38_a_device_may_be_answered_by_itself(switch, error, profile):
    mock = service(profile=profile, authorize=switch)
    code = read(device(mock))["device_code"]
    assert error_of(polled(mock, code, 9_999)) == (400, "authorization_pending")
    assert read(polled(mock, code, 10_000)).get("error") == error
    if error is None:
        assert error_of(polled(mock, code, 20_000)) == (400, "invalid_grant"), "a code is good once"


def test_row_38_a_person_answers_on_the_page_or_the_control_plane(profile):
    mock = service(profile=profile, authorize="page")
    shown = mock.serve(Request("GET", "/ui/v1/device", "user_code=%22%3E%3Cq"), 0).response
    assert shown.status == 200 and b"<q" not in shown.body.partition(b"<form")[2]
    for answer, error in (("approve", None), ("deny", "access_denied")):
        body = read(device(mock))
        page = mock.serve(form_post("/ui/v1/device", None, user_code=body["user_code"], answer=answer), 1).response
        assert page.status == 200 and page.header("content-type").startswith("text/html")
        twice = mock.serve(form_post("/ui/v1/device", None, user_code=body["user_code"], answer=answer), 2).response
        assert twice.status == 409
        assert read(polled(mock, body["device_code"], 3)).get("error") == error
        body = read(device(mock))
        assert mock.answer_device(body["user_code"], answer, 1).status == 200
        assert read(polled(mock, body["device_code"], 3)).get("error") == error
    assert mock.answer_device("NOBODYSX", "approve", 1).status == 404
    for typed in (str.lower, lambda code: code.replace("-", ""), lambda code: f" {code[:2]}-{code[2:]}. "):
        body = read(device(mock))
        page = form_post("/ui/v1/device", None, user_code=typed(str(body["user_code"])), answer="approve")
        assert mock.serve(page, 1).response.status == 200
        assert read(polled(mock, body["device_code"], 3)).get("error") is None
    assert mock.answer_device(body["user_code"], "maybe", 1).status == 400
    assert error_of(polled(mock, read(device(mock))["device_code"], 300_000)) == (400, "expired_token")


def test_rows_39_and_40_introspection_tells_of_live_tokens_only(profile):
    mock = service(profile=profile)
    granted = login(mock)
    claims = read(mock.serve(form_post("/oauth2/v1/introspect", token=granted["access_token"]), 1).response)
    assert list(claims) == ["active", "scope", "client_id", "token_type", "exp", "iat", "sub", "aud", "iss", "jti"]
    assert (claims["active"], claims["sub"], claims["client_id"], claims["scope"]) == (True, "jane", DEMO.id, STAY)
    assert (claims["iat"], claims["exp"]) == (EPOCH, EPOCH + 3_600)
    assert read(mock.serve(form_post("/oauth2/v1/introspect", token=granted["refresh_token"]), 1).response)["active"]
    gone = json.dumps({"active": False}, separators=(",", ":")).encode()
    assert mock.serve(form_post("/oauth2/v1/introspect", token="x"), 1).response.body == gone
    assert (
        mock.serve(form_post("/oauth2/v1/introspect", token=granted["access_token"]), 3_600_000).response.body == gone
    )
    assert error_of(mock.serve(form_post("/oauth2/v1/introspect"), 1).response) == (400, "invalid_request")


def test_row_42_a_revoked_token_is_gone_and_a_refresh_token_takes_its_family_along(profile):
    mock = service(profile=profile)
    first, second = login(mock), login(mock)
    for token in (first["access_token"], "x", first["access_token"]):
        response = mock.serve(form_post("/oauth2/v1/revoke", token=token), 1).response
        assert (response.status, response.body) == (200, b"")
    assert opens(mock, first["access_token"], 2) == 401
    assert refresh(mock, first["refresh_token"], 2).status == 200
    foreign = form_post("/oauth2/v1/revoke", basic(OTHER.id, OTHER.secret), token=second["access_token"])
    assert mock.serve(foreign, 3).response.status == 200 and opens(mock, second["access_token"], 3) == 404
    assert mock.serve(form_post("/oauth2/v1/revoke", token=second["refresh_token"]), 4).response.status == 200
    assert opens(mock, second["access_token"], 5) == 401
    assert error_of(refresh(mock, second["refresh_token"], 5)) == (400, "invalid_grant")


def test_row_44_a_token_for_the_identity_domain_alone_does_not_open_the_api(profile):
    mock = service(profile=profile)
    answer = read(mock.serve(token_request("client_credentials", scope="urn:opc:idm:__myscopes__"), 0).response)
    assert opens(mock, answer["access_token"], 1) == 401


@each_row(
    ("path", "scope", "wanted"),
    [
        (f"{API}/agent/v2/X/status/j", "urn:opc:idm:__myscopes__", (SCOPE,)),
        (f"{API}/authz/v1/tokens", "urn:opc:idm:__myscopes__", (SCOPE,)),
        ("/api/boss/data/objects/ora/commonFusionAI/agents/v1/$en/workflows", "urn:opc:idm:__myscopes__",
         (SCOPE, service_scope("acme-test", "boss"))),
    ],
)  # fmt: skip
def test_row_44_a_token_of_another_scope_is_told_the_one_that_is_wanted_and_the_one_it_has(
    path, scope, wanted, profile
):
    for hints in ("on", "off"):
        mock = service(profile=profile, hints=hints)
        token = read(mock.serve(token_request("client_credentials", scope=scope), 0).response)["access_token"]
        response = mock.serve(Request("GET", path, headers=(("authorization", f"Bearer {token}"),)), 1).response
        assert response.status == 401
        said = 'error="invalid_token", error_description="The token is not for this API."'
        assert response.header("www-authenticate") == f'Bearer realm="lab", {said}, scope="{SCOPE}"'
        body = read(response)
        hint = f"Ask for {' or '.join(wanted)} at /oauth2/v1/token: this token has {scope}."
        assert (hint in str(body.get("userDetails", body.get("detail")))) == (hints == "on")
        assert "Fetch a new token" not in str(body)


def test_row_50_discovery_names_what_is_served(profile):
    mock = service(profile=profile)
    host = (("host", "evil.example"),)
    document = read(mock.serve(Request("GET", "/.well-known/openid-configuration", headers=host), 0).response)
    assert document["response_types_supported"] == ["code"] and document["code_challenge_methods_supported"] == ["S256"]
    for name, value in document.items():
        if name.endswith(("_endpoint", "_uri")):
            assert value.startswith(BASE + "/")
            served = mock.serve(Request("PUT", urlsplit(value).path), 0).response
            assert served.status == 405, name
    other = {"oci": "idcs-configuration", "rfc": "oauth-authorization-server"}
    mine = read(mock.serve(Request("GET", f"/.well-known/{other.pop(profile)}"), 0).response)
    assert mock.serve(Request("GET", f"/.well-known/{other.popitem()[1]}"), 0).response.status == 404
    if profile == "oci":
        assert list(mine) == ["configuration", "access-configuration", "openid-configuration"]
        assert mine["openid-configuration"]["token_endpoint"] == "/oauth2/v1/token"
    else:
        assert mine == document and document["authorization_response_iss_parameter_supported"] is True


def test_row_51_the_keys_check_the_tokens(profile):
    import jwt

    mock = service(profile=profile)
    paths = {"oci": "/admin/v1/SigningCert/jwk", "rfc": "/.well-known/jwks.json"}
    bearer = read(mock.serve(token_request("client_credentials", scope=f"{SCOPE}lab.none"), 0).response)["access_token"]
    bare = mock.serve(Request("GET", paths[profile]), 1).response
    assert bare.status == (401 if profile == "oci" else 200)
    if profile == "oci":
        assert bare.header("www-authenticate") == 'Bearer realm="lab"'
    signed = Request("GET", paths[profile], headers=(("authorization", f"Bearer {bearer}"),))
    (key,) = read(mock.serve(signed, 1).response)["keys"]
    assert not {"d", "p", "q"} & set(key) and ("x5c" in key) == (profile == "oci")
    assert key["kid"] == jwt.get_unverified_header(bearer)["kid"]
    off = {"verify_exp": False, "verify_iat": False, "verify_aud": False}
    assert jwt.decode(bearer, jwt.PyJWK(key), ["RS256"], options=off)["aud"] == SCOPE
    del paths[profile]
    assert mock.serve(Request("GET", paths.popitem()[1]), 1).response.status == 404


def test_row_52_a_refusal_may_name_the_metadata_of_the_resource(profile):
    path = "/.well-known/oauth-protected-resource"
    poll = Request("GET", f"{API}/agent/v2/EXPENSES/status/x")
    mock = service(profile=profile, resource_metadata="on")
    challenge = mock.serve(poll, 0).response.header("www-authenticate")
    assert challenge == f'Bearer realm="lab", resource_metadata="{BASE}{path}"'
    document = read(mock.serve(Request("GET", path), 0).response)
    assert document["resource"] == BASE and document["scopes_supported"] == [SCOPE]
    plain = service(profile=profile)
    assert plain.serve(poll, 0).response.header("www-authenticate") == 'Bearer realm="lab"'
    assert plain.serve(Request("GET", path), 0).response.status == 404


def test_any_client_may_be_taken_but_one_secret_never(profile):
    mock = service(profile=profile, clients="any")
    for request in (
        token_request("client_credentials", basic("stranger", "x")),
        token_request("client_credentials", None, client_id="stranger", client_secret="x"),
        token_request("password", basic("stranger", "x"), username=JANE.name, password=JANE.password),
    ):
        assert mock.serve(request, 0).response.status == 200
    for wrong in (basic("stranger", "lab-wrong"), basic("stranger", ""), basic(DEMO.id, "lab-wrong")):
        assert error_of(mock.serve(token_request("client_credentials", wrong), 0).response) == (401, "invalid_client")
    assert mock.end_tokens("stranger", "revoke", 1).status == 200


HOME = "http://localhost:5000/back?a=b"


def test_any_public_client_goes_through_authorize_and_pkce(profile):
    mock = service(profile=profile, clients="any")
    stranger = {"client_id": "some-app", "redirect_uri": HOME, "scope": STAY}
    found = mock.serve(authorize_request(**stranger), 0).response
    assert found.status == 302 and found.header("location").startswith(HOME + "&code=")
    code = redirect_parameters(found)["code"]
    sent = {"client_id": "some-app", "redirect_uri": HOME}
    thief = mock.serve(code_exchange(code, **{**sent, "client_id": "another-app"}), 1).response
    assert error_of(thief) == (400, "invalid_grant")
    tokens = read(mock.serve(code_exchange(code, **sent), 1).response)
    assert claims_of(tokens["access_token"])["client_id"] == "some-app"
    again = token_request("refresh_token", None, client_id="some-app", refresh_token=tokens["refresh_token"])
    assert opens(mock, read(mock.serve(again, 2).response)["access_token"], 2) == 404
    for changed, error in (
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
    ):
        refused = mock.serve(authorize_request(**stranger, **changed), 3).response
        assert redirect_parameters(refused)["error"] == error
    code = code_of(mock, 4, **stranger)
    guessed = mock.serve(code_exchange(code, **sent, code_verifier="w" * 50), 4).response
    assert error_of(guessed) == (400, "invalid_grant")
    bare = token_request("client_credentials", None, client_id="some-app")
    assert error_of(mock.serve(bare, 5).response) == (400, "unauthorized_client")
    assert error_of(mock.serve(token_request("password", None), 5).response) == (401, "invalid_client")


@each_row("registered", [DEMO, aistudio_cli("acme-test"), Client("off", "lab-secret-off", active=False)])
def test_what_is_registered_for_a_client_takes_nothing_from_it_where_any_is_taken(profile, registered):
    mock = service(profile=profile, clients="any")
    mock = Service(replace(mock.config, clients=(*mock.config.clients, registered)))
    name, login = registered.id, {"username": JANE.name, "password": JANE.password}

    def taken(request, now=0):
        return "access_token" in read(mock.serve(request, now).response)

    assert taken(token_request("password", None, client_id=name, **login))
    assert taken(token_request("password", basic(name, "x"), **login))
    assert taken(token_request("client_credentials", basic(name, "x")))
    bare = token_request("client_credentials", None, client_id=name)
    assert error_of(mock.serve(bare, 0).response) == (400, "unauthorized_client")
    home = {"client_id": name, "redirect_uri": HOME}
    assert taken(code_exchange(code_of(mock, **home), **home))
    assert taken(code_exchange(code_of(mock, **home), basic(name, "x"), **home))
    if not registered.public:
        unproven = code_of(mock, **home, code_challenge=None, code_challenge_method=None)
        assert (
            error_of(mock.serve(code_exchange(unproven, **home, code_verifier=None), 0).response)[1] == "invalid_grant"
        )
    codes = read(
        mock.serve(
            form_post("/oauth2/v1/device", None, client_id=name, scope=SCOPE, response_type="device_code"), 0
        ).response
    )
    assert taken(token_request(DEVICE_GRANT, None, client_id=name, device_code=codes["device_code"]), 10_000)
    for wrong in (
        token_request("password", basic(name, "lab-wrong"), **login),
        form_post("/oauth2/v1/introspect", None, client_id=name, token="x"),
    ):
        assert error_of(mock.serve(wrong, 0).response) == (401, "invalid_client")


@each_row(
    ("redirect", "taken"),
    [
        ("http://127.0.0.1:1/x", True), ("http://[::1]", True), ("http://localhost", True), ("https://localhost:1?x", True),
        (REDIRECT, True), ("http://127.0.0.1.example/x", False), ("http://127.0.0.1@example.org/", False),
        ("http://localhost:1/#x", False), ("https://example.org/", False), ("app:/x", False), ("", False),
        ("http://localhost:65535", True), ("http://localhost:65536", False), ("http://localhost:0/", False),
        ("http://localhost:1/x y", False), ("http://localhost:123456/", False), ("javascript:1//http://localhost/", False),
    ],
)  # fmt: skip
def test_where_any_client_is_taken_it_is_sent_to_this_machine_alone(redirect, taken):
    for client, switch in (("some-app", "any"), ("some-app", "known"), (DEMO.id, "any"), (DEMO.id, "known")):
        answer = service(clients=switch).serve(authorize_request(client_id=client, redirect_uri=redirect), 0).response
        wanted = taken and (switch == "any" or (client, redirect) == (DEMO.id, REDIRECT))
        assert answer.status == (302 if wanted else 400), (client, switch)


def test_any_public_client_connects_a_device(profile):
    mock = service(profile=profile, clients="any", authorize="page")
    body = read(device(mock, client_id="some-tv"))
    mock.answer_device(body["user_code"], "approve", 1)
    for client, status in (("other-tv", 400), ("some-tv", 200)):
        poll = token_request(DEVICE_GRANT, None, client_id=client, device_code=body["device_code"])
        assert mock.serve(poll, 6_000).response.status == status
    assert error_of(device(service(profile=profile), client_id="some-tv")) == (401, "invalid_client")
    assert error_of(device(mock, client_id="")) == (401, "invalid_client")


def test_a_code_and_a_device_code_are_their_clients(profile):
    mock = service(profile=profile, authorize="page")
    code = redirect_parameters(mock.serve(authorize_request(answer="allow"), 0).response)["code"]
    body = read(device(mock))
    mock.answer_device(body["user_code"], "approve", 1)
    foreign = mock.serve(code_exchange(code, RIGHT, client_id=None), 2).response
    assert error_of(foreign) == (400, "invalid_grant")
    stolen = mock.serve(token_request(DEVICE_GRANT, device_code=body["device_code"]), 2).response
    assert error_of(stolen) == (400, "invalid_grant")
    assert mock.serve(code_exchange(code), 3).response.status == polled(mock, body["device_code"], 3).status == 200


def test_row_10_a_client_has_its_grants_and_may_be_switched_off(profile):
    some = Client("some", "lab-secret-some", grants=frozenset({Grant.PASSWORD}))
    off = Client("off", "lab-secret-off", active=False)
    config = service(profile=profile).config
    mock = Service(replace(config, clients=(some, off)))
    credentials = {"username": JANE.name, "password": JANE.password, "scope": STAY}
    answer = read(mock.serve(token_request("password", basic(some.id, some.secret), **credentials), 0).response)
    assert "access_token" in answer and "refresh_token" not in answer, "it may not refresh"
    for client, grant in ((some, "client_credentials"), (off, "client_credentials"), (off, "password")):
        response = mock.serve(token_request(grant, basic(client.id, client.secret), **credentials), 0).response
        assert error_of(response) == (400, "unauthorized_client")


def test_row_40_a_refresh_token_that_was_traded_is_no_longer_spoken_of(profile):
    mock = service(profile=profile)
    first = login(mock)["refresh_token"]
    refresh(mock, first, 1)
    assert read(mock.serve(form_post("/oauth2/v1/introspect", token=first), 2).response) == {"active": False}


@given(
    st.sampled_from(["token", "authorize", "device", "introspect", "revoke"]),
    st.sampled_from(["GET", "POST"]),
    st.text(max_size=60) | st.just("client_id=" + CLI + "&redirect_uri=" + REDIRECT + "&state=\udc80"),
    st.binary(max_size=60) | st.sampled_from([b"grant_type=refresh_token&refresh_token=%00", b"token=%ed%a0%80"]),
    st.sampled_from([RIGHT, "Basic", "Bearer x", ""]),
    st.sampled_from(PROFILES),
)
def test_nothing_sent_to_the_identity_domain_breaks_it(path, method, query, body, authorization, profile):
    headers = (("content-type", "application/x-www-form-urlencoded"), ("authorization", authorization))
    for where in (f"/oauth2/v1/{path}", "/ui/v1/device"):
        assert (
            200 <= service(profile=profile).serve(Request(method, where, query, headers, body), 0).response.status < 500
        )


def test_the_facts_alone_fold_to_the_same_state(profile):
    mock, facts = service(profile=profile, authorize="page"), []
    mock.journals.append(facts.extend)
    first = login(mock)["refresh_token"]
    refresh(mock, first, 1)
    refresh(mock, first, 2)
    mock.serve(form_post("/oauth2/v1/revoke", token=login(mock, 3)["access_token"]), 4)
    code = redirect_parameters(mock.serve(authorize_request(answer="allow"), 5).response)["code"]
    mock.serve(code_exchange(code), 6)
    mock.serve(code_exchange(code), 7)
    body = read(device(mock, 8))
    for now in (9, 10):
        polled(mock, body["device_code"], now)
    mock.answer_device(body["user_code"], "approve", 11)
    polled(mock, body["device_code"], 12)
    again = MemoryLedger()
    again.commit(tuple(facts))
    assert again._records == mock.ledger._records and len(facts) > 12


def test_no_answer_depends_on_anything_but_seed_and_instant(profile):
    def day():
        mock = service(profile=profile, authorize="page")
        granted = login(mock)
        code = redirect_parameters(mock.serve(authorize_request(answer="allow"), 5).response)["code"]
        replies = [
            refresh(mock, granted["refresh_token"], 9),
            mock.serve(code_exchange(code), 10).response,
            device(mock, 11),
        ]
        return [reply.body for reply in replies]

    assert day() == day()
