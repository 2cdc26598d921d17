"""What a job looks like at an instant: a function of plan, decisions and now.

    view = at(plan, decisions, now)

A timeline is the sequence of spans that the walk below yields; `at` is the one that holds `now`.
Spans are half-open and tile time from the acceptance on; the last never ends. Decisions later than
`now` are not looked at, so the future doesn't leak. Every walk ends: only `changes-requested` and
`again` lead back, and both are counted.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

from lab.core.clock import Millis
from lab.jobs.gates import Decision, Opening, opening, votes
from lab.jobs.plan import Plan
from lab.language.document import Complete, Failure, Gate, Pause, Status, Step, Verdict, Work, step_id

MOVES: dict[Status, tuple[Status, ...]] = {
    Status.RUNNING: (Status.RUNNING, Status.WAITING, Status.COMPLETE, Status.ERROR),
    Status.WAITING: (Status.RUNNING, Status.WAITING, Status.COMPLETE, Status.ERROR),
    Status.COMPLETE: (),
    Status.ERROR: (),
}
"""The table of moves: from each status, those that may follow (contract.md §5). The README's diagram is printed from it."""

KIND_STATUS: dict[type[Step], Status] = {
    Work: Status.RUNNING,
    Pause: Status.WAITING,
    Gate: Status.WAITING,
    Complete: Status.COMPLETE,
    Failure: Status.ERROR,
}
"""The status that a job has while it is in a step of each kind."""


@dataclass(frozen=True, slots=True)
class Ending:
    """An ending that no step of the scenario names: a verdict's default."""

    status: Status
    gate: str
    """The gate whose verdict led here."""
    text: str
    """The output of COMPLETE, or the error of ERROR."""
    template: bool = False
    """Whether `text` is the author's, to be rendered; a person's words never are."""


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open stretch `since <= t < until` in one status and step; `until` None: for ever.

    Seen at `now`, `until` is when the job moves on if nobody acts.
    """

    index: int
    status: Status
    step: Step | Ending
    visit: int
    since: Millis
    until: Millis | None
    settled: tuple[Decision, ...]
    """The votes of each gate and the end of each wait that was cut short, in order, before this span."""
    opening: Opening | None = None
    rounds_used: int = 0
    """Rounds of changes at this gate, or of the retry loop at this wait, before this span."""
    votes: tuple[Decision, ...] = ()
    """Of a gate: its votes if nobody else decides, those still due too; the last ends the span."""

    @property
    def id(self) -> str:
        """The step's id; of a default ending, the gate's."""
        return self.step.gate if isinstance(self.step, Ending) else step_id(self.step)

    def cast(self, now: Millis) -> tuple[Decision, ...]:
        """The votes that this opening has taken at `now`."""
        return tuple(vote for vote in self.votes if vote.at <= now)

    @property
    def code(self) -> str:
        """The node code on the wire (contract.md §4.3): the id upper-cased, `-` as `_`."""
        return self.id.upper().replace("-", "_")


def at(plan: Plan, decisions: tuple[Decision, ...], now: Millis) -> Span:
    """The span that holds `now`; before the acceptance, the first one."""
    known = tuple(decision for decision in decisions if decision.at <= now)
    for span in spans(plan, known):
        if span.until is None or now < span.until:
            return span
    raise AssertionError("the last span never ends")


def spans(plan: Plan, decisions: tuple[Decision, ...]) -> Iterator[Span]:
    """The timeline, given that nobody else decides anything: lazy, so look no further than you must."""
    compiled = plan.compiled
    step: Step | Ending = compiled.first
    since = plan.invocation.at
    settled: tuple[Decision, ...] = ()
    visits: dict[str, int] = {}
    rounds: dict[str, int] = {}
    index = 0
    while True:
        if isinstance(step, Ending):
            yield Span(index, step.status, step, 0, since, None, settled)
            return
        name = step_id(step)
        visit = visits.get(name, 0)
        visits[name] = visit + 1
        used = rounds.get(name, 0)
        status = KIND_STATUS[type(step)]
        match step:
            case Complete() | Failure():
                yield Span(index, status, step, visit, since, None, settled)
                return
            case Work():
                until = since + plan.takes(name, visit)
                yield Span(index, status, step, visit, since, until, settled)
                step, since = compiled.after(name), until
            case Pause():
                until, cut = _wait_end(plan, decisions, name, visit, since)
                yield Span(index, status, step, visit, since, until, settled, None, used)
                settled += (cut,) if cut else ()
                back = step.again is not None and used < step.again.rounds
                if step.again is not None and back:
                    rounds[name] = used + 1
                    step = compiled.steps[step.again.to]
                else:
                    step = compiled.after(name)
                since = until
            case Gate():
                opened = opening(step, visit, used, since, scripted=plan.scripted, before=_votes_before(name, settled))
                cast = votes(opened, decisions)
                end = cast[-1]
                yield Span(index, status, step, visit, since, end.at, settled, opened, used, cast)
                settled += cast
                if end.verdict is Verdict.CHANGES and used < step.rounds:
                    rounds[name] = used + 1
                step, since = leads(plan, step, end, used), end.at
            case _:
                assert_never(step)
        index += 1


def _votes_before(gate: str, settled: tuple[Decision, ...]) -> int:
    return sum(each.step == gate and each.verdict is not Verdict.TIMED_OUT for each in settled)


def _wait_end(
    plan: Plan, decisions: tuple[Decision, ...], name: str, visit: int, since: Millis
) -> tuple[Millis, Decision | None]:
    until = since + plan.takes(name, visit)
    for decision in decisions:
        if decision.step == name and decision.visit == visit and since <= decision.at < until:
            return decision.at, decision
    return until, None


REJECTED_TEXT = "The request was rejected."
TIMED_OUT_TEXT = "Nobody decided in time."


def leads(plan: Plan, gate: Gate, end: Decision, rounds_used: int) -> Step | Ending:
    """Where a verdict leads: the step that the scenario names, else the default (contract.md §5.2)."""
    routes = gate.verdicts
    verdict = end.verdict
    match verdict:
        case Verdict.APPROVED:
            return plan.compiled.steps[routes.approved] if routes.approved else plan.compiled.after(gate.gate)
        case Verdict.REJECTED:
            if routes.rejected:
                return plan.compiled.steps[routes.rejected]
            reason = f" {end.comment}" if end.comment else ""
            return Ending(Status.COMPLETE, gate.gate, REJECTED_TEXT + reason)
        case Verdict.TIMED_OUT:
            if routes.timed_out:
                return plan.compiled.steps[routes.timed_out]
            return Ending(Status.ERROR, gate.gate, TIMED_OUT_TEXT)
        case Verdict.CHANGES:
            if routes.changes_requested and rounds_used < gate.rounds:
                return plan.compiled.steps[routes.changes_requested]
            return Ending(Status.COMPLETE, gate.gate, gate.last_round, template=True)
        case None:
            raise AssertionError("a gate is not ended like a wait")
        case _:
            assert_never(verdict)
