"""The lines of a journal file: everything that a lab needs to go on where another process of it ended.

Unlike a recording it is not redacted, holds every number that was used, and no request or reply. Line 1 is the header.
Each further line holds the facts of one call, as an array: they are taken up together, or a torn line is cut and none
of them ever was. Nothing was acknowledged then, for a line is written before the first byte of its reply.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from lab.core.clock import Epoch, Millis
from lab.core.errors import RecordingError
from lab.core.exchange import Json
from lab.core.journal.fact import Fact
from lab.core.seeds import Seed
from lab.mock.history import History
from lab.recording.format.facts import FACTS
from lab.recording.format.lines import LARGEST

JOURNAL_VERSION = (1, 0)
_COUNTED = ("ordinal", "turn")
"""Members that count from 1."""


class KeptScenario(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A scenario as it was when the journal began."""

    name: str
    sha256: str
    source: str = ""
    files: Mapping[str, str] = {}


class JournalHeader(msgspec.Struct, frozen=True, kw_only=True, tag_field="format", tag="lab.journal"):
    """What must be the same when the journal is taken up."""

    version: tuple[int, int] = JOURNAL_VERSION
    lab: str
    """The version of the lab that began it."""
    seed: Seed
    epoch: Epoch
    """The wall time of instant 0, in seconds since 1970."""
    clock: str
    """As `--clock` takes it: real, scaled:N, manual."""
    issuer: str
    """The `iss` of tokens, by which clients know them."""
    settings: Mapping[str, Json] = {}
    """Who decides, the switches, users and limits, as in a recording's header: answers to older jobs depend on them."""
    scenarios: tuple[KeptScenario, ...]


def header_line(header: JournalHeader) -> bytes:
    """Line 1."""
    return msgspec.json.encode(header) + b"\n"


def facts_line(facts: Sequence[Fact]) -> bytes:
    """The line of one call's facts."""
    return b"[" + b",".join(map(_encoded, facts)) + b"]\n"


def _encoded(fact: Fact) -> bytes:
    try:
        members = msgspec.json.encode(fact)
    except UnicodeEncodeError:  # a lone surrogate, which a client may send as an escape
        members = json.dumps(msgspec.to_builtins(fact), separators=(",", ":")).encode()
    return b'{"type":"%b",' % fact.type.encode() + members[1:]


def facts_in(line: bytes) -> list[Fact]:
    """The facts that a line holds; ValueError or KeyError for what this lab can't read."""
    return [_fact(members) for members in _array(line)]


def read_journal(data: bytes, name: str) -> tuple[JournalHeader | None, History, int]:
    """Its header (None: it never began), what it tells, and how many bytes of it are whole lines.

    RecordingError with the line for what is no journal, or one that this lab can't read.
    """
    history = History()
    whole = data.rfind(b"\n") + 1
    lines = data[:whole].split(b"\n")[:-1]
    if not lines:
        if data and not b'{"format":"lab.journal"'.startswith(data[:23]):
            raise RecordingError(f"{name}:1: this is no journal of a lab", hint="It is left as it is.")
        return None, history, 0
    header = _header(lines[0], name)
    for number, line in enumerate(lines[1:], 2):
        try:
            history.add(facts_in(line))
        except (ValueError, KeyError, RecursionError) as fault:
            raise RecordingError(f"{name}:{number}: the line can't be read: {fault}") from None
    return header, history, whole


def line_with(data: bytes, fact: Fact) -> int:
    """The line of a journal that was read in which this fact stands, from 1."""
    lines = enumerate(data.split(b"\n")[1:], 2)
    return next((number for number, line in lines if line and fact in facts_in(line)), 1)


def _header(line: bytes, name: str) -> JournalHeader:
    try:
        header = msgspec.json.decode(line, type=JournalHeader)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise RecordingError(f"{name}:1: this is no journal of a lab: {fault}", hint="It is left as it is.") from None
    if header.version[0] != JOURNAL_VERSION[0]:
        raise RecordingError(
            f"{name}:1: version {header.version[0]} can't be read by this lab", hint="Take a newer one."
        )
    return header


def _array(line: bytes) -> list[dict[str, Any]]:
    try:
        return msgspec.json.decode(line, type=list[dict[str, Any]])
    except msgspec.DecodeError:  # lone surrogates again, or what is no line
        return msgspec.convert(json.loads(line), list[dict[str, Any]])


def _fact(members: Mapping[str, Any]) -> Fact:
    for name, value in members.items():
        if type(value) is int and not (name in _COUNTED) <= value < LARGEST and name != "epoch":
            raise ValueError(f"{name} is {str(value)[:20]}: no instant or count is that")
    return msgspec.convert(members, FACTS[members["type"]])


def instant_of(history: History, mode: str, wall: Millis) -> Millis:
    """Where the lab's clock goes on: a real one ran on while the lab was down, another stood at the last fact.

    `wall` is the time since the epoch.
    """
    return max(history.now, wall) if mode == "real" else history.now
