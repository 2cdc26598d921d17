"""The only writer of stdout and stderr, and the one place where errors become text and an exit code."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from json import dumps
from threading import current_thread, main_thread
from types import FrameType
from typing import IO

from lab.core.errors import LabError, ScenarioError

INTERRUPTED = 130
"""The exit code of a command that was stopped before its work was done."""

ESCAPES = {number: f"\\x{number:02x}" for number in (*range(9), *range(11, 32), *range(127, 160))}
"""Controls that untrusted text may not send to a terminal; tab and line feed stay."""

JSON_ESCAPES = {number: f"\\u{number:04x}" for number in range(127, 160)}
"""The same for JSON, which itself escapes those below 32."""


class Interrupted(BaseException):
    """A signal ended the command; `reason` is sigint or sigterm, as a recording's footer has it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Console:
    """stdout carries results, stderr the rest."""

    def __init__(self, out: IO[str] | None = None, err: IO[str] | None = None) -> None:
        self._out = out
        self._err = err

    def out(self, text: str = "") -> None:
        """A line of the result, at once on its way."""
        self._write(self._out or sys.stdout, text)

    def json(self, document: object) -> None:
        """A result as one line of JSON."""
        text = dumps(document, ensure_ascii=False, separators=(",", ":"))
        self.out(text.translate(JSON_ESCAPES))

    def err(self, text: str = "") -> None:
        """A line about the work: progress, advice, complaints."""
        self._write(self._err or sys.stderr, text)

    def alarm(self, text: str, *, color: bool) -> None:
        """A line about the work that nobody should miss: in red on a terminal, if `color` is wanted."""
        stream = self._err or sys.stderr
        red = color and stream.isatty()
        self._write(stream, text, *(("\x1b[1;37;41m", "\x1b[0m") if red else ()))

    @property
    def terminal(self) -> bool:
        """Whether a person sees stdout and can answer on stdin."""
        return (self._out or sys.stdout).isatty() and sys.stdin is not None and sys.stdin.isatty()

    async def line(self) -> str:
        """The next line that a person types; waits for ever at the end of input."""
        from asyncio import get_running_loop  # `lab --help` doesn't wait for asyncio

        loop = get_running_loop()
        typed = loop.create_future()

        def read() -> None:
            if not typed.done():
                typed.set_result(sys.stdin.readline())

        loop.add_reader(sys.stdin.fileno(), read)
        try:
            line: str = await typed
            return line or await loop.create_future()
        finally:
            loop.remove_reader(sys.stdin.fileno())

    def _write(self, stream: IO[str], text: str, before: str = "", after: str = "") -> None:
        shown = text.translate(ESCAPES)
        # A terminal or pipe that isn't UTF-8 gets escapes, not a traceback.
        encoding = getattr(stream, "encoding", None) or "utf-8"
        stream.write(before + shown.encode(encoding, "backslashreplace").decode(encoding) + after + "\n")
        stream.flush()


def guarded(command: Callable[[], int], console: Console) -> int:
    """Run a command; its exit code, whatever became of it (recordings.md §12)."""
    try:
        with _signals():
            return command()
    except Interrupted:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone. Python would complain once more when it flushes at exit.
        _forget_stdout()
        return 0
    except LabError as error:
        report(error, console)
        return error.exit_code
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        console.err(f"lab: The system refused{where}: {error.strerror or error}.")
        return 4


SIGNALS = {signal.SIGINT: "sigint", signal.SIGTERM: "sigterm"}
"""The signals that end a command, by the reason that a recording's footer gives."""


@contextmanager
def _signals() -> Iterator[None]:
    """While it lasts, SIGINT and SIGTERM raise Interrupted, so that whatever is open is closed on the way out."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise Interrupted(SIGNALS[signal.Signals(number)])

    if current_thread() is not main_thread():  # only the main thread may set what a signal does
        yield
        return
    before = {number: signal.signal(number, interrupt) for number in SIGNALS}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def report(error: LabError, console: Console) -> None:
    """What happened, where, and what to do, on stderr."""
    if isinstance(error, ScenarioError):
        for complaint in error.complaints:
            console.err(str(complaint))
        return
    console.err(f"lab: {error.what}")
    if error.hint:
        console.err(f"  {error.hint}")


def _forget_stdout() -> None:
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        return
