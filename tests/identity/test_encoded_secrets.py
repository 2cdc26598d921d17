"""A secret that is encoded or decoded once too often: the refusal says so, and nothing of the secret (contract.md §7.4)."""

from base64 import b64encode
from urllib.parse import quote, quote_plus, unquote, unquote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.core.exchange import Request
from lab.identity.clients import DEMO, Client
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.switches import Switches
from lab.recording.replay.replay import replay
from tests.conftest import each_row
from tests.recording.joined import Joined, config, scenario
from tests.wire_peer import EPOCH, SCOPE, basic, form_post, read, service, token_request

TOO_OFTEN = "the secret came percent-encoded once too often"
DECODED = "the secret came percent-decoded once too often, or its + was not sent as %2B"
PLAIN = "Client authentication failed."


@pytest.fixture(params=["oci", "rfc"])
def profile(request):
    return request.param


def by_header(secret: str, name: str = DEMO.id) -> Request:
    return token_request("client_credentials", basic(name, secret))


def in_body(sent: str, name: str = DEMO.id) -> Request:
    """The secret as it stands between `=` and `&`."""
    body = f"grant_type=client_credentials&client_id={quote(name)}&scope={quote(SCOPE, safe='')}&client_secret={sent}"
    return Request("POST", "/oauth2/v1/token", headers=form_post("/", None).headers, body=body.encode())


ONCE = quote_plus(DEMO.secret)
TWICE = quote_plus(ONCE)
SAID = {
    "as it is": (by_header(DEMO.secret), None),
    "encoded": (by_header(ONCE), None),
    "encoded twice": (by_header(TWICE), TOO_OFTEN),
    "encoded three times": (by_header(quote_plus(TWICE)), PLAIN),
    "decoded": (by_header(unquote_plus(DEMO.secret)), DECODED),
    "decoded, then encoded": (by_header(quote_plus(unquote_plus(DEMO.secret))), DECODED),
    "encoded but for its plus": (by_header(quote(DEMO.secret, safe="+")), DECODED),
    "wrong": (by_header("lab-secret-of-another"), PLAIN),
    "empty": (by_header(""), PLAIN),
    "nobody's": (by_header(TWICE, "nobody"), PLAIN),
    "a public client's": (by_header("", "tv"), PLAIN),
    "body, encoded": (in_body(ONCE), None),
    "body, encoded twice": (in_body(TWICE), TOO_OFTEN),
    "body, as it is": (in_body(DEMO.secret), DECODED),
    "body, wrong": (in_body("lab-secret-of-another"), PLAIN),
}


@each_row(("sent", "said"), SAID.values(), ids=SAID)
def test_the_refusal_says_which_way_the_secret_is_wrong(sent, said, profile):
    response = service(profile=profile).serve(sent, 0).response
    if said is None:
        assert response.status == 200
        return
    by_header_or_oci = sent.header("authorization") is not None or profile == "oci"
    assert response.status == (401 if by_header_or_oci else 400)
    body = read(response)
    assert body["error"] == "invalid_client" and said in body["error_description"]
    assert said == PLAIN or "form-encode it once, exactly as it was given" in body["error_description"]
    assert body["error_description"].isascii() and not {'"', "\\"} & set(body["error_description"])
    bare = service(profile=profile, hints="off").serve(sent, 0).response
    assert (bare.status, read(bare)["error_description"]) == (response.status, PLAIN)


@given(secret=st.text("ab%+:/2e5 \u00e9", min_size=8, max_size=20), name=st.sampled_from(["app", "a+b%41"]))
def test_of_no_secret_anything_is_told(secret: str, name: str) -> None:
    """And each that is one decoding away is known for it, whatever it and the client's id are made of."""
    mock = Service(Config((), Switches(), 42, EPOCH, (DEMO, Client(name, secret))))
    doubled = "Basic " + b64encode(f"{quote_plus(quote_plus(name))}:{quote_plus(quote_plus(secret))}".encode()).decode()
    response = mock.serve(token_request("client_credentials", doubled), 0).response
    if quote_plus(secret) == secret and quote_plus(name) == name:
        assert response.status == 200
        return
    body = read(response)
    if quote_plus(secret) != secret:
        assert body["error_description"].startswith(f"{PLAIN[:-1]}: {TOO_OFTEN}")
    for form in {secret, quote_plus(secret), unquote(secret), unquote_plus(secret)}:
        assert form not in response.body.decode()


@each_row("name", ["encoded twice", "decoded", "body, as it is", "wrong"])
def test_what_was_said_of_a_secret_is_replayed_without_it(name: str) -> None:
    lab = Joined(config())
    answer = read(lab.ask(SAID[name][0]))
    assert SAID[name][1] in answer["error_description"]
    recording = lab.closed()
    for secret in (DEMO.secret, ONCE, TWICE, unquote_plus(DEMO.secret), b64encode(TWICE.encode()).decode()):
        assert secret not in lab.data.decode()
    result = replay(recording, [scenario()])
    assert result.passed, result.text()
