"""Decisions on a job: admitted, or refused with its reason, whatever the way they came (contract.md §5.3, §5.4)."""

from typing import assert_never

from lab.core.clock import Millis, clock_text
from lab.core.refusal import Refusal, bad_request, conflict, not_found
from lab.jobs.facts import GateDecided, JobView
from lab.jobs.gates import Decision, Inadmissible, Origin, admit
from lab.program.steps import Gate
from lab.program.words import Status, Verdict

GIVEN = tuple(verdict for verdict in Verdict if verdict is not Verdict.TIMED_OUT)
"""The verdicts that somebody can give."""


def decide(
    view: JobView | None, gate: str, verdict: str, now: Millis, *, name: str | None, comment: str | None
) -> GateDecided | Refusal:
    """A person's decision from outside the API, for a gate of any channel; `gate` is a step's id or its node code."""
    if view is None:
        return not_found("There is no such job.")
    gates = {step.id: step for step in view.plan.program.scenario.steps if isinstance(step, Gate)}
    found = next((each for each in gates if gate in (each, each.upper().replace("-", "_"))), None)
    if found is None:
        return not_found(f"There is no such gate; this scenario has {', '.join(gates) or 'none'}.")
    if verdict not in GIVEN:
        *words, last = GIVEN
        return bad_request(f"verdict must be {', '.join(words)} or {last}.")
    word, span = Verdict(verdict), view.span
    why: Inadmissible | None = Inadmissible.EARLY
    if span.status is Status.WAITING:
        why = admit(span.opening, found, word, comment, name=name, cast=span.votes_at(now))
    if why is not None:
        return conflict(why_not(view, found, why, name))
    return GateDecided(
        at=now, job=view.plan.invocation.job, gate=found, round=span.visit, verdict=word, by=Origin.PERSON, name=name,
        comment=comment,
    )  # fmt: skip


def vote_count(view: JobView, now: Millis) -> str:
    """Which of how many approvals one more would be; empty where one is enough."""
    opening = view.span.opening
    needed = opening.gate.approvals if opening else 1
    return f"{len(view.span.votes_at(now)) + 1} of {needed}" if needed > 1 else ""


def why_not(view: JobView, step: str | None, why: Inadmissible, name: str | None = None) -> str:
    """Why a decision is refused, in one sentence; `step` None: the last gate that was decided is meant.

    `name` is who decided.
    """
    span, settled = view.span, view.span.settled
    before = next((end for end in reversed(settled) if step in (None, end.step)), None)
    match why:
        case Inadmissible.NOT_OFFERED:
            return "The gate does not offer this verdict."
        case Inadmissible.NO_COMMENT:
            return "A request for changes needs a comment that says what should be different."
        case Inadmissible.VOTED:
            return f"{name} has voted already; {span.id} needs another."
        case Inadmissible.OTHER_GATE:
            return f"Another gate is open: {span.id}." if before is None else _decided(before, view.record.at)
        case Inadmissible.EARLY:
            if before is not None:
                return _decided(before, view.record.at)
            if span.status is Status.RUNNING:
                return "The job has not reached the gate yet."
            return f"The job is {span.status} and waits at no such gate."
        case _:
            assert_never(why)


def _decided(end: Decision, since: Millis) -> str:
    when = f"{clock_text(end.at - since)} after its acceptance"
    if end.verdict is Verdict.TIMED_OUT:
        return f"Gate {end.step} timed out, {when}."
    who = end.name or {Origin.API: "the client", Origin.SCRIPT: "the script"}.get(end.by, "a person")
    return f"Gate {end.step} was already decided: {end.verdict or 'ended'} by {who}, {when}."
