"""Clues spare the work and change nothing: what they leave to be searched for is all there is to find."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.recording.shapes import ANY, pattern_for

SHAPES = {
    "jwt": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2ln",
    "packed": "ZXlKaGJHY2lPaUp1YjI1bElu",
    "hook": "whsec_abcdef",
    "pem": "-----BEGIN RSA PRIVATE KEY-----\nabc",
    "login": "https://u:pw@host",
    "hex": "0123456789abcdef" * 2,
    "literal": "«token:T1»",
    "url": "a%2Eb",
    "told": '"Client_Secret": "x"',
    "given": "user_code=x",
}
ODD = [
    '"',
    "=",
    "%",
    "«",
    "://",
    "eyJ",
    "-----",
    "token",
    "ſecret",
    "aſſertıon=x",
    "DEVİCE_CODE=x",
    '"TOKEN":"x"',
    "é",
    " ",
]


def found(pattern: re.Pattern[str] | None, text: str) -> list[tuple[str | None, str]]:
    return [(match.lastgroup, match[0]) for match in pattern.finditer(text)] if pattern is not None else []


@pytest.mark.parametrize("shape", SHAPES)
def test_each_shape_is_found_by_its_own_clue(shape: str) -> None:
    told = found(pattern_for(SHAPES[shape]), SHAPES[shape])
    assert [kind for kind, _ in told] == [shape]


def test_a_text_without_a_clue_is_not_searched() -> None:
    assert pattern_for("The token is in the mail, 7 % of it") is not None
    assert pattern_for("The token is in the mail, all of it") is None


@given(st.lists(st.sampled_from([*SHAPES.values(), *ODD]), max_size=6).map("".join))
def test_clues_leave_out_nothing(text: str) -> None:
    assert found(pattern_for(text), text) == found(re.compile(ANY), text)
