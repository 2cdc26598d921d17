"""The real driver in a terminal: it starts, obeys keys, and leaves the terminal as it was."""

import os
import signal
import sys

from tests.terminal import Terminal

PROGRAM = """
import sys
from lab.tui.app import LabApp
from tests.tui import play
observations, at = play.STATES["complete"]
outcome = LabApp(play.Scripted(observations(), at)).run()
print("outcome", outcome and outcome.status)
"""


def test_it_shows_obeys_and_leaves_the_terminal_as_it_was() -> None:
    with Terminal([sys.executable, "-c", PROGRAM]) as shown:
        shown.until(lambda seen: "M1000034 and M1000040" in seen.text)
        shown.press_at("Markdown · 338 B", "w")
        shown.press_at("5 WIRE", "\x1a")
        shown.until(lambda seen: b"\x1b[?1049l" in seen.raw)
        os.waitid(os.P_PID, shown.process.pid, os.WSTOPPED | os.WNOWAIT)
        whole = shown.text
        shown.screen.reset()  # another screen than the one that was left
        shown.process.send_signal(signal.SIGCONT)
        shown.until(lambda seen: seen.text == whole)
        shown.press("\x11")
        assert shown.ended() == 0
        assert b"\x1b[?1049l" in shown.raw and b"\x1b[?25h" in shown.raw
        assert b"outcome COMPLETE" in shown.raw.split(b"\x1b[?1049l")[-1]
