"""Recordings too long to be kept: a line is read when it is asked for, and seldom twice."""

from collections import Counter
from io import BytesIO

import pytest

from lab.core.errors import RecordingError
from lab.identity.clients import DEMO
from lab.recording.format import reader
from lab.recording.format.reader import FileLine, LongLines, read
from lab.recording.replay.replay import replay
from tests.conftest import each_row
from tests.recording.joined import scenario
from tests.recording.killed import together
from tests.recording.sequences import sequence_of
from tests.wire_peer import OTHER

LONGEST = 1 << 16
"""Bytes of a line, in the test of longer ones."""


class Counted(BytesIO):
    """A file that knows how much of it was read."""

    came = 0

    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        self.came += len(line)
        return line


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


@each_row(
    ("before", "length", "after", "line"),
    [
        (0, LONGEST + 1, b"", 1),
        (2, LONGEST + 1, b"", 3),
        (1, LONGEST, b"\n{}\n", 2),
        (2, 100 * LONGEST, b"\n{}\n", 3),
        (0, LONGEST - 1, b"", None),
    ],
)
def test_a_line_that_is_too_long_is_refused_before_the_rest_of_it_is_read(
    monkeypatch: pytest.MonkeyPatch, before: int, length: int, after: bytes, line: int | None
) -> None:
    monkeypatch.setattr(reader, "LONGEST_LINE", LONGEST)
    lines = together(late=False).data.splitlines(keepends=True)
    assert max(map(len, lines)) < LONGEST
    file = Counted(b"".join(lines[:before]) + b"x" * length + after)
    says = "there is no whole line" if line is None else f"r:{line}: the line is longer than {LONGEST} bytes"
    with pytest.raises(RecordingError, match=says):
        read(file, "r")
    assert file.came <= sum(map(len, lines[:before])) + LONGEST + 1
    assert file.closed, "whoever gave it has nothing of it"


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
