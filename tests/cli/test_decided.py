"""Who decided, on every surface that prints a job: a run, a demo in lines, a playback in lines, a recording, a plan."""

import io
import re
from itertools import pairwise
from pathlib import Path

import pytest

from lab.app.effects import Answer
from lab.app.run import run
from lab.cli.console import Console
from lab.cli.run.apps import app_of
from lab.cli.run.conversation import job_facts_observer
from lab.cli.run.transcript import Transcript
from lab.cli.run_settings import AppSettings
from lab.client.driver import run_instantly
from lab.core.clock import INSTANT_EPOCH, Millis
from lab.core.observe import Noted
from lab.dialects.client import Question
from lab.files.scenarios import load_scenario
from lab.jobs.facts import GateDecided
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.switches import Switches
from lab.program.words import Verdict
from tests.conftest import ROOT, Lab, each_row

BOARD = """\
lab: 1
name: board
title: A board decides
agent: {code: BOARD}
ask: go
seed: 3
steps:
  - work: think
    takes: 2s
  - gate: board
    asks: Sell it?
    channel: EMAIL
    approvals: 2
    patience: 30s
    reviewer: {script: [REVIEWS]}
    verdicts: {rejected: no, timed-out: late}
  - complete: yes-then
    output: Sold.
  - complete: no
    output: Kept.
  - error: late
    text: Too late.
"""
WHY = """\
lab: 1
name: why
title: A gate that collects a text
agent: {code: WHY}
ask: go
steps:
  - {gate: why, asks: Why?, approval: false, patience: 1h}
  - {complete: done, output: Done.}
"""
ANN = "{after: 5s, verdict: approved, by: Ann, comment: Fine by me.}"
SHIPPED = {
    "supplier-onboarding": [
        "DECIDED  bank-account  script: approved by treasury",
        "VOTED    sign-off  script: approved by procurement, 1 of 2",
        "DECIDED  sign-off  script: approved by finance, 2 of 2",
    ],
    "contract-redraft": [
        "DECIDED  legal-review  script: changes-requested by legal counsel: Cap the liability at one year's value.",
        "DECIDED  legal-review  script: changes-requested by legal counsel: Payment within 45 days instead of 30.",
        "DECIDED  legal-review  script: approved by legal counsel",
    ],
    "rejected-discount": [
        "DECIDED  manager-approval  script: rejected by Rebecca Thomas: The margin does not carry it. "
        "Offer free delivery instead.",
    ],
    "nobody-home": ["EXPIRED  shift-lead  nobody decided: timed out"],
    "month-end-marathon": ["DECIDED  controller-approval  script: approved by financial controller"],
    "invoice-analysis": [],
}  # fmt: skip
WORDS = ("DECIDED", "VOTED", "EXPIRED")
FACTS = re.compile(r" gate\.(decided|expired) ")


def decided(printed: str) -> list[str]:
    """The lines of a transcript that tell of a decision, without their instants."""
    lines = (line.partition(" ")[2] for line in printed.splitlines())
    return [line for line in lines if line.startswith(WORDS)]


def in_words(shown: str) -> list[str]:
    """What `lab show` writes below each decision."""
    return [after.strip() for line, after in pairwise(shown.splitlines()) if FACTS.search(line)]


@pytest.mark.parametrize("name", SHIPPED)
def test_a_run_a_demo_in_lines_a_playback_and_a_recording_say_the_same(lab: Lab, name: str) -> None:
    ran = lab("run", name, "--speed", "instant", "--seed", "42", "--record", "told").out
    assert decided(ran) == SHIPPED[name]
    assert lab("demo", name, "--plain", "--speed", "instant", "--seed", "42").out == ran
    assert decided(lab("play", "told", "--plain").out) == SHIPPED[name]
    assert in_words(lab("show", "told").out) == [line.split("  ")[-1] for line in SHIPPED[name]]


@pytest.mark.parametrize(
    ("reviews", "lines"),
    [
        (ANN, ["VOTED    board  script: approved by Ann, 1 of 2: Fine by me.",
               "EXPIRED  board  1 of 2 approved: timed out"]),
        (f"{ANN}, {{after: 1s, verdict: rejected, comment: Too dear.}}",
         ["VOTED    board  script: approved by Ann, 1 of 2: Fine by me.",
          "DECIDED  board  script: rejected: Too dear."]),
        (f"{ANN}, {{after: 1s, verdict: approved}}",
         ["VOTED    board  script: approved by Ann, 1 of 2: Fine by me.", "DECIDED  board  script: approved, 2 of 2"]),
        ("{after: 0s, verdict: approved}, {after: 0s, verdict: approved}",
         ["VOTED    board  script: approved, 1 of 2", "DECIDED  board  script: approved, 2 of 2"]),
    ],
    ids=["one-and-then-nobody", "one-rejects", "one-without-a-name", "both-at-once"],
)  # fmt: skip
def test_a_quorum_is_told_vote_by_vote(lab: Lab, reviews: str, lines: list[str]) -> None:
    Path("board.yaml").write_text(BOARD.replace("REVIEWS", reviews))
    texts = [line.split("  ")[-1] for line in lines]
    ran = lab("run", "board.yaml", "--speed", "instant", "--record", "told")
    assert decided(ran.out) == lines
    assert in_words(lab("show", "told").out) == texts
    plan = lab("check", "board.yaml", "--plan").lines
    assert [line.split(maxsplit=1)[1] for line in plan if line.startswith(" " * 20)] == texts


SHORT_TOKEN = """\
lab: 1
name: short-token
title: A token that ends while somebody decides
agent: {code: SHORT}
ask: go
token: {lifetime: 7s}
latency: {token: LATENCY}
steps:
  - {gate: boss, asks: Well?, patience: 1h, reviewer: {after: AFTER, verdict: approved}}
  - {complete: done, output: Done.}
"""


@each_row(("latency", "after"), [("0ms", "7230ms"), ("2s", "7500ms"), ("2s", "5500ms")])
def test_what_is_decided_while_the_app_asks_for_a_token_is_told_at_its_instant(
    tmp_path: Path, latency: str, after: str
) -> None:
    (tmp_path / "short-token.yaml").write_text(SHORT_TOKEN.replace("LATENCY", latency).replace("AFTER", after))
    program = load_scenario("short-token", tmp_path)
    config = Config((program,), Switches(), 42, INSTANT_EPOCH)
    service, out = Service(config), io.StringIO()
    transcript = Transcript(Console(out, io.StringIO()), program.scenario, None, quiet=False)
    service.observers.append(job_facts_observer(service, transcript))
    run_instantly(service, run(app_of(config), 0), (transcript,))
    words = [line.split()[:2] for line in out.getvalue().splitlines() if line[:3] == "00:"]
    assert [word for _, word in words].count("TOKEN") == 2 and ["DECIDED"] in [word[1:] for word in words]
    assert words == sorted(words, key=lambda each: each[0]), words


def test_a_text_that_a_gate_collects_is_told_as_the_recording_tells_it(tmp_path: Path) -> None:
    (tmp_path / "why.yaml").write_text(WHY)
    program = load_scenario("why", tmp_path)
    config = Config((program,), Switches(), 42, INSTANT_EPOCH, scripted=False)
    service, out = Service(config), io.StringIO()
    facts: list[GateDecided] = []
    transcript = Transcript(Console(out, io.StringIO()), program.scenario, None, quiet=False)
    service.observers += [
        job_facts_observer(service, transcript),
        lambda each: (
            facts.append(each.fact) if isinstance(each, Noted) and isinstance(each.fact, GateDecided) else None
        ),
    ]

    def person(question: Question, now: Millis) -> Answer | None:
        return None if facts else Answer(now, question.verdicts[0][0], "Because.")

    run_instantly(service, run(app_of(config), 0), (transcript,), reviewer=person)
    assert [(fact.verdict, fact.comment) for fact in facts] == [("approved", "Because.")]
    assert decided(out.getvalue()) == ["DECIDED  why  API: approved: Because.  202  0 ms"]


BY_EACH_WAY = (
    (True, "API", ["API: changes-requested: Cap␛ it.", "API: approved"]),
    (True, "plane", ["control plane: changes-requested by Ann: Cap␛ it.", "control plane: approved"]),
    (False, "API", ["API: changes-requested: Cap␛ it.", "API: approved"]),
    (False, "plane", []),  # over the wire alone an app knows what it sent itself
)


@each_row(("facts", "over", "lines"), BY_EACH_WAY)
def test_a_person_is_told_by_the_way_the_decision_came(facts: bool, over: str, lines: list[str]) -> None:
    assert_told(facts, over, lines, "fusion", names_gates=True)


def assert_told(facts: bool, over: str, lines: list[str], dialect: str, *, names_gates: bool) -> None:
    """The transcript of a run over a wire, whose questions name their gates or not."""
    program = load_scenario("contract-redraft", ROOT / "scenarios")
    config = Config((program,), Switches(), 42, INSTANT_EPOCH, scripted=False)
    service, out = Service(config), io.StringIO()
    transcript = Transcript(Console(out, io.StringIO()), program.scenario, None, quiet=False)
    if facts:
        service.observers.append(job_facts_observer(service, transcript))
    answers = [(Verdict.CHANGES, "Cap\x1b it.", "Ann"), (Verdict.APPROVED, None, None)]
    seen = set()

    def person(question: Question, now: Millis) -> Answer | None:
        view = service.look(question.job, now)
        if view is None or view.span.opening is None or (opening := view.span.visit) in seen:
            return None
        seen.add(opening)
        verdict, comment, name = answers[opening]
        if over == "API":
            return Answer(now, verdict, comment)
        assert service.decide(question.job, "legal-review", verdict, now, name=name, comment=comment).status == 200
        return None

    outcome = run_instantly(
        service, run(app_of(config, settings=AppSettings(dialect=dialect)), 0), (transcript,), reviewer=person
    )
    gate = "legal-review  " if names_gates or over == "plane" else ""
    came = 2 if over == "API" else 0
    found = [line.split("  ") for line in decided(out.getvalue())]
    assert ["  ".join(parts[: len(parts) - came]) for parts in found] == [f"DECIDED  {gate}{line}" for line in lines]
    assert outcome.complete
