"""`lab rehearse --virtual`: a client in Python lives by its lab's clock; what can't is refused with a sentence."""

import sys
from pathlib import Path

import pytest

from lab.recording.format.lines import Req
from lab.recording.format.reader import read
from tests.conftest import Called, Lab
from tests.plugins.rehearsal.commands.test_rehearse import API, CLIENT
from tests.scenario_texts import BRIEF

LONG = BRIEF.replace("60ms", "30h").replace("seed: 1\n", "seed: 1\ntoken: {lifetime: 48h}\n")
PATIENT = CLIENT.replace("pause(0.02)", "pause(3600)")


@pytest.fixture
def here(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.chdir(lab.folder)
    monkeypatch.delenv("LAB_SEED", raising=False)
    (lab.folder / "brief.yaml").write_text(LONG)
    (lab.folder / "client.py").write_text(PATIENT)
    return lab


def rehearse(lab: Lab, *command: str, options: tuple[str, ...] = ()) -> Called:
    return lab("rehearse", "brief.yaml", "--virtual", *options, "--env", API, "--into", "out", "--", *command)


def polls_in(path: Path) -> int:
    return sum(req.method == "GET" for req in read(path.read_bytes()).of(Req))


def test_a_job_of_hours_takes_no_time_and_the_clients_own_start_is_run(
    here: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here.folder / "own").mkdir()
    (here.folder / "own" / "sitecustomize.py").write_text(
        "import os, time\nopen('seen', 'w').write(f'{os.environ[\"PYTHONPATH\"]} {type(time.sleep).__name__}')"
    )
    monkeypatch.setenv("PYTHONPATH", str(here.folder / "own"))
    called = rehearse(here, sys.executable, "client.py")
    assert called.lines[0] == "1 run: 1 result; 0 otherwise than a good client's"
    assert (here.folder / "seen").read_text() == f"{here.folder / 'own'} function"
    recording = here.folder / "out" / "brief.rec.jsonl"
    assert polls_in(recording) == 30 and '"w":' not in recording.read_text()
    assert here("replay", "--scenarios", ".", "out/brief.rec.jsonl").code == 0


def test_the_limit_counts_in_the_labs_time(here: Lab) -> None:
    called = rehearse(here, sys.executable, "client.py", options=("--limit", "10h"))
    assert "ended at its limit of 10h; its jobs take 1d6h" in called.out
    assert polls_in(here.folder / "out" / "brief.rec.jsonl") == 9


def test_of_work_without_end_two_days_are_waited_for(here: Lab) -> None:
    (here.folder / "brief.yaml").write_text(LONG.replace("48h", "90d"))
    drill = ("--drills", "brief.yaml", "--only", "z-never-ends-turn-1", "--virtual", "--env", API, "--into", "out")
    called = here("rehearse", *drill, "--", sys.executable, "client.py")
    assert called.lines[0] == "FAIL  z-never-ends-turn-1: hang; a good client: clean stop"
    assert "ended at its limit of 3d6h10m; its jobs take 3651d6h" in called.out


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("true",), "true lives by another clock: virtual time is for a client in Python."),
        ((sys.executable, "-S", "client.py"), "lives by another clock"),
        ((sys.executable, "-c", "import os; os.system('true')"), "The client starts a process"),
        ((sys.executable, "-c", "import subprocess; subprocess.run(['true'])"), "The client starts a process"),
        (
            (sys.executable, "-c", "import os\ntry: os.fork()\nexcept BaseException: pass"),
            "The client starts a process",
        ),
    ],
)
def test_what_can_not_live_by_the_clock_is_refused(here: Lab, command: tuple[str, ...], why: str) -> None:
    called = rehearse(here, *command)
    assert called.code == 2 and why in called.err, called.err


def test_a_loop_is_loaded_by_who_has_one_and_its_clock_stands_while_a_thread_works(here: Lab) -> None:
    code = "import sys; print('asyncio' in sys.modules); import asyncio\n"
    code += "asyncio.run(asyncio.wait_for(asyncio.to_thread(sum, range(10**6)), 3600)); print('in time')"
    called = rehearse(here, sys.executable, "-c", code)
    assert called.lines[0] == "FAIL  brief: no call; a good client: result"
    assert "| False" in called.out and "| in time" in called.out


def test_a_clock_of_its_own_is_refused(here: Lab) -> None:
    called = rehearse(here, "true", options=("--clock", "real"))
    assert called.code == 2 and "--virtual can't be used with --clock" in called.err
