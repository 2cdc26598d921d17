"""Hostile requests over a real socket, in both profiles: rows 29 to 77 of limits.md that a peer can send."""

import hashlib
import hmac
import json
import re
import socket
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lab.core.clock import INSTANT_EPOCH
from lab.core.observe import Requested
from lab.identity.clients import DEMO, JANE, Client
from lab.identity.facts import TokenGranted
from lab.identity.keys import private_key
from lab.identity.testkey import CLIENT_PRIVATE_PEM, KEY_ID, PRIVATE_PEM
from lab.jobs.facts import GateDecided, JobAccepted
from lab.recording.format.reader import read
from lab.recording.replay.compare import Comparison
from lab.recording.replay.replay import replay
from lab.recording.tape.header import config_of, recording_header
from lab.recording.tape.tape import Tape
from tests.server.conftest import Answer, request
from tests.server.served import API, SCOPE, Served, ask, basic, form, serving, token_of

FORM = ("content-type", "application/x-www-form-urlencoded")
GRANT = f"grant_type=client_credentials&scope={SCOPE}".encode()
OTHER = Client("other", "lab-secret-other")
ECHO = {
    "lab": 1, "name": "echo", "title": "Echo", "agent": {"code": "ECHO_TEAM", "version": 13}, "ask": "x",
    "steps": [
        {"work": "think", "takes": "2s"}, {"gate": "consent", "asks": "May I?", "patience": "1h"},
        {"complete": "done", "output": "{{ message }}"},
    ],
}  # fmt: skip
ALSO = {**ECHO, "name": "also", "agent": {"code": "ALSO_TEAM"}}


@pytest.fixture(scope="module", params=["oci", "rfc"])
def world(request: pytest.FixtureRequest) -> Iterator[Served]:
    """One mock of a profile for all rows: no hostile request may harm the next one."""
    with serving(ECHO, ALSO, clients=(DEMO, OTHER), profile=request.param) as served:
        yield served


@pytest.fixture
def strict(world: Served) -> bool:
    """Whether the profile is rfc."""
    return world.service.config.switches.profile == "rfc"


def refused(got: Answer, status: int, strict: bool) -> None:
    """A refusal in the profile's own body."""
    assert got.status == status, got.body
    assert got.headers["content-type"] == ("application/problem+json" if strict else "application/json")
    assert got.json["code" if strict else "status"] == f"FAI-{status}00"


def grant(world: Served, body: bytes = GRANT, *headers: tuple[str, str]) -> Answer:
    return ask(world, request("POST", "/oauth2/v1/token", headers or (("authorization", basic()), FORM), body))


def raw_basic(raw: bytes) -> tuple[str, str]:
    return ("authorization", "Basic " + urlsafe_b64encode(raw).decode())


FORMS: list[tuple[str, bytes, tuple[tuple[str, str], ...], int, str]] = [
    ("29", b'{"grant_type":"client_credentials"}', (("content-type", "application/json"),), 400, "invalid_request"),
    ("30 %ff", GRANT + b"&x=%ff", (FORM,), 400, "invalid_request"),
    ("30 raw", GRANT + b"&x=\xff", (FORM,), 400, "invalid_request"),
    ("31", GRANT + b"&scope=" + SCOPE.encode(), (FORM,), 400, "invalid_request"),
    ("32", GRANT + b"".join(b"&a%d=1" % n for n in range(6_000)), (FORM,), 400, "invalid_request"),
    ("33 !!!", GRANT, (FORM, ("authorization", "Basic !!!")), 401, "invalid_client"),
    ("33 no colon", GRANT, (FORM, raw_basic(b"demo")), 401, "invalid_client"),
    ("33 empty id", GRANT, (FORM, raw_basic(b":" + DEMO.secret.encode())), 401, "invalid_client"),
    ("33 NUL", GRANT, (FORM, raw_basic(b"de\0mo:" + DEMO.secret.encode())), 401, "invalid_client"),
    ("34", GRANT + b"&client_secret=x", (FORM, ("authorization", basic())), 400, "invalid_request"),
    ("36", b"grant_type=Client_Credentials&scope=x", (FORM,), 400, "unsupported_grant_type"),
    ("37 quote", GRANT + b"%20%22", (FORM,), 400, "invalid_scope"),
    ("37 backslash", GRANT + b"%20%5C", (FORM,), 400, "invalid_scope"),
    ("37 non-ASCII", GRANT + b"%20%C3%A9", (FORM,), 400, "invalid_scope"),
    *(
        (f"38 {n}", GRANT + f"%20urn:opc:resource:expiry={n}".encode(), (FORM,), 400, "invalid_scope")
        for n in ("-1", "abc", "1e9", "0", "9999999999", "")
    ),
]  # fmt: skip


@pytest.mark.parametrize(("body", "headers", "status", "error"), [row[1:] for row in FORMS], ids=[r[0] for r in FORMS])
def test_rows_29_to_38_the_token_endpoint_says_so_in_its_dialect(
    world: Served, body: bytes, headers: tuple[tuple[str, str], ...], status: int, error: str
) -> None:
    given = headers if status == 401 or any(name == "authorization" for name, _ in headers) else (
        ("authorization", basic()), *headers,
    )  # fmt: skip
    got = grant(world, body, *given)
    assert (got.status, got.json["error"]) == (status, error)
    described = got.json["error_description"]
    assert described.isascii() and described.isprintable() and not set('"\\') & set(described)
    assert got.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("header", [basic(), basic().replace("Basic", "basic"), basic().replace("Basic", "BASIC")])
def test_rows_33_and_35_a_colon_in_the_secret_and_any_spelling_of_basic(world: Served, header: str) -> None:
    assert grant(world, GRANT, FORM, ("authorization", header)).status == 200


def test_row_39_of_one_refresh_token_twice_at_once_one_wins_and_the_family_ends(world: Served) -> None:
    login = form(
        grant_type="password", username=JANE.name, password=JANE.password, scope=f"{SCOPE} offline_access"
    )  # fmt: skip
    granted = grant(world, login).json
    body = form(grant_type="refresh_token", refresh_token=granted["refresh_token"])
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: grant(world, body), range(2)))
    assert sorted(each.status for each in answers) == [200, 400]
    (won,) = [each.json for each in answers if each.status == 200]
    for token in (granted["access_token"], won["access_token"]):
        assert poll(world, token, "x").status == 401
    assert grant(world, form(grant_type="refresh_token", refresh_token=won["refresh_token"])).status == 400


@pytest.mark.parametrize("state", ["x" * 5_000, "a%0D%0Aset-cookie:%20x=y"])
def test_row_43_a_state_is_bounded_and_splits_no_header(world: Served, state: str) -> None:
    path = f"/oauth2/v1/authorize?client_id=demo&redirect_uri={DEMO.redirects[0]}&response_type=code&scope={SCOPE}"
    got = ask(world, request("GET", f"{path}&state={state}"))
    assert got.status == (400 if len(state) > 4_096 else 302)
    assert "set-cookie" not in got.headers
    assert "location" not in got.headers if got.status == 400 else "%0D%0A" in got.headers["location"]


def visit(length: int) -> bytes:
    path = f"/oauth2/v1/authorize?client_id=demo&redirect_uri={DEMO.redirects[0]}&response_type=code&scope={SCOPE}"
    return request("GET", f"{path}&state={'x' * length}")


def filled(size: int) -> bytes:
    return request("POST", "/oauth2/v1/token", (("authorization", basic()), FORM), GRANT + b"&x=" + b"y" * size)


def many(count: int) -> bytes:
    body = GRANT + b"".join(b"&a%d=1" % n for n in range(count - 2))
    return request("POST", "/oauth2/v1/token", (("authorization", basic()), FORM), body)


def headed(count: int) -> bytes:
    return request("GET", "/x", tuple((f"x-{n}", "y") for n in range(count - 1)))


LIMITS = {
    "state of 4 KiB": (visit(4_096), 302), "state of one more": (visit(4_097), 400),
    "form of 64 KiB": (filled(65_536 - len(GRANT) - 3), 200), "form of one more": (filled(65_537 - len(GRANT) - 3), 413),
    "100 parameters": (many(100), 200), "101 parameters": (many(101), 400),
    "128 header lines": (headed(128), 404), "129 header lines": (headed(129), 400),
}  # fmt: skip


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_lets_in_what_is_at_it_and_refuses_one_past_it(world: Served, name: str) -> None:
    data, status = LIMITS[name]
    assert ask(world, data).status == status


# Bearers


def poll(world: Served, token: str, job: str, team: str = "ECHO_TEAM", *more: tuple[str, str]) -> Answer:
    headers = (("authorization", f"Bearer {token}"), *more)
    return ask(world, request("GET", f"{API}/agent/v2/{team}/status/{job}", headers))


CLAIMS = {
    "iss": "https://identity.oraclecloud.com/", "aud": SCOPE, "scope": SCOPE, "sub": "demo", "client_id": "demo",
    "iat": INSTANT_EPOCH, "exp": INSTANT_EPOCH + 3_600, "jti": "j-1", "tok_type": "AT", "sub_type": "client",
}  # fmt: skip
OURS = private_key(PRIVATE_PEM)
FOREIGN = private_key(CLIENT_PRIVATE_PEM)
"""Signs assertions, and no token."""


def part(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def unsigned(alg: str) -> str:
    return f"{part({'alg': alg, 'typ': 'JWT', 'kid': KEY_ID})}.{part(CLAIMS)}."


def by_public_key() -> str:
    """HS256 with our public key as the secret."""
    pem = OURS.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    body = f"{part({'alg': 'HS256', 'typ': 'JWT', 'kid': KEY_ID})}.{part(CLAIMS)}"
    mac = hmac.new(pem, body.encode(), hashlib.sha256).digest()
    return f"{body}.{urlsafe_b64encode(mac).decode().rstrip('=')}"


def signed(key: Any = OURS, header: dict[str, Any] | None = None, **changed: Any) -> str:
    claims = {name: value for name, value in (CLAIMS | changed).items() if value is not None}
    return jwt.encode(claims, key, "RS256", {"kid": KEY_ID} if header is None else header)


FORGED = {
    **{f"44 {alg}": unsigned(alg) for alg in ("none", "NONE", "nOnE")},
    "45 HS256 by the public key": by_public_key(),
    "46 foreign key": signed(FOREIGN),
    "47 passwd": signed(header={"kid": "../../etc/passwd"}), "47 SQL": signed(header={"kid": "' OR 1=1 --"}),
    "48 past": signed(exp=INSTANT_EPOCH - 1), "48 now": signed(exp=INSTANT_EPOCH),
    "49 nbf": signed(nbf=INSTANT_EPOCH + 60), "49 iat": signed(iat=INSTANT_EPOCH + 60),
    "50 float": signed(exp=INSTANT_EPOCH + 60.5), "50 negative": signed(exp=-1), "50 missing": signed(exp=None),
    "51 wrong": signed(aud="urn:x"), "51 empty": signed(aud=[]),
    "52 issuer": signed(iss="http://127.0.0.1"), "53 never issued": signed(),
    "no JWT": "x", "three dots": "...", "two parts": "a.b",
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
def test_rows_44_to_53_a_forged_token_is_invalid_token(world: Served, strict: bool, name: str) -> None:
    got = poll(world, FORGED[name], "x")
    refused(got, 401, strict)
    assert got.headers["www-authenticate"].startswith('Bearer realm="lab", error="invalid_token", error_description="')


@pytest.mark.parametrize("member", ["jku", "x5u", "jwk"])
def test_row_46_a_key_named_in_a_token_is_never_fetched(world: Served, member: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.setblocking(False)
        url = f"http://127.0.0.1:{trap.getsockname()[1]}/keys"
        numbers: Any = jwt.algorithms.RSAAlgorithm.to_jwk(FOREIGN.public_key(), as_dict=True)
        token = signed(FOREIGN, {"kid": KEY_ID, member: numbers if member == "jwk" else url})
        assert poll(world, token, "x").status == 401
        with pytest.raises(BlockingIOError):
            trap.accept()


def test_row_53_a_token_of_an_earlier_start_is_no_good(world: Served, strict: bool) -> None:
    with serving(ECHO, seed=7, profile="rfc" if strict else "oci") as earlier:
        token = token_of(earlier)
    refused(poll(world, token, "x"), 401, strict)


@pytest.mark.parametrize("size", [9_000, 1_000_000])
def test_row_54_a_token_beyond_a_header_line_is_the_parsers(world: Served, size: int) -> None:
    path = f"{API}/agent/v2/ECHO_TEAM/status/x"
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ".encode()
    with socket.create_connection(("127.0.0.1", int(world.origin.rpartition(":")[2])), timeout=10) as peer:
        with suppress(ConnectionError):
            peer.sendall(head + b"a" * size + b"\r\n\r\n")
        assert peer.recv(12) in (b"HTTP/1.1 400", b"HTTP/1.1 431")


@pytest.mark.parametrize("value", ["{}, ", "{},", "{} x", "{} {}"])
def test_row_55_more_than_a_token_is_invalid_request(world: Served, strict: bool, value: str) -> None:
    token = token_of(world)
    got = poll(world, value.replace("{}", token), "x")
    refused(got, 400, strict)
    assert got.headers["www-authenticate"] == 'Bearer realm="lab", error="invalid_request"'


def test_row_55_two_headers_are_invalid_request_and_blanks_at_the_end_are_nothing(world: Served, strict: bool) -> None:
    token = token_of(world)
    refused(poll(world, token, "x", "ECHO_TEAM", ("authorization", f"Bearer {token}")), 400, strict)
    refused(poll(world, f"{token}   ", "x"), 404, strict)


def test_row_55_a_token_in_the_query_beside_the_header_is_one_too_many(world: Served, strict: bool) -> None:
    token = token_of(world)
    path = f"{API}/agent/v2/ECHO_TEAM/status/x?access_token={token}"
    refused(ask(world, request("GET", path, (("authorization", f"Bearer {token}"),))), 400, strict)
    refused(ask(world, request("GET", path)), 401, strict)
    assert [each for each in world.observations if isinstance(each, Requested)][-1].flags == ("token_in_uri",)


def test_row_57_a_scope_without_access_is_named(world: Served, strict: bool) -> None:
    got = poll(world, token_of(world, scope=f"{SCOPE}lab.none"), "x")
    refused(got, 403, strict)
    assert got.headers["www-authenticate"] == f'Bearer realm="lab", error="insufficient_scope", scope="{SCOPE}"'


# Invoke and status


def invoke(
    world: Served, token: str, body: bytes, kind: str | None = "application/json", team: str = "ECHO_TEAM"
) -> Answer:
    headers = (("authorization", f"Bearer {token}"), *((("content-type", kind),) if kind else ()))
    return ask(world, request("POST", f"{API}/agent/v2/{team}/invokeAsync", headers, body))


BODIES: dict[str, tuple[bytes, int]] = {
    "58 empty": (b"", 400), "58 null": (b"null", 400), "58 list": (b"[]", 400), "58 text": (b'"x"', 400),
    "58 number": (b"1", 400),
    "59 truncated": (b'{"message":"x"', 400), "59 comma": (b'{"message":"x",}', 400),
    "59 comment": (b'{"message":"x"} // y', 400), "59 comment inside": (b'{/* y */"message":"x"}', 400),
    "59 single quotes": (b"{'message':'x'}", 400), "59 BOM": (b'\xef\xbb\xbf{"message":"x"}', 202),
    "59 UTF-16": ('{"message":"x"}'.encode("utf-16"), 400), "59 UTF-16 bare": ('{"message":"x"}'.encode("utf-16-le"), 400),
    "59 Latin-1": ('{"message":"é"}'.encode("latin-1"), 400), "59 two values": (b'{"message":"x"}{}', 400),
    "60 NaN": (b'{"message":"x","parameters":{"a":NaN}}', 400),
    "60 Infinity": (b'{"message":"x","parameters":{"a":-Infinity}}', 400),
    "60 1e999": (b'{"message":"x","parameters":{"a":1e999}}', 400),
    "61 64 deep": (b'{"message":"x","parameters":{"a":' + b"[" * 62 + b"]" * 62 + b"}}", 202),
    "61 65 deep": (b'{"message":"x","parameters":{"a":' + b"[" * 63 + b"]" * 63 + b"}}", 400),
    "61 1 000": (b'{"message":"x","parameters":{"a":' + b"[" * 1_000 + b"]" * 1_000 + b"}}", 400),
    "61 100 000": (b'{"message":"x","parameters":{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}", 400),
    "61 20 000 values": (b'{"message":"x","parameters":{"a":[' + b"0," * 19_995 + b"0]}}", 202),
    "61 20 001 values": (b'{"message":"x","parameters":{"a":[' + b"0," * 19_996 + b"0]}}", 400),
    "61 20 000 members": (b'{"message":"x",' + b",".join(b'"a%d":1' % number for number in range(19_999)) + b"}", 400),
    "61 20 000 lists": (b'{"message":"x","parameters":{"a":[' + b"[]," * 19_996 + b"0]}}", 400),
    "61 commas in text": (b'{"message":"' + b"[,{" * 30_000 + b'"}', 202),
    "61 brackets in text": (b'{"message":"' + b"[" * 1_000 + b'"}', 202),
    "62 100 digits": (b'{"message":"x","parameters":{"a":' + b"9" * 100 + b"}}", 202),
    "62 101 digits": (b'{"message":"x","parameters":{"a":' + b"9" * 101 + b"}}", 400),
    "62 5 000 digits": (b'{"message":"x","parameters":{"a":' + b"9" * 5_000 + b"}}", 400),
    "62 digits in text": (b'{"message":"' + b"9" * 5_000 + b'"}', 202),
    "63": (b'{"message":"x","message":"y"}', 400), "63 deep": (b'{"message":"x","parameters":{"a":1,"a":2}}', 400),
    "64": (b'{"message":"\\ud800"}', 202), "65 empty": (b'{"message":""}', 400),
    "65 empty with parameters": (b'{"message":"","parameters":{"a":1}}', 202),
    "65 empty by rest": (b'{"triggerType":"rest"}', 202),
    "66 parameters": (b'{"message":"x","parameters":[]}', 400), "66 number": (b'{"message":7}', 400),
    "67": (b'{"message":"x","novel":{"a":[1]}}', 202),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
def test_rows_58_to_67_a_body_is_taken_or_named_at_fault(world: Served, strict: bool, name: str) -> None:
    body, status = BODIES[name]
    got = invoke(world, token_of(world), body)
    if status == 202:
        assert got.status == 202 and len(got.json) == 27, got.body
    else:
        refused(got, status, strict)
    flags = [each for each in world.observations if isinstance(each, Requested)][-1].flags
    assert ("duplicate_key" in flags) == name.startswith("63") and ("unknown_field" in flags) == (name == "67")


@pytest.mark.parametrize("body", [b'{"message":"x","version":"13"}', b'{"message":"x","conversational":"true"}'])
def test_row_66_texts_for_other_types_are_noted_in_oci_and_refused_in_rfc(
    world: Served, strict: bool, body: bytes
) -> None:
    got = invoke(world, token_of(world), body)
    if strict:
        refused(got, 400, strict)
    else:
        assert got.status == 202
        assert "wrong_type" in [each for each in world.observations if isinstance(each, Requested)][-1].flags


@pytest.mark.parametrize(("size", "status"), [(1_048_576, 202), (1_048_577, 413)])
def test_rows_17_and_65_a_body_of_a_mebibyte_and_one_more(world: Served, strict: bool, size: int, status: int) -> None:
    body = b'{"message":"' + b"x" * (size - 14) + b'"}'
    got = invoke(world, token_of(world), body)
    assert len(body) == size and got.status == status
    if status == 413:
        assert got.json["status"] in ("FAI-41300", 413)


@pytest.mark.parametrize("kind", [None, "text/plain", "application/json; charset=latin1", "application/xml", "json"])
def test_row_68_another_content_type_is_415(world: Served, strict: bool, kind: str | None) -> None:
    refused(invoke(world, token_of(world), b'{"message":"x"}', kind), 415, strict)


TEAMS = ["NOBODY", "..", "%2e%2e", "%2e%2e%2f", "%2e%2e%2fetc%2fpasswd", "%00", "ECHO_TEAM%00", "A" * 300, "echo_team",
         "%D0%95CHO_TEAM", "ECHO%5FTEAM%20", "*", "ECHO_TEAM%2f..%2fALSO_TEAM"]  # fmt: skip


@pytest.mark.parametrize("team", TEAMS)
def test_row_69_an_odd_team_is_404(world: Served, strict: bool, team: str) -> None:
    refused(invoke(world, token_of(world), b'{"message":"x"}', team=team), 404, strict)


def test_row_70_a_job_is_shown_to_its_owner_alone_and_under_its_own_name(world: Served, strict: bool) -> None:
    token = token_of(world)
    job = str(invoke(world, token, b'{"message":"x"}').json["jobId"])
    assert poll(world, token, job).status == 200
    assert poll(world, token, job.replace("-", "%2D")).status == 200, "decoded once"
    others = token_of(world, basic(OTHER.id, OTHER.secret))
    refused(poll(world, others, job), 404, strict)
    refused(poll(world, token, job, "ALSO_TEAM"), 404, strict)
    for odd in (job.upper(), f"{job}/", f"{job}%2F", f"{job}/x", f"{job}%00", f"%20{job}", "x" * 5_000):
        refused(poll(world, token, odd), 404, strict)
    hidden = poll(world, others, job).json, poll(world, others, "00000000-0000-4000-8000-000000000000").json
    assert hidden[0] == hidden[1], "whether a job exists is not told"


def test_row_71_a_conversation_belongs_to_its_owner_and_its_team(world: Served, strict: bool) -> None:
    token, own = token_of(world), b'{"message":"x","conversational":true,"conversationId":"c-71"}'
    assert invoke(world, token, own).json["conversationId"] == "c-71"
    refused(invoke(world, token_of(world, basic(OTHER.id, OTHER.secret)), own), 404, strict)
    refused(invoke(world, token, own, team="ALSO_TEAM"), 400, strict)


HOSTILE = {
    "NUL": "a\0b", "right-to-left": "\u202eevil\u2066", "emoji": "👩‍👩‍👧‍👦 e\u0301", "template": "{{7*7}} {% for x in y %}",
    "jndi": "${jndi:ldap://127.0.0.1/a}", "script": "<script>alert(1)</script>", "OSC 52": "\x1b]52;c;AAAA\x07",
    "CSI": "\x1b[2J\x9b31m", "CR LF": "a\r\nset-cookie: x", "surrogate": "\ud800", "line separators": "a\u2028b\u0085c",
    "DEL": "\x7f", "markup": "[bold red]x[/]",
}  # fmt: skip


@contextmanager
def taped(world: Served) -> Iterator[None]:
    """Recorded from here on; what was recorded holds no raw control byte, and replays at both depths."""
    lines: list[bytes] = []
    config = world.service.config
    tape = Tape(world.service, lines.append, recording_header(config, lab="0"))
    world.call(world.service.observers.append, tape)
    yield
    world.call(world.service.observers.remove, tape)
    tape.close(world.clock.now())
    data = b"".join(lines)
    assert not re.search(rb"[\x00-\x09\x0b-\x1f]", data)
    found = read(data)
    result = replay(found, config.scenarios, name="x.rec.jsonl")
    assert result.passed, result.text()
    assert not Comparison(found, config_of(found, config.scenarios)).differences()


@pytest.mark.parametrize("name", HOSTILE)
def test_rows_64_and_65_hostile_text_is_echoed_as_data_and_recorded_whole(strict: bool, name: str) -> None:
    text = HOSTILE[name]
    with serving(ECHO, profile="rfc" if strict else "oci") as world, taped(world):
        token = token_of(world)
        accepted = invoke(world, token, json.dumps({"message": text}).encode())
        assert accepted.status == 202
        assert json.loads(accepted.json["input"])["message"] == text
        job = accepted.json["jobId"]
        world.sleep(2)
        assert world.decide(job, "consent", "approved", comment=text, name=text) == 200
        done = poll(world, token, job)
        assert (done.json["status"], done.json["output"]) == ("COMPLETE", text)
        for body in (accepted.body, done.body):
            assert not re.search(rb"[\x00-\x1f]", body)


def test_row_73_many_invokes_have_ids_of_their_own(world: Served) -> None:
    token, before = token_of(world), len(world.facts(JobAccepted))
    one = request(
        "POST", f"{API}/agent/v2/ECHO_TEAM/invokeAsync",
        (("authorization", f"Bearer {token}"), ("content-type", "application/json")), b'{"message":"x"}',
    )  # fmt: skip
    got = ask(world, one * 500)
    assert got.status == 202 and got.body.count(b"HTTP/1.1 202 ") == 499
    jobs = [fact.job for fact in world.facts(JobAccepted)]
    assert len(jobs) - before == 500 and len(set(jobs)) == len(jobs)


def test_row_74_a_job_polled_every_millisecond_answers_right(world: Served) -> None:
    token = token_of(world)
    begun = int(world.slept * 1000)
    job = str(invoke(world, token, b'{"message":"x"}').json["jobId"])
    seen = []
    for _ in range(100):
        world.sleep("0.02")
        seen.append(poll(world, token, job).json["status"])
    since = world.clock.now() - begun
    assert since == 2_000 and seen == ["RUNNING"] * 99 + ["WAITING"]


@pytest.mark.parametrize("order", [("poll", "decide"), ("decide", "poll")])
def test_row_77_in_one_millisecond_the_order_of_the_journal_decides(order: tuple[str, str], strict: bool) -> None:
    with serving(ECHO, profile="rfc" if strict else "oci") as world, taped(world):
        token = token_of(world)
        job = str(invoke(world, token, b'{"message":"x"}').json["jobId"])
        world.sleep(2)
        seen = ""
        for step in order:
            if step == "poll":
                seen = str(poll(world, token, job).json["status"])
            else:
                assert world.decide(job, "consent", "approved") == 200
        assert seen == ("WAITING" if order[0] == "poll" else "COMPLETE")
        assert world.facts(GateDecided)[-1].at == world.clock.now() == 2_000


def test_after_all_that_the_mock_is_as_good_as_new(world: Served) -> None:
    token = token_of(world)
    assert world.facts(TokenGranted)
    assert invoke(world, token, b'{"message":"x"}').status == 202
    assert world.call(lambda: world.service.config.scenarios[0].name) == "echo"
