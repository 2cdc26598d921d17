"""Commits, records and exchanges as bytes, and back.

All are JSON, so that `redis-cli` shows what is there. A record is its lab, its key in Base64, the name of its class and its
members; the lab without a name is nothing:

    /t/ann/1767225600000.3 agF2... JobRecord{"client":"demo","user":null,"thread":"YwAR…","turn":1,…}        bytes, such as keys, are Base64

A commit is what it says of itself and then, behind a line feed, its facts as a journal's line has them:

    {"at":4200,"wall":1767225604200,"exchanges":[12,null],"lab":"/t/ann/1767225600000.3"}
    [{"type":"job.accepted","at":4200,…},…]
"""

import json
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.journal.fact import Key, Record
from lab.core.journal.numbers import CallCount, Counter
from lab.core.journal.shared import Commit, LabKey, LogPlace, LogPosition
from lab.core.observe import Noted, Replied, Requested
from lab.faults.facts import ArmedRecord
from lab.identity.records import (
    CodeRecord,
    DeviceRecord,
    FamilyRecord,
    KeyRecord,
    RefreshRecord,
    TokenRecord,
    UserCodeRecord,
)
from lab.jobs.callbacks import AnswersRecord, ReceiversRecord
from lab.jobs.facts import AliasRecord, ConversationRecord, JobRecord, RepeatRecord, one_object
from lab.recording.format.facts import FACTS
from lab.recording.format.journal_lines import facts_in, facts_line

_Value = TypeVar("_Value", bound=msgspec.Struct)

RECORDS: dict[str, type[Record]] = {
    record.__name__: record
    for record in (
        *(AliasRecord, ArmedRecord, CallCount, CodeRecord, ConversationRecord, Counter, DeviceRecord, FamilyRecord),
        *(JobRecord, KeyRecord, RefreshRecord, RepeatRecord, TokenRecord, UserCodeRecord),
        *(AnswersRecord, ReceiversRecord),
    )
}
"""Every class of records by its name in a store."""


class _CommitHead(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a commit says of itself, beside its position and its mark."""

    at: Millis
    wall: Millis
    exchanges: tuple[int | None, ...] = ()
    lab: LabKey = ""


def encode_record(record: Record) -> bytes:
    """The record as bytes."""
    return type(record).__name__.encode() + _encoded(record)


def decode_record(data: bytes) -> Record:
    """The record that such bytes are; KeyError or ValueError if this lab has none like it."""
    name, brace, members = data.partition(b"{")
    kind = RECORDS[name.decode()]
    record = _decoded(brace + members, kind)
    return _sharing(record) if isinstance(record, JobRecord) else record


def encode_records(records: Iterable[tuple[LabKey, Key, Record]]) -> bytes:
    """Records with their labs and their keys, a line each."""
    return b"\n".join(
        b"%b %b %b" % (lab.encode(), b2a_base64(key, newline=False), encode_record(record))
        for lab, key, record in records
    )


def decode_records(lines: bytes) -> Iterator[tuple[LabKey, Key, Record]]:
    """The records that such lines are."""
    for line in lines.split(b"\n"):
        lab, key, record = line.split(b" ", 2)
        yield lab.decode(), a2b_base64(key), decode_record(record)


def encode_commit(commit: Commit) -> bytes:
    """A commit, but for its position and its mark."""
    head = _CommitHead(commit.at, commit.wall, commit.exchanges, commit.lab)
    return msgspec.json.encode(head) + b"\n" + facts_line(commit.facts)


def decode_commit(place: LogPlace, data: bytes) -> Commit:
    """The commit that leads to a place; KeyError or ValueError if this lab can't read it."""
    first, _, line = data.partition(b"\n")
    head, (process, _, number) = msgspec.json.decode(first, type=_CommitHead), place.mark.rpartition(":")
    facts = tuple(facts_in(line))
    return Commit(place.position, process, int(number), head.at, head.wall, facts, head.exchanges, head.lab)


class ObservedAt(msgspec.Struct, frozen=True, omit_defaults=True):
    """One observation of a process, and what the store's clock said when it came about."""

    wall: Millis
    requested: Requested | None = None
    replied: Replied | None = None
    at: Millis = 0
    x: int | None = None
    fact: dict[str, Any] | None = None
    """A fact that was noted, by its members and its type; `at` and `x` are the note's."""

    @classmethod
    def of(cls, observation: Requested | Replied | Noted, wall: Millis) -> "ObservedAt":
        """It as it is published."""
        match observation:
            case Requested():
                return cls(wall, requested=observation)
            case Replied():
                return cls(wall, replied=observation)
            case Noted(at, fact, x):
                return cls(wall, at=at, x=x, fact={"type": fact.type, **msgspec.to_builtins(fact)})

    @property
    def observation(self) -> Requested | Replied | Noted:
        """What was observed."""
        if self.fact is not None:
            return Noted(self.at, msgspec.convert(self.fact, FACTS[self.fact["type"]]), self.x)
        observed = self.requested or self.replied
        assert observed is not None
        return observed


class PublishedExchange(msgspec.Struct, frozen=True):
    """What a process tells the others of one exchange, or of what belongs to none."""

    process: str
    number: int
    """How many processes began before it."""
    position: LogPosition
    """Up to where the process had folded the log when it began."""
    observed: list[ObservedAt]
    lab: LabKey = ""


def encode_exchange(exchange: PublishedExchange) -> bytes:
    """An exchange as bytes."""
    return _encoded(exchange)


def decode_exchange(data: bytes) -> PublishedExchange:
    """The exchange that such bytes are."""
    return _decoded(data, PublishedExchange)


def _encoded(value: msgspec.Struct) -> bytes:
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:  # half a surrogate pair, which a client may send as an escape
        return json.dumps(msgspec.to_builtins(value), separators=(",", ":")).encode()


def _decoded(data: bytes, kind: type[_Value]) -> _Value:
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.DecodeError:  # the same again, as an escape; or what is none of ours
        return msgspec.convert(json.loads(data), kind)


def _sharing(record: JobRecord) -> JobRecord:
    """The same, with one object for what many jobs have alike, as folding gives it."""
    return replace(record, origin=one_object(record.origin), input=one_object(record.input))
