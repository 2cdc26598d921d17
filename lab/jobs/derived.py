"""Derived facts: what follows of a job from plan, decisions and instant.

What must hold
    1. Nothing of it is stored. A journal holds what came from outside; that a gate timed out, that a script answered, that
       a job moved on follows from it. So a restart forgets none of it, and nobody has to be awake when it happens.
    2. The list only grows at its end: what follows up to an instant begins with what followed up to an earlier one. For a
       decision is admitted at the instant of its arrival, so none comes to lie before what was shown already. Whoever has
       shown n of a job's derived facts shows the rest next, and needs to remember n alone.
    3. In order of instants, and at the same instant in that of cause: a vote, the move that it brings, the gate at which
       the job stands then. `until` is the next fact's instant if nobody decides, so an onlooker may sleep until it.

The example of `timeline`, a gate that a person answers at 5 000

    2 100    job.status RUNNING -> WAITING
    2 100    gate.opened, until 12 100, otherwise timed-out: the job would end ERROR
    5 000    job.status WAITING -> RUNNING; the answer itself was accepted, so it is a fact of the journal's and not here
    7 000    job.status RUNNING -> COMPLETE
"""

from collections.abc import Iterator

from msgspec import Struct

from lab.core.clock import Millis
from lab.core.journal.fact import Fact
from lab.jobs.branches import Branching
from lab.jobs.facts import GateDecided, GateExpired, GateOpened, JobForgotten, JobStatus, Otherwise
from lab.jobs.gates import Decision, Opening, Origin, votes
from lab.jobs.plan import Plan
from lab.jobs.span import Span
from lab.jobs.timeline import after, spans
from lab.program.words import Verdict


class Derived(Struct, frozen=True):
    """The derived facts of a job up to an instant, and when the next one is due (None: never)."""

    facts: tuple[Fact, ...]
    until: Millis | None


def derived(plan: Plan, decisions: tuple[Decision, ...], now: Millis) -> Derived:
    """What follows of a job up to and including `now`; later calls only add at the end."""
    known = tuple(decision for decision in decisions if decision.at <= now)
    facts: list[Fact] = []
    for fact in _following(plan, known):
        if fact.at > now:
            return Derived(tuple(facts), fact.at)
        facts.append(fact)
    return Derived(tuple(facts), None)


def _following(plan: Plan, decisions: tuple[Decision, ...]) -> Iterator[Fact]:
    """All derived facts of a job in order, if nobody decides but these: lazy, so look no further than you must."""
    job = plan.invocation.job
    before: Span | None = None
    for span in spans(plan, decisions):
        if before is not None and not span.goes_on:
            yield JobStatus(at=span.since, job=job, origin=before.status, to=span.status, step=span.id)
        if (
            span.opening is not None and not span.escalated
        ):  # of an escalation only the status tells, which stays as it is
            yield _opened(plan, span, span.opening)
        for vote in span.own_votes:
            if vote.verdict is Verdict.TIMED_OUT:
                # a live vote was accepted and stands in the journal; a time-out and a script's vote came from nowhere
                yield GateExpired(at=vote.at, job=job, gate=span.id, round=span.visit)
            elif vote.by is Origin.SCRIPT and vote.verdict is not None:
                yield GateDecided(
                    at=vote.at, job=job, gate=span.id, round=span.visit, verdict=vote.verdict,
                    by=Origin.SCRIPT, name=vote.name, comment=vote.comment,
                )  # fmt: skip
        before = span
    forgotten = forgotten_at(plan, before) if before is not None else None
    if forgotten is not None:
        yield JobForgotten(at=forgotten, job=job)


def forgotten_at(plan: Plan, span: Span) -> Millis | None:
    """When a job can no longer be asked for, seen at its last span; None: never."""
    retention = plan.program.scenario.retention
    return span.since + retention if retention is not None and span.status.final else None


def _opened(plan: Plan, span: Span, opening: Opening) -> GateOpened:
    cast = votes(opening, ())
    end, to = cast[-1], after(plan, Branching(plan), span, (*span.settled, *cast), span.ends).status
    assert end.verdict is not None
    return GateOpened(
        at=span.since, job=plan.invocation.job, gate=span.id, round=span.visit, approvals=opening.gate.approvals,
        until=opening.deadline,
        otherwise=Otherwise(
            at=end.at, verdict=end.verdict, by=None if end.verdict is Verdict.TIMED_OUT else Origin.SCRIPT, to=to
        ),
    )  # fmt: skip
