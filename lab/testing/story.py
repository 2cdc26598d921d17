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


def story(lines: Iterable[Mapping[str, Any]]) -> str:
    """Where something of a request matched nothing, what it is nearest to; then what happened last."""
    calls, missed, sentences = dict[int, str](), list[str](), list[str]()
    for line in lines:
        at = f"{line.get('t', 0) / 1000:10.3f} s  "
        if line["k"] == "req":
            calls[line["x"]] = f"{line['m']} {line['u'].partition('?')[0]}"
        call = calls.get(line.get("x", 0), "a request")
        if line["k"] == "res":
            cut = f" ({line['cut']})" if "cut" in line else ""
            sentences.append(f"{at}{call} -> {line['s'] or 'no answer'}{cut}")
            calls.pop(line["x"], None)
        for fact in facts_of(line):
            if fact["type"] == "request.missed":
                missed.append(f"{call}: did you mean {' or '.join(fact['near'])}?")
            if fact["type"] not in _NOISE:
                said = " ".join(f"{name}={value}" for name, value in fact.items() if name not in ("at", "type"))
                sentences.append(f"{at}  {fact['type']} {said}"[:_WIDEST])
    sentences += [f"{'':12}  {call} -> not answered yet" for call in calls.values()]
    left = len(sentences) - LONGEST_STORY
    return "\n".join([*dict.fromkeys(missed), *([f"… {left} before"] if left > 0 else []), *sentences[-LONGEST_STORY:]])
