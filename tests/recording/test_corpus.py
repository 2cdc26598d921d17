"""The frozen corpus: what older labs wrote and refused is read, and refused, by every later one (recordings.md §11).

`tests/corpus/v1` holds a file for each fact type, writing of a body, cut, kind of line and result of reading, by their
names. No file is ever edited. What a later lab writes newly gets files of its own, recorded by that lab, and their lines
in `v1.sha256` (`sha256sum` in that folder writes them).
"""

from functools import cache
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from lab.core.errors import RecordingError
from lab.files.recordings import RECORDING_ENDING, read_blob
from lab.recording.format.facts import FACTS
from lab.recording.format.lines import (
    MORE,
    SERVER_CUTS,
    SOCKET_CUTS,
    Enc,
    FileState,
    Header,
    Other,
    Recording,
    Req,
    Res,
)
from lab.recording.format.reader import read
from lab.recording.format.repair import repair
from lab.recording.show.transcript import transcript_lines
from lab.recording.tape.recorded_calls import body_within
from tests.conftest import ROOT

V1 = ROOT / "tests" / "corpus" / "v1"
FILES = {path.name.removesuffix(RECORDING_ENDING): path for path in sorted(V1.glob(f"*{RECORDING_ENDING}"))}
IN_JOURNALS_ONLY = {"clock.rewound", "clock.restarted", "records.dropped"}
"""Facts that no recording holds (recordings.md §14)."""
ADVICE = "record a small one, name it so, and add its line to tests/corpus/v1.sha256: what is there is never edited"


@cache
def corpus(name: str) -> Recording:
    return read(FILES[name].read_bytes(), name)


def of(prefix: str) -> list[str]:
    return [name for name in FILES if name.startswith(f"{prefix}-")]


def test_no_file_was_edited() -> None:
    lines = (V1.parent / "v1.sha256").read_text().splitlines()
    frozen = {name: digest for digest, name in (line.split("  ") for line in lines)}
    there = {
        path.relative_to(V1).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in V1.rglob("*")
        if path.is_file()
    }
    assert there == frozen, "the corpus is frozen: take back what changed; of a new file add the line"


@pytest.mark.parametrize("name", [name for prefix in ("fact", "enc", "cut", "line", "version") for name in of(prefix)])
def test_what_is_closed_is_read_whole_and_shown(name: str) -> None:
    recording = corpus(name)
    assert recording.state is FileState.CLOSED
    assert list(transcript_lines(recording, True))
    assert repair(FILES[name].read_bytes()) == (FILES[name].read_bytes(), 0)


@pytest.mark.parametrize("name", of("fact"))
def test_a_fact_is_there_and_known(name: str) -> None:
    recording, kind = corpus(name), name.partition("-")[2]
    assert any(recording.facts(kind)) and recording.unknown == {}


@pytest.mark.parametrize("name", of("enc"))
def test_a_body_is_written_so(name: str) -> None:
    lines = [line for line in corpus(name).lines if isinstance(line, Req | Res) and line.enc == name.partition("-")[2]]
    assert lines
    for line in lines:
        assert body_within(line.body, lambda digest: read_blob(FILES[name], digest)).enc is not Enc.BLOB


@pytest.mark.parametrize("name", of("cut"))
def test_a_reply_was_cut_so(name: str) -> None:
    assert name.partition("-")[2] in [line.cut for line in corpus(name).of(Res)]


@pytest.mark.parametrize("name", of("error"))
def test_an_error_is_told_with_its_file(name: str) -> None:
    with pytest.raises(RecordingError, match=rf"^{name}:"):
        corpus(name)


def test_the_state_of_a_file_is_what_its_name_says() -> None:
    states = {name: corpus(name).state.value for name in of("state")}
    assert states.pop("state-repaired") == "closed" and corpus("state-repaired").end.reason == "repaired"  # type: ignore[union-attr]
    assert states == {f"state-{state}": state for state in FileState}


def test_what_a_later_lab_adds_is_kept_and_ignored() -> None:
    assert [line.kind for line in corpus("line-other").lines if isinstance(line, Other)] == ["note"]
    later = corpus("line-later")
    assert later.unknown == {"token.later": 1}
    assert [line.more for line in later.of(Req)] == [{"later": 1}]


def test_each_fact_type_writing_cut_and_state_of_today_has_a_file() -> None:
    cuts = (*SOCKET_CUTS, *SERVER_CUTS)
    wanted = {
        *(f"fact-{kind}" for kind in FACTS.keys() - IN_JOURNALS_ONLY),
        *(f"enc-{enc}" for enc in Enc),
        *(f"cut-{cut}" for cut in cuts),
        *(f"state-{state}" for state in FileState),
    }
    assert wanted - FILES.keys() == set(), ADVICE


def test_each_member_of_today_s_lines_is_in_some_file() -> None:
    lines = [
        line for name in FILES if not name.startswith("error") for line in (corpus(name).header, *corpus(name).lines)
    ]
    for kind in (Header, Req, Res):
        members: set[str] = set()
        for line in lines:
            if isinstance(line, kind):
                members |= msgspec.to_builtins(line).keys()
        known = {each.encode_name for each in msgspec.structs.fields(kind)} - {MORE}
        assert known - members == set(), f"{kind.__name__}: {ADVICE}"


def test_git_changes_no_byte_of_recordings_and_the_page_says_how() -> None:
    page = (ROOT / "lab" / "docs" / "recordings.md").read_text("utf-8")
    (block,) = (part for part in page.split("```") if part.startswith("text\n*.rec.jsonl"))
    assert set(block.splitlines()[1:]) <= set((ROOT / ".gitattributes").read_text().splitlines())
    assert Path(ROOT / ".gitattributes").read_text().rstrip().endswith("tests/corpus/** -text !diff")
