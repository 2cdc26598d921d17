"""The examples of the page about plugins, put together, are a distribution that works."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from lab.cli.console import Console
from lab.cli.parser import read_call
from lab.core.errors import UsageError
from lab.dialects.wire import Wire
from lab.options import Option
from lab.plugin import Plugin
from tests.conftest import each_row
from tests.whole.docs.pages import PAGES, blocks, codes

PAGE = PAGES["plugins"]
TEAM = "/plain/ITEM_COMPARE_TEAM"
FUSION = "/api/fusion-ai/orchestrator/agent/v2/ITEM_COMPARE_TEAM/status"
MESSAGE = b"Compare M1000034 of org IMO and M1000040 of Org SBI"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the distribution as an installer leaves it: its files by the comments that head the examples."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "lab_count").mkdir()
    (folder / "lab_count" / "__init__.py").touch()
    (project,) = map(tomllib.loads, blocks(PAGE, "toml"))
    for text in blocks(PAGE, "python"):
        if text.startswith("# lab_count/"):
            (folder / text.partition("\n")[0].removeprefix("# ")).write_text(text)
    metadata = folder / "lab_count-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.4\nName: lab-count\nVersion: 1\n")
    ((group, points),) = project["project"]["entry-points"].items()
    lines = [f"[{group}]", *(f"{name} = {place}" for name, place in points.items())]
    (metadata / "entry_points.txt").write_text("\n".join(lines))
    return folder


CALLS = """
import contextlib, io, json, sys
from lab.__main__ import main
for call in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        code = main(call.split())
    print(json.dumps([code, out.getvalue(), err.getvalue()]))
"""


def labs(installed: Path | str, *calls: str) -> list[tuple[int, str, str]]:
    """Exit code, stdout and stderr of commands, one after the other in a process that finds the distribution."""
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run(
        [sys.executable, "-c", CALLS, json.dumps(calls)], env=environment, capture_output=True, text=True, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_command_and_the_form_are_found_and_the_wire_by_its_name(installed: Path) -> None:
    counted, gets, form, spoken = labs(
        installed,
        "count item-comparison",
        "count item-comparison --method GET",
        "show item-comparison --as csv",
        "run item-comparison --dialect plain --speed instant",
    )
    assert (counted[1], gets[1]) == ("10\n", "8\n")
    rows = form[1].splitlines()
    assert rows[:2] == ["x,method,path", "1,POST,/oauth2/v1/token"] and len(rows) == 11
    assert (spoken[0], spoken[2].splitlines()[0]) == (2, "lab: The lab serves plain, and doesn't speak it.")


def ask(url: str, body: bytes | None = None, **headers: str) -> tuple[int, dict[str, object]]:
    """The status and the JSON that a call is answered."""
    try:
        with urlopen(Request(url, body, headers), timeout=10) as answer:
            return answer.status, json.load(answer)
    except HTTPError as refused:
        return refused.code, json.load(refused)


@contextmanager
def served(installed: Path, folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """A lab that records: its origin, and what its clients send with a call."""
    command = (sys.executable, "-m", "lab", "serve", "item-comparison", "--port", "0", "--clock", "manual", "--json")
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    with subprocess.Popen(
        [*command, "--record", "day"], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            assert process.stdout is not None
            said = json.loads(process.stdout.readline())
            pair = b64encode(f"{said['client_id']}:{said['client_secret']}".encode()).decode()
            form = urlencode({"grant_type": "client_credentials", "scope": said["scope"]}).encode()
            token = ask(said["token_url"], form, Authorization=f"Basic {pair}")[1]["access_token"]
            yield said["base_url"], {"Authorization": f"Bearer {token}"}
        finally:
            process.terminate()


def test_the_wire_is_served_recorded_and_replayed(installed: Path, tmp_path: Path) -> None:
    with served(installed, tmp_path) as (base, known):
        assert ask(base + TEAM, MESSAGE)[0] == 401
        assert ask(base + TEAM, b" ", **known) == (400, {"error": "Say something.", "hint": ""})
        assert ask(base + "/plain/NOBODY", MESSAGE, **known)[0] == 404
        status, begun = ask(base + TEAM, MESSAGE, **known)
        assert (status, begun["state"]) == (200, "running")
        assert ask(f"{base}{TEAM}/{begun['job']}", **known) == (200, begun)
        other = ask(f"{base}{FUSION}/{begun['job']}", **known)[1]
        assert (other["jobId"], other["status"]) == (begun["job"], "RUNNING")  # each wire in its own words
        assert ask(f"{base}{TEAM}/{begun['job']}", **known) == (200, begun)
        assert ask(f"{base}{TEAM}/{begun['job']}", b"", **known)[0] == 405
    recording = str(tmp_path / "recordings" / "day.rec.jsonl")
    for place, passed in ((installed, "1 passed, 0 failed"), (tmp_path, "0 passed, 1 failed")):
        ((_, out, _),) = labs(place, f"replay {recording}")
        assert out.splitlines()[-1] == passed


@each_row("kind", [Plugin, Option, Wire])
def test_every_field_of_a_declaration_is_told(kind: type[Plugin | Option | Wire]) -> None:
    assert set(kind._fields) - codes(PAGE) == set()


def test_one_that_can_not_be_loaded_is_told_of_and_takes_nothing_along(installed: Path, tmp_path: Path) -> None:
    metadata = tmp_path / "lab_broken-2.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.4\nName: lab-broken\nVersion: 2\n")
    (metadata / "entry_points.txt").write_text("[lab.plugins]\nbroken = lab_broken.plugin:PLUGIN\n")
    both = os.pathsep.join((str(installed), str(tmp_path)))
    counted, mistyped, shown = labs(both, "count item-comparison", "broken", "doctor")
    assert counted[1] == "10\n"
    assert mistyped[0] == 2 and "The plugin of lab-broken 2 can't be loaded." in mistyped[2]
    doctor = shown[1].splitlines()
    assert any(line.startswith("plugin       of lab-broken 2: ") and "WRONG" in line for line in doctor), doctor
    assert any(line.startswith("plugin       count, of lab-count 1: ") for line in doctor), doctor


def test_a_mistake_of_its_own_is_told_as_its_own(installed: Path, tmp_path: Path) -> None:
    shutil.copytree(installed, tmp_path / "site")
    command = tmp_path / "site" / "lab_count" / "command.py"
    command.write_text(command.read_text().replace("console.out(str(len(calls)))", "console.nothing()"))
    ((code, _, err),) = labs(tmp_path / "site", "count item-comparison")
    assert code == 70
    assert "A bug of the plugin lab_count, AttributeError at lab_count/command.py:" in err


def test_no_phone_decides_where_each_visitor_of_a_page_has_a_run() -> None:
    with pytest.raises(UsageError, match="--web can't be used with --phone"):
        read_call(["demo", "--phone", "--web"], Console())
