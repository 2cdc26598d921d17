"""An outcome as one line of JSON: what `lab run --json` prints, and `lab demo` when the screen is left."""

from lab.app.effects import Outcome
from lab.core.exchange import Json


def outcome_document(outcome: Outcome) -> dict[str, Json]:
    """The members, in order; the same over every wire."""
    return {
        "status": outcome.status,
        "output": outcome.output,
        "error": outcome.error,
        "jobId": outcome.job,
        "conversationId": outcome.conversation,
        "polls": outcome.polls,
        "elapsed_ms": outcome.elapsed,
        "followUpQuestions": list(outcome.follow_up),
        "why": outcome.why,
    }
