"""`lab rehearse`: somebody's client as a process, against labs of its own, over sockets; what became of it and of its group."""

import json
import os
import re
import select
import signal
import sys
import tempfile
from pathlib import Path
from shutil import rmtree
from xml.etree import ElementTree

import pytest

from lab.cli.run_conditions import CONDITIONS, Conditions
from lab.plugins.rehearsal.commands.rehearse import USUAL_SCENARIOS
from tests.conftest import Called, Lab
from tests.forked import forked_lab
from tests.scenario_texts import BRIEF
from tests.whole.docs.pages import PAGES

CLIENT = """\
import json, os, ssl, sys, urllib.error, urllib.parse, urllib.request
from base64 import b64encode
from time import sleep as pause

authority = os.environ.get("LAB_CA_FILE")  # a context of the usual ones takes longer than all the rest
trust = ssl.create_default_context(cafile=authority) if authority else None

def call(url, body=None, **headers):
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=0.5, context=trust) as answer:
        return json.load(answer)

def main():
    env = os.environ
    pair = b64encode((env["LAB_CLIENT_ID"] + ":" + env["LAB_CLIENT_SECRET"]).encode()).decode()
    form = urllib.parse.urlencode({"grant_type": "client_credentials", "scope": env["LAB_SCOPE"]}).encode()
    token = call(env["LAB_TOKEN_URL"], form, Authorization="Basic " + pair)["access_token"]
    api = env["API"] + "/" + env["LAB_AGENT_CODE"]
    headers = {"Authorization": "Bearer " + token, "Content-Type": "application/json", "User-Agent": "brief/1"}
    job = call(api + "/invokeAsync", {"message": env["LAB_ASK"], "parameters": json.loads(env["LAB_PARAMETERS"])}, **headers)
    while job["status"] not in ("COMPLETE", "ERROR"):
        pause(0.02)
        job = call(api + "/status/" + job["jobId"], **headers)
    print(job["output"])

try:
    main()
except (urllib.error.URLError, OSError) as error:
    sys.exit(f"client: {error}")
"""
API = "API={base_url}/api/fusion-ai/orchestrator/agent/v2"


@pytest.fixture
def here(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.chdir(lab.folder)
    monkeypatch.delenv("LAB_SEED", raising=False)
    (lab.folder / "brief.yaml").write_text(BRIEF)
    (lab.folder / "client.py").write_text(CLIENT)
    return lab


def rehearse(lab: Lab, *arguments: str, code: str | None = None) -> Called:
    command = (sys.executable, "-S", *(("client.py",) if code is None else ("-c", code)))
    return lab("rehearse", *arguments, "--env", API, "--into", "out", "--", *command)


def test_the_help_names_the_command_and_the_usual_set(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    usage, _, options = lab("rehearse", "--help").out.partition("\n\n")
    assert usage.endswith("[SCENARIO ...] -- COMMAND ...")
    assert " ".join(USUAL_SCENARIOS) in " ".join(options.split())
    assert " ".join(USUAL_SCENARIOS) in " ".join(PAGES["clients"].split())


def test_a_client_that_gets_its_result_is_judged(here: Lab) -> None:
    called = rehearse(here, "brief.yaml", "--fail-on", "critical")
    assert called.lines[0] == "1 run: 1 result; 0 otherwise than a good client's"
    assert re.search(r"^pass  C2 ", called.out, re.MULTILINE)
    assert called.code == 0
    recording = (here.folder / "out/brief.rec.jsonl").read_text()
    assert "go on, please" in recording and '"parameters":{"item":"A-1"}' in recording


def test_with_tls_the_client_is_given_an_authority_to_trust(here: Lab) -> None:
    called = rehearse(here, "brief.yaml", "--tls", "--fail-on", "critical")
    assert (called.code, called.lines[0]) == (0, "1 run: 1 result; 0 otherwise than a good client's")
    shown = rehearse(
        here, "brief.yaml", "--tls", code="import os; print(os.environ['LAB_BASE_URL'], os.environ['LAB_TOKEN_URL'])"
    )
    assert re.search(r"\| https://\S+ https://\S+/oauth2/v1/token$", shown.out, re.MULTILINE)
    distrusts = "import os, urllib.request as u; u.urlopen(os.environ['LAB_BASE_URL'])"
    assert "TLS handshakes that failed: 1. " in rehearse(here, "brief.yaml", "--tls", code=distrusts).lines[1]


def test_where_a_refusal_is_expected_a_good_client_stops(here: Lab) -> None:
    closed = BRIEF.replace("version: 1", "version: 1, roles: [BUYER]").replace("name: brief", "name: closed")
    (here.folder / "closed.yaml").write_text(closed + "expect: {refused: 403}\n")
    assert rehearse(here, "closed.yaml").lines[0] == "1 run: 1 clean stop; 0 otherwise than a good client's"
    (here.folder / "closed.yaml").write_text(closed)
    assert rehearse(here, "closed.yaml").lines[0] == "FAIL  closed: clean stop; a good client: result"


@pytest.mark.parametrize(
    ("code", "outcome", "shown"),
    [
        ("import os; os.abort()", "crash", ""),
        ("1/0", "crash", "ZeroDivisionError: division by zero"),
        ("print('not today')", "no call", "not today"),
        (
            "import urllib.request as u, os; u.urlopen(os.environ['LAB_BASE_URL'] + '/health')",
            "crash",
            "HTTP Error 404",
        ),
        ("import sys\nwhile True: print('flood' * 999); sys.stderr.write('x' * 9999)", "hang", ""),
    ],
)
def test_what_else_becomes_of_a_client_is_told(here: Lab, code: str, outcome: str, shown: str) -> None:
    limit = "250ms" if outcome == "hang" else "20s"
    called = rehearse(here, "brief.yaml", "--limit", limit, code=code)
    assert called.lines[0] == f"FAIL  brief: {outcome}; a good client: result"
    assert called.code in (1, 5) and shown in called.out
    assert ("have it read LAB_BASE_URL" in called.out) == (
        outcome == "no call" or shown.startswith("Zero") or not shown
    )


def test_what_can_t_be_judged_is_named_with_its_reason(here: Lab) -> None:
    longer = BRIEF.replace("takes: 60ms", "takes: 59m")
    (here.folder / "long.yaml").write_text(longer.replace("name: brief", "name: long"))
    (here.folder / "longer.yaml").write_text(longer.replace("name: brief", "name: longer").replace("59m", "61m"))
    called = rehearse(here, "longer.yaml", code="0")
    assert called.lines[:2] == [
        "  -   longer: too long",
        "          its jobs take 1h1m: name a --limit, or take --clock scaled:N; in Python --virtual",
    ]
    called = rehearse(here, "long.yaml", "--limit", "300ms", code="import signal; signal.pause()")
    assert called.lines[0] == "  -   long: too long"
    assert called.lines[1].strip() == "ended at its limit of 1s; its jobs take 59m: name a longer --limit"
    other = "import os, urllib.request as u\ntry: u.urlopen(os.environ['LAB_BASE_URL'] + '/health')\nexcept OSError: 0"
    called = rehearse(here, "--drills", "brief.yaml", "--only", "p-404-poll-2", code=other)
    assert called.lines[0] == "  -   p-404-poll-2: not struck"
    assert called.lines[1].strip() == "404 at the first poll in done (span 2): 404"
    assert called.lines[2].startswith("1 run: 1 not struck; 0 otherwise")
    assert called.code == 5


@pytest.mark.long
@pytest.mark.parametrize("away", [False, True])
def test_no_process_of_its_group_is_left_nor_one_that_went_away(here: Lab, away: bool) -> None:
    child = f"[sys.executable, '-c', 'import signal; signal.pause()'], start_new_session={away}"
    fork = f"import subprocess, sys; p = subprocess.Popen({child}); print(p.pid)"
    called = rehearse(here, "brief.yaml", code=fork)
    started = int(re.search(r"\| ([0-9]+)$", called.out, re.MULTILINE)[1])  # type: ignore[index]
    assert not running(started)


def running(process: int) -> bool:
    """Whether it does; one that has ended and that nobody has asked about doesn't."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.long
def test_drills_are_compared_with_what_a_good_client_does(here: Lab) -> None:
    called = rehearse(here, "--drills", "brief.yaml", "--family", "K,V", "--limit", "20s", "--fail-on", "critical")
    failed = [
        line.split()[1].rstrip(":") for line in called.lines if line.startswith("FAIL  ") and "good client" in line
    ]
    assert failed == []
    assert called.lines[0].startswith("9 runs: 6 clean stop, 3 result")
    again = rehearse(here, "--drills", "brief.yaml", "--only", "v-400-for-good-invoke-1")
    assert again.lines[0] == "1 run: 1 clean stop; 0 otherwise than a good client's"


def test_a_drill_that_came_out_otherwise_says_how_to_repeat_it(here: Lab) -> None:
    # the client gives up at its first poll, which may come late on a busy machine
    (here.folder / "brief.yaml").write_text(BRIEF.replace("60ms", "1m"))
    (here.folder / "client.py").write_text(CLIENT.replace("timeout=0.5", "timeout=20"))
    called = rehearse(here, "--drills", "brief.yaml", "--only", "w-503-seconds-poll-1", "--seed", "7")
    assert called.code == 1
    assert called.lines[0] == "FAIL  w-503-seconds-poll-1: clean stop; a good client: result"
    again = f"lab rehearse --drills brief.yaml --only w-503-seconds-poll-1 --seed 7 --env '{API}' -- "
    shown = [line.strip() for line in called.lines[1:6]]
    assert shown[0] == "503-seconds at the first poll in run (span 1): 503 with Retry-After in seconds"
    assert shown[1].startswith("Nothing was accepted: wait as Retry-After says")
    assert shown[2] == "rules broken in it: C1"
    assert shown[3].startswith(again)
    assert shown[4] == "lab show out/w-503-seconds-poll-1.rec.jsonl --line-numbers"
    assert called.err.splitlines()[0] == "1/1 w-503-seconds-poll-1: clean stop"
    assert "| client: HTTP Error 503" in called.out
    assert lab_replays(here, "out/w-503-seconds-poll-1.rec.jsonl")
    # the recording tells by itself that the client has ended
    score, last = here("report", "out/w-503-seconds-poll-1.rec.jsonl").lines[-2:]
    assert called.lines[-2:] == [score, f"runs: 0 passed, 1 failed; rules: {last}"]


def test_failures_that_are_alike_are_told_together_unless_all_are_wanted(here: Lab) -> None:
    call = ("--drills", "brief.yaml", "--family", "V", "--limit", "20s")
    code = "import os, urllib.request as u; u.urlopen(os.environ['LAB_TOKEN_URL'], b'')"
    together, each = rehearse(here, *call, code=code), rehearse(here, *call, "--all", code=code)
    runs = int(together.lines[0].split()[1])
    assert together.lines[0].startswith(f"FAIL  {runs} runs: crash") and runs == 5
    assert sum(line.startswith("      v-") for line in together.lines) == runs
    assert together.out.count("lab rehearse --drills") == 1 == together.out.count("| urllib.error.HTTPError")
    assert sum(line.startswith("FAIL  v-") for line in each.lines) == runs == each.out.count("lab rehearse --drills")
    assert each.out.count("| urllib.error.HTTPError") == runs
    only = "v-lose-reply-504-invoke-1"
    document, _ = map(json.loads, rehearse(here, *call, "--only", only, "--json", code=code).lines)
    assert any("--only" in line for line in document["details"])
    assert here("report", f"out/{only}.rec.jsonl", "--all").code == 2


def lab_replays(lab: Lab, file: str) -> bool:
    return lab("replay", file, "--scenarios", "out").code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("brief.yaml", "--", "no-such-command"), "no-such-command can't be started"),
        (("brief.yaml",), "No command was named"),
        (("brief.yaml", "--env", "API={base}/v1", "--", "x"), "names {base}"),
        (("brief.yaml", "--env", "API", "--", "x"), "names nothing"),
        (("brief.yaml", "--limit", "soon", "--", "x"), "--limit soon"),
        (("brief.yaml", "--clock", "manual", "--", "x"), "--clock manual"),
        (("no-such", "--", "x"), "For rehearsals there are approval, "),
        (("quik", "--", "x"), "Did you mean quick?"),
        (("brief.yaml", "./brief.yaml", "--", "x"), "is the second scenario that is called brief"),
    ],
)
def test_a_wrong_call_is_said_at_once(
    here: Lab, arguments: tuple[str, ...], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(here.folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    called = here("rehearse", *arguments)
    assert list(here.folder.glob("lab-rehearsal-*")) == []
    assert (called.code, words in called.err) == (2, True), called.err


def test_recordings_of_good_runs_go_and_those_of_failed_ones_stay(here: Lab) -> None:
    called = here("rehearse", "brief.yaml", "--json", "--", sys.executable, "-c", "1/0")
    kept = Path(re.search(r"lab show (\S+)", called.err)[1])  # type: ignore[index]
    assert kept.is_file()
    rmtree(kept.parent)
    run, judged = map(json.loads, called.lines)
    assert (called.code, run["outcome"], judged["score"]) == (1, "crash", None)


def test_where_a_rule_was_broken_the_recording_stays_though_the_run_ended_well(here: Lab) -> None:
    called = here("rehearse", "brief.yaml", "--virtual", "--env", API, "--json", "--", sys.executable, "client.py")
    folder = Path(re.search(r"Recordings of what failed are in (\S+);", called.err)[1])  # type: ignore[index]
    run, said = map(json.loads, called.lines)
    assert (run["outcome"], run["good"], "runs" in said) == ("result", True, False)
    cited = {each["recording"] for rule in said["rules"] for each in rule["evidence"]}
    assert cited == {each.name for each in folder.glob("*.jsonl")} == {"brief.rec.jsonl"}
    rmtree(folder)


def test_a_runner_gets_annotations_and_a_summary_by_itself(here: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.txt")
    client = "print('::error::x ##[error]y'); raise OSError('::warning::z')"
    called = here(
        "rehearse", "brief.yaml", "--into", "out", "--out", "junit=runs.xml", "--", sys.executable, "-c", client
    )
    assert called.code == 1 and "passed, 0 failed" in called.lines[-1]
    assert [line for line in called.lines if line.startswith("::")] == [
        "::error title=lab rehearse::brief: crash; a good client: result"
    ]
    # Python 3.13 shows the program in a traceback
    assert [line for line in called.lines if "::error::x #\\u0023[error]y" in line and line.startswith("          | ")]
    assert "| brief | crash | result |" in Path("summary.txt").read_text()
    runs, rules = ElementTree.parse("runs.xml").getroot()
    assert (runs.get("failures"), float(str(runs[0].get("time"))) > 0) == ("1", True)
    assert runs.get("timestamp") == rules.get("timestamp") and "time" not in rules.attrib
    assert (
        "::error title" not in here("rehearse", "brief.yaml", "--format", "text", "--", sys.executable, "-c", "1/0").out
    )


def test_ctrl_c_ends_the_clients_and_tells_what_is_known(here: Lab) -> None:
    os.mkfifo(here.folder / "begun")
    begun = os.open(here.folder / "begun", os.O_RDONLY | os.O_NONBLOCK)
    client = [sys.executable, "-S", "-c", "import signal; open('begun', 'w').close(); signal.pause()"]
    with forked_lab("rehearse", "brief.yaml", "--into", "out", "--", *client, cwd=here.folder) as process:
        assert select.select([begun], [], [], 60)[0]
        process.send_signal(signal.SIGINT)
        out, code = process.stdout.read(), process.wait()
    os.close(begun)
    assert (here.folder / "out/brief.rec.jsonl").stat().st_size
    assert code == 130
    assert out.startswith("1 run: 1 interrupted; 0 otherwise")


def test_a_message_that_was_not_sent_is_told(here: Lab) -> None:
    later = "turns:\n  - ask: and then?\n    steps:\n      - complete: then\n        output: Then.\n"
    (here.folder / "brief.yaml").write_text(BRIEF + later)
    called = rehearse(here, "brief.yaml")
    assert called.lines[0] == "FAIL  brief: false success; a good client: result"
    assert called.lines[1].strip() == "jobs begun: 1; asked for: 2 (LAB_ASK, LAB_ASK_2, …)"


def test_what_a_client_sends_to_another_origin_is_recorded_and_judged(here: Lab) -> None:
    (here.folder / "brief.yaml").write_text(BRIEF + "faults:\n  - {route: status, redirect: other}\n")
    called = rehearse(here, "brief.yaml", "--fail-on", "critical")
    assert called.lines[0] == "1 run: 1 clean stop; 0 otherwise than a good client's"
    assert called.lines[1].startswith("FAIL  D8  ")
    recording = (here.folder / "out/brief.rec.jsonl").read_text()
    assert '"l":"decoy"' in recording and '"http://decoy.invalid/api/' in recording and "localhost:" not in recording
    assert here("replay", "out/brief.rec.jsonl", "--scenarios", ".").code == 0


def test_how_many_jobs_a_client_is_to_start_is_set_by_the_scenario_for_rehearsals(here: Lab) -> None:
    (here.folder / "rehearsal").mkdir()
    crowd = BRIEF.replace("name: brief", "name: crowd").replace("takes: 60ms", "takes: 10ms")
    (here.folder / "rehearsal/crowd.yaml").write_text(crowd)
    called = rehearse(here, "crowd", "--scenarios", "rehearsal")
    assert called.lines[0] == "FAIL  crowd: false success; a good client: result"
    assert called.lines[1].strip() == "jobs begun: 1; asked for: 20 (LAB_JOBS)"
    (here.folder / "crowd.yaml").write_text(crowd)
    assert rehearse(here, "crowd", "--scenarios", ".").lines[0].startswith("1 run: 1 result")


def test_connections_that_end_while_idle_are_set_by_the_scenario_for_rehearsals(
    here: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CONDITIONS, "idle-close", Conditions(idle=0.05))  # type: ignore[arg-type]
    peer = """
import os, socket, urllib.parse
base = urllib.parse.urlsplit(os.environ["LAB_BASE_URL"])
with socket.create_connection((base.hostname, base.port), timeout=9) as connection:
    connection.sendall(b"GET /health HTTP/1.1\\r\\nhost: here\\r\\n\\r\\n")
    while connection.recv(4096): pass
"""
    rehearse(here, "idle-close", code=peer)
    assert '"connection.closed","c":1,"how":"idle"' in (here.folder / "out/idle-close.rec.jsonl").read_text()
