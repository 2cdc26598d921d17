"""The format: golden bytes, round trips, and files that must be refused."""

import json
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.core.errors import RecordingError
from lab.program.words import Verdict
from lab.recording.format.codec import encode, fact_members, fact_of, footer, write
from lab.recording.format.facts import FACTS
from lab.recording.format.lines import FileState
from lab.recording.format.reader import read
from lab.recording.format.text import dumps
from tests.conftest import ROOT, each_row
from tests.recording.joined import Joined, config

GOLDEN = Path(__file__).parents[1] / "golden" / "expense-approval.rec.jsonl"
GOLDEN_SHA = "7a2f2fa0cead2369bed5e10b9f33a094c9acef00df0a9d79f5134a2619f833ad"


def test_the_example_is_read_as_closed_and_written_byte_for_byte() -> None:
    data = GOLDEN.read_bytes()
    assert (len(data), sha256(data).hexdigest()) == (3303, GOLDEN_SHA)
    found = read(data)
    assert found.state is FileState.CLOSED and found.end is not None
    assert write([found.header, *found.lines], found.end.reason, found.end.t) == data


SHIPPED = sorted((ROOT / "recordings").glob("*.rec.jsonl"))


@each_row("path", SHIPPED, ids=[path.name.partition(".")[0] for path in SHIPPED])
def test_every_line_of_a_shipped_recording_is_written_as_it_was_read(path: Path) -> None:
    data = path.read_bytes()
    found = read(data)
    assert found.end is not None
    lines = [found.header, *found.lines, found.end]
    assert [encode(line) for line in lines] == data.splitlines(keepends=True)
    for entry in found.facts():
        fact = fact_of(entry)
        assert fact is not None and (fact.at, fact_members(fact)) == (entry.instant, entry.members)


def test_all_the_shipped_recordings_are_there() -> None:
    assert len(SHIPPED) == 15


def test_facts_come_back_as_values() -> None:
    found = read(GOLDEN.read_bytes())
    for entry in found.facts():
        fact = fact_of(entry)
        assert fact is not None and FACTS[entry.type] is type(fact)
        assert fact_members(fact) == entry.members
        assert fact.at == entry.instant


def test_a_footer_that_is_encoded_again_is_the_same() -> None:
    data = GOLDEN.read_bytes()
    found = read(data)
    assert found.end is not None and data.endswith(encode(found.end))


def a_recording() -> bytes:
    joined = Joined(config())
    joined.play(((Verdict.CHANGES, "Cheaper\r\n\x1b[31m\u202e"), (Verdict.APPROVED, None)))
    joined.tape.close(joined.now)
    return joined.data


def test_no_truncation_is_read_as_closed() -> None:
    data = GOLDEN.read_bytes()
    for length in range(len(data)):
        assert result_of(data[:length]) is not FileState.CLOSED, length


def test_no_bit_flip_of_the_footer_is_read_as_closed() -> None:
    data = GOLDEN.read_bytes()
    for index in range(data.rfind(b"\n", 0, -1) + 1, len(data)):
        for bit in range(8):
            assert result_of(flipped(data, index, bit)) is not FileState.CLOSED, (index, bit)


@given(st.integers(0, 3302), st.integers(0, 7))
def test_no_bit_flip_is_read_as_closed(index: int, bit: int) -> None:
    assert result_of(flipped(GOLDEN.read_bytes(), index, bit)) is not FileState.CLOSED


@given(st.binary(max_size=200))
def test_nothing_but_a_recording_error_comes_of_any_bytes(junk: bytes) -> None:
    result_of(junk)
    first = GOLDEN.read_bytes().split(b"\n")[0] + b"\n"
    result_of(first + junk)
    result_of(first + b'{"k":"req","n":1,"t":0,' + junk + b"}\n")


def flipped(data: bytes, index: int, bit: int) -> bytes:
    return data[:index] + bytes([data[index] ^ 1 << bit]) + data[index + 1 :]


def result_of(data: bytes) -> FileState | None:
    """The result, or None for a RecordingError; any other exception fails the test."""
    with suppress(RecordingError):
        return read(data).state
    return None


LINE = '{"k":"fact","n":1,"t":5,"type":"tape.noted","text":"x"}\n'
REQ = '{"k":"req","n":1,"t":0,"x":1,"c":1,"m":"GET","p":"/","h":[],"enc":"none"}\n'
RES = '{"k":"res","n":1,"t":0,"x":1,"s":200,"h":[],"enc":"none"}\n'


@each_row(
    ("after", "why"),
    [
        ("nonsense\n", "no JSON"),
        ("[]\n", "no JSON object"),
        ("\n", "no JSON"),
        (LINE.replace('"n":1', '"n":2'), "missing or moved"),
        (LINE.replace('"n":1', '"n":true'), "n is missing or no int"),
        (LINE + LINE.replace('"n":1', '"n":2').replace('"t":5', '"t":4'), "t goes back from 5 to 4"),
        ('{"k":"req","n":1,"t":0}\n', "x is missing"),
        ('{"k":"res","n":1,"t":0,"x":1,"s":200,"h":[["a"]],"enc":"none"}\n', "h is no list of pairs"),
        ('{"k":"res","n":1,"t":0,"x":1,"s":200,"h":[],"enc":"zip"}\n', "enc 'zip' is unknown"),
        ('{"k":"res","n":1,"t":0,"x":1,"s":200,"h":[],"enc":"json"}\n', "body is missing"),
        ('{"k":"res","n":1,"t":0,"x":1,"s":200,"h":[],"enc":"\\ud800"}\n', "half of a surrogate pair"),
        ('{"k":"res","n":1,"t":0,"x":1,"s":200,"h":[],"enc":"form","body":"\\ud800"}\n', "is no list of pairs"),
        ('{"k":"end","n":1,"t":0,"reason":"closed","sha256":"' + "0" * 64 + '"}\n', "digest is wrong"),
        ('{"k":"end","n":1,"t":0,"reason":"closed","sha256":"0"}\n', "footer is damaged"),
        ('{"k":"fact","n":1,"t":0,"type":' + "[" * 100_000 + "\n", "no JSON"),
        ('{"k":"fact","n":1,"t":NaN,"type":"x"}\n', "no JSON"),
        (LINE.replace('"t":5', '"t":1' + "0" * 15), "no instant or count is that large"),
        (LINE.replace('"k":"fact",', ""), "k is missing"),
        (REQ.replace('"x":1', '"x":0'), "exchanges count from 1"),
        (REQ + REQ.replace('"n":1', '"n":2').replace('"x":1', '"x":3'), "expected 2: an exchange is missing or moved"),
        (
            REQ.replace('"enc":"none"', '"enc":"blob","body":{"sha256":"' + "0" * 64 + '","len":1,"enc":"text"}'),
            "the header's features name none",
        ),
        (RES, "has a reply already, or no request"),
        (REQ + RES.replace('"n":1', '"n":2') + RES.replace('"n":1', '"n":3'), "the exchange 1 has a reply already"),
    ],
)
def test_what_is_no_recording_is_refused_with_its_line(after: str, why: str) -> None:
    first = GOLDEN.read_text(encoding="utf-8").split("\n")[0] + "\n"
    with pytest.raises(RecordingError, match=why) as caught:
        read((first + after).encode(), "x.rec.jsonl")
    assert str(caught.value).startswith(("x.rec.jsonl:2:", "x.rec.jsonl:3:", "x.rec.jsonl:4:"))


@each_row("what", ['"cut":"reset","got":0,', '"l":"decoy",', ""])
def test_only_what_never_came_whole_or_went_elsewhere_may_have_no_reply(what: str) -> None:
    raw = GOLDEN.read_bytes().split(b"\n")[0] + b"\n" + REQ.replace('"x":1,', f'"x":1,{what}').encode()
    data = raw + footer(2, 0, "closed", sha256(raw))
    if what:
        assert read(data).state is FileState.CLOSED
    else:
        with pytest.raises(RecordingError, match=r"^x\.rec\.jsonl:2: the exchange 1 has no reply$"):
            read(data, "x.rec.jsonl")


@each_row(
    ("data", "why"),
    [
        (b"", "x.rec.jsonl: the file is empty"),
        (GOLDEN.read_bytes()[:50], "x.rec.jsonl:1: there is no whole line"),
        (GOLDEN.read_bytes() + LINE.encode(), "there is more after the footer"),
        (GOLDEN.read_bytes() + b"x", "there is more after the footer"),
    ],
)
def test_neither_is_what_has_no_header_or_goes_on_after_the_footer(data: bytes, why: str) -> None:
    with pytest.raises(RecordingError, match=why):
        read(data, "x.rec.jsonl")


@each_row(
    ("change", "why"),
    [
        (('"version":[1,0]', '"version":[2,0]'), "2.0"),
        (('"features":[]', '"features":["teleport"]'), "teleport"),
        (('"k":"header"', '"k":"heading"'), "no header"),
        (('"format":"lab.recording"', '"format":"har"'), "no header"),
    ],
)
def test_a_header_this_lab_can_not_read_is_refused(change: tuple[str, str], why: str) -> None:
    first = GOLDEN.read_text(encoding="utf-8").split("\n")[0] + "\n"
    with pytest.raises(RecordingError, match=why):
        read(first.replace(*change).encode())


def test_a_later_minor_version_is_read_and_what_it_adds_is_kept() -> None:
    first = GOLDEN.read_text(encoding="utf-8").split("\n")[0].replace("[1,0]", "[1,7]")
    lines = [
        first[:-1] + ',"mood":"good"}',
        '{"k":"mark","n":1,"t":0,"here":[1]}',
        '{"k":"fact","n":2,"t":0,"type":"moon.rose","x":3,"b":1,"a":null}',
        '{"k":"req","n":3,"t":1,"x":1,"c":1,"m":"GET","p":"/","h":[],"enc":"none","later":{}}',
    ]
    data = ("\n".join(lines) + "\n").encode()
    found = read(data)
    assert found.state is FileState.OPEN
    assert b"".join(map(encode, (found.header, *found.lines))) == data


def test_text_can_not_fake_a_line_a_diff_or_a_terminal_command() -> None:
    text = dumps("a\nb\tc\x1b[31m\x7f\x85\u202e\u200e\ufeff\ud800é\\n")
    assert text == '"a\\u000ab\\u0009c\\u001b[31m\\u007f\\u0085\\u202e\\u200e\\ufeff\\ud800é\\\\n"'
    assert json.loads(text) == "a\nb\tc\x1b[31m\x7f\x85\u202e\u200e\ufeff\ud800é\\n"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda one: st.lists(one) | st.dictionaries(st.text(), one),
    )
)
def test_any_value_is_written_on_one_line_and_comes_back(value: object) -> None:
    text = dumps(value)
    assert len(text.splitlines()) == 1
    assert json.loads(text) == value
    text.encode()


def test_a_whole_tape_is_read_and_written_again_byte_for_byte() -> None:
    data = a_recording()
    found = read(data)
    assert found.end is not None
    assert write([found.header, *found.lines], found.end.reason, found.end.t) == data


def test_a_film_is_named_and_what_shows_it() -> None:
    with pytest.raises(RecordingError, match=r"talk\.cast:1: this is an asciicast") as refused:
        read(b'{"version": 2, "width": 120, "height": 36}\n[0.0, "o", "x"]\n', "talk.cast")
    assert "asciinema play" in refused.value.hint


def test_git_changes_no_byte_of_recordings_and_the_page_says_how() -> None:
    page = (ROOT / "lab" / "docs" / "recordings.md").read_text("utf-8")
    (block,) = (part for part in page.split("```") if part.startswith("text\n*.rec.jsonl"))
    assert set(block.splitlines()[1:]) <= set((ROOT / ".gitattributes").read_text().splitlines())
    assert (ROOT / ".gitattributes").read_text().rstrip().endswith("tests/corpus/** -text !diff")
