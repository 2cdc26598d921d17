"""The table comes to its end, whatever its parts do, and nothing that they started is left."""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.bench.measure import Extent, Row
from tests.bench.table import Part

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the bench reads /proc")


def met(extent: Extent) -> Iterable[Row]:
    """One row, of which the short form takes less."""
    yield Row("met", 1, extent.of(2, 1), "")


def missed(extent: Extent) -> Iterable[Row]:
    """One row that falls short of its goal."""
    yield Row("missed", 10, extent.of(2, 1), "")


def failing(_: Extent) -> Iterable[Row]:
    """A row, and then none."""
    yield Row("before it fails", 1, 1, "")
    raise AssertionError("it never came")


def hanging(_: Extent) -> Iterable[Row]:
    """Waits for ever for a process in a session of its own, out of reach of a signal to a group."""
    with subprocess.Popen(["sleep", "1000"], start_new_session=True) as process:
        yield Row("waits for a process", 1, 1, str(process.pid))


def abandoning(_: Extent) -> Iterable[Row]:
    """Ends, and leaves a process behind."""
    process = subprocess.Popen(["sleep", "1000"], stdout=subprocess.DEVNULL, start_new_session=True)
    yield Row("leaves a process", 1, 1, str(process.pid))
    process.returncode = 0


PARTS = {
    "failing": Part(failing), "hanging": Part(hanging, 1), "abandoning": Part(abandoning), "missed": Part(missed),
    "met": Part(met),
}  # fmt: skip


def table(*names: str, short: bool = False) -> tuple[int, list[str], str]:
    """The exit code, the lines and the complaints of a table of these parts, in a process that may end all its children."""
    program = (
        "import sys\n"
        "from tests.bench.measure import Extent\n"
        "from tests.bench.table import run\n"
        "from tests.bench.test_table import PARTS\n"
        f"sys.exit(run({{name: PARTS[name] for name in {names}}}, Extent({short})))"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    return ended.returncode, ended.stdout.splitlines(), ended.stderr


@pytest.mark.long
def test_a_part_that_hangs_is_cut_off_and_the_table_goes_on() -> None:
    code, lines, complaints = table("hanging", "met", short=True)
    row, cut, last = lines
    assert cut.startswith("hanging: FAILED, reached its limit of 1 s")
    assert "in hanging" in complaints
    assert last.startswith("met ")
    assert code == 1
    assert gone(row)


def test_a_part_that_fails_is_named_and_the_table_goes_on() -> None:
    code, lines, complaints = table("failing", "met", short=True)
    assert [line.partition("  ")[0] for line in lines[::2]] == ["before it fails", "met"]
    assert lines[1].startswith("failing: FAILED, ended with 1")
    assert "AssertionError: it never came" in complaints
    assert code == 1


def test_what_a_part_leaves_behind_is_ended() -> None:
    code, (row,), _ = table("abandoning")
    assert code == 0
    assert gone(row)


def gone(row: str) -> bool:
    """Whether the process is, whose number the row ends with."""
    try:
        os.kill(int(row.split()[-1]), 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("short", [False, True])
def test_a_goal_that_was_missed_counts_unless_the_form_is_short(short: bool) -> None:
    code, lines, _ = table("missed", "met", short=short)
    verdicts = ["", ""] if short else ["NOT MET", "met"]
    assert [line.partition(" %  ")[2].strip() for line in lines] == verdicts
    assert code == (0 if short else 1)
