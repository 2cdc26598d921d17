"""What is marked in rows: words that are found, over the ends of rows too, and what a mouse selects, as one reads."""

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

from lab.tui.rows.spans import Row, Rows, TextSpan, plain, slices

HERE, ELSEWHERE = "fill b @fill-accent", "fill @fill-wait"
"""How the chosen hit is marked, and every other."""

Hit: TypeAlias = tuple[tuple[int, int, int], ...]
"""Where a hit stands: for each row that it touches the row, and from and to which of its characters."""
TextPlace: TypeAlias = tuple[int, int]
"""Which character of which row."""
_CORNERS = "╭┏"
_WORD = re.compile(r"\S+")


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
        role = HERE if number == chosen else ELSEWHERE
        for row, begin, end in hit:
            marked[row] = painted(marked[row], begin, end, partial(_found, role))
    return marked


def _found(role: str, own: str) -> str:
    """A role; a click still presses what it pressed in the one before."""
    return " ".join((role, *re.findall(r"!\S+", own)))


def painted(row: Row, begin: int, end: int, other: Callable[[str], str]) -> Row:
    """The row with these characters in another role, made of the one that they have."""
    before, marked, after = slices(row, ((0, begin), (begin, end), (end, len(plain(row)))))
    return (*before, *(TextSpan(text, other(own)) for text, own in marked), *after)


def _inside(rows: Rows) -> tuple[int, int, int]:
    """How many characters a frame takes on each side; the first row within it, and the one after the last."""
    framed = bool(rows and rows[0]) and rows[0][0].text[:1] in _CORNERS
    return (2, 1, len(rows) - 1) if framed else (0, 0, len(rows))


def selected_parts(rows: Rows, start: TextPlace | None, end: TextPlace | None) -> list[tuple[int, int, int]]:
    """The rows between two places, each with from and to which character; None: from the first place, or to the last."""
    edge, top, bottom = _inside(rows)
    first, last = start or (0, 0), end or (10**6, len(rows))
    found: list[tuple[int, int, int]] = []
    for y in range(max(top, first[1]), min(bottom, last[1] + 1)):
        text = plain(rows[y])
        begin = max(edge, first[0] if y == first[1] else 0)
        stop = min(len(text) - edge, last[0] if y == last[1] else len(text))
        stop = len(text[:stop].rstrip())
        found.append((y, begin, max(begin, stop)))
    return found


def selected_text(rows: Rows, start: TextPlace | None, end: TextPlace | None) -> str:
    """The text, without the blanks at the ends of rows, nor the indent that all have in common."""
    edge = _inside(rows)[0]
    parts = [(begin <= edge, plain(rows[y])[begin:stop]) for y, begin, stop in selected_parts(rows, start, end)]
    indent = min([len(part) - len(part.lstrip()) for whole, part in parts if whole and part.strip()], default=0)
    return "\n".join(part[indent:] if whole else part for whole, part in parts).strip("\n")


def with_selection(rows: Rows, y: int, start: TextPlace | None, end: TextPlace | None) -> Row:
    """A row with what is selected of it turned."""
    part = next((each for each in selected_parts(rows, start, end) if each[0] == y), None)
    return rows[y] if part is None else painted(rows[y], part[1], part[2], lambda role: f"{role} r")


def word_at(rows: Rows, place: TextPlace) -> tuple[TextPlace, TextPlace]:
    """The word at a place, from its first character to the one after its last; nothing where there is a blank."""
    x, y = place
    edge, text = _inside(rows)[0], plain(rows[y]) if y < len(rows) else ""
    for word in _WORD.finditer(text, edge, len(text) - edge):
        if word.start() <= x < word.end():
            return (word.start(), y), (word.end(), y)
    return place, place
