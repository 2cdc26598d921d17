"""`lab serve` takes up an edited file within a second; a broken one leaves the last good version in place."""

import io
import os
import time
from pathlib import Path

import pytest

from lab.cli.console import Console
from lab.cli.serve.surroundings import ScenarioReloader
from lab.clocks import ManualClock
from lab.files.scenarios import load_scenarios
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.switches import Switches
from lab.server.labs import Labs, ServedLab
from lab.settings import MockSettings
from tests.forked import forked_lab

TEXT = """\
lab: 1
name: {name}
title: A report
agent: {{code: {code}}}
ask: Go
steps:
  - work: think
    takes: 1s
  - complete: done
    output: {output}
"""


class Folder:
    """A folder of scenarios, the mock that serves it, and what the console was told."""

    def __init__(self, path: Path, *targets: str) -> None:
        self.path = path
        self.now = 1_000_000_000
        self.write("report", "First.")
        self.service = Service(Config(load_scenarios(path, targets), Switches(), 42, 0))
        self.err = io.StringIO()
        settings = MockSettings(scenarios=str(path), targets=targets)
        labs = Labs(ServedLab(self.service, ManualClock(5)))
        self.reloading = ScenarioReloader(settings, labs, Console(io.StringIO(), self.err))

    def write(self, name: str, output: str, code: str = "REPORT") -> None:
        file = self.path / f"{name}.yaml"
        file.write_text(TEXT.format(name=name, code=code, output=output))
        self.now += 1_000
        os.utime(file, ns=(self.now, self.now))

    @property
    def outputs(self) -> dict[str, object]:
        return {each.name: getattr(each.scenario.steps[-1], "output", None) for each in self.service.config.scenarios}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_an_edit_is_taken_up_once(folder: Folder) -> None:
    folder.reloading.look()
    assert folder.err.getvalue() == ""
    folder.write("report", "Second.")
    folder.reloading.look()
    folder.reloading.look()
    assert folder.outputs == {"report": "Second."}
    assert folder.err.getvalue() == "loaded report; jobs that run keep what they began with\n"


def test_a_broken_edit_is_complained_of_once_and_changes_nothing(folder: Folder) -> None:
    folder.write("report", "{jsom: 1}")
    folder.reloading.look()
    folder.reloading.look()
    assert folder.outputs == {"report": "First."}
    printed = folder.err.getvalue()
    assert printed.count("report.yaml:10:") == 1 and "the version before goes on" in printed
    folder.write("report", "Mended.")
    folder.reloading.look()
    assert folder.outputs == {"report": "Mended."}


def test_an_edit_that_is_no_file_or_brings_out_a_bug_changes_nothing(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder.path / "report.yaml"
    path.unlink()
    os.mkfifo(path)
    folder.reloading.look()
    path.unlink()
    path.mkdir()
    folder.reloading.look()
    path.rmdir()
    with monkeypatch.context() as broken:
        broken.setattr("lab.cli.serve.surroundings.load_scenario", lambda *_: [][0])
        folder.write("report", "Third.")
        folder.reloading.look()
    assert folder.outputs == {"report": "First."}
    lines = [line for line in folder.err.getvalue().splitlines() if "version before goes on" in line]
    assert len(lines) == 3
    for line, what in zip(lines, ("is a pipe", "is a folder", "IndexError"), strict=True):
        assert what in line
    folder.write("report", "Fourth.")
    folder.reloading.look()
    assert folder.outputs == {"report": "Fourth."}


def test_a_new_file_is_served_and_a_removed_one_goes_on(folder: Folder) -> None:
    folder.write("other", "Hello.", "OTHER")
    folder.reloading.look()
    (folder.path / "report.yaml").unlink()
    folder.reloading.look()
    assert folder.outputs == {"report": "First.", "other": "Hello."}


def test_a_touched_file_is_no_edit(folder: Folder) -> None:
    folder.write("report", "First.")
    folder.reloading.look()
    assert folder.err.getvalue() == ""


def test_only_what_was_asked_for_is_looked_at(tmp_path: Path) -> None:
    folder = Folder(tmp_path, "report")
    folder.write("other", "Hello.", "OTHER")
    folder.reloading.look()
    assert list(folder.outputs) == ["report"]


def test_serve_takes_up_an_edit_within_a_second(tmp_path: Path) -> None:
    Folder(tmp_path)
    with forked_lab("serve", "--scenarios", str(tmp_path), "--port", "0", "--json", cwd=tmp_path) as process:
        process.stdout.readline()
        begun = time.monotonic()
        file = tmp_path / "report.yaml"
        file.write_text(file.read_text().replace("First.", "Second."))
        assert process.stderr.readline().startswith("loaded report")
        assert time.monotonic() - begun < 5  # a second, on a machine that does nothing else
