"""requests-oauthlib as an OAuth client. It doesn't form-encode Basic, and checks scope and state by itself."""

from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from oauthlib.oauth2 import BackendApplicationClient, DeviceClient, LegacyApplicationClient, OAuth2Error
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

from lab.identity.clients import DEMO, JANE, aistudio_cli
from lab.identity.scopes import OFFLINE
from tests.judges.conftest import OTHER
from tests.server.served import SCOPE, Served

CLI = aistudio_cli("acme-test").id
REDIRECT = DEMO.redirects[0]
BASIC = HTTPBasicAuth(DEMO.id, DEMO.secret)
STAY = [SCOPE, OFFLINE]


@pytest.fixture(autouse=True)
def _plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """The judge speaks https alone, unless it is told."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")


def opened(world: Served, session: OAuth2Session) -> int:
    """The status of a call to the API with the session's token."""
    return int(session.get(f"{world.api}/agent/v2/QUICK_TEAM/status/nope", timeout=10).status_code)


@pytest.mark.parametrize("where", ["basic", "body"])
def test_credentials_in_either_place(world: Served, where: str) -> None:
    more = {"auth": BASIC} if where == "basic" else {"client_secret": DEMO.secret, "include_client_id": True}
    with OAuth2Session(client=BackendApplicationClient(DEMO.id, scope=[SCOPE])) as session:
        token = session.fetch_token(world.token_url, **more)
        assert token["expires_in"] == 3600 and opened(world, session) == 404


def test_an_id_and_a_secret_of_odd_signs_in_the_body(world: Served) -> None:
    with OAuth2Session(client=BackendApplicationClient(OTHER.id, scope=[SCOPE])) as session:
        assert session.fetch_token(world.token_url, client_secret=OTHER.secret, include_client_id=True)


@pytest.mark.parametrize("where", ["basic", "body"])
def test_a_bad_secret_is_invalid_client(world: Served, where: str) -> None:
    wrong = DEMO.secret.replace("+", " ")
    more = {"auth": HTTPBasicAuth(DEMO.id, wrong)} if where == "basic" else {
        "client_secret": wrong, "include_client_id": True,
    }  # fmt: skip
    with OAuth2Session(client=BackendApplicationClient(DEMO.id, scope=[SCOPE])) as session:
        with pytest.raises(OAuth2Error) as refused:
            session.fetch_token(world.token_url, **more)
        assert refused.value.error == "invalid_client"


def test_password_refresh_and_rotation(world: Served) -> None:
    with OAuth2Session(client=LegacyApplicationClient(DEMO.id, scope=STAY)) as session:
        first = session.fetch_token(world.token_url, username=JANE.name, password=JANE.password, auth=BASIC)
        second = session.refresh_token(world.token_url, auth=BASIC)
        assert first["refresh_token"] != second["refresh_token"] and opened(world, session) == 404
        with pytest.raises(OAuth2Error) as refused:
            session.refresh_token(world.token_url, refresh_token=first["refresh_token"], auth=BASIC)
        assert refused.value.error == "invalid_grant"


@pytest.mark.parametrize("client", [CLI, DEMO.id])
def test_code_with_pkce(world: Served, client: str) -> None:
    with OAuth2Session(client, redirect_uri=REDIRECT, scope=STAY, pkce="S256") as session:
        url, state = session.authorization_url(f"{world.origin}/oauth2/v1/authorize")
        landed = requests.get(url, allow_redirects=False, timeout=10).headers["location"]
        assert dict(parse_qsl(urlsplit(landed).query))["state"] == state
        more = {"auth": BASIC} if client == DEMO.id else {"include_client_id": True}
        token = session.fetch_token(world.token_url, authorization_response=landed, **more)
        assert token["refresh_token"] and opened(world, session) == 404
        again = {"auth": BASIC} if client == DEMO.id else {"client_id": CLI}
        assert session.refresh_token(world.token_url, **again)["refresh_token"] != token["refresh_token"]


def test_a_refusal_comes_back_as_one(world: Served) -> None:
    with OAuth2Session(CLI, redirect_uri=REDIRECT, scope=["urn:x"], pkce="S256") as session:
        url, _ = session.authorization_url(f"{world.origin}/oauth2/v1/authorize")
        landed = requests.get(url, allow_redirects=False, timeout=10).headers["location"]
        with pytest.raises(OAuth2Error) as refused:
            session.fetch_token(world.token_url, authorization_response=landed, include_client_id=True)
        assert refused.value.error == "invalid_scope"


def test_a_device_is_answered_by_itself(world: Served, profile: str) -> None:
    requested = {"client_id": DEMO.id, "scope": SCOPE} | ({"response_type": "device_code"} if profile == "oci" else {})
    codes = requests.post(f"{world.origin}/oauth2/v1/device", data=requested, auth=BASIC, timeout=10).json()
    client = DeviceClient(DEMO.id, scope=[SCOPE])
    body = client.prepare_request_body(codes["device_code"], include_client_id=True)
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    world.sleep(9)
    pending = requests.post(world.token_url, body, headers=kind, auth=BASIC, timeout=10)
    with pytest.raises(OAuth2Error) as refused:
        client.parse_request_body_response(pending.text)
    assert refused.value.error == "authorization_pending"
    world.sleep(5)
    granted = requests.post(world.token_url, body, headers=kind, auth=BASIC, timeout=10)
    assert client.parse_request_body_response(granted.text)["access_token"]


def test_revocation(world: Served) -> None:
    client = LegacyApplicationClient(DEMO.id, scope=STAY)
    with OAuth2Session(client=client) as session:
        token = session.fetch_token(world.token_url, username=JANE.name, password=JANE.password, auth=BASIC)
        url, headers, body = client.prepare_token_revocation_request(
            f"{world.origin}/oauth2/v1/revoke", token["access_token"], "access_token"
        )  # fmt: skip
        assert requests.post(url, body, headers=headers, auth=BASIC, timeout=10).status_code == 200
        assert opened(world, session) == 401
