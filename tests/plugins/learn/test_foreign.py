"""`lab learn` of HAR files and cassettes of polled APIs: with what is said of each it is learned, checked and run, and settles."""

import json
import shlex
from copy import deepcopy
from pathlib import Path

import pytest
import yaml

from lab.language.parse import parse_scenario
from lab.program.scenario import Scenario
from lab.program.steps import Complete, Failure, Gate, Work
from tests.conftest import Lab
from tests.plugins.learn.observed import complaints_of, undated

FILES = Path(__file__).parent / "files"

SAID = {
    "accepted-export.yaml": "--status http --at ask=query",
    "aws-athena.yaml": "--status QueryExecution.Status.State --words RUNNING=QUEUED --words ERROR=FAILED --at error=QueryExecution.Status.StateChangeReason --at ask=QueryString",
    "aws-textract.yaml": "--status JobStatus --words RUNNING=IN_PROGRESS --words COMPLETE=SUCCEEDED",
    "azure-operation.har": "--status $.status --words RUNNING=notStarted --words COMPLETE=succeeded --at output=analyzeResult",
    "bigquery-job.yaml": "--status $.status.state --words RUNNING=PENDING --words COMPLETE=DONE --at error=status.errorResult.message",
    "build-server.yaml": "--status state --words RUNNING=queued --words COMPLETE=passed --at says=progress.message --at output=progress.message --at ask=input",
    "databricks-run.har": "--status 'state.result_state or state.life_cycle_state' --words RUNNING=PENDING,TERMINATING --words ERROR=FAILED --at says=state.state_message --at error=state.state_message --at ask=run_name",
    "github-run.yaml": "--status 'conclusion or status' --words RUNNING=queued,in_progress --words ERROR=failure --at ask=ref",
    "google-operation.yaml": "--status done --words COMPLETE=true --at output=response",
    "job-queue.yaml": "--status http --words RUNNING=200 --at says=status --at ask=prompt",
    "openai-batch.yaml": "--status status --words RUNNING=validating,in_progress,finalizing --words COMPLETE=completed",
    "openai-run.har": "--status status --words RUNNING=queued,in_progress --words WAITING=requires_action --words COMPLETE=completed --at ask=instructions",
    "plain-status.yaml": "--status text --words RUNNING=PENDING --words COMPLETE=DONE --at ask=format",
    "replicate-prediction.har": "--status status --words RUNNING=starting,processing --words COMPLETE=succeeded --at output=output --at ask=input.prompt",
    "salesforce-bulk.yaml": "--status state --words RUNNING=Open,UploadComplete,InProgress --words COMPLETE=JobComplete --at ask=operation",
    "terraform-run.har": "--status data.attributes.status --words RUNNING=pending,planning,applying --words WAITING=planned --words COMPLETE=applied --at ask=data.attributes.message",
}
"""By file: what a user says who knows the API."""

SETTLED = {
    "accepted-export.yaml": ("COMPLETE", ["work"], '{"rows":[[88123,4]],"state":"open"}'),
    "aws-athena.yaml": ("ERROR", ["queued", "running"], "SYNTAX_ERROR: line 1:14"),
    "aws-textract.yaml": ("RUNNING", ["in-progress"], ""),
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

MISSED = ("openai-run.har", "aws-textract.yaml")
"""A step of two seconds behind its gate passes between two polls of the lab's own client, which a 400 ends."""

FAULTS = {
    "aws-textract.yaml": ["{route: status, calls: 2, answer: 400}"],
    "azure-operation.har": ["{route: status, calls: 3, delay: 4s100ms}"],
    "databricks-run.har": [
        "{route: status, calls: 2, answer: 429, retry_after: 10s}", "{route: status, calls: 4, answer: 503}",
    ],
    "replicate-prediction.har": ["{route: status, calls: 3, strike: reset}"],
}  # fmt: skip


def scenario(text: str) -> Scenario:
    return parse_scenario(text, "learned.yaml")


def said(name: str) -> list[str | Path]:
    """The arguments that have a file learned."""
    return [FILES / name, *shlex.split(SAID[name])]


def test_every_file_is_learned() -> None:
    assert {path.name for path in FILES.iterdir()} == set(SETTLED) == set(SAID)


@pytest.mark.parametrize("name", sorted(SETTLED))
def test_it_settles_as_it_did(lab: Lab, name: str) -> None:
    status, steps, output = SETTLED[name]
    learned = lab("learn", *said(name))
    assert learned.code == 0, learned.err
    path = lab.folder / f"{Path(name).stem}.yaml"
    path.write_text(learned.out, "utf-8")
    assert complaints_of(path) == []
    done = lab("run", path, "--speed", "instant", "--json", "--record", "again")
    outcome = json.loads(done.lines[-1])
    assert (done.code, outcome["status"]) == (0, status)
    if name not in MISSED:
        assert undated(lab("learn", "again", "--name", path.stem).out) == undated(learned.out)
    assert output in (outcome["output"] or "") + (outcome["error"] or "")
    assert [step.id for step in scenario(learned.out).steps if not isinstance(step, Complete | Failure)] == steps
    faults = [line.removeprefix("  - ") for line in learned.lines if line.startswith("  - {route")]
    assert faults == FAULTS.get(name, [])


@pytest.mark.parametrize("name", sorted(SETTLED))
def test_no_credential_and_no_host_gets_into_a_scenario(lab: Lab, name: str) -> None:
    assert "canary" in (FILES / name).read_text("utf-8").lower()
    learned = lab("learn", *said(name))
    text = (learned.out + learned.err).lower()
    assert learned.code == 0
    assert "canary" not in text
    assert not [host for host in (".com", ".io/", ".delivery") if host in text]


def test_where_the_status_stands_is_asked_for_with_what_the_file_has(lab: Lab) -> None:
    done = lab("learn", FILES / "github-run.yaml")
    assert (done.code, done.out) == (2, "")
    assert "say where answers to GET /repos/acme/ledger/actions/runs/30433642 have it, with --status" in done.err
    assert "status: queued, in_progress, completed; " in done.err


def test_what_words_mean_is_asked_for(lab: Lab) -> None:
    done = lab("learn", FILES / "github-run.yaml", "--status", "status", "--words", "RUNNING=queued")
    assert (done.code, done.out) == (2, "")
    assert "what these words of a status mean: in_progress, completed" in done.err


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("google-operation.yaml", "Polls whose answer has no status are taken for RUNNING: 2."),
        ("job-queue.yaml", "The output is what GET /things/mine answered"),
        ("terraform-run.har", "The output is all of the last answer"),
        ("bigquery-job.yaml", "What was asked is the request's line"),
    ],
)
def test_what_nobody_said_stands_in_the_head(lab: Lab, name: str, sentence: str) -> None:
    head = lab("learn", *said(name)).out.partition("lab: 1")[0]
    assert sentence in head.replace("\n# ", " ")


def test_a_job_of_which_nobody_saw_the_end_lasts_as_long_as_it_was_seen(lab: Lab) -> None:
    lines = (FILES / "accepted-export.yaml").read_text("utf-8").splitlines()
    last = max(place for place, line in enumerate(lines) if line == "- request:")
    Path("calls.yaml").write_text("\n".join(lines[:last]), "utf-8")
    out = lab("learn", "calls.yaml", *said("accepted-export.yaml")[1:]).out
    work, ending = scenario(out).steps
    assert isinstance(work, Work) and work.takes == 7_000
    assert "seen from 3s to 6s, and no end" in out
    assert ending.id == "not-observed" and "not-observed  # not observed: the calls end before the job does" in out


def test_polls_of_a_job_that_no_call_began_are_told_from_no_polls(lab: Lab) -> None:
    lines = (FILES / "build-server.yaml").read_text("utf-8").splitlines()
    second = [place for place, line in enumerate(lines) if line == "- request:"][1]
    Path("calls.yaml").write_text("\n".join((lines[0], *lines[second:])), "utf-8")
    done = lab("learn", "calls.yaml", "--status", "state")
    assert (done.code, "no request carries an id that an earlier answer gives" in done.err) == (2, True)


def test_words_decide_what_a_step_is(lab: Lab) -> None:
    words = "--words=WAITING=queued", "--words=RUNNING=in_progress", "--words=COMPLETE=failure"
    learned = lab("learn", FILES / "github-run.yaml", "--status", "conclusion or status", *words)
    assert [type(step) for step in scenario(learned.out).steps] == [Gate, Work, Complete]
    broken = lab("learn", FILES / "github-run.yaml", *words, "--status=conclusion or status", "--at=error=status")
    assert [type(step) for step in scenario(broken.out).steps] == [Gate, Work, Failure]


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (("--status", "$.nowhere"), "no poll with such a status"),
        (("--status", "$..x"), "names no member"),
        (("--status", "a b"), "names no member"),
        (("--at", "what=x"), "names no place"),
        (("--at", "says=a b"), "names no member"),
        (("--words", "DONE=completed"), "doesn't say what words mean"),
        (("--words", "RUNNING="), "doesn't say what words mean"),
        (("--words", "RUNNING=a", "--words", "ERROR=a"), "can't mean both"),
    ],
)
def test_wrong_options_are_refused_with_a_sentence(lab: Lab, argv: tuple[str, ...], sentence: str) -> None:
    done = lab("learn", FILES / "github-run.yaml", *argv)
    assert (done.code, done.out) == (2, "")
    assert sentence in done.err


def test_members_are_members_however_they_are_called(lab: Lab) -> None:
    text = (FILES / "build-server.yaml").read_text("utf-8").replace('"message"', '"items"')
    Path("build-server.yaml").write_text(text, "utf-8")
    argv = [each.replace("message", "items") for each in shlex.split(SAID["build-server.yaml"])]
    learned = lab("learn", "build-server.yaml", *argv)
    assert "says: compiling" in learned.out and "output: all 812 tests passed" in learned.out


def test_a_job_begins_with_what_asked_for_it_though_its_polls_carry_an_id_that_came_later(lab: Lab) -> None:
    first, *polls = yaml.safe_load((FILES / "build-server.yaml").read_text("utf-8"))["interactions"]
    named = deepcopy(polls[0])
    named["response"]["body"]["string"] = '{"number": 7, "run": 81}'
    for poll in polls:
        poll["request"]["uri"] += "/runs/81"
    Path("build-server.yaml").write_text(yaml.safe_dump({"interactions": [first, named, *polls]}), "utf-8")
    learned = lab("learn", "build-server.yaml", *said("build-server.yaml")[1:])
    assert "# The job begins with POST /builds; polls carry an id of it." in learned.lines


def test_an_expression_that_an_answer_gives_nothing_to_work_with_gives_nothing(lab: Lab) -> None:
    learned = lab("learn", *said("github-run.yaml"), "--at", "says=conclusion.x[0] + 1 + name")
    assert learned.code == 0 and "says: in_progress" in learned.out


def test_of_several_jobs_one_is_learned_and_the_others_are_named(lab: Lab) -> None:
    one = (FILES / "build-server.yaml").read_text("utf-8").replace("version: 1\n", "")
    other = one.removeprefix("interactions:\n").replace("main", "release").replace("7", "8").replace(" 10:", " 11:")
    Path("calls.yaml").write_text(one + other, "utf-8")
    learned = lab("learn", "calls.yaml", *said("build-server.yaml")[1:])
    assert scenario(learned.out).message == "main"
    assert "# Jobs of other conversations, left out: POST /builds." in learned.lines
