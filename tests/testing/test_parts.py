"""The parts of the plugin by themselves: which lab is started, labs that are used again, how a drill is judged."""

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.testing import DrillCase, DrillFailed, LabUnavailable
from lab.testing import pool as pools
from lab.testing.pool import MOST_LABS, LabPool
from lab.testing.process import LabProcess, lab_command, lab_output


def program(folder: Path, name: str) -> str:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_the_first_lab_that_there_is_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "env" / "python"))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.delenv("LAB", raising=False)
    with pytest.raises(LabUnavailable, match="There is no lab here"):
        lab_command()
    uvx = program(tmp_path / "path", "uvx")
    assert lab_command() == [uvx, "--from", "invoke-async-lab", "lab"]
    beside = program(tmp_path / "env", "lab")
    assert lab_command() == [beside]
    on_path = program(tmp_path / "path", "lab")
    assert lab_command() == [on_path]
    monkeypatch.setenv("LAB", "python -m 'my lab'")
    assert lab_command() == ["python", "-m", "my lab"]
    monkeypatch.setenv("LAB", program(tmp_path / "a b", "lab"))
    assert lab_command() == [str(tmp_path / "a b" / "lab")]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "raise ModuleNotFoundError(\"No module named 'msgspec'\")",
            "let the variable LAB name a lab in an environment of",
        ),
        ("import sys; sys.exit('lab: not today')", "lab: not today"),
    ],
)
def test_a_lab_that_can_not_start_says_why(monkeypatch: pytest.MonkeyPatch, code: str, said: str) -> None:
    monkeypatch.setenv("LAB", f"{sys.executable} -c {shlex.quote(code)}")
    with pytest.raises(LabUnavailable, match=said):
        lab_output(["drill"], None)


def test_a_lab_tells_a_control_token_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import os; print('{\"control_url\": \"%s\"}' % os.environ.get('LAB_CONTROL_TOKEN'))"
    monkeypatch.setenv("LAB", f"{sys.executable} -S -c {shlex.quote(code)}")
    monkeypatch.setenv("LAB_CONTROL_TOKEN", "x" * 16)
    process = LabProcess([], None)
    process.stop(10)
    assert process.ready == {"control_url": "None"}


class FakeLab:
    """Stands for a process."""

    def __init__(self, *targets: str, **options: object) -> None:
        self.targets = targets
        self.calls: list[str] = []
        self.running = True
        self.process = self
        self.ending = "result"
        self.manual = False

    def __getattr__(self, name: str) -> Callable[[], None]:
        return lambda: self.calls.append(name)

    def outcome(self, **how: object) -> str:
        return self.ending


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> LabPool:
    monkeypatch.setattr(pools, "Lab", FakeLab)
    return LabPool(tmp_path)


def used(pool: LabPool, *targets: str) -> Any:
    return pool.lab(targets, {})


def test_a_lab_is_used_again_once_it_is_reset_and_another_is_started_where_it_has_ended(pool: LabPool) -> None:
    first = used(pool, "a")
    assert used(pool, "a") is first
    assert first.calls == ["start", "reset", "remarks"]
    first.running = False
    assert used(pool, "a") is not first
    assert used(pool, "b") is not used(pool, "a")


def test_of_many_labs_the_one_that_was_used_least_lately_ends(pool: LabPool) -> None:
    labs = [used(pool, str(number)) for number in range(MOST_LABS)]
    used(pool, "0")
    used(pool, "one more")
    assert [each.targets for each in labs if "stop" in each.calls] == [("1",)]


class Stopped(Exception):
    """By which a client says that it stopped."""


def drill(outcome: str, *good: str) -> DrillCase:
    lab: Any = FakeLab()
    lab.ending = outcome
    return DrillCase("w-503-poll-1", "W", "503", "the first poll", good, 1, True, "x", {}, lab)


def run(case: DrillCase, error: BaseException | None = None) -> None:
    with case.expect(stops=Stopped):
        if error is not None:
            raise error


def test_a_client_that_ends_as_a_good_one_passes() -> None:
    run(drill("result", "result"))
    run(drill("clean stop", "result", "clean stop"), Stopped())


def test_one_that_ends_otherwise_fails_and_is_told_what_a_good_one_does() -> None:
    with pytest.raises(DrillFailed, match=r"503 at the first poll\): clean stop; a good client: result"):
        run(drill("clean stop", "result"), Stopped())


def test_any_other_error_is_a_crash() -> None:
    with pytest.raises(DrillFailed, match="crash; a good client: result") as caught:
        run(drill("result", "result"), KeyError("jobId"))
    assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(KeyboardInterrupt):
        run(drill("result", "result"), KeyboardInterrupt())


def test_where_the_fault_was_not_met_nothing_is_said() -> None:
    with pytest.raises(pytest.skip.Exception, match="never came to the first poll"):
        run(drill("not struck", "result"))
