"""`lab learn` of HAR files and cassettes of polled APIs: each is learned, checked and run, and settles."""

import json
from pathlib import Path

import pytest

from lab.language.parse import parse_scenario
from lab.program.scenario import Scenario
from lab.program.steps import Complete, Failure, Gate, Work
from tests.conftest import Lab
from tests.plugins.learn.observed import complaints_of, undated

FILES = Path(__file__).parent / "files"

SETTLED = {
    "accepted-export.yaml": ("COMPLETE", ["work"], '{"rows":[[88123,4]],"state":"open"}'),
    "aws-athena.yaml": ("ERROR", ["queued", "running"], "SYNTAX_ERROR: line 1:14"),
    "aws-textract.yaml": ("COMPLETE", ["in-progress"], "Invoice 204817"),
    "azure-operation.har": ("COMPLETE", ["not-started", "running"], "Invoice 204817"),
    "bigquery-job.yaml": ("ERROR", ["pending", "running"], "Syntax error at [1:8]"),
    "build-server.yaml": ("COMPLETE", ["queued", "compiling", "testing"], "all 812 tests passed"),
    "databricks-run.har": ("ERROR", ["waiting-for-cluster", "in-run", "terminating"], "Workload failed: ledger UK-7 is closed"),
    "github-run.yaml": ("ERROR", ["queued", "in-progress"], "failure"),
    "google-operation.yaml": ("COMPLETE", ["work"], "pump P-117 is out of service"),
    "job-queue.yaml": ("COMPLETE", ["pending"], '{"name":"A-17","weight":12}'),
    "openai-batch.yaml": ("COMPLETE", ["validating", "in-progress", "finalizing"], '{"custom_id": "request-2"'),
    "openai-run.har": ("COMPLETE", ["queued", "in-progress", "approval", "in-progress-2"], "Two suppliers deliver order 88123."),
    "plain-status.yaml": ("COMPLETE", ["pending", "running"], "order;pieces 88123;4"),
    "replicate-prediction.har": ("COMPLETE", ["starting", "processing"], "/pbxt/out-0.png"),
    "salesforce-bulk.yaml": ("COMPLETE", ["open", "upload-complete", "in-progress"], "Benson Group"),
    "terraform-run.har": ("COMPLETE", ["pending", "planning", "approval", "applying"], ""),
}  # fmt: skip
"""By file: how the job ends, through which steps, and what stands in its output or error."""

MISSED = ("openai-run.har",)
"""A step of two seconds behind its gate passes between two polls of the lab's own client."""

FAULTS = {
    "aws-textract.yaml": ["{route: status, calls: 2, answer: 429}  # it was 400: this is the nearest"],
    "azure-operation.har": ["{route: status, calls: 3, delay: 4s100ms}"],
    "databricks-run.har": [
        "{route: status, calls: 2, answer: 429, retry_after: 10s}", "{route: status, calls: 4, answer: 503}",
    ],
    "replicate-prediction.har": ["{route: status, calls: 3, strike: reset}"],
}  # fmt: skip


def scenario(text: str) -> Scenario:
    return parse_scenario(text, "learned.yaml")


def test_every_file_is_learned() -> None:
    assert {path.name for path in FILES.iterdir()} == set(SETTLED)


@pytest.mark.parametrize("name", sorted(SETTLED))
def test_it_settles_as_it_did(lab: Lab, name: str) -> None:
    status, steps, said = SETTLED[name]
    learned = lab("learn", FILES / name)
    assert learned.code == 0, learned.err
    path = lab.folder / f"{Path(name).stem}.yaml"
    path.write_text(learned.out, "utf-8")
    assert complaints_of(path) == []
    done = lab("run", path, "--speed", "instant", "--json", "--record", "again")
    outcome = json.loads(done.lines[-1])
    assert (done.code, outcome["status"]) == (0, status)
    if name not in MISSED:
        assert undated(lab("learn", "again", "--name", path.stem).out) == undated(learned.out)
    assert said in (outcome["output"] or "") + (outcome["error"] or "")
    assert [step.id for step in scenario(learned.out).steps if not isinstance(step, Complete | Failure)] == steps
    faults = [line.removeprefix("  - ") for line in learned.lines if line.startswith("  - {route")]
    assert faults == FAULTS.get(name, [])


@pytest.mark.parametrize("name", sorted(SETTLED))
def test_no_credential_and_no_host_gets_into_a_scenario(lab: Lab, name: str) -> None:
    assert "canary" in (FILES / name).read_text("utf-8").lower()
    text = lab("learn", FILES / name).out.lower()
    assert "canary" not in text
    assert not [host for host in (".com", ".io/", ".delivery") if host in text]


def test_what_was_guessed_is_said(lab: Lab) -> None:
    text = lab("learn", FILES / "databricks-run.har").out
    head = " ".join(line.removeprefix("# ") for line in text.splitlines() if line.startswith("# "))
    assert "Its status is taken from $.state.life_cycle_state: a guess" in head
    assert "What words mean is a guess: PENDING = RUNNING" in head


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("accepted-export.yaml", "HTTP 202 = RUNNING, HTTP 200 = COMPLETE"),
        ("job-queue.yaml", "HTTP 303 = COMPLETE"),
        ("plain-status.yaml", "Its status is the text of the answers: a guess"),
    ],
)
def test_so_is_what_only_http_or_a_text_tells(lab: Lab, name: str, said: str) -> None:
    head = lab("learn", FILES / name).out.partition("lab: 1")[0]
    assert said in head.replace("\n# ", " ")


def test_what_only_the_output_has_is_no_status_though_it_was_named(lab: Lab) -> None:
    learned = lab("learn", FILES / "accepted-export.yaml", "--status", "$.state")
    steps = scenario(learned.out).steps
    assert isinstance(steps[-1], Complete) and "88123" in str(steps[-1].output)
    assert len(steps) == 2


def test_a_job_of_which_nobody_saw_the_end_lasts_as_long_as_it_was_seen(lab: Lab) -> None:
    lines = (FILES / "accepted-export.yaml").read_text("utf-8").splitlines()
    last = max(place for place, line in enumerate(lines) if line == "- request:")
    Path("calls.yaml").write_text("\n".join(lines[:last]), "utf-8")
    out = lab("learn", "calls.yaml").out
    work, ending = scenario(out).steps
    assert isinstance(work, Work) and work.takes == 7_000
    assert "seen from 3.0s to 6.0s, and no end" in out
    assert ending.id == "not-observed" and "not-observed  # not observed: the calls end before the job does" in out


def test_polls_of_a_job_that_no_call_began_are_told_from_no_polls(lab: Lab) -> None:
    lines = (FILES / "build-server.yaml").read_text("utf-8").splitlines()
    second = [place for place, line in enumerate(lines) if line == "- request:"][1]
    Path("calls.yaml").write_text("\n".join((lines[0], *lines[second:])), "utf-8")
    done = lab("learn", "calls.yaml")
    assert (done.code, "no answer gives an id that polls carry" in done.err) == (2, True)


def test_what_is_said_is_no_guess(lab: Lab) -> None:
    argv = ("--status", "$.status", "--words", "RUNNING=queued,in_progress", "--words", "COMPLETE=completed")
    learned = lab("learn", FILES / "github-run.yaml", *argv)
    assert "guess" not in learned.out
    assert isinstance(scenario(learned.out).steps[-1], Complete)
    waits = lab("learn", FILES / "github-run.yaml", "--words", "WAITING=queued")
    assert [type(step) for step in scenario(waits.out).steps] == [Gate, Work, Failure]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("--status", "$.nowhere"), "no poll with a status at $.nowhere"),
        (("--status", "$..x"), "is no path"),
        (("--status", "a b"), "is no path"),
        (("--words", "DONE=completed"), "doesn't say what words mean"),
        (("--words", "RUNNING="), "doesn't say what words mean"),
        (("--words", "RUNNING=a", "--words", "ERROR=a"), "can't mean both"),
    ],
)
def test_wrong_options_are_refused_with_a_sentence(lab: Lab, argv: tuple[str, ...], said: str) -> None:
    done = lab("learn", FILES / "github-run.yaml", *argv)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_an_answer_without_the_status_says_that_the_job_runs(lab: Lab) -> None:
    document = json.loads((FILES / "azure-operation.har").read_text("utf-8"))
    first = document["log"]["entries"][1]["response"]["content"]
    first["text"] = json.dumps({"createdDateTime": "2026-01-01T10:00:00Z"})
    Path("azure.har").write_text(json.dumps(document), "utf-8")
    out = lab("learn", "azure.har").out
    assert "# Polls whose answer has no such member are taken for RUNNING: 1." in out
    assert [step.id for step in scenario(out).steps] == ["running", "done"]


def test_a_text_that_only_the_end_has_is_the_output(lab: Lab) -> None:
    document = json.loads((FILES / "azure-operation.har").read_text("utf-8"))
    for place, entry in enumerate(document["log"]["entries"]):
        body = {
            "id": "tr_8f3a9c",
            "status": "completed" if entry is document["log"]["entries"][-1] else "queued",
            "text": None,
        }
        if place == 0:
            entry["request"] |= {"method": "POST", "url": "https://api.example/v1/jobs"}
        else:
            entry["request"] |= {"method": "GET", "url": "https://api.example/v1/jobs/tr_8f3a9c"}
            body["text"] = "Pump P-117 hums." if body["status"] == "completed" else None
        entry["response"] |= {"status": 200, "headers": []}
        entry["response"]["content"] = {"mimeType": "application/json", "text": json.dumps(body)}
    Path("speech.har").write_text(json.dumps(document), "utf-8")
    ending = scenario(lab("learn", "speech.har").out).steps[-1]
    assert isinstance(ending, Complete)
    assert "Pump P-117 hums." in str(ending.output)


def test_of_several_jobs_one_is_learned_and_the_others_are_named(lab: Lab) -> None:
    one = (FILES / "build-server.yaml").read_text("utf-8").replace("version: 1\n", "")
    other = one.removeprefix("interactions:\n").replace("main", "release").replace("7", "8").replace(" 10:", " 11:")
    Path("calls.yaml").write_text(one + other, "utf-8")
    learned = lab("learn", "calls.yaml")
    assert scenario(learned.out).message == "main"
    assert "# Jobs of other conversations, left out: release." in learned.lines
