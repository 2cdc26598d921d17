"""Tests in several processes are told of as if they had run in one, and none is lost with the process that ran it."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.conftest import ROOT
from tests.workers import AT_A_TIME, FORKS, Queue, batches_of

FILES = {
    "a/test_a.py": """
        import pytest
        @pytest.fixture(scope="session")
        def here(tmp_path_factory):
            yield tmp_path_factory.getbasetemp().name
        @pytest.mark.parametrize("number", range(40))
        def test_even(here, number):
            assert here.startswith("worker") and number != 7
        def test_left_out():
            pytest.skip("not today")
    """,
    "b/test_b.py": """
        import os, pytest, signal
        @pytest.fixture
        def ended():
            yield
            raise ValueError("at its end")
        def test_ends_badly(ended):
            pass
        def test_others():
            pass
        def test_dies():
            os.kill(os.getpid(), signal.SIGKILL)
    """,
}


forks = pytest.mark.skipif(not FORKS, reason="tests run in one process here")


def run(folder: Path, *options: str) -> tuple[int, str]:
    """What pytest says of these tests, run by two workers."""
    for name, text in FILES.items():
        (folder / name).parent.mkdir()
        (folder / name).write_text("\n".join(line[8:] for line in text.splitlines()))
    words = ("-n", "2", "--rootdir", ".", "-c", os.devnull, "-p", "tests.workers", "-p", "no:cacheprovider", "-rfE")
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, *options],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@forks
def test_each_test_is_told_of_once(tmp_path: Path) -> None:
    code, said = run(tmp_path, "--deselect", "b/test_b.py::test_dies")
    assert code == 1
    assert "1 failed, 41 passed, 1 skipped, 1 deselected, 1 error" in said
    assert "FAILED a/test_a.py::test_even[7]" in said
    assert "ERROR b/test_b.py::test_ends_badly - ValueError: at its end" in said


@forks
def test_a_worker_that_dies_is_told_of_with_its_test(tmp_path: Path) -> None:
    code, said = run(tmp_path, "--deselect", "a/test_a.py::test_even")
    assert code == 1 and "a worker ended with -9 in b/test_b.py::test_dies" in said


@forks
def test_after_the_first_failure_nothing_is_begun(tmp_path: Path) -> None:
    code, said = run(tmp_path, "-x")
    assert code == 1 and "stopping after 1 failures" in said


def test_every_test_is_in_one_batch_and_every_batch_is_of_one_folder() -> None:
    paths = [
        Path(folder) / "test.py"
        for folder, tests in (("a", AT_A_TIME * 2 + 1), ("b", 1), ("c", AT_A_TIME))
        for _ in range(tests)
    ]
    items = cast("list[pytest.Item]", [SimpleNamespace(path=path) for path in paths])
    batches = batches_of(items)
    assert [place for batch in batches for place in batch] == [*range(len(items))]
    assert [len(batch) for batch in batches] == [AT_A_TIME, AT_A_TIME, 1, 1, AT_A_TIME]
    assert all(len({paths[place].parent for place in batch}) == 1 for batch in batches)


def test_of_several_who_take_numbers_each_gets_others() -> None:
    queue = Queue(range(1000))
    one, another = iter(queue), iter(queue)
    taken = [number for _ in range(500) for number in (next(one), next(another))]
    assert taken == [*range(1000)] and [*one, *another] == []
