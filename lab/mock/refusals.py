"""Why a decision is refused, in words: which, by whom and when (contract.md §5.4)."""

from lab.core.clock import clock_text
from lab.jobs.gates import Decision, Inadmissible, Origin
from lab.jobs.view import JobView
from lab.language.document import Status, Verdict
from lab.mock.views import decided_before


def refusal(look: JobView, step: str | None, why: Inadmissible, name: str | None = None) -> str:
    """One sentence; `step` None: the last gate that was decided is meant. `name` is who decided."""
    span = look.span
    since = look.record.at
    before = decided_before(span, step) if step else (span.settled[-1] if span.settled else None)
    match why:
        case Inadmissible.NOT_OFFERED:
            return "The gate does not offer this verdict."
        case Inadmissible.NO_COMMENT:
            return "A request for changes needs a comment that says what should be different."
        case Inadmissible.VOTED:
            return f"{name} has voted already; {span.id} needs another."
        case _ if before is not None:
            return _decided(before, since)
        case Inadmissible.OTHER_GATE:
            return f"Another gate is open: {span.id}."
        case _ if span.status is Status.RUNNING:
            return "The job has not reached the gate yet."
        case _:
            return f"The job is {span.status} and waits at no such gate."


def _decided(end: Decision, since: int) -> str:
    when = f"{clock_text(end.at - since)} after its acceptance"
    if end.verdict is Verdict.TIMED_OUT:
        return f"Gate {end.step} timed out, {when}."
    who = end.name or {Origin.API: "the client", Origin.SCRIPT: "the script"}.get(end.by, "a person")
    return f"Gate {end.step} was already decided: {end.verdict or 'ended'} by {who}, {when}."
