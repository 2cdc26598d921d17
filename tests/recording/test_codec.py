"""The format: golden bytes, round trips, and files that must be refused."""

from hashlib import sha256
from pathlib import Path

from lab.core.journal import FACTS
from lab.recording.codec import encode, fact_of, members_of, write
from lab.recording.lines import Result
from lab.recording.reader import read

GOLDEN = Path(__file__).parents[1] / "golden" / "expense-approval.rec.jsonl"
GOLDEN_SHA = "7a2f2fa0cead2369bed5e10b9f33a094c9acef00df0a9d79f5134a2619f833ad"


def test_the_example_is_read_as_closed_and_written_byte_for_byte() -> None:
    data = GOLDEN.read_bytes()
    assert (len(data), sha256(data).hexdigest()) == (3303, GOLDEN_SHA)
    found = read(data)
    assert found.result is Result.CLOSED and found.end is not None
    assert write([found.header, *found.lines], found.end.reason, found.end.t) == data


def test_known_facts_come_back_as_values_and_unknown_ones_as_members() -> None:
    found = read(GOLDEN.read_bytes())
    for entry in found.facts():
        fact = fact_of(entry)
        assert (fact is not None) == (entry.type in FACTS)
        if fact is not None:
            assert members_of(fact) == entry.members
            assert fact.at == entry.instant
    assert {entry.type for entry in found.facts() if fact_of(entry) is None} == {"call.counted", "fault.struck"}


def test_a_footer_that_is_encoded_again_is_the_same() -> None:
    data = GOLDEN.read_bytes()
    found = read(data)
    assert found.end is not None and data.endswith(encode(found.end))
