"""What a terminal is sent of a drawing: the cells that differ from those it shows already, in few bytes.

Textual sends whole rows, each stretch with all of its colours, and at the start the same screen five times: 56 kB
until 120x36 stand still, which a slow line takes seconds for. Here a drawing is read as a terminal reads it, and what
would change nothing is left out. Whatever isn't understood (another screen, a mode, a title) goes through as it is, and
then nothing is taken for shown any more.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from rich.cells import cell_len

_PART = re.compile(r"\x1b\[(\d+);(\d+)H|\x1b\[([\d;]*)m|(\n)|([^\x00-\x1f\x7f-\x9f]+)")
_SYNCHRONISED = ("\x1b[?2026h", "\x1b[?2026l")
_COLOURS = re.compile(
    r"(.*?);?((?:3[0-9]|9[0-7])(?:;5;\d+|;2;\d+;\d+;\d+)?)?;?((?:4[0-9]|10[0-7])(?:;5;\d+|;2;\d+;\d+;\d+)?)?"
)
_RESET = "\x1b[0m"
_NEAR = 4
"""Cells between two that change which are sent again: to step over them would take as many bytes."""


class _Row:
    """What a row shows, by column: its signs, each a cell wide, and their styles as SGR parameters; None: nobody knows."""

    def __init__(self) -> None:
        self.signs: list[str | None] = []
        self.styles: list[str | None] = []

    def put(self, x: int, signs: list[str | None], style: str | None) -> Iterator[tuple[int, int]]:
        """Show other signs from a column on; the stretches of them that weren't there already, each from and to."""
        count = len(signs)
        missing = x + count - len(self.signs)
        if missing > 0:
            self.signs += [None] * missing
            self.styles += [None] * missing
        here = slice(x, x + count)
        before, styles = self.signs[here], self.styles[here]
        if before == signs and styles.count(style) == count:
            return
        self.signs[here], self.styles[here] = signs, [style] * count
        start = stop = -1
        for at in range(count):
            if before[at] != signs[at] or styles[at] != style:
                if start >= 0 and at - stop > _NEAR:
                    yield start, stop
                    start = at
                start, stop = (at if start < 0 else start), at + 1
        yield start, stop


class ChangedCells:
    """Remembers what a terminal shows, by what it was sent."""

    def __init__(self) -> None:
        self._rows: dict[int, _Row] = {}
        self._cursor: tuple[int, int] | None = None

    def forget(self) -> None:
        """Nobody knows any more what the terminal shows: it has another size, or something else was drawn."""
        self._rows.clear()
        self._cursor = None

    def of(self, data: str) -> str:
        """What has to be sent, so that the terminal shows what all of `data` would make it show."""
        if data in _SYNCHRONISED:
            return data
        pen = _Pen()
        x = y = end = 0
        style = ""
        for part in _PART.finditer(data):
            row, column, colours, _, text = part.groups()
            if part.start() != end or (not y and row is None):
                break
            end = part.end()
            if text is not None:
                x = self._draw(pen, y, x, style, text)
            elif row is not None:
                y, x = int(row), int(column)
            elif colours is not None:
                style = "" if colours in ("", "0") else colours
        if end != len(data) or not data:
            self.forget()
            return data
        return self._ended(pen, (y, x))

    def _draw(self, pen: "_Pen", y: int, x: int, style: str, text: str) -> int:
        """Draw a stretch of one style; the column after it."""
        row = self._rows.get(y)
        if row is None:
            row = self._rows[y] = _Row()
        cells = len(text) if text.isascii() else cell_len(text)
        if cells != len(text):
            # a sign that isn't one cell wide is drawn again each time: half of it may have been overwritten
            for _ in row.put(x, [None] * cells, None):
                pass
            pen.put(y, x, style, text, x + cells)
            return x + cells
        for start, stop in row.put(x, list(text), style):
            pen.put(y, x + start, style, text[start:stop], x + stop)
        return x + cells

    def _ended(self, pen: "_Pen", cursor: tuple[int, int]) -> str:
        """All that the pen has written, and the cursor where the drawing left it."""
        if not pen.written and cursor == self._cursor:
            return ""
        self._cursor = cursor
        return f"{''.join(pen.written)}{_RESET if pen.style else ''}\x1b[{cursor[0]};{cursor[1]}H"


class _Pen:
    """Writes stretches of text, and no more than it must between two of them."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.style = ""
        self._at = (0, 0)

    def put(self, y: int, x: int, style: str, text: str, end: int) -> None:
        if self._at != (y, x):
            ahead = x - self._at[1] if self._at[0] == y else 0
            self.written.append(f"\x1b[{ahead}C" if ahead > 0 else f"\x1b[{y};{x}H")
        if style != self.style:
            self.written.append(_change(self.style, style))
            self.style = style
        self.written.append(text)
        self._at = (y, end)


@lru_cache(4096)
def _change(before: str, after: str) -> str:
    """What turns one style into another: one of its colours, or all of it anew."""
    (marks, *colours), (wanted, *others) = _split(before), _split(after)
    if marks != wanted or "" in others:
        return f"\x1b[0;{after}m" if after and before else f"\x1b[{after}m" if after else _RESET
    return f"\x1b[{';'.join(new for old, new in zip(colours, others, strict=True) if new != old)}m"


def _split(style: str) -> tuple[str, str, str]:
    """Bold and its like, the text's colour, the ground's."""
    found = _COLOURS.fullmatch(style)
    return (found[1], found[2] or "", found[3] or "") if found is not None else (style, "", "")
