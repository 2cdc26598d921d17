"""Signed assertions, claim by claim: which are taken, and what is said of one that isn't (contract.md §7.2, row 34)."""

import asyncio
from collections.abc import Callable
from functools import partial

import jwt

from lab.clocks import AnyClock, ManualClock, ScaledClock, SystemClock, wall_second
from lab.identity.assertions import LEEWAY, Assertion, Unfit, read_assertion
from lab.identity.clients import DEMO, JANE, Client
from lab.identity.config import IdentityConfig
from lab.identity.testkey import CLIENT_CERTIFICATE_PEM, CLIENT_KEY_ID, PRIVATE_PEM
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.switches import Switches
from lab.server.mock_server import MockServer
from tests.conftest import each_row
from tests.server.conftest import Peer, request
from tests.shapes import switched
from tests.wire_peer import (
    ASSERTION_GRANT,
    EPOCH,
    OTHER,
    assertion,
    basic,
    form_post,
    read,
    service,
    token_request,
)

DAY = 86_400
AUDIENCE = {"oci": "https://identity.oraclecloud.com", "rfc": "http://127.0.0.1"}
CLOCK = "the lab's clock shows 2026-01-01T00:00:00Z"
BOTH = ("oci", "rfc")


def described(mock, now=0, *, own=False, **claims):
    """The status and the description of the answer to an assertion: a user's, or a client's own."""
    if own:
        signed = assertion(**{"sub": DEMO.id, "prn": None, **claims})
        kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        sent = token_request("client_credentials", None, client_assertion_type=kind, client_assertion=signed)
    else:
        sent = token_request(ASSERTION_GRANT, assertion=assertion(**claims))
    response = mock.serve(sent, now).response
    return response.status, str(read(response).get("error_description", ""))


@each_row("profile", BOTH)
@each_row("own", [False, True], ids=["user's", "client's own"])
@each_row(
    ("wrong", "said"),
    [
        ({"key": PRIVATE_PEM}, "the signature must be by the registered key"),
        ({"header": {}}, f"must name the registered key: kid {CLIENT_KEY_ID} or x5t "),
        ({"header": {"kid": "../../etc/passwd"}}, f"must name the registered key: kid {CLIENT_KEY_ID} or x5t "),
        ({"header": {"x5t": "x"}}, "must name the registered key"),
        ({"header": {"kid": CLIENT_KEY_ID, "x5t#S256": "x"}}, "must name the registered key"),
        ({"aud": "x"}, "aud must hold one of "),
        ({"aud": None}, "aud must hold one of "),
        ({"aud": []}, "aud must hold one of "),
        ({"aud": ["https://identity.oraclecloud.com/x"]}, "aud must hold one of "),
        ({"aud": {"a": 1}}, "aud must hold one of "),
        ({"exp": None}, "exp must be a number of seconds"),
        ({"exp": "x"}, "exp must be a number of seconds"),
        ({"exp": float("inf")}, "exp must be a number of seconds"),
        ({"exp": float("nan")}, "exp must be a number of seconds"),
        ({"exp": EPOCH - 0.5}, f"exp must be later than now: it is 2025-12-31T23:59:59Z, and {CLOCK}"),
        ({"iat": EPOCH + 60.5}, f"iat must be at most 60 s ahead: it is 2026-01-01T00:01:00Z, and {CLOCK}"),
        ({"nbf": 1e300}, "nbf must be at most 60 s ahead: it is no date"),
        ({"exp": True}, "exp must be a number of seconds"),
        ({"exp": EPOCH}, f"exp must be later than now: it is 2026-01-01T00:00:00Z, and {CLOCK}"),
        ({"exp": -(10**30)}, "exp must be later than now: it is no date"),
        ({"iat": []}, "iat must be a number of seconds"),
        ({"iat": "x"}, "iat must be a number of seconds"),
        ({"iat": EPOCH + 61}, f"iat must be at most 60 s ahead: it is 2026-01-01T00:01:01Z, and {CLOCK}"),
        ({"iat": 10**30}, "iat must be at most 60 s ahead: it is no date"),
        ({"nbf": EPOCH + 61}, f"nbf must be at most 60 s ahead: it is 2026-01-01T00:01:01Z, and {CLOCK}"),
        ({"nbf": "x"}, "nbf must be a number of seconds"),
        ({"sub": None, "prn": None}, "sub must name"),
        ({"sub": "", "prn": ""}, "sub must name"),
        ({"prn": "x"}, "prn must be the same as sub"),
        ({"jti": ""}, "jti must be a text"),
        ({"jti": 7}, "jti must be a text"),
    ],
)  # fmt: skip
def test_row_34_what_is_wrong_is_named_with_what_was_expected(wrong, said, own, profile):
    wrong = {"aud": AUDIENCE[profile], **wrong}
    status, description = described(service(profile=profile), own=own, **wrong)
    assert status == (401 if own else 400)
    assert said in description
    assert description.startswith("Client authentication failed: " if own else "The assertion is not good: ")
    assert description.isascii() and not {'"', "\\"} & set(description)
    bare = "Client authentication failed." if own else "The assertion is not good."
    assert described(service(profile=profile, hints="off"), own=own, **wrong) == (status, bare)


@each_row(
    ("wrong", "own", "said"),
    [
        ({"iss": "other"}, False, "iss must be the client's id, demo."),
        ({"iss": None}, False, "iss must be the client's id, demo."),
        ({"iss": "nobody"}, True, "iss must be the id of a known client"),
        ({"iss": OTHER.id}, True, "no key is registered for the client"),
        ({"sub": "nobody", "prn": "nobody"}, False, "sub must be the name of a user"),
        ({"sub": JANE.name}, True, "sub must be the client's id"),
    ],
    ids=str,
)
def test_who_speaks_and_for_whom_is_told_apart(wrong, own, said):
    status, description = described(service(), own=own, **wrong)
    assert status == (401 if own else 400) and said in description


def test_what_is_no_assertion_at_all_is_told_apart():
    unsigned = jwt.encode({"iss": DEMO.id}, "s" * 32, "HS256", {"kid": CLIENT_KEY_ID})
    for sent, said in (
        ("x.y.z", "it must be a signed JWT"), (unsigned, "alg must be RS256"), ("x" * 17_000, "at most 16384 characters"),
        ("\u00e9.y.z", "at most 16384 characters"),
    ):  # fmt: skip
        answer = read(service().serve(token_request(ASSERTION_GRANT, assertion=sent), 0).response)
        assert answer["error"] == "invalid_grant" and said in str(answer["error_description"])
    foreign = form_post("/oauth2/v1/token", None, grant_type="client_credentials", client_assertion=assertion())
    assert "client_assertion_type must be" in str(read(service().serve(foreign, 0).response)["error_description"])
    keyless = token_request(ASSERTION_GRANT, basic(OTHER.id, OTHER.secret), assertion=assertion(iss=OTHER.id))
    assert "no key is registered" in str(read(service().serve(keyless, 0).response)["error_description"])


def test_the_names_of_a_key_stand_in_a_text_that_an_error_may_hold():
    odd = Client("odd", "lab-secret-odd", key_id='k"\\\u00e9', certificate=CLIENT_CERTIFICATE_PEM)
    mock = Service(Config((), Switches(), 42, EPOCH, (DEMO, odd)))
    sent = token_request(ASSERTION_GRANT, basic(odd.id, odd.secret), assertion=assertion(iss=odd.id))
    assert "kid k??? or x5t " in str(read(mock.serve(sent, 0).response)["error_description"])


@each_row(
    ("profile", "audience", "taken"),
    [
        ("oci", "https://identity.oraclecloud.com/", True), ("oci", "https://identity.oraclecloud.com", True),
        ("oci", "oauth.idm.oracle.com", True), ("oci", "http://127.0.0.1", True), ("oci", "http://127.0.0.1/", True),
        ("oci", ["x", "oauth.idm.oracle.com"], True), ("oci", "http://127.0.0.1/oauth2/v1/token", False),
        ("oci", "https://identity.oraclecloud.com//", False), ("oci", "HTTPS://identity.oraclecloud.com", False),
        ("rfc", "http://127.0.0.1", True), ("rfc", "http://127.0.0.1/oauth2/v1/token", True),
        ("rfc", "http://127.0.0.1/", False), ("rfc", "oauth.idm.oracle.com", False),
        ("rfc", "https://identity.oraclecloud.com", False),
    ],
    ids=str,
)  # fmt: skip
def test_the_audience_has_several_spellings(profile, audience, taken):
    for own in (False, True):
        status, description = described(service(profile=profile), own=own, aud=audience)
        assert (status == 200) == taken
        assert taken or all(each in description for each in service(profile=profile).config.identity.audiences)


def test_the_id_that_a_clients_own_iss_lacks_is_named_if_the_form_has_it():
    kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    for sent, said in (
        (DEMO.id, f"iss must be the id {DEMO.id}, and"),
        ("nobody", "iss must be the id of a known client"),
    ):
        signed = assertion(iss=OTHER.id if sent == DEMO.id else "x", sub=OTHER.id)
        request = token_request(
            "client_credentials", None, client_id=sent, client_assertion_type=kind, client_assertion=signed
        )
        assert said in str(read(service().serve(request, 0).response)["error_description"])


@each_row("own", [False, True])
def test_a_fraction_of_a_second_counts(own):
    for claims, now, taken in (
        ({"exp": EPOCH + 1.5}, 1_499, True), ({"exp": EPOCH + 1.5}, 1_500, False),
        ({"iat": EPOCH + 60.25}, 249, False), ({"iat": EPOCH + 60.25}, 250, True),
        ({"nbf": EPOCH + 60.25}, 249, False), ({"nbf": EPOCH + 60.25, "iat": EPOCH - 0.1}, 250, True),
        ({"iat": EPOCH + 0.123456789, "exp": EPOCH + 300.987654321}, 0, True),
    ):  # fmt: skip
        assert (described(service(), now, own=own, **claims)[0] == 200) == taken, (claims, now)


@each_row("own", [False, True])
def test_a_second_comes_early_within_the_leeway_and_late_until_its_end(own):
    for claim in ("iat", "nbf"):
        for ahead, now, status in ((60, 0, 200), (61, 0, 400), (61, 999, 400), (61, 1_000, 200), (-DAY, 0, 200)):
            got, _ = described(service(), now, own=own, **{claim: EPOCH + ahead})
            assert (got == 200) == (status == 200), (claim, ahead, now)
    for now, status in ((299_999, 200), (300_000, 400)):
        assert (described(service(), now, own=own)[0] == 200) == (status == 200)


def test_a_clock_that_was_advanced_by_days_makes_an_assertion_of_the_wall_too_old():
    status, description = described(service(), 3 * DAY * 1000 + 500)
    assert status == 400
    assert description.endswith("it is 2026-01-01T00:05:00Z, and the lab's clock shows 2026-01-04T00:00:00Z.")


@each_row("profile", BOTH)
@each_row("own", [False, True])
@each_row("left_out", [("iat",), ("iat", "jti", "nbf")], ids="+".join)
def test_what_the_rfc_lets_a_client_leave_out_may_be_left_out(left_out, own, profile):
    claims = {"aud": AUDIENCE[profile], **dict.fromkeys(left_out)}
    assert described(service(profile=profile), own=own, **claims) == (200, "")


@each_row("own", [False, True])
def test_an_assertion_without_jti_may_be_used_again_and_one_with_it_once(own):
    for jti, switch, second in (
        (None, "single", True),
        ("j", "single", False),
        ("j", "any", True),
        (None, "any", True),
    ):
        mock = service(assertion_jti=switch)
        assert described(mock, own=own, jti=jti)[0] == 200
        status, description = described(mock, 1, own=own, jti=jti)
        assert (status == 200) == second
        assert second or "jti was used before" in description


@each_row("own", [False, True])
@each_row(("profile", "second"), [("oci", 200), ("rfc", 401)])
def test_whether_a_jti_counts_is_the_profiles(profile, second, own):
    mock = service(profile=profile)
    answers = [described(mock, own=own, aud=AUDIENCE[profile], exp=EPOCH + 300 + n) for n in range(2)]
    assert [status for status, _ in answers] == [200, second if own or second == 200 else 400]
    assert second == 200 or "jti was used before" in answers[1][1]
    assert service(profile=profile).config.switches.assertion_jti == ("any" if second == 200 else "single")


def test_an_assertion_that_was_refused_may_come_again_once_that_is_mended():
    mock = service()
    assert described(mock, 0, iat=EPOCH + 90)[0] == 400
    assert described(mock, 30_000, iat=EPOCH + 90)[0] == 200


PACES = {"real": 1, "scaled": 20, "manual": 0}


@each_row("pace", PACES.values(), ids=PACES)
def test_of_334_a_clock_by_the_clients_own_second_none_is_refused(pace):
    """A thousand in all: a lab that begins anywhere within a second of the wall, and clients of its first minute."""
    config = IdentityConfig(Switches(), 42, EPOCH, "http://127.0.0.1", (DEMO,), (JANE,))
    signed = {}
    for each in range(334):
        begun, passed = each * 618 % 1000, each * 180  # milliseconds into the epoch's second, and since the start
        issued = EPOCH + (begun + passed) // 1000
        token = signed.setdefault(issued, assertion(iat=issued, exp=issued + 3_600, jti=None))
        found = read_assertion(token, DEMO, config.audiences, EPOCH, passed * pace)
        assert isinstance(found, Assertion), found
    assert len(signed) == LEEWAY + 1
    ahead = assertion(iat=EPOCH + 62, exp=EPOCH + 3_600)
    assert isinstance(read_assertion(ahead, DEMO, config.audiences, EPOCH, 0), Unfit)


CREDENTIALS = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@each_row(
    ("profile", "claims", "answers"),
    [
        ("oci", {"jti": "same"}, [200, 200]), ("rfc", {"jti": "same"}, [200, 401]),
        ("oci", {"iat": None, "jti": None}, [200, 200]), ("rfc", {"iat": None, "jti": None}, [200, 200]),
    ],
    ids=str,
)  # fmt: skip
async def test_over_sockets_a_client_may_be_as_lax_as_its_profile(profile, claims, answers) -> None:
    server = MockServer(Service(Config((), switched({"profile": profile}), 42, EPOCH)), ManualClock())
    origin = await server.start()
    peer = Peer(*await asyncio.open_connection("127.0.0.1", int(origin.rpartition(":")[2])))
    got = []
    for number in range(2):
        signed = assertion(aud=AUDIENCE[profile], sub=DEMO.id, prn=None, exp=EPOCH + 300 + number, **claims)
        fields = {"client_assertion_type": CREDENTIALS, "client_assertion": signed}
        sent = token_request("client_credentials", None, **fields)
        got.append(await peer.ask(request(sent.method, sent.path, sent.headers, sent.body)))
    await peer.close()
    await server.stop(0)
    assert [each.status for each in got] == answers, [each.body for each in got]


@each_row("clock", [SystemClock, partial(ScaledClock, "20"), ManualClock], ids=PACES)
async def test_over_sockets_too_a_client_takes_its_own_second(clock: Callable[[], AnyClock]) -> None:
    config = Config((), Switches(), 42, wall_second(), (DEMO,))
    server = MockServer(Service(config), clock())
    origin = await server.start()
    peer = Peer(*await asyncio.open_connection("127.0.0.1", int(origin.rpartition(":")[2])))
    for number in range(3):
        now = wall_second()
        claims = {"iat": now, "nbf": now, "exp": now + 3_600, "jti": str(number)}
        sent = token_request(ASSERTION_GRANT, assertion=assertion(**claims))
        got = await peer.ask(request(sent.method, sent.path, sent.headers, sent.body))
        assert got.status == 200, got.body
    await peer.close()
    await server.stop(1_000)
