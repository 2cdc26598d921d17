"""A table as rows of spans: no word is broken; a table too narrow for its words is turned, a block a row."""

import re
from collections.abc import Sequence

from msgspec import Struct

from lab.tui.rows.spans import BLANK, Row, TextSpan, backed, ends, fill, plain, row, width, words, wrap
from lab.tui.state.ink import SpanRole

GAP = 2
"""The least cells between two columns."""
MOST_SPREAD = 60
"""The most cells that are added to that where there is room: a row must still be read as one."""
_LEADER = 10
"""The least cells from a name to its value, where there is one column of values."""
_FIGURE = re.compile(r"[+\-−±]?\d")


class TableColumn(Struct, frozen=True):
    """A column: its cells' width, and whether they stand at its right end."""

    width: int
    right: bool


def table_rows(
    head: Sequence[Row],
    body: Sequence[Sequence[Row]],
    sides: Sequence[str],
    inner: int,
    *,
    ruled: bool = False,
    signs: bool = False,
) -> list[Row]:
    """The table in at most `inner` cells, if its longest word fits. `head` may be empty.

    `ruled` has a rule below each row, and no shading; `signs` a sign before the best cell. `sides` are `left`, `right`,
    `center` or nothing, as the author wrote it by column: what isn't said follows from the cells. Every row has as many
    cells as `sides`.
    """
    figures = [_figures([cells[at] for cells in body]) for at in range(len(sides))]
    body = [[cells[0], *(_best(cell, signs) for cell in cells[1:])] for cells in body]
    grid = [*([head] if any(map(width, head)) else []), *body]
    room = inner - GAP * (len(sides) - 1)
    if (
        len(sides) == 2
        and sides[1] in ("", "right")
        and all(width(row(*cells)) + _LEADER <= inner and width(cells[1]) <= inner // 3 for cells in grid)
    ):
        return _led(head, body, inner, apart=ruled)
    wanted = _widths(grid, len(sides), room)
    if wanted is None:
        return _turned(head, body, inner)
    gap = GAP + min(MOST_SPREAD, (room - sum(wanted)) // max(1, len(sides) - 1))
    columns = [
        TableColumn(size, side == "right" or (not side and figures[at]))
        for at, (size, side) in enumerate(zip(wanted, sides, strict=True))
    ]
    across = sum(wanted) + gap * (len(sides) - 1)
    rule, heavy = row(("─" * across, "line")), row(("━" * across, "line"))
    titled, unnamed = any(map(width, head)), len(sides) > 1 and bool(head) and not width(head[0])
    lines = [*_lines([_toned(cell, "run b") for cell in head], columns, gap), heavy] if titled else []
    for number, (first, *others) in enumerate(body):
        drawn = _lines([_toned(first, "dim") if unnamed else first, *others], columns, gap)
        if ruled:
            lines += [*drawn, heavy if number == len(body) - 1 else rule]
        else:
            lines += [backed(line, "surface") for line in drawn] if number % 2 == 0 and len(body) > 1 else drawn
    return lines


def _led(head: Sequence[Row], body: Sequence[Sequence[Row]], inner: int, *, apart: bool) -> list[Row]:
    """One column of values at the right end, a dotted line leading to each; `apart`: a blank row between two of them."""
    best = [any("@" in span.role for span in cells[1]) for cells in body]
    mark = 4 if any(best) else 0
    lines: list[Row] = []
    if any(map(width, head)):
        name, values = (_toned(cell, "run b") for cell in head)
        lines = [ends(name, values, inner - mark), row(("━" * inner, "line"))]
    for cells, won in zip(body, best, strict=True):
        name, value = (row((plain(cell).removeprefix("✓ "), "done b")) if won else cell for cell in cells)
        many = inner - mark - width(name) - width(value) - 2
        line = row(name, " ", ("┄" * many, "line"), " ", value, ("   ✓" if won else "", "done b"))
        lines += [*([BLANK] if apart and lines else []), line]
    return lines


def _widths(grid: Sequence[Sequence[Row]], columns: int, room: int) -> list[int] | None:
    """How wide each column is, if the longest words fit; the widest gives way first."""
    wanted = [max([1, *(width(cells[at]) for cells in grid)]) for at in range(columns)]
    least = [max([1, *(size for cells in grid for size in words(cells[at]))]) for at in range(columns)]
    if sum(least) > room:
        return None
    while sum(wanted) > room:
        at = max((at for at in range(columns) if wanted[at] > least[at]), key=wanted.__getitem__)
        wanted[at] -= 1
    return wanted


def _figures(cells: Sequence[Row]) -> bool:
    """Whether more than half of the cells that say something begin with a figure."""
    texts = [text for cell in cells if (text := plain(cell).strip())]
    return 2 * sum(1 for text in texts if _FIGURE.match(text)) > len(texts)


def _toned(cell: Row, role: SpanRole) -> Row:
    """The cell in another role where it is in the foreground colour."""
    return tuple(TextSpan(span.text, role if span.role in ("fg", "fg b") else span.role) for span in cell)


def _best(cell: Row, signs: bool) -> Row:
    """A cell that is strong as a whole: the best of its row."""
    if not width(cell) or any("b" not in span.role.split() for span in cell):
        return cell
    role: SpanRole = "done b @tint-done"
    return row(("✓ " if signs else "", role), tuple(TextSpan(span.text, role) for span in cell))


def _lines(cells: Sequence[Row], columns: Sequence[TableColumn], gap: int) -> list[Row]:
    """One row of the table, as many lines as its longest cell needs."""
    parts = [wrap(cell, column.width) or [BLANK] for cell, column in zip(cells, columns, strict=True)]
    lines: list[Row] = []
    for index in range(max(map(len, parts))):
        spans: list[TextSpan] = []
        last = "fg"
        for cell, part, column in zip(cells, parts, columns, strict=True):
            role = cell[0].role if cell and "@" in cell[0].role else "fg"
            line = part[index] if index < len(part) else BLANK
            before = column.width - width(line) if column.right else 0
            if spans:
                # a ground of its own is a cell wider than the text, on each side
                spans += [TextSpan(" ", last), TextSpan(" " * (gap - GAP)), TextSpan(" ", role)]
            spans += [TextSpan(" " * before, role), *line, TextSpan(" " * (column.width - before - width(line)), role)]
            last = role
        lines.append(row(*spans))
    return lines


def _turned(head: Sequence[Row], body: Sequence[Sequence[Row]], inner: int) -> list[Row]:
    """A block a row: its first cell as a heading, then each other one beside the name of its column."""
    names = [_toned(cell, "run") for cell in head[1:]] or [BLANK] * (max(map(len, body), default=1) - 1)
    label = max([0, *map(width, names)])
    longest = max([1, *(size for cells in body for cell in cells[1:] for size in words(cell))])
    beside = label > 0 and label + GAP + longest <= inner
    lines: list[Row] = []
    for first, *others in body:
        lines += [*([BLANK] if lines else []), *wrap(_toned(first, "fg b"), inner)]
        for name, cell in zip(names, others, strict=True):
            indent = row(" " * (label + GAP if beside else 2))
            part, *rest = wrap(cell, inner - width(indent)) or [BLANK]
            above = wrap(name, inner) if width(name) and not beside else []
            lead = fill(name, label + GAP) if beside else indent
            lines += [*above, row(lead, part), *(row(indent, more) for more in rest)]
    return lines
