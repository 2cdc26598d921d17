"""The schema that `lab schema --recording` prints, held against what is shipped and what is no line."""

import json
from pathlib import Path

import jsonschema
import pytest

from lab.cli.commands.schema import of_recording
from tests.conftest import each_row
from tests.recording.shipped import shipped

VALID = jsonschema.Draft202012Validator(of_recording())
_LONGEST = 1 << 20


@pytest.mark.parametrize("path", shipped(), ids=lambda path: path.name.partition(".")[0])
def test_every_line_that_is_shipped_is_as_the_schema_says(path: Path) -> None:
    lines = [line for line in path.read_text().splitlines() if len(line) < _LONGEST]
    assert lines and [error.message for line in lines for error in VALID.iter_errors(json.loads(line))] == []


@each_row(
    "line",
    [
        {"k": "note", "n": 1, "t": 0},
        {"k": "req", "n": 1, "t": 0},
        {"k": "req", "n": -1, "t": 0, "x": 1, "c": 1, "m": "GET", "u": "/"},
        {"k": "res", "n": 1, "t": 0, "x": 1, "s": "200"},
        {"k": "fact", "n": 1, "t": 0, "fact": "token.granted"},
        {"k": "end", "n": 1, "t": 0, "reason": "closed"},
    ],
)
def test_what_is_no_line_is_none_to_the_schema(line: object) -> None:
    assert not VALID.is_valid(line)
