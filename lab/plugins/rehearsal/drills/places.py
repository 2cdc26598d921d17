"""Where something can go wrong in a happy scenario: its calls, spans, gates and endings (clients.md §6, §11).

Where a fault strikes doesn't depend on how often a client polls: a poll's place is the first one in span k of the
plan's timeline. So the places are known before a client starts.
"""

from msgspec import Struct

from lab.core.clock import Millis
from lab.core.errors import UsageError
from lab.core.exchange import Json
from lab.core.seeds import Seed
from lab.jobs.own_run import own_plans
from lab.jobs.program import Program
from lab.jobs.span import DefaultEnding
from lab.jobs.timeline import spans
from lab.plugins.rehearsal.drills.kinds import DRILL_KINDS
from lab.program.steps import Complete, Gate
from lab.program.words import Status, Verdict, duration_text

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


class CallSeries(Struct, frozen=True):
    """Calls that are counted together: those of a route, or the polls of a turn's job, in a span or from one on."""

    label: str
    route: str
    call: str
    """What one of them is called."""
    span: str = ""
    """Of polls, for people."""
    turn: int | None = None
    since: Millis = 0
    """On status: the job time at which the span begins."""
    step: str | None = None
    """The span's, where polls in no other are meant."""


class PlacedFault(Struct, frozen=True):
    """What strikes so many calls of a series, from one on."""

    kind: str
    series: CallSeries
    first: int = 1
    count: int = 1

    @property
    def name(self) -> str:
        """By which the fault goes in the file and in the recording, as `503-poll-2-x3`."""
        polls = self.series.route == "status"
        first = (f"-call-{self.first}" if self.first > 1 else "") if polls else f"-{self.first}"
        return f"{self.kind}-{self.series.label}{first}{f'-x{self.count}' if self.count > 1 else ''}"

    @property
    def where(self) -> str:
        """The calls, for people."""
        series = self.series
        if series.step is not None:
            return f"the first {series.call} in {series.span}"
        calls = f"{series.call}s {self.first} to" if self.count > 1 else series.call
        return f"{calls} {self.last}{f' from {series.span} on' if series.span else ''}"

    @property
    def words(self) -> str:
        """What strikes, and where."""
        return f"{self.kind} at {self.where}"

    @property
    def last(self) -> int:
        """The last call that it strikes."""
        return self.first + self.count - 1

    def meets(self, other: "PlacedFault") -> bool:
        """Whether both would strike the same call."""
        return self.series == other.series and self.first <= other.last and other.first <= self.last

    def holds(self, other: "PlacedFault") -> bool:
        """Whether it strikes in the same way whatever the other strikes."""
        return self.kind == other.kind and self.meets(other) and self.first <= other.first and other.last <= self.last

    def document(self, calls: Json = None) -> dict[str, Json]:
        """As an author would write it, but for its name; at other `calls` if these are given."""
        series = self.series
        when: dict[str, Json] = {"route": series.route}
        when["calls"] = calls or (self.first if self.count == 1 else f"{self.first}-{self.last}")
        if series.step is not None:
            when["step"] = series.step
        if series.turn is not None:
            when["turn"] = series.turn
        if series.since:  # a step may be entered more than once
            when["after"] = duration_text(series.since)
        return {**when, **DRILL_KINDS[self.kind].what}


TOKEN_CALLS = CallSeries("token", "token", "token call")
INVOKE_CALLS = CallSeries("invoke", "invoke", "invoke call")


class HappyPath(Struct, frozen=True):
    """The places of a happy scenario's plan."""

    tokens: int
    """Token calls: 1, unless the plan outlives a token."""
    spans: tuple[SpanPlace, ...]
    gates: tuple[GatePlace, ...]
    endings: tuple[SpanPlace, ...]
    """The last span of each turn: the step in which it ends."""
    waits: tuple[SpanPlace, ...] = ()
    """The first span of each turn in which its job waits, of those that do."""

    @property
    def turns(self) -> int:
        """Turns, each one invoke and one ending."""
        return len(self.endings)

    @property
    def drills(self) -> int:
        """How many drills are derived, those of callbacks apart: 22 t + 36 v + 26 s + 7 g."""
        return 22 * self.tokens + 36 * self.turns + 26 * len(self.spans) + 7 * len(self.gates)

    @property
    def formula(self) -> str:
        """The sum, with its parts."""
        t, v, s, g = self.tokens, self.turns, len(self.spans), len(self.gates)
        return f"22*{t} + 36*{v} + 26*{s} + 7*{g} = {self.drills}"

    def polls(self, *, within: bool) -> tuple[CallSeries, ...]:
        """Those `within` each span; or those from each on, where spans that begin at the same instant are one."""
        found: dict[object, CallSeries] = {}
        for number, each in enumerate(self.spans, 1):
            span, step = f"{each.step} (span {number})", each.step if within else None
            series = CallSeries(f"poll-{number}", "status", "poll", span, each.turn, each.since, step)
            found.setdefault(number if within else (each.turn, each.since), series)
        return tuple(found.values())


def happy_path(program: Program, seed: Seed) -> HappyPath:
    """The places of the plan that a seed settles; UsageError if a turn of it doesn't end COMPLETE in a step."""
    passed: list[SpanPlace] = []
    gates: dict[tuple[int, str], GatePlace] = {}
    endings: list[SpanPlace] = []
    waits: dict[int, SpanPlace] = {}
    for turn, plan in enumerate(own_plans(program, seed), 1):
        walked = [*spans(plan, ())]
        for span, after in zip(walked, [*walked[1:], None], strict=True):
            step = span.id if not isinstance(span.step, DefaultEnding) else ""
            passed.append(SpanPlace(turn, step, span.since - plan.invocation.at))
            if span.status is Status.WAITING:
                waits.setdefault(turn, passed[-1])
            if isinstance(span.step, Gate) and after is not None and not after.escalated:
                verdict = next((end.verdict for end in reversed(after.settled) if end.step == span.id), None)
                # a loop may come by again: the first opening is meant
                gates.setdefault((turn, span.id), GatePlace(turn, span.id, verdict or Verdict.TIMED_OUT))
        endings.append(passed[-1])
        if not isinstance(plan.program.steps.get(passed[-1].step), Complete):
            raise UsageError(
                f"The plan of {program.name} with seed {seed} doesn't end {Status.COMPLETE} in a step: drills and searches start from a happy scenario.",
                hint="Let its reviewers approve, name a step for each verdict on the way, and take a --seed of which no chance leads astray.",
            )
    length, lifetime = sum(last.since for last in endings), program.scenario.token.lifetime
    happy = HappyPath(
        max(1, -(-length // lifetime)), tuple(passed), tuple(gates.values()), tuple(endings), tuple(waits.values())
    )
    if happy.drills > MOST_DRILLS:
        raise UsageError(
            f"{program.name} has too many drills: {happy.formula}, at most {MOST_DRILLS}.",
            hint="Let it take less time, or its tokens last longer (token: {lifetime: 1d}).",
        )
    return happy
