"""The contract as bytes: a session in each profile is as it was written down, however its requests are cut."""

import random
from collections.abc import Iterable
from itertools import pairwise

import pytest

from tests.conftest import THOROUGH, each_row
from tests.server.transcript import STEPS, Cut, Session, answers, golden, usual_of, written


def one_by_one(data: bytes) -> Iterable[bytes]:
    return (data[index : index + 1] for index in range(len(data)))


def at_random(seed: int) -> Cut:
    drawn = random.Random(seed)

    def cut(data: bytes) -> Iterable[bytes]:
        places = sorted({0, len(data), *(drawn.randrange(1, len(data)) for _ in range(drawn.randrange(1, 9)))})
        return (data[since:until] for since, until in pairwise(places))

    return cut


@each_row("profile", ["oci", "rfc"])
async def test_the_session_is_as_it_was_written_down(profile: str) -> None:
    done = await Session(profile).play()
    expected = answers(profile)
    for name, _, answer in done:
        assert answer == expected[name], f"{name}: {answer.decode()}"
    assert written(done, usual_of(profile)) == golden(profile).read_bytes()


@pytest.mark.long
@pytest.mark.parametrize("profile", ["oci", "rfc"] if THOROUGH else ["rfc"])  # below profiles it is the same reader
async def test_one_byte_at_a_time_is_the_same(profile: str) -> None:
    done = await Session(profile, one_by_one).play()
    assert written(done, usual_of(profile)) == golden(profile).read_bytes()


@each_row("seed", range(4))
async def test_any_cut_is_the_same(seed: int) -> None:
    profile = "rfc" if seed % 2 else "oci"
    done = await Session(profile, at_random(seed)).play()
    assert written(done, usual_of(profile)) == golden(profile).read_bytes()


def test_the_session_goes_through_every_kind_of_answer() -> None:
    for profile in ("oci", "rfc"):
        expected = b"".join(answers(profile).values())
        for status in (200, 202, 302, 400, 401, 403, 404, 405, 409, 415):
            assert b"HTTP/1.1 %d " % status in expected
        for word in (b"RUNNING", b"WAITING", b"COMPLETE", b"ERROR"):
            assert b'"status":"%b"' % word in expected
    assert len({step.name for step in STEPS}) == len(STEPS)
