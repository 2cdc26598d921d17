"""What a terminal is sent of a drawing: the cells that differ from those it shows already, in few bytes.

Textual sends whole rows, each stretch with all of its colours, and at the start the same screen five times: 56 kB
until 120x36 stand still, which a slow line takes seconds for. Here a drawing is read as a terminal reads it, and what
would change nothing is left out. Whatever isn't understood (another screen, a mode, a title) goes through as it is, and
then nothing is taken for shown any more.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from rich.cells import cell_len

_PART = re.compile(r"\x1b\[(\d+);(\d+)H|\x1b\[([\d;]*)m|\n|([^\x00-\x1f\x7f-\x9f]+)")
_DRAWING = re.compile(r"\x1b\[\d+;\d+H(?:\x1b\[\d+;\d+H|\x1b\[[\d;]*m|\n|[^\x00-\x1f\x7f-\x9f]+)*")
_SYNCHRONISED = re.compile(r"\x1b\[\?2026[hl]")
_COLOURS = re.compile(
    r"(.*?);?((?:3[0-9]|9[0-7])(?:;5;\d+|;2;\d+;\d+;\d+)?)?;?((?:4[0-9]|10[0-7])(?:;5;\d+|;2;\d+;\d+;\d+)?)?"
)
_RESET = "\x1b[0m"


class SentCell(NamedTuple):
    """What a cell shows: one sign, one cell wide, in a style as SGR parameters."""

    sign: str
    style: str


class ChangedCells:
    """Remembers what a terminal shows, by what it was sent."""

    def __init__(self) -> None:
        self._rows: dict[int, dict[int, SentCell]] = {}
        self._cursor: tuple[int, int] | None = None

    def forget(self) -> None:
        """Nobody knows any more what the terminal shows: it has another size, or something else was drawn."""
        self._rows.clear()
        self._cursor = None

    def of(self, data: str) -> str:
        """What has to be sent, so that the terminal shows what all of `data` would make it show."""
        if _SYNCHRONISED.fullmatch(data):
            return data
        if not _DRAWING.fullmatch(data):
            self.forget()
            return data
        pen = _Pen()
        x = y = 0
        style = ""
        for part in _PART.finditer(data):
            row, column, colours, text = part.groups()
            if row is not None:
                y, x = int(row), int(column)
            elif colours is not None:
                style = "" if colours in ("", "0") else colours
            elif text is not None:
                x = self._draw(pen, y, x, style, text)
        return self._ended(pen, (y, x))

    def _draw(self, pen: "_Pen", y: int, x: int, style: str, text: str) -> int:
        """Draw a stretch of one style; the column after it."""
        row, end = self._rows.setdefault(y, {}), x + cell_len(text)
        if end - x != len(text):
            # a sign that isn't one cell wide is drawn again each time: half of it may have been overwritten
            for column in range(x, end):
                row.pop(column, None)
            pen.put(y, x, style, text, end)
            return end
        for column, sign in enumerate(text, x):
            cell = SentCell(sign, style)
            if row.get(column) != cell:
                row[column] = cell
                pen.put(y, column, style, sign, column + 1)
        return end

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
