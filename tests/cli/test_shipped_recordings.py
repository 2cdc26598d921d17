"""A recording's name means one in `./recordings`, else one that the lab carries, where nothing is ever written."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import ROOT, Lab

NAME = "item-comparison"
OTHER = ROOT / "recordings" / "wrong-badge.rec.jsonl"


@pytest.fixture
def empty(lab: Lab) -> Lab:
    """Commands in a folder that has nothing, not even scenarios."""
    (lab.folder / "scenarios").unlink()
    return lab


@pytest.mark.parametrize("command", [["play"], ["show"], ["replay"]], ids=" ".join)
def test_a_name_finds_what_the_lab_carries(empty: Lab, command: list[str]) -> None:
    assert_found(empty, *command)


def assert_found(empty: Lab, *command: str) -> None:
    """A command prints what it makes of the recording that the lab carries, and writes nothing here."""
    done = empty(*command, NAME)
    assert done.code == 0, done.err
    assert done.out
    assert not list(empty.folder.iterdir())


def test_it_is_replayed_with_the_scenario_that_it_was_made_with(empty: Lab) -> None:
    (empty.folder / "scenarios").mkdir()
    assert empty("replay", NAME).code == 0
    assert empty("play", NAME, "--plain").out.startswith("# Compare two items")
    # what the folder lacks is sought among the shipped
    assert empty("replay", NAME, "--scenarios", "scenarios").code == 0


@pytest.mark.parametrize("place", [NAME, f"recordings/{NAME}.rec.jsonl"])
def test_a_path_and_the_folder_of_recordings_come_first(empty: Lab, place: str) -> None:
    (empty.folder / "recordings").mkdir()
    shutil.copy(OTHER, empty.folder / place)
    assert "FAI-40300" in empty("show", NAME).out


def test_a_dangling_link_of_that_name_is_not_passed_over(empty: Lab) -> None:
    (empty.folder / "recordings").mkdir()
    (empty.folder / "recordings" / f"{NAME}.rec.jsonl").symlink_to("nowhere")
    assert empty("show", NAME).err == f"lab: There is no file recordings/{NAME}.rec.jsonl.\n"


@pytest.mark.parametrize(
    "argv",
    [["repair", NAME], ["replay", NAME, "--accept", "--yes"], ["show", f"./{NAME}"]],
    ids=" ".join,
)
def test_what_would_write_there_and_what_names_this_folder_find_none(empty: Lab, argv: list[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in (ROOT / "recordings").iterdir()}
    done = empty(*argv)
    assert done.code == 2
    assert f"{NAME}.rec.jsonl" in done.err
    assert {path: path.stat().st_mtime_ns for path in (ROOT / "recordings").iterdir()} == before


def test_a_name_that_nothing_has_is_sought_in_the_folder_of_recordings(empty: Lab) -> None:
    assert empty("play", "item").err == f"lab: There is no file {Path('recordings') / 'item.rec.jsonl'}.\n"
