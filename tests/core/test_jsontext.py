"""Reading JSON costs no more than its length, whatever is in it; what is bounded is counted outside strings."""

import json
from itertools import groupby
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.core import jsontext
from lab.core.exchange import Json
from lab.core.jsontext import BadJson, read_json
from tests.conftest import each_row


@each_row("piece", [b'\\"', b"[", b'"', b'"\\', b"1", b'{"a":', b'",', b'"x'])
def test_a_body_costs_no_more_than_its_length(piece: bytes) -> None:
    began = process_time()
    with pytest.raises(BadJson):
        read_json(b'"' + piece * 20_000)
    assert process_time() - began < 0.5


TEXTS = st.text('"\\[]{},1é\n', max_size=8)
VALUES = st.recursive(
    TEXTS | st.integers(0, 10_000_000) | st.none() | st.just(0.5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)


def counts(value: Json) -> tuple[int, int, int]:
    """Its commas and pairs of brackets, how deep it is, and the longest run of digits in it."""
    if not isinstance(value, list | dict):
        bare = "" if isinstance(value, str) else json.dumps(value)
        return 0, 0, max((len(list(run)) for digit, run in groupby(bare, str.isdigit) if digit), default=0)
    parts = [counts(part) for part in (value if isinstance(value, list) else value.values())]
    commas = max(0, len(value) - 1) + 1 + sum(part[0] for part in parts)
    return commas, 1 + max((part[1] for part in parts), default=0), max((part[2] for part in parts), default=0)


@given(VALUES, st.sampled_from([1, 2, 7, 65_536]))
def test_bounds_hold_of_what_stands_outside_strings(value: Json, piece: int) -> None:
    written, (many, depth, digits) = json.dumps(value, ensure_ascii=False).encode(), counts(value)
    why = (
        "The body holds more than 6 values." if many >= 6 else
        "The body nests deeper than 2 levels." if depth > 2 else
        "A number has more than 4 digits." if digits > 4 else None
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        for name, small in (("_PIECE", piece), ("MOST_IN_BODY", 6), ("DEEPEST", 2), ("MOST_DIGITS", 4)):
            patch.setattr(jsontext, name, small)
        patch.setattr(jsontext, "_TOO_MANY_DIGITS", b"00000")
        if why is None:
            assert read_json(written) == value
        else:
            with pytest.raises(BadJson, match=f"^{why}$"):
                read_json(written)
