"""Redaction takes time in proportion to the text, whatever is in it."""

import json
from base64 import b64encode
from time import process_time

import pytest
from lab.recording.redaction.known_secrets import MOST_AT_ONCE, KnownSecrets
from lab.recording.redaction.known_texts import LONGEST_WRITING, MOST_LENGTHS, KnownTexts

from lab.core.exchange import Request
from lab.core.observe import Requested
from lab.recording.redaction.redactor import Redactor, redactor_of
from lab.recording.tape.line_cache import LineCache
from tests.conftest import each_row
from tests.recording.joined import Joined, config


@pytest.mark.long
@pytest.mark.parametrize(
    "piece",
    [
        "x",
        "eyJ",
        "://",
        "a:",
        "token=",
        '"token":"',
        "%4",
        "-----BEGIN A-----",
        "«a:",
        "ab-",
        "V5S",
        "ZXlK",
        "eyJa.eyJ",
        '\\"',
        '"token":"\\',
        '{"token":',
        '<input name="user_code" value="',
        "Bearer ",
    ],
)
def test_a_long_text_costs_no_more_than_its_length(piece: str) -> None:
    text = piece * (50_000 // len(piece))
    redactor = Redactor(KnownSecrets([("demo", "lab-secret-a:b/c+d%e")]))
    began = process_time()
    redactor.text(text)
    assert process_time() - began < 0.6


@each_row("name", ["t{}_token", "{}"])
def test_many_secrets_of_one_exchange_cost_no_more_than_their_number(name: str) -> None:
    secrets = {name.format(number): f"secretvalue{number}" for number in range(2000)}
    query = "&".join(f"t{number}_token=other-secret-{number}" for number in range(300))
    body = json.dumps({"parameters": secrets if name != "{}" else {"token": secrets}}).encode()
    tails = LineCache(redactor_of(config()))
    began = process_time()
    line = tails.request(Requested(0, 1, "unknown", Request("POST", "/x", query, (), body)))
    assert process_time() - began < 1.0
    assert b"secretvalue" not in line and b"other-secret" not in line


def test_secrets_of_many_exchanges_make_no_later_one_dear() -> None:
    redactor = Redactor(KnownSecrets())
    for number in range(2000):
        redactor.secrets.begin()
        redactor.json({f"{number}_token": f"secretvalue{number}"})
    began = process_time()
    redactor.json({f"member{number}": f"value {number}" for number in range(2000)})
    assert process_time() - began < 0.5


@pytest.mark.long
@pytest.mark.parametrize("piece", ["a", "ab", "aaaaaaaab", "secretva"])
def test_a_text_costs_no_more_that_begins_like_many_secrets_at_each_place(piece: str) -> None:
    redactor = Redactor(KnownSecrets())
    for length in range(8, 1008, 3):
        redactor.secrets.begin()
        redactor.json({"token": f"{piece * 1000}"[:length] + "!"})
    redactor.json({"token": piece * (LONGEST_WRITING // len(piece) - 1) + "!"})
    text = piece * (100_000 // len(piece))
    began = process_time()
    redactor.text(text)
    assert process_time() - began < 1.0


def test_the_first_secrets_of_an_exchange_are_looked_for_in_every_writing_and_the_others_as_they_were_written() -> None:
    secrets = [*(f"correct-horse-{number}" for number in range(MOST_AT_ONCE)), "one too many"]
    joined = Joined(config())
    one = {f"{number}_token": secret for number, secret in enumerate(secrets)}
    for sent in (one, {"token": "another secret"}):
        body = json.dumps(sent).encode()
        joined.tape(Requested(0, 1, "unknown", Request("POST", "/x", "", (), body)))
    clean = joined.tape.redactor.text
    assert all(secret not in clean(f"see {secret}") for secret in secrets)
    packed = [b64encode(secret.encode()).decode() for secret in (*secrets, "another secret")]
    assert [text for text in packed if text in clean(f"see {text}")] == [b64encode(b"one too many").decode()]


def test_what_the_lab_knows_itself_is_looked_for_however_many_begin_alike() -> None:
    known = KnownTexts()
    alike = ["beginning" + "x" * number for number in range(2 * MOST_LENGTHS)]
    for text in alike:
        known.add(text, "made up", bounded=True)
    assert [text for text in alike if known.at(text, 0) == (len(text), "made up")] == alike[:MOST_LENGTHS]
    for text in ("y" * (LONGEST_WRITING + 1), *(text.upper() for text in alike), alike[-1]):
        known.add(text, "given", bounded=False)
        assert known.at(text, 0) == (len(text), "given")
    known.add("z" * (LONGEST_WRITING + 1), "made up", bounded=True)
    assert known.at("z" * (LONGEST_WRITING + 1), 0) is None
