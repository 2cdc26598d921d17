"""Redaction: planted secrets in every place and encoding are not found; what only looks like an alias comes back."""

import json
import re
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote, quote_plus, urlencode

from hypothesis import given
from hypothesis import strategies as st
from lab.recording.redaction.alias import ALIAS, aliases, fill, named

from lab.core.clock import INSTANT_EPOCH
from lab.core.exchange import Headers, Json, Request, Response
from lab.core.observe import Replied, Requested
from lab.identity.clients import DEMO
from lab.recording.format.lines import Enc
from lab.recording.redaction.bodies import body_of, bytes_of
from lab.recording.redaction.redactor import Redactor
from lab.recording.redaction.stand_ins import KnownSecrets
from tests.conftest import each_row
from tests.recording.joined import Joined, config

JWT = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"
PLANTED = "pl4nted/Secret+x%y"


def redactor() -> Redactor:
    return Redactor(KnownSecrets([(DEMO.id, DEMO.secret)]))


def encodings(secret: str, client: str = "demo") -> list[str]:
    upper, plus = quote(secret, safe=""), quote_plus(secret)
    lower = "%".join([upper.split("%")[0], *(part[:2].lower() + part[2:] for part in upper.split("%")[1:])])
    packed = [
        pack(text.encode()).decode()
        for text in (secret, f"{client}:{secret}", f"{quote_plus(client)}:{plus}")
        for pack in (b64encode, urlsafe_b64encode)
    ]
    return [secret, upper, lower, plus, *packed, *(text.rstrip("=") for text in packed)]


@each_row("form", encodings(DEMO.secret))
def test_a_configured_secret_is_found_in_every_encoding(form: str) -> None:
    written = redactor().text(f"before {form} after, and /{form}/ too")
    assert form not in written and written.count("«client:demo»") == 2


@each_row("form", encodings(PLANTED, "other"))
def test_a_secret_that_was_seen_by_name_is_found_everywhere_else(form: str) -> None:
    known = redactor()
    basic = b64encode(f"other:{PLANTED}".encode()).decode()
    assert known.headers((("authorization", f"Basic {basic}"),)) == (("authorization", "Basic «wrong:W1:unknown»"),)
    assert form not in known.text(f"x {form} y") and form not in known.text(f"x{form}y")


@each_row(
    "text",
    [
        f"{PLANTED} and token={PLANTED}",
        f"{PLANTED} and Bearer 0123456789abcdef, {PLANTED}?password={PLANTED}",
        f'"{PLANTED}" "token": "{PLANTED}"',
    ],
)
def test_a_secret_is_found_before_the_place_that_names_it(text: str) -> None:
    joined = Joined(config())
    joined.service.serve(Request("POST", "/x", "", (("content-type", "text/plain"),), text.encode()), 0)
    assert PLANTED not in joined.data.decode()


@each_row(
    ("headers", "written"),
    [
        ((("authorization", f"Bearer {JWT}"),), "Bearer «wrong:W1:unknown»"),
        ((("authorization", "Bearer not-a-token"),), "Bearer «wrong:W1:malformed»"),
        ((("authorization", "BEARER not-a-token"),), "BEARER «wrong:W1:malformed»"),
        ((("authorization", "Basic %%%"),), "Basic «wrong:W1:malformed-odd»"),
        ((("authorization", "Digest abcdefghi"),), "Digest «secret:S1»"),
        ((("authorization", "abcdefghi"),), "«secret:S1»"),
        ((("authorization", "Basic " + b64encode(b"demo:" + DEMO.secret.encode()).decode()),), "Basic «client:demo»"),
        ((("cookie", "a=b"),), "a=«cookie:K1»"),
        ((("x-api-key", "k"),), "«secret:S1»"),
        ((("x-xsrf-token", "k"),), "«secret:S1»"),
        ((("x-hub-signature", "k"),), "«secret:S1»"),
        ((("user-agent", f"me/1 {JWT}"),), "me/1 «secret:S1»"),
        ((("accept", "*/*"),), "*/*"),
    ],
)
def test_headers_lose_their_credentials_and_keep_their_scheme(headers: Headers, written: str) -> None:
    assert redactor().headers(headers) == ((headers[0][0], written),)


@each_row(
    "body",
    [
        {"password": PLANTED},
        {"a": [{"deep": {"Access_Token": PLANTED}}]},
        {"clientSecret": [PLANTED, PLANTED]},
        {"api_key": PLANTED, "again": f"it is {PLANTED}."},
        {"text": f'{{"password":"{PLANTED}"}}'},
        {"text": f"login?user=x&password={quote(PLANTED)}"},
        {"user_code": PLANTED, PLANTED: 1},
    ],
)
def test_members_are_redacted_by_name_at_any_depth(body: dict[str, object]) -> None:
    raw = json.dumps(body).encode()
    written = body_of((("content-type", "application/json"),), raw, redactor(), oauth=False, reply=False)
    assert (
        written.enc is Enc.JSON
        and PLANTED not in json.dumps(written.value)
        and "«" in json.dumps(written.value, ensure_ascii=False)
    )


@each_row(
    "text",
    [JWT, b64encode(JWT.encode()).decode(), "whsec_abcdef", "https://u:pw@host/x",
     "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----", quote(JWT).replace(".", "%2E")],
)  # fmt: skip
def test_shapes_are_enough(text: str) -> None:
    assert "«secret:S1" in redactor().text(f"see {text}")


def test_duplicate_members_are_kept_as_text_and_redacted_there() -> None:
    raw = f'{{"password":"{PLANTED}","password":"x"}}'.encode()
    written = body_of((("content-type", "application/json"),), raw, redactor(), oauth=False, reply=False)
    assert written.enc is Enc.TEXT and PLANTED not in str(written.value)


@given(st.lists(st.sampled_from(("«", "««", "token:T1»", "token:", "»", "x")), max_size=12).map("".join))
def test_of_a_run_of_signs_the_whole_is_taken_or_nothing(text: str) -> None:
    assert ALIAS.findall(text) == re.findall(r"««*[a-z]+(?::[A-Za-z0-9._%-]+){1,2}»", text)


def test_a_run_of_signs_is_gone_through_once() -> None:
    """Once for each sign would take minutes."""
    assert aliases("«" * 1_000_000) == []


def test_aliases_number_by_first_appearance_and_name_kinds() -> None:
    known = redactor()
    reply = {"access_token": JWT, "refresh_token": "r" * 9, "again": JWT, "callbackToken": "0" * 32}
    written = known.json(reply, oauth=True, reply=True)
    assert written == {
        "access_token": "«token:T1»", "refresh_token": "«refresh:R1»", "again": "«token:T1»",
        "callbackToken": "«secret:S1»",
    }  # fmt: skip
    assert known.text("0" * 32) == "«secret:S1»"
    assert named("client", "a b~ü") == "«client:a%20b%7E%C3%BC»"


@given(st.text(alphabet="«»tokenT1: a", max_size=40))
def test_traffic_that_looks_like_an_alias_comes_back_as_it_was(text: str) -> None:
    written = Redactor(KnownSecrets()).text(text)
    assert aliases(written) == []
    assert fill(written, {"«token:T1»": "leaked"}) == text


@given(st.dictionaries(st.text(max_size=8), st.one_of(st.text(), st.integers(), st.booleans(), st.none()), max_size=4))
def test_bodies_come_back_as_the_value_they_were(value: dict[str, object]) -> None:
    raw = json.dumps(value, ensure_ascii=True).encode()
    written = body_of((("content-type", "application/json"),), raw, Redactor(KnownSecrets()), oauth=False, reply=False)
    if "«" not in json.dumps(written.value, ensure_ascii=False):
        assert json.loads(bytes_of(written, {})) == value


@each_row("value", ["x" * 70_000, ["y" * 70_000, "\x7f\\"]])
def test_a_long_body_comes_back_from_its_blob(value: Json) -> None:
    raw, blobs = json.dumps(value, separators=(",", ":")).encode(), dict[str, bytes]()
    written = body_of(
        (("content-type", "application/json"),),
        raw,
        Redactor(KnownSecrets()),
        oauth=False,
        reply=True,
        blobs=blobs.__setitem__,
    )
    assert written.enc is Enc.BLOB and json.loads(bytes_of(written, {}, blobs.__getitem__)) == value


def test_nothing_planted_reaches_the_tape() -> None:
    joined = Joined(config())
    basic = b64encode(f"other:{PLANTED}".encode()).decode()
    form = urlencode({"grant_type": "client_credentials", "client_id": "demo", "client_secret": PLANTED})
    requests = [
        Request("POST", "/oauth2/v1/token", "", (("authorization", f"Basic {basic}"),), b""),
        Request(
            "POST", "/oauth2/v1/token", "", (("content-type", "application/x-www-form-urlencoded"),), form.encode()
        ),
        Request("GET", f"/x/{quote(PLANTED, safe='')}", urlencode({"access_token": JWT, "q": PLANTED}), (), b""),
        Request("POST", "/x", "", (("content-type", "application/json"),), json.dumps({"secret": PLANTED}).encode()),
    ]
    for request in requests:
        reply = joined.service.serve(request, joined.now)
        echo = Response(400, (("x-said", PLANTED),), json.dumps({"said": PLANTED, "and": basic}).encode())
        joined.service.tell(Replied(joined.now, reply.x, echo, 0))
    joined.play()
    joined.tape.close(joined.now)
    text = joined.data.decode()
    for secret in (PLANTED, DEMO.secret, JWT, "eyJ", basic):
        for shape in encodings(secret):
            assert shape not in text, shape
    assert INSTANT_EPOCH and joined.tape.dead is None


def test_what_was_written_before_a_secret_was_known_is_not_repeated_after() -> None:
    joined = Joined(config())
    said = Request("GET", "/x", "", (("x-note", PLANTED),), b"")
    joined.tape(Requested(0, 1, "unknown", said))
    joined.tape(Requested(0, 2, "unknown", Request("GET", "/x", "", (("x-api-key", PLANTED),), b"")))
    joined.tape(Requested(0, 3, "unknown", said))
    assert PLANTED.encode() in joined.lines[1] and PLANTED.encode() not in joined.lines[3]


def test_a_gates_code_that_stood_in_the_open_is_redacted_once_it_is_known() -> None:
    known, code = redactor(), "0123456789abcdef" * 2
    assert known.text(f"see {code}") == f"see {code}"
    before = known.secrets.generation
    known.json({"callbackToken": code}, reply=True)
    assert known.secrets.generation > before and known.text(f"see {code}") == "see «secret:S1»"
