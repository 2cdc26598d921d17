"""A decision from outside the API: any channel, admitted or refused with its reason (contract.md §5.4)."""

from lab.core.clock import Millis
from lab.core.journal.ledger import Ledger
from lab.jobs.facts import GateDecided
from lab.jobs.gates import Inadmissible, Origin, admit
from lab.language.document import Gate, Status, Verdict
from lab.mock.calls import Ruling
from lab.mock.refusals import refusal
from lab.mock.views import Views


def decide(
    views: Views, ledger: Ledger, job: str, gate: str, verdict: str, now: Millis,
    *, by: Origin, name: str | None, comment: str | None,
) -> Ruling:  # fmt: skip
    """The ruling; `gate` is a step id or a node code. `why` of an approval in a quorum says which it is."""
    look = views.look(ledger, job, now)
    if look is None:
        return Ruling(404, "There is no such job.")
    gates = {step.id: step for step in look.plan.compiled.scenario.steps if isinstance(step, Gate)}
    found = next((each for each in gates if gate in (each, each.upper().replace("-", "_"))), None)
    if found is None:
        return Ruling(404, f"There is no such gate; this scenario has {', '.join(gates) or 'none'}.")
    if verdict not in (Verdict.APPROVED, Verdict.REJECTED, Verdict.CHANGES):
        return Ruling(400, "verdict must be approved, rejected or changes-requested.")
    word = Verdict(verdict)
    if look.span.status is not Status.WAITING:
        return Ruling(409, refusal(look, found, Inadmissible.EARLY))
    cast = look.span.votes_at(now)
    why = admit(look.span.opening, found, word, comment, name=name, cast=cast)
    if why is not None:
        return Ruling(409, refusal(look, found, why, name))
    fact = GateDecided(
        at=now, job=job, gate=found, round=look.span.visit, verdict=word, by=by, name=name, comment=comment
    )
    approvals = look.span.opening.gate.approvals if look.span.opening else 1
    counted = f"{len(cast) + 1} of {approvals}" if approvals > 1 and word is Verdict.APPROVED else ""
    return Ruling(200, counted, (fact,))
