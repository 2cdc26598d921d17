"""`lab docs` lists the pages and prints them: as they stand into a pipe, laid out and paged on a terminal."""

import os
import pty
import re
from io import StringIO
from pathlib import Path

import pytest

from lab.cli.commands.docs import laid_out
from lab.cli.console import Console
from lab.cli.main import run_command
from tests.conftest import each_row
from tests.forked import Forked
from tests.whole.docs.pages import PAGES

ROOT = Path(__file__).parents[3]


def lab(*argv: str) -> tuple[int, str, str]:
    out, err = StringIO(), StringIO()
    return run_command(list(argv), Console(out, err)), out.getvalue(), err.getvalue()


def test_without_a_page_it_lists_them_with_what_each_is_for() -> None:
    code, out, _ = lab("docs")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == sorted(PAGES)
    assert all(len(line.split()) > 4 and len(line) < 160 for line in out.splitlines()), out


@each_row("name", sorted(PAGES))
def test_a_page_goes_into_a_pipe_as_it_stands(name: str) -> None:
    assert lab("docs", name) == (0, PAGES[name].rstrip("\n") + "\n", "")


def test_an_unknown_page_is_wrong_usage_and_names_the_nearest() -> None:
    code, out, err = lab("docs", "controlplane")
    assert (code, out) == (2, "")
    assert "did you mean control-plane?" in err


def test_a_word_that_is_no_page_is_looked_for_in_the_pages() -> None:
    assert "The word stands in: " in (err := lab("docs", "filters")[2]) and "scenarios, §8" in err
    assert "scenarios, §8" in lab("docs", "templates")[2]
    assert "Pages: a2a, agents, callbacks, clients, " in lab("docs", "qqqqqq")[2]


@each_row("number, first, last", [
    ("2.1", "### 2.1 The invocation API", "2.1"), ("§2", "## 2. Routes", "2.8"), ("12.", "## 12. Open questions", "12"),
])  # fmt: skip
def test_of_a_page_one_section_may_be_shown_with_those_in_it(number: str, first: str, last: str) -> None:
    code, out, err = lab("docs", "contract", number)
    numbers = [line.split()[1].rstrip(".") for line in out.splitlines() if re.match("##+ [0-9]", line)]
    assert (code, err, out.splitlines()[0], numbers[-1]) == (0, "", first, last)
    assert out.rstrip("\n") in PAGES["contract"]


def test_a_section_that_there_is_not_is_wrong_usage_and_names_those_there_are() -> None:
    code, out, err = lab("docs", "contract", "2.9")
    assert (code, out) == (2, "")
    assert err.startswith(
        "lab: The page contract has no section 2.9.\n  1. Marks and notation\n  2. Routes\n  2.1 The "
    )


def on_a_terminal(page: str, **environment: str) -> str:
    """What a terminal of 80 columns is sent, with `cat` as its pager unless `environment` says otherwise."""
    leader, follower = pty.openpty()
    settings = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "100", "PAGER": "cat", **environment}
    process = Forked(("docs", page), (follower, follower, follower), ROOT, settings)
    os.close(follower)
    sent = b""
    try:
        while more := os.read(leader, 65536):
            sent += more
    except OSError:  # the other end is closed: all has been read
        pass
    os.close(leader)
    assert process.wait() == 0
    return sent.decode()


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(PAGES))
def test_laid_out_no_table_loses_a_word(name: str) -> None:
    shown = laid_out(PAGES[name], color=True)
    assert "\x1b[1m" in shown
    assert shown.count("…") == PAGES[name].count("…")


def test_without_a_pager_it_is_printed_all_the_same() -> None:
    assert "# The control plane" in on_a_terminal("control-plane", PAGER="no-such-program-here")


def test_no_color_is_honoured() -> None:
    coloured = re.compile(r"\x1b\[(?:\d+;)*[34][0-7](?:;\d+)*m")
    assert coloured.search(on_a_terminal("control-plane"))
    assert not coloured.search(on_a_terminal("control-plane", NO_COLOR="1"))
