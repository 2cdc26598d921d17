"""Drills: as many as the formula says, each a scenario that loads, each struck once; our own app is the good client."""

import json
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lab.app.effects import App, Outcome
from lab.app.run import run
from lab.client.driver import run_instantly
from lab.core.clock import INSTANT_EPOCH
from lab.core.errors import ScenarioError, UsageError
from lab.core.observe import Noted, Observation
from lab.faults.facts import FaultStruck
from lab.faults.yamltext import yaml_text
from lab.identity.clients import DEMO
from lab.identity.scopes import api_scope
from lab.jobs.lint import lint
from lab.jobs.program import program_of
from lab.jobs.timeline import spans
from lab.language.parse import parse_scenario, parse_with_locations
from lab.language.parse.yaml_tree import read_yaml
from lab.language.shape import parsed
from lab.mock.config import Config
from lab.mock.service import Service
from lab.plugins.rehearsal.drills.drills import Drill, derive
from lab.plugins.rehearsal.drills.places import happy_path
from lab.plugins.rehearsal.drills.variants import ScenarioDocument
from lab.program.scenario import Scenario
from lab.program.switches import Layers, Switches
from tests.conftest import THOROUGH, Lab, each_row, examples
from tests.jobs.test_branches import BIG, ENDINGS, forked
from tests.lab_strategies import documents, planned

QUICK: ScenarioDocument = {
    "lab": 1, "name": "quick", "title": "Quick", "agent": {"code": "QUICK"}, "ask": "go",
    "steps": [{"work": "run", "takes": "5s"}, {"complete": "done", "output": "Done."}],
}  # fmt: skip
GATE: ScenarioDocument = {
    "gate": "may-it", "asks": "May it?", "patience": "15m", "reviewer": {"after": "20s", "verdict": "approved"}
}  # fmt: skip


def gated(*gates: str) -> list[object]:
    steps: list[object] = []
    for gate in gates:
        steps += [{"work": f"before-{gate}", "takes": "5s"}, {**GATE, "gate": gate}]
    return [*steps, {"work": "after", "takes": "5s"}, {"complete": "done", "output": "Done."}]


ONE_GATE: ScenarioDocument = {**QUICK, "steps": gated("a")}  # type: ignore[dict-item]
TWO_GATES: ScenarioDocument = {**QUICK, "steps": gated("a", "b")}  # type: ignore[dict-item]
TWO_TURNS: ScenarioDocument = {**ONE_GATE, "turns": [{"ask": "and then?", "steps": gated("a")}]}  # type: ignore[dict-item]


def drills(document: ScenarioDocument, seed: int = 0) -> tuple[int, list[Drill]]:
    program = program_of(parse_scenario(json.dumps(document), "quick.yaml"))
    happy, found = derive({**document, "seed": seed}, program, seed)
    return happy.drills, [each for each in found if each.family != "N"]


@each_row(("document", "count"), [(QUICK, 110), (ONE_GATE, 169), (TWO_GATES, 228), (TWO_TURNS, 316)])
def test_the_table_of_happy_scenarios(document: ScenarioDocument, count: int) -> None:
    said, found = drills(document)
    assert (said, len(found)) == (count, count)
    assert len({drill.name for drill in found}) == count
    for drill in found if THOROUGH else {drill.kind: drill for drill in found}.values():
        scenario, places = parse_with_locations(yaml_text(drill.document), "x.yaml", stem=str(drill.document["name"]))
        assert scenario.seed == 0
        observed = [each.what for each in lint(scenario, "x.yaml", places)]
        assert not [each for each in observed if "can't strike" in each or "no path" in each], (drill.name, observed)


def test_two_gates_on_the_way_may_stand_in_different_turns() -> None:
    _, found = drills(TWO_TURNS)
    rejected = [drill.document for drill in found if drill.kind == "rejected"]
    assert [json.dumps(each["steps"]).count("Not this time") for each in rejected] == [1, 0]
    assert [json.dumps(each["turns"]).count("Not this time") for each in rejected] == [0, 1]


@given(documents(), st.integers(0, 1000), st.data())
@examples(10, thorough=300)
def test_as_many_are_derived_from_any_happy_scenario_as_the_formula_says(
    document: ScenarioDocument, seed: int, data: st.DataObject
) -> None:
    try:
        program = program_of(parse_scenario(json.dumps(document), "drawn.yaml"))
        happy, derived = derive(document, program, seed)
    except (ScenarioError, UsageError):
        assume(False)
    every = list(derived)
    found = [each for each in every if each.family != "N"]
    assert len(every) == len(found) + 7 * len(happy.endings) + len(happy.waits)
    walked = ids_of(document, seed)
    gates = {step for step in walked if step in {body.get("gate") for body in document["steps"]}}  # type: ignore[union-attr]
    assert len(found) == happy.drills == 22 + 36 + 26 * len(walked) + 7 * len(gates)
    drill = data.draw(st.sampled_from(found))
    parse_scenario(yaml_text(drill.document), "x.yaml", stem=str(drill.document["name"]))


def ids_of(document: ScenarioDocument, seed: int) -> list[str]:
    """The steps that its first job goes through, told by the timeline itself."""
    return [span.id for span in spans(planned(program_of(parsed(Scenario, document)), seed), ())]


LOOP: ScenarioDocument = {
    **QUICK, "token": {"lifetime": "4s"},
    "steps": [
        {"work": "draft", "takes": "1s"},
        {
            "gate": "ok", "asks": "Ok?", "patience": "15m", "verdicts": {"changes-requested": "draft"},
            "reviewer": {"script": [
                {"after": "2s", "verdict": "changes-requested", "comment": "Again."}, {"after": "2s", "verdict": "approved"},
            ]},
        },
        {"work": "send", "takes": "2s"}, {"complete": "done", "output": "Done."},
    ],
}  # fmt: skip


def test_what_is_expected_of_a_scenario_is_not_of_its_drills() -> None:
    _, found = drills({**ONE_GATE, "expect": {"verdicts": {"a": "approved"}}})
    assert found == drills(ONE_GATE)[1]


def test_a_step_that_is_entered_twice_is_two_places() -> None:
    program = program_of(parse_scenario(json.dumps(LOOP), "quick.yaml"))
    happy, found = derive(LOOP, program, 0)
    assert [(place.step, place.since) for place in happy.spans] == [
        ("draft", 0), ("ok", 1_000), ("draft", 3_000), ("ok", 4_000), ("send", 6_000), ("done", 8_000)
    ]  # fmt: skip
    closes = [drill for drill in found if drill.kind == "close"]
    for drill, place in zip(closes, happy.spans, strict=True):
        _, struck, _ = play(drill)
        ((step, since),) = struck
        assert step == place.step and since >= place.since


def test_a_plan_that_outlives_its_tokens_has_a_call_for_each() -> None:
    for lifetime, tokens in (("10s", 1), ("8s", 1), ("7s", 2), ("4s", 2), ("3s", 3)):
        document = {**LOOP, "token": {"lifetime": lifetime}}
        happy, _ = derive(document, program_of(parse_scenario(json.dumps(document), "quick.yaml")), 0)
        assert happy.tokens == tokens


def test_a_scenario_of_years_has_no_drills_unless_its_tokens_last() -> None:
    steps = [{"work": "w", "takes": "3650d"}, {"complete": "done", "output": "ok"}]
    with pytest.raises(UsageError, match=r"too many drills: 22\*87600 .*at most 50000"):
        drills({**QUICK, "steps": steps})
    drills({**QUICK, "steps": steps, "token": {"lifetime": "365d"}})


def test_a_scenario_that_ends_badly_is_refused() -> None:
    with pytest.raises(UsageError, match="happy"):
        drills({**QUICK, "steps": [{"error": "no", "text": "No."}]})


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=12)
        | st.sampled_from(["no", "012", "1e3", "0o17", "12:30:45", "2026-01-01", "~", "a: b", "- x", "x\ny\n", " x\n"]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3),
        max_leaves=6,
    )
)  # fmt: skip
def test_a_document_that_is_written_reads_the_same(value: object) -> None:
    try:
        json.dumps(value).encode()
    except UnicodeEncodeError:
        assume(False)
    assert read_yaml(yaml_text({"value": value}), "x").value == {"value": value}  # type: ignore[dict-item]


# Our own app goes through them.


def play(drill: Drill) -> tuple[Outcome, list[tuple[str, int]], Service]:
    """The outcome, step and job time of each strike, and the mock."""
    program = program_of(parse_scenario(yaml_text(drill.document), "x.yaml"))
    config = Config((program,), Switches(), 0, INSTANT_EPOCH).settled(Layers({}, {}))
    service, observed = Service(config), list[Observation]()
    service.observers.append(observed.append)
    hours = 48 if "24h" in drill.kind else 1
    app = App("QUICK", "go", DEMO.id, DEMO.secret, api_scope("acme-test"), deadline=hours * 3_600_000)
    done = run_instantly(service, run(app, 0))
    strikes = [each for each in observed if isinstance(each, Noted) and isinstance(each.fact, FaultStruck)]
    looks = [(each.at, service.look(job, each.at)) for each in strikes for job in list(service.jobs())[:1]]
    return done, [(look.span.id, at - look.record.at) for at, look in looks if look], service


_, DRILLS = drills(ONE_GATE)
STOPS = ("401-for-good", "403", "invalid-client", "invalid-scope", "400-for-good")
LOST_AT_INVOKE = (
    "503", "500", "502-html", "504", "html-page", "reset", "empty", "truncate", "garbage", "wrong-length", "slow-body",
    "stall", "hang", "lose-reply-reset", "lose-reply-hang", "lose-reply-504",
)  # fmt: skip


def ends(drill: Drill) -> str:
    """How a good client comes out of it (the last column of clients.md §6)."""
    if drill.kind in STOPS or (drill.name.endswith("invoke-1") and drill.kind in LOST_AT_INVOKE):
        return "stops"
    if drill.kind == "404" and drill.name != "p-404-poll-1":
        return "stops"
    if drill.kind in ("timed-out", "at-deadline", "error", "error-partial"):
        return "ERROR"
    return "never" if drill.kind == "never-ends" else "COMPLETE"


@each_row("drill", DRILLS, ids=[drill.name for drill in DRILLS])
def test_the_labs_own_app_comes_through_every_drill(drill: Drill) -> None:
    done, struck, service = play(drill)
    assert len(list(service.jobs())) <= 1
    match ends(drill):
        case "stops":
            assert done.why and not done.complete
        case "never":
            assert done.status == "RUNNING" and "had not ended" in str(done.why)
        case word:
            assert done.status == word, done
    if drill.family in "WRKP" or (drill.family == "V" and drill.kind != "other-success-code"):
        assert struck or not list(service.jobs())


def test_what_fails_for_good_fails_in_the_steps_after_it_too() -> None:
    faults = [fault for drill in DRILLS if "for-good" in drill.kind for fault in drill.document["faults"]]  # type: ignore[union-attr]
    assert faults and not any("step" in fault for fault in faults)


# The command


def test_drills_are_listed_and_counted(lab: Lab) -> None:
    done = lab("drill", "item-comparison", "--family", "p,Z")
    assert done.code == 0
    assert len(done.lines) == 5 * 6 + 10
    assert done.lines[0].split()[:2] == ["p-expired-token-poll-1", "poll"]
    assert done.err == "item-comparison: 22*1 + 36*1 + 26*6 + 7*1 = 221; 40 of them\n"


def test_one_drill_is_written_checked_and_run(lab: Lab) -> None:
    assert lab("drill", "item-comparison", "--only", "w-503-seconds-poll-2", "--into", "drills").code == 0
    (program,) = Path("drills").iterdir()
    assert program.name == "item-comparison-w-503-seconds-poll-2.yaml"
    assert lab("check", "drills").code == 0
    assert lab("run", f"drills/{program.name}", "--speed", "instant", "--record", "./drilled").code == 0
    assert b'"type":"fault.struck"' in Path("drilled.rec.jsonl").read_bytes()
    assert lab("replay", "./drilled.rec.jsonl", "--scenarios", "drills").code == 0
    again = lab("drill", "item-comparison", "--only", "w-503-seconds-poll-2", "--into", "drills")
    assert again.code == 2 and "--force" in again.err


def test_what_a_drill_does_on_purpose_is_no_warning(lab: Lab) -> None:
    assert lab("drill", "supplier-onboarding", "--family", "g", "--into", "drills").code == 0
    done = lab("check", "--strict", "drills")
    assert (done.code, done.err.splitlines()[-1]) == (0, "14 files, 0 complaints, 0 warnings")


def test_drills_as_json_hold_their_scenario(lab: Lab) -> None:
    (line,) = lab("drill", "item-comparison", "--only", "k-odd-token-token-1", "--json", "--into", "drills").lines
    drill = json.loads(line)
    assert Path(f"drills/{drill['scenario']['name']}.yaml").is_file()
    assert (drill["family"], drill["where"]) == ("K", "token call 1")
    assert drill["scenario"]["faults"] == [{"route": "token", "calls": 1, "odd_body": True}]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--only", "w-503-pol-1"], "There is no drill w-503-pol-1.\n  did you mean w-503-poll-1?"),
        (["--family", "X"], "There is no family X.\n  They are W, R, K, V, P, G, Z, N."),
    ],
)
def test_what_is_no_drill(lab: Lab, argv: list[str], said: str) -> None:
    done = lab("drill", "item-comparison", *argv)
    assert done.code == 2
    assert said in done.err


def test_the_happy_path_takes_the_branches_that_the_own_messages_take():
    more = {"ask": {"message": "more"}, "steps": [{"work": "v", "takes": "1s", "next": [BIG]}, *ENDINGS[:2]]}
    fork = forked(BIG, {"to": "a"}, ask={"message": "go", "parameters": {"amount": 2000}}, turns=[more])
    assert [place.step for place in happy_path(fork, 7).endings] == ["b", "b"]
