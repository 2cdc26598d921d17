"""The job index: what each job is, and when it changes next. A memo of one ledger, never state.

Who counts jobs by status, holds them to a limit, or lets go those that are forgotten asks here. The course of a job, if
nobody acts any more, is walked once, and again after a fact about it; that is some 50 µs, for all that is drawn on the
way. What it is to be, and when, is remembered, and costs a twentieth when its time has come. So nobody looks at jobs
that stay as they are, and many can be worked off in steps, between which calls are served.

    unseen   jobs that may be another than they were to be: new ones, those that a fact was about, at first all
    due      one heap of the instants at which a job that was seen changes; an entry that isn't its next one counts no more
    gone     jobs that are forgotten, and that the ledger still holds

Nothing is indexed before somebody asks.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from typing import TypeAlias

from msgspec import Struct

from lab.core.clock import Millis
from lab.core.journal.fact import Fact, Key, LedgerCleared, RecordsDropped
from lab.core.journal.ledger import Ledger
from lab.jobs.facts import (
    ConversationRecord,
    GateDecided,
    JobAccepted,
    JobRecord,
    WaitEnded,
    conversation_key,
    forgotten_at,
    job_key,
)
from lab.jobs.gates import Decision
from lab.jobs.plan import Plan
from lab.jobs.timeline import spans
from lab.mock.reader import JobReader
from lab.program.words import Status

StatusChange: TypeAlias = tuple[Millis, Status | None]
"""When a job comes to be what; None: it is forgotten."""
MOST_UNSEEN = 100_000
"""Facts whose jobs are remembered where nobody asks: after more all jobs are looked at once somebody does."""


class JobCourse(Struct, gc=False):
    """What a job is, and what it comes to be if nobody acts."""

    status: Status
    changes: tuple[StatusChange, ...]


class JobIndex:
    """The jobs of one ledger."""

    def __init__(self, reader: JobReader) -> None:
        self._reader = reader
        self._generation: int | None = None
        """That of the ledger that is indexed; None: nothing is."""
        self._seen: dict[Key, JobCourse] = {}
        self._unseen: dict[Key, None] = {}
        self._due: list[tuple[Millis, Key]] = []
        self._noted = 0
        """Facts since the last step."""
        self.counts: Counter[Status] = Counter()
        """How many jobs have each status, as far as was worked off."""
        self.gone: set[Key] = set()
        self.fresh: list[Key] = []
        """Of these the ones that nobody has asked about yet."""

    @property
    def alive(self) -> int:
        """How many have not ended, as far as was worked off."""
        return sum(count for status, count in self.counts.items() if not status.final)

    def steps(self, ledger: Ledger, now: Millis) -> Iterator[None]:
        """Work off what is to be seen by now, a job a step; further jobs may come in between."""
        self._begin(ledger)
        self._noted = 0
        while self._unseen or (self._due and self._due[0][0] <= now):
            if self._unseen:
                self._look(ledger, self._unseen.popitem()[0], now)
            else:
                self._change(*heappop(self._due), now)
            yield
            self._begin(ledger)
            self._noted = 0

    def take_fresh(self, most: int) -> list[Key]:
        """So many at most of the jobs that are forgotten, and that nobody was told of yet."""
        taken, self.fresh = self.fresh[:most], self.fresh[most:]
        return taken

    def note(self, facts: Iterable[Fact]) -> None:
        """Take facts that were committed."""
        if self._generation is None:
            return
        for fact in facts:
            if isinstance(fact, JobAccepted | GateDecided | WaitEnded):
                self._unseen[job_key(fact.job)] = None
            elif isinstance(fact, RecordsDropped):
                for key in fact.keys:
                    self.gone.discard(key)
                    self._put(key, None, ())
            elif isinstance(fact, LedgerCleared):
                self.forget()
                return
            self._noted += 1
        # not while jobs are worked off: that would never end
        if self._noted > MOST_UNSEEN:
            self.forget()

    def doubt(self, facts: Iterable[Fact]) -> None:
        """These facts aren't there after all: what was seen with them is looked at again."""
        if self._generation is None:
            return
        self.note(fact for fact in facts if not isinstance(fact, RecordsDropped | LedgerCleared))
        for fact in facts:
            if isinstance(fact, RecordsDropped):
                self._unseen |= dict.fromkeys(fact.keys)
            elif isinstance(fact, JobAccepted) and fact.conversation is not None:
                self._unseen[conversation_key(fact.conversation)] = None  # it goes with the last of its jobs

    def forget(self) -> None:
        """Drop what is remembered."""
        self._generation = None
        for memo in (self._seen, self._unseen, self._due, self.counts, self.gone, self.fresh):
            memo.clear()

    def _begin(self, ledger: Ledger) -> None:
        generation = ledger.generation
        if self._generation != generation:
            self.forget()
            self._generation = generation
            self._unseen = dict.fromkeys(key for key, _ in ledger.of(JobRecord))

    def _look(self, ledger: Ledger, key: Key, now: Millis) -> None:
        record = ledger.get(key)
        if isinstance(record, ConversationRecord):
            self._unseen |= dict.fromkeys(record.jobs)
            return
        planned = self._reader.planned(ledger, key)
        if planned is None:
            self._put(key, None, ())
        else:
            self._come_to(key, tuple(status_changes(*planned)), now)

    def _change(self, instant: Millis, key: Key, now: Millis) -> None:
        seen = self._seen.get(key)
        if seen is not None and seen.changes and seen.changes[0][0] == instant:
            self._come_to(key, seen.changes, now)

    def _come_to(self, key: Key, changes: tuple[StatusChange, ...], now: Millis) -> None:
        """Let a job be what it is after all of these changes that are due: who is behind takes them in one."""
        place = 1  # before its acceptance a job is as it is then
        while place < len(changes) and changes[place][0] <= now:
            place += 1
        status = changes[place - 1][1]
        self._put(key, status, changes[place:])
        if status is None:
            self._go(key)

    def _go(self, key: Key) -> None:
        self.gone.add(key)
        self.fresh.append(key)

    def _put(self, key: Key, status: Status | None, changes: tuple[StatusChange, ...]) -> None:
        if (known := self._seen.pop(key, None)) is not None:
            self.counts[known.status] -= 1
        if status is not None:
            self.counts[status] += 1
            self._seen[key] = JobCourse(status, changes)
            if changes:
                heappush(self._due, (changes[0][0], key))


def status_changes(plan: Plan, decisions: tuple[Decision, ...]) -> Iterator[StatusChange]:
    """What a job is from when on, if nobody acts any more."""
    status = None
    for span in spans(plan, decisions):
        if span.status is not status:
            status = span.status
            yield span.since, status
    if (forgotten := forgotten_at(plan, span)) is not None:
        yield forgotten, None
