"""authlib as an OAuth client, over requests and over httpx: what it takes for granted must hold."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
import requests
from authlib.common.security import generate_token
from authlib.common.urls import add_params_to_uri
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc6749.errors import InvalidGrantError
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import OpenIDProviderMetadata
from joserfc import jwk, jwt

from lab.core.clock import INSTANT_EPOCH
from lab.identity.clients import DEMO, JANE, aistudio_cli
from lab.identity.scopes import OFFLINE
from tests.judges.conftest import OTHER, QUICK
from tests.server.served import SCOPE, Served, serving

CLI = aistudio_cli("acme-test").id
REDIRECT = DEMO.redirects[0]
STAY = f"{SCOPE} {OFFLINE}"
Make = Callable[..., Any]


@pytest.fixture(params=[OAuth2Session, OAuth2Client], ids=["requests", "httpx"])
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    """Makes a session of authlib's; closed in the end."""
    created: list[Any] = []

    def session(client_id: str = DEMO.id, client_secret: str | None = DEMO.secret, **more: Any) -> Any:
        created.append(request.param(client_id, client_secret, **more))
        return created[-1]

    yield session
    for each in created:
        each.close()


def opened(world: Served, session: Any) -> int:
    """The status of a call to the API with the session's token."""
    url = f"{world.api}/agent/v2/QUICK_TEAM/status/nope"
    return int(session.get(url).status_code)


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_credentials_in_either_place(world: Served, make: Make, method: str) -> None:
    session = make(token_endpoint_auth_method=method, scope=SCOPE)
    token = session.fetch_token(world.token_url, grant_type="client_credentials")
    assert token["token_type"] == "Bearer" and token["expires_in"] == 3600
    assert opened(world, session) == 404, "the job is unknown, the bearer is good"


def test_an_id_and_a_secret_of_odd_signs_in_the_body(world: Served, make: Make) -> None:
    session = make(OTHER.id, OTHER.secret, token_endpoint_auth_method="client_secret_post", scope=SCOPE)
    assert session.fetch_token(world.token_url, grant_type="client_credentials")["access_token"]


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_bad_secret_is_invalid_client(world: Served, make: Make, method: str) -> None:
    session = make(client_secret="lab-secret-a:b/c d%e", token_endpoint_auth_method=method, scope=SCOPE)
    with pytest.raises(OAuthError) as refused:
        session.fetch_token(world.token_url, grant_type="client_credentials")
    assert refused.value.error == "invalid_client"


def test_a_bad_scope_is_named(world: Served, make: Make) -> None:
    session = make(scope=SCOPE.rstrip("/"))
    with pytest.raises(OAuthError) as refused:
        session.fetch_token(world.token_url, grant_type="client_credentials")
    assert (refused.value.error, SCOPE in refused.value.description) == ("invalid_scope", True)


def test_password_refresh_and_rotation(world: Served, make: Make) -> None:
    session = make(scope=STAY)
    first = dict(session.fetch_token(world.token_url, username=JANE.name, password=JANE.password))
    world.sleep(1)
    second = dict(session.refresh_token(world.token_url))
    assert first["refresh_token"] != second["refresh_token"] and first["access_token"] != second["access_token"]
    assert opened(world, session) == 404
    with pytest.raises(OAuthError) as refused:
        session.refresh_token(world.token_url, refresh_token=first["refresh_token"])
    assert refused.value.error == "invalid_grant"
    with pytest.raises(OAuthError):
        session.refresh_token(world.token_url, refresh_token=second["refresh_token"])
    session.token = second
    assert opened(world, session) == 401, "the family ended with the second use"


def redirected(url: str) -> str:
    """Where a browser is sent."""
    got = requests.get(url, allow_redirects=False, timeout=10)
    assert got.status_code == 302, got.text
    return got.headers["location"]


def authorized(world: Served, session: Any, **more: str) -> tuple[str, str]:
    """The address that comes back from the authorize endpoint, and the verifier."""
    verifier = generate_token(48)
    url, state = session.create_authorization_url(
        f"{world.origin}/oauth2/v1/authorize", code_verifier=verifier, **more
    )  # fmt: skip
    landed = redirected(url)
    assert landed.startswith(REDIRECT + "?") and dict(parse_qsl(urlsplit(landed).query))["state"] == state
    return landed, verifier


@pytest.mark.parametrize("client", [(CLI, None, "none"), (DEMO.id, DEMO.secret, "client_secret_basic")])
def test_code_with_pkce_and_a_refresh(world: Served, make: Make, client: tuple[str, str | None, str]) -> None:
    identity, secret, method = client
    session = make(
        identity, secret, token_endpoint_auth_method=method, scope=STAY, redirect_uri=REDIRECT,
        code_challenge_method="S256",
    )  # fmt: skip
    landed, verifier = authorized(world, session)
    token = dict(session.fetch_token(world.token_url, authorization_response=landed, code_verifier=verifier))
    assert opened(world, session) == 404
    world.sleep(1)
    assert session.refresh_token(world.token_url)["refresh_token"] != token["refresh_token"]
    with pytest.raises(OAuthError) as refused:
        session.fetch_token(world.token_url, authorization_response=landed, code_verifier=verifier)
    assert refused.value.error == "invalid_grant"


def test_a_wrong_verifier_burns_the_code(world: Served, make: Make) -> None:
    session = make(CLI, None, token_endpoint_auth_method="none", scope=SCOPE, redirect_uri=REDIRECT,
                   code_challenge_method="S256")  # fmt: skip
    landed, verifier = authorized(world, session)
    for given in (generate_token(48), verifier):
        with pytest.raises(OAuthError) as refused:
            session.fetch_token(world.token_url, authorization_response=landed, code_verifier=given)
        assert refused.value.error == InvalidGrantError.error


def test_another_state_is_the_clients_to_refuse(world: Served, make: Make) -> None:
    session = make(CLI, None, token_endpoint_auth_method="none", scope=SCOPE, redirect_uri=REDIRECT,
                   code_challenge_method="S256")  # fmt: skip
    landed, _ = authorized(world, session, state="mine /+&%")
    assert dict(parse_qsl(urlsplit(landed).query))["state"] == "mine /+&%"


def test_an_id_token_holds_what_openid_asks_for(world: Served, make: Make, profile: str) -> None:
    session = make(
        CLI, None, token_endpoint_auth_method="none", scope=f"{SCOPE} openid", redirect_uri=REDIRECT,
        code_challenge_method="S256",
    )  # fmt: skip
    landed, verifier = authorized(world, session, nonce="n-1")
    token = session.fetch_token(world.token_url, authorization_response=landed, code_verifier=verifier)
    path = {"oci": "/admin/v1/SigningCert/jwk", "rfc": "/.well-known/jwks.json"}[profile]
    keys = jwk.KeySet.import_key_set(session.get(world.origin + path).json())
    decoded = jwt.decode(token["id_token"], keys)
    issuer = world.service.config.identity.issuer
    claims = CodeIDToken(
        decoded.claims, decoded.header, {"iss": {"value": issuer}, "aud": {"value": CLI}},
        {"nonce": "n-1", "client_id": CLI, "access_token": token["access_token"]},
    )  # fmt: skip
    claims.validate(now=INSTANT_EPOCH + 1)
    assert claims["sub"] == JANE.name


def test_a_device_is_answered_by_itself_or_told_to_wait(world: Served, make: Make, profile: str) -> None:
    session = make()
    requested = {"client_id": DEMO.id, "scope": SCOPE} | ({"response_type": "device_code"} if profile == "oci" else {})
    login = (DEMO.id, DEMO.secret)
    codes = requests.post(f"{world.origin}/oauth2/v1/device", data=requested, auth=login, timeout=10).json()
    grant = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": codes["device_code"]}
    for error in ("authorization_pending", "slow_down"):
        with pytest.raises(OAuthError) as refused:
            session.fetch_token(world.token_url, **grant)
        assert refused.value.error == error
    world.sleep(codes.get("interval", 5) * 2)
    assert session.fetch_token(world.token_url, **grant)["access_token"]
    assert opened(world, session) == 404


def test_introspection_and_revocation(world: Served, make: Make) -> None:
    session = make(scope=STAY)
    token = dict(session.fetch_token(world.token_url, username=JANE.name, password=JANE.password))
    where = f"{world.origin}/oauth2/v1/introspect"
    reported = session.introspect_token(where, token=token["access_token"], token_type_hint="access_token").json()
    assert (reported["active"], reported["sub"], reported["client_id"]) == (True, JANE.name, DEMO.id)
    done = session.revoke_token(
        f"{world.origin}/oauth2/v1/revoke", token=token["refresh_token"], token_type_hint="refresh_token"
    )  # fmt: skip
    assert done.status_code == 200
    assert session.introspect_token(where, token=token["access_token"]).json() == {"active": False}
    with pytest.raises(OAuthError):
        session.refresh_token(world.token_url, refresh_token=token["refresh_token"])


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("openid-configuration", OpenIDProviderMetadata), ("oauth-authorization-server", AuthorizationServerMetadata),
    ],
)  # fmt: skip
def test_the_metadata_of_rfc_is_valid_and_under_its_issuer(path: str, kind: type[Any]) -> None:
    base = "https://idcs.example.test"  # the judge takes no plain issuer
    with serving(QUICK, profile="rfc", base=base) as world:
        document = httpx2.get(f"{world.origin}/.well-known/{path}", trust_env=False).json()
    kind(document).validate()
    assert document["issuer"] == base
    assert add_params_to_uri(document["authorization_endpoint"], []).startswith(base)


def test_the_generic_issuer_of_oci_is_the_trap_that_it_is_in_reality(make: Make) -> None:
    with serving(QUICK) as world:
        document = httpx2.get(f"{world.origin}/.well-known/openid-configuration", trust_env=False).json()
        assert document["issuer"] == "https://identity.oraclecloud.com/"
        assert not document["token_endpoint"].startswith(document["issuer"])


def test_the_challenge_is_the_one_that_the_judge_reckons() -> None:
    from lab.identity.keys import challenge_of

    verifier = generate_token(64)
    assert challenge_of(verifier) == create_s256_code_challenge(verifier)
