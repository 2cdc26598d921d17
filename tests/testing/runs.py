"""Runs of pytest in a process of their own, with the plugin and nothing else; its labs are forked."""

import os
import shlex
import socket
import subprocess
import sys
import xml.etree.ElementTree as tree
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from tests.conftest import ROOT
from tests.forked import Forked

LAUNCHER = Path(__file__).parent / "launch.py"
COMMAND = [sys.executable, "-m", "pytest", "-p", "lab.testing.plugin", "-c", os.devnull, "--junit-xml", "found.xml"]


@dataclass
class PytestRun:
    """What came of it."""

    code: int
    out: str
    cases: dict[str, tree.Element]
    """By test name."""

    def outcome(self, name: str) -> str:
        return next((each.tag for each in self.cases[name] if each.tag != "properties"), "passed")

    def text(self, name: str) -> str:
        return "\n".join((each.get("message") or "") + (each.text or "") for each in self.cases[name])


def environment() -> dict[str, str]:
    lab = {"LAB": f"{sys.executable} -m lab", "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return {**os.environ, "PYTEST_ADDOPTS": "", **lab}


def run_pytest(folder: Path, files: dict[str, str], *arguments: str) -> PytestRun:
    """Run these files, with the shipped scenarios."""
    for name, text in files.items():
        (folder / name).write_text(text)
    (folder / "scenarios").symlink_to(ROOT / "scenarios")
    with forking_labs(folder / "labs") as command:
        done = subprocess.run(
            [*COMMAND, "--rootdir", str(folder), *arguments],
            cwd=folder, env={**environment(), "LAB": command}, capture_output=True, text=True, check=False,
        )  # fmt: skip
    cases = tree.parse(folder / "found.xml").iter("testcase")
    return PytestRun(done.returncode, done.stdout + done.stderr, {each.get("name", ""): each for each in cases})


@contextmanager
def forking_labs(path: Path) -> Iterator[str]:
    """A command that starts a lab, as long as the block lasts."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(path))
        listener.listen()
        Thread(target=_accept, args=(listener,), daemon=True).start()
        yield shlex.join([sys.executable, "-S", "-E", str(LAUNCHER), str(path)])
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket) -> None:
    with suppress(OSError):  # it was closed
        while True:
            Thread(target=_fork, args=(listener.accept()[0],), daemon=True).start()


def _fork(peer: socket.socket) -> None:
    with peer:
        message, streams, _, _ = socket.recv_fds(peer, 1 << 20, 3)
        count, cwd, *rest = message.decode().split("\0")
        argv, environment = rest[: int(count)], dict(each.split("=", 1) for each in rest[int(count) :])
        process = Forked(argv, streams, Path(cwd), environment)
        for stream in streams:
            os.close(stream)
        with suppress(OSError):  # nobody waits any more
            peer.send(str(process.wait(timeout=60)).encode())
