"""Rows of spans: text with a role, measured and cut by cells. All drawing ends in these.

A role is words: a colour (`fg dim faint line run wait done bad unknown accent`), attributes (`b i u`), a
background (`@panel @surface @tint-wait @fill-done` …), and perhaps a hot spot (`!a`: a click presses that key).
"""

import re
from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

from rich.cells import cell_len, set_cell_size

from lab.tui.state.ink import Ground, Ink, SpanRole


class TextSpan(NamedTuple):
    """A stretch of text in one role."""

    text: str
    role: str = "fg"


def ink(text: str, tone: Ink = "fg", *, bold: bool = False, on: Ground | None = None) -> TextSpan:
    """A stretch of text whose role is spelt by words that mypy knows."""
    return TextSpan(text, tone + (" b" if bold else "") + (f" @{on}" if on else ""))


Row: TypeAlias = tuple[TextSpan, ...]
Rows: TypeAlias = tuple[Row, ...]

BLANK: Row = ()


def row(*parts: "str | TextSpan | tuple[str, SpanRole] | Row") -> Row:
    """A row of strings (in the foreground colour), pairs and other rows."""
    spans: list[TextSpan] = []
    for part in parts:
        if isinstance(part, str):
            spans.append(TextSpan(part))
        elif isinstance(part, TextSpan):
            spans.append(part)
        elif part and isinstance(part[0], str):
            spans.append(TextSpan._make(part))
        else:
            spans += part
    return tuple([span for span in spans if span[0]])


def width(spans: Row) -> int:
    """How many cells the row takes."""
    return sum([cell_len(text) for text, _ in spans])


def plain(spans: Row) -> str:
    """The text alone."""
    return "".join(span.text for span in spans)


def clip(text: str, cells: int) -> str:
    """The text, cut to at most `cells` with `…` where something is missing."""
    if cells <= 0:
        return ""
    if cell_len(text) <= cells:
        return text
    return set_cell_size(text, cells - 1).rstrip(" ") + "…" if cells > 1 else "…"


def clip_left(text: str, cells: int) -> str:
    """The end of the text, `…` before it where something is missing."""
    return clip(text[::-1], cells)[::-1]


def cut(spans: Row, cells: int) -> Row:
    """The row, at most `cells` wide; `…` in the role of the span that was cut."""
    room = max(0, cells)
    if width(spans) <= room:
        return spans
    kept: list[TextSpan] = []
    for span in spans:
        size = cell_len(span.text)
        if size >= room:
            kept.append(TextSpan(clip(span.text + " ", room) if size == room else clip(span.text, room), span.role))
            break
        kept.append(span)
        room -= size
    return tuple(span for span in kept if span.text)


def fill(spans: Row, cells: int, role: str = "fg") -> Row:
    """The row, exactly `cells` wide."""
    gap = cells - width(spans)
    if gap < 0:
        spans = cut(spans, cells)
        gap = cells - width(spans)
    return (*spans, TextSpan(" " * gap, role)) if gap > 0 else spans


def ends(left: Row, right: Row, cells: int, role: str = "fg") -> Row:
    """`left` and `right` at the two ends of `cells`; the left one gives way."""
    last = cut(right, cells)
    rest = cells - width(last)
    gap = 1 if last and rest > 1 else 0
    return (*fill(cut(left, rest - gap), rest, role), *last)


def centre(spans: Row, cells: int) -> Row:
    """The row in the middle of `cells`."""
    gap = (cells - width(spans)) // 2
    return row(" " * gap, spans) if gap > 0 else cut(spans, cells)


def at_both_ends(left: list[Row], right: list[Row], cells: int) -> list[Row]:
    """Two blocks of rows at the two ends of `cells`, from the same row on."""
    many = max(len(left), len(right))
    pairs = zip([*left, *[BLANK] * (many - len(left))], [*right, *[BLANK] * (many - len(right))], strict=True)
    return [row(fill(one, cells - width(other)), other) if other else one for one, other in pairs]


def flow(parts: Iterable[Row], cells: int, between: Row) -> list[Row]:
    """Parts side by side, `between` two of them, on as many rows as they take; none is broken."""
    lines: list[Row] = []
    for part in parts:
        if lines and width(lines[-1]) + width(between) + width(part) <= cells:
            lines[-1] = row(lines[-1], between, part)
        else:
            lines.append(part)
    return lines


def widest(lines: Iterable[Row]) -> int:
    """The cells of the longest row."""
    return max(map(width, lines), default=0)


def backed(spans: Row, ground: Ground) -> Row:
    """The row on a background; spans with one of their own keep it."""
    return tuple(span if "@" in span.role else TextSpan(span.text, f"{span.role} @{ground}") for span in spans)


def hot(spans: Row, key: str) -> Row:
    """The row as a hot spot: a click presses `key`."""
    return tuple(TextSpan(span.text, f"{span.role} !{key}") for span in spans)


def hot_at(spans: Row, cell: int) -> str | None:
    """The key of the hot spot at a cell, if there is one."""
    for span in spans:
        size = cell_len(span.text)
        if cell < size:
            return next((word[1:] for word in span.role.split() if word.startswith("!") and len(word) > 1), None)
        cell -= size
    return None


def wrap(spans: Row, cells: int, *, most: int | None = None) -> list[Row]:
    """The row broken at blanks into rows of at most `cells`; `most` rows, the last one cut."""
    text = plain(spans)
    if cells <= 0:
        return []
    if width(spans) <= cells:
        return slices(spans, [(0, len(text.rstrip(" ")))])
    lines: list[tuple[int, int]] = []
    begin = end = 0
    for word in _WORD.finditer(text):
        start, stop = word.span()
        if _full(text, begin, stop, cells) < stop:
            if end > begin:
                lines.append((begin, end))
            begin = start
            while (full := _full(text, begin, stop, cells)) < stop:
                full = _after_sign(text, begin, full)
                lines.append((begin, full))
                begin = full
        end = stop
    lines.append((begin, max(begin, end)))
    if most is not None and len(lines) > most:
        lines = [*lines[: most - 1], (lines[most - 1][0], len(text.rstrip(" ")))]
        return [cut(line, cells) for line in slices(spans, lines)]
    return slices(spans, lines)


def slices(spans: Row, bounds: Iterable[tuple[int, int]]) -> list[Row]:
    """What stands between these characters of the row, from left to right."""
    rows: list[Row] = []
    index = at = 0
    for start, stop in bounds:
        while index < len(spans) and at + len(spans[index].text) <= start:
            at += len(spans[index].text)
            index += 1
        found, here, place = list[TextSpan](), index, at
        while here < len(spans) and place < stop:
            piece = spans[here].text[max(0, start - place) : stop - place]
            found += [TextSpan(piece, spans[here].role)] if piece else []
            place += len(spans[here].text)
            here += 1
        rows.append(tuple(found))
    return rows


def words(spans: Row) -> list[int]:
    """How many cells each word takes: what is between blanks, whatever its roles."""
    return [cell_len(word) for word in _WORD.findall(plain(spans))]


_WORD = re.compile(r"[^ ]+")


def _full(text: str, start: int, stop: int, cells: int) -> int:
    """Where `cells` from `start` on are full, or `stop`; it looks no further, so that a walk takes time as its length."""
    if text.isascii():
        return min(stop, start + cells)
    used, index = 0, start
    while index < stop and (used := used + cell_len(text[index])) <= cells:
        index += 1
    return max(start + 1, index)


def _after_sign(text: str, start: int, stop: int) -> int:
    """Where a word that is too long is broken: after a `:`, `/`, `-`, `_` or `.`, if one is near its end."""
    near = max(text.rfind(sign, start + (stop - start) // 2, stop) for sign in ":/-_.")
    return near + 1 if near > start else stop


def gauge(part: float, cells: int, tone: Ink) -> Row:
    """A line filled to `part` (0 to 1): `━━━━━───`."""
    full = int(min(1.0, max(0.0, part)) * cells)
    return row(("━" * full, tone), ("─" * (cells - full), "faint"))
