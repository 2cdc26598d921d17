"""Branches: which way a job goes on where a step names several.

A list is tried in its order, and the first branch that fits is taken:

    when      fits if its condition is true: of what is known when the step ends, the time left out
    chance    fits if the step's lot falls into its stretch: the chances of a list lie end to end, in their order
    to        always fits

What must hold
    1. It is settled by the plan and by the decisions up to the instant at which the step ends. So it doesn't change
       afterwards, and a decision is known before a condition asks for it: `settled` holds the one that ended the step.
    2. One lot a visit, by the step's name, for the whole list and for whichever verdict came. So a branch more moves no
       draw, and one that is put in between moves only what lies behind it.
    3. A walk ends still: branches lead forward, as every other way does that isn't counted by rounds.

An example: the lot is one of 1,000,000, and `- {chance: 20%, to: a}  - {when: …, to: b}  - {chance: 30%, to: c}  - {to: d}`

    lot             0 to 199,999    200,000 to 499,999    500,000 to 999,999
    when true       a               b                     b
    when false      a               c                     d
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from types import MappingProxyType

from lab.jobs.gates import Decision
from lab.jobs.names import job_names
from lab.jobs.plan import Plan
from lab.jobs.program import Program
from lab.jobs.span import DelegateEnd, Span
from lab.language.templates import RenderFailure, condition
from lab.language.templates.bounds import Budget
from lab.program.steps import Branch, Gate, Parallel, Pause, Step
from lab.program.words import MILLION, Verdict

NO_VERDICTS: Mapping[str, Verdict] = MappingProxyType({})
"""Of no gate is it settled how it ends."""


class Branching:
    """Chooses the ways of one walk over a plan; a condition that was asked about the same decisions is not asked again.

    All conditions of a walk share the steps of one text: a walk that is made again asks the same ones in the same order.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._asked_at = -1, -1
        self._names: Mapping[str, object] = {}
        self._answers: dict[str, bool] = {}
        self._budget: Budget | None = None

    def taken(
        self, span: Span, exit: str, settled: tuple[Decision, ...], ends: tuple[DelegateEnd, ...]
    ) -> Branch | None:
        """The first branch that fits where a span ends; None: none does. RenderFailure names a condition without an answer.

        `exit` is `next`, or the verdict of a gate; `settled` are the decisions up to then, `ends` the delegates' visits.
        """
        branches = self._plan.program.ways[span.id].get(exit, ())
        holds, lot = partial(self._holds, settled, ends), partial(self._plan.lot, span.id, span.visit)
        return next(possible(branches, holds, lot), None)

    def _holds(self, settled: tuple[Decision, ...], ends: tuple[DelegateEnd, ...], when: str) -> bool:
        # within a walk decisions and ends are only ever added, so how many there are says which
        if (known := (len(settled), len(ends))) != self._asked_at:
            self._names = job_names(self._plan, settled, ends)
            self._asked_at, self._answers = known, {}
        if when not in self._answers:
            self._budget = self._budget or Budget(alone=True)
            self._answers[when] = _answer(when, self._names, self._budget)
        return self._answers[when]


def _answer(when: str, names: Mapping[str, object], budget: Budget | None) -> bool:
    try:
        return condition(when).holds(names, budget)
    except RenderFailure as failure:
        raise RenderFailure(f"{when} has no answer: {failure}") from None


def possible(
    branches: Iterable[Branch],
    judge: Callable[[str], bool | None] = lambda when: None,
    lot: Callable[[], int] | None = None,
) -> Iterator[Branch]:
    """Those of a list that fit, in order: the first is taken.

    `judge` tells of a condition, None where it can't be told; without a `lot` those fit that some lot may bring.
    """
    chances, before = 0, set[str]()
    for branch in branches:
        if branch.when is not None:
            truth = False if branch.when in before else judge(branch.when)
            before.add(branch.when)
            if truth is not False:
                yield branch
            if truth:
                return
        else:
            chances += branch.chance or MILLION
            if lot is None or branch.sure or lot() < chances:
                yield branch
            if chances >= MILLION:
                return


def exits(
    program: Program, step: Step, verdicts: Mapping[str, Verdict] = NO_VERDICTS
) -> Iterator[tuple[str, tuple[Branch, ...]]]:
    """The ways out of a step that can be come to, with their branches; of a gate in `verdicts` its way alone."""
    for name, branches in program.ways.get(step.id, {}).items():
        if isinstance(step, Gate) and (
            verdicts.get(step.id, name) != name or not (step.approval or name in (Verdict.APPROVED, Verdict.TIMED_OUT))
        ):
            continue
        yield name, branches


def reachable(
    program: Program,
    judge: Callable[[str], bool | None] = lambda when: None,
    verdicts: Mapping[str, Verdict] = NO_VERDICTS,
    *,
    behind: Step | None = None,
) -> set[str]:
    """The steps to which some job may come, from the first on, or `behind` a step; `judge` as in `possible`, `verdicts` in `exits`."""
    found: set[str] = set()
    ahead = [program.first] if behind is None else list(_onward(program, behind, judge, verdicts))
    while ahead:
        step = ahead.pop()
        if step.id not in found:
            found.add(step.id)
            found.update(child.id for child in (step.of if isinstance(step, Parallel) else ()))
            ahead += _onward(program, step, judge, verdicts)
    return found


def _onward(
    program: Program, step: Step, judge: Callable[[str], bool | None], verdicts: Mapping[str, Verdict]
) -> Iterator[Step]:
    for _, branches in exits(program, step, verdicts):
        yield from (program.steps[branch.to] for branch in possible(branches, judge))
    if isinstance(step, Pause) and step.again is not None:
        yield program.steps[step.again.to]


def holds_now(plan: Plan, when: str, budget: Budget | None = None) -> bool | None:
    """What a condition gives from the acceptance on; None: it looks at what comes later. RenderFailure if it has no answer."""
    return None if condition(when).decided_later else _answer(when, job_names(plan), budget)
