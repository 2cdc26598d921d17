"""The laws of the timeline, as properties; its edges, as a table."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from lab.jobs.facts import Derived, GateDecided, GateExpired, GateOpened, JobStatus, derived
from lab.jobs.gates import Decision, Origin
from lab.jobs.program import program_of
from lab.jobs.span import DefaultEnding
from lab.jobs.timeline import at, spans
from lab.language.shape import parsed
from lab.program.draws import OneOf
from lab.program.scenario import Scenario
from lab.program.steps import Work
from lab.program.words import Status, Verdict
from tests.conftest import each_row
from tests.lab_strategies import INSTANTS, PLANS, decisions_for, planned, scenarios
from tests.moves import MOVES


@given(st.data(), PLANS, INSTANTS)
def test_the_future_does_not_leak(data, plan, now):
    decisions = data.draw(decisions_for(plan))
    known = tuple(each for each in decisions if each.at <= now)
    assert at(plan, decisions, now) == at(plan, known, now)
    assert derived(plan, decisions, now) == derived(plan, known, now)


@given(st.data(), PLANS)
def test_spans_tile_time_and_move_along_the_table(data, plan):
    line = list(spans(plan, data.draw(decisions_for(plan))))
    assert line[0].since == plan.invocation.at
    assert line[-1].until is None and line[-1].status.final
    for before, after in pairwise(line):
        assert before.until == after.since and before.since <= after.since
        assert after.status in MOVES[before.status]
        assert after.index == before.index + 1


@given(st.data(), PLANS, INSTANTS, INSTANTS)
def test_terminal_is_final(data, plan, now, later):
    decisions = data.draw(decisions_for(plan))
    then = at(plan, decisions, now)
    if then.status.final:
        assert at(plan, decisions, max(now, later)) == then


@given(st.data(), PLANS, st.lists(INSTANTS, max_size=8), INSTANTS)
def test_looking_changes_nothing(data, plan, looks, now):
    decisions = data.draw(decisions_for(plan))
    alone = at(plan, decisions, now)
    for look in looks:
        at(plan, decisions, look)
        derived(plan, decisions, look)
    assert at(plan, decisions, now) == alone


@given(st.data(), PLANS, INSTANTS)
def test_a_look_sees_the_span_that_a_walk_from_the_acceptance_passes(data, plan, now):
    known = tuple(each for each in data.draw(decisions_for(plan)) if each.at <= now)
    assert at(plan, known, now) == next(each for each in spans(plan, known) if each.until is None or now < each.until)


@given(st.data(), PLANS, INSTANTS)
def test_a_view_holds_its_instant(data, plan, now):
    span = at(plan, data.draw(decisions_for(plan)), now)
    assert span.since <= max(now, plan.invocation.at)
    assert span.until is None or now < span.until


@given(st.data(), PLANS, INSTANTS, INSTANTS)
def test_derived_facts_only_grow_at_the_end_of_their_list(data, plan, now, later):
    decisions = data.draw(decisions_for(plan))
    first, second = sorted((now, later))
    early, late = derived(plan, decisions, first), derived(plan, decisions, second)
    assert late.facts[: len(early.facts)] == early.facts
    assert all(fact.at > first or fact.at == first for fact in late.facts[len(early.facts) :])
    if early.until is not None and second < early.until and not any(first < d.at <= second for d in decisions):
        assert late.facts == early.facts


@given(scenarios(), st.integers(0, 2**40), st.integers(1, 5))
def test_an_added_step_disturbs_no_other_draw(program, seed, ordinal):
    extra = parsed(Work, {"work": "added", "takes": {"between": ["1ms", "9s"]}})
    plan = planned(program, seed, ordinal=ordinal)
    longer = program_of(replace(program.scenario, steps=(extra, *program.scenario.steps)))
    other = planned(longer, seed, ordinal=ordinal)
    for name, step in program.steps.items():
        if hasattr(step, "takes"):
            for visit in range(3):
                assert plan.takes(name, visit) == other.takes(name, visit)


def test_every_other_ordinal_draws_anew():
    program = program_of(
        parsed(Scenario, {
            "lab": 1, "name": "a", "title": "A", "agent": {"code": "A"}, "ask": "x",
            "steps": [{"work": "w", "takes": {"between": ["0ms", "9000s"]}}, {"complete": "c", "output": None}],
        })
    )  # fmt: skip
    drawn = {planned(program, ordinal=n).takes("w", visit) for n in range(1, 6) for visit in range(3)}
    assert len(drawn) == 15


def test_data_is_as_it_was_settled_whatever_the_seed_would_draw():
    program = replace(gated().program.scenario, data={"who": OneOf(("Ann", "Ben"))})
    plan = replace(planned(program_of(program)), drawn={"data/who": "Cid"})
    assert dict(plan.data) == {"who": "Cid"}


def gated(**gate: object):
    document = {
        "lab": 1, "name": "gated", "title": "Gated", "agent": {"code": "G"}, "ask": "go",
        "steps": [
            {"work": "read", "takes": "1s"},
            {"gate": "boss", "asks": "Go on?", "patience": "10s", **gate},
            {"work": "pay", "takes": "2s"},
            {"complete": "done", "output": "Paid."},
            {"error": "late", "text": "Too late."},
        ],
    }  # fmt: skip
    return planned(program_of(parsed(Scenario, document)), at=0)


def says(at_: int, verdict: str, visit: int = 0, comment: str | None = None) -> Decision:
    return Decision(at_, "boss", visit, Verdict(verdict), Origin.PERSON, None, comment)


LOOP = {"verdicts": {"changes-requested": "read"}, "rounds": 1}
VOTE = {"reviewer": {"after": "5s", "verdict": "rejected", "by": "ann", "comment": "No."}}


@each_row(
    ("gate", "decisions", "now", "status", "step"),
    [
        ({}, (), 0, "RUNNING", "read"),
        ({}, (), 999, "RUNNING", "read"),
        ({}, (), 1_000, "WAITING", "boss"),
        ({}, (), 10_999, "WAITING", "boss"),
        ({}, (), 11_000, "ERROR", "boss"),
        ({"verdicts": {"timed-out": "late"}}, (), 11_000, "ERROR", "late"),
        ({"verdicts": {"timed-out": "pay"}}, (), 11_000, "RUNNING", "pay"),
        ({}, (says(1_000, "approved"),), 1_000, "RUNNING", "pay"),
        ({}, (says(999, "approved"),), 5_000, "WAITING", "boss"),
        ({}, (says(10_999, "approved"),), 10_999, "RUNNING", "pay"),
        ({}, (says(11_000, "approved"),), 11_000, "ERROR", "boss"),
        ({}, (says(2_000, "approved"),), 1_999, "WAITING", "boss"),
        ({}, (says(2_000, "approved"),), 3_999, "RUNNING", "pay"),
        ({}, (says(2_000, "approved"),), 4_000, "COMPLETE", "done"),
        ({}, (says(2_000, "approved", visit=1),), 3_000, "WAITING", "boss"),
        ({}, (says(2_000, "rejected"), says(3_000, "approved")), 9_000, "COMPLETE", "boss"),
        ({"verdicts": {"rejected": "late"}}, (says(2_000, "rejected"),), 2_000, "ERROR", "late"),
        (VOTE, (), 5_999, "WAITING", "boss"),
        (VOTE, (), 6_000, "COMPLETE", "boss"),
        (VOTE, (says(6_000, "approved"),), 6_000, "COMPLETE", "boss"),
        (VOTE, (says(5_999, "approved"),), 6_000, "RUNNING", "pay"),
        (LOOP, (says(2_000, "changes-requested"),), 2_000, "RUNNING", "read"),
        (LOOP, (says(2_000, "changes-requested"),), 3_000, "WAITING", "boss"),
        (LOOP, (says(2_000, "changes-requested"), says(4_000, "changes-requested", 1)), 4_000, "COMPLETE", "boss"),
        (LOOP, (says(2_000, "changes-requested"), says(4_000, "approved", 1)), 4_000, "RUNNING", "pay"),
    ],
)
def test_edges_of_a_gate(gate, decisions, now, status, step):
    span = at(gated(**gate), decisions, now)
    assert (span.status, span.id) == (status, step)


def test_a_rejection_carries_its_comment_into_the_default_output():
    span = at(gated(**VOTE), (), 9_000)
    assert isinstance(span.step, DefaultEnding) and span.step.text == "The request was rejected. No."
    assert not span.step.template


def test_rounds_are_counted_from_nought():
    plan = gated(**LOOP)
    decisions = (says(2_000, "changes-requested"),)
    assert [at(plan, decisions, now).rounds_used for now in (1_500, 3_500)] == [0, 1]
    assert [at(plan, decisions, now).visit for now in (1_500, 3_500)] == [0, 1]


def test_a_step_with_which_every_job_begins_is_visited_anew_by_a_loop():
    seen = [at(gated(**LOOP), (says(2_000, "changes-requested"),), now) for now in (500, 2_500)]
    assert [(span.id, span.visit) for span in seen] == [("read", 0), ("read", 1)]


def test_derived_facts_of_a_gate_tell_who_decides_when_nobody_does():
    facts = derived(gated(**VOTE), (), 20_000).facts
    assert [type(fact) for fact in facts] == [JobStatus, GateOpened, GateDecided, JobStatus]
    opened = facts[1]
    assert (opened.until, opened.otherwise.at, opened.otherwise.by) == (11_000, 6_000, "script")
    assert opened.otherwise.to == "COMPLETE" and opened.otherwise.verdict == "rejected"
    assert derived(gated(), (), 999) == Derived((), 1_000)
    assert len(derived(gated(), (), 1_000).facts) == 2 and derived(gated(), (), 1_000).until == 11_000
    expired = derived(gated(), (), 20_000).facts
    assert [type(fact) for fact in expired] == [JobStatus, GateOpened, GateExpired, JobStatus]
    assert [fact.at for fact in expired] == [1_000, 1_000, 11_000, 11_000]


def test_a_person_as_reviewer_silences_the_script():
    program = gated(**VOTE).program
    assert at(planned(program, at=0, scripted=False), (), 10_999).status is Status.WAITING


def waiting(**wait: object):
    document = {
        "lab": 1, "name": "waiting", "title": "Waiting", "agent": {"code": "W"}, "ask": "go",
        "steps": [
            {"work": "read", "takes": "1s"},
            {"wait": "nap", "takes": "4s", **wait},
            {"complete": "done", "output": "Up."},
        ],
    }  # fmt: skip
    return planned(program_of(parsed(Scenario, document)), at=0)


@each_row(
    ("wait", "ended", "now", "status", "step"),
    [
        ({}, None, 4_999, "WAITING", "nap"),
        ({}, None, 5_000, "COMPLETE", "done"),
        ({}, 1_000, 1_000, "COMPLETE", "done"),
        ({}, 999, 4_000, "WAITING", "nap"),
        ({}, 4_999, 4_999, "COMPLETE", "done"),
        ({"again": {"to": "read", "rounds": 1}}, None, 5_000, "RUNNING", "read"),
        ({"again": {"to": "read", "rounds": 1}}, None, 10_000, "COMPLETE", "done"),
        ({"again": {"to": "nap", "rounds": 2}}, None, 12_999, "WAITING", "nap"),
        ({"again": {"to": "nap", "rounds": 2}}, None, 13_000, "COMPLETE", "done"),
    ],
)
def test_edges_of_a_wait(wait, ended, now, status, step):
    decisions = () if ended is None else (Decision(ended, "nap", 0, None, Origin.API),)
    span = at(waiting(**wait), decisions, now)
    assert (span.status, span.id) == (status, step)


def test_the_table_of_moves_has_no_way_out_of_an_ending():
    assert MOVES[Status.COMPLETE] == MOVES[Status.ERROR] == ()
    assert set(MOVES) == set(Status)
