"""Recordings too long to be kept: a line is read when it is asked for, and seldom twice."""

from collections import Counter

import pytest

from lab.identity.clients import DEMO
from lab.recording.format import reader
from lab.recording.format.reader import FileLine, LongLines, read
from lab.recording.replay.replay import replay
from tests.recording.joined import scenario
from tests.recording.killed import together
from tests.recording.sequences import sequence_of
from tests.wire_peer import OTHER


@pytest.mark.long
@pytest.mark.parametrize("number", range(60))
def test_a_recording_replays_the_same_whether_its_lines_are_kept_or_not(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = sequence_of(number).data
    kept = read(data)
    monkeypatch.setattr(reader, "LONGEST_KEPT", 100)
    long = read(data)
    assert isinstance(long.lines, LongLines) and tuple(long.lines) == kept.lines
    one, other = (replay(each, [scenario()], clients=(DEMO, OTHER)) for each in (kept, long))
    assert one.text() == other.text() and one.again() == other.again()


def test_a_replay_goes_through_a_recording_a_few_times_and_reads_each_line_once_in_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    count: Counter[bytes] = Counter()
    decoded = reader._decoded

    def counted(raw: bytes) -> FileLine:
        count[raw] += 1
        return decoded(raw)

    monkeypatch.setattr(reader, "LONGEST_KEPT", 100)
    joined = together(late=False)
    found = read(joined.data)
    monkeypatch.setattr(reader, "_decoded", counted)
    assert replay(found, joined.service.config.scenarios).passed
    assert len(count) == found.count - 2  # header and footer were read
    passes = min(count.values())
    # those that others repeat once more, and not once for each
    assert count.total() < (passes + 1) * len(count) and passes <= 7
