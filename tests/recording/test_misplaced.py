"""Secrets and ids where they don't belong: what was answered is answered again."""

import json
from base64 import b64encode
from collections.abc import Callable
from typing import Literal
from urllib.parse import quote

import pytest
from msgspec.structs import replace

from lab.core.exchange import Headers, Request, Response
from lab.core.observe import Replied
from lab.identity.clients import DEMO, JANE
from lab.identity.keys import challenge_of
from lab.program.switches import Switches
from lab.recording.format.reader import read
from lab.recording.replay.replay import replay
from lab.recording.tape.header import accounts_of
from tests.conftest import each_row, few_of
from tests.recording.joined import Joined, config
from tests.recording.shipped import written
from tests.wire_peer import (
    CLI,
    DEVICE_GRANT,
    REDIRECT,
    RIGHT,
    SCOPE,
    VERIFIER,
    basic,
    form_post,
    invoke,
    status,
    token_request,
)
from tests.wire_peer import read as answer

WRONG = basic(DEMO.id, "wrong-secret-1")


def replays(lab: Joined) -> None:
    lab.tape.close(lab.now)
    known, recording = lab.service.config, read(lab.data)
    result = replay(recording, known.scenarios, clients=known.clients)
    assert result.passed, result.text()
    once = result.again()
    again = replay(read(once), known.scenarios, clients=known.clients)
    assert again.passed and again.again() == once, again.text()


@each_row("switch", ["known", "any"])
@each_row("credentials", [RIGHT, WRONG], ids=["right", "wrong"])
@each_row(
    "elsewhere",
    [
        lambda packed: (("authorization", packed),),
        lambda packed: (("x-api-key", packed),),
        lambda packed: (("authorization", f"Bearer {packed}"),),
        lambda packed: (("cookie", f"SID={packed}"),),
        lambda packed: (("proxy-authorization", f"Basic {packed}"),),
    ],
    ids=["without a scheme", "as a key", "as a bearer", "as a cookie", "for a proxy"],
)
def test_credentials_that_came_elsewhere_first(
    elsewhere: Callable[[str], Headers], credentials: str, switch: Literal["known", "any"]
) -> None:
    lab = Joined(replace(config(), switches=Switches(clients=switch)))
    lab.ask(replace(token_request("client_credentials", None), headers=elsewhere(credentials.partition(" ")[2])))
    granted = lab.ask(token_request("client_credentials", credentials)).status
    assert (granted == 200) is (credentials == RIGHT or switch == "any")
    replays(lab)


@each_row("credentials", [RIGHT, WRONG], ids=["right", "wrong"])
def test_blanks_before_and_after_credentials(credentials: str) -> None:
    lab = Joined(config())
    lab.ask(token_request("client_credentials", credentials.replace(" ", "  ") + " "))
    lab.ask(form_post("/oauth2/v1/revoke", credentials.replace(" ", "   "), token="unknown-token"))
    replays(lab)


@each_row("name", ["job", "conversation"])
def test_an_id_that_the_lab_gave_is_no_secret_wherever_it_is_sent(name: str) -> None:
    lab = Joined(config())
    bearer = str(answer(lab.ask(token_request("client_credentials")))["access_token"])
    given = answer(lab.ask(invoke(bearer, {"message": "Taxi 42", "conversational": True})))
    one, job = str(given[f"{name}Id"]), str(given["jobId"])
    lab.ask(form_post("/oauth2/v1/introspect", token=one))
    lab.ask(invoke(bearer, {"message": "Taxi 42", "parameters": {"correlationToken": one}}))
    poll = status(bearer, job)
    lab.ask(replace(poll, headers=(*poll.headers, ("cookie", f"last={one}"), ("x-csrf-token", one))))
    lab.now += 9_000
    assert lab.ask(poll).status == 200
    assert f"/status/{job}" in lab.data.decode()
    replays(lab)


def test_an_id_that_was_sent_as_a_secret_first_is_one() -> None:
    lab = Joined(config())
    bearer = str(answer(lab.ask(token_request("client_credentials")))["access_token"])
    lab.ask(form_post("/oauth2/v1/introspect", token="correct-horse-battery"))
    lab.ask(invoke(bearer, {"message": "Taxi 42", "conversational": True, "conversationId": "correct-horse-battery"}))
    assert "correct-horse-battery" not in lab.data.decode()
    replays(lab)


@each_row("grant", ["client_credentials", "password"])
def test_tokens_of_an_earlier_lab_of_that_seed_are_wrong_until_they_are_granted_again(grant: str) -> None:
    fields = {"scope": f"{SCOPE} offline_access"}
    if grant == "password":
        fields |= {"username": JANE.name, "password": JANE.password}
    earlier, lab = Joined(config()), Joined(config())
    before = answer(earlier.ask(token_request(grant, **fields)))
    bearer, refresh = str(before["access_token"]), str(before.get("refresh_token", ""))
    for request in (
        status(bearer, "x"),
        invoke(bearer, {"message": f"Taxi {refresh}", "parameters": {"token": refresh}}),
    ):
        assert lab.ask(request).status == 401
        lab.now = 0
    again = answer(lab.ask(token_request(grant, **fields)))
    assert (again["access_token"], again.get("refresh_token", "")) == (bearer, refresh)
    lab.ask(invoke(bearer, {"message": f"Taxi {refresh}", "parameters": {"token": refresh}}))
    assert lab.ask(status(bearer, "x")).status == 404
    replays(lab)


@each_row("pack", [str, lambda text: b64encode(text.encode()).decode(), lambda text: f"x{text}y"])
@each_row("secret", [DEMO.secret, "correct-horse-battery"])
def test_a_configured_secret_in_a_path(secret: str, pack: Callable[[str], str]) -> None:
    lab = Joined(replace(config(), clients=(replace(DEMO, secret=secret),)))
    bearer = str(answer(lab.ask(token_request("client_credentials", basic(DEMO.id, secret))))["access_token"])
    for code in ("EXPENSES", "NOBODY"):
        path = status(bearer, "x", code).path.removesuffix("x")
        lab.ask(Request("GET", path + quote(pack(secret), safe=""), headers=(("authorization", f"Bearer {bearer}"),)))
    assert pack(secret) not in lab.data.decode()
    replays(lab)


def test_the_secrets_of_clients_in_a_header_have_no_slash() -> None:
    clients, _ = accounts_of({"clients": [{"id": "demo"}], "users": []})
    assert "/" not in clients[0].secret and "+" in clients[0].secret


def test_a_token_in_base64_is_the_same_before_and_after_it_was_sent_as_a_secret() -> None:
    lab = Joined(config())
    bearer = str(answer(lab.ask(token_request("client_credentials")))["access_token"])
    packed = b64encode(bearer.encode()).decode()
    job = str(answer(lab.ask(invoke(bearer, {"message": f"Taxi {packed}"})))["jobId"])
    lab.ask(form_post("/oauth2/v1/introspect", token=packed))
    lab.ask(status(bearer, job))
    replays(lab)


@pytest.mark.parametrize("strike", ["truncate", "wrong-length", None])
@pytest.mark.parametrize("instead", ["", "other"])
def test_a_reply_that_was_cut_beside_a_secret_may_be_cut_elsewhere_again(instead: str, strike: str | None) -> None:
    lab = Joined(config())
    bearer = str(answer(lab.ask(token_request("client_credentials")))["access_token"])
    packed = b64encode(bearer.encode()).decode()
    job = str(answer(lab.ask(invoke(bearer, {"message": f"Taxi {packed} {'x' * 4000}"})))["jobId"])
    if strike:
        lab.service.arm({"route": "status", "strike": strike}, lab.now)
    reply = lab.service.serve(status(bearer, job), lab.now)
    arrived = reply.deliver(lab.now)
    body = arrived.response.body if strike else arrived.response.body[:-9]
    assert b"Taxi" in body and body[-1:] != b"}"
    body = body.replace(b"EXPENSES", instead.encode() or b"EXPENSES")
    response = Response(arrived.response.status, arrived.response.headers, body)
    cut = arrived.cut or "client_gone"
    lab.service.tell(Replied(lab.now, reply.x, response, reply.latency, cut=cut, sent=len(body)))
    lab.tape.close(lab.now)
    assert replay(read(lab.data), lab.service.config.scenarios).passed is (not instead)


@pytest.mark.parametrize("left", few_of([3, 7, 8, 14], ("7", "8")))
@pytest.mark.parametrize("packed", [False, True], ids=["a word", "a token"])
def test_a_reply_may_be_cut_in_the_midst_of_a_secret(packed: bool, left: int) -> None:
    lab = Joined(config())
    bearer = str(answer(lab.ask(token_request("client_credentials")))["access_token"])
    secret = b64encode(bearer.encode()).decode() if packed else "correct-horse-battery"
    lab.ask(form_post("/oauth2/v1/introspect", token=secret))
    job = str(answer(lab.ask(invoke(bearer, {"message": f"Taxi {secret} or {secret}"})))["jobId"])
    reply = lab.service.serve(status(bearer, job), lab.now)
    whole = reply.deliver(lab.now).response
    body = whole.body[: whole.body.rindex(secret.encode()) + left]
    response = Response(whole.status, whole.headers, body)
    lab.service.tell(Replied(lab.now, reply.x, response, reply.latency, cut="client_gone", sent=len(body)))
    assert secret[:8].encode() not in lab.lines[-1] or packed
    replays(lab)
    lines = [json.loads(line) for line in lab.data.decode().splitlines()]
    for alias in ("«token:T1»", "«secret:S1»", "«part:cut»"):
        lines[-2]["body"] = alias
        assert not replay(read(written(lines)), lab.service.config.scenarios).passed


def test_the_latency_of_a_reply_of_which_nothing_left_is_compared() -> None:
    lab = Joined(config())
    lab.service.arm({"route": "token", "strike": "reset"}, lab.now)
    arrived = lab.service.serve(token_request("client_credentials"), lab.now).deliver(lab.now)
    lab.service.tell(Replied(lab.now, 1, arrived.response, 121, cut=arrived.cut))
    lab.tape.close(lab.now)
    assert b'"held":121,"cut":"reset"' in lab.data and not replay(read(lab.data), lab.service.config.scenarios).passed


def test_a_quoted_token_takes_no_quotes_of_json_with_it() -> None:
    lab = Joined(config())
    bearer = str(answer(lab.ask(token_request("client_credentials")))["access_token"])
    for word in (bearer, "correct-horse-battery"):
        lab.ask(Request("GET", "/x", headers=(("authorization", f'Bearer "{word}"'),)))
        lab.ask(invoke(bearer, f'{{"message": 7, "x": ["{word}", 10000000000000000000]}}'.encode()))
    assert "correct-horse-battery" not in lab.data.decode()
    replays(lab)


def test_a_secret_that_is_found_in_another_one_first_leaves_a_gap_in_the_numbers() -> None:
    lab = Joined(config())
    bearer = str(answer(lab.ask(token_request("client_credentials")))["access_token"])
    lab.ask(invoke(bearer, {"message": "Taxi", "apiSecret": [{"http://u:p@h/": "http://u:p@h/"}]}))
    lab.ask(Request("GET", "/fscmRestApi/anticsrf", headers=(("cookie", "JSESSIONID=abcdefgh"),)))
    replays(lab)


@pytest.mark.parametrize("seed", [42, 7])
@pytest.mark.parametrize("pack", [str, lambda text: b64encode(text.encode()).decode()])
def test_a_client_may_be_called_as_a_token_where_any_client_is_taken(pack: Callable[[str], str], seed: int) -> None:
    lab = Joined(replace(config(), switches=Switches(clients="any")))
    granting = lab if seed == 42 else Joined(config(seed=seed))
    bearer = str(answer(granting.ask(token_request("client_credentials")))["access_token"])
    assert lab.ask(token_request("client_credentials", basic(pack(bearer), "some-secret"))).status == 200
    lab.ask(token_request(DEVICE_GRANT, WRONG, device_code="none"))
    lab.ask(token_request(DEVICE_GRANT, WRONG, device_code="none", client_id="demo"))
    replays(lab)


def test_whose_call_was_struck_by_a_fault_where_any_client_is_taken() -> None:
    lab = Joined(replace(config(), switches=Switches(clients="any")))
    assert lab.service.arm({"route": "token", "answer": 429}, lab.now).status == 200
    assert lab.ask(token_request("client_credentials", basic("/", "some-secret"))).status == 429
    replays(lab)


@each_row("client", ["demo", "nobody"])
def test_whoever_is_taken_where_any_client_is(client: str) -> None:
    lab = Joined(replace(config(), switches=Switches(clients="any")))
    for credentials in (WRONG, basic("other", "wrong-secret-2")):
        for fields in ({"device_code": "no-such-device-code"}, {}):
            lab.ask(token_request(DEVICE_GRANT, credentials, client_id=client, **fields))
    replays(lab)


@each_row("before", ["", "Taxi "])
def test_a_secret_of_many_digits_in_a_text(before: str) -> None:
    lab = Joined(config())
    bearer = str(answer(lab.ask(token_request("client_credentials")))["access_token"])
    lab.ask(form_post("/oauth2/v1/introspect", token="1234567890123456789"))
    job = str(answer(lab.ask(invoke(bearer, {"message": f"{before}1234567890123456789"})))["jobId"])
    lab.ask(status(bearer, job))
    assert lab.data.count(b'"enc":"json","body":{"input"') == 2
    lab.tape.close(lab.now)
    assert replay(read(lab.data), lab.service.config.scenarios).passed


def test_a_secret_of_a_few_letters_is_looked_for_in_no_writing() -> None:
    lab = Joined(config())
    lab.ask(Request("POST", "/x", headers=(("content-type", "text/plain"),), body=b"token=%5Cu0000"))
    query = f"response_type=code&client_id={CLI}&redirect_uri={quote(REDIRECT, safe='')}&scope={quote(SCOPE, safe='')}"
    query += f"&code_challenge={challenge_of(VERIFIER)}&code_challenge_method=S256&state=%5Cu0000"
    answered = lab.ask(Request("GET", "/oauth2/v1/authorize", query))
    assert (answered.header("location") or "").endswith("state=%5Cu0000")
    assert b"state=%5Cu0000" in lab.data
    replays(lab)


@each_row("length", [255, 256, 65_000, 66_000])
def test_a_long_secret_is_as_long_again(length: int) -> None:
    lab = Joined(replace(config(), switches=Switches(idempotency_key=True)))
    lab.ask(form_post("/ui/v1/device", None, user_code="x" * length, answer="deny"))
    bearer = str(answer(lab.ask(token_request("client_credentials")))["access_token"])
    call = invoke(bearer, {"message": "Taxi 42"})
    for header in ("x-api-key", "idempotency-key"):
        call = replace(call, headers=(*call.headers, (header, "y" * length)))
    lab.ask(call)
    replays(lab)


def test_what_only_the_shell_answered_has_its_aliases() -> None:
    lab = Joined(config())
    call = Request("GET", "/fscmRestApi/anticsrf", headers=(("cookie", "SID=abcdefgh"),))
    reply = lab.service.serve(replace(call, headers=(*call.headers, ("x-api-key", "some-secret"))), lab.now)
    lab.service.tell(Replied(lab.now, reply.x, Response(415), None, by="shell"))
    assert lab.ask(call).status == 200
    replays(lab)


@each_row("secret", [DEMO.secret, JANE.password])
@each_row("path", ["/oauth2/v1/token", "/api/rwdtools/tokenrelay?servicetype=fusion-ai"])
def test_a_secret_alone_is_no_pair_of_a_name_and_a_secret(path: str, secret: str) -> None:
    lab = Joined(config())
    path, _, query = path.partition("?")
    request = token_request("client_credentials", f"Basic {secret}")
    if query:
        request = Request("GET", path, query, (("authorization", f"Basic {secret}"),))
    assert lab.ask(request).status == 401
    assert secret not in lab.data.decode()
    replays(lab)


@each_row("number", ["1e300", "4E-7", "12345678901", "0.25", "-0.0", "9e307"])
def test_a_secret_number_is_written_again_as_it_was(number: str) -> None:
    lab = Joined(config())
    bearer = str(answer(lab.ask(token_request("client_credentials")))["access_token"])
    body = f'{{"message": "Taxi 42", "parameters": {{"a": {{"api_key": {number}, "token": [{number}]}}}}}}'
    job = str(answer(lab.ask(invoke(bearer, body.encode())))["jobId"])
    lab.ask(status(bearer, job))
    replays(lab)


def test_a_secret_that_means_a_few_letters_is_looked_for_nowhere() -> None:
    lab = Joined(config())
    lab.ask(status("%5Cu0000", "x"))
    query = f"response_type=code&client_id={CLI}&redirect_uri={quote(REDIRECT, safe='')}&scope={quote(SCOPE, safe='')}"
    query += f"&code_challenge={challenge_of(VERIFIER)}&code_challenge_method=S256&nonce=%5Cu0000&answer=deny&state=%30"
    lab.ask(Request("GET", "/oauth2/v1/authorize", query))
    replays(lab)


@pytest.mark.long
def test_secrets_of_many_lengths_are_known_again() -> None:
    lab = Joined(config())
    bearer = str(answer(lab.ask(token_request("client_credentials")))["access_token"])
    secrets = [
        f"{letter}-" + letter * length
        for length, letter in zip(range(210, 4000, 190), "abcdefghijklmnopqrst", strict=True)
    ]
    for secret in secrets:
        lab.ask(form_post("/oauth2/v1/introspect", token=secret))
    pem = "-----BEGIN PRIVATE KEY-----" + "x" * 5_000 + "-----END PRIVATE KEY-----"
    for secret in (*secrets, pem):
        job = str(answer(lab.ask(invoke(bearer, {"message": f"Taxi {secret}"})))["jobId"])
        lab.ask(status(bearer, job))
    replays(lab)


@pytest.mark.parametrize("switch", ["known", "any"])
@pytest.mark.parametrize("basic_", [True, False], ids=["in Basic credentials", "in a form"])
def test_secrets_of_two_clients_stay_two(basic_: bool, switch: Literal["known", "any"]) -> None:
    lab = Joined(replace(config(), switches=Switches(clients=switch)))
    bearer = str(answer(lab.ask(token_request("client_credentials")))["access_token"])
    for secret in ("correct-horse", "battery-staple!"):
        fields = {} if basic_ else {"client_id": "some", "client_secret": secret}
        lab.ask(token_request("client_credentials", basic("some", secret) if basic_ else None, **fields))
    for secret in ("correct-horse", "battery-staple!"):
        job = str(answer(lab.ask(invoke(bearer, {"message": f"Taxi {secret}"})))["jobId"])
        lab.ask(status(bearer, job))
    assert b"correct-horse" not in lab.data and b"battery-staple" not in lab.data
    replays(lab)


@each_row("value", ["a\tb-cdefgh", "x" * 201])
def test_a_cookie_that_no_id_may_be(value: str) -> None:
    lab = Joined(config())
    bearer = str(answer(lab.ask(token_request("client_credentials")))["access_token"])
    lab.ask(Request("GET", "/fscmRestApi/anticsrf", headers=(("cookie", f"SID={value}"),)))
    assert lab.ask(invoke(bearer, {"message": "Taxi", "conversational": True, "conversationId": value})).status == 400
    replays(lab)
