"""Values -> JSON lines, and facts <-> entries (recordings.md §2). The way back, `read`, is told in `reader`.

One value gives one byte sequence: members in a fixed order, absent ones left out, integers only in the envelope.
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from hashlib import sha256
from typing import TypeAlias

from msgspec.structs import fields

from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.core.journal.fact import Fact
from lab.jobs.facts import GateDecided, Otherwise
from lab.jobs.gates import Origin
from lab.language.document import Verdict
from lab.recording.facts import FACTS
from lab.recording.lines import FORMAT, Body, Enc, End, Entry, Header, Line, Members, Other, Req, Res
from lab.recording.reader import read as read
from lab.recording.text import dumps

AnyLine: TypeAlias = Header | Line | End


def encode(line: AnyLine) -> bytes:
    """The line as bytes, LF included. A footer is encoded with the digest it carries."""
    return (dumps(dict(_members(line))) + "\n").encode()


def footer(n: int, t: Millis, reason: str, before: "sha256") -> bytes:  # type: ignore[valid-type]
    """The last line; `before` has hashed every earlier byte of the file, and hashes on to the digest itself."""
    head = f'{{"k":"end","n":{n},"t":{t},"reason":{dumps(reason)},"sha256":"'.encode()
    digest = before.copy()  # type: ignore[attr-defined]
    digest.update(head)
    return head + f'{digest.hexdigest()}"}}\n'.encode()


def _members(line: AnyLine) -> Iterator[tuple[str, Json]]:
    match line:
        case Header():
            return _header(line)
        case Req():
            return _req(line)
        case Res():
            return _res(line)
        case Entry():
            return _entry(line)
        case Other():
            return _start(line.kind, line.n, line.t, line.members)
        case End():
            return _start("end", line.n, line.t, (("reason", line.reason), ("sha256", line.sha256)))


def _start(kind: str, n: int, t: Millis, rest: Iterable[tuple[str, Json]]) -> Iterator[tuple[str, Json]]:
    yield from (("k", kind), ("n", n), ("t", t))
    yield from rest


def _header(line: Header) -> Iterator[tuple[str, Json]]:
    yield from _start("header", 0, line.t, (("format", FORMAT), ("version", list(line.version)), ("lab", line.lab)))
    yield "source", line.source
    if line.origin is not None:
        yield "from", line.origin
    if line.scenarios is not None:
        yield "scenarios", [{"name": one.name, "sha256": one.sha256} for one in line.scenarios]
    if line.seed is not None:
        yield "seed", line.seed
    yield "profile", line.profile
    yield "settings", dict(sorted(line.settings.items()))
    clock: dict[str, Json] = {"mode": line.clock.mode}
    if line.clock.factor is not None:
        clock["factor"] = line.clock.factor
    yield "clock", {**clock, "epoch": line.clock.epoch}
    if line.generators is not None:
        yield "generators", dict(sorted(line.generators.items()))
    yield "redaction", line.redaction
    yield "features", list(line.features)
    yield from line.extra


def _pairs(pairs: Iterable[tuple[str, str]]) -> Json:
    return [[name, value] for name, value in pairs]


def _given(*members: tuple[str, Json]) -> Iterator[tuple[str, Json]]:
    return ((name, value) for name, value in members if value is not None)


def _req(line: Req) -> Iterator[tuple[str, Json]]:
    yield from _start("req", line.n, line.t, _given(("w", line.w), ("x", line.x), ("c", line.c), ("l", line.listener)))
    yield from (("m", line.method), ("p", line.path))
    if line.query:
        yield "q", _pairs(line.query)
    yield "h", _pairs(line.headers)
    if line.flags:
        yield "flags", list(line.flags)
    yield from _given(("in", line.took or None), ("cut", line.cut), ("got", line.got))
    yield from _body(line.body)
    yield from line.extra


def _res(line: Res) -> Iterator[tuple[str, Json]]:
    yield from _start("res", line.n, line.t, _given(("w", line.w), ("x", line.x), ("s", line.status), ("by", line.by)))
    yield from _given(("held", line.held), ("first", line.first), ("cut", line.cut), ("sent", line.sent))
    yield "h", _pairs(line.headers)
    yield from _body(line.body)
    yield from line.extra


def _body(body: Body) -> Iterator[tuple[str, Json]]:
    yield "enc", body.enc.value
    if body.enc is not Enc.NONE:
        yield "body", body.value
    if body.raw is not None:
        yield "raw", body.raw


def _entry(line: Entry) -> Iterator[tuple[str, Json]]:
    yield from _start("fact", line.n, line.t, _given(("at", line.at)))
    yield "type", line.type
    if line.x is not None:
        yield "x", line.x
    yield from line.members


# Facts: the members of a type are the fields of its class, in their order.

_TABLE: dict[str, tuple[tuple[str, str], ...]] = {
    type_: tuple((one.name, one.encode_name) for one in fields(fact) if one.name not in {"at", *fact.untaped})
    for type_, fact in FACTS.items()
}


_USUAL = {"round": 0, "approvals": 1}
"""Members that are absent at this value."""


def members_of(fact: Fact) -> Members:
    """The members of a fact after `type` and `x`, as they stand on disk."""
    return tuple(
        (name, value)
        for attribute, name in _TABLE[fact.type]
        if (value := _plain(getattr(fact, attribute))) is not None and value != _USUAL.get(name)
    )


def _plain(value: object) -> Json:
    match value:
        case StrEnum():
            return value.value
        case Otherwise():
            told = (("at", value.at), ("verdict", value.verdict), ("by", value.by), ("to", value.to))
            return {name: _plain(part) for name, part in told if part is not None}
        case Mapping():
            return dict(value)
        case tuple():
            return list(value)
        case None | bool() | int() | str():
            return value
        case _:
            raise TypeError(f"{value!r} has no form on disk")


def fact_of(entry: Entry) -> Fact | None:
    """The fact that an entry tells of; None for types that this lab doesn't know, or members that don't fit."""
    made = FACTS.get(entry.type)
    if made is None:
        return None
    there = dict(entry.members)
    given = {attribute: there[name] for attribute, name in _TABLE[entry.type] if name in there}
    try:
        return made(at=entry.instant, **{name: _typed(made, name, value) for name, value in given.items()})
    except (TypeError, ValueError):
        return None


def _typed(made: type[Fact], name: str, value: Json) -> object:
    match name, value:
        case "verdict", str() if made is GateDecided:
            return Verdict(value)
        case "by", str() if value in set(Origin):
            return Origin(value)
        case "otherwise", dict():
            return Otherwise(
                at=int(str(value["at"])), verdict=str(value["verdict"]), to=str(value["to"]),
                by=str(value["by"]) if "by" in value else None,
            )  # fmt: skip
        case "near", list():
            return tuple(map(str, value))
        case _:
            return value


def write(lines: Iterable[Header | Line], reason: str, until: Millis) -> bytes:
    """A whole, closed file of a header and its lines."""
    digest = sha256()
    parts: list[bytes] = []
    for line in lines:
        parts.append(encode(line))
        digest.update(parts[-1])
    parts.append(footer(len(parts), until, reason, digest))
    return b"".join(parts)
