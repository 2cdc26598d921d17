"""A program on a terminal in memory: what a person would see, as text."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType

import pyte

from tests.forked import Forked

ROOT = Path(__file__).parents[1]


class Terminal:
    """Starts a program in a pty, or a forked `lab` with these arguments (or `-c` and a program), and keeps its screen."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        columns: int = 120,
        rows: int = 36,
        cwd: Path = ROOT,
        forked: bool = False,
        controls: bool = True,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`controls`: whether a forked one is told when its terminal is gone; `environment`: what it has besides."""
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        variables = {
            **{name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")},
            "TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONPATH": str(ROOT), **environment,
        }  # fmt: skip
        self.raw = bytearray()
        """What the program has written."""
        self.begun = time.perf_counter()
        self.process: subprocess.Popen[bytes] | Forked
        if forked:
            self.process = Forked(argv, (slave, slave, slave), cwd, variables, controls=controls)
        else:
            self.process = subprocess.Popen(
                argv, stdin=slave, stdout=slave, stderr=slave, cwd=cwd, env=variables, start_new_session=True
            )
        os.close(slave)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.hang_up()

    @property
    def received(self) -> int:
        """How many bytes the program has written."""
        return len(self.raw)

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self.screen.display]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def hang_up(self) -> None:
        """Take the terminal away."""
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def until(self, seen: Callable[["Terminal"], bool], seconds: float = 20) -> float:
        """Feed the screen until `seen`; milliseconds since the start. AssertionError shows the screen."""
        end = time.monotonic() + seconds
        while not seen(self):
            left = end - time.monotonic()
            if left <= 0 or not self._feed(left):
                assert seen(self), f"never came:\n{self.text}"
        return (time.perf_counter() - self.begun) * 1_000

    def press_at(self, text: str, keys: str) -> None:
        """Press keys once this text is on the screen."""
        self.until(lambda seen: text in seen.text)
        self.press(keys)

    def drain(self, seconds: float) -> None:
        """Take whatever is written for so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and (self._feed(left) or left < 0.01 or time.monotonic() >= end):
            pass

    def ended(self, seconds: float = 20) -> int:
        """The exit code, once the program has ended."""
        end = time.monotonic() + seconds
        while self._feed(end - time.monotonic()):
            assert time.monotonic() < end, f"still running:\n{self.text}"
        assert time.monotonic() < end, f"still running:\n{self.text}"
        return self.process.wait(timeout=seconds)

    def _feed(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], max(0, seconds))
        if not ready:
            return False
        try:
            data = os.read(self._master, 65_536)
        except OSError:
            return False
        got = bool(data)
        self.raw += data
        # Queries of the terminal that a memory one needn't answer, and pyte would print.
        for query in (b"\x1b[?2026$p", b"\x1b[?2048$p", b"\x1b[>1u", b"\x1b[<u"):
            data = data.replace(query, b"")
        self._stream.feed(data)
        return got


def lab(
    *argv: str, columns: int = 120, rows: int = 36, cwd: Path = ROOT, fresh: bool = False, controls: bool = True
) -> Terminal:
    """`lab` on a terminal; with `fresh` in an interpreter that has imported nothing yet."""
    program = [sys.executable, "-m", "lab", *argv] if fresh else argv
    return Terminal(program, columns=columns, rows=rows, cwd=cwd, forked=not fresh, controls=controls)
