"""What the identity domain gives out never reaches disk, and every grant replays."""

import re

import msgspec
import pytest
from msgspec.structs import replace

from lab.core.exchange import Json, Request
from lab.identity.clients import DEMO, JANE, OOB, Account, Client, Grant
from lab.recording.format.lines import Req
from lab.recording.format.reader import read
from lab.recording.redaction.redactor import Redactor
from lab.recording.redaction.stand_ins import KnownSecrets
from lab.recording.replay.replay import replay
from lab.recording.tape.header import accounts_member, accounts_of
from tests.recording.joined import Joined, config, scenario
from tests.shapes import switched
from tests.wire_peer import (
    ASSERTION_GRANT,
    DEVICE_GRANT,
    REDIRECT,
    RIGHT,
    SCOPE,
    VERIFIER,
    assertion,
    authorize_request,
    basic,
    code_exchange,
    form_post,
    redirect_parameters,
    token_request,
)
from tests.wire_peer import read as json_of

STAY = f"{SCOPE} offline_access openid"
AUDIENCE = {"oci": "https://identity.oraclecloud.com/", "rfc": "http://127.0.0.1"}
ISSUED = Joined(config()).service.config.epoch


class Peer(Joined):
    """A mock with a tape, asked one thing a second."""

    def __init__(self, profile: str, *, here: str = "", **switches: object) -> None:
        setup = config()
        spoken = switched({"profile": profile, "assertion_jti": "single", **switches})
        super().__init__(replace(setup, switches=spoken, here=here))
        self.profile = profile
        self.audience = AUDIENCE[profile] if profile == "oci" or not here else here
        self.seen: list[str] = []

    def answer(self, request: Request) -> dict[str, object]:
        """What is answered a second later, as its members; what is secret of it is remembered."""
        response = self.ask(request)
        kind = response.header("content-type") or ""
        answer = (
            redirect_parameters(response) if response.status == 302 else json_of(response) if "json" in kind else {}
        )
        secret = ("access_token", "refresh_token", "id_token", "device_code", "user_code")
        secret += ("code",) if response.status == 302 else ()
        self.seen += [str(answer[name]) for name in secret if name in answer]
        return answer

    def assertion(self, jti: str | None, **changed: object) -> str:
        times = {"iat": ISSUED + self.now // 1000, "exp": ISSUED + self.now // 1000 + 300}
        signed = assertion(**{**times, "aud": self.audience, "jti": jti, **changed})
        self.seen.append(signed)
        return signed


def passwords(peer: Peer) -> None:
    peer.answer(token_request("password", username=JANE.name, password="wrong-password"))
    first = peer.answer(token_request("password", username=JANE.name, password=JANE.password, scope=STAY))
    peer.answer(form_post("/oauth2/v1/introspect", token=str(first["access_token"])))
    second = peer.answer(token_request("refresh_token", refresh_token=str(first["refresh_token"])))
    peer.answer(form_post("/oauth2/v1/revoke", token=str(second["access_token"])))
    assert (
        peer.answer(token_request("refresh_token", refresh_token=str(first["refresh_token"])))["error"]
        == "invalid_grant"
    )
    peer.answer(form_post("/oauth2/v1/introspect", token=str(first["access_token"])))
    peer.answer(token_request("refresh_token", refresh_token="never-given-out"))


def codes(peer: Peer) -> None:
    for changed in ({}, {"code_verifier": "w" * 50}, {"code_verifier": "short"}, {"redirect_uri": "x"}):
        code = peer.answer(authorize_request(scope=STAY, nonce="n-1"))["code"]
        answer = peer.answer(code_exchange(str(code), **changed))
        assert ("id_token" in answer) == (not changed)
        peer.answer(code_exchange(str(code)))
    peer.answer(authorize_request(scope="urn:x"))
    peer.answer(authorize_request(client_id="nobody"))
    peer.answer(code_exchange("never-given-out"))


def copied(peer: Peer) -> None:
    """A person copies each code from its page."""
    for changed, error in (({}, None), ({"redirect_uri": REDIRECT}, "invalid_grant"), ({}, None)):
        page = peer.ask(authorize_request(redirect_uri=OOB, scope=STAY)).body.decode()
        code = re.findall(r"<code[^>]*>([^<]+)</code>", page)[0]
        peer.seen.append(code)
        assert peer.answer(code_exchange(code, **{"redirect_uri": OOB, **changed})).get("error") == error
    peer.ask(authorize_request(redirect_uri=OOB, response_type="token"))


def assertions(peer: Peer) -> None:
    once = peer.assertion("1")
    assert "access_token" in peer.answer(token_request(ASSERTION_GRANT, assertion=once))
    assert "error" in peer.answer(token_request(ASSERTION_GRANT, assertion=once))
    peer.answer(token_request(ASSERTION_GRANT, assertion=peer.assertion("2", aud="x")))
    kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    for changed in ({}, {"iss": "nobody"}):
        signed = peer.assertion("3", **{"sub": "demo", "prn": None, **changed})
        answer = peer.answer(
            token_request("client_credentials", None, client_assertion_type=kind, client_assertion=signed)
        )
        assert ("error" in answer) == bool(changed)


def repeated(peer: Peer) -> None:
    """Without `jti`, early, in time, again, and late: each is taken or refused as it was."""
    kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    own = peer.assertion(None, sub="demo", prn=None, iat=ISSUED + 63, exp=ISSUED + 6)
    signed = peer.assertion(None, iat=ISSUED + 64, exp=ISSUED + 7)
    taken = []
    for _ in range(5):
        users = peer.answer(token_request(ASSERTION_GRANT, assertion=signed))
        clients = peer.answer(
            token_request("client_credentials", None, client_assertion_type=kind, client_assertion=own)
        )
        taken.append(("access_token" in users, "access_token" in clients))
    assert taken == [(False, False), (False, True), (True, False), (False, False), (False, False)]
    for jti in (None, "once"):
        signed = peer.assertion(jti)
        answers = [peer.answer(token_request(ASSERTION_GRANT, assertion=signed)) for _ in range(3)]
        assert ["access_token" in each for each in answers] == [True, jti is None, jti is None]


def devices(peer: Peer) -> None:
    for answer in ("approve", "deny"):
        body = peer.answer(form_post("/oauth2/v1/device", client_id="demo", scope=STAY, response_type="device_code"))
        poll = token_request(DEVICE_GRANT, device_code=str(body["device_code"]))
        assert peer.answer(poll)["error"] == "authorization_pending"
        assert peer.answer(poll)["error"] == "slow_down"
        peer.answer(Request("GET", "/ui/v1/device", f"user_code={body['user_code']}"))
        if answer == "approve":
            peer.answer(form_post("/ui/v1/device", None, user_code=str(body["user_code"]), answer=answer))
        else:
            assert peer.service.answer_device(str(body["user_code"]), answer, peer.now).status == 200
        assert ("access_token" in peer.answer(poll)) == (answer == "approve")
    peer.answer(form_post("/ui/v1/device", None, user_code="NEVERGVN", answer="approve"))


def published(peer: Peer) -> None:
    bearer = peer.answer(token_request("client_credentials"))["access_token"]
    for path in ("openid-configuration", "idcs-configuration", "oauth-authorization-server", "jwks.json"):
        peer.answer(Request("GET", f"/.well-known/{path}"))
    signed = (("authorization", f"Bearer {bearer}"),)
    peer.answer(Request("GET", "/admin/v1/SigningCert/jwk", headers=signed))
    peer.answer(Request("GET", "/admin/v1/SigningCert/jwk"))


STORIES = [passwords, codes, copied, assertions, devices, published]


def rotations(peer: Peer) -> None:
    """Tokens of both keys, and the key set before, between and after; the path of the other profile is a 404."""
    path = {"oci": "/admin/v1/SigningCert/jwk", "rfc": "/.well-known/jwks.json"}[peer.profile]
    listed = []
    for wait in (0, 1_800_000, 2_400_000):
        peer.now += wait
        bearer = peer.answer(token_request("client_credentials"))["access_token"]
        keys = peer.answer(Request("GET", path, headers=(("authorization", f"Bearer {bearer}"),)))["keys"]
        listed.append(len(keys) if isinstance(keys, list) else 0)
        if wait < 2_400_000:
            assert peer.service.rotate_key(peer.now).status == 200
    assert listed == [1, 2, 2]
    peer.now += 3_600_000
    peer.answer(Request("GET", path, headers=(("authorization", f"Bearer {bearer}"),)))


def test_strangers_replay_as_they_were_taken_or_refused() -> None:
    peer = Peer("oci", clients="any")
    for secret in ("their-own-secret", "lab-wrong"):
        answers = [
            peer.answer(token_request("client_credentials", basic("stranger", secret))),
            peer.answer(token_request("client_credentials", None, client_id="stranger", client_secret=secret)),
            peer.answer(token_request("nonsense", basic("stranger", secret))),
        ]
        assert ["access_token" in answer for answer in answers] == [secret != "lab-wrong"] * 2 + [False]
    assert "access_token" not in peer.answer(token_request("nonsense", None, client_id="stranger", client_secret=""))
    login = {"username": JANE.name, "password": JANE.password}
    for authorization in (None, basic(DEMO.id, "their-own-secret")):
        assert "access_token" in peer.answer(token_request("password", authorization, client_id=DEMO.id, **login))
    body = peer.answer(form_post("/oauth2/v1/device", None, client_id="tv", scope=SCOPE, response_type="device_code"))
    peer.now += 10_000
    poll = token_request(DEVICE_GRANT, None, client_id="tv", device_code=str(body["device_code"]))
    assert "access_token" in peer.answer(poll)
    back = {"client_id": "app", "redirect_uri": "http://localhost:5000/back"}
    assert "access_token" in peer.answer(code_exchange(str(peer.answer(authorize_request(**back))["code"]), **back))
    result = replay(peer.closed(), [scenario()])
    assert result.passed, result.text()
    assert "their-own-secret" not in peer.data.decode()


def test_an_assertion_whose_time_is_up_within_a_second_is_refused_in_a_replay_too() -> None:
    for claim, ahead, taken in (("exp", 1.5, [True, False]), ("iat", 61.5, [False, True])):
        peer = Peer("oci")
        signed = peer.assertion(None, **{claim: ISSUED + ahead})
        answers = []
        for peer.now in (200, 700):  # `ask` adds a second
            answers.append(peer.answer(token_request(ASSERTION_GRANT, assertion=signed)))
        assert ["access_token" in answer for answer in answers] == taken
        result = replay(peer.closed(), [scenario()])
        assert result.passed, result.text()


@pytest.mark.parametrize("profile", ["oci", "rfc"])
@pytest.mark.parametrize("story", [*STORIES, repeated, rotations], ids=lambda story: story.__name__)
def test_every_grant_replays_and_no_secret_is_on_disk(story, profile) -> None:
    peer = Peer(profile, authorize="page" if story is devices else "auto")
    story(peer)
    result = replay(peer.closed(), [scenario()])
    assert result.passed, result.text()
    text = peer.data.decode()
    for secret in (*peer.seen, JANE.password, VERIFIER, RIGHT.partition(" ")[2]):
        assert secret not in text, secret


@pytest.mark.parametrize("profile", ["oci", "rfc"])
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_two_recordings_made_at_different_ports_are_the_same_bytes_and_replay(story, profile) -> None:
    peers = [Peer(profile, here=here, issuer="tenant") for here in ("http://127.0.0.1:4318", "https://[::1]:50001")]
    for peer in peers:
        story(peer)
        result = replay(peer.closed(), [scenario()])
        assert result.passed, result.text()
    one, other = (peer.data.decode() for peer in peers)
    assert one == other
    assert "4318/" not in one
    assert "http://127.0.0.1:43188/callback" in one or story is not codes
    assert ("lab.invalid" in one) == (
        story in (published, devices, passwords, assertions) or (story, profile) == (codes, "rfc")
    )


def test_how_an_assertion_was_judged_is_taken_from_the_recording() -> None:
    """Nobody can judge a signature from what stands for it."""
    peer = Peer("oci")
    assertions(peer)
    recording = peer.closed()
    judged = [line for line in recording.of(Req) if isinstance(line.judged[-1], dict)]
    assert [_is_refusal(line.judged[-1]) for line in judged] == [False, False, True, False]
    for line in judged:
        other = msgspec.structs.replace(line, judged=(*line.judged[:-1], {"why": "it was judged otherwise"}))
        lines = tuple(other if each is line else each for each in recording.lines)
        found = replay(replace(recording, lines=lines), [scenario()]).differences[0]
        assert "it was judged otherwise" in "".join(found.diff) or "token.granted is missing" in found.what, line.x


def _is_refusal(judged: Json) -> bool:
    return isinstance(judged, dict) and "why" in judged


def test_an_origin_is_told_from_one_that_only_begins_like_it() -> None:
    clean = Redactor(KnownSecrets(), own="http://127.0.0.1:4318")
    for text in ("http://127.0.0.1:43188/x", "http://127.0.0.1:4318.example/", "http://127.0.0.1:4318-x"):
        assert clean.text(text) == text
    assert (
        clean.text("at http://127.0.0.1:4318, http://127.0.0.1:4318/x") == "at http://lab.invalid, http://lab.invalid/x"
    )


def test_the_profile_stands_in_the_header_and_the_base_in_the_settings() -> None:
    setup = config()
    rfc = switched({"profile": "rfc", "jwks_auth": "on"})
    peer = Joined(replace(setup, switches=rfc, base="https://lab.example"))
    peer.play()
    peer.tape.close(peer.now)
    found = read(peer.data)
    assert found.header.profile == "rfc"
    assert dict(found.header.settings) == {"base": "https://lab.example", "jwks_auth": "on"}
    result = replay(found, [scenario()])
    assert result.passed, result.text()


def test_members_stand_in_the_order_of_the_format() -> None:
    peer = Peer("oci", authorize="page")
    devices(peer)
    peer.answer(authorize_request(answer="allow"))
    assert peer.service.rotate_key(peer.now).status == 200
    order = {entry.type: list(entry.members) for entry in peer.closed().facts()}
    assert order["token.granted"] == ["token", "client", "grant", "scope", "until", "refresh", "user", "family"]
    assert order["token.revoked"] == ["by", "token", "why"]
    assert order["code.granted"] == ["code", "client", "scope", "until", "challenge", "redirect", "family"]
    assert order["device.granted"] == ["code", "client", "scope", "until", "user_code"]
    assert order["device.approved"] == ["by", "code", "verdict"]
    assert order["key.rotated"] == ["by", "key", "until"]
    assert order["call.counted"] == ["counter", "client", "value"]


def test_accounts_are_told_without_their_secrets_and_made_again() -> None:
    few = frozenset({Grant.CODE, Grant.DEVICE})
    clients = (
        DEMO, Client("portal", "lab-secret-portal", ("http://127.0.0.1:9/b",), few), Client("app", "", active=False),
        Client("keyed", "lab-secret-keyed", key_id="k", certificate="PEM"),
    )  # fmt: skip
    users = (JANE, Account("ann", "lab-password-ann", "Ann", ("BUYER",)))
    assert accounts_member(config()) is None
    told_of = accounts_member(replace(config(), clients=clients, accounts=users))
    text = str(told_of)
    assert not [
        each
        for each in (*clients, *users)
        if (secret := getattr(each, "secret", "") or getattr(each, "password", "")) and secret in text
    ]
    again, people = accounts_of(told_of)
    for one, other in zip(clients, again, strict=True):
        same = ("id", "redirects", "grants", "active", "public")
        assert [getattr(one, name) for name in same] == [getattr(other, name) for name in same]
        assert bool(one.certificate) == bool(other.certificate)
    assert [(each.name, each.display, each.roles) for each in people] == [
        (each.name, each.display, each.roles) for each in users
    ]
