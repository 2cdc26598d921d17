"""Records of jobs and conversations, and where each lies. Shared texts keep a parked job small.

A record is what folding facts gives, and holds what can't be computed: what the request said, what a generator made,
what was decided. A job's plan, span and body are made anew of it whenever somebody looks, so a million parked jobs cost
their records and nothing else.

What a look at one gives is its view: what a command about a job is answered from. Of the record only what was accepted up
to that instant counts: the span was found with no later decision, so two who look at the same instant have the same view,
whoever asks first.
"""

import json
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TypeVar

from msgspec import Struct

from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.core.journal.fact import Key, Record
from lab.core.journal.ledger import Ledger
from lab.jobs.gates import Decision
from lab.jobs.plan import Plan
from lab.jobs.span import Span

_Text = TypeVar("_Text", str, tuple[str, ...])


@lru_cache(maxsize=4096)
def one_object(value: _Text) -> _Text:
    """One object for all jobs that were asked the same, or are of one scenario."""
    return value


class JobRecord(Record, frozen=True, gc=False):
    """A job: what came from outside and what a generator made. Plan, view and body are recomputed."""

    client: str
    user: str | None
    thread: Key | None
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
    part: int = 1

    @property
    def drawn(self) -> dict[str, Json]:
        values: list[Json] = json.loads(self.values)
        return dict(zip(self.names, values, strict=True))

    @property
    def conversation(self) -> str | None:
        return None if self.thread is None else id_of(self.thread)

    @property
    def owner(self) -> str:
        return self.user or self.client


class JobView(Struct, frozen=True, eq=False):
    """A job at an instant: what was accepted of it, its plan, and the span that holds the instant."""

    record: JobRecord
    plan: Plan
    span: Span

    @property
    def decisions(self) -> tuple[Decision, ...]:
        return self.record.decisions


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
    return prefix.upper() + text.encode("utf-8", "surrogatepass")


def job_key(job: str) -> Key:
    return _key(b"j", job)


def conversation_key(conversation: str) -> Key:
    return _key(b"c", conversation)


def repeat_key(owner: str, key: str) -> Key:
    return b"i" + f"{owner}\0{key}".encode("utf-8", "surrogatepass")


def repeat_of(key: Key) -> str:
    """The idempotency key that a record's key was made of."""
    return key.partition(b"\0")[2].decode("utf-8", "surrogatepass")


def id_of(key: Key) -> str:
    """The id that a job's or a conversation's key was made of."""
    if key[:1].isupper():
        return key[1:].decode("utf-8", "surrogatepass")
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


def jobs_in(ledger: Ledger) -> Iterator[str]:
    return (id_of(key) for key, _ in ledger.of(JobRecord))
