"""What is counted of one mock for metrics: its calls as they end, and its jobs when somebody asks.

A call that ends costs a look into a table, a fact about a job its name in a list. Counting walks the whole course of a job
once, and again only after a fact about it: that is some 50 µs, for all that is drawn on the way. What it is to be, and
when, is remembered, and costs a twentieth when its time has come. All that is done in slices, so that it makes no call late.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from heapq import heappop, heappush
from types import MappingProxyType
from typing import TypeAlias

from lab.clocks import breathe, real_micros
from lab.core.clock import Clock, Millis
from lab.core.journal.fact import Fact
from lab.core.journal.shell import RequestMalformed
from lab.core.observe import Noted, Observation, Observer, Replied, Requested
from lab.faults.facts import FaultStruck
from lab.jobs.derived import forgotten_at
from lab.jobs.facts import GateDecided, JobAccepted, WaitEnded
from lab.jobs.gates import Decision
from lab.jobs.plan import Plan
from lab.jobs.timeline import spans
from lab.mock.service import Service
from lab.program.words import Status
from lab.server.call_totals import CallTotals

MOST_UNSEEN = 100_000
"""Facts whose jobs are remembered for the next count: where nobody counts for longer, all jobs are looked at then."""
StatusChanges: TypeAlias = tuple[tuple[Millis, Status | None], ...]
"""Of a job what it comes to be, and when; None: it is forgotten."""
_SLICE = 16
"""Jobs looked at, or let go on, before the mock has its turn."""


class CallTally:
    """Counts calls, in real time whatever the lab's clock. What it names are routes of the lab's own table, and `unknown`."""

    def __init__(
        self,
        most_open: int,
        note: Callable[[Fact], None],
        arrivals: Mapping[int, int] = MappingProxyType({}),
        totals: Sequence[CallTotals] = (),
    ) -> None:
        """`note` is given the facts; `arrivals` says of a connection when its latest request was whole, in real microseconds.

        `most_open` is how many calls may wait for their reply at once: of more the oldest are forgotten, as some never get one.
        Others count in `totals` too.
        """
        self.own = CallTotals()
        self._totals = (self.own, *totals)
        self._open: dict[int, tuple[str, int]] = {}
        self._most_open, self._note_elsewhere, self._arrivals = most_open, note, arrivals

    def observer(self) -> Observer:
        """What is to be told of the calls: every poll pays for it, so it looks up nothing that it can hold."""
        begun, most, arrivals, totals = self._open, self._most_open, self._arrivals, self._totals

        def observe(observation: Observation) -> None:
            if type(observation) is Requested:
                # a request may be told long after it came, where a store has to take it first
                begun[observation.x] = observation.route, arrivals.get(observation.c) or real_micros()
                if len(begun) > most:
                    del begun[next(iter(begun))]
            elif type(observation) is Replied:
                if (call := begun.pop(observation.x, None)) is None:
                    return
                route, since = call
                kind, lasted = (route, observation.response.status), real_micros() - since
                for each in totals:
                    each.add(kind, lasted)
            elif type(observation) is Noted:
                self._note(observation)

        return observe

    def _note(self, noted: Noted) -> None:
        match noted.fact:
            case FaultStruck() if (call := self._open.get(noted.x or 0)) is not None:
                for each in self._totals:
                    each.struck[call[0]] += 1
            case RequestMalformed():
                for each in self._totals:
                    each.malformed += 1
            case fact:
                self._note_elsewhere(fact)


class JobTally:
    """Counts the jobs of one service by status; a memo, never state."""

    def __init__(self, service: Service, clock: Clock) -> None:
        self._service = service
        self._clock = clock
        self._counting: asyncio.Task[Mapping[Status, int]] | None = None
        self._generation: int | None = None
        """Of the ledger whose jobs are counted; None: all of them are to be looked at."""
        self._unseen: dict[str, None] = {}
        """Those that may have moved on."""
        self._noted = 0
        """Facts since the last count."""
        self._known: dict[str, tuple[Status, StatusChanges]] = {}
        """What each job is, and what it comes to be if nobody acts."""
        self._due: list[tuple[Millis, str]] = []
        self._counts: Counter[Status] = Counter()

    async def count(self, within: Millis | None = None) -> Mapping[Status, int] | None:
        """How many jobs have each status now; none that are forgotten.

        None: it would take longer than `within` real milliseconds, for many have to be looked at. It goes on, so that
        there is less to do the next time.
        """
        counting = self._counting
        if counting is None or counting.done():
            counting = self._counting = asyncio.create_task(self._count())
        await asyncio.wait((counting,), timeout=None if within is None else within / 1_000)
        return counting.result() if counting.done() and not counting.cancelled() else None

    async def _count(self) -> Mapping[Status, int]:
        steps = self._noted = 0
        while self._step():
            steps += 1
            if steps % _SLICE == 0:
                await breathe()
        return MappingProxyType({status: self._counts[status] for status in Status})

    def close(self) -> None:
        """Count no more."""
        if self._counting is not None:
            self._counting.cancel()

    def note(self, fact: Fact) -> None:
        """Take a fact that was committed."""
        if self._generation is not None and isinstance(fact, JobAccepted | GateDecided | WaitEnded):
            self._unseen[fact.job] = None
            self._noted += 1
            # not while they are counted: many jobs would never be done
            if self._noted > MOST_UNSEEN and (self._counting is None or self._counting.done()):
                self._clear()

    def _step(self) -> bool:
        """Look at a job that may be another than it was to be, or let one be what it has come to be; False: there is none."""
        if self._generation != self._service.ledger.generation:
            self._begin()
        if self._unseen:
            self._look(self._unseen.popitem()[0])
            return True
        if not self._due or self._due[0][0] > self._clock.now():
            return False
        instant, job = heappop(self._due)
        _, changes = self._known.get(job, (None, ()))
        if changes and changes[0][0] == instant:
            self._put(job, changes[0][1], changes[1:])
        return True

    def _begin(self) -> None:
        self._clear()
        self._generation = self._service.ledger.generation
        self._unseen = dict.fromkeys(self._service.jobs())

    def _clear(self) -> None:
        self._generation = None
        for memo in (self._known, self._due, self._counts, self._unseen):
            memo.clear()

    def _look(self, job: str) -> None:
        planned, status = self._service.planned(job), None
        ahead = deque[tuple[Millis, Status | None]](_course(*planned) if planned is not None else ())
        now = self._clock.now()
        while ahead and ahead[0][0] <= now:
            _, status = ahead.popleft()
        self._put(job, status, tuple(ahead))

    def _put(self, job: str, status: Status | None, changes: StatusChanges) -> None:
        if (known := self._known.pop(job, None)) is not None:
            self._counts[known[0]] -= 1
        if status is None:
            return
        self._counts[status] += 1
        self._known[job] = status, changes
        if changes:
            heappush(self._due, (changes[0][0], job))


def _course(plan: Plan, decisions: tuple[Decision, ...]) -> Iterator[tuple[Millis, Status | None]]:
    """What a job is from when on, if nobody acts any more; None: forgotten."""
    status = None
    for span in spans(plan, decisions):
        if span.status is not status:
            status = span.status
            yield span.since, status
    if (forgotten := forgotten_at(plan, span)) is not None:
        yield forgotten, None
