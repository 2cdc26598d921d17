"""A journal's lines as a person reads them beside a test that failed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

LONGEST_STORY = 24
"""Lines of a journal that are shown: the last ones."""
_COMMON = ("k", "n", "t", "w", "x", "at", "type")
_NOISE = ("connection.opened", "connection.closed")
_WIDEST = 140


def missed_calls(lines: Iterable[Mapping[str, Any]]) -> list[str]:
    """Where something of a request matched nothing, what it is nearest to."""
    calls: dict[int, str] = {}
    found = []
    for line in lines:
        if line["k"] == "req":
            calls[line["x"]] = f"{line['m']} {line['p']}"
        elif line["k"] == "fact" and line["type"] == "request.missed":
            found.append(f"{calls.get(line.get('x', 0), 'a request')}: did you mean {' or '.join(line['near'])}?")
    return list(dict.fromkeys(found))


def story(lines: Iterable[Mapping[str, Any]]) -> str:
    """What happened last: exchanges with their status, and facts."""
    sentences = list(_sentences(lines))
    left = len(sentences) - LONGEST_STORY
    return "\n".join([*([f"… {left} before"] if left > 0 else []), *sentences[-LONGEST_STORY:]])


def _sentences(lines: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    calls: dict[int, str] = {}
    for line in lines:
        at = f"{line['t'] / 1000:10.3f} s  "
        if line["k"] == "req":
            calls[line["x"]] = f"{line['m']} {line['p']}"
        elif line["k"] == "res":
            cut = f" ({line['cut']})" if "cut" in line else ""
            yield f"{at}{calls.pop(line['x'], '?')} -> {line['s'] or 'no answer'}{cut}"
        elif line["k"] == "fact" and line["type"] not in _NOISE:
            said = " ".join(f"{name}={value}" for name, value in line.items() if name not in _COMMON)
            yield f"{at}  {line['type']} {said}"[:_WIDEST]
    for call in calls.values():
        yield f"{'':12}  {call} -> not answered yet"
