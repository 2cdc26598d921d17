"""A sentence for every ending of its kind, or one for each: what is told fits what came."""

import pytest

from lab.core.errors import ScenarioError
from lab.language.parse import parse_scenario
from lab.program.scenario import Scenario
from lab.tui.state.gate import VERDICTS, GateDecision
from lab.tui.state.narrate import sentence
from lab.tui.state.run import JobState, LastStatus, Milestone, RunState, TokenState
from lab.tui.state.screen import ScreenState, SourceState
from lab.tui.state.status import PHASES
from tests.conftest import each_row

TEXT = """\
lab: 1
name: order
title: An order
agent: {code: ORDER}
ask: Go
steps:
  - gate: boss
    asks: Go on?
    patience: 1m
    verdicts: {rejected: dropped}
  - complete: released
    output: Released.
  - complete: dropped
    output: Dropped.
narration:
  complete: NARRATION
"""


def scenario(narration: str) -> Scenario:
    return parse_scenario(TEXT.replace("NARRATION", narration), "order.yaml", stem="order")


def sentence_for(narration: str, ending: str | None, status: str = "COMPLETE") -> str:
    last = LastStatus(status, "x", None, (), None, False, (), (), 200, 1, "", 1)
    steps = () if ending is None else (Milestone(0, 0, "step", ending, status),)
    run = RunState(start=0, job=JobState(0, "/", "ORDER", job="j"), last=last, polls=1, milestones=steps)
    return sentence(ScreenState(run=run, source=SourceState(scenario=scenario(narration))))


@each_row(
    ("narration", "ending", "expected"),
    [
        ("It is done.", "released", "It is done."), ("It is done.", "dropped", "It is done."),
        ("It is done.", None, "It is done."), ("It is done.", "unmatched", PHASES["complete"].sentence),
        ("It is done.", "boss", PHASES["complete"].sentence),
        ("{released: Out it goes., dropped: It was dropped.}", "released", "Out it goes."),
        ("{released: Out it goes., dropped: It was dropped.}", "dropped", "It was dropped."),
        ("{released: Out it goes., dropped: It was dropped.}", None, PHASES["complete"].sentence),
        ("{released: Out it goes.}", "dropped", PHASES["complete"].sentence),
    ],
)  # fmt: skip
def test_the_sentence_fits_the_ending(narration: str, ending: str | None, expected: str) -> None:
    assert sentence_for(narration, ending) == expected


@each_row(
    ("token", "begins"),
    [
        (None, "invokeAsync asks"), (TokenState(0, "/token", code=401), "invokeAsync asks"),
        (TokenState(0, "/token", code=200, token="eyJh…x9"), "The token is here. invokeAsync asks"),
    ],
)  # fmt: skip
def test_the_token_is_here_only_if_it_was_granted(token: TokenState | None, begins: str) -> None:
    run = RunState(start=0, token=token, job=JobState(0, "/", "ORDER"))
    text = sentence(ScreenState(run=run, source=SourceState(follows=True)))
    assert text == f"{begins} the agent team to start a job."


STEPS = """\
steps:
  - work: plan
    takes: 1s
  - work: fetch
    title: Both items are read
    takes: 1s
  - gate: boss
    asks: Go on?
    patience: 1m
    verdicts: {rejected: dropped}
  - work: write
    takes: 1s
"""


@each_row(
    ("narration", "step", "gates", "expected"),
    [
        ("The agents work.", "fetch", (), "The agents work."), ("{plan: The agents plan.}", None, (), "The agents plan."),
        ("{plan: The agents plan.}", "fetch", (), "Both items are read; the app asks again."),
        ("{plan: The agents plan.}", "write", ("boss",), PHASES["polling"].sentence),
        ("{write: The answer is written.}", "write", ("boss",), "The answer is written."),
        # behind a gate, where nobody tells steps, it may be at any
        ("{plan: The agents plan.}", None, ("boss",), PHASES["polling"].sentence),
    ],
)  # fmt: skip
def test_the_step_under_way_chooses_the_sentence(
    narration: str, step: str | None, gates: tuple[str, ...], expected: str
) -> None:
    text = TEXT.replace("complete: NARRATION", f"polling: {narration}")
    text = text.replace(text[text.index("steps:") : text.index("  - complete: released")], STEPS)
    last = LastStatus("RUNNING", None, None, (), None, False, (), (), 200, 1, "", 0)
    steps = () if step is None else (Milestone(0, 0, "step", step, "RUNNING"),)
    # what the journal knows first, that the job has ended, an answer is to tell
    steps = (*steps, Milestone(0, 0, "step", "released", "COMPLETE"))
    run = RunState(start=0, job=JobState(0, "/", "ORDER", job="j"), last=last, polls=1, gates=gates, milestones=steps)
    scripted = parse_scenario(text, "order.yaml", stem="order")
    assert sentence(ScreenState(run, source=SourceState(scenario=scripted))) == expected


def test_a_step_of_which_a_sentence_tells_must_be_there_and_run() -> None:
    with pytest.raises(ScenarioError) as refused:
        parse_scenario(TEXT.replace("complete: NARRATION", "polling: {boss: Hm.}"), "order.yaml", stem="order")
    assert "no step is RUNNING: boss" in str(refused.value)


def test_an_ending_that_is_not_there_is_a_complaint() -> None:
    with pytest.raises(ScenarioError) as caught:
        scenario("{relased: Out it goes., boss: No.}")
    assert [str(each) for each in caught.value.complaints] == [
        "order.yaml:16:23: narration.complete.relased: no step ends in complete: relased; did you mean released?",
        "order.yaml:16:43: narration.complete.boss: no step ends in complete: boss; complete steps: released, dropped",
    ]


@each_row(
    ("narration", "verdict", "expected"),
    [
        ("The buyer said yes.", "approved", "The buyer said yes."), ("So it is.", "timed-out", "So it is."),
        ("{rejected: Without prices then.}", "rejected", "Without prices then."),
        ("{rejected: Without prices then.}", "approved", VERDICTS["approved"].sentence),
        ("{changes-requested: Once more., timed-out: Nobody came.}", "changes-requested", "Once more."),
    ],
)  # fmt: skip
def test_the_sentence_fits_the_decision(narration: str, verdict: str, expected: str) -> None:
    text = TEXT.replace("complete: NARRATION", f"decided: {narration}")
    source = SourceState(scenario=parse_scenario(text, "order.yaml", stem="order"))
    decision = GateDecision(0, verdict, "person", 0, 0, approved=1)
    last = LastStatus("RUNNING", None, None, (), None, False, (), (), 200, 1, "", 1)
    run = RunState(start=0, job=JobState(0, "/", "ORDER", job="j"), last=last, polls=1, decision=decision)
    assert sentence(ScreenState(run=run, source=source)) == expected


@each_row("narration", ["{aproved: Yes.}", "{}", "[Yes.]", "7"])
def test_a_verdict_that_is_none_is_a_complaint(narration: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(TEXT.replace("complete: NARRATION", f"decided: {narration}"), "order.yaml", stem="order")
    assert all("narration.decided" in str(each) for each in caught.value.complaints)


@each_row(
    ("code", "job", "expected"),
    [
        (202, "j", PHASES["invoke"].sentence), (200, "j", "200: a Job ID at once, not the output."),
        (503, None, "503: no Job ID came, so there is nothing to poll."),
        (200, None, "200: no Job ID came, so there is nothing to poll."),
    ],
)  # fmt: skip
def test_our_own_sentence_names_the_code_that_came(code: int, job: str | None, expected: str) -> None:
    run = RunState(start=0, job=JobState(0, "/", "ORDER", code=code, job=job))
    assert sentence(ScreenState(run=run, source=SourceState())) == expected
