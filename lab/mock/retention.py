"""What is forgotten leaves the ledger: jobs past their scenario's `retention`, with all that is theirs alone, and
records that say by themselves when they are forgotten, such as tokens some time after their end (limits.md §2.1).

What must hold
    1. Nobody can tell. Every reader answers for a forgotten job or token as for one that never was, so when its records
       go changes no answer: a lab that keeps them, such as a replay, answers as one that drops them.
    2. A conversation goes as one, with the last of its jobs: until then a later turn may still look at the earlier ones.
    3. What an old job stands in the way of goes first: a conversation that begins anew under the same id, a client that
       chooses an id again. That is a rule of the lab's (`stale`), and no matter of tidiness (`due`).

A few jobs are looked at with each new one, the one that may be forgotten first before all. A job that hasn't ended by
an instant isn't forgotten before that instant and the retention, so it is looked at about once a span. Of the other
records a few are looked at with each call that changes anything, so their number follows that of the calls.
"""

from collections.abc import Callable, Iterable, Iterator
from heapq import heappop, heappush
from itertools import chain

from lab.core.clock import Millis
from lab.core.journal.fact import Fact, Key, LedgerCleared, RecordsDropped
from lab.core.journal.ledger import Ledger, MemoryLedger
from lab.core.journal.numbers import CallCount, CallCounted, count_key
from lab.core.observe import Touched
from lab.jobs.derived import Derived, forgotten_at
from lab.jobs.facts import (
    AliasRecord,
    ConversationRecord,
    GateDecided,
    JobAccepted,
    JobRecord,
    RepeatRecord,
    WaitEnded,
    conversation_key,
    id_of,
    job_key,
    job_named,
    jobs_of_keys,
    repeat_key,
)
from lab.mock.catalog import Catalog
from lab.mock.reader import JobReader

MOST_LOOKS = 16
"""Jobs looked at with a new one, and other records with a call: more than it can bring, so that none are left behind."""
_AT_ONCE = -1


class Retention:
    """What of one ledger is forgotten; what it remembers of the jobs is a memo, never state."""

    def __init__(self, reader: JobReader, catalog: Catalog) -> None:
        self._reader, self._catalog = reader, catalog
        scenarios = (*catalog.by_name.values(), *(program for _, program in catalog.former))
        durations = [each.scenario.retention for each in scenarios if each.scenario.retention is not None]
        self._shortest = min(durations, default=None)
        """None: every job is kept for ever."""
        self._known = False
        """Whether the jobs of the ledger were looked through."""
        self._due: list[tuple[Millis, Key]] = []
        self._next: dict[Key, Millis] = {}
        """When each job is looked at next; an entry of `_due` with another instant counts no more."""
        self._forgotten: set[Key] = set()
        """Jobs that are forgotten, and stay for their conversation."""
        self._further: dict[str, set[Key]] = {}
        """Where other records of a job lie: aliases, idempotency keys, counts of its calls."""

    # What is there

    def conversation(self, ledger: Ledger, conversation: str | None, now: Millis) -> ConversationRecord | None:
        """The conversation with this id; None: there is none, or the last of its jobs is forgotten."""
        known = ledger.get(conversation_key(conversation)) if conversation is not None else None
        if not isinstance(known, ConversationRecord) or self._all_forgotten(ledger, known.jobs, now):
            return None
        return known

    def in_use(self, ledger: Ledger, job: str, now: Millis) -> bool:
        """Whether an id is a job's, its own or a further one."""
        found = job_named(ledger, job)
        if found is None:
            return ledger.get(job_key(job)) is not None
        return not self._all_forgotten(ledger, _together(ledger, job_key(found[0]), found[1]), now)

    def _all_forgotten(self, ledger: Ledger, jobs: tuple[Key, ...], now: Millis) -> bool:
        # the newest first, for mostly it is the one that isn't
        return self._shortest is not None and all(self._is_forgotten(ledger, job, now) for job in reversed(jobs))

    def _is_forgotten(self, ledger: Ledger, key: Key, now: Millis) -> bool:
        record, job = ledger.get(key), id_of(key)
        if not isinstance(record, JobRecord):
            return True
        if self._catalog.scenario_of(record).scenario.retention is None:
            return False
        return self._reader.view_of(ledger, job, record, now, job) is None

    # What goes

    def stale(self, ledger: Ledger, fact: JobAccepted) -> tuple[RecordsDropped, ...]:
        """What must go before this job is accepted: others that are forgotten, of its conversation or of its id."""
        if self._shortest is None:
            return ()
        jobs: list[Key] = []
        if fact.conversation is not None and fact.turn == 1:
            known = ledger.get(conversation_key(fact.conversation))
            jobs += known.jobs if isinstance(known, ConversationRecord) else ()
        if (found := job_named(ledger, fact.job)) is not None:
            jobs += _together(ledger, job_key(found[0]), found[1])
        if not jobs or not self._all_forgotten(ledger, tuple(jobs), fact.at):
            return ()
        return (RecordsDropped(at=fact.at, keys=self._with_all_theirs(ledger, jobs)),)

    def due(self, ledger: MemoryLedger, facts: Iterable[Fact], now: Millis) -> tuple[RecordsDropped, ...]:
        """What may go with these facts, before them: jobs only where one is accepted, and drops nothing itself."""
        keys = ledger.forgotten(now, MOST_LOOKS)
        if self._shortest is not None:
            kinds = {type(fact) for fact in facts}
            if JobAccepted in kinds and RecordsDropped not in kinds:
                keys += self._due_jobs(ledger, now)
        return (RecordsDropped(at=now, keys=keys),) if keys else ()

    def _due_jobs(self, ledger: Ledger, now: Millis) -> tuple[Key, ...]:
        self._look_through(ledger)
        gone: dict[Key, None] = {}
        for _ in range(MOST_LOOKS):
            if not self._due or self._due[0][0] > now:
                break
            instant, key = heappop(self._due)
            if self._next.get(key) == instant:
                del self._next[key]
                gone |= dict.fromkeys(self._look(ledger, key, now))
        return self._with_all_theirs(ledger, gone)

    def _look(self, ledger: Ledger, key: Key, now: Millis) -> tuple[Key, ...]:
        """The jobs that may go, this one and those of its conversation; else it is looked at again when it may."""
        record = ledger.get(key)
        if isinstance(record, ConversationRecord):
            for job in record.jobs:
                self._push(_AT_ONCE, job)
        if not isinstance(record, JobRecord):
            return ()
        retention = self._catalog.scenario_of(record).scenario.retention
        if retention is None:
            return ()
        view = self._reader.view_of(ledger, id_of(key), record, now, id_of(key))
        if view is None:
            self._forgotten.add(key)
            jobs = _together(ledger, key, record)
            over = all(job in self._forgotten or self._is_forgotten(ledger, job, now) for job in reversed(jobs))
            return jobs if over else ()  # the last of them is looked at when it is forgotten
        until = forgotten_at(view.plan, view.span)
        if until is None and view.span.until is not None:
            until = view.span.until + retention
        if until is not None:
            self._push(until, key)
        return ()

    def _with_all_theirs(self, ledger: Ledger, jobs: Iterable[Key]) -> tuple[Key, ...]:
        self._look_through(ledger)
        keys: dict[Key, None] = {}
        for key in jobs:
            record, job = ledger.get(key), id_of(key)
            keys[key] = None
            if isinstance(record, JobRecord) and record.thread is not None:
                keys[record.thread] = None
            for further in self._further.get(job, ()):
                # an idempotency key may have been taken for another job meanwhile
                if getattr(ledger.get(further), "job", None) == job:
                    keys[further] = None
        return tuple(keys)

    # What is remembered

    def _look_through(self, ledger: Ledger) -> None:
        if self._known:
            return
        self._known = True
        for key, record in ledger.of(JobRecord):
            retention = self._catalog.scenario_of(record).scenario.retention
            if retention is not None:
                self._push(record.at + retention, key)
        others: tuple[Iterable[tuple[Key, AliasRecord | RepeatRecord | CallCount]], ...]
        others = ledger.of(AliasRecord), ledger.of(RepeatRecord), ledger.of(CallCount)
        for key, other in chain.from_iterable(others):
            if other.job is not None:
                self._add(other.job, key)

    def _push(self, instant: Millis, key: Key) -> None:
        if self._next.get(key) != instant:
            self._next[key] = instant
            heappush(self._due, (instant, key))

    def note(self, facts: Iterable[Fact]) -> None:
        """Take facts that were committed."""
        if not self._known or self._shortest is None:
            return
        for fact in facts:
            match fact:
                case LedgerCleared():
                    self.forget()
                    return
                case JobAccepted():
                    self._push(fact.at + self._shortest, job_key(fact.job))
                    if fact.idempotency is not None:
                        self._add(fact.job, repeat_key(fact.user or fact.client, fact.idempotency))
                case GateDecided() | WaitEnded():
                    self._push(fact.at + self._shortest, job_key(fact.job))
                    if fact.alias is not None:
                        self._add(fact.job, job_key(fact.alias))
                case CallCounted(job=str(job)):
                    self._add(job, count_key(fact.counter, job, fact.client))
                case RecordsDropped():
                    for job in jobs_of_keys(fact.keys):
                        self._next.pop(job_key(job), None)
                        self._forgotten.discard(job_key(job))
                        self._further.pop(job, None)
                    # another process may have looked at them
                    while self._due and self._next.get(self._due[0][1]) != self._due[0][0]:
                        heappop(self._due)

    def _add(self, job: str, key: Key) -> None:
        self._further.setdefault(job, set()).add(key)

    def doubt(self, facts: Iterable[Fact]) -> None:
        """These facts aren't there after all: what was looked at with them is looked at again."""
        if not self._known:
            return
        for fact in facts:
            match fact:
                case RecordsDropped():
                    for job in jobs_of_keys(fact.keys):
                        self._push(_AT_ONCE, job_key(job))
                case GateDecided() | WaitEnded():
                    self._push(_AT_ONCE, job_key(fact.job))
                case JobAccepted(conversation=str(conversation)):
                    self._push(_AT_ONCE, conversation_key(conversation))

    def forget(self) -> None:
        """Drop what is remembered."""
        self._known = False
        self._due.clear()
        self._next.clear()
        self._forgotten.clear()
        self._further.clear()


def last_looks(
    ledger: Ledger, facts: Iterable[Fact], derived: Callable[[str, Millis], Derived | None]
) -> Iterator[Touched]:
    """What observers are told of the jobs that these facts drop, before they do."""
    for fact in facts:
        for key in fact.keys if isinstance(fact, RecordsDropped) else ():
            if isinstance(ledger.get(key), JobRecord):
                followed = derived(id_of(key), fact.at)
                yield Touched(fact.at, id_of(key), followed.facts if followed is not None else ())


def _together(ledger: Ledger, key: Key, record: JobRecord) -> tuple[Key, ...]:
    """The jobs of the conversation that a job belongs to; the job alone if it belongs to none."""
    known = ledger.get(record.thread) if record.thread is not None else None
    return known.jobs if isinstance(known, ConversationRecord) else (key,)
