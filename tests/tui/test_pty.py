"""The real driver in a terminal: it starts, obeys keys, and leaves the terminal as it was."""

import fcntl
import os
import pty
import select
import struct
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyte
import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
from lab.tui.app import LabApp
from tests.tui import play
observations, at = play.STATES["complete"]
outcome = LabApp(play.Scripted(observations(), at)).run()
print("outcome", outcome and outcome.status)
"""


class Terminal:
    """A child in a terminal of 120x36, its output fed into pyte."""

    def __init__(self, child: int, handle: int) -> None:
        self.child = child
        self.handle = handle
        self.raw = b""
        self.screen = pyte.Screen(120, 36)
        self.stream = pyte.ByteStream(self.screen)

    def until(self, text: str) -> None:
        """Read until the text shows; fail after some patience."""
        for _ in range(600):
            if not self.read() or text in "\n".join(self.screen.display):
                break
        assert text in "\n".join(self.screen.display)

    def read(self) -> bool:
        """Take what came within a short wait; False when the child is gone."""
        if not select.select([self.handle], [], [], 0.05)[0]:
            return True
        try:
            got = os.read(self.handle, 65_536)
        except OSError:
            return False
        self.raw += got
        self.stream.feed(got)
        return bool(got)

    def end(self) -> int:
        """The exit code, all output read."""
        while self.read():
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])


@contextmanager
def terminal() -> Iterator[Terminal]:
    child, handle = pty.fork()
    if child == 0:
        os.chdir(ROOT)
        os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
        os.execv(sys.executable, [sys.executable, "-c", PROGRAM])
    fcntl.ioctl(handle, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
    try:
        yield Terminal(child, handle)
    finally:
        os.close(handle)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # forkpty while other tests' threads live
def test_it_shows_obeys_and_leaves_the_terminal_as_it_was() -> None:
    with terminal() as term:
        term.until("M1000034 and M1000040")
        term.until("Markdown · 338 B")
        os.write(term.handle, b"w")
        term.until("5 WIRE")
        os.write(term.handle, b"\x11")
        assert term.end() == 0
        assert b"\x1b[?1049l" in term.raw and b"\x1b[?25h" in term.raw
        assert b"outcome COMPLETE" in term.raw.split(b"\x1b[?1049l")[-1]
