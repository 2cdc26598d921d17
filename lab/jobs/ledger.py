"""Records, the fold that makes them of facts, and the ledger that holds them."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from sys import intern
from typing import Protocol, TypeAlias, TypeVar

from lab.core.clock import Millis
from lab.core.exchange import Json, text_of
from lab.core.journal.fact import Fact
from lab.faults.records import ArmedRecord, CountRecord, fold_fault
from lab.identity.records import (
    DEVICE_COUNTER,
    CodeRecord,
    DeviceRecord,
    FamilyRecord,
    RefreshRecord,
    TokenRecord,
    UserCodeRecord,
    fold_grant,
)
from lab.jobs.facts import CallCounted, FaultArmed, FaultDisarmed, GateDecided, JobAccepted, LedgerCleared, WaitEnded
from lab.jobs.gates import Decision, Origin

Key: TypeAlias = bytes
_Named = TypeVar("_Named", TokenRecord, RefreshRecord, CodeRecord, DeviceRecord, UserCodeRecord)
_Text = TypeVar("_Text", str, tuple[str, ...])

# Records: what folding gives. Slots and shared texts keep a parked job small (performance.md).


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job: what came from outside and what a generator made. Plan, view and body are recomputed."""

    client: str
    user: str | None
    thread: Key | None
    """The key of its conversation."""
    turn: int
    team: str
    scenario: str | None
    ordinal: int
    at: Millis
    input: str
    """The accepted members of the request as JSON text."""
    names: tuple[str, ...]
    """The names of the generated values, as in `drawn`."""
    values: str
    """The generated values in that order, as JSON text."""
    decisions: tuple[Decision, ...] = ()

    @property
    def drawn(self) -> dict[str, Json]:
        """The generated values by name, as in the fact."""
        values: list[Json] = json.loads(self.values)
        return dict(zip(self.names, values, strict=True))

    @property
    def conversation(self) -> str | None:
        """The conversation's id."""
        return None if self.thread is None else id_of(self.thread)

    @property
    def owner(self) -> str:
        """Whose job it is."""
        return self.user or self.client


@dataclass(frozen=True, slots=True)
class ConversationRecord:
    """A conversation: its team, its owner, and its jobs in order of turns."""

    team: str
    owner: str
    turns: "Key | tuple[Key, ...]"
    """The keys of its jobs; most conversations have one turn, and its bare key costs nothing more."""

    @property
    def jobs(self) -> tuple[Key, ...]:
        """The keys of its jobs, oldest first."""
        return self.turns if isinstance(self.turns, tuple) else (self.turns,)


@dataclass(frozen=True, slots=True)
class AliasRecord:
    """A further id of a job, given out with its decision of that number, from 0."""

    job: str
    decision: int


@dataclass(frozen=True, slots=True)
class RepeatRecord:
    """Which job an idempotency key was first used for."""

    job: str


Record: TypeAlias = (
    TokenRecord | RefreshRecord | FamilyRecord | CodeRecord | DeviceRecord | UserCodeRecord | JobRecord
    | ConversationRecord | AliasRecord | RepeatRecord | CountRecord | ArmedRecord
)  # fmt: skip
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def _key(prefix: bytes, text: str) -> Key:
    if _UUID.fullmatch(text):
        return prefix + bytes.fromhex(text.replace("-", ""))
    return prefix.upper() + text.encode("utf-8", "surrogatepass")


def job_key(job: str) -> Key:
    """Where a job's record lies; a UUID takes 16 bytes."""
    return _key(b"j", job)


def conversation_key(conversation: str) -> Key:
    """Where a conversation's record lies."""
    return _key(b"c", conversation)


def repeat_key(owner: str, key: str) -> Key:
    """Where the record of an owner's idempotency key lies."""
    return b"i" + f"{owner}\0{key}".encode("utf-8", "surrogatepass")


class Ledger(Protocol):
    """What `handle` sees of the state: folded records, and numbers."""

    @property
    def accepted(self) -> int:
        """How many jobs it holds."""

    def get(self, key: Key) -> Record | None:
        """The record, or None."""

    def take(self, counter: str) -> int:
        """The next number of a counter, from 1. A number once taken is never given again."""

    def peek(self, counter: str) -> int:
        """The number that `take` would give now."""

    def jobs(self) -> Iterator[str]:
        """The ids of all jobs, oldest first."""


class MemoryLedger:
    """Folded records and numbers in memory: never misses, never conflicts."""

    def __init__(self) -> None:
        self._records: dict[Key, Record] = {}
        self._numbers: dict[str, int] = {}
        self.accepted = 0

    def get(self, key: Key) -> Record | None:
        """The record, or None."""
        return self._records.get(key)

    def take(self, counter: str) -> int:
        """The next number of a counter, from 1."""
        number = self._numbers.get(counter, 0) + 1
        self._numbers[counter] = number
        return number

    def peek(self, counter: str) -> int:
        """The number that `take` would give now."""
        return self._numbers.get(counter, 0) + 1

    def commit(self, facts: tuple[Fact, ...]) -> None:
        """Fold the facts."""
        for fact in facts:
            if isinstance(fact, LedgerCleared):
                self._records.clear()
                self._numbers.clear()
                self.accepted = 0
                continue
            self.accepted += isinstance(fact, JobAccepted)
            for key, record in fold(fact, self.get):
                self._records[key] = record

    def jobs(self) -> Iterator[str]:
        """The ids of all jobs, oldest first."""
        for key, record in self._records.items():
            if isinstance(record, JobRecord):
                yield id_of(key)

    def aliases(self) -> Iterator[tuple[str, AliasRecord]]:
        """All further ids of jobs, oldest first."""
        for key, record in self._records.items():
            if isinstance(record, AliasRecord):
                yield id_of(key), record

    def repeats(self) -> Iterator[tuple[str, RepeatRecord]]:
        """All idempotency keys, oldest first."""
        for key, record in self._records.items():
            if isinstance(record, RepeatRecord):
                yield key.partition(b"\0")[2].decode("utf-8", "surrogatepass"), record

    def tokens(self) -> Iterator[tuple[str, TokenRecord]]:
        """All tokens granted, oldest first."""
        return self.named(TokenRecord)

    def named(self, kind: type[_Named]) -> Iterator[tuple[str, _Named]]:
        """All records of a kind of grant, each with its token or code, oldest first."""
        for key, record in self._records.items():
            if isinstance(record, kind):
                yield key[1:].decode("utf-8", "surrogatepass"), record

    def faults(self) -> Iterator[CountRecord | ArmedRecord]:
        """What is known of faults: the armed ones, and how far each has counted."""
        for record in self._records.values():
            if isinstance(record, CountRecord | ArmedRecord):
                yield record


def id_of(key: Key) -> str:
    """The id that a job's or a conversation's key was made of."""
    if key[:1].isupper():
        return key[1:].decode("utf-8", "surrogatepass")
    text = key[1:].hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def job_named(ledger: Ledger, job: str) -> tuple[str, JobRecord] | None:
    """The job that has this id, as its own or a further one: its own id, and its record."""
    record = ledger.get(job_key(job))
    if isinstance(record, AliasRecord):
        job = record.job
        record = ledger.get(job_key(job))
    return (job, record) if isinstance(record, JobRecord) else None


def fold(fact: Fact, get: Callable[[Key], Record | None]) -> tuple[tuple[Key, Record], ...]:
    """The records that a fact makes or changes; derived and shell facts change none."""
    match fact:
        case JobAccepted():
            return _fold_job(fact, get)
        case GateDecided() if fact.by is not Origin.SCRIPT:
            return _fold_decision(fact, decision_of(fact), get)
        case WaitEnded():
            return _fold_decision(fact, Decision(fact.at, fact.step, fact.round, None, Origin.API), get)
        case FaultArmed() | FaultDisarmed():
            return fold_fault(fact, get)
        case CallCounted() if not fact.counter.startswith(DEVICE_COUNTER):
            return fold_fault(fact, get)
        case _:
            return fold_grant(fact, get)


def _fold_job(fact: JobAccepted, get: Callable[[Key], Record | None]) -> tuple[tuple[Key, Record], ...]:
    names = tuple(name for name in fact.drawn if name.startswith("data/"))
    values = text_of([fact.drawn[name] for name in names])
    key = job_key(fact.job)
    thread = None if fact.conversation is None else conversation_key(fact.conversation)
    record = JobRecord(
        intern(fact.client), fact.user, thread, fact.turn, intern(fact.team), fact.scenario, fact.ordinal, fact.at,
        _shared(text_of(fact.input)), _shared(names), values,
    )  # fmt: skip
    made: tuple[tuple[Key, Record], ...] = ((key, record),)
    if fact.idempotency is not None:
        made = (*made, (repeat_key(record.owner, fact.idempotency), RepeatRecord(fact.job)))
    if thread is None:
        return made
    known = get(thread)
    turns = (*known.jobs, key) if isinstance(known, ConversationRecord) else key
    return (*made, (thread, ConversationRecord(record.team, record.owner, turns)))


@lru_cache(maxsize=4096)
def _shared(value: _Text) -> _Text:
    # one object for all jobs that were asked the same, or of one scenario
    return value


def _fold_decision(
    fact: GateDecided | WaitEnded, decision: Decision, get: Callable[[Key], Record | None]
) -> tuple[tuple[Key, Record], ...]:
    key = job_key(fact.job)
    record = get(key)
    if not isinstance(record, JobRecord):
        return ()
    made: tuple[tuple[Key, Record], ...] = ((key, replace(record, decisions=(*record.decisions, decision))),)
    if fact.alias is None:
        return made
    return (*made, (job_key(fact.alias), AliasRecord(fact.job, len(record.decisions))))


def decision_of(fact: GateDecided) -> Decision:
    """The decision that a fact tells of."""
    return Decision(fact.at, fact.gate, fact.round, fact.verdict, fact.by, fact.name, fact.comment)
