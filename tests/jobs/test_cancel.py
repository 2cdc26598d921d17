"""A job that a client cancels: when it ends, and how."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.core.clock import Millis
from lab.core.errors import ScenarioError
from lab.jobs.facts import JobStatus, derived
from lab.jobs.gates import CANCEL, Decision, Origin
from lab.jobs.plan import Plan
from lab.jobs.program import program_of
from lab.jobs.texts import status_texts
from lab.jobs.timeline import at, spans
from lab.language.parse import parse_with_locations
from lab.language.shape import parsed
from lab.program.scenario import Scenario
from lab.program.switches import Switches
from lab.program.words import Status, Verdict
from tests.lab_strategies import INSTANTS, PLANS, decisions_for, planned
from tests.wire_peer import EPOCH

STEPS: list[dict[str, object]] = [
    {"work": "read", "takes": "2s"},
    {"gate": "boss", "asks": "May I?", "patience": "10s"},
    {"work": "pay", "takes": "4s", "cancel": {"takes": "3s", "output": "Of {{ data.sum }}, nothing was paid."}},
    {"complete": "done", "output": "Paid."},
]
"""Accepted at 0, approved at 5 000: `pay` from 5 000, `done` from 9 000."""
APPROVAL = Decision(5_000, "boss", 0, Verdict.APPROVED, Origin.PERSON)


def document(**members: object) -> dict[str, object]:
    base = {"lab": 1, "name": "c", "title": "C", "agent": {"code": "C"}, "ask": "go", "data": {"sum": 40}}
    return {**base, "steps": STEPS, **members}


def plan_of(**members: object) -> Plan:
    return planned(program_of(parsed(Scenario, document(**members))), at=0)


def cancelled(request: Millis, *others: Decision) -> tuple[Decision, ...]:
    return tuple(sorted((Decision(request, CANCEL, 0, None, Origin.API), *others), key=lambda each: each.at))


@pytest.mark.parametrize(
    ("request_at", "line"),
    [
        (0, [("read", 0, 0), ("CANCELLED", 0, None)]),
        (1_999, [("read", 0, 1_999), ("CANCELLED", 1_999, None)]),
        # at the instant at which the gate opens somebody may have been complaint that it waits
        (2_000, [("read", 0, 2_000), ("boss", 2_000, 2_000), ("CANCELLED", 2_000, None)]),
        (4_000, [("read", 0, 2_000), ("boss", 2_000, 4_000), ("CANCELLED", 4_000, None)]),
        (5_999, [("read", 0, 2_000), ("boss", 2_000, 5_000), ("pay", 5_000, 8_999), ("CANCELLED", 8_999, None)]),
        # what takes three seconds comes too late for a job that ends in three
        (6_000, [("read", 0, 2_000), ("boss", 2_000, 5_000), ("pay", 5_000, 9_000), ("done", 9_000, None)]),
    ],
)
def test_when_a_job_ends_that_is_cancelled(request_at: Millis, line: list[tuple[str, Millis, Millis | None]]) -> None:
    found = [*spans(plan_of(), cancelled(request_at, APPROVAL))]
    shown = [("CANCELLED" if each.status is Status.CANCELLED else each.id, each.since, each.until) for each in found]
    assert shown == line


def test_it_leaves_what_the_step_says_and_nothing_where_none_does() -> None:
    plan = plan_of()
    ended = status_texts(plan, at(plan, cancelled(5_500, APPROVAL), 20_000), EPOCH, Switches())
    assert (ended.status, ended.output, ended.error) == (Status.CANCELLED, "Of 40, nothing was paid.", None)
    early = status_texts(plan, at(plan, cancelled(1_000), 20_000), EPOCH, Switches())
    assert (early.status, early.output, early.error) == (Status.CANCELLED, None, None)


def test_a_step_says_otherwise_than_its_scenario() -> None:
    plan = plan_of(cancel={"takes": "1s", "output": "Late."})
    first, last = plan.program.scenario.steps[0], plan.program.scenario.steps[2]
    assert plan.program.cancel_at(first) == plan.program.scenario.cancel != plan.program.cancel_at(last)
    assert at(plan, cancelled(500), 1_499).status is Status.RUNNING
    assert at(plan, cancelled(500), 1_500).status is Status.CANCELLED


def test_its_facts_end_with_the_status_and_of_the_gate_nothing_more_comes() -> None:
    facts = derived(plan_of(), cancelled(4_000), 60_000).facts
    assert [(each.at, each.to) for each in facts if isinstance(each, JobStatus)] == [
        (2_000, "WAITING"), (4_000, "CANCELLED"),
    ]  # fmt: skip
    assert [each.type for each in facts] == ["job.status", "gate.opened", "job.status"]


@given(st.data(), PLANS, INSTANTS)
def test_what_was_before_it_was_asked_for_stays_as_it_was(data: st.DataObject, plan: Plan, request: Millis) -> None:
    others = tuple(each for each in data.draw(decisions_for(plan)) if not each.cancels)
    request = max(request, plan.invocation.at)
    for now in range(plan.invocation.at, request, max(1, request // 7)):
        assert at(plan, cancelled(request, *others), now) == at(plan, others, now)
    whole, short = [*spans(plan, others)], [*spans(plan, cancelled(request, *others))]
    assert [each.since for each in short[:-1]] == [each.since for each in whole[: len(short) - 1]]
    end = short[-1]
    assert end.status is Status.CANCELLED or end == whole[-1]


@pytest.mark.parametrize(
    ("cancel", "complaint"),
    [
        ("never", "takes allowed, refused, or {takes, output}"),
        ("{output: x}", "takes"),
        ("{takes: 3}", "a duration needs a unit"),
        ("{takes: 3s, output: '{{ data.nobody }}'}", "data has no nobody"),
    ],
)
def test_what_is_wrong_with_it_is_told(cancel: str, complaint: str) -> None:
    text = (
        f"lab: 1\nname: c\ntitle: C\nagent: {{code: C}}\nask: go\ndata: {{sum: 4}}\ncancel: {cancel}\n"
        "steps: [{work: w, takes: 1s}, {complete: done, output: x}]\n"
    )
    with pytest.raises(ScenarioError) as caught:
        parse_with_locations(text, "c.yaml")
    assert complaint in str(caught.value)
