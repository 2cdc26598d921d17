"""Redaction takes time in proportion to the text, whatever is in it."""

from time import process_time

import pytest

from lab.recording.known_secrets import KnownSecrets
from lab.recording.redact import Redactor


@pytest.mark.parametrize(
    "piece", ["x", "eyJ", "://", "a:", "token=", '"token":"', "%4", "-----BEGIN A-----", "«a:", "ab-"]
)
def test_a_long_text_costs_no_more_than_its_length(piece: str) -> None:
    text = piece * (200_000 // len(piece))
    began = process_time()
    Redactor(KnownSecrets([("demo", "lab-secret-a:b/c+d%e")])).text(text)
    assert process_time() - began < 2.0
