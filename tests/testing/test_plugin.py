"""The plugin of pytest: what a test finds, what stands beside one that failed, and what is left of a run."""

import ast
import os
import select
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from lab.core.version import __version__
from tests.conftest import ROOT
from tests.testing.runs import COMMAND, environment, run_pytest

HOME = ROOT / "lab" / "testing"
CLIENT = """\
import json, os, signal, time, urllib.error, urllib.parse, urllib.request
import pytest

pytestmark = pytest.mark.lab("quick", settings={"hints": "off"})

def call(url, data=None, token=None):
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"} if token else {}
    with urllib.request.urlopen(urllib.request.Request(url, data, headers)) as answer:
        return json.load(answer)

def start(lab, operation="invokeAsync"):
    form = {"grant_type": "client_credentials", **lab.credentials}
    token = call(form.pop("token_url"), urllib.parse.urlencode(form).encode())["access_token"]
    team = f"{lab.base_url}/api/fusion-ai/orchestrator/agent/v2/{lab.agent_code()}"
    job = call(f"{team}/{operation}", json.dumps({"message": lab.ask()}).encode(), token)
    return lambda: call(f"{team}/status/{job['jobId']}", token=token), job["jobId"]
"""
TESTS = """
places = []

@pytest.mark.parametrize("again", [False, True])
def test_reset(lab, again):
    assert lab.jobs() == [] and len(lab.calls()) == 0
    poll, job = start(lab)
    places.append(lab.base_url)
    lab.until(job, "COMPLETE")
    assert poll()["output"] == "Done." and lab.jobs() == [job]
    assert len(set(places)) == 1

def test_polls_in_vain(lab):
    poll, _ = start(lab)
    assert {poll()["status"] for _ in range(20)} == {"RUNNING"}

def test_calls(lab):
    poll, job = start(lab)
    assert (poll()["status"], poll()["status"]) == ("RUNNING", "RUNNING")
    log = lab.calls("status", job=job)
    assert len(log) == 2 and log.statuses == [200, 200] and all(0 <= gap < 5 for gap in log.gaps) and len(log.gaps) == 1

def test_faults(lab):
    lab.faults.disarm(lab.faults.arm(route="token", answer=429))
    name = lab.faults.arm(route="token", answer=503)
    assert lab.faults.armed() == [name]
    with pytest.raises(urllib.error.HTTPError, match="503"):
        start(lab)

def test_missed(lab):
    start(lab, "invokeasync")

def test_can_not_come(lab):
    lab.until(start(lab)[1], "WAITING")

def test_no_gate(lab):
    lab.job(start(lab)[1]).gate

def test_virtual_time(lab):
    with lab.virtual_time():
        begun = time.time()
        lab.advance("1h")
        poll, job = start(lab)
        lab.until(job, "COMPLETE")
        assert poll()["output"] == "Done." and 3605 <= time.time() - begun < 3700

@pytest.mark.lab("quick", scenarios="nowhere")
def test_nowhere(lab):
    pass

@pytest.mark.lab("quick", clok="manual")
def test_misspelt(lab):
    pass
"""
KILLED = """
def test_killed(lab):
    start(lab)
    with open("pid", "w") as file:
        file.write(str(lab.process.pid))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_test_finds_and_what_stands_beside_one_that_failed(tmp_path: Path) -> None:
    run = run_pytest(tmp_path, {"test_client.py": CLIENT + TESTS})
    outcomes = {name: run.outcome(name) for name in run.cases}
    failed = {"test_missed", "test_can_not_come", "test_no_gate"}
    assert {name for name, outcome in outcomes.items() if outcome == "failure"} == failed, run.out
    assert {name for name, outcome in outcomes.items() if outcome == "error"} == {"test_nowhere", "test_misspelt"}
    assert len(outcomes) == 11
    assert run.out.count("LabWarning: note: 20 polls of job") == 1
    assert "invokeasync: did you mean POST /api/fusion-ai/orchestrator/agent/v2/{code}/invokeAsync?" in run.out
    assert "/invokeasync -> 404" in run.out
    assert "can't be WAITING" in run.text("test_can_not_come") and "0.000 s  RUNNING run" in run.text(
        "test_can_not_come"
    )
    assert "is RUNNING in run: no gate is open" in run.text("test_no_gate")
    assert "takes no clok=; it takes scenarios, seed, clock" in run.text("test_misspelt")
    assert "There is no folder nowhere." in run.text("test_nowhere") and "Traceback" not in run.text("test_nowhere")


@pytest.mark.long
def test_a_pytest_that_is_killed_leaves_no_lab_behind(tmp_path: Path) -> None:
    (tmp_path / "test_client.py").write_text(CLIENT + KILLED)
    done = subprocess.run(COMMAND, cwd=tmp_path, env=environment(), capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL
    try:
        process = os.pidfd_open(int((tmp_path / "pid").read_text()))
    except ProcessLookupError:
        return
    ended, _, _ = select.select([process], [], [], 20)
    os.close(process)
    assert ended


def test_pytest_is_not_held_up_by_a_plugin_that_nobody_uses() -> None:
    program = (
        "import pytest, sys; before = set(sys.modules); import lab.testing.plugin; print(*set(sys.modules) - before)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {"lab", "lab.testing", "lab.testing.plugin"}


def test_nothing_but_pytest_and_the_standard_library_is_imported() -> None:
    allowed = {*sys.stdlib_module_names, "pytest"}
    for path in HOME.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                assert {each.name.partition(".")[0] for each in node.names} <= allowed, path
            elif isinstance(node, ast.ImportFrom) and not node.level:
                assert (node.module or "").partition(".")[0] in allowed, path


def test_the_distribution_of_its_own_holds_all_modules_and_loads_as_the_same_plugin() -> None:
    own = tomllib.loads((HOME / "pyproject.toml").read_text())
    assert own["project"]["license-files"] == ["LICENSE"]
    assert (HOME / "LICENSE").read_text() == (ROOT / ".github" / "LICENSE").read_text()
    whole = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    files = {path.name for path in HOME.iterdir() if path.suffix == ".py"} | {"py.typed"}
    assert set(own["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]) == files
    assert own["project"]["version"] == __version__
    # of two plugins of one name pytest loads one
    assert own["project"]["entry-points"]["pytest11"].keys() == whole["entry-points"]["pytest11"].keys()
    assert own["project"]["dependencies"] == whole["optional-dependencies"]["pytest"]
