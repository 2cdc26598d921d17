"""What is forgotten leaves the ledger: jobs past their scenario's `retention`, with all that is theirs alone, and
records that say by themselves when they are forgotten, such as tokens some time after their end (limits.md §2.1).

What must hold
    1. Nobody can tell. Every reader answers for a forgotten job or token as for one that never was, so when its records
       go changes no answer: a lab that keeps them, such as a replay, answers as one that drops them.
    2. A conversation goes as one, with the last of its jobs: until then a later turn may still look at the earlier ones.
    3. What an old job stands in the way of goes first: a conversation that begins anew under the same id, a client that
       chooses an id again. That is a rule of the lab's (`stale`), and no matter of tidiness (`due`).

The job index says which jobs are forgotten; with each new job it goes a few steps on. Of the other records a few are
looked at with each call that changes anything, so their number follows that of the calls.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice

from lab.core.clock import Millis
from lab.core.journal.fact import Fact, Key, LedgerCleared, RecordsDropped
from lab.core.journal.ledger import Ledger, MemoryLedger
from lab.core.journal.numbers import CallCount, CallCounted, count_key
from lab.core.observe import Touched
from lab.jobs.facts import (
    AliasRecord,
    ConversationRecord,
    Derived,
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
from lab.mock.job_index import JobIndex
from lab.mock.reader import JobReader

MOST_LOOKS = 16
"""Jobs looked at with a new one, and other records with a call: more than it can bring, so that none are left behind."""


class Retention:
    """What of one ledger is forgotten; what it remembers of the jobs is a memo, never state."""

    def __init__(self, reader: JobReader, catalog: Catalog, index: JobIndex) -> None:
        self._reader, self._catalog, self._index = reader, catalog, index
        scenarios = (*catalog.by_name.values(), *(program for _, program in catalog.former))
        durations = [each.scenario.retention for each in scenarios if each.scenario.retention is not None]
        self._shortest = min(durations, default=None)
        """None: every job is kept for ever."""
        self._known = False
        """Whether `_further` is known."""
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
        for _ in islice(self._index.steps(ledger, now), MOST_LOOKS):
            pass
        gone: dict[Key, None] = {}
        for key in self._index.take_fresh(MOST_LOOKS):
            if isinstance(record := ledger.get(key), JobRecord):
                jobs = _together(ledger, key, record)
                # the last of them is told of when it is forgotten
                if all(job in self._index.gone or self._is_forgotten(ledger, job, now) for job in reversed(jobs)):
                    gone |= dict.fromkeys(jobs)
        return self._with_all_theirs(ledger, gone)

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
        others: tuple[Iterable[tuple[Key, AliasRecord | RepeatRecord | CallCount]], ...]
        others = ledger.of(AliasRecord), ledger.of(RepeatRecord), ledger.of(CallCount)
        for key, other in chain.from_iterable(others):
            if other.job is not None:
                self._add(other.job, key)

    def note(self, facts: Iterable[Fact]) -> None:
        """Take facts that were committed."""
        if not self._known:
            return
        for fact in facts:
            match fact:
                case LedgerCleared():
                    self.forget()
                    return
                case JobAccepted(idempotency=str(key)):
                    self._add(fact.job, repeat_key(fact.user or fact.client, key))
                case GateDecided(alias=str(alias)) | WaitEnded(alias=str(alias)):
                    self._add(fact.job, job_key(alias))
                case CallCounted(job=str(job)):
                    self._add(job, count_key(fact.counter, job, fact.client))
                case RecordsDropped():
                    for job in jobs_of_keys(fact.keys):
                        self._further.pop(job, None)

    def _add(self, job: str, key: Key) -> None:
        self._further.setdefault(job, set()).add(key)

    def forget(self) -> None:
        """Drop what is remembered."""
        self._known = False
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
