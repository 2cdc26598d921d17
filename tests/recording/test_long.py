"""Recordings too long to be kept: a line is read when it is asked for, and seldom twice."""

from collections import Counter
from io import BytesIO

import pytest

from lab.identity.clients import DEMO
from lab.recording.format import reader
from lab.recording.format.lines import LazyLines, Line, Recording, Req, Res
from lab.recording.format.reader import read
from lab.recording.replay.regenerate import regenerate
from lab.recording.replay.replay import replay
from lab.recording.tape.header import config_of
from tests.recording.joined import scenario
from tests.recording.killed import together
from tests.recording.sequences import sequence_of
from tests.wire_peer import OTHER


def both(number: int, monkeypatch: pytest.MonkeyPatch) -> tuple[Recording, Recording]:
    """A recording with its lines kept, and the same without."""
    data = sequence_of(number).data
    kept = read(data)
    with monkeypatch.context() as patched:
        patched.setattr(reader, "LONGEST_KEPT", 100)
        return kept, read(data)


@pytest.mark.long
@pytest.mark.parametrize("number", range(60))
def test_what_is_made_anew_is_the_same_whether_lines_are_kept_or_not(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, long = both(number, monkeypatch)
    assert isinstance(long.lines, LazyLines)
    config = config_of(kept, [scenario()], (DEMO, OTHER))
    one, other = regenerate(kept, config), regenerate(long, config)
    assert one.challenges == other.challenges and one.unexplained == other.unexplained
    assert one.values.keys() == other.values.keys()


def test_a_word_is_found_however_it_is_escaped() -> None:
    raw = b'{"k":"req","n":1,"t":0,"x":1,"c":1,"m":"GET","p":"/\\u0063ode","h":[],"enc":"none"}\n'
    lines = LazyLines(BytesIO(raw), [0], reader._line_again)
    assert [line.path for line in lines.of(Req, ("code",))] == ["/code"]
    assert not list(lines.of(Res, ("code",)))
    plain = LazyLines(BytesIO(raw.replace(b"\\u0063", b"m")), [0], reader._line_again)
    assert not list(plain.of(Req, ("code",))) and len(list(plain.of(Req, ("mode", "code")))) == 1


def test_a_replay_reads_a_line_hardly_more_than_once(monkeypatch: pytest.MonkeyPatch) -> None:
    count: Counter[bytes] = Counter()
    again = reader._line_again

    def counted(raw: bytes) -> Line:
        count[raw] += 1
        return again(raw)

    monkeypatch.setattr(reader, "_line_again", counted)
    monkeypatch.setattr(reader, "LONGEST_KEPT", 100)
    joined = together(late=False)
    found = read(joined.data)
    assert replay(found, joined.service.config.scenarios).passed
    assert len(count) == len(found.lines)
    assert count.total() < 1.5 * len(count)
