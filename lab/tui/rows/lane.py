"""A lane: one run of `▄` a status in proportion to time, glyph and length under it, so that it reads without colour."""

import itertools
from collections.abc import Sequence

from lab.core.clock import Millis
from lab.tui.rows.blocks import seconds
from lab.tui.rows.spans import Row, row
from lab.tui.state.status import face


def bars(lengths: Sequence[tuple[str, Millis]], cells: int) -> list[Row]:
    """Two rows: the bars, and what they stand for."""
    widths = shares([length for _, length in lengths], cells)
    lines: list[tuple[str, str]] = []
    labels: list[tuple[str, str]] = []
    for (word, length), size in zip(lengths, widths, strict=True):
        known = face(word)
        full = f"{known.glyph} {seconds(length)}"
        label = full if len(full) < size and not known.final else known.glyph if size else ""
        lines.append(("▄" * size, known.role))
        labels.append((f"{label:<{size}}", known.role))
    return [row(*lines), row(*labels)]


def shares(lengths: list[Millis], cells: int) -> list[int]:
    """Shares of `cells` in proportion, each at least one."""
    total = sum(lengths)
    spare = cells - len(lengths)
    if spare <= 0 or total <= 0:
        each = [1] * min(len(lengths), cells) + [0] * max(0, len(lengths) - cells)
        return [cells, *each[1:]] if len(lengths) == 1 else each
    edges, so_far = [0], 0
    for length in lengths:
        so_far += length
        edges.append(round(spare * so_far / total))
    return [1 + right - left for left, right in itertools.pairwise(edges)]
