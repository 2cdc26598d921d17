"""Files that outputs name: only regular ones, only within the scenario's folder (limits.md §4, row 90)."""

import os
from pathlib import Path

import pytest

from lab.core.errors import ScenarioError
from lab.files.scenarios import load_scenario
from tests.conftest import ROOT

SCENARIO = """\
lab: 1
name: a
title: A
agent: {code: A}
ask: go
steps:
  - complete: end
    output: {file: NAME}
"""


def loaded(folder: Path, name: str):
    (folder / "a.yaml").write_text(SCENARIO.replace("NAME", name))
    return load_scenario("a", folder)


def complaint(folder: Path, name: str) -> str:
    with pytest.raises(ScenarioError) as caught:
        loaded(folder, name)
    (found,) = caught.value.complaints
    assert (found.line, found.column) == (8, 20)
    return f"{found.what}; {found.hint}".removeprefix("steps[0].output.file: ").rstrip("; ")


def test_a_file_is_read_with_the_scenario_and_changes_its_digest(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "x.html").write_bytes(b"\xef\xbb\xbf<b>{{ no template }}</b>")
    program = loaded(tmp_path, "out/x.html")
    assert program.files == {"out/x.html": "<b>{{ no template }}</b>"}
    (tmp_path / "out" / "x.html").write_text("other")
    assert loaded(tmp_path, "out/x.html").digest != program.digest


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "~/x", "'C:x'", "'a\\b'"])
def test_a_name_that_leads_out_is_refused_unread(tmp_path, name):
    assert "is outside the scenario's folder" in complaint(tmp_path, name)


def test_what_is_no_regular_file_is_refused_without_waiting_for_it(tmp_path):
    (tmp_path / "real.txt").write_text("x")
    (tmp_path / "link.txt").symlink_to("real.txt")
    (tmp_path / "up").symlink_to(ROOT)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    assert complaint(tmp_path, "link.txt") == "link.txt is a link; put the file itself there"
    assert (
        complaint(tmp_path, "up/README.md") == "up/README.md is outside the scenario's folder; a link leads out of it"
    )
    assert complaint(tmp_path, "folder").startswith("folder is not a regular file")
    assert complaint(tmp_path, "pipe") == "pipe is not a regular file"
    assert complaint(tmp_path, "gone.txt").startswith("there is no file gone.txt; it is looked for in ")


def test_a_file_is_utf8_and_at_most_sixteen_mib(tmp_path):
    (tmp_path / "latin").write_bytes(b"\xe9")
    assert complaint(tmp_path, "latin") == "latin is not UTF-8; save it as UTF-8"
    with open(tmp_path / "big", "wb") as file:
        file.truncate(5_000_000_000)
    assert complaint(tmp_path, "big") == "big is larger than 16 MiB"
    with open(tmp_path / "full", "wb") as file:
        file.truncate(16 << 20)
    assert len(loaded(tmp_path, "full").files["full"]) == 16 << 20
