"""Facts of jobs, and records: what is accepted of a job, what follows, and what folding the accepted gives.

Two kinds of facts stand here side by side, and a tape shows both in one order of instants:

    from outside    job.accepted, gate.decided, wait.ended, job.cancelled, … are appended to the journal and folded into records
    derived         job.status, gate.opened, gate.expired, … follow of the former (`derived`), and are never stored

A verdict may be either: a person's is accepted from outside, a script's follows from the plan. Both are `gate.decided`,
told apart by `by`.

A record holds what can't be computed: what the request said, what a generator made, what was decided. A job's plan, span
and body are made anew of it whenever somebody looks, so a million parked jobs cost their records, in which texts are
shared, and nothing else. What a look gives is the job's view: what a command about it is answered from. Of the record only
what was accepted up to that instant counts: the span was found with no later decision, so two who look at the same instant
have the same view, whoever asks first.

What must hold
    1. Of what is derived nothing is stored. A journal holds what came from outside; that a gate timed out, that a script answered, that
       a job moved on follows from it. So a restart forgets none of it, and nobody has to be awake when it happens.
    2. The list only grows at its end: what follows up to an instant begins with what followed up to an earlier one. For a
       decision is admitted at the instant of its arrival, so none comes to lie before what was shown already. Whoever has
       shown n of a job's derived facts shows the rest next, and needs to remember n alone.
    3. In order of instants, and at the same instant in that of cause: a vote, the move that it brings, the gate at which
       the job stands then. `until` is the next fact's instant if nobody decides, so an onlooker may sleep until it.

The example of `timeline`, a gate that a person answers at 5 000

    2 100    job.status RUNNING -> WAITING
    2 100    gate.opened, until 12 100, otherwise timed-out: the job would end ERROR
    5 000    job.status WAITING -> RUNNING; the answer itself was accepted, so it is a fact of the journal's and not here
    7 000    job.status RUNNING -> COMPLETE
"""

import json
import re
from collections.abc import Hashable, Iterable, Iterator, Mapping
from functools import lru_cache, partial
from typing import ClassVar, TypeVar, cast

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import LONG_BODY, Json, json_bytes
from lab.core.journal.fact import Changed, Fact, Get, Key, Record, key_of, named_by
from lab.core.journal.ledger import Ledger
from lab.core.journal.numbers import raised, used
from lab.jobs.branches import Branching
from lab.jobs.gates import CANCEL, Decision, Origin, votes
from lab.jobs.plan import Drawn, Plan
from lab.jobs.program import NO_SCENARIO
from lab.jobs.span import Span
from lab.jobs.timeline import after, spans
from lab.program.words import Verdict

_Shared = TypeVar("_Shared", bound=Hashable)


@lru_cache(maxsize=4096)
def one_object(value: _Shared) -> _Shared:
    """One object for all jobs that were asked the same, or are of one scenario."""
    return value


class JobOrigin(Struct, frozen=True, gc=False):
    """What the jobs of one client and one scenario have in common, turn for turn: each keeps the same object."""

    client: str
    user: str | None
    team: str
    scenario: str | None
    names: tuple[str, ...]
    """The names of what was drawn."""
    turn: int = 1
    part: int = 1
    """The part of its scenario that each plays."""


class JobRecord(Record, frozen=True, gc=False):
    """A job: what came from outside and what was drawn. Plan, view and body are recomputed."""

    origin: JobOrigin
    thread: Key | None
    ordinal: int
    at: Millis
    input: str
    """The accepted members of the request as JSON text."""
    values: bytes
    """What was drawn in the order of its names, as MessagePack, which is short; what that can't say, as JSON."""
    decisions: tuple[Decision, ...] = ()

    @property
    def client(self) -> str:
        return self.origin.client

    @property
    def user(self) -> str | None:
        return self.origin.user

    @property
    def team(self) -> str:
        return self.origin.team

    @property
    def scenario(self) -> str | None:
        return self.origin.scenario

    @property
    def turn(self) -> int:
        return self.origin.turn

    @property
    def part(self) -> int:
        return self.origin.part

    @property
    def drawn(self) -> dict[str, Json]:
        as_json = self.values.startswith(b"[")  # as no MessagePack of a list does
        values: list[Json] = json.loads(self.values) if as_json else msgspec.msgpack.decode(self.values)
        return dict(zip(self.origin.names, values, strict=True))

    @property
    def conversation(self) -> str | None:
        return None if self.thread is None else id_of(self.thread)

    @property
    def owner(self) -> str:
        return self.origin.user or self.origin.client


class JobView(Struct, frozen=True, eq=False):
    """A job at an instant: what was accepted of it, its plan, and the span that holds the instant."""

    record: JobRecord
    plan: Plan
    span: Span
    given: int = 0
    """With which of its decisions, from 1, the id was given out under which it is asked for; 0: it is its own."""

    @property
    def decisions(self) -> tuple[Decision, ...]:
        return self.record.decisions

    @property
    def being_cancelled(self) -> bool:
        """Whether somebody asked for its end, which is not yet come."""
        return not self.span.status.final and any(each.cancels for each in self.decisions)


class ConversationRecord(Record, frozen=True, gc=False):
    """A conversation: its team, its owner, and its jobs in order of turns."""

    team: str
    owner: str
    turns: Key | tuple[Key, ...]
    """The keys of its jobs; most conversations have one turn, and its bare key costs nothing more."""

    @property
    def jobs(self) -> tuple[Key, ...]:
        return self.turns if isinstance(self.turns, tuple) else (self.turns,)


class AliasRecord(Record, frozen=True, gc=False):
    """A further id of a job, given out with its decision of that number, from 0."""

    job: str
    decision: int


class RepeatRecord(Record, frozen=True, gc=False):
    """Which job an idempotency key was first used for."""

    job: str


_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def _key(prefix: bytes, text: str) -> Key:
    """Where a record lies; a UUID takes 16 bytes."""
    if _UUID.fullmatch(text):
        return prefix + bytes.fromhex(text.replace("-", ""))
    return key_of(prefix.upper(), text)


@lru_cache(maxsize=64)  # one call asks for that of its job several times
def job_key(job: str) -> Key:
    return _key(b"j", job)


conversation_key = partial(_key, b"c")


def repeat_key(owner: str, key: str) -> Key:
    return key_of(b"i", f"{owner}\0{key}")


def repeat_of(key: Key) -> str:
    """The idempotency key that a record's key was made of."""
    return named_by(key).partition("\0")[2]


def id_of(key: Key) -> str:
    """The id that a job's or a conversation's key was made of."""
    if key[:1].isupper():
        return named_by(key)
    text = key[1:].hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def jobs_of_keys(keys: Iterable[Key]) -> Iterator[str]:
    """The ids that jobs have, or further ones of theirs, where keys are those of jobs."""
    return (id_of(key) for key in keys if key[:1] in (b"j", b"J"))


def job_named(ledger: Ledger, job: str) -> tuple[str, JobRecord] | None:
    """The job that has this id, as its own or a further one: its own id, and its record."""
    record = ledger.get(job_key(job))
    if isinstance(record, AliasRecord):
        job = record.job
        record = ledger.get(job_key(job))
    return (job, record) if isinstance(record, JobRecord) else None


# Facts

_ACCEPTED = "accepted"
"""The counter of all jobs."""


def jobs_of(client: str, scenario: str | None) -> str:
    return f"job/{client}/{scenario or NO_SCENARIO}"


def jobs_accepted(get: Get) -> int:
    return used(get, _ACCEPTED)


# Accepted from outside


class JobAccepted(Fact, frozen=True, kw_only=True, omit_defaults=True, dict=True):
    """invokeAsync was accepted: the job is RUNNING from `at` on."""

    type: ClassVar[str] = "job.accepted"
    job: str
    client: str
    user: str | None = None
    conversation: str | None = None
    turn: int
    entry: int | None = None
    """Which of the scenario's `turns` answers, from 1, where they may come in any order; 0: its own steps."""
    team: str
    scenario: str | None = None
    """None: no scenario of the team fits the message; the job ends ERROR."""
    ordinal: int
    input: Mapping[str, Json]
    """The known members of the request as accepted."""
    drawn: Drawn
    idempotency: str | None = None
    """The key under which the same request gets this job again."""

    @property
    def part(self) -> int:
        """The part of the scenario that the job plays, as `Program.of_turn` counts them."""
        return self.turn if self.entry is None else self.entry + 1

    @property
    def input_text(self) -> str:
        """The same as a record keeps it, made once: a fact is folded twice."""
        if "text" not in (own := self.__dict__):
            own["text"] = input_text(self.input)
        return cast("str", own["text"])

    def fold(self, get: Get) -> Changed:
        values = _packed(list(self.drawn.values())) if self.drawn else b"[]"  # one for all jobs without any
        key = job_key(self.job)
        thread = None if self.conversation is None else conversation_key(self.conversation)
        names = tuple(self.drawn)
        origin = one_object(JobOrigin(self.client, self.user, self.team, self.scenario, names, self.turn, self.part))
        record = JobRecord(origin, thread, self.ordinal, self.at, self.input_text, values)
        yield key, record
        yield raised(get, jobs_of(self.client, self.scenario), self.ordinal)
        yield raised(get, _ACCEPTED)
        if self.idempotency is not None:
            yield repeat_key(record.owner, self.idempotency), RepeatRecord(self.job)
        if thread is not None:
            known = get(thread)
            turns = (*known.jobs, key) if isinstance(known, ConversationRecord) else key
            yield thread, ConversationRecord(record.team, record.owner, turns)


def _packed(values: list[Json]) -> bytes:
    try:
        return msgspec.msgpack.encode(values)
    except (ValueError, OverflowError):  # as below
        return json_bytes(values)


def _json(value: Json) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except (ValueError, OverflowError):  # half a surrogate pair; an integer of more than 64 bits
        return json_bytes(value).decode()


@lru_cache(maxsize=4)
def _long_json(text: str) -> str:
    return _json(text)


@lru_cache(maxsize=16)
def _one_long_text(text: str) -> str:
    """As `one_object`, but few are kept: they may be of calls that were refused."""
    return text


def input_text(members: Mapping[str, Json]) -> str:
    """The accepted members of a request as a record keeps them; of a long message that comes again little is left to do."""
    if any(isinstance(value, str) and len(value) > LONG_BODY for value in members.values()):
        parts = (
            f"{_json(name)}:{_long_json(value) if isinstance(value, str) else _json(value)}"
            for name, value in members.items()
        )
        text = f"{{{','.join(parts)}}}"
    else:
        text = _json(dict(members))
    shared: str = (_one_long_text if len(text) > LONG_BODY else one_object)(text)
    return shared


class GateDecided(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A decision was admitted; derived when a script decided."""

    type: ClassVar[str] = "gate.decided"
    job: str
    gate: str
    round: int = 0
    verdict: Verdict
    by: Origin
    name: str | None = None
    comment: str | None = None
    alias: str | None = None
    """A further id of the job, from now on."""

    def fold(self, get: Get) -> Changed:
        """One more decision of the job; a script's follows from the plan, and is never kept."""
        if self.by is Origin.SCRIPT:
            return ()
        decision = Decision(self.at, self.gate, self.round, self.verdict, self.by, self.name, self.comment)
        return _decided(get, self.job, decision, self.alias)


class WaitEnded(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A wait was ended early through the API."""

    type: ClassVar[str] = "wait.ended"
    job: str
    step: str
    round: int = 0
    alias: str | None = None

    def fold(self, get: Get) -> Changed:
        return _decided(get, self.job, Decision(self.at, self.step, self.round, None, Origin.API), self.alias)


class JobCancelled(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A client's request to cancel a job was admitted; the job ends by it, unless it ends by itself before."""

    type: ClassVar[str] = "job.cancelled"
    job: str
    by: Origin

    def fold(self, get: Get) -> Changed:
        return _decided(get, self.job, Decision(self.at, CANCEL, 0, None, self.by), None)


def _decided(get: Get, job: str, decision: Decision, alias: str | None) -> Changed:
    key = job_key(job)
    record = get(key)
    if not isinstance(record, JobRecord):
        return
    yield key, replace(record, decisions=(*record.decisions, decision))
    if alias is not None:
        yield job_key(alias), AliasRecord(job, len(record.decisions))


# Derived: what follows of a job


class JobStatus(Fact, frozen=True, kw_only=True):
    """A span began, the first excepted."""

    type: ClassVar[str] = "job.status"
    kind: ClassVar[str] = "derived"
    job: str
    origin: str = msgspec.field(name="from")
    to: str
    step: str


class Otherwise(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What happens to an opening if nobody acts: `by` is script for a script's vote."""

    at: Millis
    verdict: str
    by: str | None = None
    to: str


class GateOpened(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A gate began to wait; patience ends at `until`."""

    type: ClassVar[str] = "gate.opened"
    kind: ClassVar[str] = "derived"
    job: str
    gate: str
    round: int = 0
    approvals: int = 1
    until: Millis
    otherwise: Otherwise


class GateExpired(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """Patience ended: the verdict is timed-out."""

    type: ClassVar[str] = "gate.expired"
    kind: ClassVar[str] = "derived"
    job: str
    gate: str
    round: int = 0


class JobForgotten(Fact, frozen=True, kw_only=True):
    """Retention ended: the job can no longer be asked for."""

    type: ClassVar[str] = "job.forgotten"
    kind: ClassVar[str] = "derived"
    job: str


class Derived(Struct, frozen=True):
    """The derived facts of a job up to an instant, and when the next one is due (None: never)."""

    facts: tuple[Fact, ...]
    until: Millis | None


def derived(plan: Plan, decisions: tuple[Decision, ...], now: Millis) -> Derived:
    """What follows of a job up to and including `now`; later calls only add at the end."""
    known = tuple(decision for decision in decisions if decision.at <= now)
    facts: list[Fact] = []
    for fact in _following(plan, known):
        if fact.at > now:
            return Derived(tuple(facts), fact.at)
        facts.append(fact)
    return Derived(tuple(facts), None)


def along(own: Derived, further: Derived) -> Derived:
    """With what else follows of the job, until it is forgotten.

    At one instant that comes first: each has its cause before it, so all of it is known when the instant comes, and what
    somebody does at that instant can only add behind it.
    """
    last = own.facts[-1] if own.facts else None
    end = last.at if isinstance(last, JobForgotten) else None
    more = [fact for fact in further.facts if end is None or fact.at < end]
    facts = sorted((*more, *own.facts), key=lambda fact: fact.at)
    due = (own.until, None if end is not None else further.until)
    return Derived(tuple(facts), min((each for each in due if each is not None), default=None))


def _following(plan: Plan, decisions: tuple[Decision, ...]) -> Iterator[Fact]:
    """All derived facts of a job in order, if nobody decides but these: lazy, so look no further than you must."""
    job = plan.invocation.job
    before: Span | None = None
    for span in spans(plan, decisions):
        if before is not None and not span.goes_on:
            yield JobStatus(at=span.since, job=job, origin=before.status, to=span.status, step=span.id)
        # of an escalation only the status tells, which stays as it is
        if (opening := span.opening) is not None and not span.escalated:
            cast = votes(opening, ())
            end, to = cast[-1], after(plan, Branching(plan), span, (*span.settled, *cast), span.ends).status
            assert end.verdict is not None
            by = None if end.verdict is Verdict.TIMED_OUT else Origin.SCRIPT
            yield GateOpened(
                at=span.since, job=job, gate=span.id, round=span.visit, approvals=opening.gate.approvals,
                until=opening.deadline, otherwise=Otherwise(at=end.at, verdict=end.verdict, by=by, to=to),
            )  # fmt: skip
        for vote in span.own_votes:
            if vote.verdict is Verdict.TIMED_OUT:
                # a live vote was accepted and stands in the journal; a time-out and a script's vote came from nowhere
                yield GateExpired(at=vote.at, job=job, gate=span.id, round=span.visit)
            elif vote.by is Origin.SCRIPT and vote.verdict is not None:
                yield GateDecided(
                    at=vote.at, job=job, gate=span.id, round=span.visit, verdict=vote.verdict,
                    by=Origin.SCRIPT, name=vote.name, comment=vote.comment,
                )  # fmt: skip
        before = span
    forgotten = forgotten_at(plan, before) if before is not None else None
    if forgotten is not None:
        yield JobForgotten(at=forgotten, job=job)


def forgotten_at(plan: Plan, span: Span) -> Millis | None:
    """When a job can no longer be asked for, seen at its last span; None: never."""
    retention = plan.program.scenario.retention
    return span.since + retention if retention is not None and span.status.final else None


# Shell: what happened to scenarios


class ScenarioMissed(Fact, frozen=True, kw_only=True):
    """No scenario of the team fits the message; `near` names those tried."""

    type: ClassVar[str] = "scenario.missed"
    kind: ClassVar[str] = "shell"
    near: tuple[str, ...]


class ScenarioLoaded(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """An edited file was taken up, or a new one; jobs that run keep what they began with."""

    type: ClassVar[str] = "scenario.loaded"
    kind: ClassVar[str] = "shell"
    scenario: str
    sha256: str
    source: str | None = None
    """Its text, so that a lab which takes the journal up can play it."""
    files: Mapping[str, str] = {}

    @property
    def untaped(self) -> frozenset[str]:
        return frozenset(("source", "files"))
