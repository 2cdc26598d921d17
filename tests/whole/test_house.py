"""The house stands: its rules hold, and each rule fails when it is broken on purpose."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOP_LEVEL = {"pyproject.toml", "README.md", "lab", "scenarios", "tests", "recordings"}
BIN = Path(sys.executable).parent


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / "lint-imports", "--no-cache"], cwd=folder, capture_output=True, text=True, check=False
    )  # fmt: skip


def ruff(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / "ruff", *arguments, "--no-cache", "lab", "tests"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The lab's source in a folder of its own, to be broken."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "lab", tmp_path / "lab", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "tests").mkdir()
    return tmp_path


def append(path: Path, text: str) -> None:
    path.write_text((path.read_text() if path.exists() else "") + text)


def test_every_module_has_its_place_and_arrows_point_down() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_lints() -> None:
    done = ruff(ROOT, "check", "--output-format", "concise")
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_broken_layer_and_a_module_without_a_place_fail_the_build(copy: Path) -> None:
    homeless = ("lab/utils.py", "lab/core/helpers.py")
    broken = (
        ("lab/core/clock.py", "import asyncio\n", "asyncio"),
        ("lab/core/clock.py", "import time\n", "time"),
        ("lab/jobs/gates.py", "import logging\n", "logging"),
        ("lab/core/exchange.py", "from lab.jobs import plan\n", "lab.jobs.plan"),
        ("lab/jobs/gates.py", "from lab.jobs import timeline\n", "lab.jobs.timeline"),
        ("lab/core/clock.py", "from lab import settings\n", "lab.settings"),
        ("lab/tui/__init__.py", "import lab.server\n", "lab.server"),
        ("lab/client/__init__.py", "import lab.server\n", "lab.server"),
        ("lab/app/__init__.py", "import lab.mock\n", "lab.mock"),
        ("lab/tui/__init__.py", "import lab.mock\n", "lab.mock"),
    )
    for file, text, _ in (*broken, *((file, "X = 1\n", "") for file in homeless)):
        append(copy / file, text)
    done = lint_imports(copy)
    assert done.returncode == 1, done.stdout
    for file, _, imported in broken:
        module = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        assert re.search(rf"^- +{module} -> {imported} \(", done.stdout, re.MULTILINE), (module, imported, done.stdout)
    for module in ("lab.utils", "lab.core.helpers"):
        assert f"not listed as layers:\n\n- {module}\n" in done.stdout, done.stdout


DOORS = (
    ("import time\n\nNOW = time.time()\n", "lab/clocks/"),
    ("import time\n\nNOW = time.monotonic()\n", "lab/clocks/"),
    ("from time import perf_counter\n\nNOW = perf_counter()\n", "lab/clocks/"),
    ("import datetime\n\nNOW = datetime.datetime.now(datetime.UTC)\n", "lab/clocks/"),
    ("import asyncio\n\nWAIT = asyncio.sleep\n", "lab/clocks/"),
    ("import random\n\nDIE = random.random()\n", "lab/core/seeds.py"),
    ("import uuid\n\nID = uuid.uuid4()\n", "lab/core/seeds.py"),
    ("import secrets\n\nTOKEN = secrets.token_hex()\n", "lab/cli/entropy.py"),
    ("import os\n\nHOME = os.environ['HOME']\n", "lab/cli/parser.py"),
    ("import os\n\nHOME = os.getenv('HOME')\n", "lab/cli/parser.py"),
    ("import sys\n\nsys.stdout.write('hello')\n", "lab/cli/console.py"),
    ("import aiohttp\n\nMAKE = aiohttp.ClientSession\n", "lab/client/transport.py"),
)


def test_each_effect_past_its_door_names_the_door(copy: Path) -> None:
    for number, (text, _) in enumerate(DOORS):
        (copy / "lab" / "recording" / f"sly_{number}.py").write_text(text)
    done = ruff(copy, "check", "--output-format", "concise")
    assert done.returncode == 1
    for number, (text, door) in enumerate(DOORS):
        reported = [line for line in done.stdout.splitlines() if f"sly_{number}.py" in line and "TID251" in line]
        assert any(door in line for line in reported), (text, done.stdout)


CLIENTS = (
    "agent_story/client.py", "clients/lab_mcp.py", "clients/receiver.py", "mcp_tasks/small_client.py",
    "report/over_sockets.py", "testing/clients.py", "testing/test_virtual_time.py",
)  # fmt: skip
"""Their sleeps are what is tested: they are clients', which live by the lab's clock, or are compared with who does."""


def test_no_test_waits() -> None:
    sleeps = re.compile(r"\b(?:time|asyncio)\.sleep\((?!0\))")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if path != Path(__file__) and not path.as_posix().endswith(CLIENTS)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if sleeps.search(line)
    ]
    assert found == []


def test_the_top_level_is_closed() -> None:
    listed = subprocess.run(
        ["git", "ls-tree", "--name-only", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a clone")
    extra = {name for name in listed.stdout.split() if not name.startswith(".")} - TOP_LEVEL
    assert extra == set()


def test_every_dependency_says_why() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    project = tomllib.loads(text)["project"]
    extras = [name for names in project["optional-dependencies"].values() for name in names]
    for name in [*project["dependencies"], *extras]:
        line = next(line for line in text.splitlines() if line.strip().startswith(f'"{name}"'))
        assert "# " in line, f"{name} has no reason"
