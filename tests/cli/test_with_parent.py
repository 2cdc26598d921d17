"""`lab serve --with-parent` ends with whoever started it, however that ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_serve import HOW
from tests.conftest import ROOT

COMMAND = [sys.executable, "-m", "lab", *HOW, "item-comparison", "--json", "--with-parent"]
STARTER = """\
import os, signal, subprocess, sys
stdin, end = os.pipe()
fork = os.fork()
if not fork:
    os.close(1)
    signal.alarm(60)
    signal.pause()
print(fork, flush=True)
subprocess.Popen(sys.argv[1:], stdin=stdin)
signal.pause()
"""


@pytest.mark.long
def test_it_ends_when_its_parent_is_killed_though_a_fork_holds_the_pipe(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTER, *COMMAND],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True,
    ) as parent:  # fmt: skip
        assert parent.stdout is not None
        fork = int(parent.stdout.readline())
        assert parent.stdout.readline().startswith('{"base_url":')
        parent.kill()
        # the lab writes to the same pipe: nobody but it can still hold it open
        assert parent.communicate(timeout=20) == ("", None)
    os.kill(fork, signal.SIGKILL)


@pytest.mark.parametrize("how", ["at its end", "no file"])
def test_without_a_parent_that_holds_stdin_it_does_not_begin(tmp_path: Path, how: str) -> None:
    done = subprocess.run(
        COMMAND if how == "at its end" else ["sh", "-c", 'exec "$@" <&-', "sh", *COMMAND],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("lab: --with-parent: stdin is closed, so nobody holds its other end.\n")


def test_it_ends_when_stdin_does_and_as_properly_as_by_a_signal(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "--record", "./day"], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline().startswith('{"base_url":')
        process.communicate(timeout=20)
    assert process.returncode == 0
    assert '"reason":"closed"' in (tmp_path / "day.rec.jsonl").read_text().splitlines()[-1]
