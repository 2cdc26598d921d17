"""JSON lines -> values: a recording is read whole, or refused with its line (recordings.md §3)."""

import json
import re
from collections.abc import Callable
from hashlib import sha256
from typing import TypeVar

from lab.core.clock import Millis
from lab.core.errors import RecordingError
from lab.core.exchange import Json
from lab.recording.lines import (
    FEATURES,
    FORMAT,
    LONGEST_LINE,
    VERSION,
    Body,
    ClockSpec,
    Enc,
    End,
    Entry,
    Header,
    Line,
    Members,
    Other,
    Pairs,
    Recording,
    Req,
    Res,
    Result,
    ScenarioRef,
)  # fmt: skip

_FOOTER = re.compile(rb'^.*,"sha256":"([0-9a-f]{64})"}\n\Z', re.DOTALL)
_REPAIR = "Try lab repair: it cuts a torn tail and appends a footer."
_Some = TypeVar("_Some")


class _Unfit(Exception):
    """A line is not what its place asks for."""


def _refuse(word: str) -> Json:
    raise ValueError(f"{word} is no JSON")


_decoder = json.JSONDecoder(parse_constant=_refuse)


def read(data: bytes, name: str = "recording") -> Recording:
    """What the bytes hold: closed, open or torn; RecordingError with the place for anything else."""
    if not data:
        raise RecordingError(f"{name}: the file is empty", hint="An empty file is no recording.")
    whole, tail = data[: data.rfind(b"\n") + 1], data[data.rfind(b"\n") + 1 :]
    if not whole:
        raise RecordingError(f"{name}:1: there is no whole line")
    raws = whole[:-1].split(b"\n")
    header: Header | None = None
    lines: list[Line] = []
    end: End | None = None
    before: Millis = 0
    for n, raw in enumerate(raws):
        try:
            if end is not None:
                raise _Unfit("there is more after the footer")
            members = _parsed(raw)
            before = _in_order(members, n, before)
            if n == 0:
                header = _read_header(members)
            elif members["k"] == "end":
                end = _read_end(members, whole if n == len(raws) - 1 else b"")
            else:
                lines.append(_read_line(members))
        except _Unfit as unfit:
            raise RecordingError(f"{name}:{n + 1}: {unfit}") from None
    if end is not None and tail:
        raise RecordingError(f"{name}:{len(raws) + 1}: there is more after the footer")
    assert header is not None
    result = Result.CLOSED if end else Result.TORN if tail else Result.OPEN
    return Recording(header, tuple(lines), end, result, len(tail))


def line_of(raw: bytes, longest: int = LONGEST_LINE) -> Header | Line | None:
    """What one line says by itself: of a journal that is followed. None for a footer, or what is no such line."""
    try:
        members = _parsed(raw, longest)
        match _take(members, "k", str):
            case "header":
                return _read_header(members)
            case "end":
                return None
            case _:
                return _read_line(members)
    except _Unfit:
        return None


def demand_closed(recording: Recording, name: str) -> None:
    """RecordingError unless the recording is whole."""
    if recording.result is not Result.CLOSED:
        why = f"{recording.torn} bytes of a line hang over" if recording.result is Result.TORN else "there is no footer"
        raise RecordingError(f"{name}: the recording is {recording.result.value}: {why}", hint=_REPAIR)


def _parsed(raw: bytes, longest: int = LONGEST_LINE) -> dict[str, Json]:
    if len(raw) >= longest:
        raise _Unfit(f"the line is longer than {longest} bytes")
    try:
        value = _decoder.decode(raw.decode())
    except (ValueError, RecursionError) as fault:
        raise _Unfit(f"the line is no JSON: {fault}") from None
    if not isinstance(value, dict):
        raise _Unfit("the line is no JSON object")
    return value


def _in_order(members: dict[str, Json], n: int, before: Millis) -> Millis:
    _take(members, "k", str)
    if _take(members, "n", int) != n:
        raise _Unfit(f"n is {members['n']}, expected {n}: a line is missing or moved")
    at = _take(members, "t", int)
    if at < before:
        raise _Unfit(f"t goes back from {before} to {at}")
    return at


def _take(members: dict[str, Json], name: str, kind: type[_Some]) -> _Some:
    value = members.get(name)
    # type() and not isinstance: true is no integer
    if type(value) is not kind:
        raise _Unfit(f"{name} is missing or no {kind.__name__}")
    return value


def _maybe(members: dict[str, Json], name: str, kind: type[_Some]) -> _Some | None:
    return _take(members, name, kind) if name in members else None


def _read_header(members: dict[str, Json]) -> Header:
    if members["k"] != "header" or members.get("format") != FORMAT:
        raise _Unfit("the first line is no header of a lab recording")
    version = members.get("version")
    if not (isinstance(version, list) and len(version) == 2 and all(type(part) is int for part in version)):
        raise _Unfit("version is no pair of integers")
    major, minor = int(str(version[0])), int(str(version[1]))
    if major != VERSION[0]:
        raise _Unfit(f"version {major}.{minor} can't be read by this lab; one that can migrate it writes {major}.x")
    features = _texts(members, "features")
    if unknown := [feature for feature in features if feature not in FEATURES]:
        raise _Unfit(f"the recording needs a feature that this lab lacks: {', '.join(unknown)}")
    clock = _take(members, "clock", dict)
    generators = _maybe(members, "generators", dict)
    return Header(
        t=_take(members, "t", int), version=(major, minor), lab=_take(members, "lab", str),
        source=_take(members, "source", str), origin=members.get("from"), scenarios=_scenarios(members),
        seed=_maybe(members, "seed", int), profile=_take(members, "profile", str),
        settings=_take(members, "settings", dict),
        clock=ClockSpec(_take(clock, "mode", str), _take(clock, "epoch", str), _maybe(clock, "factor", str)),
        generators=None if generators is None else {name: str(value) for name, value in generators.items()},
        redaction=_take(members, "redaction", int), features=features, extra=_rest(members, _HEADER),
    )  # fmt: skip


_HEADER = frozenset(
    "k n t format version lab source from scenarios seed profile settings clock generators redaction features".split()
)
_REQ = frozenset("k n t w x c l m p q h flags in cut got enc body raw".split())
_RES = frozenset("k n t w x s by held first cut sent h enc body raw".split())
_FACT = frozenset("k n t at type x".split())


def _rest(members: dict[str, Json], known: frozenset[str]) -> Members:
    return tuple((name, value) for name, value in members.items() if name not in known)


def _texts(members: dict[str, Json], name: str) -> tuple[str, ...]:
    values = _take(members, name, list)
    if not all(isinstance(value, str) for value in values):
        raise _Unfit(f"{name} is no list of text")
    return tuple(map(str, values))


def _scenarios(members: dict[str, Json]) -> tuple[ScenarioRef, ...] | None:
    values = _maybe(members, "scenarios", list)
    if values is None:
        return None
    if not all(isinstance(value, dict) for value in values):
        raise _Unfit("scenarios is no list of objects")
    return tuple(ScenarioRef(_take(value, "name", str), _take(value, "sha256", str)) for value in values)


def _pairs(members: dict[str, Json], name: str) -> Pairs:
    return _as_pairs(_take(members, name, list), name)


def _as_pairs(values: Json, name: str) -> Pairs:
    if not isinstance(values, list):
        raise _Unfit(f"{name} is no list of pairs")
    for pair in values:
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(part, str) for part in pair)):
            raise _Unfit(f"{name} is no list of pairs")
    return tuple((str(pair[0]), str(pair[1])) for pair in values)  # type: ignore[index]


def _read_line(members: dict[str, Json]) -> Line:
    readers: dict[Json, Callable[[dict[str, Json]], Line]] = {"req": _read_req, "res": _read_res, "fact": _read_fact}
    return readers.get(members["k"], _read_other)(members)


def _read_req(members: dict[str, Json]) -> Req:
    return Req(
        n=_take(members, "n", int), t=_take(members, "t", int), x=_take(members, "x", int),
        method=_take(members, "m", str), path=_take(members, "p", str), w=_maybe(members, "w", int),
        c=_take(members, "c", int), listener=_maybe(members, "l", str),
        query=_pairs(members, "q") if "q" in members else (), headers=_pairs(members, "h"),
        flags=_texts(members, "flags") if "flags" in members else (), took=_maybe(members, "in", int) or 0,
        cut=_maybe(members, "cut", str), got=_maybe(members, "got", int), body=_read_body(members),
        extra=_rest(members, _REQ),
    )  # fmt: skip


def _read_res(members: dict[str, Json]) -> Res:
    return Res(
        n=_take(members, "n", int), t=_take(members, "t", int), x=_take(members, "x", int),
        status=_take(members, "s", int), w=_maybe(members, "w", int), by=_maybe(members, "by", str),
        held=_maybe(members, "held", int), first=_maybe(members, "first", int), cut=_maybe(members, "cut", str),
        sent=_maybe(members, "sent", int), headers=_pairs(members, "h"), body=_read_body(members),
        extra=_rest(members, _RES),
    )  # fmt: skip


def _read_body(members: dict[str, Json]) -> Body:
    word = _take(members, "enc", str)
    if word not in set(Enc):
        raise _Unfit(f"enc {word!r} is unknown")
    enc = Enc(word)
    raw = _maybe(members, "raw", str)
    if enc is Enc.NONE:
        return Body(enc, None, raw)
    if "body" not in members:
        raise _Unfit("body is missing")
    value = members["body"]
    if enc is Enc.FORM:
        _as_pairs(value, "body")
    elif enc in (Enc.TEXT, Enc.B64) and not isinstance(value, str):
        raise _Unfit("body is no text")
    elif enc is Enc.BLOB and not isinstance(value, dict):
        raise _Unfit("body names no blob")
    return Body(enc, value, raw)


def _read_fact(members: dict[str, Json]) -> Entry:
    return Entry(
        n=_take(members, "n", int), t=_take(members, "t", int), type=_take(members, "type", str),
        at=_maybe(members, "at", int), x=_maybe(members, "x", int), members=_rest(members, _FACT),
    )  # fmt: skip


def _read_other(members: dict[str, Json]) -> Other:
    rest = _rest(members, frozenset("knt"))
    return Other(n=_take(members, "n", int), t=_take(members, "t", int), kind=_take(members, "k", str), members=rest)


def _read_end(members: dict[str, Json], whole: bytes) -> End:
    if not whole:
        raise _Unfit("there is more after the footer")
    start = whole.rfind(b"\n", 0, -1) + 1
    found = _FOOTER.match(whole[start:])
    if found is None:
        raise _Unfit("the footer is damaged")
    digest = sha256(whole[: start + found.start(1)]).hexdigest()
    if digest != found[1].decode():
        raise _Unfit("the digest is wrong: the file was changed after it was written")
    return End(
        n=_take(members, "n", int), t=_take(members, "t", int), reason=_take(members, "reason", str), sha256=digest
    )
