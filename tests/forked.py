"""`lab` as a process of its own that need not import the lab: it is forked from one that has, once for all tests.

The imports are most of what a start costs. Tests of what a fresh interpreter does start one themselves.
"""

import fcntl
import multiprocessing
import os
import signal
import sys
import termios
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

_FORKING = multiprocessing.get_context("forkserver")
_FORKING.set_forkserver_preload(
    [
        __name__, "lab.__main__", "lab.cli.main", "lab.cli.commands.serve", "lab.cli.serve.state_journal", "lab.cli.tapes.file_tape",
        "lab.server.control.plane", "lab.server.control.overview", "lab.server.control.jobs", "lab.server.control.clock",
        "lab.recording.format.snapshot", "lab.language.templates.check", "lab.language.generators", "faker.proxy",
        "prometheus_client", "lab.plugins.callbacks.options", "lab.plugins.rehearsal.served_options",
        "lab.plugins.mcp_server.server", "anyio._backends._asyncio",
        "lab.cli.commands.demo", "lab.cli.commands.play", "lab.cli.screen", "lab.app.run", "lab.tui.app",
        "textual.drivers.linux_driver", "textual.drivers.headless_driver", "textual.pilot", "tests.warm",
    ]
)  # fmt: skip


class Forked:
    """One that runs; of `subprocess.Popen` it has what is used here."""

    def __init__(
        self,
        argv: Sequence[str],
        streams: Sequence[int],
        cwd: Path,
        environment: Mapping[str, str],
        *,
        controls: bool = True,
    ) -> None:
        """`controls`: whether its terminal, if it has one, is its session's, so that it is told when that is gone."""
        ends = tuple(Connection(os.dup(stream)) for stream in streams)
        self._process = _FORKING.Process(target=_run, args=(argv, ends, cwd, environment, controls), daemon=True)
        self._process.start()
        for end in ends:
            end.close()

    @property
    def pid(self) -> int | None:
        return self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float = 20) -> int:
        self._process.join(timeout)
        code = self._process.exitcode
        assert code is not None, "it is still running"
        return code

    def send_signal(self, number: int) -> None:
        if self._process.pid is not None and self.poll() is None:
            os.kill(self._process.pid, number)


class ForkedLab(Forked):
    """One whose output goes into pipes."""

    def __init__(self, *argv: str, cwd: Path, stdin: int | None = None) -> None:
        """`stdin` is its own from now on; None: there is nothing to read."""
        (out, out_end), (err, err_end) = os.pipe(), os.pipe()
        self.stdout, self.stderr = os.fdopen(out), os.fdopen(err)
        ends = (os.open(os.devnull, os.O_RDONLY) if stdin is None else stdin, out_end, err_end)
        super().__init__(argv, ends, cwd, dict(os.environ))
        for end in ends:
            os.close(end)

    @property
    def returncode(self) -> int | None:
        return self.poll()

    def communicate(self, timeout: float = 20) -> tuple[str, str]:
        """What of output and complaints nobody has read, once it has ended: a few lines, for they are read in turn."""
        self.wait(timeout)
        return self.stdout.read(), self.stderr.read()

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)
        self.wait()


@contextmanager
def forked_lab(*argv: str, cwd: Path, stdin: int | None = None) -> Iterator[ForkedLab]:
    """One that is killed at the end, if it still runs."""
    process = ForkedLab(*argv, cwd=cwd, stdin=stdin)
    try:
        yield process
    finally:
        process.kill()
        process.stdout.close()
        process.stderr.close()


FORBIDDEN = "FORBID_OUTGOING_CALLS"
"""In the environment: a call to anybody, over a socket of any kind, fails and is told on stderr."""


def _forbid(event: str, arguments: tuple[object, ...]) -> None:
    # who listens looks up the address at which it does
    looked_up = event == "socket.getaddrinfo" and arguments[0] not in ("127.0.0.1", b"127.0.0.1")
    if looked_up or event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        os.write(2, f"{FORBIDDEN}: {event}\n".encode())
        raise PermissionError(event)


def _run(
    argv: Sequence[str], ends: Sequence[Connection], cwd: Path, environment: Mapping[str, str], controls: bool
) -> None:
    os.setsid()
    if controls and os.isatty(ends[0].fileno()):
        fcntl.ioctl(ends[0].fileno(), termios.TIOCSCTTY, 0)
    for number, end in enumerate(ends):
        os.dup2(end.fileno(), number)
        end.close()
    for number, (name, mode, buffering) in enumerate((("stdin", "r", -1), ("stdout", "w", -1), ("stderr", "w", 1))):
        stream = os.fdopen(number, mode, buffering, encoding=environment.get("PYTHONIOENCODING"), closefd=False)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    if FORBIDDEN in environment:
        sys.addaudithook(_forbid)
    if "-c" in argv[:1]:
        sys.exit(exec(argv[1], {}))

    from lab.__main__ import main

    sys.exit(main(list(argv)))
