"""Parallels: cut where a child ends, left where any is enough, and nothing moved by a child more."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from lab.core.clock import INSTANT_EPOCH
from lab.core.errors import ScenarioError
from lab.dialects.fusion.bodies import nodes
from lab.jobs.facts import derived
from lab.jobs.gates import Decision, Origin
from lab.jobs.lint import lint
from lab.jobs.plan import Plan, settle_draws
from lab.jobs.program import Program, program_of
from lab.jobs.span import stretches
from lab.jobs.texts import status_texts
from lab.jobs.timeline import at, spans
from lab.language.parse import parse_with_locations
from lab.language.shape import parsed
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.scenario import Scenario
from lab.program.steps import Parallel, Work
from lab.program.switches import Switches
from lab.program.words import Verdict
from lab.tui.state.course import planned_course
from tests.conftest import each_row
from tests.lab_strategies import INSTANTS, PLANS, decisions_for, planned, scenarios
from tests.wire_peer import EPOCH, invoke, read, status, token

Step = dict[str, object]
DONE: Step = {"complete": "done", "output": "{{ delegates.a.output }}|{{ delegates.b.output }}"}


def document(*steps: Step, **members: object) -> Step:
    return {"lab": 1, "name": "both", "title": "B", "agent": {"code": "B"}, "ask": "go", "steps": [*steps], **members}


def example(*steps: Step) -> Plan:
    return planned(program_of(parsed(Scenario, document(*steps))), at=0)


def agent(name: str, takes: str = "2s", output: object = None, **members: object) -> Step:
    text = f"{name} {{{{ decisions.boss.comment }}}}" if output is None else output
    return {
        "delegate": name,
        "agent": "OTHER",
        "takes": takes,
        "output": text,
        "says": f"{name} at {{{{ now }}}}",
        **members,
    }


def worker(name: str, takes: str = "5s") -> Step:
    return {"work": name, "takes": takes, "tool": "GET"}


def both(*children: Step, until: str = "all", **members: object) -> Step:
    return {"parallel": "both", "of": [*children], "until": until, **members}


GATE: Step = {"gate": "boss", "asks": "?", "patience": "9s", "verdicts": {"changes-requested": "both"}}


@pytest.mark.parametrize(
    ("until", "rows"),
    [
        ("all", [(1_000, 3_000, "abcd", "a"), (3_000, 6_000, "bcd", "bc"), (6_000, 10_000, "d", "d")]),
        ("any", [(1_000, 3_000, "abcd", "a")]),
    ],
)
def test_the_stretches_of_the_example_in_parallel(until: str, rows: list[tuple[int, int, str, str]]) -> None:
    parallel = parsed(Parallel, both(*(worker(name) for name in "abcd"), until=until))
    lasting = {"a": 2_000, "b": 5_000, "c": 5_000, "d": 9_000}
    found = list(stretches(parallel, 1_000, lasting.__getitem__))
    assert [(p.since, p.until, *("".join(c.id for c in some) for some in (p.at_work, p.ending))) for p in found] == rows
    assert "".join(child.id for child in found[-1].left) == ("bcd" if until == "any" else "")
    assert [part.last for part in found] == [False] * (len(rows) - 1) + [True]


@each_row(
    ("takes", "until", "ends"),
    [
        (("0ms", "2s"), "all", [0, 2_000]),
        (("0ms", "2s"), "any", [0]),
        (("0ms", "0ms"), "all", [0]),
        (("2s", "2s"), "all", [2_000]),
        (("2s", "2s"), "any", [2_000]),
        (("3s", "2s"), "any", [2_000]),
    ],
)
def test_it_is_cut_where_a_child_ends(takes: tuple[str, str], until: str, ends: list[int]) -> None:
    plan = example(both(agent("a", takes[0]), agent("b", takes[1]), until=until), DONE)
    assert [span.until for span in spans(plan, ())] == [*ends, None]


@each_row(
    ("takes", "until", "output"),
    [
        (("1s", "2s"), "all", "a |b "),
        (("2s", "1s"), "any", "|b "),
        (("2s", "2s"), "any", "a |b "),
        (("0ms", "1s"), "any", "a |"),
    ],
)
def test_one_that_is_left_hands_nothing_back(takes: tuple[str, str], until: str, output: str) -> None:
    plan = example(GATE, both(agent("a", takes[0]), agent("b", takes[1]), until=until), DONE)
    approved = Decision(1, "boss", 0, Verdict.APPROVED)
    assert status_texts(plan, at(plan, (approved,), 9_000), INSTANT_EPOCH, Switches()).output == output


def test_in_a_second_visit_one_that_is_left_has_nothing_of_the_first() -> None:
    lasting: Step = {"takes": {"between": ["1s", "3s"]}}
    plan = example(both(*(agent(n, output=n) | lasting for n in "ab"), until="any"), GATE, DONE)
    plan = replace(plan, drawn={"a/takes": 1_000, "b/takes": 2_000})
    assert plan.takes("b", 1) < plan.takes("a", 1)
    again = Decision(2_500, "boss", 0, Verdict.CHANGES, Origin.PERSON, None, "so")
    outputs = [
        status_texts(plan, at(plan, decisions, 9_000), INSTANT_EPOCH, Switches()).output
        for decisions in (
            (replace(again, verdict=Verdict.APPROVED),),
            (again, replace(again, at=6_000, visit=1, verdict=Verdict.APPROVED)),
        )
    ]
    assert outputs == ["a|", "|b"]


def test_children_see_what_there_was_when_their_parallel_was_entered() -> None:
    plan = example(both(agent("a", "1s", "x"), agent("b", "2s", "{{ delegates.a.output }}y")), GATE, DONE)
    again = Decision(2_500, "boss", 0, Verdict.CHANGES, Origin.PERSON, None, "so")
    approved = Decision(5_000, "boss", 1, Verdict.APPROVED)
    output = status_texts(plan, at(plan, (again, approved), 9_000), INSTANT_EPOCH, Switches()).output
    assert output == "x|xy"


# The wire


def served(*steps: Step) -> tuple[Service, str]:
    mock = Service(Config((example(*steps).program,), Switches(), 7, EPOCH))
    return mock, token(mock)


def test_a_body_says_who_is_at_work_first_and_admin_sees_all_but_those_who_were_left() -> None:
    mock, bearer = served(
        both(agent("a", "1s", "A"), worker("b", "3s"), agent("c", "2s", "C")),
        {**both(worker("x", "1s"), worker("y", "2s"), until="any"), "parallel": "other"}, {"work": "w", "takes": "1s"}, DONE | {"output": "."},
    )  # fmt: skip
    body = {"message": "go", "invocationMode": "ADMIN", "progressMessage": True}
    job = str(read(mock.serve(invoke(bearer, body, "B"), 0).response)["jobId"])

    def shown(now: int) -> tuple[object, str]:
        found = read(mock.serve(status(bearer, job, "B"), now).response)
        nodes = [f"{node['nodeCode']} {node['nodeType']} {node['status']} {node['output']}" for node in found["nodes"]]  # type: ignore[index,attr-defined]
        return found["progressMessage"], ", ".join(nodes)

    assert shown(999) == (f"a at {now_text(0)}", "A AGENT RUNNING None, B TOOL RUNNING None, C AGENT RUNNING None")
    assert shown(1_000) == ("", "A AGENT DONE None, B TOOL RUNNING None, C AGENT RUNNING None")
    assert shown(2_000) == ("", "A AGENT DONE None, B TOOL RUNNING None, C AGENT DONE None")
    whole = "A AGENT DONE None, B TOOL DONE None, C AGENT DONE None"
    assert shown(3_999) == ("", f"{whole}, X TOOL RUNNING None, Y TOOL RUNNING None")
    assert shown(4_000) == ("", f"{whole}, X TOOL DONE None, W AGENT RUNNING None")


def now_text(at_: int) -> str:
    return f"2026-01-01T00:00:0{at_ // 1000}.000Z"


def test_a_poll_is_struck_while_a_child_is_at_work() -> None:
    faults = [
        {"route": "status", "step": step, "calls": "1-99", "answer": answer}
        for step, answer in (("b", 503), ("both", 500))
    ]
    whole = parsed(
        Scenario,
        document(both(worker("a", "1s"), worker("b", "2s"), worker("c", "3s")), DONE | {"output": "."}, faults=faults),
    )
    mock = Service(Config((program_of(whole),), Switches(), 7, EPOCH))
    bearer = token(mock)
    job = str(read(mock.serve(invoke(bearer, {"message": "go"}, "B"), 0).response)["jobId"])
    answers = [mock.serve(status(bearer, job, "B"), now).response.status for now in (500, 1_500, 2_000, 2_999, 3_000)]
    assert answers == [503, 503, 500, 500, 200]


def test_the_facts_of_a_job_tell_of_steps_and_not_of_cuts() -> None:
    plan = example(
        both(agent("a", "1s"), agent("b", "2s")), {"work": "w", "takes": "1s"}, {"complete": "done", "output": None}
    )
    facts = derived(plan, (), 9_000).facts
    assert [(fact.at, getattr(fact, "step", "")) for fact in facts] == [(2_000, "w"), (3_000, "done")]
    assert [step.name for step in planned_course(plan.program.scenario, 7, 1)] == ["both", "w", "done"]


# Laws


@given(st.data(), PLANS, INSTANTS, INSTANTS)
def test_what_a_job_says_is_constant_within_a_span(data: st.DataObject, plan: Plan, now: int, later: int) -> None:
    wanted = replace(plan.invocation, input=replace(plan.invocation.input, progress_message=True))
    plan = replace(plan, invocation=wanted)
    decisions = data.draw(decisions_for(plan))
    first, second = (at(plan, decisions, when) for when in (now, later))
    if first.index == second.index:
        texts = [status_texts(plan, span, INSTANT_EPOCH, Switches()) for span in (first, second)]
        assert texts[0] == texts[1]
        assert nodes(plan, first, decisions) == nodes(plan, second, decisions)


@given(st.data(), PLANS)
def test_at_each_instant_of_a_parallel_those_are_at_work_whose_time_is_not_over(
    data: st.DataObject, plan: Plan
) -> None:
    line = list(spans(plan, data.draw(decisions_for(plan))))
    for span, after in pairwise(line):
        step, until = span.step, span.until
        assert until is not None and at(plan, (), -1).index == 0
        if not isinstance(step, Parallel):
            assert span.stretch is None and span.entered == span.since
            continue
        ends = {child.id: span.entered + plan.takes(child.id, span.visit) for child in step.of}
        over = (max if step.until == "all" else min)(ends.values())
        assert until <= over and (until == over) == (after.entered >= over)
        for instant in {span.since, until - 1} if until > span.since else set[int]():
            assert list(span.ids[1:]) == [name for name, end in ends.items() if instant < end]


@given(scenarios(), st.integers(0, 2**40), st.integers(1, 5))
def test_an_added_child_disturbs_no_other_draw(program: Program, seed: int, ordinal: int) -> None:
    extra = parsed(Work, {"work": "added", "takes": {"between": ["1ms", "9s"]}})
    steps = tuple(
        replace(step, of=(extra, *step.of)) if isinstance(step, Parallel) else step for step in program.scenario.steps
    )
    longer = program_of(replace(program.scenario, steps=steps))
    before, after = (settle_draws(each, seed, ordinal) for each in (program, longer))
    assert before.items() <= after.items()
    plans = planned(program, seed, ordinal=ordinal), planned(longer, seed, ordinal=ordinal)
    for name, step in program.steps.items():
        if hasattr(step, "takes"):
            assert plans[0].takes(name, 2) == plans[1].takes(name, 2)


def test_a_step_that_is_put_into_a_parallel_keeps_its_draw_and_a_recorded_one_wins() -> None:
    lasting = {"between": ["1s", "3s"]}
    alone = example(worker("a") | {"takes": lasting}, {"complete": "done", "output": None})
    within = example(both(worker("a") | {"takes": lasting}, worker("b")), {"complete": "done", "output": None})
    assert alone.drawn == within.drawn and "a/takes" in alone.drawn
    recorded = replace(within, drawn={"a/takes": 1_234})
    assert [span.until for span in spans(recorded, ())] == [1_234, 5_000, None]


# What can't be


@each_row(
    ("steps", "complaint"),
    [
        ((both(worker("a"), {"gate": "g", "asks": "?", "patience": "1s"}), DONE), "steps[0].of[1]: side by side are work and delegate steps; let a step of another kind come before or behind"),
        ((both(worker("a"), both(worker("b"), worker("c")) | {"parallel": "more"}), DONE), "steps[0].of[1]: side by side are work and delegate steps; let"),
        ((both(worker("a")), DONE), "steps[0].of: takes at least 2 values"),
        ((both(worker("a"), worker("a")), DONE), "steps[0].of[1].work: a second step called a; the first is on line"),
        ((worker("a"), both(worker("a"), worker("b")), DONE), "steps[1].of[0].work: a second step called a"),
        ((both(worker("a") | {"next": "done"}, worker("b")), DONE), "steps[0].of[0]: the parallel says what follows, no child of it; write next in both"),
        ((worker("w") | {"next": "a"}, both(worker("a"), worker("b")), DONE), "steps[0].next: there is no step a; lead to both, in which it is"),
        ((both(worker("a"), worker("b"), until="one"), DONE), "steps[0].until: takes all or any"),
        ((both(worker("a"), agent("b", output="{{ now }}")), DONE), "steps[0].of[1].output: now is not known here"),
        ((both(worker("a") | {"says": "{{ data.x }}"}, worker("b")), DONE), "steps[0].of[0].says: data has no x"),
        ((both(worker("a"), {"works": "b", "takes": "1s"}), DONE), "steps[0].of[1]: unknown kind of step works; did you mean work?"),
        ((both(worker("a"), worker("b") | {"agent": "X"}), DONE), "steps[0].of[1]: unknown key agent"),
        ((both(worker("a", "0ms"), worker("b"), until="any"), {"wait": "nap", "takes": "0ms", "again": {"to": "both", "rounds": 1}}, DONE), "steps[1].again.to: a loop of 0ms: no time passes from round to round"),
    ],
)  # fmt: skip
def test_a_parallel_that_can_not_be_is_complained_of(steps: tuple[Step, ...], complaint: str) -> None:
    whole = document(*(DONE | {"output": "."} if step is DONE else step for step in steps))
    with pytest.raises(ScenarioError) as caught:
        parse_with_locations(json.dumps(whole, indent=1), "both.yaml")
    (found,) = (str(each).partition(": ")[2] for each in caught.value.complaints)
    assert found.startswith(complaint)


@pytest.mark.parametrize(
    ("fault", "warning"),
    [({"step": "b"}, None), ({"step": "both"}, None), ({"step": "a"}, "status-503 can't strike: a takes no time")],
)
def test_a_fault_may_name_a_child_that_takes_time(fault: Step, warning: str | None) -> None:
    faults = [{"route": "status", "answer": 503, **fault}]
    whole = document(both(worker("a", "0ms"), agent("b", output="B")), DONE | {"output": "."}, faults=faults)
    scenario, locations = parse_with_locations(json.dumps(whole), "both.yaml")
    assert [each.what for each in lint(scenario, "both.yaml", locations)] == ([] if warning is None else [warning])
