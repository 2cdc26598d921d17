"""The lines of a journal file: everything that a lab needs to go on where another process of it ended.

Unlike a recording it is not redacted, holds every number that was used, and no request or reply. Line 1 is the header.
Each further line holds the facts of one call, as an array: they are taken up together, or a torn line is cut and none
of them ever was. Nothing was acknowledged then, for a line is written before the first byte of its reply.

Before each line stands the checksum of all that was written so far, the line included: CRC-32, in eight hexadecimal
digits. It goes on from that of the line before, so a line that was dropped, moved or doubled shows, though nothing in
it was changed. Only that last lines are gone, whole, can't be told: they look as if they had never been written.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any
from zlib import crc32

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
_SEAL = 9
"""Bytes of a checksum, and the blank behind it."""
_BEGIN = b'{"format":"lab.journal"'
_UNREADABLE = (ValueError, KeyError, RecursionError)
"""What is raised where a line holds no facts that this lab knows."""
_COUNTED = ("ordinal", "turn")
"""Members that count from 1."""
_ANY = ("epoch", "seed")
"""Members that are no instants or counts."""


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


def sealed(line: bytes, before: int = 0) -> tuple[bytes, int]:
    """The line behind its checksum; and that, from which the next line's goes on, as this one from that `before`."""
    check = crc32(line, before)
    return b"%08x %b" % (check, line), check


class Damage(msgspec.Struct, frozen=True):
    """From where on a journal isn't as it was written."""

    line: int
    """The first, from 1."""
    lines: int
    size: int
    """Lines and bytes from there to the end."""
    facts: tuple[Fact, ...]
    """What of these can be read all the same."""


class ReadJournal(msgspec.Struct, frozen=True):
    """What a journal file holds."""

    header: JournalHeader | None
    """None: it never began."""
    history: History
    whole: int
    """How many bytes are lines as they were written; behind them a torn one may stand, whose call was never answered."""
    check: int
    """The checksum of the last of these lines."""
    damage: Damage | None


def read_journal(data: bytes, name: str) -> ReadJournal:
    """What a journal holds, up to where it is damaged.

    RecordingError with the line for what is no journal, or one that this lab can't read.
    """
    header, history, whole, check = None, History(), 0, 0
    *lines, tail = data.split(b"\n")
    for number, line in enumerate(lines, 1):
        text = line[_SEAL:] + b"\n"
        expected, after = sealed(text, check)
        if line + b"\n" != expected:
            break
        if header is None:
            header = _header(text, name)
        else:
            try:
                history.add(facts_in(text))
            except _UNREADABLE as fault:
                raise RecordingError(f"{name}:{number}: the line can't be read: {fault}") from None
        whole, check = whole + len(expected), after
    else:
        # an end of line that was changed is no torn line: that has nothing behind its text
        if not tail or sealed(tail[_SEAL:-1] + b"\n", check)[0][:-1] != tail[:-1]:
            if header is None and not _begins(tail):
                raise _no_journal(name)
            return ReadJournal(header, history, whole, check, None)
    if header is None:
        raise _no_journal(name) if not _begins(data) else RecordingError(
            f"{name}:1: its header was changed after it was written", hint="It is left as it is: name another file."
        )  # fmt: skip
    rest = data[whole:].split(b"\n")
    lost = Damage(data.count(b"\n", 0, whole) + 1, len(rest) - (not rest[-1]), len(data) - whole, tuple(_legible(rest)))
    return ReadJournal(header, history, whole, check, lost)


def _legible(lines: Iterable[bytes]) -> Iterable[Fact]:
    """The facts of those lines that can be read."""
    for line in lines:
        with suppress(*_UNREADABLE):
            yield from facts_in(line[_SEAL:])


def _begins(data: bytes) -> bool:
    """Whether this is how the first line of a journal begins, however little of it."""
    place = data[_SEAL : _SEAL + len(_BEGIN)]
    return bool(re.match(rb"[0-9a-f]{8} |[0-9a-f]{0,8}\Z", data)) and _BEGIN.startswith(place)


def _no_journal(name: str) -> RecordingError:
    return RecordingError(f"{name}:1: this is no journal of a lab", hint="It is left as it is.")


def _header(line: bytes, name: str) -> JournalHeader:
    try:
        header = msgspec.json.decode(line, type=JournalHeader)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _no_journal(name) from None
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
        if type(value) is int and not (name in _COUNTED) <= value < LARGEST and name not in _ANY:
            raise ValueError(f"{name} is {str(value)[:20]}: no instant or count is that")
    return msgspec.convert(members, FACTS[members["type"]])


def instant_of(history: History, mode: str, wall: Millis) -> Millis:
    """Where the lab's clock goes on: a real one ran on while the lab was down, another stood at the last fact.

    `wall` is the time since the epoch.
    """
    return max(history.now, wall) if mode == "real" else history.now
