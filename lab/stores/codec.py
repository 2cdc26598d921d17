"""Records and commits as bytes, and back.

Both are JSON, so that `redis-cli` shows what is there. A record is the name of its class and its members:

    JobRecord{"client":"demo","user":null,"thread":"YwAR…","turn":1,…}        bytes, such as keys, are Base64

A commit is what it says of itself and then, behind a line feed, its facts as a journal's line has them:

    {"process":"b2c4","number":17,"at":4200,"exchanges":[12,null]}
    [{"type":"job.accepted","at":4200,…},…]
"""

import json
from sys import intern
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.core.journal.fact import Record
from lab.core.journal.numbers import CallCount, Counter
from lab.core.journal.shared import Commit, LogPosition, Proposal
from lab.faults.facts import Armed, ArmedRecord
from lab.faults.model import armed_rule
from lab.identity.records import (
    CodeRecord,
    DeviceRecord,
    FamilyRecord,
    KeyRecord,
    RefreshRecord,
    TokenRecord,
    UserCodeRecord,
)
from lab.jobs.facts import AliasRecord, ConversationRecord, JobRecord, RepeatRecord, one_object
from lab.language.fault import parse_fault
from lab.recording.format.journal_lines import facts_in, facts_line

_Value = TypeVar("_Value", bound=msgspec.Struct)

RECORDS: dict[str, type[Record]] = {
    record.__name__: record
    for record in (
        *(AliasRecord, ArmedRecord, CallCount, CodeRecord, ConversationRecord, Counter, DeviceRecord, FamilyRecord),
        *(JobRecord, KeyRecord, RefreshRecord, RepeatRecord, TokenRecord, UserCodeRecord),
    )
}
"""Every class of records by its name in a store."""


class _ArmedFault(msgspec.Struct, frozen=True):
    """A fault that is armed, as it was written: the rule follows from that."""

    name: str
    where: dict[str, Json]
    at: Millis


class _ArmedFaults(msgspec.Struct, frozen=True):
    """What stands in a store for an `ArmedRecord`, whose rules can't be written."""

    armed: tuple[_ArmedFault, ...]
    names: frozenset[str]


class _CommitHead(msgspec.Struct, frozen=True):
    """What a commit says of itself."""

    process: str
    number: int
    at: Millis
    exchanges: tuple[int | None, ...] = ()


def encode_record(record: Record) -> bytes:
    """The record as bytes."""
    value = _written(record) if isinstance(record, ArmedRecord) else record
    return type(record).__name__.encode() + _encoded(value)


def decode_record(data: bytes) -> Record:
    """The record that such bytes are; KeyError or ValueError if this lab has none like it."""
    name, brace, members = data.partition(b"{")
    kind = RECORDS[name.decode()]
    if kind is ArmedRecord:
        return _armed(_decoded(brace + members, _ArmedFaults))
    record = _decoded(brace + members, kind)
    return _sharing(record) if isinstance(record, JobRecord) else record


def encode_commit(proposal: Proposal) -> bytes:
    """What a store keeps of a proposal that it takes, its records apart."""
    head = _CommitHead(proposal.process, proposal.number, proposal.at, proposal.exchanges)
    return msgspec.json.encode(head) + b"\n" + facts_line(proposal.facts)


def decode_commit(position: LogPosition, wall: Millis, data: bytes) -> Commit:
    """The commit at a position, which a store took at `wall`; KeyError or ValueError if this lab can't read it."""
    first, _, line = data.partition(b"\n")
    head = msgspec.json.decode(first, type=_CommitHead)
    return Commit(position, head.process, head.number, head.at, wall, tuple(facts_in(line)), head.exchanges)


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
    return replace(
        record,
        client=intern(record.client),
        team=intern(record.team),
        scenario=None if record.scenario is None else intern(record.scenario),
        input=one_object(record.input),
        names=one_object(record.names),
    )


def _written(record: ArmedRecord) -> _ArmedFaults:
    armed = tuple(_ArmedFault(each.rule.name, dict(each.where), each.at) for each in record.armed)
    return _ArmedFaults(armed, record.names)


def _armed(written: _ArmedFaults) -> ArmedRecord:
    armed = (Armed(armed_rule(each.name, parse_fault(dict(each.where))), each.where, each.at) for each in written.armed)
    return ArmedRecord(tuple(armed), written.names)
