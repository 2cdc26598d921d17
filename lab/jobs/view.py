"""A view: what a job looks like at an instant."""

from dataclasses import dataclass

from lab.jobs.gates import Decision
from lab.jobs.plan import Plan
from lab.jobs.records import JobRecord
from lab.jobs.timeline import Span


@dataclass(frozen=True, slots=True)
class JobView:
    """A job at an instant: what was accepted of it, its plan, and the span that holds the instant."""

    record: JobRecord
    plan: Plan
    span: Span

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """Those that were admitted so far, in order."""
        return self.record.decisions
