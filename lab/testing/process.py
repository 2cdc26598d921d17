"""The lab as a process: found, started, and ended with whoever started it."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Timer
from typing import Any

LONGEST_START = 180
"""Seconds: `uvx` may have to fetch it first."""
LONGEST_END = 10
"""Seconds from the end of its stdin to that of the process."""


class LabUnavailable(Exception):
    """The lab isn't found, or can't be started; the message says why, and what to do."""


def lab_command() -> list[str]:
    """What starts the lab: `LAB`, `lab` on PATH or beside this Python, or `uvx`."""
    given = os.environ.get("LAB")
    if given:
        return [given] if os.path.exists(given) else shlex.split(given, posix=os.name == "posix")
    beside = os.path.dirname(sys.executable)
    for found in (shutil.which("lab"), shutil.which("lab", path=beside)):
        if found:
            return [found]
    uvx = shutil.which("uvx")
    if uvx:
        return [uvx, "--from", "invoke-async-lab", "lab"]
    raise LabUnavailable(
        "There is no lab here. Install invoke-async-lab, best in an environment of its own, and set LAB."
    )


def lab_output(arguments: Sequence[str], folder: Path | None) -> str:
    """What a command of the lab prints; LabUnavailable if it fails."""
    command = [*lab_command(), *arguments]
    try:
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    except OSError as fault:
        raise _unavailable(command, str(fault)) from None
    if done.returncode:
        raise _unavailable(command, done.stderr)
    return done.stdout


class LabProcess:
    """`lab serve`, from its first line on; it ends with this process, however that ends."""

    def __init__(self, arguments: Sequence[str], folder: Path | None) -> None:
        command = [*lab_command(), "serve", *arguments, "--json", "--with-parent"]
        errors, path = tempfile.mkstemp(prefix="lab-")
        self._errors = open(path, encoding="utf-8", errors="replace")  # noqa: SIM115 - as long as the process
        with suppress(OSError):  # Windows keeps it as long as it is open
            os.unlink(path)
        try:
            # a session of its own: Ctrl-C is for the tests, which then end it; a token of its own, which the first line tells
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
                env={name: value for name, value in os.environ.items() if name != "LAB_CONTROL_TOKEN"},
            )
        except OSError as fault:
            self._errors.close()
            raise _unavailable(command, str(fault)) from None
        finally:
            os.close(errors)
        assert self._process.stdout is not None
        limit = Timer(LONGEST_START, self._process.kill)
        limit.daemon = True
        limit.start()
        line = self._process.stdout.readline()
        limit.cancel()
        self.ready: dict[str, Any] = _document(line)
        """What it says once it accepts requests: where, and with what credentials."""
        if "control_url" not in self.ready:
            said = self.stop(0 if line else LONGEST_END)
            raise _unavailable(command, said or line.decode(errors="replace"))

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it does."""
        return self._process.poll() is None

    def remarks(self) -> str:
        """What it has written to stderr since the last call."""
        return self._errors.read()

    def leave(self) -> None:
        """Let it end, without waiting for that."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def stop(self, limit: float = LONGEST_END) -> str:
        """End it; its last remarks."""
        assert self._process.stdout is not None
        self.leave()
        try:
            self._process.wait(limit)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        with self._errors:
            return self.remarks()


def _document(line: bytes) -> dict[str, Any]:
    """What a line of JSON says; nothing if it is none."""
    try:
        return dict(json.loads(line))
    except (ValueError, TypeError):
        return {}


def _unavailable(command: Sequence[str], why: str) -> LabUnavailable:
    shown, lines = " ".join(shlex.quote(word) for word in command), why.strip().splitlines()
    if lines and lines[0].startswith("Traceback"):
        lines = lines[-1:]
    if lines and "No module named" in lines[-1]:
        lines.append("It lacks what it needs: let the variable LAB name a lab in an environment of its own.")
    return LabUnavailable("\n  ".join([f"The lab can't be started: {shown}", *lines]))
