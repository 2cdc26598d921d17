"""Lines -> bytes, and facts <-> entries (recordings.md §2). The way back from bytes is `reader`.

One value gives one byte sequence: the structs of `lines` say which members there are, in which order, and which are left
out; `text.dumps` says how a value is written.
"""

from collections.abc import Iterable
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.core.journal.fact import Fact
from lab.recording.format.facts import FACTS
from lab.recording.format.lines import End, Entry, FactLine, Header, Members, Req, Res
from lab.recording.format.text import dumps, encoded

if TYPE_CHECKING:
    from hashlib import _Hash

AnyLine: TypeAlias = Header | Req | Res | FactLine | End


def line_members(line: AnyLine) -> dict[str, Json]:
    """The members of a line in their order."""
    members: dict[str, Any]
    if isinstance(line, Req | Res) and line.value is not UNSET:
        # a body is one already, and may be long
        members = msgspec.to_builtins(replace(line, value=None))
        members["body"] = line.value
        return members
    members = msgspec.to_builtins(line)
    if isinstance(line, Header):
        for name in ("settings", "generators"):
            if name in members:
                members[name] = dict(sorted(members[name].items()))
    return members


def fact_document(entry: Entry) -> dict[str, Json]:
    """A fact by itself, as other formats hold it: its line, instants, exchange and members."""
    x: dict[str, Json] = {} if entry.x is None else {"x": entry.x}
    return {"n": entry.n, "t": entry.t, "at": entry.instant, "type": entry.type, **x, **entry.members}


def line_text(line: AnyLine) -> str:
    """The line as text."""
    return dumps(line_members(line)) + "\n"


def encode(line: AnyLine, *, long: bool = False) -> bytes:
    """The line, LF included. A footer with the digest that it carries. `long`: others get the interpreter in between."""
    return encoded(line_members(line), long=long) + b"\n"


def footer(n: int, t: Millis, reason: str, before: "_Hash") -> bytes:
    """The last line; `before` has hashed every earlier byte of the file, and hashes on to the digest itself."""
    head = encode(End(n=n, t=t, reason=reason, sha256=""))[: -len('"}\n')]
    digest = before.copy()
    digest.update(head)
    return head + f'{digest.hexdigest()}"}}\n'.encode()


def fact_members(fact: Fact) -> dict[str, Json]:
    """The members of a fact, `type` and `at` apart, as they stand on disk."""
    members: dict[str, Json] = msgspec.to_builtins(fact)
    del members["at"]
    for name in fact.untaped:
        members.pop(name, None)
    return members


def nested(fact: Fact, members: Members, t: Millis) -> Members:
    """A fact as it stands in a line of that instant, `members` being its own."""
    at: Members = {"at": fact.at} if fact.at < t else {}
    return {"type": fact.type, **at, **members}


def fact_of(entry: Entry) -> Fact | None:
    """The fact that an entry tells of; None for types that this lab doesn't know, or members that don't fit."""
    kind = FACTS.get(entry.type)
    if kind is None:
        return None
    try:
        return msgspec.convert({**entry.members, "at": entry.instant}, kind)
    except msgspec.ValidationError:
        return None


def write(lines: Iterable[AnyLine], reason: str, until: Millis) -> bytes:
    """A whole, closed file of a header and its lines."""
    digest = sha256()
    parts: list[bytes] = []
    for line in lines:
        parts.append(encode(line))
        digest.update(parts[-1])
    parts.append(footer(len(parts), until, reason, digest))
    return b"".join(parts)


def is_recording(start: bytes) -> bool:
    """Whether a file that begins so is a recording, whole or damaged, and no document of another tool's."""
    return start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b'{"k":')
