"""What the README says is so, and the map of the house beside it."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from lab.cli.console import Console
from lab.cli.parser import read_call
from lab.language.parse import parse_scenario
from lab.plugins import PLUGIN_NAMES
from tests.cli.test_serve import listening, serving

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / ".github" / "CONTRIBUTING.md").read_text()


def test_two_commands_each_with_a_venv_of_its_own() -> None:
    commands = [line for line in README.splitlines() if line.startswith("python3 -m venv")]
    assert len(commands) == 2
    demo, tests = commands
    assert demo.endswith("/bin/lab demo")
    assert tests.endswith("-m pytest")
    assert len({re.match(r"python3 -m venv (\S+)", command)[1] for command in commands}) == 2  # type: ignore[index]


def test_the_map_names_every_part_of_the_house() -> None:
    parts = {path.name for path in (ROOT / "lab").iterdir() if not path.name.startswith("__")}
    for part in (*parts - {"py.typed"}, *PLUGIN_NAMES):
        assert f"`{part}" in CONTRIBUTING, part


def test_it_is_short() -> None:
    assert README.count("\n") <= 130


def test_each_line_for_a_shell_is_one_that_the_lab_takes() -> None:
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("lab ")]
    assert len(lines) > 15
    for line in lines:
        words = shlex.split(line, comments=True)
        argv = words[1 : words.index(">") if ">" in words else None]
        assert read_call(argv, Console(), {}).command.name == argv[0]


def test_it_lists_every_scenario_with_what_it_shows() -> None:
    found = [parse_scenario(path.read_bytes(), path.name) for path in (ROOT / "scenarios").glob("*.yaml")]
    rows = {f"| {scenario.name} | {scenario.shows} |" for scenario in found}
    assert {line for line in README.splitlines() if line in rows} == rows


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / target).exists(), target


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_lines_for_your_own_client_do_what_they_say(tmp_path: Path) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    calls = next(block for block in blocks if "invokeAsync" in block)
    steers = next(block for block in blocks if "_lab/" in block)
    with serving("item-comparison", "--json", "--clock", "manual", cwd=tmp_path) as process:
        ready = listening(process)
        script = (calls + steers).replace("http://127.0.0.1:8080", ready["base_url"])
        script = script.replace("http://127.0.0.1:8081", ready["control_url"])
        environment = {**os.environ, "LAB_CONTROL_TOKEN": ready["control_token"]}
        done = subprocess.run(
            ["bash", "-eu", "-c", script], env=environment, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr
    assert '"status":"RUNNING"' in done.stdout
    assert "the negotiated prices were left out" in done.stdout, done.stdout
