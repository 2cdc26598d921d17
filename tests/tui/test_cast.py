"""An asciicast of the screen: valid lines, the lab's times, and what a terminal shows when it is played."""

import json
from pathlib import Path

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.tui.cast import Cast
from tests.terminal import lab


class Times:
    def __init__(self) -> None:
        self.now = 5_000


def test_a_cast_begins_with_its_header_and_counts_from_its_beginning() -> None:
    lines: list[bytes] = []
    times = Times()
    cast = Cast(lines.append, lambda: times.now, "Zoë")
    cast.output("before the beginning nothing is written")
    cast.begin(120, 36)
    times.now = 5_250
    cast.output("é\x1b[0m")
    cast.resized(120, 36)
    cast.resized(80, 24)
    times.now = 5_100  # a reset may take the lab's clock back, a cast never
    cast.mark("waiting")
    cast.begin(100, 30)  # it comes back from the shell
    assert lines == [
        '{"version":2,"width":120,"height":36,"idle_time_limit":5,"title":"Zoë","env":{"TERM":"xterm-256color"}}\n'.encode(),
        '[0.25,"o","é\\u001b[0m"]\n'.encode(),
        b'[0.25,"r","80x24"]\n',
        b'[0.25,"m","waiting"]\n',
        b'[0.25,"r","100x30"]\n',
    ]


@given(st.text(alphabet="ab\x1b[?20264hlp$<>u1"))
def test_what_a_terminal_is_asked_is_left_out_and_nothing_else(text: str) -> None:
    lines: list[bytes] = []
    cast = Cast(lines.append, lambda: 0, "")
    cast.begin(1, 1)
    for query in ("\x1b[?2026$p", "\x1b[?1003h", "\x1b[>1u", "\x1b[<u", "\x1b[?2048$p", "\x1b]52;c;aGk=\x07"):
        cast.output(query)
    assert len(lines) == 1
    plain = text.replace("\x1b", "")
    cast.output(f"x{plain}\x1b[?25l")
    assert json.loads(lines[1])[2] == f"x{plain}\x1b[?25l"


def test_a_full_disk_ends_the_cast_and_not_the_show() -> None:
    def full(line: bytes) -> None:
        raise OSError(28, "No space left on device")

    cast = Cast(full, lambda: 0, "")
    cast.begin(80, 24)
    cast.output("on it goes")
    assert cast.dead == "The cast can't be written: No space left on device."


@pytest.mark.long
def test_a_live_run_is_teed_into_a_cast_that_shows_the_same(tmp_path: Path) -> None:
    path = tmp_path / "talk.cast"
    with lab("demo", "item-comparison", "--speed", "20", "--cast", str(path), columns=80, rows=24) as terminal:
        terminal.until(lambda snapshot: "Press space" in snapshot.text)
        terminal.press(" ")
        terminal.until(lambda snapshot: " a Approve" in snapshot.text)
        terminal.press("a")
        terminal.until(lambda snapshot: "✓ Output" in snapshot.text)
        terminal.press("\x11")
        assert terminal.ended() == 0
    head, *events = [json.loads(line) for line in path.read_text().splitlines()]
    assert (head["version"], head["width"], head["height"], head["title"]) == (2, 80, 24, "Compare two items")
    times = [at for at, _, _ in events]
    assert times == sorted(times) and 9 < times[-1] < 600
    assert [data for _, code, data in events if code == "m"] == [
        "token",
        "invoke",
        "poll",
        "gate",
        "decided",
        "output",
    ]
    screen = pyte.Screen(80, 24)
    stream = pyte.Stream(screen)
    for _, code, data in events:
        if code == "o" and "\x1b[?1049l" in data:
            break
        if code == "o":
            stream.feed(data)
    screen_in = "\n".join(screen.display)
    assert "✓ Output" in screen_in and "M1000034" in screen_in
