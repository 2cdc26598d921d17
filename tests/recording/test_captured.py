"""Redaction of a pod's traffic: nobody tells the lab its secrets, so whatever passes once as one comes out nowhere."""

import json
from base64 import b64encode
from urllib.parse import quote_plus, urlencode

import pytest
from msgspec.structs import replace

from lab.clocks import ManualClock
from lab.core.clock import INSTANT_EPOCH
from lab.core.exchange import Json, Request, Response
from lab.core.observe import Replied, Requested
from lab.identity.client import token_request
from lab.identity.clients import Client
from lab.identity.routes import PATHS
from lab.identity.scopes import api_scope
from lab.recording.format.lines import FileState, Res
from lab.recording.format.reader import read
from lab.recording.playback.playback import RecordingPlayback
from lab.recording.playback.service import PlaybackService
from lab.recording.redaction.leaks import leaks
from lab.recording.show.walkthrough import walkthrough
from lab.recording.tape.captured import CaptureRedactor, NoJobs, capture_header, config_of_capture, pod_hosts
from lab.recording.tape.line_cache import LineCache
from lab.recording.tape.tape import Tape
from tests.recording.test_canaries import FORM, JSON, OK, PLACES, SEEN, WRITINGS, Said, as_json, raw, replied, strings

POD = "https://fa-canary.pod-of-mine.oraclecloud.com"
TOKENS = "https://idcs-canary.identity-of-mine.com:8443"
OWN = "http://127.0.0.1:8080"


class Captured:
    """The tape of a capture that is told whatever passes."""

    def __init__(self) -> None:
        self.data = bytearray()
        settings = {"tokens": "https://lab-H2-host.invalid"}
        header = capture_header(lab="0.1.0", clock=ManualClock(), epoch=INSTANT_EPOCH, settings=settings)
        self.redactor = CaptureRedactor((POD, TOKENS), (OWN, "https://127.0.0.1:8443"))
        self.tape = Tape(NoJobs(), self.data.extend, header, tails=LineCache(self.redactor))
        self.x = 0

    def say(self, *exchanges: Said, route: str = "unknown") -> None:
        for request, response in exchanges:
            self.x += 1
            self.tape(Requested(self.x, self.x, route, request))
            self.tape(Replied(self.x, self.x, response))

    def login(self, *exchanges: Said) -> None:
        """The same at the token endpoint."""
        self.say(*exchanges, route="token")

    def text(self) -> str:
        self.tape.close(self.x)
        assert self.tape.dead is None
        assert read(bytes(self.data)).state is FileState.CLOSED
        return self.data.decode()

    def bodies(self) -> list[Json]:
        self.tape.close(self.x)
        return [line.body.value for line in read(bytes(self.data)).of(Res)]


def asks(*headers: tuple[str, str], query: str = "", body: bytes = b"", path: str = PATHS["token"]) -> Said:
    return Request("POST", path, query, headers, body), OK


def form(**fields: str) -> bytes:
    return urlencode(fields).encode()


def pair(secret: str) -> str:
    return "Basic " + b64encode(f"my-own-app:{quote_plus(secret)}".encode()).decode()


WAYS = {
    "a bearer": asks(("authorization", f"Bearer {SEEN}"), path="/x"),
    "a Basic pair": asks(("authorization", pair(SEEN))),
    "another scheme": asks(("authorization", f"Digest {SEEN}"), path="/x"),
    "an API key": asks(("x-api-key", SEEN), path="/x"),
    "a cookie": asks(("cookie", f"a=1; SID={SEEN}"), path="/x"),
    "a client's secret": asks(*FORM, body=form(client_id="my-own-app", client_secret=SEEN)),
    "a user's password": asks(*FORM, body=form(grant_type="password", username="jane.doe", password=SEEN)),
    "a refresh token": asks(*FORM, body=form(grant_type="refresh_token", refresh_token=SEEN)),
    "a code": asks(*FORM, body=form(grant_type="authorization_code", code=SEEN)),
    "a query": asks(query=urlencode({"access_token": SEEN})),
    "a member": asks(*JSON, body=as_json({"a": [{"password": SEEN}]}), path="/x"),
    "an answer": (Request("POST", PATHS["token"]), replied({"access_token": SEEN})),
    "an answer's refresh token": (Request("POST", PATHS["token"]), replied({"refresh_token": SEEN})),
    "a cookie that is set": (Request("GET", "/x"), Response(200, (("set-cookie", f"SID={SEEN}; Secure"),))),
    "a redirect": (Request("GET", PATHS["authorize"]), Response(302, (("location", f"https://c.example/?code={quote_plus(SEEN)}"),))),
}  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("way", WAYS)
def test_what_passed_once_as_a_secret_comes_out_nowhere_in_any_writing(way: str) -> None:
    captured = Captured()
    captured.login(WAYS[way])
    captured.say(*(place(write(SEEN)) for place in PLACES.values() for write in WRITINGS.values()))
    text = captured.text()
    texts = [text, *(part for line in text.splitlines() for part in strings(json.loads(line)))]
    assert [name for name, write in WRITINGS.items() if any(write(SEEN) in each for each in texts)] == []


HOSTS = ("fa-canary.pod-of-mine", "idcs-canary.identity-of-mine", "third-canary.of-mine")
NAMES = ("my-own-app", "jane.doe")


def test_neither_hosts_nor_clients_nor_users_come_out() -> None:
    captured = Captured()
    captured.login(
        asks(("authorization", pair(SEEN))),
        asks(
            *FORM, body=form(client_id="my-own-app", client_secret=SEEN, username="jane.doe", password="pass-of-jane")
        ),
    )
    for name in (POD, TOKENS, "https://third-canary.of-mine.net/a?b", *NAMES):
        captured.say(*(place(name) for place in PLACES.values()))
        captured.say(*(place(quote_plus(name)) for place in PLACES.values()))
        captured.say(*(place(name.partition("://")[2] or name) for place in PLACES.values()))
    text = captured.text()
    assert [each for each in (*HOSTS, *NAMES) if each in text] == []
    assert not [leak for leak in leaks(bytes(captured.data)) if "host" in leak.what]


def test_who_is_who_stays_to_be_seen() -> None:
    captured = Captured()
    captured.login(
        asks(("authorization", pair("one-secret-1"))),
        asks(("authorization", "Basic " + b64encode(b"another-app:one-secret-2").decode())),
        asks(*FORM, body=form(client_id="my-own-app", client_secret="one-secret-1")),
        asks(*FORM, body=form(username="jane.doe", password="pass-of-jane", client_id="unknown-app")),
        (Request("POST", PATHS["token"]), replied({"access_token": "opaque-token-1"})),
    )
    captured.say(
        asks(("authorization", "Bearer opaque-token-1"), path="/x"),
        asks(("authorization", "Bearer of-an-earlier-day"), path="/x"),
        (
            Request("GET", "/x"),
            replied({"by": "jane.doe", "at": f"{POD}/a", "ours": f"{OWN}/b", "other": "http://a.example/c"}),
        ),
    )
    text = captured.text()
    assert text.count('["authorization","Basic lab-C1-secret"]') == 1
    assert text.count('["authorization","Basic lab-C2-secret"]') == 1
    assert '"client_id=lab-C1-client&client_secret=lab-C1-secret"' in text
    assert '"username=lab-U1-user&password=lab-U1-password&client_id=lab-C3-client"' in text
    assert '["authorization","Bearer lab-T1-token"]' in text
    assert '["authorization","Bearer lab-T2-token"]' in text
    seen = '{"by":"lab-U1-user","at":"https://lab-H1-host.invalid/a","ours":"http://lab.invalid/b","other":"http://a.example/c"}'
    assert seen in text


def test_a_name_that_came_before_its_secret_has_the_same_number() -> None:
    captured = Captured()
    captured.login(
        asks(*FORM, body=form(client_id="my-own-app")),
        asks(*FORM, body=form(client_id="my-own-app", client_secret=SEEN)),
    )
    captured.login(asks(("authorization", pair(SEEN))), asks(("authorization", pair("another-secret"))))
    text = captured.text()
    assert '"client_id=lab-C1-client&client_secret=lab-C1-secret"' in text
    assert text.count("Basic lab-C1-secret") == 1
    assert "Basic lab-C2-secret" in text


def test_whom_a_token_names_has_a_number_too() -> None:
    claims = {"sub": "jane@of-mine.net", "client_id": "my-own-app", "user_name": "jane@of-mine.net"}
    token = ".".join(b64encode(as_json(part)).decode().rstrip("=") for part in ({"alg": "x"}, claims)) + ".c2ln"
    captured = Captured()
    captured.say(
        asks(("authorization", f"Bearer {token}"), path="/x"),
        (Request("GET", "/x"), raw("of jane@of-mine.net by my-own-app")),
    )
    assert captured.bodies()[-1] == "of lab-U1-user by lab-C1-client"


def test_where_it_is_played_back_the_pod_is_there_and_its_scopes_are_known() -> None:
    captured = Captured()
    scope = api_scope("acme-real-dev1")
    captured.login(
        asks(*FORM, body=form(grant_type="client_credentials", scope=scope, client_id="my-own-app", client_secret=SEEN))
    )
    captured.say(
        (Request("GET", "/a"), Response(302, (("location", f"{POD}/b"), ("content-length", "0"), ("date", "then")))),
        (
            Request("GET", "/b"),
            replied(
                {
                    "is": f"{TOKENS}/x",
                    "at": "idcs-canary.identity-of-mine.com:8443",
                    "other": "https://third.of-mine.net",
                }
            ),
        ),
    )
    captured.text()
    recording = read(bytes(captured.data))
    client = Client("my-own-app", "a-secret-of-the-settings")
    config = replace(config_of_capture(recording, (client,), ()), here=OWN)
    playback = RecordingPlayback(recording, INSTANT_EPOCH)
    playback.writer.hosts = pod_hosts(recording, OWN)
    service = PlaybackService(config, playback)
    granted = service.serve(token_request(client.id, client.secret, scope), 0)
    assert granted.response.status == 200
    assert service.serve(Request("GET", "/a"), 1).response.headers == (("location", f"{OWN}/b"),)
    body = json.loads(service.serve(Request("GET", "/b"), 2).response.body)
    assert body == {"is": f"{OWN}/x", "at": OWN.removeprefix("http://"), "other": "https://lab-H3-host.invalid"}


def test_a_walk_through_it_names_whom_the_client_is() -> None:
    captured = Captured()
    captured.login(
        asks(("authorization", pair(SEEN))), asks(*FORM, body=form(client_id="my-own-app", client_secret=SEEN))
    )
    captured.text()
    page = "\n".join(walkthrough(read(bytes(captured.data))))
    assert page.count("`LAB_CLIENT_ID` stands for") == page.count("`LAB_CLIENT_SECRET` stands for") == 1
    assert '-u "$LAB_CLIENT_ID":"$LAB_CLIENT_SECRET"' in page
    assert '--data-urlencode client_id="$LAB_CLIENT_ID"' in page


def test_a_word_of_the_wire_that_somebody_sends_as_a_secret_stays_everywhere_else() -> None:
    captured = Captured()
    captured.say(
        asks(("authorization", "Bearer COMPLETE"), path="/x"), (Request("GET", "/x"), replied({"status": "COMPLETE"}))
    )
    assert captured.bodies()[-1] == {"status": "COMPLETE"}


def test_an_error_s_text_that_repeats_a_secret_has_its_stand_in() -> None:
    captured = Captured()
    captured.login((WAYS["a Basic pair"][0], raw(f"No client my-own-app with {SEEN} at {POD}.")))
    assert captured.bodies() == ["No client lab-C1-client with lab-C1-secret at https://lab-H1-host.invalid."]


def test_hosts_without_end_get_no_number_without_end() -> None:
    captured = Captured()
    captured.say((Request("GET", "/x"), replied([f"https://host-{number}.net/" for number in range(3_000)])))
    assert captured.text().count("https://lab-H") == 999  # one is in the header
