"""Another key signs: what is listed when, what stays good, and what a client makes of it that remembers keys."""

import jwt
import pytest

from lab.core.exchange import Request
from lab.core.journal.fact import Fact
from lab.identity.clients import JANE
from lab.identity.testkey import KEY_ID, SECOND_KEY_ID
from lab.mock.history import History
from lab.mock.service import Service
from lab.recording.format.snapshot import snapshot
from tests.conftest import each_row
from tests.server.served import serving, token_of
from tests.wire_peer import SCOPE, code_exchange, code_of, form_post, read, service, status, token

PATHS = {"oci": "/admin/v1/SigningCert/jwk", "rfc": "/.well-known/jwks.json"}
HOUR = 3_600_000


def kid(signed):
    return jwt.get_unverified_header(signed)["kid"]


def listed(mock, now, profile="rfc"):
    """The key set at that instant, by `kid`, in its order."""
    bearer = (("authorization", f"Bearer {token(mock, now)}"),) if profile == "oci" else ()
    keys = read(mock.serve(Request("GET", PATHS[profile], headers=bearer), now).response)["keys"]
    return {key["kid"]: key for key in keys}


@each_row("profile", PATHS)
def test_the_new_key_is_listed_before_its_first_use_and_the_old_one_until_its_last_token_expires(profile):
    mock = service(profile=profile)
    token(mock, 0)
    last = token(mock, 60_500)
    assert list(listed(mock, 60_500, profile)) == [KEY_ID]
    until = 60_000 + HOUR  # whole seconds: a token of 60.5 s is good until 3660 s
    assert mock.rotate_key(70_000).why == SECOND_KEY_ID
    assert kid(last) == KEY_ID
    for now in (70_000, until - 1):
        assert list(listed(mock, now, profile)) == [SECOND_KEY_ID, KEY_ID]
        assert kid(token(mock, now)) == SECOND_KEY_ID
        assert mock.serve(status(last, "x"), now).response.status == 404
    assert list(listed(mock, until, profile)) == [SECOND_KEY_ID]
    assert mock.serve(status(last, "x"), until).response.status == 401


def test_each_key_checks_what_it_signed_and_nothing_else():
    mock = service(profile="rfc")
    signed = {KEY_ID: token(mock, 0)}
    mock.rotate_key(1)
    signed[SECOND_KEY_ID] = token(mock, 2)
    off = {"verify_exp": False, "verify_iat": False, "verify_aud": False}
    for name, key in listed(mock, 3).items():
        for by, text in signed.items():
            if by == name:
                assert jwt.decode(text, jwt.PyJWK(key), ["RS256"], options=off)["aud"] == SCOPE
            else:
                with pytest.raises(jwt.InvalidSignatureError):
                    jwt.decode(text, jwt.PyJWK(key), ["RS256"], options=off)
        assert not {"d", "p", "q"} & set(key)


def test_an_id_token_is_signed_by_the_key_of_its_day_and_introspection_knows_both():
    mock = service(profile="rfc")
    old = read(mock.serve(code_exchange(code_of(mock, scope=f"{SCOPE} openid")), 0).response)
    mock.rotate_key(1)
    new = read(mock.serve(code_exchange(code_of(mock, 2, scope=f"{SCOPE} openid")), 2).response)
    assert [kid(each["id_token"]) for each in (old, new)] == [KEY_ID, SECOND_KEY_ID]
    for each in (old, new):
        found = read(mock.serve(form_post("/oauth2/v1/introspect", token=each["access_token"]), 3).response)
        assert found["active"] is True and found["sub"] == JANE.name


def test_keys_take_turns_and_only_the_tokens_of_its_own_keep_one_listed():
    mock = service(profile="rfc")
    assert mock.rotate_key(0).why == SECOND_KEY_ID
    assert list(listed(mock, 0)) == [SECOND_KEY_ID]  # the first one signed nothing
    token(mock, 1_000)
    assert mock.rotate_key(2_000).why == KEY_ID
    token(mock, 500_000)
    assert list(listed(mock, 1_000 + HOUR - 1)) == [KEY_ID, SECOND_KEY_ID]
    assert list(listed(mock, 1_000 + HOUR)) == [KEY_ID]


def test_a_revoked_token_still_keeps_its_key_listed():
    mock = service(profile="rfc")
    token(mock, 0)
    mock.end_tokens("demo", "revoke", 1)
    mock.rotate_key(2)
    assert list(listed(mock, HOUR - 1)) == [SECOND_KEY_ID, KEY_ID]


def test_a_rotation_is_a_fact_that_is_rewound_cleared_and_told_again_on_a_late_tape():
    mock, history = service(profile="rfc"), History()
    mock.journals.append(history.add)
    token(mock, 0)
    mock.rotate_key(1_000)
    mock.rotate_key(2_000)
    mock.rotate_key(3_000)
    opening: list[Fact] = snapshot(mock, 4_000)
    late = Service(mock.config)
    for fact in opening:
        late.note(fact)
    assert list(listed(late, 4_000)) == list(listed(mock, 4_000)) == [SECOND_KEY_ID, KEY_ID]
    assert kid(token(late, 4_000)) == kid(token(mock, 4_000)) == SECOND_KEY_ID
    for instant, signing in ((2_999, KEY_ID), (1_999, SECOND_KEY_ID), (999, KEY_ID)):
        mock.rewind(tuple(history.until(instant)), instant)
        assert kid(token(mock, instant)) == signing
    mock.rotate_key(1_500)
    mock.reset(1_600)
    assert kid(token(mock, 1_700)) == KEY_ID and list(listed(mock, 1_700)) == [KEY_ID]


@each_row("profile", PATHS)
def test_a_client_that_remembers_keys_checks_old_tokens_and_fetches_again_for_new_ones(profile):
    """PyJWT's own client of key sets, with its cache, against a server: the lab's clock stands at its epoch."""
    with serving(profile=profile) as lab:
        bearer = token_of(lab)
        # without its cooldown, by which it fetches no more than once in so many real seconds
        keys = jwt.PyJWKClient(
            lab.origin + PATHS[profile], headers={"authorization": f"Bearer {bearer}"}, cooldown_duration=0
        )
        off = {"verify_exp": False, "verify_iat": False, "verify_aud": False}

        def check(signed):
            key = keys.get_signing_key_from_jwt(signed)
            return jwt.decode(signed, key, ["RS256"], options=off)["client_id"], len(lab.requests("jwks"))

        assert check(bearer) == check(bearer) == ("demo", 1)
        assert lab.call(lab.service.rotate_key, lab.clock.now()).status == 200
        assert check(bearer) == ("demo", 1)  # from memory
        new = token_of(lab)
        assert (kid(bearer), kid(new)) == (KEY_ID, SECOND_KEY_ID)
        assert check(new) == ("demo", 2)  # it doesn't know that `kid`, and fetches again
        assert check(bearer) == check(new) == ("demo", 2)
