"""Redaction: planted secrets in every place and encoding are not found; what only looks like an alias comes back."""

import json
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote, quote_plus, unquote, urlencode

from hypothesis import example, given
from hypothesis import strategies as st

from lab.core.clock import INSTANT_EPOCH
from lab.core.exchange import Headers, Json, Request, Response, text_of
from lab.core.observe import Replied, Requested
from lab.identity.clients import DEMO
from lab.recording.format.lines import Enc
from lab.recording.redaction.bodies import body_of, bytes_of
from lab.recording.redaction.redactor import Redactor, redactor_of
from lab.recording.redaction.stand_ins import (
    GIVEN_KINDS,
    KINDS,
    MADE_UP,
    STAND_IN,
    KnownSecrets,
    filled,
    kind_of,
    number_of,
    stand_in,
    stand_ins,
)
from tests.conftest import each_row
from tests.recording.joined import Joined, config

JWT = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"
PLANTED = "pl4nted/Secret+x%y"


def redactor() -> Redactor:
    secrets = KnownSecrets()
    secrets.configure(DEMO.secret, stand_in("client", secrets.next("client")), DEMO.id)
    return Redactor(secrets)


def encodings(secret: str, client: str = "demo") -> list[str]:
    upper, plus = quote(secret, safe=""), quote_plus(secret)
    lower = "%".join([upper.split("%")[0], *(part[:2].lower() + part[2:] for part in upper.split("%")[1:])])
    packed = [
        pack(text.encode()).decode()
        for text in (secret, f"{client}:{secret}", f"{quote_plus(client)}:{plus}")
        for pack in (b64encode, urlsafe_b64encode)
    ]
    return [secret, upper, lower, plus, *packed, *(text.rstrip("=") for text in packed)]


FORM_ENCODED_PAIRS = {
    text
    for packed in (b64encode(f"other:{quote_plus(PLANTED)}".encode()).decode(),)
    for text in (packed, packed.rstrip("="))
}
"""A writing of what a peer brought that is let go: of the lab's own clients it is known."""


@each_row("form", encodings(DEMO.secret))
def test_a_configured_secret_is_found_in_every_encoding(form: str) -> None:
    written = redactor().text(f"before {form} after, and /{form}/ too")
    assert form not in written and written.count("lab-C1-secret") == 2


@each_row("form", [form for form in encodings(PLANTED, "other") if form not in FORM_ENCODED_PAIRS])
def test_a_secret_that_was_seen_by_name_is_found_everywhere_else(form: str) -> None:
    known = redactor()
    basic = b64encode(f"other:{PLANTED}".encode()).decode()
    assert stand_ins(known.header("authorization", f"Basic {basic}"))[0].startswith("lab-W1-wrong-x")
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
        ((("authorization", f"Bearer {JWT}"),), f"Bearer {stand_in('wrong', 1, JWT)}"),
        ((("authorization", "Bearer not-a-token"),), "Bearer lab-W1-wron"),
        ((("authorization", "BEARER not-a-token, x"),), "BEARER lab-W1-wron, lab-W2-"),
        ((("authorization", "Basic %%%"),), "Basic lab-W1-!"),
        ((("authorization", "Digest abcdefghi"),), "Digest lab-W1-wr"),
        ((("authorization", "abcdefghi"),), "lab-S1-se"),
        ((("authorization", "Basic " + b64encode(b"demo:" + DEMO.secret.encode()).decode()),), "Basic lab-C1-secret"),
        ((("cookie", "a=b; c=d"),), "a=lab-K1-; c=lab-K2-"),
        ((("set-cookie", "a=b; Path=/; HttpOnly"),), "a=lab-K1-; Path=/; HttpOnly"),
        ((("x-api-key", "k"),), "lab-S1-"),
        ((("x-xsrf-token", "k"),), "lab-S1-"),
        ((("x-hub-signature", "k"),), "lab-S1-"),
        ((("user-agent", f"me/1 {JWT}"),), f"me/1 {stand_in('wrong', 1, JWT)}"),
        ((("www-authenticate", 'Digest realm="x", nonce="abc"'),), 'Digest realm="x", nonce="lab-S1-"'),
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
    assert written.enc is Enc.JSON and PLANTED not in json.dumps(written.value)
    assert stand_ins(json.dumps(written.value))


@each_row(
    "text",
    [JWT, "whsec_abcdef", "https://u:pw@host/x", "Bearer abcdefghijklmnop1",
     "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----", 'name="token"\r\n\r\nabc\r\n--x'],
)  # fmt: skip
def test_shapes_are_enough(text: str) -> None:
    assert len(stand_ins(redactor().text(f"see {text}"))) == 1


def test_duplicate_members_are_kept_as_text_and_redacted_there() -> None:
    raw = f'{{"password":"{PLANTED}","password":"x"}}'.encode()
    written = body_of((("content-type", "application/json"),), raw, redactor(), oauth=False, reply=False)
    assert written.enc is Enc.TEXT and PLANTED not in str(written.value)


# Stand-ins

LIKE = st.text(max_size=40) | st.from_regex(r"[A-Za-z0-9._~-]{0,40}", fullmatch=True)
WORDS = st.builds(stand_in, st.sampled_from((*KINDS, "usercode")), st.integers(1, 999_999_999), LIKE)
BETWEEN = st.text(alphabet="ab 1.,;:=&?/%+\"'\\<>\n»", max_size=5)
APART = BETWEEN.filter(lambda text: text[:1] not in ("", "a", "b"))
"""What can't be taken for more of the stand-in before it."""


@given(st.sampled_from(tuple(KINDS)), st.integers(1, 999_999_999), LIKE)
def test_a_stand_in_tells_its_kind_and_number_and_is_as_long_as_what_a_peer_brought(
    kind: str, number: int, like: str
) -> None:
    word = stand_in(kind, number, like)
    assert STAND_IN.fullmatch(word) and (kind == "usercode" or word.startswith("lab-"))
    assert number_of(word) == number and kind_of(word)[0] in (kind[0], kind_of(stand_in(kind, number))[0])
    least = len(f"lab-{KINDS[kind][0]}{number}-") + 1
    assert len(word) == len(like) or len(like) < least or kind not in MADE_UP or kind == "assertion"


@given(st.lists(st.tuples(APART, WORDS), max_size=6))
def test_every_stand_in_is_found_again_in_any_text(parts: list[tuple[str, str]]) -> None:
    text = "".join(f"{before}{word}" for before, word in parts) + " "
    assert stand_ins(text) == [word for _, word in parts]
    assert filled(text, {word: "x" for _, word in parts}) == "".join(f"{before}x" for before, _ in parts) + " "


@given(WORDS, st.text(alphabet="ab-!", max_size=5))
def test_one_is_filled_in_whatever_stands_right_behind_it(word: str, behind: str) -> None:
    assert filled(f"see {word}{behind}", {word: "<it>"}) == f"see <it>{behind}"


@given(st.lists(st.tuples(st.sampled_from((*KINDS, "usercode")), LIKE), min_size=2, max_size=40))
def test_of_one_tape_no_stand_in_is_the_head_of_another(brought: list[tuple[str, str]]) -> None:
    secrets = KnownSecrets()
    words = [stand_in(kind, secrets.next(kind), like) for kind, like in brought if kind in GIVEN_KINDS | MADE_UP]
    assert len(set(words)) == len(words)
    for one in words:
        for other in words:
            assert one is other or not other.startswith(one), (one, other)


@given(st.lists(BETWEEN | WORDS, max_size=6).map(" ".join))
def test_traffic_that_itself_says_a_stand_in_gets_another(text: str) -> None:
    redactor = Redactor(KnownSecrets())
    given_ = redactor.secrets.given("a-token-of-the-labs", "token")
    again = redactor.text(f"{text} {given_}")
    assert given_ not in stand_ins(again) and {kind_of(word) for word in stand_ins(again)} <= MADE_UP
    assert STAND_IN.sub("", again) == STAND_IN.sub("", f"{text} ")
    assert redactor.text("see a-token-of-the-labs") == f"see {given_}"


@each_row(
    "text",
    [
        "lab%2DT1%2Dtoken",
        "token=lab%2DT1-token",
        "https://u:lab%2DT1%2Dtoken@h/",
        "bGFiLVQxLXRva2Vu",
        '"token": "lab\\u002dT1-token"',
    ],
)
def test_a_stand_in_that_a_peer_encoded_is_its_own_and_gets_another(text: str) -> None:
    redactor = Redactor(KnownSecrets())
    given_ = redactor.secrets.given("a-token-of-the-labs", "token")
    for hidden in (
        redactor.text(f"see {text} there"),
        redactor.path(f"/{text}"),
        redactor.written(f"a={text}", oauth=True),
    ):
        assert stand_ins(hidden) and given_ not in (unquote(hidden), *stand_ins(hidden))
        assert "%2D" not in hidden and "bGFi" not in hidden


@each_row("text", ["lab-T1-token", "Bearer lab-T1-token", '{"token": "lab-T1-token"}', "a=lab-T1-token&b=LABU1CODE"])
def test_nobody_is_let_in_by_a_stand_in(text: str) -> None:
    redactor = Redactor(KnownSecrets())
    redactor.secrets.given("a-token-of-the-labs", "token")
    redactor.secrets.given("WXYZ1234", "usercode")
    form = (("content-type", "application/x-www-form-urlencoded"),)
    said = [
        redactor.text(text), redactor.header("authorization", text), redactor.header("x-api-key", text),
        redactor.path(f"/{text}"), redactor.written(text, oauth=True),
        str(body_of(form, text.encode(), redactor, oauth=True, reply=False).value),
        str(body_of((), text.encode(), redactor, reply=False).value),
    ]  # fmt: skip
    assert all(stand_ins(each) and not {"lab-T1-token", "LABU1CODE"} & set(stand_ins(each)) for each in said), said


SAID = ("token=", "password: ", "Bearer ", "a+b/c", "%2B", "pl4nted+Secret", "hunter2-hunter2", '"', "&", " ", "eyJa.eyJb.c",
        '{"token": "', "lab-T1-token", "https://me:", "@h/", "0123456789", "\ue0000\ue000")  # fmt: skip


@example("token=pl4nted+Secret", False)
@given(st.lists(st.sampled_from(SAID) | st.text(max_size=4), max_size=12).map("".join), st.booleans())
def test_what_was_redacted_brings_nothing_new_when_it_comes_again(text: str, full: bool) -> None:
    """Else a line would be made anew for ever."""
    redactor = Redactor(KnownSecrets())
    if full:
        for number in range(200):
            redactor.secrets.brought(f"secret-of-a-peer-{number}", "secret")
    form = (("content-type", "application/x-www-form-urlencoded"),)
    for _ in range(4):
        generation = redactor.secrets.generation
        for headers in ((), form, (("content-type", "application/json"),)):
            body_of(headers, text.encode("utf-8", "surrogatepass"), redactor, oauth=True, reply=False)
    assert redactor.secrets.generation == generation


@each_row("sent", ["application/json", "application%2Fjson", '"application/json"', "COMPLETE", "%43OMPLETE"])
def test_a_word_of_the_labs_own_is_hidden_where_it_is_a_secret_and_nowhere_else(sent: str) -> None:
    redactor = redactor_of(config())
    assert stand_ins(redactor.header("authorization", f"Bearer {sent}"))
    assert stand_ins(redactor.json({"token": sent})["token"])  # type: ignore[call-overload, index]
    redactor.text(f"see token={sent}")
    assert redactor.header("content-type", "application/json") == "application/json"
    assert redactor.text("it is COMPLETE") == "it is COMPLETE"


def test_a_run_of_signs_is_gone_through_once() -> None:
    """Once for each sign would take minutes."""
    assert stand_ins("lab-T" * 200_000 + "lab-" * 200_000) == []


def test_stand_ins_number_by_first_appearance_and_name_kinds() -> None:
    known = redactor()
    reply = {"access_token": JWT, "refresh_token": "r" * 9, "again": JWT, "password": "0" * 32}
    written = known.json(reply, oauth=True, reply=True)
    assert written == {
        "access_token": "lab-T1-token", "refresh_token": "lab-R1-refresh", "again": "lab-T1-token",
        "password": "lab-S1-secret-" + "x" * 18,
    }  # fmt: skip
    assert known.text("0" * 32) == "lab-S1-secret-" + "x" * 18


@given(st.dictionaries(st.text(max_size=8), st.one_of(st.text(), st.integers(), st.booleans(), st.none()), max_size=4))
def test_bodies_come_back_as_the_value_they_were(value: dict[str, object]) -> None:
    raw = json.dumps(value, ensure_ascii=True).encode()
    written = body_of((("content-type", "application/json"),), raw, Redactor(KnownSecrets()), oauth=False, reply=False)
    if not stand_ins(json.dumps(written.value)):
        assert json.loads(bytes_of(written)) == value


@each_row("value", ["x" * 70_000, ["y" * 70_000, "\x7f\\"]])
def test_a_long_body_comes_back(value: Json) -> None:
    raw = json.dumps(value, separators=(",", ":")).encode()
    written = body_of((("content-type", "application/json"),), raw, Redactor(KnownSecrets()), reply=True)
    assert written.enc is Enc.JSON and json.loads(bytes_of(written)) == value


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


def test_a_mocks_own_codes_are_no_secrets_and_a_pods_are() -> None:
    sent = {"callbackToken": "0123456789abcdef" * 2}
    assert redactor_of(config()).json(sent, reply=True) == sent
    assert stand_ins(str(redactor().json({"callbackToken": "0123456789abcdef" * 2}, reply=True)))


def test_a_sign_of_the_redactors_own_that_a_peer_writes_comes_back() -> None:
    known = redactor()
    text = f"a=\ue0007\ue000&b={DEMO.secret}&c=\ue000{'9' * 30}\ue000"
    assert known.written(text, oauth=False) == (f"a=\ue0007\ue000&b=lab-C1-secret&c=\ue000{'9' * 30}\ue000")


def test_json_in_a_text_is_written_anew_as_the_lab_writes_it() -> None:
    """So a replay, in which the lab repeats what it was sent, has the same text."""
    said: dict[str, Json] = {"token": "tab\tand line", "note": "\x7f\n\u2028é"}
    assert redactor().text(text_of(said)) == text_of({**said, "token": stand_in("secret", 1, "tab\tand line")})
