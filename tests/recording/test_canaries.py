"""Canaries: secrets put into every place, in every writing, of which none may come out on a tape."""

import json
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Callable
from html import escape
from urllib.parse import quote, quote_plus

import pytest
from msgspec.structs import replace

from lab.core.exchange import Headers, Request, Response
from lab.core.observe import Noted, Replied
from lab.faults.facts import FaultArmed
from lab.identity.clients import DEMO, JANE
from lab.recording.format.reader import read
from lab.recording.redaction.leaks import leaks
from lab.recording.replay.replay import replay
from tests.conftest import each_row, few_of
from tests.recording.joined import Joined, config
from tests.wire_peer import form_post, invoke, status, token, token_request
from tests.wire_peer import read as answer

OWN = "läb-canary/Se+cr%t:x&y"
"""What the lab was configured with."""
SEEN = "sëen-bird/Se+cr%t:x&y"
"""What it saw once under the name of a secret."""

Writing = Callable[[str], str]


def lower(text: str) -> str:
    first, *rest = text.split("%")
    return "%".join((first, *(part[:2].lower() + part[2:] for part in rest)))


def packed(before: str, after: str = "") -> Writing:
    return lambda text: b64encode(f"{before}{text}{after}".encode()).decode()


WRITINGS: dict[str, Writing] = {
    "itself": str,
    "percent-encoded": lambda text: quote(text, safe=""),
    "but for slashes": quote,
    "as a form": quote_plus,
    "base64": packed(""),
    "base64 without padding": lambda text: packed("")(text).rstrip("="),
    "base64url": lambda text: urlsafe_b64encode(text.encode()).decode(),
    "a page's": lambda text: escape(text),
    "every sign percent-encoded": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "percent-encoded in base64": lambda text: packed("")(quote(text, safe="")),
    "base64 in percent-encoding": lambda text: quote(packed("")(text), safe="").replace("A", "%41"),
    **{f"base64 behind {before!r}": packed(before, "!") for before in ("u:", "me:", "you:", "/", "-")},
}
"""How it may be written. In any other writing it is refused by `lab check`, if it is random, or let go."""

Said = tuple[Request, Response]
OK = Response(200)
JSON: Headers = (("content-type", "application/json"),)
FORM: Headers = (("content-type", "application/x-www-form-urlencoded"),)
PLACES: dict[str, Callable[[str], Said]] = {
    "a reply's header": lambda text: (Request("GET", "/x"), Response(200, (("x-said", f"a {text} b"),))),
    "a reply's JSON": lambda text: (Request("GET", "/x"), replied({"said": [f"a {text} b"]})),
    "a member's name": lambda text: (Request("GET", "/x"), replied({text: 1})),
    "JSON in JSON": lambda text: (Request("GET", "/x"), replied({"input": json.dumps({"token": 1, "x": text})})),
    "a reply's text": lambda text: (Request("GET", "/x"), raw(f"said: {text}!")),
    "a stream": lambda text: (Request("GET", "/x"), raw(f"data: {json.dumps({'secret_token': 1, 'x': text})}\n\n")),
    "a page": lambda text: (Request("GET", "/x"), raw(f'<input name="note" value="{text}">')),
    "a location": lambda text: (Request("GET", "/x"), Response(302, (("location", f"http://127.0.0.1/?q={text}&r=1"),))),
    "bytes": lambda text: (Request("POST", "/x", body=b"\xff" + text.encode("utf-8", "surrogateescape")), OK),
    "a request's header": lambda text: (Request("GET", "/x", "", (("user-agent", f"me/1 ({text})"),)), OK),
    "a request's JSON": lambda text: (Request("POST", "/x", "", JSON, as_json({"message": text})), OK),
    "broken JSON": lambda text: (Request("POST", "/x", "", JSON, as_json({"message": text})[:-1]), OK),
    "an odd form": lambda text: (Request("POST", "/x", "", FORM, f"a&b={text}".encode("utf-8", "surrogateescape")), OK),
    "a form": lambda text: (Request("POST", "/x", "", FORM, f"b={quote_plus(text, errors='replace')}".encode()), OK),
    "a path": lambda text: (Request("GET", f"/x/{text}/y"), OK),
    "a query": lambda text: (Request("GET", "/x", f"a={text}&b=1"), OK),
    "a query's name": lambda text: (Request("GET", "/x", f"{text}=1"), OK),
}  # fmt: skip


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


def replied(value: object) -> Response:
    return Response(200, JSON, as_json(value))


def raw(text: str) -> Response:
    return Response(200, (("content-type", "text/plain"),), text.encode("utf-8", "surrogateescape"))


class Cage(Joined):
    """A mock whose tape is told whatever is said."""

    def __init__(self) -> None:
        known = replace(DEMO, secret=OWN)
        super().__init__(replace(config(), clients=(known,), accounts=(JANE,)))

    def say(self, said: Said) -> None:
        request, response = said
        self.now += 1
        reply = self.service.serve(request, self.now)
        self.service.tell(Replied(self.now, reply.x, response, 0))

    def out(self, secret: str) -> list[str]:
        """The writings in which the secret is found on the tape: in the file, in its texts, in its bytes."""
        self.tape.close(self.now)
        assert self.tape.dead is None
        text = self.data.decode()
        texts = "\0".join((text, *(part for line in text.splitlines() for part in strings(json.loads(line)))))
        return [name for name, write in WRITINGS.items() if write(secret) in texts or core(write(secret)) in texts]


def core(written: str) -> str:
    """What of base64 isn't told by what stands before and behind it."""
    return written[6:-4] if len(written) > 40 and written.isascii() else written


def strings(value: object) -> list[str]:
    match value:
        case dict():
            found = [each for pair in value.items() for part in pair for each in strings(part)]
            if value.get("enc") == "b64":
                found.append(b64decode(str(value["body"])).decode("utf-8", "surrogateescape"))
            return found
        case list():
            return [each for part in value for each in strings(part)]
        case _:
            return [value] if isinstance(value, str) else []


@each_row("secret", [OWN, SEEN], ids=["configured", "seen"])
@each_row("place", PLACES)
def test_a_known_secret_comes_out_nowhere_in_any_writing(place: str, secret: str) -> None:
    cage = Cage()
    if secret == SEEN:
        cage.say((Request("POST", "/x", "", JSON, as_json({"Api_Key": SEEN})), OK))
    for write in WRITINGS.values():
        cage.say(PLACES[place](write(secret)))
    assert cage.out(secret) == []


BIRD = "canary-0123-bird"
"""What nothing but its place tells to be a secret."""


def part(name: str) -> bytes:
    return f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{BIRD}\r\n--b--\r\n'.encode()


MULTIPART: Headers = (("content-type", "multipart/form-data; boundary=b"),)
NAMED: dict[str, Said] = {
    **{name: (Request("GET", "/x", "", ((name, BIRD),)), OK) for name in (
        "cookie", "x-api-key", "x-csrf-token", "client-secret", "x-hub-signature", "authorization", "proxy-authorization",
    )},
    **{f"{scheme} credentials": (Request("GET", "/x", "", (("authorization", f"{scheme} {BIRD}"),)), OK) for scheme in (
        "Bearer", "bearer", "Basic", "Digest", "Token", "Bearer x,", "SID=lab-T1-token;", "Bearer\t", "Basic  ",
    )},
    "a cookie of several": (Request("GET", "/x", "", (("cookie", f"a=1; SID={BIRD}; c"),)), OK),
    "a cookie that is set": (Request("GET", "/x"), Response(200, (("set-cookie", f"SID={BIRD}; Path=/; Secure"),))),
    **{f"the member {name}": (Request("POST", "/x", "", JSON, as_json({"a": [{name: BIRD}]})), OK) for name in (
        "password", "Access_Token", "clientSecret", "assertion", "client_assertion", "code_verifier", "device_code",
        "user_code", "API_KEY", "a.b-token", "x secret",
    )},
    "an object": (Request("POST", "/x", "", JSON, as_json({"password": {"value": BIRD}})), OK),
    "an object in a list": (Request("POST", "/x", "", JSON, as_json({"password": [[{"x": {"y": BIRD}}]]})), OK),
    "a list": (Request("POST", "/x", "", JSON, as_json({"secret": ["a", BIRD]})), OK),
    "an object of a reply": (Request("GET", "/x"), replied({"token": {"value": BIRD}})),
    "a secret of a reply": (Request("GET", "/x"), replied({"client_secret": BIRD})),
    "multipart": (Request("POST", "/x", "", MULTIPART, part("client_secret")), OK),
    "multipart with a type": (Request("POST", "/x", "", MULTIPART, part('password"\r\nContent-Type: "text/plain')), OK),
    "broken JSON with no end": (Request("POST", "/x", "", JSON, b'{"password": "%s' % BIRD.encode()), OK),
    "a member twice": (Request("POST", "/x", "", JSON, b'{"token": 1, "token": "%s"}' % BIRD.encode()), OK),
    "JSON in JSON": (Request("POST", "/x", "", JSON, as_json({"x": json.dumps({"password": [BIRD]})})), OK),
    "JSON in JSON in JSON": (
        Request("POST", "/x", "", JSON, as_json({"x": json.dumps({"y": json.dumps({"password": BIRD})})})), OK,
    ),
    "a form": (Request("POST", "/x", "", FORM, b"client_secret=" + BIRD.encode()), OK),
    "a form that isn't declared": (Request("POST", "/x", "", (), b"a=1&client_secret=" + BIRD.encode()), OK),
    "an odd form": (Request("POST", "/x", "", FORM, b"a&client%5Fsecret=" + BIRD.encode()), OK),
    "bytes of a form": (Request("POST", "/x", "", FORM, b"a=\xff&client_secret=" + BIRD.encode()), OK),
    "a query": (Request("GET", "/x", f"access_token={BIRD}"), OK),
    "an odd query": (Request("GET", "/x", f"b&access%5Ftoken={BIRD}"), OK),
    "a code": (Request("POST", "/oauth2/v1/token", "", FORM, b"code=" + BIRD.encode()), OK),
    "a login in a URL": (Request("POST", "/x", "", JSON, as_json({"url": f"https://u:{BIRD}@x.example/"})), OK),
    "a login in a query": (Request("GET", "/x", "u=" + quote(f"https://u:{BIRD}@x.example/", safe="")), OK),
    "a page's field": (Request("GET", "/x"), raw(f'<input name="user_code" value="{BIRD}">')),
}  # fmt: skip


@each_row("said", NAMED.values(), ids=NAMED)
def test_a_secret_is_told_by_its_place_and_found_again_elsewhere(said: Said) -> None:
    cage = Cage()
    cage.say(said)
    for place in PLACES.values():
        cage.say(place(BIRD))
    assert cage.out(BIRD) == []


BROKEN: dict[str, bytes] = {
    "an escaped name": b'{"pass\\u0077ord": "%s",',
    "broken JSON with an object": b'{"password": {"a": "%s"}',
    "broken JSON with a list": b'{"password": ["a", "%s"',
    "JSON in quotes with an object": b'"{"password": {"a": "%s"}}"',
    "a name without quotes": b'{password: "%s"}',
    "single quotes": b"{'password': '%s'}",
    "a number in broken JSON": b'{"token": %s,',
}
"""JSON that can't be read, where only a text right behind its name in quotes is hidden."""


@each_row("sent", BROKEN.values(), ids=BROKEN)
def test_in_what_is_no_json_a_random_word_is_refused_and_others_are_let_go(sent: bytes) -> None:
    for worth, refused in ((BIRD, 0), ("q7Jw2xN0bT5zK9fV3mRd", 1)):
        cage = Cage()
        cage.say((Request("POST", "/x", "", JSON, sent % worth.encode()), OK))
        assert "itself" in cage.out(worth)
        assert [each.what for each in leaks(bytes(cage.data))] == [
            "a word of 20 characters in body that may be a secret"
        ] * refused


@each_row("text", ["a number", "in a list", "long", "in JSON in JSON"])
def test_numbers_under_the_name_of_a_secret_are_hidden(text: str) -> None:
    body = {
        "a number": b'{"token": 40962048}', "in a list": b'{"token": [40962048]}', "long": b'{"token": 4096204840962048409620484}',
        "in JSON in JSON": as_json({"x": '{"token": 40962048}'}),
    }[text]  # fmt: skip
    cage = Cage()
    cage.say((Request("POST", "/x", "", JSON, body), OK))
    cage.say((Request("POST", "/x", "", JSON, b'{"x": "40962048", "y": 40962048}' if text != "long" else b""), OK))
    cage.tape.close(1)
    assert b"40962048" not in cage.data


def test_a_number_in_json_in_a_message_replays_as_a_number() -> None:
    lab = Joined(config())
    bearer = str(answer(lab.ask(token_request("client_credentials")))["access_token"])
    job = str(answer(lab.ask(invoke(bearer, {"message": '{"token": [40962048, "x"], "x": 1}'})))["jobId"])
    lab.ask(status(bearer, job))
    lab.tape.close(lab.now)
    assert b"40962048" not in lab.data
    result = replay(read(lab.data), lab.service.config.scenarios)
    assert result.passed and result.again() == lab.data, result.text()


def test_short_words_and_the_labs_own_are_hidden_where_they_stand_and_nowhere_else() -> None:
    words = ("COMPLETE", "hunter2", "EXPENSES", "client_credentials", "application/json", "conversation", "FAI-40400")
    for word in words:
        cage = Cage()
        cage.say((Request("POST", "/x", "", JSON, as_json({"password": word})), replied({"status": word})))
        line, reply = cage.lines[1].decode(), cage.lines[2].decode()
        assert '{"password":"lab-S1-' in line, word
        assert f'{{"status":"{word}"}}' in reply, word


def test_facts_hold_no_secret() -> None:
    cage = Cage()
    fact = FaultArmed(at=0, by="control", fault="f", where={"route": "status", "note": OWN})
    cage.service.tell(Noted(0, fact))
    assert cage.out(OWN) == []


FRAGMENTS: dict[str, Callable[[str], str]] = {
    "8 characters": lambda token: token[:8],
    "12 characters": lambda token: token[:12],
    "its head": lambda token: token.partition(".")[0],
    "but for its signature": lambda token: token.rpartition(".")[0],
    "its payload": lambda token: token.split(".")[1],
    "the midst": lambda token: token[300:330],
    "its end": lambda token: token[-40:],
    "nearly all": lambda token: token[:-3],
    "a scheme before it": lambda token: f"Bearer {token[:20]}",
    "digits before it": lambda token: f"{('abcdef9' * 5)[:31]}{token[:12]}",
}  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("part", FRAGMENTS.values(), ids=FRAGMENTS)
def test_a_token_is_hidden_whole_though_a_part_of_one_was_sent_as_a_secret(part: Callable[[str], str]) -> None:
    cage = Cage()
    earlier, later = (token(cage.service, now, cage.service.config.clients[0]) for now in (0, 5_000))
    assert earlier[:250] == later[:250]
    cage.say((Request("POST", "/oauth2/v1/revoke", "", FORM, f"token={quote_plus(part(earlier))}".encode()), OK))
    before = ("", "Bearer ", ("abcdef9" * 5)[:31], "«x:", "a=b%20", "id")
    for place in PLACES.values():
        for text in (*(text + later for text in before), later.rpartition(".")[0]):
            cage.say(place(text))
    cage.tape.close(cage.now)
    secret, out = later.partition(".")[2], cage.data.decode()
    # whatever is 24 characters long holds one of these whole
    windows = {secret[at : at + 12] for at in range(4, len(secret) - 16, 13)}
    assert [window for window in windows if window in out] == []


@pytest.mark.parametrize("name", few_of(FRAGMENTS, ("8 characters", "its payload", "a scheme before it")))
def test_what_was_asked_with_tokens_in_it_replays(name: str) -> None:
    lab, part = Joined(config()), FRAGMENTS[name]
    for _ in range(2):
        bearer = str(answer(lab.ask(token_request("client_credentials")))["access_token"])
        lab.ask(form_post("/oauth2/v1/revoke", token=part(bearer)))
        said = f"Taxi {bearer} «x:{bearer}» {packed('p:')(bearer)} {('abcdef9' * 5)[:31]}{bearer} {part(bearer)}"
        lab.ask(invoke(bearer, {"message": said}))
    lab.tape.close(lab.now)
    result = replay(read(lab.data), lab.service.config.scenarios)
    assert result.passed and result.again() == lab.data, result.text()


@each_row("write", [
    lambda text: text.replace(".", "%2E"), lambda text: text.replace(".", "%2e"), packed("user:"), packed("x:"), packed("{'t':"),
    lambda text: quote(packed("user:")(text.replace(".", "%2E")), safe=""),
])  # fmt: skip
@pytest.mark.parametrize("known", [True, False])
def test_a_token_is_hidden_in_whatever_writing_and_refused_where_it_stands(write: Writing, known: bool) -> None:
    cage = Cage()
    bearer = token(cage.service, 0, cage.service.config.clients[0])
    if known:
        cage.say((Request("GET", "/x", "", (("authorization", f"Bearer {bearer}"),)), OK))
    for place in PLACES.values():
        cage.say(place(write(bearer)))
    cage.tape.close(cage.now)
    out = cage.data.decode()
    assert [place for place in range(4, len(write(bearer)) - 40, 37) if write(bearer)[place : place + 30] in out] == []
    line = json.dumps({"k": "req", "n": 1, "m": "GET", "u": "/x", "h": [["x-request-id", write(bearer)]]})
    assert [each.what for each in leaks(line.encode())] == ["a secret, or what looks like one"]


OVERLAPS: dict[str, tuple[tuple[str, ...], str]] = {
    "two": (("correct-horse-battery", "battery-staple"), "correct-horse-battery-staple"),
    "three": (
        ("correct-horse-battery", "battery-staple-47", "-47-is-no-prime"),
        "correct-horse-battery-staple-47-is-no-prime",
    ),
    "one that a text tells by its name": (("horse-battery&staple",), "x token=correct-horse-battery&staple"),
    "a hook": (("correct-horse whsec_", "whsec_battery"), "correct-horse whsec_battery"),
    "one of the lab's": (
        (f"correct-{DEMO.secret[:4]}", f"{DEMO.secret[-4:]}-battery"),
        f"correct-{DEMO.secret}-battery",
    ),
}


@each_row(("secrets", "text"), OVERLAPS.values(), ids=OVERLAPS)
def test_of_secrets_that_overlap_none_can_be_read(secrets: tuple[str, ...], text: str) -> None:
    lab = Joined(config())
    bearer = str(answer(lab.ask(token_request("client_credentials")))["access_token"])
    for secret in secrets:
        lab.ask(form_post("/oauth2/v1/revoke", token=secret))
    before = len(lab.data)
    job = str(answer(lab.ask(invoke(bearer, {"message": f"Taxi {text}."})))["jobId"])
    lab.ask(status(bearer, job))
    out = lab.data[before:].decode()
    assert [
        secret for secret in (*secrets, DEMO.secret[11:]) for at in range(len(secret) - 6) if secret[at : at + 7] in out
    ] == []
    lab.tape.close(lab.now)
    result = replay(read(lab.data), lab.service.config.scenarios)
    assert result.passed, result.text()


def test_there_are_more_than_155_canaries() -> None:
    assert 2 * len(WRITINGS) * len(PLACES) + len(NAMED) * len(PLACES) > 155
