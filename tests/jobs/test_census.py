"""The laws are tried on what the language has: of the jobs that are drawn for them, enough walk each of its ways."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from lab.jobs.branches import Branching
from lab.jobs.gates import Decision
from lab.jobs.plan import Plan
from lab.jobs.program import program_of
from lab.jobs.timeline import exit_of, spans
from lab.language.shape import parsed
from lab.language.templates import RenderFailure
from lab.program.scenario import Scenario
from lab.program.steps import Delegate, Gate
from lab.program.words import Status, Verdict
from tests.documents import documents
from tests.lab_strategies import PLANS, decisions_for, planned

MOST_SPANS = 200
MANY = settings(max_examples=1_000, database=None, phases=[Phase.generate], deadline=None)


def ways(plan: Plan, decisions: tuple[Decision, ...]) -> Iterator[str]:
    """What a job comes to, in words."""
    branching = Branching(plan)
    line = list(spans(plan, decisions))[:MOST_SPANS]
    for span, after in pairwise(line):
        step, part = span.step, span.stretch
        if span.visit:
            yield "a later visit"
        if after.status is Status.CANCELLED:
            yield "a job is cancelled"
            continue
        if isinstance(step, Delegate) or (part is not None and any(isinstance(each, Delegate) for each in part.ending)):
            yield "a delegate hands back" + (" in a later visit" if span.visit else "")
        if part is not None:
            yield "a parallel is cut" if not part.last else "a parallel leaves one" if part.left else "a parallel ends"
        if isinstance(step, Gate):
            if span.escalated:
                yield "a gate escalates"
                if any(each.stretch is not None for each in line[: span.index]):
                    yield "a gate escalates behind a parallel"
            if len(span.votes) > 1:
                yield "a quorum"
            if after.settled and not after.escalated and after.settled[-1].verdict is not Verdict.TIMED_OUT:
                yield "a gate is decided" + (" after its escalation" if span.escalated else "")
        if after.goes_on or after.escalated or (name := exit_of(span, after.settled)) is None:
            continue
        try:
            branch = branching.taken(span, name, after.settled, after.ends)
        except RenderFailure:
            yield "a condition has no answer"
            continue
        if branch is None:
            yield "no branch of a verdict fits"
        elif branch.chance is not None:
            yield f"chance decides behind a {'gate' if isinstance(step, Gate) else 'step'}"
        elif branch.when is not None:
            yield f"a condition decides behind a {'gate' if isinstance(step, Gate) else 'step'}"
            yield from ("a condition on what was handed back decides",) * ("delegates" in branch.when)


COMMON = {
    "a delegate hands back", "a parallel is cut", "a parallel leaves one", "a parallel ends", "a later visit",
    "chance decides behind a step", "chance decides behind a gate", "a condition decides behind a step",
    "no branch of a verdict fits", "a gate is decided", "a gate escalates", "a gate is decided after its escalation",
    "a quorum",
}  # fmt: skip
RARE = {
    "a condition decides behind a gate", "a condition on what was handed back decides", "a condition has no answer",
    "a delegate hands back in a later visit", "a job is cancelled",
}  # fmt: skip


@pytest.mark.long
def test_the_jobs_that_laws_are_tried_on_walk_every_way() -> None:
    plans, whole = Counter[str](), Counter[str]()

    @MANY
    @given(st.data(), PLANS)
    def count(data: st.DataObject, plan: Plan) -> None:
        plans.update(set(ways(plan, data.draw(decisions_for(plan)))))

    @MANY
    @given(documents(), st.integers(0, 2**32))
    def count_whole(document: dict[str, object], seed: int) -> None:
        program = program_of(parsed(Scenario, document))
        for part in (program, *program.turns):
            whole.update(set(ways(planned(part, seed), ())))

    count()
    count_whole()
    for found in (plans, whole):
        assert {way for way in COMMON if found[way] < 2} == set()
    assert {way for way in RARE if plans[way] + whole[way] < 2} == set()
