"""What wheel and source distribution hold, and that the wheel works away from the checkout."""

import os
import re
import subprocess
import sys
import tarfile
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.conftest import ROOT

KINDS = {".css", ".html", ".json", ".jsonl", ".md", ".msgpack", ".pem", ".py", ".tcss", ".toml", ".typed", ".yaml", ""}
"""The endings of what ships; the empty one is that of long bodies, which are named by their digests."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from hatchling.builders.wheel import WheelBuilder  # which no other test waits for

    (path,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("wheel")), versions=["standard"])
    return Path(path)


def files_below(folder: str, placed: str) -> set[str]:
    """The files below a folder of the checkout, as the wheel calls them."""
    files = (path.relative_to(ROOT / folder) for path in (ROOT / folder).rglob("*") if path.is_file())
    return {f"{placed}/{path.as_posix()}" for path in files if "__pycache__" not in path.parts}


def test_it_holds_the_package_its_scenarios_and_recordings_and_nothing_else(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = archive.namelist()
    parts = [name for name in names if ".dist-info/" not in name]
    assert len(parts) == len(set(parts))
    assert set(parts) == {
        *files_below("lab", "lab"),
        *files_below("scenarios", "lab/shipped/scenarios"),
        *files_below("recordings", "lab/shipped/recordings"),
    }
    assert {Path(name).suffix for name in parts} == KINDS
    assert "lab/py.typed" in parts
    about = {name.partition(".dist-info/")[2] for name in set(names) - set(parts)}
    assert about == {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/.github/LICENSE"}


@pytest.mark.long
def test_the_source_distribution_is_the_checkout(tmp_path: Path) -> None:
    from hatchling.builders.sdist import SdistBuilder  # as above

    (path,) = SdistBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    whole = [files_below(folder, folder) for folder in ("lab", "scenarios", "recordings", "tests", ".github", ".ci")]
    alone = {"pyproject.toml", "README.md", "PKG-INFO", ".gitignore", ".gitattributes", ".pre-commit-hooks.yaml"}
    assert names == {*alone, *(name for files in whole for name in files)}


def test_its_page_on_an_index_needs_nothing_beside_it(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        (path,) = (name for name in archive.namelist() if name.endswith("METADATA"))
        about = message_from_bytes(archive.read(path), policy=default)
    assert (about["License-Expression"], about["License-File"]) == ("MIT", ".github/LICENSE")
    page = about.get_payload()
    assert about["Description-Content-Type"] == "text/markdown"
    assert page.startswith("# Invoke Async Lab\n")
    assert not re.search(r"\]\((?!https:)", page)
    assert "contributing, changes." in page
    assert page.count("\n## ") == (ROOT / "README.md").read_text("utf-8").count("\n## ")


def test_it_has_a_command_of_the_distributions_name(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        (path,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
        lines = archive.read(path).decode().splitlines()
    assert lines[:3] == ["[console_scripts]", "invoke-async-lab = lab.__main__:main", "lab = lab.__main__:main"]


@pytest.mark.long  # whatever it imports is compiled first
def test_unpacked_elsewhere_it_replays_a_recording_that_it_carries(wheel: Path, tmp_path: Path) -> None:
    (folder := tmp_path / "empty").mkdir()
    with ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "unpacked")
    done = subprocess.run(
        [sys.executable, "-m", "lab", "replay", "item-comparison", "heavy-load"],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "unpacked"), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "2 passed, 0 failed\n", "")
    assert not list(folder.iterdir())
