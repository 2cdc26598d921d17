"""The job index: what each job is, when it changes next, and when it is forgotten. Memos of one ledger, never state.

All of it follows from a job's record: its plan and its span, made anew whenever somebody looks. What is remembered is
remembered as long as it holds, which the record tells: each decision makes a new one.

    answers    what a poll was answered, by its path: within a span a body is constant
    courses    what a job is, and comes to be if nobody acts any more
    unseen     jobs that may be another than they were to be: new ones, those that a fact was about, at first all
    due        one heap of the instants at which a job that was seen changes; an entry that isn't its next one counts no more
    gone       jobs that are forgotten, and that the ledger still holds

A course is walked once, and again after a fact about its job; that is some 50 µs, for all that is drawn on the way. What
the job is to be, and when, costs a twentieth once its time has come. So nobody looks at jobs that stay as they are, and
many can be worked off in steps, between which calls are served. No course is walked before somebody asks: who counts
jobs by status, holds them to a limit, or lets go those that are forgotten.

What is forgotten leaves the ledger: jobs past their scenario's `retention`, with all that is theirs alone, and records
that say by themselves when they are forgotten, such as tokens some time after their end (limits.md §2.1). What must hold
    1. Nobody can tell. Every reader answers for a forgotten job or token as for one that never was, so when its records
       go changes no answer: a lab that keeps them, such as a replay, answers as one that drops them.
    2. A conversation goes as one, with the last of its jobs: until then a later turn may still look at the earlier ones.
    3. What an old job stands in the way of goes first: a conversation that begins anew under the same id, a client that
       chooses an id again. That is a rule of the lab's (`stale`), and no matter of tidiness (`droppable`).
With each new job the courses go a few steps on. Of the other records a few are looked at with each call that changes
anything, so their number follows that of the calls.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache, partial
from heapq import heappop, heappush
from itertools import chain, islice
from typing import TypeAlias, cast

from msgspec import Struct
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import LONG_BODY, Json, Request, Response
from lab.core.journal.fact import Fact, Get, Key, LedgerCleared, Record, RecordsDropped
from lab.core.journal.ledger import Ledger, MemoryLedger
from lab.core.journal.numbers import CallCount, CallCounted, count_key
from lab.core.reply import Reply
from lab.core.routes import Route
from lab.dialects import read_input
from lab.dialects.base import WriteContext
from lab.faults.facts import ARMED_KEY
from lab.identity.bearer import authenticated
from lab.identity.records import TokenRecord
from lab.jobs.callbacks import answers_key, receivers_key
from lab.jobs.facts import (
    AliasRecord,
    ConversationRecord,
    Derived,
    GateDecided,
    JobAccepted,
    JobCancelled,
    JobRecord,
    JobView,
    RepeatRecord,
    WaitEnded,
    along,
    conversation_key,
    derived,
    forgotten_at,
    id_of,
    job_key,
    job_named,
    jobs_of_keys,
    repeat_key,
)
from lab.jobs.gates import Decision
from lab.jobs.plan import Input, Invocation, Plan
from lab.jobs.program import Program
from lab.jobs.texts import earlier_turns
from lab.jobs.timeline import at, spans
from lab.language.templates.bounds import Pool, pooled
from lab.mock.catalog import Catalog
from lab.mock.config import Config
from lab.mock.latencies import planned_latency
from lab.plugin import Following, plugins, resolve
from lab.program.switches import Switches
from lab.program.words import Status

StatusChange: TypeAlias = tuple[Millis, Status | None]
"""When a job comes to be what; None: it is forgotten."""
MOST_UNSEEN = 100_000
"""Facts whose jobs are remembered where nobody asks: after more all jobs are looked at once somebody does."""
MOST_ANSWERS = 131_072
"""Jobs under way whose last answer is remembered."""
MOST_ENDED = 1_024
"""The same of jobs that have ended, for which hardly anybody asks again."""
MOST_LOOKS = 16
"""Jobs looked at with a new one, and other records with a call: more than it can bring, so that none are left behind."""


FollowJob: TypeAlias = Callable[[Get, Plan, Sequence[Fact], WriteContext], Derived]
"""What a plugin derives of a job: it is given the records, the plan, what followed so far, and how answers about it are
written at the instant up to which it derives."""


@cache
def followings() -> tuple[Following, ...]:
    """What plugins derive of jobs, too."""
    return tuple(each for plugin in plugins() for each in plugin.follows)


class PollAnswer(Struct, frozen=True, gc=False):
    """What `GET` of one path was answered, and what it was made of beside who asked."""

    key: Key
    """Where the job's record lies."""
    record: JobRecord
    owner: str
    since: Millis
    until: Millis | None
    reply: Reply
    """Not withheld."""
    team_switches: Switches
    """By which the bearer is read."""
    route: Route
    armed: Record | None
    """The faults that were armed, of which none is for polls."""
    spared: bool
    """Whether no fault may strike it; else the body alone is taken from here."""
    program: Program
    """Whose latencies hold."""
    routes: tuple[str, ...]
    job: str
    """Of whose own id its latency is drawn."""

    def holds(self, ledger: Ledger, now: Millis) -> bool:
        """Whether the body is still the same."""
        # the same record means the same decisions, for each makes a new one; `since`, for a clock may have been set back
        if ledger.get(self.key) is not self.record or now < self.since:
            return False
        return self.until is None or now < self.until


class JobCourse(Struct, gc=False):
    """What a job is, and what it comes to be if nobody acts."""

    status: Status
    changes: tuple[StatusChange, ...]


def _read_input(text: str) -> Input:
    return read_input(cast("dict[str, Json]", json.loads(text)), long=len(text) > LONG_BODY)


_short_input, _long_input = lru_cache(maxsize=4096)(_read_input), lru_cache(maxsize=16)(_read_input)


def input_of(text: str) -> Input:
    """The invocation that a record's `input` tells of."""
    return (_long_input if len(text) > LONG_BODY else _short_input)(text)


def given_with(ledger: Ledger, shown: str) -> int:
    """With which decision of its job, from 1, an id was given out; 0: it is the job's own."""
    alias = ledger.get(job_key(shown))
    return alias.decision + 1 if isinstance(alias, AliasRecord) else 0


class JobIndex:
    """The jobs of one ledger, for one configuration."""

    def __init__(self, config: Config, catalog: Catalog) -> None:
        self._config, self._catalog, self._identity = config, catalog, config.identity
        programs = (*catalog.by_name.values(), *(program for _, program in catalog.former))
        self._forgets = any(each.scenario.retention is not None for each in programs)
        """Whether any job is ever forgotten."""
        self._answers: dict[str, PollAnswer] = {}
        self._ended: dict[str, PollAnswer] = {}
        self._generation: int | None = None
        """That of the ledger whose courses are known; None: none are."""
        self._courses: dict[Key, JobCourse] = {}
        self._unseen: dict[Key, None] = {}
        self._due: list[tuple[Millis, Key]] = []
        self._noted = 0
        """Facts since the last step."""
        self.counts: Counter[Status] = Counter()
        """How many jobs have each status, as far as was worked off."""
        self._gone: set[Key] = set()
        self._fresh: list[Key] = []
        """Of these the ones that weren't taken up yet."""
        self._further: dict[str, set[Key]] | None = None
        """Where other records of a job lie: aliases, idempotency keys, counts of its calls. None: nobody has asked yet."""

    def forget(self) -> None:
        """Drop what is remembered."""
        self._answers.clear()
        self._ended.clear()
        self._further = None
        self._forget_courses()

    def _forget_courses(self) -> None:
        self._generation = None
        for memo in (self._courses, self._unseen, self._due, self.counts, self._gone, self._fresh):
            memo.clear()

    # What a job is

    def plan_of(self, ledger: Ledger, job: str, record: JobRecord, shown: str | None = None) -> Plan:
        """The plan of a job; `shown` is the id under which it is asked for, if it may be another."""
        program, config = self._catalog.scenario_of(record), self._config
        invocation = Invocation(
            job, record.client, record.team, program.name, record.ordinal, record.at, input_of(record.input),
            record.conversation, record.turn, self._first_parameters(ledger, record), self._catalog.user(record.user),
        )  # fmt: skip
        alias = None if shown == job else shown
        return Plan(
            program, invocation, config.seed, record.drawn, config.scripted, self._earlier(ledger, record), alias
        )

    def _first_parameters(self, ledger: Ledger, record: JobRecord) -> Mapping[str, Json]:
        """The parameters of the conversation's first turn."""
        known = ledger.get(record.thread) if record.thread is not None and record.turn > 1 else None
        first = ledger.get(known.jobs[0]) if isinstance(known, ConversationRecord) else None
        return input_of(first.input).parameters if isinstance(first, JobRecord) else {}

    def _earlier(self, ledger: Ledger, record: JobRecord) -> Callable[[], Sequence[object]]:
        thread = record.thread
        if thread is None or record.turn == 1:
            return tuple

        def turns() -> Sequence[object]:
            known = ledger.get(thread)
            jobs = known.jobs[: record.turn - 1] if isinstance(known, ConversationRecord) else ()
            planned = (self.planned(ledger, key) for key in jobs)
            return earlier_turns([each for each in planned if each is not None], record.at, self._config.epoch)

        return turns

    def planned(self, ledger: Ledger, key: Key) -> tuple[Plan, tuple[Decision, ...]] | None:
        """The plan of the job under a key, and what was decided so far, forgotten or not; None if there is no such job."""
        record = ledger.get(key)
        return (self.plan_of(ledger, id_of(key), record), record.decisions) if isinstance(record, JobRecord) else None

    def view(self, ledger: Ledger, job: str, now: Millis) -> JobView | None:
        """The job at `now`, or None if it isn't known or was forgotten."""
        found = job_named(ledger, job)
        return None if found is None else self.view_of(ledger, *found, now, shown=job)

    def view_of(self, ledger: Ledger, job: str, record: JobRecord, now: Millis, shown: str) -> JobView | None:
        """The job of a record at `now`, asked for as `shown`; None if it was forgotten."""
        planned = self.plan_of(ledger, job, record, shown)
        span = at(planned, record.decisions, now)
        forgotten = forgotten_at(planned, span)
        if forgotten is not None and now >= forgotten:
            return None
        return JobView(record, planned, span, given_with(ledger, shown))

    def derived(self, ledger: Ledger, job: str, now: Millis) -> Derived | None:
        """The derived facts of a job up to `now`, or None if it isn't known."""
        found = job_named(ledger, job)
        if found is None:
            return None
        own, record = found
        plan = self.plan_of(ledger, own, record)
        follows = derived(plan, record.decisions, now)
        for each in followings():
            if ledger.get(each.key) is not None:
                follow, context = cast("FollowJob", resolve(each.run)), self.context_of(plan, now)
                more = pooled(Pool(), partial(follow, ledger.get, plan, follows.facts, context))
                follows = along(follows, more)
        return follows

    def context_of(self, plan: Plan, now: Millis) -> WriteContext:
        """What answers about a job depend on at an instant."""
        return self.context(self._catalog.switches_of(plan.program, plan.invocation.team), now)

    def context(self, switches: Switches, now: Millis) -> WriteContext:
        """What answers depend on at an instant."""
        config = self._config
        return WriteContext(config.epoch, switches, now, config.origin, config.callbacks is not None)

    # What a poll was answered

    def reply(self, ledger: Ledger, request: Request, now: Millis) -> Reply | None:
        """The whole reply to a poll, if it is remembered and holds; None: the mock is to make it."""
        known = self._answers.get(request.path) or self._ended.get(request.path)
        if known is None or not known.spared or request.query or request.method != "GET":
            return None
        if not known.holds(ledger, now) or ledger.get(ARMED_KEY) is not known.armed:
            return None
        bearer, flags = authenticated(self._identity, known.route, known.team_switches, ledger, request, now)
        if flags or not isinstance(bearer, TokenRecord) or bearer.owner != known.owner:
            return None
        if known.program.scenario.latency:
            latency = planned_latency(self._config.seed, known.program, known.routes, known.job, now)
            return replace(known.reply, latency=latency) if latency else known.reply
        return known.reply

    def answer(self, ledger: Ledger, path: str, now: Millis) -> Response | None:
        """The response alone, to whoever may have it."""
        known = self._answers.get(path) or self._ended.get(path)
        return known.reply.response if known is not None and known.holds(ledger, now) else None

    def keep(self, path: str, answer: PollAnswer, *, ended: bool) -> None:
        """Remember an answer; `ended`: the job has."""
        answers, most = (self._ended, MOST_ENDED) if ended else (self._answers, MOST_ANSWERS)
        self._answers.pop(path, None)
        # the oldest goes: a job that is still polled is soon remembered again
        if len(answers) >= most:
            del answers[next(iter(answers))]
        answers[path] = answer

    # When jobs change

    @property
    def alive(self) -> int:
        """How many have not ended, as far as was worked off."""
        return sum(count for status, count in self.counts.items() if not status.final)

    def steps(self, ledger: Ledger, now: Millis) -> Iterator[None]:
        """Work off what is to be seen by now, a job a step; further jobs may come in between."""
        while True:
            if self._generation != ledger.generation:
                self._forget_courses()
                self._generation = ledger.generation
                self._unseen = dict.fromkeys(key for key, _ in ledger.of(JobRecord))
            self._noted = 0
            if self._unseen:
                self._look(ledger, self._unseen.popitem()[0], now)
            elif self._due and self._due[0][0] <= now:
                instant, key = heappop(self._due)
                course = self._courses.get(key)
                if course is not None and course.changes and course.changes[0][0] == instant:
                    self._come_to(key, course.changes, now)
            else:
                return
            yield

    def _look(self, ledger: Ledger, key: Key, now: Millis) -> None:
        record = ledger.get(key)
        if isinstance(record, ConversationRecord):
            self._unseen |= dict.fromkeys(record.jobs)
            return
        planned = self.planned(ledger, key)
        if planned is None:
            self._put(key, None, ())
        else:
            self._come_to(key, tuple(status_changes(*planned)), now)

    def _come_to(self, key: Key, changes: tuple[StatusChange, ...], now: Millis) -> None:
        """Let a job be what it is after all of these changes that are due: who is behind takes them in one."""
        place = 1  # before its acceptance a job is as it is then
        while place < len(changes) and changes[place][0] <= now:
            place += 1
        status = changes[place - 1][1]
        self._put(key, status, changes[place:])
        if status is None:
            self._gone.add(key)
            self._fresh.append(key)

    def _put(self, key: Key, status: Status | None, changes: tuple[StatusChange, ...]) -> None:
        if (known := self._courses.pop(key, None)) is not None:
            self.counts[known.status] -= 1
        if status is not None:
            self.counts[status] += 1
            self._courses[key] = JobCourse(status, changes)
            if changes:
                heappush(self._due, (changes[0][0], key))

    def note(self, facts: Iterable[Fact]) -> None:
        """Take facts that were committed."""
        if self._generation is None and self._further is None:
            return
        for fact in facts:
            match fact:
                case LedgerCleared():
                    self.forget()
                    return
                case JobAccepted():
                    self._unseen[job_key(fact.job)] = None
                    if fact.idempotency is not None:
                        self._note_further(fact.job, repeat_key(fact.user or fact.client, fact.idempotency))
                case GateDecided() | WaitEnded() | JobCancelled():
                    self._unseen[job_key(fact.job)] = None
                    if not isinstance(fact, JobCancelled) and fact.alias is not None:
                        self._note_further(fact.job, job_key(fact.alias))
                case CallCounted():
                    self._note_further(fact.job, count_key(fact.counter, fact.job, fact.client))
                case RecordsDropped():
                    for key in fact.keys:
                        self._gone.discard(key)
                        self._put(key, None, ())
                    if self._further is not None:
                        for job in jobs_of_keys(fact.keys):
                            self._further.pop(job, None)
            self._noted += 1
        # not while jobs are worked off: that would never end
        if self._noted > MOST_UNSEEN or self._generation is None:
            self._forget_courses()

    def doubt(self, ledger: Ledger, facts: Iterable[Fact]) -> None:
        """These facts aren't there after all: what was seen with them is looked at again."""
        for fact in facts:
            if not isinstance(fact, RecordsDropped | LedgerCleared):
                self.note((fact,))
            if isinstance(fact, JobAccepted) and fact.conversation is not None and self._generation is not None:
                self._unseen[conversation_key(fact.conversation)] = None  # it goes with the last of its jobs
            for key in fact.keys if isinstance(fact, RecordsDropped) else ():
                record = ledger.get(key)
                if isinstance(record, JobRecord) and self._generation is not None:
                    self._unseen[key] = None
                elif isinstance(record, AliasRecord | RepeatRecord | CallCount):
                    self._note_further(record.job, key)

    # What is forgotten

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
        return self._forgets and all(self._is_forgotten(ledger, job, now) for job in reversed(jobs))

    def _is_forgotten(self, ledger: Ledger, key: Key, now: Millis) -> bool:
        record = ledger.get(key)
        if not isinstance(record, JobRecord):
            return True
        if self._catalog.scenario_of(record).scenario.retention is None:
            return False
        job = id_of(key)
        return self.view_of(ledger, job, record, now, job) is None

    def stale(self, ledger: Ledger, fact: JobAccepted) -> tuple[RecordsDropped, ...]:
        """What must go before this job is accepted: others that are forgotten, of its conversation or of its id."""
        if not self._forgets:
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

    def droppable(self, ledger: MemoryLedger, facts: Iterable[Fact], now: Millis) -> tuple[RecordsDropped, ...]:
        """What may go with these facts, before them: jobs only where one is accepted, and drops nothing itself."""
        keys = ledger.forgotten(now, MOST_LOOKS)
        if self._forgets:
            kinds = {type(fact) for fact in facts}
            if JobAccepted in kinds and RecordsDropped not in kinds:
                keys += self._forgotten_jobs(ledger, now)
        return (RecordsDropped(at=now, keys=keys),) if keys else ()

    def _forgotten_jobs(self, ledger: Ledger, now: Millis) -> tuple[Key, ...]:
        for _ in islice(self.steps(ledger, now), MOST_LOOKS):
            pass
        taken, self._fresh = self._fresh[:MOST_LOOKS], self._fresh[MOST_LOOKS:]
        forgotten: dict[Key, None] = {}
        for key in taken:
            if isinstance(record := ledger.get(key), JobRecord):
                jobs = _together(ledger, key, record)
                # the last of them is told of when it is forgotten
                if all(job in self._gone or self._is_forgotten(ledger, job, now) for job in reversed(jobs)):
                    forgotten |= dict.fromkeys(jobs)
        return self._with_all_theirs(ledger, forgotten)

    def _with_all_theirs(self, ledger: Ledger, jobs: Iterable[Key]) -> tuple[Key, ...]:
        if self._further is None:
            self._further = {}
            others: tuple[Iterable[tuple[Key, AliasRecord | RepeatRecord | CallCount]], ...]
            others = ledger.of(AliasRecord), ledger.of(RepeatRecord), ledger.of(CallCount)
            for key, other in chain.from_iterable(others):
                self._note_further(other.job, key)
        keys: dict[Key, None] = {}
        for key in jobs:
            record, job = ledger.get(key), id_of(key)
            keys[key] = None
            if isinstance(record, JobRecord) and record.thread is not None:
                keys[record.thread] = None
            for of_callbacks in (answers_key(job), receivers_key(job)):
                if ledger.get(of_callbacks) is not None:
                    keys[of_callbacks] = None
            for further in self._further.get(job, ()):
                # an idempotency key may have been taken for another job meanwhile
                if getattr(ledger.get(further), "job", None) == job:
                    keys[further] = None
        return tuple(keys)

    def _note_further(self, job: str | None, key: Key) -> None:
        if self._further is not None and job is not None:
            self._further.setdefault(job, set()).add(key)


def status_changes(plan: Plan, decisions: tuple[Decision, ...]) -> Iterator[StatusChange]:
    """What a job is from when on, if nobody acts any more."""
    status = None
    for span in spans(plan, decisions):
        if span.status is not status:
            status = span.status
            yield span.since, status
    if (forgotten := forgotten_at(plan, span)) is not None:
        yield forgotten, None


def _together(ledger: Ledger, key: Key, record: JobRecord) -> tuple[Key, ...]:
    """The jobs of the conversation that a job belongs to; the job alone if it belongs to none."""
    known = ledger.get(record.thread) if record.thread is not None else None
    return known.jobs if isinstance(known, ConversationRecord) else (key,)
