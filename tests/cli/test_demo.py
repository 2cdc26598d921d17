"""`lab demo` as a person sees it, and as a pipe reads it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Lab
from tests.terminal import Terminal, lab


def demo(folder: Path, *argv: str) -> Terminal:
    return lab("demo", "--scenarios", str(ROOT / "scenarios"), "--speed", "8", *argv, cwd=folder)


def test_from_the_first_paint_to_the_output(tmp_path: Path) -> None:
    with demo(tmp_path, "--record", "./shown") as terminal:
        terminal.until(lambda seen: "space Begin" in seen.text)
        terminal.press(" ")
        terminal.until(lambda seen: "APPROVAL NEEDED" in seen.text)
        terminal.press("a")
        terminal.until(lambda seen: "sooner." in seen.text)
        terminal.press("\x11")
        assert terminal.ended() == 0
    done = subprocess.run(
        [sys.executable, "-m", "lab", "replay", "./shown.rec.jsonl", "--scenarios", ROOT / "scenarios"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "1 passed, 0 failed\n"), done.stderr


@pytest.mark.parametrize("begun", [False, True])
def test_sigterm_restores_the_terminal_and_closes_the_tape(tmp_path: Path, begun: bool) -> None:
    with demo(tmp_path, "--record", "./cut") as terminal:
        terminal.until(lambda seen: "space Begin" in seen.text)
        terminal.press(" ")
        terminal.until(lambda seen: ("RUNNING" if begun else "oauth2") in seen.text)
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.ended() == 130
    assert '"reason":"sigterm"' in (tmp_path / "cut.rec.jsonl").read_text().splitlines()[-1]


def test_without_a_terminal_it_prints_lines(lab: Lab) -> None:
    done = lab("demo", "--speed", "instant")
    assert done.code == 0
    assert done.lines[0].startswith("# Compare two items")
    assert done.out == lab("run", "item-comparison", "--speed", "instant").out


def test_plain_lines_load_no_screen(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom lab.__main__ import main\n"
        f"code = main(['demo', '--plain', '--speed', 'instant', '--scenarios', {str(ROOT / 'scenarios')!r}])\n"
        "sys.exit(code or ('textual' in sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_person_answers_line_by_line_where_there_is_no_screen(tmp_path: Path) -> None:
    with demo(tmp_path, "--plain", "--reviewer", "person") as terminal:
        terminal.until(lambda seen: "a Approve" in seen.text)
        terminal.press("x\nr too dear\n")
        terminal.until(lambda seen: "too dear" in seen.text and "COMPLETE" in seen.text)
        assert terminal.ended() == 0
