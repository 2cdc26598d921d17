"""What a user may meet is named on a page: commands and their options, exit codes, limits, keys, facts, drills."""

import re
from io import StringIO

from msgspec.structs import fields

from lab.app.pauses import (
    CEILINGS,
    LONGEST_RUNNING,
    LONGEST_WAITING,
    SHORT_WAIT,
    SHORTEST_PAUSE,
    STEADY,
    WAITING_PAUSE,
)
from lab.cli.bug_report import BUG
from lab.cli.commands.replay import NOTHING_MATCHED
from lab.cli.console import INTERRUPTED, Console
from lab.cli.main import run_command
from lab.core.errors import LabError
from lab.core.journal.fact import Fact
from lab.plugins.rehearsal.drills.kinds import DRILL_KINDS
from lab.plugins.rehearsal.report.judge import RULE_OF
from lab.program.words import duration_text
from lab.recording.format import codec
from lab.server.limits import ServerLimits
from lab.tui.panes.registry import SCREEN_KEYS
from tests.conftest import each_row
from tests.whole.docs.pages import PAGES, codes

EVERYWHERE = set().union(*(codes(text) for text in PAGES.values()))


def help_of(*command: str) -> str:
    out = StringIO()
    assert run_command([*command, "--help"], Console(out, out)) == 0
    return out.getvalue()


COMMANDS = re.findall(r"^  ([a-z]+) ", help_of(), re.MULTILINE)


def test_every_command_is_on_the_page_of_commands() -> None:
    assert len(COMMANDS) > 12
    named = {code.split()[1] for code in codes(PAGES["commands"]) if code.startswith("lab ") and len(code.split()) > 1}
    assert set(COMMANDS) - named == set()


@each_row("command", COMMANDS)
def test_every_option_is_named_on_some_page(command: str) -> None:
    options = set(re.findall(r"(?<![\w-])--[a-z-]+", help_of(command))) - {"--help"}
    assert options - EVERYWHERE == set()


def exits(page: str) -> set[int]:
    """The exit codes in a page's tables."""
    return {int(code) for code in re.findall(r"^\| ([0-9]+) \|", page, re.MULTILINE)}


def known_exits() -> set[int]:
    kinds = [LabError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return {0, NOTHING_MATCHED, BUG, INTERRUPTED} | {kind.exit_code for kind in kinds}


def test_every_exit_code_is_in_the_table() -> None:
    table = PAGES["recordings"].partition("## 12. ")[2].partition("## 13. ")[0]
    assert exits(table) == known_exits()
    assert exits(table.replace("| 5 |", "| |")) != known_exits()


def limits(page: str) -> dict[str, float]:
    """The defaults in the table of limits, sizes in bytes and times in seconds."""
    units = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "s": 1, "": 1}
    rows = re.findall(r"^\| `(\w+)` \| ([0-9]+) ?(\w*) \|", page, re.MULTILINE)
    return {name: int(number) * units[unit] for name, number, unit in rows}


def test_every_limit_is_there_with_its_default() -> None:
    usual = ServerLimits()
    assert limits(PAGES["limits"]) == {each.name: getattr(usual, each.name) for each in fields(usual)}
    assert limits(PAGES["limits"].replace("| 75 s |", "| 76 s |")) != limits(PAGES["limits"])


def test_the_limits_of_pauses_are_on_the_page_of_clients() -> None:
    limits = PAGES["clients"].partition("### 8.1 ")[2].partition("## 9. ")[0]
    running, hour = duration_text(LONGEST_RUNNING), duration_text(LONGEST_WAITING)
    assert f"| least (C6) | {SHORTEST_PAUSE // 1_000} s |" in limits
    assert f"| ceiling in RUNNING (C7) | {running} |" in limits
    assert f"| the longest of {running}; a tenth of the time waited, up to {hour}; a hundredth of it |" in limits
    assert f"unless it is {STEADY // 1_000} s or more" in limits
    assert f"a median of {WAITING_PAUSE // 1_000} s or more" in limits and f"once {SHORT_WAIT // 1_000} s" in limits
    assert CEILINGS in RULE_OF["C7"].fix


def test_every_key_is_on_the_page_of_the_screen() -> None:
    assert {key.face for key in SCREEN_KEYS if key.face} - codes(PAGES["screen"]) == set()


def facts() -> set[str]:
    """The types of all facts that may stand in a recording."""
    assert codec
    kinds: list[type[Fact]] = [Fact]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return {kind.type for kind in kinds[1:]}


def test_every_type_of_fact_is_on_the_page_of_recordings() -> None:
    assert len(facts()) > 20
    assert facts() - codes(PAGES["recordings"]) == set()


def test_every_drill_is_on_the_page_of_clients() -> None:
    assert DRILL_KINDS.keys() - codes(PAGES["clients"]) == set()


@each_row(("page", "word"), [("screen", "ctrl+p"), ("clients", "wrong-length"), ("recordings", "wait.ended")])
def test_a_word_that_is_left_out_is_missed(page: str, word: str) -> None:
    assert word in codes(PAGES[page])
    assert word not in codes(PAGES[page].replace(word, "-"))
