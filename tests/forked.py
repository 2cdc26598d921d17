"""`lab` as a process of its own that need not import the lab: it is forked from one that has, once for all tests.

The imports are most of what a start costs. Tests of what a fresh interpreter does start one themselves.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

_FORKING = multiprocessing.get_context("forkserver")
_FORKING.set_forkserver_preload(
    [__name__, "lab.cli.commands.serve", "lab.cli.state_journal", "lab.cli.tape_recorder", "lab.server.control.plane"]
)


class ForkedLab:
    """A running one, with pipes for what it prints."""

    def __init__(self, *argv: str, cwd: Path) -> None:
        (out, out_end), (err, err_end) = os.pipe(), os.pipe()
        ends = Connection(out_end, readable=False), Connection(err_end, readable=False)
        self.stdout, self.stderr = os.fdopen(out), os.fdopen(err)
        self._process = _FORKING.Process(target=_run, args=(argv, cwd, dict(os.environ), ends), daemon=True)
        self._process.start()
        for end in ends:
            end.close()

    @property
    def ended(self) -> bool:
        return self._process.exitcode is not None

    def send(self, number: signal.Signals) -> None:
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        self.wait()

    def wait(self) -> int:
        """The exit code, once it has ended."""
        self._process.join(20)
        assert self._process.exitcode is not None, "it is still running"
        return self._process.exitcode


@contextmanager
def forked_lab(*argv: str, cwd: Path) -> Iterator[ForkedLab]:
    """One that is killed at the end, if it still runs."""
    process = ForkedLab(*argv, cwd=cwd)
    try:
        yield process
    finally:
        if not process.ended:
            process.kill()
        process.stdout.close()
        process.stderr.close()


def _run(argv: tuple[str, ...], cwd: Path, environment: dict[str, str], ends: tuple[Connection, ...]) -> None:
    from lab.__main__ import main

    for number, end in enumerate(ends, 1):
        os.dup2(end.fileno(), number)
        end.close()
    sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", 1, closefd=False)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.exit(main(list(argv)))
