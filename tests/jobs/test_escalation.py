"""A gate that escalates: one opening in two spans, and whoever decides first."""

import json

import pytest

from lab.core.errors import ScenarioError
from lab.dialects.fusion.bodies import nodes
from lab.jobs.facts import GateDecided, GateExpired, GateOpened, JobStatus, derived
from lab.jobs.gates import Decision, Origin
from lab.jobs.lint import lint
from lab.jobs.plan import Plan
from lab.jobs.program import program_of
from lab.jobs.texts import opening_token, status_texts
from lab.jobs.timeline import at, spans
from lab.language.parse import parse_with_locations
from lab.language.shape import parsed
from lab.program.scenario import Scenario
from lab.program.switches import Switches
from lab.program.words import Verdict
from lab.tui.state.course import planned_course
from tests.conftest import each_row
from tests.lab_strategies import planned
from tests.wire_peer import EPOCH, invoke, read, service, status, token

GATE: dict[str, object] = {
    "gate": "g", "asks": "May it?", "patience": "10s", "reviewer": "nobody", "escalate": {"after": "4s", "asks": "And you?"},
}  # fmt: skip
EVE = {"after": "2s", "verdict": "approved", "by": "Eve"}
ANN = {"after": "9s", "verdict": "approved", "by": "Ann"}


def document(**members: object) -> dict[str, object]:
    escalate = {**GATE["escalate"], **members.pop("escalate", {})}  # type: ignore[dict-item]
    gate = {**GATE, **members, "escalate": escalate}
    steps = [gate, {"complete": "end", "output": "done"}]
    return {"lab": 1, "name": "e", "title": "E", "agent": {"code": "E"}, "ask": "go", "steps": steps}


def plan_of(**members: object) -> Plan:
    return planned(program_of(parsed(Scenario, document(**members))), at=0)


def vote(at: int, name: str = "Bob", verdict: Verdict = Verdict.APPROVED) -> Decision:
    return Decision(at, "g", 0, verdict, Origin.PERSON, name)


@each_row(
    ("decided", "line"),
    [
        (None, [(0, 4_000), (4_000, 10_000)]),
        (0, [(0, 0)]),
        (3_999, [(0, 3_999)]),
        (4_000, [(0, 4_000), (4_000, 4_000)]),  # who looked at that instant before the decision saw the escalation
        (4_001, [(0, 4_000), (4_000, 4_001)]),
        (9_999, [(0, 4_000), (4_000, 9_999)]),
        (10_000, [(0, 4_000), (4_000, 10_000)]),  # too late
    ],
)
def test_an_opening_has_two_spans_from_its_escalation_on(decided: int | None, line: list[tuple[int, int]]) -> None:
    plan, decisions = plan_of(), () if decided is None else (vote(decided),)
    gate = [span for span in spans(plan, decisions) if span.opening is not None]
    assert [(span.since, span.until) for span in gate] == line
    assert [span.escalated for span in gate] == [False, True][: len(gate)]
    assert {(span.visit, opening_token(plan, span), span.opening) for span in gate} == {
        (0, opening_token(plan, gate[0]), gate[0].opening)
    }
    ends = [each.verdict for each in gate[-1].votes]
    assert ends == [Verdict.APPROVED if decided is not None and decided < 10_000 else Verdict.TIMED_OUT]


@each_row(
    ("members", "cast"),
    [
        ({"reviewer": ANN, "escalate": {"reviewer": EVE}}, [(6_000, "Eve")]),
        ({"reviewer": ANN | {"after": "5s"}, "escalate": {"reviewer": EVE}}, [(5_000, "Ann")]),
        ({"reviewer": ANN | {"after": "6s"}, "escalate": {"reviewer": EVE}}, [(6_000, "Ann")]),  # the first reviewer
        ({"reviewer": ANN | {"after": "4s"}, "escalate": {"reviewer": EVE}}, [(4_000, "Ann")]),
        ({"escalate": {"reviewer": EVE | {"after": "6s"}}}, [(10_000, None)]),  # due at the deadline: too late
        ({"channel": "EMAIL", "approvals": 2, "reviewer": {"script": [ANN | {"after": "1s"}]}, "escalate": {"reviewer": EVE}},
         [(1_000, "Ann"), (6_000, "Eve")]),
        ({"channel": "EMAIL", "approvals": 3, "reviewer": {"script": [ANN | {"after": "1s"}]}, "escalate": {"reviewer": EVE}},
         [(1_000, "Ann"), (6_000, "Eve"), (8_000, None)]),
        ({"channel": "EMAIL", "approvals": 2, "reviewer": ANN | {"after": "5s"}, "escalate": {"reviewer": EVE}},
         [(5_000, "Ann"), (7_000, "Eve")]),
    ],
)  # fmt: skip
def test_whoever_is_due_first_decides(members: dict[str, object], cast: list[tuple[int, str | None]]) -> None:
    *_, last = (span for span in spans(plan_of(**members), ()) if span.opening is not None)
    assert [(each.at, each.name) for each in last.votes] == cast


@pytest.mark.parametrize("decided", [3_999, 4_000, 4_001])
def test_what_follows_only_grows_and_each_vote_is_told_once_in_its_span(decided: int) -> None:
    plan, decision = plan_of(channel="EMAIL", approvals=2, escalate={"reviewer": EVE}), vote(decided)
    seen = derived(plan, (), decided).facts
    facts = derived(plan, (decision,), 60_000).facts
    assert facts[: len(seen)] == seen and [fact.at for fact in facts] == sorted(fact.at for fact in facts)
    assert [type(fact) for fact in facts] == [GateOpened, JobStatus, GateDecided, JobStatus]
    escalated = facts[1]
    assert isinstance(escalated, JobStatus)
    assert (escalated.at, escalated.origin, escalated.to, escalated.step) == (4_000, "WAITING", "WAITING", "g")
    assert [type(fact) for fact in derived(plan_of(), (), 60_000).facts] == [
        GateOpened,
        JobStatus,
        GateExpired,
        JobStatus,
    ]


def test_each_round_escalates_anew() -> None:
    reviewer = {"script": [{"after": "5s", "verdict": "changes-requested", "comment": "Again."}, ANN | {"after": "1s"}]}
    line = list(spans(plan_of(reviewer=reviewer, verdicts={"changes-requested": "g"}), ()))
    assert [(span.visit, span.since, span.escalated) for span in line[:-1]] == [
        (0, 0, False),
        (0, 4_000, True),
        (1, 5_000, False),
    ]


def test_the_question_changes_and_a_gate_is_one_step_still() -> None:
    plan = plan_of()
    prompts = [status_texts(plan, at(plan, (), now), EPOCH, Switches()).prompt for now in (3_999, 4_000)]
    assert [prompt and prompt.text for prompt in prompts] == ["May it?", "And you?"]
    same = planned(program_of(parsed(Scenario, document() | {"steps": [
        {**GATE, "escalate": {"after": "4s"}}, {"complete": "end", "output": "done"}]})), at=0)  # fmt: skip
    prompt = status_texts(same, at(same, (), 4_000), EPOCH, Switches()).prompt
    assert prompt is not None and prompt.text == "May it?"
    assert [each["status"] for each in nodes(plan, at(plan, (), 4_000), ())] == ["RUNNING"]  # type: ignore[index, call-overload]
    # the gate, and the ending that bears its id
    assert [step.name for step in planned_course(plan.program.scenario, 7, 1)] == ["g", "g"]


def test_over_the_wire_the_first_token_answers_the_escalated_question() -> None:
    mock = service(document() | {"agent": {"code": "EXPENSES", "version": 2}})
    bearer = token(mock)
    job = str(read(mock.serve(invoke(bearer, {"message": "go"}), 0).response)["jobId"])
    bodies = [read(mock.serve(status(bearer, job), now).response) for now in (1_000, 4_000)]
    nodes = [body["waitingNodeDetails"] for body in bodies]
    assert [node["initialMessage"] for node in nodes] == ["May it?", "And you?"]  # type: ignore[index, call-overload]
    assert {**nodes[0], "initialMessage": ""} == {**nodes[1], "initialMessage": ""}  # type: ignore[dict-item]
    answer = {"messageInstanceId": nodes[0]["callbackToken"], "userResponse": "APPROVE_ACTION"}  # type: ignore[index, call-overload]
    assert mock.serve(invoke(bearer, {"jobId": job, "resumeInput": answer}), 5_000).response.status == 202
    assert mock.serve(invoke(bearer, {"jobId": job, "resumeInput": answer}), 5_001).response.status == 409
    assert read(mock.serve(status(bearer, job), 6_000).response)["status"] == "COMPLETE"


QUORUM: dict[str, object] = {"channel": "EMAIL", "approvals": 2, "reviewer": {"script": [ANN | {"after": "1s"}]}}


@each_row(
    ("members", "found"),
    [
        (QUORUM | {"escalate": {"reviewer": EVE}}, []),  # a partial quorum, and who makes it whole
        (QUORUM, ["g times out: its script holds too few votes"]),
        ({"reviewer": None, "escalate": {"reviewer": EVE}}, []),
        ({"escalate": {"reviewer": EVE | {"after": "6s"}}}, ["g times out before its reviewer answers"]),
        ({"escalate": {"reviewer": EVE | {"after": "6s", "late": True}}}, []),
        ({"escalate": {"asks": "{{ message / 2 }}"}},
         ["the escalate.asks of g doesn't render: operators take numbers only; join texts with ~, and make numbers of them by | int or | float"]),
        ({"reviewer": ANN | {"after": "3999ms"}}, ["g never escalates: its reviewer decides after 3s999ms"]),
        ({"reviewer": ANN | {"after": "4s"}}, []),
        (QUORUM | {"reviewer": {"after": "2s", "verdict": "approved"}}, []),  # the second approval comes once it has escalated
        (QUORUM | {"reviewer": ANN | {"after": "2s"}}, ["g takes two votes of one name: it counts once, so the second vote goes without it"]),
        ({"reviewer": ANN, "escalate": {"reviewer": EVE | {"after": "5999ms"}}}, []),
        ({"reviewer": ANN, "escalate": {"reviewer": EVE | {"after": "6s"}}}, []),  # Ann decides
        ({"escalate": {"asks": None}}, ["the escalation of g changes nothing: it asks nobody else, and nothing else"]),
        ({"escalate": {"asks": None, "reviewer": "nobody"}}, []),
        ({"escalate": {"asks": None, "reviewer": EVE}}, []),
    ],
)  # fmt: skip
def test_who_answers_a_gate_that_escalates_is_looked_at_together(members: dict[str, object], found: list[str]) -> None:
    scenario, locations = parse_with_locations(json.dumps(document(**members)), "e.yaml")
    assert [each.what for each in lint(scenario, "e.yaml", locations)] == found


@each_row(
    ("escalate", "complaint"),
    [
        ({"after": "10s"}, "steps[0].escalate.after: the gate times out before it escalates"),
        ({"after": "0s"}, "steps[0].escalate.after: must be more than 0"),
        ({"reviewer": {"script": [EVE]}}, "steps[0].escalate.reviewer: unknown key script"),
        ({"reviewer": EVE | {"verdict": "changes-requested"}},
         "steps[0].escalate.reviewer.verdict: this gate doesn't offer changes-requested"),
        ({"asks": "{{ mesage }}"}, "steps[0].escalate.asks: unknown name mesage"),
    ],
)  # fmt: skip
def test_an_escalation_that_can_not_be_is_complained_of(escalate: dict[str, object], complaint: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_with_locations(json.dumps(document(escalate=escalate)), "e.yaml")
    assert complaint in [each.what for each in caught.value.complaints]
