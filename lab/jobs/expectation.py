"""How a run may end: what a scenario expects of one (`expect`), compared with what came of it, and what a good client does.

The same comparison serves two: `lab run`, of what happened, and a warning, of what would happen if nobody but the
scenario's own reviewers acted. The status is that of the last message's job, for every message before it needs an answer;
verdicts and polls are those of the whole run.

Where no status is written, COMPLETE is expected. A scenario with branches may come to an `error` step of its own by
chance, by what was asked or by who asks: nobody wrote which, so that is as expected too, and the messages behind it
aren't sent. What no step says, as a gate that nobody answered or a text that failed, is not.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum

from msgspec import UNSET, Struct

from lab.core.clock import Millis
from lab.jobs.plan import Plan
from lab.jobs.span import Span
from lab.program.draws import longest_latency
from lab.program.scenario import ExpectedRun, Scenario
from lab.program.steps import Delegate, Failure, Work, with_children
from lab.program.words import Status


class TurnResult(Struct, frozen=True):
    status: str | None
    """Of its job as it was seen last; None: no job is known."""
    refused: int | None = None
    """The HTTP status because of which the client gave up."""
    verdicts: Mapping[str, str] | None = None
    """How its gates ended, by id; None: nobody can tell."""
    polls: int = 0
    own_error: bool = False
    """Whether it ended at an `error` step to which its scenario may branch."""


def ended_at_own_error(plan: Plan, span: Span) -> bool:
    """Whether that span of the plan is an `error` step, of a scenario with branches."""
    return isinstance(span.step, Failure) and (bool(plan.program.lots) or plan.program.conditional)


def verdicts_at(span: Span) -> dict[str, str]:
    """How the gates before a span ended; of several openings the last."""
    return {vote.step: vote.verdict for vote in span.settled if vote.verdict is not None}


def unmet(expect: ExpectedRun, turns: Sequence[TurnResult], messages: int) -> Iterator[str]:
    """Each difference in one line; `messages` is how many turns there would have been."""
    last = turns[-1]
    by_branch = last.own_error and expect.status is UNSET
    if len(turns) < messages and not by_branch:
        yield f"turn {len(turns)} of {messages}: {last.status or 'no job'}, expected {Status.COMPLETE}"
        return
    if not expect.any_status and last.status not in expect.statuses and not by_branch:
        yield f"status: {last.status or 'no job'}, expected {' or '.join(each or 'no job' for each in expect.statuses)}"
    if expect.refused not in (None, last.refused):
        yield f"refused: {last.refused or 'no'}, expected {expect.refused}"
    known = {gate: verdict for turn in turns for gate, verdict in (turn.verdicts or {}).items()}
    for gate, verdict in expect.verdicts.items() if last.verdicts is not None else ():
        if known.get(gate) != verdict:
            yield f"{gate}: {known.get(gate, 'no verdict')}, expected {verdict}"
    polls = sum(turn.polls for turn in turns)
    if expect.polls is not None and polls > expect.polls:
        yield f"polls: {polls}, expected at most {expect.polls}"


LONGEST_DEADLINE: Millis = 172_800_000
"""Two days: no client works on one job for longer."""


class GoodEnd(StrEnum):
    """How a good client's run may end (clients.md §9)."""

    RESULT = "result"
    """It takes the job's end, whatever that is, and asks no more."""
    CLEAN_STOP = "clean stop"
    """It stops, and says so."""


def ends_in(scenario: Scenario) -> tuple[GoodEnd, ...]:
    """What a good client does: it stops where it is refused, and where the wire fails, or the work takes days, it may."""
    if scenario.expect.refused is not None:
        return (GoodEnd.CLEAN_STOP,)
    works = [longest_latency(step.takes) for step in with_children(scenario.steps) if isinstance(step, Work | Delegate)]
    may_stop = scenario.faults or any(each >= LONGEST_DEADLINE for each in works)
    return (GoodEnd.RESULT, GoodEnd.CLEAN_STOP) if may_stop else (GoodEnd.RESULT,)
