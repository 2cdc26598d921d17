"""A journal's lines have checksums that hang together: whatever was done to one of them, it isn't taken for whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.core.errors import RecordingError
from lab.core.journal.fact import Fact
from lab.core.journal.numbers import NumberUsed
from lab.recording.format.journal_lines import (
    JournalHeader,
    ReadJournal,
    facts_line,
    header_line,
    read_journal,
    sealed,
)
from tests.conftest import each_row
from tests.journals import sealed_lines

HEADER = JournalHeader(lab="0", seed=42, epoch=0, clock="manual", issuer="x", scenarios=())


def facts(*values: int) -> list[Fact]:
    return [NumberUsed(at=7 * value, counter="error", value=value) for value in values]


def lines_of(*calls: list[Fact]) -> list[bytes]:
    return sealed_lines([header_line(HEADER), *map(facts_line, calls)])


CALLS = [facts(1), facts(2, 3), [], facts(4), [], facts(4)]
LINES = lines_of(*CALLS)
PLACES = st.integers(0, len(LINES) - 1)


def facts_of_calls(calls: int | None = None) -> list[Fact]:
    """The facts of the first calls."""
    return [fact for call in CALLS[:calls] for fact in call]


def read(lines: list[bytes]) -> ReadJournal:
    return read_journal(b"".join(lines), "day")


def held_to(line: int, lines: list[bytes]) -> None:
    """It is damaged at that line, from 1, and what stands before it is as it was."""
    if line == 1:
        with pytest.raises(RecordingError, match=r"^day:1: "):
            read(lines)
        return
    found = read(lines)
    assert found.damage is not None and found.damage.line == line
    assert found.whole == sum(map(len, LINES[: line - 1]))
    assert found.history.facts == facts_of_calls(line - 2)
    assert found.damage.size == sum(map(len, lines)) - found.whole


def test_what_is_as_it_was_written_is_taken_up_whole() -> None:
    found = read(LINES)
    assert (found.header, found.damage) == (HEADER, None)
    assert found.history.facts == facts_of_calls() and found.whole == sum(map(len, LINES))
    line, _ = sealed(facts_line(facts(5)), found.check)
    assert read([*LINES, line]).history.facts == facts_of_calls() + facts(5)


def test_bytes() -> None:
    assert b"".join(LINES[:4]) == (
        b'fc47297d {"format":"lab.journal","version":[1,0],"lab":"0","seed":42,"epoch":0,"clock":"manual","issuer":"x",'
        b'"settings":{},"scenarios":[]}\n'
        b'ad6110ae [{"type":"number.used","at":7,"counter":"error","value":1}]\n'
        b'b54cb53d [{"type":"number.used","at":14,"counter":"error","value":2},'
        b'{"type":"number.used","at":21,"counter":"error","value":3}]\n'
        b"ba03f374 []\n"
    )


@given(PLACES.filter(lambda place: place < len(LINES) - 1))
def test_a_line_that_was_dropped_is_found_where_it_stood(place: int) -> None:
    held_to(place + 1, LINES[:place] + LINES[place + 1 :])


@given(PLACES, PLACES)
def test_lines_that_were_swapped_are_found_at_the_first(one: int, other: int) -> None:
    first, second = sorted((one, other))
    if first < second:
        lines = [*LINES]
        lines[first], lines[second] = lines[second], lines[first]
        held_to(first + 1, lines)


@given(PLACES, st.integers(1, len(LINES)))
def test_a_line_that_was_doubled_is_found_wherever_it_stands(place: int, behind: int) -> None:
    first = behind + 1 + (place == behind)  # of two that stand together the former is where it belongs
    held_to(first, [*LINES[:behind], LINES[place], *LINES[behind:]])


def test_a_bit_that_was_flipped_is_found_wherever_it_is() -> None:
    whole = b"".join(LINES)
    for place in range(len(whole)):
        line = whole.count(b"\n", 0, place) + 1
        for bit in range(8):
            flipped = bytearray(whole)
            flipped[place] ^= 1 << bit
            held_to(line, [bytes(flipped)])


@given(st.integers(0, sum(map(len, LINES)) - 1))
def test_what_ends_within_a_line_is_torn_and_has_all_before_it(length: int) -> None:
    found = read_journal(b"".join(LINES)[:length], "day")
    assert found.damage is None
    whole = [line for n, line in enumerate(LINES) if sum(map(len, LINES[: n + 1])) <= length]
    assert found.whole == sum(map(len, whole))
    assert (found.header is None) == (not whole) and found.history.facts == facts_of_calls(max(0, len(whole) - 1))


def test_lines_of_another_journal_of_the_same_lab_do_not_fit() -> None:
    other = lines_of(facts(9), *CALLS[1:])
    held_to(3, [*LINES[:2], *other[2:]])
    held_to(len(LINES) + 1, [*LINES, other[-1]])


@each_row("data", [b"notes\n", b"notes", b"{}\n", b"00000000 {}\n", b"\n", b'{"format":"lab.journal"}\n'])
def test_what_is_no_journal_is_told(data: bytes) -> None:
    with pytest.raises(RecordingError, match="day:1: this is no journal of a lab"):
        read_journal(data, "day")


def test_a_repair_tells_what_can_be_read_of_what_it_cuts() -> None:
    found = read([*LINES[:2], LINES[3], b"rubbish\n", LINES[4], b"torn"])
    assert found.damage is not None
    assert (found.damage.lines, found.damage.facts) == (4, tuple(facts(4)))
