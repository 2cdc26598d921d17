"""Lines of a journal that is followed -> observations: the same shape that an observer in the process is told."""

import json
from urllib.parse import urlencode

from lab.core import wire
from lab.core.exchange import Headers, Json, Request, Response
from lab.core.observe import Noted, Observation, Replied, Requested
from lab.recording.bodies import bytes_of
from lab.recording.codec import fact_of
from lab.recording.lines import Body, Enc, Entry

_ENVELOPE = frozenset(("k", "n", "t", "at", "type", "x"))


def observation_of(line: str | bytes) -> Observation | None:
    """What a line tells; None for the header, the footer, and whatever this lab doesn't know."""
    try:
        members = json.loads(line)
    except ValueError:
        return None
    if not isinstance(members, dict):
        return None
    try:
        match members.get("k"):
            case "req":
                return _requested(members)
            case "res":
                return _replied(members)
            case "fact":
                return _noted(members)
    except (KeyError, TypeError, ValueError):
        return None
    return None


def _requested(members: dict[str, Json]) -> Requested:
    query = urlencode(_pairs(members["q"])) if "q" in members else ""
    method, path = str(members["m"]), str(members["p"])
    request = Request(method, path, query, _pairs(members["h"]), _body(members))
    flags = members.get("flags")
    return Requested(
        _int(members["t"]), _int(members["x"]), wire.route_of(method, path), request, _int(members.get("c", 1)),
        tuple(map(str, flags)) if isinstance(flags, list) else (), _int(members.get("in", 0)),
    )  # fmt: skip


def _replied(members: dict[str, Json]) -> Replied:
    response = Response(_int(members["s"]), _pairs(members["h"]), _body(members))
    return Replied(
        _int(members["t"]), _int(members["x"]), response, _int_or_none(members.get("held")),
        _int_or_none(members.get("first")), _text_or_none(members.get("by")), _text_or_none(members.get("cut")),
        _int_or_none(members.get("sent")),
    )  # fmt: skip


def _noted(members: dict[str, Json]) -> Noted | None:
    rest = tuple((name, value) for name, value in members.items() if name not in _ENVELOPE)
    x = _int_or_none(members.get("x"))
    t = _int(members["t"])
    entry = Entry(n=0, t=t, type=str(members["type"]), at=_int_or_none(members.get("at")), x=x, members=rest)
    fact = fact_of(entry)
    return None if fact is None else Noted(t, fact, x)


def _body(members: dict[str, Json]) -> bytes:
    enc = Enc(str(members["enc"]))
    # A blob lies in the lab's folder, not in the stream.
    return b"" if enc is Enc.BLOB else bytes_of(Body(enc, members.get("body")), {})


def _pairs(value: Json) -> Headers:
    if not isinstance(value, list):
        raise TypeError("pairs are a list")
    made: list[tuple[str, str]] = []
    for pair in value:
        if not isinstance(pair, list) or len(pair) != 2:
            raise TypeError("a pair has two parts")
        made.append((str(pair[0]), str(pair[1])))
    return tuple(made)


def _int(value: Json) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError("an integer is missing")
    return value


def _int_or_none(value: Json) -> int | None:
    return None if value is None else _int(value)


def _text_or_none(value: Json) -> str | None:
    return value if isinstance(value, str) else None
