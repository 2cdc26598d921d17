"""Reading JSON costs no more than its length, whatever is in it."""

from time import process_time

import pytest

from lab.core.jsontext import BadJson, read_json
from tests.conftest import each_row


@each_row("piece", [b'\\"', b"[", b'"', b'"\\', b"1", b'{"a":'])
def test_a_body_costs_no_more_than_its_length(piece: bytes) -> None:
    began = process_time()
    with pytest.raises(BadJson):
        read_json(b'"' + piece * 20_000)
    assert process_time() - began < 0.5
