"""How gates ended: as the client decided, as facts tell, or as what follows shows."""

from typing import cast

import pytest
from msgspec.structs import replace

from lab.core.exchange import Request, Response
from lab.core.observe import Replied, Requested
from lab.dialects.client import Question, Seen
from lab.language.parse import parse_scenario
from lab.plugins.learn.command import learn
from lab.plugins.learn.foreign import Terms
from lab.plugins.learn.reading import ObservedCalls
from lab.plugins.learn.scenario import scenario_text
from lab.plugins.learn.story import ObservedTurn, StatusStretch, Story
from lab.program.scenario import Scenario
from lab.program.steps import Gate, Vote
from lab.program.words import Status, Verdict
from lab.recording.exchange import ExchangeReader, answered_calls, exchanges_of
from lab.recording.format.lines import Entry, Recording
from lab.recording.format.reader import read
from lab.recording.tape.header import epoch_in
from tests.recording.joined import Joined, config


def recording_of(*answers: tuple[Verdict, str | None], scripted: bool = False) -> Recording:
    """A run whose client decides so."""
    joined = Joined(config(scripted=scripted))
    joined.play(answers)
    joined.tape.close(joined.now)
    return read(joined.data, "joined")


def learned(recording: Recording, *, facts: bool = True) -> Scenario:
    """What is learned of it; without `facts` as of a capture."""
    if not facts:
        recording = replace(recording, lines=[line for line in recording.lines if not isinstance(line, Entry)])
    calls = list(answered_calls(exchanges_of(recording)))
    observed = ObservedCalls(calls, epoch_in(recording), tuple(recording.facts()))
    return parse_scenario(learn(observed, "learned", "joined", Terms()), "learned.yaml")


def votes(scenario: Scenario) -> list[tuple[str, str | None]]:
    gates = [step for step in scenario.steps if isinstance(step, Gate)]
    found = [cast("Vote", gate.reviewer) for gate in gates]
    return [(vote.verdict, vote.comment) for vote in found]


@pytest.mark.parametrize("facts", [True, False])
@pytest.mark.parametrize(
    "answers",
    [
        ((Verdict.APPROVED, None),),
        ((Verdict.REJECTED, "Too dear"),),
        ((Verdict.CHANGES, "Cheaper"), (Verdict.APPROVED, None)),
        ((Verdict.CHANGES, "Cheaper"), (Verdict.CHANGES, "Cheaper still"), (Verdict.REJECTED, "No")),
    ],
)
def test_what_the_client_decided_is_what_the_reviewer_does(
    answers: tuple[tuple[Verdict, str | None], ...], facts: bool
) -> None:
    scenario = learned(recording_of(*answers), facts=facts)
    assert votes(scenario) == [(str(verdict), comment) for verdict, comment in answers]
    ends = "ERROR" if answers[-1][0] is Verdict.REJECTED else "COMPLETE"
    assert scenario.steps[-1].status == ends
    patience = {gate.patience for gate in scenario.steps if isinstance(gate, Gate)}
    assert patience == {1_800_000 if facts else 900_000}


def test_of_a_script_facts_tell_who_decided_and_nothing_else_does() -> None:
    recording = recording_of(scripted=True)
    known, unknown = (
        [step for step in learned(recording, facts=facts).steps if isinstance(step, Gate)] for facts in (True, False)
    )
    assert [cast("Vote", gate.reviewer).by for gate in (*known, *unknown)] == ["Script", None]


def test_nobody_decided_while_the_calls_lasted() -> None:
    joined = Joined(config(scripted=False))
    joined.play()
    joined.tape.close(joined.now)
    scenario = learned(read(joined.data, "joined"))
    gate = next(step for step in scenario.steps if isinstance(step, Gate))
    assert gate.reviewer == "nobody"
    assert scenario.steps[-1].status is Status.ERROR
    assert gate.verdicts.timed_out == scenario.steps[-1].id


@pytest.mark.parametrize(
    ("status", "output", "error", "verdict"),
    [
        (Status.RUNNING, None, None, "approved"),
        (Status.COMPLETE, "Here it is.", None, "approved"),
        (Status.ERROR, None, "Something else", "rejected"),
    ],
)
def test_a_verdict_that_nobody_told_is_assumed_from_how_it_went_on(
    status: Status, output: str | None, error: str | None, verdict: str
) -> None:
    waiting = Seen(job="J", word="WAITING", status=Status.WAITING, question=Question(job="J", text="May it?"))
    after = Seen(job="J", word=str(status), status=status, output=output, error=error)
    reader = ExchangeReader()
    begun = reader.begin(Requested(0, 1, "unknown", Request("POST", "/jobs")))
    invoke = reader.complete(begun, Replied(0, 1, Response(202)))
    turn = ObservedTurn(
        invoke=invoke,
        message="x",
        stretches=(StatusStretch(waiting, 0, 0, 0), StatusStretch(after, 2_000, 4_000, 4_000)),
    )
    text = scenario_text(Story(turns=[turn], calls={}), "x", "x.har", ())
    assert f"reviewer: {{after: 4s, verdict: {verdict}}}  # assumed; " in text
