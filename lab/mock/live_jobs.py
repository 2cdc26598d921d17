"""How many jobs haven't ended: looked at only where the limit is in sight (limits.md §2).

As long as fewer jobs were accepted than may be alive, nothing is looked at. From then on each job is looked at when it
may have moved on, and never twice in one span.
"""

from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heappush

from lab.core.clock import Millis
from lab.core.journal.fact import Fact, LedgerCleared
from lab.core.journal.ledger import Ledger
from lab.jobs.facts import GateDecided, JobAccepted, JobView, WaitEnded, jobs_accepted, jobs_in

_AT_ONCE = -1


class LiveJobs:
    """The jobs of one ledger that are alive; a memo, never state."""

    def __init__(self, view: Callable[[Ledger, str, Millis], JobView | None]) -> None:
        self._view = view
        self._alive: set[str] | None = None
        self._due: list[tuple[Millis, str]] = []

    def full(self, ledger: Ledger, now: Millis, most: int) -> bool:
        """Whether as many jobs are alive as may be."""
        if jobs_accepted(ledger.get) < most:
            return False
        if self._alive is None:
            self._alive = set(jobs_in(ledger))
            self._due = [(_AT_ONCE, job) for job in self._alive]
            heapify(self._due)
        while self._due and self._due[0][0] <= now:
            self._look(ledger, heappop(self._due)[1], now, self._alive)
        return len(self._alive) >= most

    def _look(self, ledger: Ledger, job: str, now: Millis, alive: set[str]) -> None:
        view = self._view(ledger, job, now) if job in alive else None
        if view is None or view.span.status.final:
            alive.discard(job)
        elif view.span.until is not None:
            heappush(self._due, (view.span.until, job))

    def note(self, facts: Iterable[Fact]) -> None:
        """Take facts that were committed."""
        if self._alive is None:
            return
        for fact in facts:
            if isinstance(fact, LedgerCleared):
                self.forget()
                return
            if isinstance(fact, JobAccepted):
                self._alive.add(fact.job)
            if isinstance(fact, JobAccepted | GateDecided | WaitEnded):
                heappush(self._due, (_AT_ONCE, fact.job))

    def doubt(self, facts: Iterable[Fact]) -> None:
        """These facts were noted and aren't there any more: their jobs may live, or not, and are looked at again."""
        if self._alive is None:
            return
        for fact in facts:
            if isinstance(fact, JobAccepted | GateDecided | WaitEnded):
                self._alive.add(fact.job)
                heappush(self._due, (_AT_ONCE, fact.job))

    def forget(self) -> None:
        """Drop what is remembered."""
        self._alive, self._due = None, []
