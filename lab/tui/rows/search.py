"""Words found in rows, over the ends of rows too, and marked there."""

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

from lab.tui.rows.spans import Row, TextSpan, plain

HERE, ELSEWHERE = "fill b @fill-accent", "fill @fill-wait"
"""How the chosen hit is marked, and every other."""

Hit: TypeAlias = tuple[tuple[int, int, int], ...]
"""Where a hit stands: for each row that it touches the row, and from and to which of its characters."""


def pattern(query: str) -> re.Pattern[str]:
    """What a query finds: its words in this order, whatever blanks are between them, in capitals or not."""
    return re.compile(r"\s+".join(map(re.escape, query.split())) or "(?!)", re.IGNORECASE)


def find(rows: Sequence[Row], query: str) -> list[Hit]:
    """The hits in their order."""
    texts = [plain(row) for row in rows]
    starts = [0]
    for text in texts:
        starts.append(starts[-1] + len(text) + 1)
    hits: list[Hit] = []
    for found in pattern(query).finditer(" ".join(texts)):
        start, stop = found.span()
        parts: list[tuple[int, int, int]] = []
        row = bisect_right(starts, start) - 1
        while row < len(texts) and starts[row] < stop:
            begin, end = max(0, start - starts[row]), min(len(texts[row]), stop - starts[row])
            # where a row begins with blanks they are no part of what was found
            begin += len(texts[row][begin:end]) - len(texts[row][begin:end].lstrip()) if parts else 0
            if begin < end:
                parts.append((row, begin, end))
            row += 1
        hits.append(tuple(parts))
    return hits


def mark(rows: Sequence[Row], hits: Sequence[Hit], chosen: int) -> list[Row]:
    """The rows with every hit marked, and the chosen one (from 1; 0: none) otherwise than the rest."""
    marked = list(rows)
    for number, hit in enumerate(hits, 1):
        paint = partial(_found, HERE if number == chosen else ELSEWHERE)
        for row, begin, end in hit:
            marked[row] = painted(marked[row], begin, end, paint)
    return marked


def _found(role: str, own: str) -> str:
    """A role; a click still presses what it pressed in the one before."""
    return " ".join((role, *(word for word in own.split() if word.startswith("!"))))


def painted(row: Row, begin: int, end: int, other: Callable[[str], str]) -> Row:
    """The row with these characters in another role, made of the one that they have."""
    spans: list[TextSpan] = []
    at = 0
    for text, own in row:
        first, last = max(0, begin - at), max(0, end - at)
        for part, role in ((text[:first], own), (text[first:last], other(own)), (text[last:], own)):
            if part:
                spans.append(TextSpan(part, role))
        at += len(text)
    return tuple(spans)
