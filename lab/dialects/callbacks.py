"""The port, for callbacks: what a wire gives that tells receivers of jobs by itself.

A change of a job is told to a receiver that some wire has registered, in that wire's words and with its authentication.
When, how often, and what goes wrong with it, says the scenario, whichever wire it is (callbacks.md).
"""

from typing import Protocol

from msgspec import Struct

from lab.core.exchange import Headers
from lab.dialects.base import WriteContext
from lab.jobs.callbacks import CallbackSent, Receiver
from lab.jobs.facts import JobStatus
from lab.jobs.gates import Decision
from lab.jobs.plan import Plan
from lab.jobs.span import Span
from lab.jobs.timeline import spans
from lab.program.callbacks import CallbackStrike


class JobChange(Struct, frozen=True):
    """A job has become something, of which a receiver may be told."""

    plan: Plan
    """Where the callback is to name another job, with the id of that."""
    decisions: tuple[Decision, ...]
    fact: JobStatus

    @property
    def span(self) -> Span:
        """What began then."""
        fact = self.fact
        began = (span for span in spans(self.plan, self.decisions) if span.since == fact.at and span.id == fact.step)
        return next(span for span in began if span.status == fact.to)


class CallbackWire(Protocol):
    """One wire's callbacks."""

    @property
    def never(self) -> frozenset[CallbackStrike]:
        """What can't go wrong with them: such a fault passes them by."""

    @property
    def timed(self) -> bool:
        """Whether a header says when they were sent, in seconds since 1970."""

    def tells(self, receiver: Receiver, change: JobChange) -> bool:
        """Whether this receiver is told of it, of those that the scenario has told."""

    def body(self, receiver: Receiver, change: JobChange, context: WriteContext) -> bytes:
        """What it is told."""

    def headers(self, receiver: Receiver, sent: CallbackSent) -> Headers:
        """Those of a try, with its authentication; a body that is cut is signed as if it were whole."""
