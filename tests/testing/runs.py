"""Runs of pytest in a process of their own, with the plugin and nothing else."""

import os
import subprocess
import sys
import xml.etree.ElementTree as tree
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

COMMAND = [sys.executable, "-m", "pytest", "-p", "lab.testing.plugin", "-c", os.devnull, "--junit-xml", "found.xml"]


@dataclass
class PytestRun:
    """What came of it."""

    code: int
    out: str
    cases: dict[str, tree.Element]
    """By test name."""

    def outcome(self, name: str) -> str:
        return next((each.tag for each in self.cases[name] if each.tag != "properties"), "passed")

    def text(self, name: str) -> str:
        return "\n".join((each.get("message") or "") + (each.text or "") for each in self.cases[name])


def environment() -> dict[str, str]:
    lab = {"LAB": f"{sys.executable} -m lab", "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return {**os.environ, "PYTEST_ADDOPTS": "", **lab}


def run_pytest(folder: Path, files: dict[str, str], *arguments: str) -> PytestRun:
    """Run these files, with the shipped scenarios."""
    for name, text in files.items():
        (folder / name).write_text(text)
    (folder / "scenarios").symlink_to(ROOT / "scenarios")
    done = subprocess.run(
        [*COMMAND, "--rootdir", str(folder), *arguments],
        cwd=folder, env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    cases = tree.parse(folder / "found.xml").iter("testcase")
    return PytestRun(done.returncode, done.stdout + done.stderr, {each.get("name", ""): each for each in cases})
