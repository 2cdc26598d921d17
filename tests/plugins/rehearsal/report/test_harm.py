"""What harms a job and what doesn't; and a search over clients in this process, of which good ones come through it all."""

from collections import Counter
from dataclasses import dataclass

import pytest

from lab.dialects.client import Seen
from lab.faults.yamltext import yaml_text
from lab.jobs.program import program_of
from lab.language.parse import parse_scenario
from lab.language.parse.yaml_tree import read_yaml
from lab.plugins.rehearsal.drills.places import happy_path
from lab.plugins.rehearsal.drills.search import FaultSearch, Trial
from lab.plugins.rehearsal.report.gather import histories_of
from lab.plugins.rehearsal.report.harm import Harm, HarmKind, harm_of
from lab.plugins.rehearsal.report.runs import ProcessEnd
from tests.conftest import THOROUGH, each_row
from tests.plugins.rehearsal.report.good import Plain, Steps, Stopped
from tests.plugins.rehearsal.report.good_kinds import Backoff
from tests.plugins.rehearsal.report.rehearsal import Kind, Rehearsal
from tests.plugins.rehearsal.report.together import Came, Together
from tests.plugins.rehearsal.report.zoo import DoublePoll, WaitingIsFailure, worked
from tests.plugins.rehearsal.report.zoo_failures import AsksForATokenOnce, Dies, GivesUpEarly
from tests.plugins.rehearsal.report.zoo_messages import AsksTwice, BlindRetry


def harm(kind: Kind, *faults: str, code: int | None = 0, messages: tuple[str, ...] = ("go",)) -> Harm | None:
    return harm_of(histories_of(Rehearsal(worked("30s", *faults), kind).day(), over=True), ProcessEnd(code), messages)


@each_row(
    ("kind", "fault", "found"),
    [
        (Plain, "route: token, calls: 1, answer: 503", None),
        (Plain, "route: invoke, calls: 1, lose_reply: true", None),
        (Plain, "route: status, calls: 1-4, answer: 503", None),
        (DoublePoll, "route: status, calls: 1, answer: 503", None),
        (BlindRetry, "route: invoke, calls: 1, lose_reply: true", HarmKind.DOUBLED),
        (AsksTwice, "route: status, calls: 1, answer: 500", HarmKind.DOUBLED),
        (Dies, "route: status, calls: 2, answer: 503", HarmKind.LOST),
        (Dies, "route: status, calls: 1, answer: 403", None),
        (Dies, "route: invoke, calls: 1, answer: 500", None),
    ],
)
def test_a_job_is_harmed_by_its_client_alone(kind: Kind, fault: str, found: HarmKind | None) -> None:
    done = harm(kind, fault)
    assert (None if done is None else done.kind) is found


def test_who_stops_where_a_new_token_fails_has_lost_its_job() -> None:
    renewal = ("route: status, calls: 2, expire_token: true", "route: token, calls: 2, answer: 503")
    assert harm(Plain, *renewal) is None
    done = harm(AsksForATokenOnce, *renewal)
    assert done is not None and done.kind is HarmKind.LOST and "D1" in done.sentence


@dataclass
class NeverPolls(Plain):
    """Stops once it has a job, or believes so."""

    def follow(self, job: Seen) -> Steps[None]:
        raise Stopped
        yield


def test_who_may_have_given_up_a_late_answer_has_lost_nothing() -> None:
    assert harm(NeverPolls) is not None
    assert harm(NeverPolls, "route: invoke, calls: 1, delay: 5s") is None


def test_what_was_stopped_from_outside_has_lost_nothing_but_may_have_doubled() -> None:
    assert harm(Dies, "route: status, calls: 2, answer: 503", code=None) is None
    doubled = harm(BlindRetry, "route: invoke, calls: 1, lose_reply: true", code=None)
    assert doubled is not None and doubled.kind is HarmKind.DOUBLED


def test_a_message_that_came_twice_is_doubled_though_the_next_was_never_sent() -> None:
    fault = "route: invoke, calls: 1, lose_reply: true"
    assert harm(BlindRetry, fault, messages=("go", "and then?")) is not None
    assert harm(BlindRetry, fault, messages=("go", "go")) is None


def test_the_evidence_is_in_the_recording() -> None:
    day = Rehearsal(worked("30s", "route: status, calls: 2, answer: 503"), Dies).day()
    done = harm_of(histories_of(day, over=True), ProcessEnd(1), ("go",))
    assert done is not None and "D1: back off at 429 and 503" in done.sentence
    assert [what.partition(",")[0] for _, what in done.evidence] == ["invoke: 202 RUNNING", "poll: 503"]
    assert {line - 1 for line, _ in done.evidence} <= {line.n for line in day.lines}


@dataclass
class RetriesOnceRefused(Plain):
    """Sends a message again that was refused, and then again whatever happens: it doubles where two faults meet."""

    refused: bool = False

    def repeatable(self, came: Came) -> bool:
        safe = super().repeatable(came)
        self.refused |= safe
        return safe or self.refused


GATE = """\
lab: 1
name: gate
title: A gate
agent: {code: GATE, version: 1}
ask: go
steps:
  - work: read
    takes: 5s
  - gate: ok
    asks: May it?
    patience: 30m
    reviewer: {after: 70s, verdict: approved, by: Script}
  - complete: done
    output: Done.
"""


def searched(kind: Kind, runs: int, harms: tuple[HarmKind, ...] = tuple(HarmKind)) -> FaultSearch:
    program, document = program_of(parse_scenario(GATE, "gate.yaml")), read_yaml(GATE, "gate.yaml").value
    search = FaultSearch(happy_path(program, 0), 0, harms, runs, 8)
    walk = search.walk()
    batch = next(walk)
    while True:
        days = [{**document, "faults": [{"name": fault.name, **fault.document()} for fault in each]} for each in batch]  # type: ignore[dict-item]
        try:
            batch = walk.send([tried(kind, yaml_text(day)) for day in days])
        except StopIteration:
            return search


def tried(kind: Kind, scenario: str) -> Trial:
    lab = Together(scenario, seed=0)
    histories = histories_of(lab.play(kind(lab).story()), over=True)
    done = harm_of(histories, ProcessEnd(0), ("go",))
    calls = [call for history in histories for call in history.calls]
    struck = frozenset(call.struck for call in calls if call.struck is not None)
    return Trial(None if done is None else done.kind, struck, Counter(str(call.kind) for call in calls))


@pytest.mark.long
@pytest.mark.parametrize("kind", [Plain, Backoff])
def test_good_clients_come_through_every_combination(kind: Kind) -> None:
    runs = 70 if THOROUGH else 40
    search = searched(kind, runs)
    assert search.found == {} and len(search.trials) == runs
    survived = [each for each, trial in search.trials.items() if trial.struck == {fault.name for fault in each}]
    assert len(survived) > runs * 6 / 7  # nearly all that was proposed strikes


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "runs", "harm", "faults"),
    [
        (BlindRetry, 40, HarmKind.DOUBLED, ["lose-reply-reset-invoke-1"]),
        (AsksTwice, 40, HarmKind.DOUBLED, ["503-poll-1"]),
        (GivesUpEarly, 60, HarmKind.LOST, ["503-poll-1-x3"]),
        (RetriesOnceRefused, 140, HarmKind.DOUBLED, ["429-date-invoke-1", "lose-reply-reset-invoke-2"]),
        (WaitingIsFailure, 1, HarmKind.LOST, []),
    ],
)
def test_what_others_come_to_grief_by_is_found(kind: Kind, runs: int, harm: HarmKind, faults: list[str]) -> None:
    search = searched(kind, runs, (harm,))
    found = search.found[harm]
    assert ([each.name for each in found.combination], found.simplest) == (faults, True)
