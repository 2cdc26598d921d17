"""What a mouse selects of rows: within their frame if they have one, row by row as one reads."""

from typing import TypeAlias

from lab.tui.rows.search import painted
from lab.tui.rows.spans import Row, Rows, plain

TextPlace: TypeAlias = tuple[int, int]
"""Which character of which row."""
_CORNERS = "╭┏"


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
    edge = _inside(rows)[0]
    text = plain(rows[y]) if y < len(rows) else ""
    if not text[x : x + 1].strip():
        return place, place
    begin = max(edge, text.rfind(" ", 0, x) + 1)
    stop = text.find(" ", x)
    return (begin, y), (stop if stop >= 0 else len(text) - edge, y)
