"""A journal's lines as a person reads them beside a test that failed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

LONGEST_STORY = 24
"""Lines of a journal that are shown: the last ones."""
_NOISE = ("connection.opened", "connection.closed")
_WIDEST = 140


def facts_of(line: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The facts in a line: those that a request brought, or the one that it is."""
    yield from line.get("facts", ())
    if line["k"] == "fact":
        yield line["fact"]


def missed_calls(lines: Iterable[Mapping[str, Any]]) -> list[str]:
    """Where something of a request matched nothing, what it is nearest to."""
    calls: dict[int, str] = {}
    found = []
    for line in lines:
        if line["k"] == "req":
            calls[line["x"]] = _call(line)
        for fact in facts_of(line):
            if fact["type"] == "request.missed":
                found.append(f"{calls.get(line.get('x', 0), 'a request')}: did you mean {' or '.join(fact['near'])}?")
    return list(dict.fromkeys(found))


def story(lines: Iterable[Mapping[str, Any]]) -> str:
    """What happened last: exchanges with their status, and facts."""
    sentences = list(_sentences(lines))
    left = len(sentences) - LONGEST_STORY
    return "\n".join([*([f"… {left} before"] if left > 0 else []), *sentences[-LONGEST_STORY:]])


def _call(line: Mapping[str, Any]) -> str:
    return f"{line['m']} {line['u'].partition('?')[0]}"


def _sentences(lines: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    calls: dict[int, str] = {}
    for line in lines:
        if line["k"] == "req":
            calls[line["x"]] = _call(line)
        elif line["k"] == "res":
            cut = f" ({line['cut']})" if "cut" in line else ""
            yield f"{_at(line['t'])}{calls.pop(line['x'], '?')} -> {line['s'] or 'no answer'}{cut}"
        for fact in facts_of(line):
            if fact["type"] not in _NOISE:
                said = " ".join(f"{name}={value}" for name, value in fact.items() if name not in ("at", "type"))
                yield f"{_at(line['t'])}  {fact['type']} {said}"[:_WIDEST]
    for call in calls.values():
        yield f"{'':12}  {call} -> not answered yet"


def _at(millis: int) -> str:
    return f"{millis / 1000:10.3f} s  "
