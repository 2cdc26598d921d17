"""A view: what a job looks like at an instant.

It is what a command about a job is answered from. Of the record only what was accepted up to that instant counts: the
span was found with no later decision, so two who look at the same instant have the same view, whoever asks first.
"""

from msgspec import Struct

from lab.jobs.gates import Decision
from lab.jobs.plan import Plan
from lab.jobs.records import JobRecord
from lab.jobs.span import Span


class JobView(Struct, frozen=True, eq=False):
    """A job at an instant: what was accepted of it, its plan, and the span that holds the instant.

    Record and span tell two of them apart; plans are not compared.
    """

    record: JobRecord
    plan: Plan
    span: Span

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """Those that were admitted so far, in order."""
        return self.record.decisions
