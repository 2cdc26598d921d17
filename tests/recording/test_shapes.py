"""Prefilters: what they find is what the pattern finds when it is tried at every character."""

import re
import sys
from collections.abc import Iterable
from random import Random
from time import process_time

from hypothesis import example, given
from hypothesis import strategies as st

from lab.recording.redaction.known_secrets import KnownSecrets
from lab.recording.redaction.known_texts import KnownTexts
from lab.recording.redaction.redact import Redactor
from lab.recording.redaction.shapes import FOLDED, Prefilter, Shapes
from tests.conftest import THOROUGH, each_row

KNOWN = (
    "lab-secret",
    "demo:lab-secret",
    "cGFzc3dv",
    "cGFzc3dv==",
    "a=b%2Fc=",
    "ends in «",
    "to lab-secret",
    "u:pw@http:",
)
LONG = ("lab-secr", "lab-secret" * 30, "lab-secret" * 29 + "lab-", "a" * 300)
OWN = "http://127.0.0.1:8080"


def sought_for(known: Iterable[str], own: str) -> Shapes:
    texts = KnownTexts()
    for text in known:
        texts.add(text, f"<known {text}>", bounded=True)
    return Shapes(texts, own)


class OneByOne(KnownTexts):
    """Tries each known text at a place."""

    def __init__(self, known: Iterable[str]) -> None:
        super().__init__()
        self.all = tuple(sorted(known, key=len, reverse=True))

    def at(self, text: str, place: int) -> tuple[int, str] | None:
        if not text.startswith(self.all, place):
            return None
        found = next(each for each in self.all if text.startswith(each, place))
        return place + len(found), f"<known {found}>"


class Everywhere(Shapes):
    """Tries each place of a text."""

    def _worth_asking(self, text: str) -> list[Prefilter]:
        return [lambda scanned, after: after if after < len(scanned.text) else -1]


MANY = (*KNOWN, *LONG, *(f"k{number}-secret" for number in range(200)))
"""So many that they aren't looked for one by one."""
WHOLE = [
    (sought_for(known, own), Everywhere(OneByOne(known), own))
    for known, own in ((KNOWN, OWN), ((*KNOWN, *LONG), ""), ((), ""), (MANY, OWN))
]
PIECES = (
    *KNOWN, OWN, "eyJhbGci.eyJzdWIi.c2ln", "eyJ", "ZXlKaGJHY2kuZXlKemRXSWkuYzJsbg==", "ZXlK", "whsec_", "whsec_ab",
    "-----BEGIN A KEY-----", "-----END A KEY-----", "-----BEGIN ", "http://", "://", "u:pw", "@", "/", ":", "%41", "%zz", "%", "«",
    "«a:b»", "»", "token", "my_token", "Secret", "PASSWORD", "paſſword", "to\u212aen", "assert\u0130on", "assertion",
    "client_assertion", "code_verifier", "device_code", "user_code", "api_key", "apiKey", "sig", "session-id", "=", " = ", "<", ">",
    "name=", "value=", '"name":"', '"value":"', '","', "key", "- ", "\r", ": ",
    '<input name="user_code" value="', "&quot;", "`", "Bearer ", "Bearer 0123456789abcdef", "]", "]=", '"', '":"', '": "', "\\", "\n",
    "0123456789abcdef" * 2, "0123456789abcdef", "f", "x", "ü", ".", "-", "_", " ", "&", "'", "<", "\U0001f600", "\ud800",
)  # fmt: skip


def same(text: str) -> None:
    for sought, everywhere in WHOLE:
        assert sought.sub(_marked, _token, text) == everywhere.sub(_marked, _token, text)


def _marked(found: re.Match[str]) -> str:
    return f"<{found.lastgroup} {found[0]}>"


def _token(text: str) -> str:
    return f"<token {text}>"


@given(st.lists(st.sampled_from(PIECES), max_size=24).map("".join))
@example('"mytoken_token":"x" mytoken_token=x')
@example("ends in ««a:b»")
@example("%41abc%42 x%2Fa=b%2Fc%2F%43")
@example("lab-secretab%41x%42")
@example("http://u:pw@http://u:pw@x")
@example("0" * 31 + "lab-secret" + "0" * 65)
@example("a" * 299 + " " + "a" * 301)
@example("lab-secr lab-secre lab-secret " + "lab-secret" * 31 + "lab-secret" * 29)
def test_prefilters_miss_nothing(text: str) -> None:
    same(text)


@each_row(
    ("kind", "text"),
    [
        ("token", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2ln"),
        ("hook", "whsec_abcdef"),
        ("pem", "-----BEGIN RSA PRIVATE KEY-----\nabc"),
        ("login", "https://u:pw@host"),
        ("hex", "0123456789abcdef" * 2),
        ("literal", "«token:T1»"),
        ("url", "a%2Eb"),
        ("quoted", '"Client_Secret": "x"'),
        ("quoted", '"aſſertıon": "x"'),
        ("plain", "user_code=x"),
        ("plain", "DEVİCE_CODE=x"),
        ("plain", "user[password]=x"),
        ("typed", '<input name="user_code" value="x"'),
        ("credential", "as Bearer 0123456789abcdef"),
        ("inside", 'name="password"\r\n\r\nx\r\n--'),
    ],
)
def test_each_shape_is_found(kind: str, text: str) -> None:
    assert f"<{kind} " in sought_for((), "").sub(_marked, _token, text)


def test_prefilters_miss_no_pair() -> None:
    """A long run tries all pairs, a short one one of 32, and each piece before and after many others."""
    pairs = [one + two for one in PIECES for two in PIECES]
    for pair in pairs if THOROUGH else Random(1).sample(pairs, len(pairs) // 32):
        same(f'{pair} "{pair}":"v" {pair}=v')


def test_all_letters_are_folded_that_a_pattern_takes_for_ascii() -> None:
    others = "".join(map(chr, range(0x80, sys.maxunicode + 1)))
    assert set(re.findall("(?i)[a-z_]", others)) == set(FOLDED)
    assert all(re.fullmatch(f"(?i){letter}", odd) for odd, letter in FOLDED.items())


@each_row("piece", ["Order 5 of 17 is due; see below. ", '<td class="row">5,00 €</td>\n', "x"])
def test_megabytes_without_a_secret_take_a_moment(piece: str) -> None:
    text = piece * (5_000_000 // len(piece))
    redactor = Redactor(KnownSecrets([("demo", "lab-secret-a:b/c+d%e")]))
    began = process_time()
    assert redactor.text(text) == text
    assert process_time() - began < 0.4
