"""A client that listens nowhere: its code is shown to a person, who copies it; and what else it may do (contract.md §7.4)."""

import re

import pytest

from lab.identity.clients import DEMO, OOB, Client, Grant, aistudio_cli
from lab.identity.keys import claims_of
from lab.identity.scopes import OFFLINE
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.switches import Switches
from tests.conftest import each_row
from tests.wire_peer import (
    CLI,
    EPOCH,
    OTHER,
    REDIRECT,
    SCOPE,
    authorize_request,
    code_exchange,
    form_post,
    read,
    redirect_parameters,
    service,
)

STAY = f"{SCOPE} {OFFLINE}"


@pytest.fixture(params=["oci", "rfc"])
def profile(request):
    return request.param


def error_of(response):
    return response.status, read(response)["error"]


@each_row("kind", ["token", "id_token token", "code token"])
def test_the_implicit_grant_is_refused_by_its_name(kind, profile):
    said = redirect_parameters(service(profile=profile).serve(authorize_request(response_type=kind), 0).response)
    assert said["error"] == "unsupported_response_type"
    assert "implicit grant (response_type=token) is not served: ask for response_type=code" in said["error_description"]
    other = redirect_parameters(service(profile=profile).serve(authorize_request(response_type="x"), 0).response)
    assert other["error_description"] == "Only response_type=code is served."


def shown_code(response):
    """The code on the page from which a person copies it."""
    (found,) = re.findall(r'<code id="code"[^>]*>([^<]+)</code>', response.body.decode())
    return found


def test_a_client_that_listens_nowhere_has_its_code_copied_by_a_person(profile):
    mock = service(profile=profile)
    response = mock.serve(authorize_request(redirect_uri=OOB, state='"><script>', scope=f"{STAY} openid"), 0).response
    assert (response.status, response.header("location")) == (200, None)
    assert response.header("content-type").startswith("text/html") and response.header("cache-control") == "no-store"
    page = response.body.decode()
    assert CLI in page and "script" not in page and f"for {3 if profile == 'oci' else 10} minutes" in page
    assert error_of(mock.serve(code_exchange(shown_code(response)), 1).response) == (400, "invalid_grant")
    code = shown_code(mock.serve(authorize_request(redirect_uri=OOB, scope=STAY), 2).response)
    answer = read(mock.serve(code_exchange(code, redirect_uri=OOB), 3).response)
    assert claims_of(answer["access_token"])["sub"] == "jane" and "refresh_token" in answer


@each_row(
    ("changed", "said"),
    [
        ({"response_type": "token"}, "unsupported_response_type: The implicit grant"), ({"scope": "<b>"}, "invalid_scope: "),
        ({"code_challenge": None}, "invalid_request: code_challenge is missing."), ({"answer": "deny"}, "access_denied: "),
    ],
)  # fmt: skip
def test_without_a_redirect_an_error_is_shown_to_the_person(changed, said, profile):
    mock = service(profile=profile, authorize="page")
    response = mock.serve(authorize_request(**{"redirect_uri": OOB, "answer": "allow", **changed}), 0).response
    assert (response.status, response.header("location")) == (400, None)
    page = response.body.decode()
    assert said in page and "<b>" not in page and "<code" not in page


def test_a_person_who_is_asked_first_gets_the_code_thereafter(profile):
    mock = service(profile=profile, authorize="page")
    question = mock.serve(authorize_request(redirect_uri=OOB), 0).response
    assert b"Allow" in question.body and b"<code" not in question.body
    assert shown_code(mock.serve(authorize_request(redirect_uri=OOB, answer="allow"), 0).response)


def test_what_is_on_a_page_is_escaped():
    odd = Client("<b>odd</b>", "", (OOB,), frozenset({Grant.CODE}))
    mock = Service(Config((), Switches(), 42, EPOCH, (DEMO, odd)))
    page = mock.serve(authorize_request(client_id=odd.id, redirect_uri=OOB), 0).response.body
    assert b"&lt;b&gt;odd" in page and b"<b>" not in page


def test_the_clients_of_a_lab_have_what_the_how_to_gives_them(profile):
    """Oracle's CLI: a code, refresh, two redirects; no device, and nothing that needs a secret."""
    assert aistudio_cli("p").grants == {Grant.CODE, Grant.REFRESH}
    assert aistudio_cli("p").redirects == (REDIRECT, "urn:ietf:wg:oauth:2.0:oob")
    mock = service(profile=profile)
    sent = form_post("/oauth2/v1/device", None, client_id=CLI, scope=SCOPE, response_type="device_code")
    assert error_of(mock.serve(sent, 0).response) == (400, "unauthorized_client")
    for client in (DEMO.id, OTHER.id):  # nobody registered it for these
        assert mock.serve(authorize_request(client_id=client, redirect_uri=OOB), 0).response.status == 400
    lax = service(profile=profile, clients="any")
    assert shown_code(lax.serve(authorize_request(client_id="whoever", redirect_uri=OOB), 0).response)
