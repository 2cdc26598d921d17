"""Derived facts: what follows of a job from plan, decisions and instant."""

from collections.abc import Iterator
from dataclasses import dataclass

from lab.core.clock import Millis
from lab.core.gates import Decision, Origin
from lab.core.journal.facts import Fact, GateDecided, GateExpired, GateOpened, JobStatus, Otherwise
from lab.core.plan import Plan
from lab.core.scenario import Verdict
from lab.core.timeline import KIND_STATUS, Ending, Span, leads, spans


@dataclass(frozen=True, slots=True)
class Derived:
    """The derived facts of a job up to an instant, and when the next one is due (None: never)."""

    facts: tuple[Fact, ...]
    until: Millis | None


def derived(plan: Plan, decisions: tuple[Decision, ...], now: Millis) -> Derived:
    """What follows of a job up to and including `now`; later calls only add at the end."""
    known = tuple(decision for decision in decisions if decision.at <= now)
    facts: list[Fact] = []
    before: Span | None = None
    for span in spans(plan, known):
        if span.since > now:
            return Derived(tuple(facts), span.since)
        if before is not None:
            facts.extend(_ended(plan, before, span))
        if span.opening is not None:
            facts.append(_opened(plan, span))
        before = span
    return Derived(tuple(facts), None)


def _ended(plan: Plan, before: Span, span: Span) -> Iterator[Fact]:
    job = plan.invocation.job
    if before.opening is not None:
        end = span.settled[-1]
        if end.verdict is Verdict.TIMED_OUT:
            yield GateExpired(at=span.since, job=job, gate=before.id, round=before.visit)
        elif end.by is Origin.SCRIPT and end.verdict is not None:
            yield GateDecided(
                at=span.since, job=job, gate=before.id, round=before.visit, verdict=end.verdict,
                by=Origin.SCRIPT, name=end.name, comment=end.comment,
            )  # fmt: skip
    yield JobStatus(at=span.since, job=job, origin=before.status, to=span.status, step=span.id)


def _opened(plan: Plan, span: Span) -> GateOpened:
    opening = span.opening
    assert opening is not None
    end = opening.script or Decision(opening.deadline, span.id, span.visit, Verdict.TIMED_OUT)
    target = leads(plan, opening.gate, end, opening.rounds_used)
    to = target.status if isinstance(target, Ending) else KIND_STATUS[type(target)]
    assert end.verdict is not None
    return GateOpened(
        at=span.since, job=plan.invocation.job, gate=span.id, round=span.visit, until=opening.deadline,
        otherwise=Otherwise(
            at=end.at, verdict=end.verdict, by=Origin.SCRIPT if opening.script else None, to=to
        ),
    )  # fmt: skip
