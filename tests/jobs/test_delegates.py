"""Delegates: what they hand back, who sees it and since when, and how their nodes show it."""

import json

import pytest
from msgspec.structs import replace

from lab.core.clock import INSTANT_EPOCH
from lab.core.errors import ScenarioError
from lab.dialects.fusion.bodies import nodes
from lab.jobs.gates import Decision, Origin
from lab.jobs.lint import lint
from lab.jobs.names import LONGEST_HANDED_BACK, DelegateOutputs
from lab.jobs.plan import Plan
from lab.jobs.program import program_of
from lab.jobs.span import DelegateEnd
from lab.jobs.texts import status_texts
from lab.jobs.timeline import UNWRITTEN, at, spans
from lab.language.parse import parse_with_locations
from lab.language.shape import parsed
from lab.language.templates import RenderFailure
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.scenario import Scenario
from lab.program.switches import Switches
from lab.program.words import Verdict
from tests.conftest import each_row
from tests.lab_strategies import planned
from tests.wire_peer import EPOCH, invoke, read, status, token

Step = dict[str, object]
DONE: Step = {"complete": "done", "output": "{{ delegates.check.output }}"}


def document(*steps: Step) -> dict[str, object]:
    return {"lab": 1, "name": "agents", "title": "A", "agent": {"code": "A"}, "ask": "go", "steps": [*steps]}


def example(*steps: Step) -> Plan:
    return planned(program_of(parsed(Scenario, document(*steps))), at=0)


def delegate(name: str, output: object = "{{ message }}!", **members: object) -> Step:
    return {"delegate": name, "agent": "OTHER", "takes": "1s", "output": output, **members}


def gate(**members: object) -> Step:
    return {"gate": "boss", "asks": "{{ delegates.check.output }}?", "patience": "9s", **members}


def answer(plan: Plan, now: int, *decisions: Decision) -> object:
    return status_texts(plan, at(plan, decisions, now), INSTANT_EPOCH, Switches()).output


DRAFT, CHECK = delegate("draft"), delegate("check", "{{ delegates.draft.output }} ok")
ROUND = gate(verdicts={"changes-requested": "draft"})
AGAIN = Decision(3_000, "boss", 0, Verdict.CHANGES, Origin.PERSON, None, "so")


def test_the_ends_of_the_example_in_delegates() -> None:
    plan = example(DRAFT, CHECK, ROUND, DONE)
    ends = at(plan, (AGAIN,), 4_500).ends
    assert [(end.step, end.visit, end.decided, end.known) for end in ends] == [
        ("draft", 0, 0, 0),
        ("check", 0, 0, 1),
        ("draft", 1, 1, 2),
    ]
    outputs = DelegateOutputs(plan, (AGAIN,), ends)
    assert [outputs.text(place) for place in range(3)] == ["go!", "go! ok", "go!"]


def test_later_texts_see_the_latest_visit_that_ended_and_no_text_sees_its_own() -> None:
    plan = example(delegate("draft", "{{ delegates.draft.output }}{{ decisions.boss.comment }}x"), CHECK, ROUND, DONE)
    seen = {span.index: status_texts(plan, span, INSTANT_EPOCH, Switches()).prompt for span in spans(plan, (AGAIN,))}
    assert [prompt.text for prompt in seen.values() if prompt] == ["x ok?", "xsox ok?"]


def test_before_it_ended_and_where_it_hands_back_nothing_a_text_sees_the_empty_one() -> None:
    plan = example(gate(), delegate("check", None), DONE)
    waits = status_texts(plan, at(plan, (), 0), INSTANT_EPOCH, Switches()).prompt
    assert waits is not None and waits.text == "?"
    approved = Decision(1, "boss", 0, Verdict.APPROVED)
    assert answer(plan, 5_000, approved) == ""


def test_what_a_loop_makes_of_a_thousand_others_is_made_without_a_stack_of_them() -> None:
    plan = example(
        delegate("check", "{{ delegates.check.output }}x"),
        {"wait": "nap", "takes": "1s", "again": {"to": "check", "rounds": 1000}},
        DONE,
    )
    assert answer(plan, 10**9) == "x" * 1001


def test_a_text_that_looks_at_one_that_fails_fails_and_others_do_not() -> None:
    plan = example(
        delegate("draft", "{{ 1 + message }}"),
        delegate("check", "{{ delegates.draft.output if turn > 1 else 'ok' }}"),
        {"work": "w", "takes": "1s"},
        {"complete": "done", "output": "{{ delegates[parameters.of].output }}"},
    )

    def ended(of: str) -> tuple[object, object]:
        other = replace(plan, invocation=replace(plan.invocation, first_parameters={"of": of}))
        state = status_texts(other, at(other, (), 9_000), INSTANT_EPOCH, Switches())
        return state.output, state.error

    assert ended("check") == ("ok", None)
    assert ended("draft") == (None, UNWRITTEN)
    assert ended("nobody") == (None, UNWRITTEN)


@pytest.mark.parametrize(("size", "fits"), [(LONGEST_HANDED_BACK, True), (LONGEST_HANDED_BACK + 1, False)])
def test_what_is_handed_back_has_a_limit(size: int, fits: bool) -> None:
    plan = example(delegate("check", {"filler": f"{size}B"}), DONE)
    outputs = DelegateOutputs(plan, (), (DelegateEnd("check", 0, 0, 0),))
    if fits:
        assert len(str(outputs.text(0))) == size
    else:
        with pytest.raises(RenderFailure, match="longer than 65536 characters"):
            outputs.text(0)


@each_row(
    ("output", "end"), [("go!", "b"), ("{{ message }}!", "b"), ("no", "a"), ("{{ delegates.check.output }}", "a")]
)
def test_a_condition_sees_what_was_handed_back_by_its_own_step(output: str, end: str) -> None:
    ways = [{"when": "{{ delegates.check.output == 'go!' }}", "to": "b"}]
    plan = example(delegate("check", output, next=ways), {"complete": "a", "output": None}, {"error": "b", "text": "B"})
    assert [span.id for span in spans(plan, ())] == ["check", end]


def test_admin_sees_whose_a_node_is_and_not_what_it_handed_back() -> None:
    mock = Service(
        Config(
            (example(delegate("price-check"), {"work": "w", "takes": "1s"}, CHECK, DONE).program,),
            Switches(),
            7,
            EPOCH,
        )
    )
    bearer = token(mock)
    body = {"message": "go", "invocationMode": "ADMIN"}
    job = str(read(mock.serve(invoke(bearer, body, "A"), 0).response)["jobId"])

    def nodes(now: int) -> object:
        return read(mock.serve(status(bearer, job, "A"), now).response)["nodes"]

    other = {"nodeCode": "PRICE_CHECK", "nodeType": "AGENT", "agentCode": "OTHER"}
    assert nodes(500) == [{**other, "status": "RUNNING", "output": None}]
    worked = {"nodeCode": "W", "nodeType": "AGENT", "status": "RUNNING", "output": None}
    assert nodes(1_500) == [{**other, "status": "DONE", "output": None}, worked]


def complaints(*steps: Step) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        parse_with_locations(json.dumps(document(*steps), indent=1), "agents.yaml")
    return [str(each).partition(": ")[2] for each in caught.value.complaints]


@each_row(
    ("step", "complaint"),
    [
        (
            delegate("check", "{{ now }}"),
            "steps[0].output: now is not known here; known here: client conversation data",
        ),
        (delegate("check", {"json": ["{{ now }}"]}), "steps[0].output.json[0]: now is not known here"),
        (
            delegate("check", "{{ delegates.chek.output }}"),
            "steps[0].output: there is no delegate chek; did you mean check?",
        ),
        (
            delegate("check", "{{ delegates.check.text }}"),
            "steps[0].output: a delegate has no text; known here: output",
        ),
        (delegate("check", says="{{ decisions.check.verdict }}"), "steps[0].says: there is no gate check"),
        (delegate("check", {"file": "../x"}), "steps[0].output.file: ../x is outside the scenario's folder"),
        (delegate("check", agent="a b"), "steps[0].agent: is of letters, digits and _, at most 200"),
        ({"delegate": "check", "takes": "1s"}, "steps[0]: agent is missing"),
        (delegate("check", tool="X"), "steps[0]: unknown key tool"),
    ],
)
def test_a_delegate_that_can_not_be_is_complained_of(step: Step, complaint: str) -> None:
    (found,) = complaints(step, DONE)
    assert found.startswith(complaint)


@each_row(
    ("output", "warning"),
    [
        ("{{ data.x }}", None),
        ("{{ 1 + message }}", "the output of check doesn't render"),
        ({"filler": "65537B"}, "the output of check doesn't render: what check hands back is longer than 65536"),
        ("{{ '' }}", "the output of check renders to nothing"),
        ("", None),
        (None, None),
    ],
)
def test_a_delegate_that_hands_back_nothing_is_warned_of(output: object, warning: str | None) -> None:
    whole = {**document(delegate("check", output), {"complete": "done", "output": "Done."}), "data": {"x": "y"}}
    scenario, locations = parse_with_locations(json.dumps(whole), "agents.yaml")
    found = [each.what for each in lint(scenario, "agents.yaml", locations)]
    assert [each[: len(warning or "")] for each in found] == ([] if warning is None else [warning])


def test_texts_that_look_at_no_decision_are_tried_at_invoke() -> None:
    mock = Service(Config((example(delegate("check", "{{ 1 + message }}"), DONE).program,), Switches(), 7, EPOCH))
    assert mock.serve(invoke(token(mock), {"message": "go"}, "A"), 0).response.status == 503


def test_no_node_is_running_once_a_gate_s_own_ending_is_there() -> None:
    plan = example({**gate(), "asks": "?"}, CHECK, DRAFT, DONE)
    ended = at(plan, (), 9_000)
    assert (ended.id, ended.status) == ("boss", "ERROR")
    assert [(each["nodeCode"], each["status"]) for each in nodes(plan, ended, ())] == [("BOSS", "DONE")]  # type: ignore[index, call-overload]
