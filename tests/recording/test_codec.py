"""The format: golden bytes, round trips, and files that must be refused."""

import json
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from lab.core.errors import RecordingError
from lab.core.exchange import Request
from lab.program.words import Verdict
from lab.recording.format.codec import encode, fact_members, fact_of, footer
from lab.recording.format.facts import FACTS
from lab.recording.format.lines import FileState, Req, Res
from lab.recording.format.reader import FileLine, read
from lab.recording.format.text import dumps
from lab.recording.tape.header import recording_header
from lab.recording.tape.tape import Tape
from tests.conftest import ROOT, each_row
from tests.recording.joined import Joined, config
from tests.recording.rewritten import rewritten

GOLDEN = Path(__file__).parents[1] / "golden" / "expense-approval.rec.jsonl"
GOLDEN_SHA = "dfeb240f97f504ba826923231807dd66b85e2b22bbab90c1fd30af49ae7e7f1a"


def test_the_example_is_read_as_closed_and_written_byte_for_byte() -> None:
    data = GOLDEN.read_bytes()
    assert (len(data), sha256(data).hexdigest()) == (3208, GOLDEN_SHA)
    found = read(data)
    assert found.state is FileState.CLOSED and found.end is not None
    assert rewritten(found) == data


SHIPPED = sorted((ROOT / "recordings").glob("*.rec.jsonl"))


@each_row("path", SHIPPED, ids=[path.name.partition(".")[0] for path in SHIPPED])
def test_every_line_of_a_shipped_recording_is_written_as_it_was_read(path: Path) -> None:
    data, decoder = path.read_bytes(), msgspec.json.Decoder(FileLine)
    lines = data.splitlines(keepends=True)
    assert [encode(decoder.decode(line)) for line in lines] == lines
    for entry in read(data).facts():
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


def a_tape(*, repeats: bool) -> bytes:
    """Of a day in which texts are hostile, and the same is said again."""
    joined, lines = Joined(config()), list[bytes]()
    header = recording_header(joined.service.config, lab="0.1.0")
    joined.tape = Tape(joined.service, lines.append, header)
    joined.tape.repeats = repeats
    joined.service.observers[:] = [joined.tape]
    joined.play(((Verdict.CHANGES, "Cheaper\r\n\x1b[31m\u202e"), (Verdict.APPROVED, None)))
    for _ in range(3):
        joined.ask(Request("GET", "/nowhere\u202e", "", (("x-note", "a\u2028b"),)))
    joined.tape.close(joined.now)
    return b"".join(lines)


def test_no_truncation_is_read_as_closed() -> None:
    data = GOLDEN.read_bytes()
    for length in range(len(data)):
        assert result_of(data[:length]) is not FileState.CLOSED, length


def test_no_bit_flip_of_the_footer_is_read_as_closed() -> None:
    data = GOLDEN.read_bytes()
    for index in range(data.rfind(b"\n", 0, -1) + 1, len(data)):
        for bit in range(8):
            assert result_of(flipped(data, index, bit)) is not FileState.CLOSED, (index, bit)


@given(st.integers(0, 3207), st.integers(0, 7))
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


LINE = '{"k":"fact","n":1,"t":5,"fact":{"type":"tape.noted","text":"x"}}\n'
REQ = '{"k":"req","n":1,"t":0,"x":1,"c":1,"m":"GET","u":"/"}\n'
RES = '{"k":"res","n":1,"t":0,"x":1,"s":200}\n'


def numbered(line: str, n: int) -> str:
    return line.replace('"n":1', f'"n":{n}')


def chained(n: int, like: int) -> str:
    return numbered(REQ, n).replace('"x":1', f'"x":{n}').replace('"m":"GET","u":"/"', f'"as":{like}')


@each_row(
    ("after", "why"),
    [
        ("nonsense\n", "no JSON"),
        ("[]\n", "Expected `object`, got `array`"),
        ("\n", "no JSON"),
        (LINE.replace('"n":1', '"n":2'), "missing or moved"),
        (LINE.replace('"n":1', '"n":true'), "n: Expected `int`, got `bool`"),
        (LINE + LINE.replace('"n":1', '"n":2').replace('"t":5', '"t":4'), "t goes back from 5 to 4"),
        ('{"k":"req","n":1,"t":0}\n', "there is no `x`"),
        ('{"k":"req","n":1,"t":0,"x":1,"c":1}\n', "m is missing"),
        (RES.replace("}", ',"h":[["a"]]}'), r"h\[0\]: Expected `array` of length 2, got 1"),
        (RES.replace("}", ',"enc":"zip"}'), "enc: Invalid enum value 'zip'"),
        (RES.replace("}", ',"enc":"json"}'), "body is missing"),
        (RES.replace("}", ',"enc":"text","body":[1]}'), "body is no text"),
        (RES.replace("}", ',"enc":"\\ud800"}'), "half of a surrogate pair"),
        ('{"k":"end","n":1,"t":0,"reason":"closed","sha256":"' + "0" * 64 + '"}\n', "digest is wrong"),
        ('{"k":"end","n":1,"t":0,"reason":"closed","sha256":"0"}\n', "footer is damaged"),
        ('{"k":"fact","n":1,"t":0,"fact":{"type":' + "[" * 100_000 + "\n", "no JSON"),
        ('{"k":"fact","n":1,"t":NaN,"fact":{"type":"x"}}\n', "no JSON"),
        ('{"k":"fact","n":1,"t":0,"fact":{"text":"x"}}\n', "type is missing or no str"),
        (REQ.replace("}", ',"facts":[{"type":1}]}'), "type is missing or no str"),
        (REQ.replace("}", ',"facts":[{"type":"x","at":-1' + "0" * 15 + "}]}"), "no instant or count is that large"),
        (LINE.replace('"t":5', '"t":1' + "0" * 15), "t: Expected `int` <= 999999999999999"),
        (LINE.replace('"k":"fact",', ""), "there is no `k`"),
        (REQ.replace('"x":1', '"x":0'), "exchanges count from 1"),
        (REQ + numbered(REQ, 2).replace('"x":1', '"x":3'), "expected 2: an exchange is missing or moved"),
        (RES, "has a reply already, or no request"),
        (REQ + numbered(RES, 2) + numbered(RES, 3), "the exchange 1 has a reply already"),
        (REQ.replace('"m":"GET","u":"/"', '"as":1'), "as is 1, where no such line stands"),
        (REQ.replace('"m":"GET","u":"/"', '"as":0'), "as is 0, where no such line stands"),
        (REQ + numbered(RES, 2).replace("}", ',"as":1}'), "as is 1, where no such line stands"),
        (REQ + chained(2, 1) + chained(3, 2), "as is 2, which repeats another line itself"),
        (LINE + REQ.replace('"n":1,"t":0', '"n":2,"t":5').replace('"m":"GET","u":"/"', '"as":1'), "as is 1, where no"),
    ],
)
def test_what_is_no_recording_is_refused_with_its_line(after: str, why: str) -> None:
    first = GOLDEN.read_text(encoding="utf-8").split("\n")[0] + "\n"
    with pytest.raises(RecordingError, match=why) as caught:
        read((first + after).encode(), "x.rec.jsonl")
    assert str(caught.value).startswith(("x.rec.jsonl:2:", "x.rec.jsonl:3:", "x.rec.jsonl:4:"))


@each_row("what", ['"l":"decoy",', ""])
def test_only_what_went_elsewhere_may_have_no_reply(what: str) -> None:
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
        (('"version":[2,0]', '"version":[1,1]'), "version 1.1 can't be read by this lab, which reads 2.x"),
        (('"version":[2,0]', '"version":[3,0]'), "3.0"),
        (('"k":"header"', '"k":"heading"'), "no header"),
        (('"format":"lab.recording"', '"format":"har"'), "no header"),
    ],
)
def test_a_header_this_lab_can_not_read_is_refused(change: tuple[str, str], why: str) -> None:
    first = GOLDEN.read_text(encoding="utf-8").split("\n")[0] + "\n"
    with pytest.raises(RecordingError, match=why):
        read(first.replace(*change).encode())


def test_a_later_minor_version_is_read_and_what_it_adds_is_ignored() -> None:
    first = GOLDEN.read_text(encoding="utf-8").split("\n")[0].replace("[2,0]", "[2,7]")
    lines = [
        first[:-1] + ',"mood":"good"}',
        '{"k":"fact","n":1,"t":0,"x":3,"fact":{"type":"moon.rose","b":1,"a":null},"later":{}}',
        '{"k":"req","n":2,"t":1,"x":1,"c":1,"later":{},"m":"GET","u":"/","facts":[{"type":"moon.set"}]}',
    ]
    found = read(("\n".join(lines) + "\n").encode())
    assert found.state is FileState.OPEN and found.header.version == (2, 7)
    assert [(entry.type, entry.members) for entry in found.facts()] == [
        ("moon.rose", {"b": 1, "a": None}), ("moon.set", {}),
    ]  # fmt: skip
    assert found.unknown == {"moon.rose": 1, "moon.set": 1}


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
    joined = a_tape(repeats=False)
    assert rewritten(read(joined)) == joined


@each_row("keeps", [True, False])
def test_a_line_that_is_as_an_earlier_one_is_that_very_line(keeps: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not keeps:
        monkeypatch.setattr("lab.recording.format.reader.LONGEST_KEPT", 100)
    short, long = a_tape(repeats=True), a_tape(repeats=False)
    assert b'"as":' in short and b'"as":' not in long and len(short) < len(long)
    read_short, read_long = read(short), read(long)
    assert isinstance(read_short.lines, tuple) is keeps
    said = [replace(line, like=None) if isinstance(line, Req | Res) else line for line in read_short.lines]
    assert said == list(read_long.lines)


def test_a_film_is_named_and_what_shows_it() -> None:
    with pytest.raises(RecordingError, match=r"talk\.cast:1: this is an asciicast") as refused:
        read(b'{"version": 2, "width": 120, "height": 36}\n[0.0, "o", "x"]\n', "talk.cast")
    assert "asciinema play" in refused.value.hint


def test_git_changes_no_byte_of_recordings_and_the_page_says_how() -> None:
    page = (ROOT / "lab" / "docs" / "recordings.md").read_text("utf-8")
    (block,) = (part for part in page.split("```") if part.startswith("text\n*.rec.jsonl"))
    assert set(block.splitlines()[1:]) <= set((ROOT / ".gitattributes").read_text().splitlines())
    assert (ROOT / ".gitattributes").read_text().rstrip().endswith("tests/corpus/** -text !diff")
