"""Where something can go wrong in a happy scenario: its calls, spans, gates and endings (clients.md §6).

Where a fault strikes doesn't depend on how often a client polls: a poll's place is the first one in span k of the
plan's timeline. So the places are known before a client starts.
"""

from collections.abc import Iterator

from msgspec import Struct

from lab.core.clock import Millis
from lab.core.errors import UsageError
from lab.core.seeds import Seed
from lab.jobs.own_run import own_plans
from lab.jobs.plan import Plan
from lab.jobs.program import Program
from lab.jobs.span import DefaultEnding
from lab.jobs.timeline import spans
from lab.program.steps import Complete, Gate
from lab.program.words import Status, Verdict

MOST_DRILLS = 50_000
"""Of one scenario: those of a plan that outlives thousands of tokens are all alike, and would take minutes to list."""


class SpanPlace(Struct, frozen=True):
    """A span of the timeline: the step, and the job time at which it is entered."""

    turn: int
    step: str
    since: Millis


class GatePlace(Struct, frozen=True):
    """A gate on the way, and the verdict of its first opening."""

    turn: int
    step: str
    verdict: Verdict


class HappyPath(Struct, frozen=True):
    """The places of a happy scenario's plan."""

    tokens: int
    """Token calls: 1, unless the plan outlives a token."""
    spans: tuple[SpanPlace, ...]
    gates: tuple[GatePlace, ...]
    endings: tuple[SpanPlace, ...]
    """The last span of each turn: the step in which it ends."""

    @property
    def turns(self) -> int:
        """Turns, each one invoke and one ending."""
        return len(self.endings)

    @property
    def drills(self) -> int:
        """How many drills are derived: 22 t + 36 v + 26 s + 7 g."""
        return 22 * self.tokens + 36 * self.turns + 26 * len(self.spans) + 7 * len(self.gates)

    @property
    def formula(self) -> str:
        """The sum, with its parts."""
        t, v, s, g = self.tokens, self.turns, len(self.spans), len(self.gates)
        return f"22*{t} + 36*{v} + 26*{s} + 7*{g} = {self.drills}"


def happy_path(program: Program, seed: Seed) -> HappyPath:
    """The places of the plan that a seed settles; UsageError if a turn of it doesn't end COMPLETE in a step."""
    passed: list[SpanPlace] = []
    gates: dict[tuple[int, str], GatePlace] = {}
    endings: list[SpanPlace] = []
    for turn, each in enumerate(own_plans(program, seed), 1):
        for place, gate in _walk(each, turn):
            passed.append(place)
            if gate is not None:  # a loop may come by again: the first opening is meant
                gates.setdefault((turn, gate.step), gate)
        endings.append(passed[-1])
        if not isinstance(each.program.steps.get(passed[-1].step), Complete):
            raise UsageError(
                f"The plan of {program.name} with seed {seed} doesn't end {Status.COMPLETE} in a step: drills and searches start from a happy scenario.",
                hint="Let its reviewers approve, name a step for each verdict on the way, and take a --seed of which no chance leads astray.",
            )
    length, lifetime = sum(last.since for last in endings), program.scenario.token.lifetime
    happy = HappyPath(max(1, -(-length // lifetime)), tuple(passed), tuple(gates.values()), tuple(endings))
    if happy.drills > MOST_DRILLS:
        raise UsageError(
            f"{program.name} has too many drills: {happy.formula}, at most {MOST_DRILLS}.",
            hint="Let it take less time, or its tokens last longer (token: {lifetime: 1d}).",
        )
    return happy


def plan_length(program: Program, seed: Seed) -> Millis:
    """How long the jobs of all its turns take, people included, as the seed settles it."""
    return sum(max(span.since for span in spans(each, ())) - each.invocation.at for each in own_plans(program, seed))


def _walk(job_plan: Plan, turn: int) -> Iterator[tuple[SpanPlace, GatePlace | None]]:
    walked = list(spans(job_plan, ()))
    for span, after in zip(walked, [*walked[1:], None], strict=True):
        step = span.id if not isinstance(span.step, DefaultEnding) else ""
        gate: GatePlace | None = None
        if isinstance(span.step, Gate) and after is not None and not after.escalated:
            verdict = next((end.verdict for end in reversed(after.settled) if end.step == span.id), None)
            gate = GatePlace(turn, span.id, verdict or Verdict.TIMED_OUT)
        yield SpanPlace(turn, step, span.since - job_plan.invocation.at), gate
