"""What the language has for branches, agents and gates, in one scenario: each does what it does alone."""

from collections import Counter

from msgspec.structs import replace

from lab.core.clock import INSTANT_EPOCH
from lab.jobs.gates import Decision, Origin
from lab.jobs.plan import Plan
from lab.jobs.program import program_of
from lab.jobs.texts import status_texts
from lab.jobs.timeline import at, spans
from lab.language.shape import parsed
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.scenario import Scenario
from lab.program.switches import Switches
from lab.program.words import Verdict
from tests.conftest import each_row
from tests.lab_strategies import planned
from tests.wire_peer import EPOCH, invoke, read, status, token

Step = dict[str, object]


def agent(name: str, takes: object = "1s", **members: object) -> Step:
    return {"delegate": name, "agent": "OTHER", "takes": takes, "output": name, **members}


AROUND: Step = {
    "parallel": "around", "until": "any", "of": [
        agent("lorry", "1s", output="lorry{{ delegates.lorry.output }}"), agent("train", "3s"),
        {"work": "weigh", "takes": "2s"},
    ],
}  # fmt: skip
BOSS: Step = {
    "gate": "boss", "asks": "Pay {{ delegates.lorry.output }}?", "patience": "10s",
    "verdicts": {"changes-requested": "around"},
    "reviewer": {"script": [{"after": "1s", "verdict": "changes-requested", "comment": "Again."}]},
    "escalate": {"after": "4s", "asks": "Still {{ delegates.lorry.output }}?",
                 "reviewer": {"after": "2s", "verdict": "approved", "by": "eve"}},
}  # fmt: skip
DONE: Step = {"complete": "done", "output": "{{ delegates.lorry.output }}|{{ delegates.train.output }}"}
FAILED: Step = {"error": "failed", "text": "No."}


def scenario(*steps: Step, **members: object) -> Scenario:
    head = {"lab": 1, "name": "all", "title": "A", "agent": {"code": "ALL"}, "ask": "go"}
    return parsed(Scenario, {**head, "steps": [*steps], **members})


def plan_of(*steps: Step, seed: int = 7, **members: object) -> Plan:
    return planned(program_of(scenario(*steps, **members)), seed, at=0)


def output(plan: Plan, now: int, *decisions: Decision) -> str | None:
    return status_texts(plan, at(plan, decisions, now), INSTANT_EPOCH, Switches()).output


# A parallel, and a gate that escalates


def test_a_gate_behind_a_parallel_escalates_anew_in_each_round_and_asks_what_was_handed_back_last() -> None:
    plan = plan_of(AROUND, BOSS, DONE)
    line = list(spans(plan, ()))
    assert [(each.id, each.visit, each.since, each.escalated) for each in line] == [
        ("around", 0, 0, False),
        ("boss", 0, 1_000, False),  # the script asks for changes before it escalates
        ("around", 1, 2_000, False),
        ("boss", 1, 3_000, False),
        ("boss", 1, 7_000, True),
        ("done", 0, 9_000, False),
    ]
    prompts = [status_texts(plan, span, INSTANT_EPOCH, Switches()).prompt for span in line if span.opening is not None]
    assert [each and each.text for each in prompts] == ["Pay lorry?", "Pay lorrylorry?", "Still lorrylorry?"]
    assert output(plan, 9_000) == "lorrylorry|"


@each_row(("decided", "ends"), [(6_999, 6_999), (7_000, 7_000), (8_999, 8_999), (9_000, 9_000)])
def test_a_person_decides_before_and_behind_the_escalation_of_a_later_round(decided: int, ends: int) -> None:
    plan = plan_of(AROUND, BOSS, DONE)
    person = Decision(decided, "boss", 1, Verdict.APPROVED, Origin.PERSON, "ann")
    *_, last, end = spans(plan, (person,))
    assert (end.id, end.since) == ("done", ends) and last.escalated == (decided >= 7_000)
    assert last.votes[-1].name == (
        "ann" if decided < 9_000 else "eve"
    )  # the script comes before a person at its instant


# Delegates in loops


def test_a_delegate_in_a_loop_sees_its_visit_before_and_ends_the_loop_by_what_it_hands_back() -> None:
    plan = plan_of(
        agent("draft", output="{{ delegates.draft.output }}x", next=[
            {"when": "{{ delegates.draft.output == 'xxx' }}", "to": "done"}]),
        {"wait": "nap", "takes": "1s", "again": {"to": "draft", "rounds": 5}},
        {"complete": "late", "output": "{{ delegates.draft.output }}"},
        {"complete": "done", "output": "{{ delegates.draft.output }}"},
    )  # fmt: skip
    ids = [(each.id, each.visit) for each in spans(plan, ())]
    assert ids == [("draft", 0), ("nap", 0), ("draft", 1), ("nap", 1), ("draft", 2), ("done", 0)]
    assert output(plan, 60_000) == "xxx"
    cut = Decision(1_500, "nap", 0, None, Origin.API)
    assert [each.since for each in spans(plan, (cut,))] == [0, 1_000, 1_500, 2_500, 3_500, 4_500]


def test_a_loop_over_a_parallel_draws_each_round_anew_and_a_child_left_once_may_win_later() -> None:
    both: Step = {**AROUND, "of": [agent(name, {"between": ["1s", "9s"]}) for name in ("lorry", "train")]}
    again: Step = {"wait": "nap", "takes": "1s", "again": {"to": "around", "rounds": 20}}
    plan = plan_of(both, again, DONE)
    rounds = [each for each in spans(plan, ()) if each.stretch is not None]
    assert len(rounds) == 21
    winners = Counter(each.stretch.ending[0].id for each in rounds if each.stretch is not None)
    assert set(winners) == {"lorry", "train"}
    for each in rounds:
        lengths = [plan.takes(name, each.visit) for name in ("lorry", "train")]
        assert each.until is not None and each.until - each.since == min(lengths)
    last = rounds[-1].stretch
    assert last is not None
    assert output(plan, 10**9) == ("lorry|" if last.ending[0].id == "lorry" else "|train")


# A verdict that leads on by chance


def by_chance(**members: object) -> Step:
    shares = {
        "approved": [{"chance": "50%", "to": "done"}, {"when": "{{ decisions.boss.by == 'eve' }}", "to": "failed"}],
        "rejected": [{"chance": "20%", "to": "done"}],
    }
    return {**BOSS, "reviewer": "nobody", "verdicts": shares, **members}


@each_row(
    ("verdict", "name", "lot", "end"),
    [
        ("approved", None, 499_999, "done"),
        ("approved", None, 500_000, "next"),  # neither fits
        ("approved", "eve", 499_999, "done"),
        ("approved", "eve", 500_000, "failed"),
        ("rejected", "eve", 199_999, "done"),
        ("rejected", None, 200_000, "boss"),  # the default of the verdict
    ],
)
@each_row("decided", [1_500, 6_000])
def test_a_verdict_leads_on_by_chance_before_and_behind_its_escalation(
    verdict: str, name: str | None, lot: int, end: str, decided: int
) -> None:
    plan = plan_of(AROUND, by_chance(), {"complete": "next", "output": None}, DONE, FAILED)
    plan = replace(plan, drawn={"boss/next": lot})
    *_, last = spans(plan, (Decision(decided, "boss", 0, Verdict(verdict), Origin.PERSON, name),))
    assert (last.id, last.since) == (end, decided)


def test_each_round_has_a_lot_of_its_own_whatever_the_verdict() -> None:
    plan = plan_of(
        AROUND, by_chance(verdicts={**by_chance()["verdicts"], "changes-requested": "around"}),  # type: ignore[dict-item]
        {"complete": "next", "output": None}, DONE, FAILED,
    )  # fmt: skip
    assert plan.drawn["boss/next"] == plan.lot("boss", 0) != plan.lot("boss", 1)
    again = Decision(1_500, "boss", 0, Verdict.CHANGES, Origin.PERSON, None, "so")
    for verdict, below, otherwise in (("approved", 500_000, "next"), ("rejected", 200_000, "boss")):
        *_, last = spans(plan, (again, Decision(4_000, "boss", 1, Verdict(verdict), Origin.PERSON)))
        assert last.id == ("done" if plan.lot("boss", 1) < below else otherwise)


# Faults by the step of a child


@each_row(
    ("fault", "struck"),
    [
        ({"step": "train", "calls": "1-99"}, [1, 2]),  # left at 1 000, as lorry is there, and at work in round 2
        ({"step": "lorry", "calls": "2"}, [2]),
        ({"step": "weigh", "calls": "1-99", "after": "1s"}, [2]),
        ({"step": "around", "calls": "1-99"}, [1, 2]),
    ],
)
def test_a_fault_strikes_while_a_child_of_any_is_at_work_and_not_once_it_is_left(
    fault: Step, struck: list[int]
) -> None:
    faults = [{"route": "status", "answer": 503, **fault}]
    whole = scenario(AROUND, BOSS, DONE, faults=faults)
    mock = Service(Config((program_of(whole),), Switches(), 7, EPOCH))
    bearer = token(mock)
    job = str(read(mock.serve(invoke(bearer, {"message": "go"}, "ALL"), 0).response)["jobId"])
    polls = [999, 2_500, 1_000, 3_000, 7_500, 9_000]  # one in each round of the parallel, and behind them
    answers = {poll: mock.serve(status(bearer, job, "ALL"), poll).response.status for poll in sorted(polls)}
    assert [at_ for at_ in sorted(polls) if answers[at_] == 503] == [polls[number - 1] for number in struck]
