"""`lab demo` as a person sees it, and as a pipe reads it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import terminal
from tests.conftest import ROOT, Lab
from tests.terminal import Terminal


def demo(folder: Path, *argv: str) -> Terminal:
    return terminal.lab("demo", "--scenarios", str(ROOT / "scenarios"), "--speed", "8", *argv, cwd=folder)


def test_from_the_first_paint_to_the_output(lab: Lab) -> None:
    with demo(lab.folder, "--record", "./shown") as shown:
        shown.until(lambda seen: "space Begin" in seen.text)
        shown.press(" ")
        shown.until(lambda seen: "APPROVAL NEEDED" in seen.text)
        shown.press("a")
        shown.until(lambda seen: "sooner." in seen.text)
        shown.press("\x11")
        assert shown.ended() == 0
    done = lab("replay", "./shown.rec.jsonl")
    assert (done.code, done.out) == (0, "1 passed, 0 failed\n"), done.err


@pytest.mark.parametrize("begun", [False, True])
def test_sigterm_restores_the_terminal_and_closes_the_tape(tmp_path: Path, begun: bool) -> None:
    with demo(tmp_path, "--record", "./cut") as shown:
        shown.until(lambda seen: "space Begin" in seen.text)
        shown.press(" ")
        shown.until(lambda seen: ("RUNNING" if begun else "oauth2") in seen.text)
        shown.process.send_signal(signal.SIGTERM)
        assert shown.ended() == 130
    assert '"reason":"sigterm"' in (tmp_path / "cut.rec.jsonl").read_text().splitlines()[-1]


def test_without_a_terminal_it_prints_lines(lab: Lab) -> None:
    done = lab("demo", "--speed", "instant")
    assert done.code == 0
    assert done.lines[0].startswith("# Compare two items")
    assert done.out == lab("run", "item-comparison", "--speed", "instant").out


def test_plain_lines_that_cost_no_time_load_no_screen_and_no_sockets(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom lab.__main__ import main\n"
        f"code = main(['demo', '--plain', '--speed', 'instant', '--scenarios', {str(ROOT / 'scenarios')!r}])\n"
        "sys.exit(code or str({'textual', 'aiohttp'} & set(sys.modules) or '') or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_person_answers_line_by_line_where_there_is_no_screen(tmp_path: Path) -> None:
    with demo(tmp_path, "--plain", "--reviewer", "person") as shown:
        shown.until(lambda seen: "a Approve" in seen.text)
        shown.press("x\nr too dear\n")
        shown.until(lambda seen: "too dear" in seen.text and "COMPLETE" in seen.text)
        assert shown.ended() == 0
