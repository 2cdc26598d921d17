"""`lab serve --with-parent` ends with whoever started it, however that ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_serve import HOW
from tests.conftest import ROOT
from tests.forked import forked_lab

ARGUMENTS = (*HOW, "item-comparison", "--json", "--with-parent")
COMMAND = [sys.executable, "-m", "lab", *ARGUMENTS]
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


REFUSED = "lab: --with-parent: stdin is closed, so nobody holds its other end.\n"


def test_without_a_parent_that_holds_stdin_it_does_not_begin(tmp_path: Path) -> None:
    with forked_lab(*ARGUMENTS, cwd=tmp_path) as process:
        out, err = process.communicate()
    assert (process.returncode, out, err.startswith(REFUSED)) == (2, "", True)


def test_without_stdin_it_does_not_begin_either(tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", *COMMAND],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr.startswith(REFUSED)) == (2, "", True)


def test_it_ends_when_stdin_does_and_as_properly_as_by_a_signal(tmp_path: Path) -> None:
    stdin, parents_end = os.pipe()
    with forked_lab(*ARGUMENTS, "--record", "./day", cwd=tmp_path, stdin=stdin) as process:
        assert process.stdout.readline().startswith('{"base_url":')
        os.close(parents_end)
        assert process.wait() == 0
    assert '"reason":"closed"' in (tmp_path / "day.rec.jsonl").read_text().splitlines()[-1]
