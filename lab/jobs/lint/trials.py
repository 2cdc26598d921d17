"""Jobs that are tried in thought: what the scenario's own messages may come to, with and without a user, with other data.

A condition or a text that looks at no decision is the same whoever decides, so a trial knows it. Where decisions count, the
trial takes each gate for approved, with a comment.
"""

from collections.abc import Iterator, Sequence
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from lab.core.clock import INSTANT_EPOCH
from lab.jobs.branches import exits, holds_now, reachable
from lab.jobs.compiled import CompiledScenario
from lab.jobs.delegates import DelegateEnd
from lab.jobs.gates import Decision
from lab.jobs.names import delegate_outputs, request_names, timeless_names
from lab.jobs.outputs import Writer
from lab.jobs.own_plans import USUAL_USER, own_caller
from lab.jobs.plan import Input, Invocation, Plan, plan
from lab.jobs.texts import writer_at
from lab.jobs.timeline import Span
from lab.language import document as doc
from lab.language.templates import RenderFailure, condition

_DRAWS = 8
"""With how many draws of its data a scenario with conditions is tried."""
_NOBODY = "00000000-0000-4000-8000-000000000000"


class TrialJob(Struct, frozen=True, eq=False):
    """One job in thought."""

    plan: Plan
    votes: tuple[Decision, ...]
    """Each gate's approvals."""
    ends: tuple[DelegateEnd, ...]
    """Of each delegate one, in the order of the steps."""
    reached: frozenset[str]
    """The steps to which it may come, whoever decides and whatever is drawn by chance."""

    @property
    def write(self) -> Writer:
        """Renders as in that job, its gates approved with a comment."""
        return writer_at(
            self.plan, Span(0, self.plan.compiled.first, 0, 0, None, self.votes, ends=self.ends), INSTANT_EPOCH
        )

    def handed_back(self, delegate: str) -> str | None:
        """A delegate's output; RenderFailure if it can't be written."""
        place = next(place for place, end in enumerate(self.ends) if end.step == delegate)
        return delegate_outputs(self.plan, self.votes, self.ends).text(place)

    def failures(self) -> Iterator[tuple[str, str, str]]:
        """Conditions that it may come to and that give neither true nor false: the step, the condition, and why."""
        names = timeless_names(self.plan, self.votes, self.ends)
        for name in self.reached:
            for _, branches in exits(self.plan.compiled, self.plan.compiled.steps[name]):
                for branch in branches:
                    try:
                        over = branch.sure or (branch.when is not None and condition(branch.when).holds(names))
                    except RenderFailure as failure:
                        yield name, branch.when or "", str(failure)
                        break  # the job ends here
                    if over:
                        break


def trials_of(parts: Sequence[CompiledScenario]) -> list[list[TrialJob]]:
    """The jobs of each part, the first of them as its own message brings it, the turns before answered."""
    found: list[list[TrialJob]] = []
    for turn, part in enumerate(parts, 1):
        scenario, own = part.scenario, parts[0].scenario
        client, named = own_caller(scenario)
        user = named or USUAL_USER
        user = replace(user, roles=(*user.roles, *scenario.agent.roles))
        call = Invocation(
            _NOBODY, client, scenario.agent.code, part.name, 1, 0, Input(scenario.message, parameters=scenario.parameters),
            _NOBODY, turn, own.parameters, user if named is not None or scenario.agent.roles else None,
        )  # fmt: skip
        earlier = partial(tuple, [{**request_names(each[0].plan), "output": "An answer."} for each in found])
        seed, calls = scenario.seed or 0, [call]
        if part.conditional:
            calls += [
                replace(call, user=who, ordinal=ordinal)
                for ordinal in range(1, _DRAWS + 1)
                for who in {call.user: None, user: None}
            ]
        jobs = [plan(part, each, seed, {}, scripted=True, earlier=earlier) for each in calls]
        found.append([_trial(job) for job in jobs])
    return found


def _trial(job: Plan) -> TrialJob:
    compiled = job.compiled
    votes = tuple(
        Decision(0, step.id, 0, doc.Verdict.APPROVED, name="reviewer", comment="A comment.")
        for step in compiled.scenario.steps
        if isinstance(step, doc.Gate)
        for _ in range(step.approvals)
    )
    delegates = [name for name, step in compiled.steps.items() if isinstance(step, doc.Delegate)]
    ends = tuple(DelegateEnd(name, 0, len(votes), known) for known, name in enumerate(delegates))
    # a job without conditions may be anywhere, also where no way leads: that is warned of by itself
    places = reachable(compiled, partial(_answer, job)) if compiled.conditional else compiled.steps
    return TrialJob(job, votes, ends, frozenset(places))


def _answer(job: Plan, when: str) -> bool | None:
    try:
        return holds_now(job, when)
    except RenderFailure:
        return None
