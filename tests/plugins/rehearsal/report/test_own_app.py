"""The lab's own app through the drills of item-comparison: each ends as a good client's run does, and no rule is broken.

A long run takes all of them, a short one each kind once at each route.
"""

import pytest

from lab.app.run import run
from lab.cli.run.apps import app_of
from lab.client.driver import run_instantly
from lab.core.clock import INSTANT_EPOCH
from lab.faults.yamltext import yaml_text
from lab.files.scenarios import load_scenario, read_scenario
from lab.jobs.own_run import GoodEnd
from lab.jobs.program import program_of
from lab.language.parse import parse_scenario
from lab.language.parse.yaml_tree import read_yaml
from lab.mock.config import Config
from lab.plugins.rehearsal.drills.drills import Drill, derive
from lab.plugins.rehearsal.report.gather import histories_of
from lab.plugins.rehearsal.report.history import ClientHistory
from lab.plugins.rehearsal.report.judge import RuleVerdict, report_on
from lab.plugins.rehearsal.report.runs import Expectation, ProcessEnd, RunOutcome, as_expected, outcome_of
from lab.program.switches import Layers, Switches
from lab.recording.format.reader import read
from tests.conftest import ROOT, THOROUGH
from tests.plugins.rehearsal.report.zoo_messages import ZOO
from tests.recording.joined import Joined

SCENARIOS = ROOT / "scenarios"


def drills_of(name: str) -> list[Drill]:
    path = SCENARIOS / f"{name}.yaml"
    document = read_yaml(read_scenario(path), name).value
    _, drills = derive({**document, "seed": 42}, load_scenario(name, SCENARIOS), 42)
    found = list(drills)
    firsts = {(each.family, each.kind, each.name.rstrip("0123456789")): each for each in reversed(found)}
    return found if THOROUGH else [*firsts.values()]


def day_of(drill: Drill) -> tuple[tuple[ClientHistory, ...], RunOutcome]:
    scenario = parse_scenario(yaml_text(drill.document), "drill.yaml", stem=str(drill.document["name"]))
    config = Config((program_of(scenario),), Switches(), 42, INSTANT_EPOCH, token_scenario=scenario.name)
    joined = Joined(config.settled(Layers()))
    app = app_of(joined.service.config)
    outcome = run_instantly(joined.service, run(app, 0))
    joined.tape.close(outcome.elapsed)
    histories = histories_of(read(joined.data), over=True)
    end = ProcessEnd(0 if outcome.status in ("COMPLETE", "ERROR") else 1)
    return histories, outcome_of(histories, end, Expectation(drill.ends, 1, drill.strikes))


@pytest.mark.parametrize("name", ["B7", "B7 other", "B7 one-shot"])
def test_a_message_that_is_said_elsewhere_is_no_turn(name: str) -> None:
    broken, expected = ZOO[name], Expectation((GoodEnd.RESULT,), 2)
    days = broken.day(), broken.day(broken.good)
    outcomes = [outcome_of(histories_of(day, over=True), ProcessEnd(0), expected) for day in days]
    assert outcomes == [RunOutcome.FALSE_SUCCESS, RunOutcome.RESULT]


@pytest.mark.long
def test_it_goes_through_all_drills_and_breaks_no_rule() -> None:
    histories, otherwise = {}, []
    for drill in drills_of("item-comparison"):
        histories[drill.name], outcome = day_of(drill)
        if as_expected(outcome, Expectation(drill.ends, 1, drill.strikes)) is False:
            otherwise.append((drill.name, outcome))
    report = report_on(histories)
    assert otherwise == []
    assert [finding.rule.id for finding in report.with_verdict(RuleVerdict.FAIL)] == []
    assert (report.score, report.grade.strip("()")) == (100, "A")
    assert len(histories) == 221 or not THOROUGH
