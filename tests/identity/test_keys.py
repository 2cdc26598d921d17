"""Signatures: by arithmetic at first, by a library once it is loaded; the same bytes."""

from itertools import count

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.identity import keys
from lab.identity.testkey import SIGNING_PEMS, KeyId

MEMBERS = st.dictionaries(st.text(max_size=5), st.none() | st.integers() | st.text(max_size=9), max_size=4)


@pytest.fixture(autouse=True)
def unloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that has signed nothing."""
    monkeypatch.setattr(keys, "_library", [])
    monkeypatch.setattr(keys, "_signatures", count(1))


@given(MEMBERS, st.sampled_from(list(SIGNING_PEMS)))
def test_arithmetic_signs_as_the_library_does(claims: dict[str, object], kid: KeyId) -> None:
    keys._library.clear()
    pem, certificate = SIGNING_PEMS[kid]
    short, long = keys.thumbprints(certificate)
    headers = {"kid": kid, "x5t": short, "x5t#S256": long}
    known = jwt.encode(claims, keys.private_key(pem), algorithm="RS256", headers=headers)
    assert keys.sign(claims, kid) == known and len(keys._library) <= 1  # type: ignore[arg-type]
    keys.load_library()
    assert keys.sign(claims, kid) == known  # type: ignore[arg-type]
    assert known.startswith(keys.signed_head(kid))


def test_the_library_is_loaded_once_there_is_more_to_sign() -> None:
    seen = []
    for _ in range(keys.FEW + 2):
        keys.signature(b"x", SIGNING_PEMS["lab-public-test-key"][0])
        seen.append(len(keys._library))
    assert seen == [0] * keys.FEW + [1, 1]


@pytest.mark.parametrize("kid", SIGNING_PEMS)
def test_the_numbers_of_a_key_are_those_that_the_library_reads(kid: KeyId) -> None:
    pem = SIGNING_PEMS[kid][0]
    theirs, ours = keys.private_key(pem).private_numbers(), keys.rsa_numbers(pem)
    public = theirs.public_numbers
    assert ours == (0, public.n, public.e, theirs.d, theirs.p, theirs.q, theirs.dmp1, theirs.dmq1, theirs.iqmp)
