"""The only writer of stdout and stderr, and the one place where errors become text and an exit code."""

import os
import sys
from collections.abc import Callable
from typing import IO, TYPE_CHECKING

from lab.cli.bug_report import BUG, bug_sentence
from lab.cli.signals import INTERRUPTED, Interrupted, ending, interrupt
from lab.core.errors import LabError, ScenarioError
from lab.core.logtext import no_command

if TYPE_CHECKING:
    from lab.cli.typed_lines import TypedLines

_MARKS = (0x061C, *range(0x200E, 0x2010), *range(0x2028, 0x202F), *range(0x2066, 0x206A), 0xFEFF)
ESCAPES = {number: f"\\x{number:02x}" for number in (*range(9), *range(11, 32), *range(127, 160))}
ESCAPES |= {number: f"\\u{number:04x}" for number in _MARKS}
"""Controls and direction marks that untrusted text may not send to a terminal; tab and line feed stay."""

JSON_ESCAPES = {number: f"\\u{number:04x}" for number in range(127, 160)}
"""The same for JSON, which itself escapes those below 32."""


class Console:
    """stdout carries results, stderr the rest. What stands in either commands no terminal and no runner of CI."""

    def __init__(self, out: IO[str] | None = None, err: IO[str] | None = None) -> None:
        self._out = out
        self._err = err
        self._typed: TypedLines | None = None
        self._hints: set[str] = set()
        self.serving = False
        """Whether somebody else is served meanwhile: the command goes on if nobody reads its stdout any more."""

    def out(self, text: str = "") -> None:
        """A line of the result, at once on its way."""
        self.command(no_command(text))

    def command(self, text: str) -> None:
        """The same for what a runner of CI is meant to obey."""
        stream = self._out or sys.stdout
        try:
            self._write(stream, text)
        except OSError:
            if not self.serving:
                raise
            _forget(stream)

    def json(self, document: object) -> None:
        """A result as one line of JSON."""
        from json import dumps  # the help has no use for it

        text = dumps(document, ensure_ascii=False, separators=(",", ":"))
        self.out(text.translate(JSON_ESCAPES))

    def err(self, text: str = "") -> None:
        """A line about the work: progress, advice, complaints. That nobody can read it ends no work."""
        self._remark(text)

    def alarm(self, text: str, *, color: bool) -> None:
        """A line about the work that nobody should miss: in red on a terminal, if `color` is wanted."""
        red = color and self.remarks_shown
        self._remark(text, *(("\x1b[1;37;41m", "\x1b[0m") if red else ()))

    def abandon(self) -> None:
        """Let the rest of the results go nowhere: whoever read them has gone."""
        _forget(self._out or sys.stdout)

    def first(self, hint: str) -> bool:
        """Whether nobody was told this before: of many files each may want the same hint."""
        fresh = hint not in self._hints
        self._hints.add(hint)
        return fresh

    @property
    def terminal(self) -> bool:
        """Whether a person sees stdout and can answer on stdin."""
        return (self._out or sys.stdout).isatty() and sys.stdin is not None and sys.stdin.isatty()

    @property
    def remarks_shown(self) -> bool:
        """Whether a terminal shows stderr."""
        return (self._err or sys.stderr).isatty()

    async def line(self) -> str:
        """The next line that a person types, with its end; empty at the end of input. None is lost if this is cancelled."""
        from lab.cli.typed_lines import TypedLines  # `lab --help` doesn't wait for asyncio

        self._typed = self._typed or TypedLines()
        return await self._typed.next()

    def _remark(self, text: str, *around: str) -> None:
        stream = self._err or sys.stderr
        try:
            self._write(stream, no_command(text), *around)
        except OSError:
            _forget(stream)

    def _write(self, stream: IO[str], text: str, before: str = "", after: str = "") -> None:
        shown = text.translate(ESCAPES)
        # A terminal or pipe that isn't UTF-8 gets escapes, not a traceback.
        encoding = getattr(stream, "encoding", None) or "utf-8"
        stream.write(before + shown.encode(encoding, "backslashreplace").decode(encoding) + after + "\n")
        stream.flush()


def guarded(command: Callable[[], int], console: Console) -> int:
    """Run a command; its exit code, whatever became of it (recordings.md §12)."""
    reasons: list[str] = []

    def first(reason: str) -> None:
        reasons.append(reason)
        interrupt(reason)

    try:
        with ending(first):
            return command()
    except Interrupted:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone. Python would complain once more when it flushes at exit.
        console.abandon()
        return 0
    except LabError as error:
        report(error, console)
        return error.exit_code
    except OSError as error:
        if reasons:  # a call to the system that was interrupted
            return INTERRUPTED
        where = f" {error.filename}" if error.filename else ""
        console.err(f"lab: The system refused{where}: {error.strerror or error}.")
        return 4
    except Exception as error:  # noqa: BLE001 - never a traceback
        if reasons:  # a library that was interrupted raises an error of its own
            return INTERRUPTED
        console.err(bug_sentence(error))
        return BUG


def report(error: LabError, console: Console) -> None:
    """What happened, where, and what to do, on stderr."""
    for line in sentences_of(error, advised=console.first(error.hint)):
        console.err(line)


def sentences_of(error: Exception, *, advised: bool = True) -> list[str]:
    """What happened, where, and, if that is wanted, what to do; of a bug where its log lies."""
    if isinstance(error, ScenarioError):
        return [str(complaint) for complaint in error.complaints]
    if not isinstance(error, LabError):
        return [bug_sentence(error)]
    return [f"lab: {error.what}", *([f"  {error.hint}"] if error.hint and advised else [])]


def open_streams() -> None:
    """Give a process that was started with closed streams (`>&-`) ones that lead nowhere.

    Else the first file or socket that is opened is taken for stdout, and nothing may be printed.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


def _forget(stream: IO[str]) -> None:
    """Let what is still to be written to it go nowhere."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        return
