"""The scrubber of PLAYBACK: where the cursor stands, the marks, and a place to click on."""

from lab.core.clock import Millis
from lab.tui.rows.blocks import at_text
from lab.tui.rows.spans import Row, Rows, TextSpan, backed, cut, ends, hot, row, width
from lab.tui.state.screen import PlaybackCursor, RecordingMark, ScreenState

SIGNS = {
    "token": ("╋", "dim"), "invoke": ("╋", "dim"), "poll": ("╋", "dim"), "gate": ("◆", "wait"),
    "decided": ("◇", "done"), "output": ("✓", "done"), "error": ("✗", "bad"), "fault": ("✗", "bad"),
}  # fmt: skip
"""By kind of mark, the least telling first: where two fall into one cell the more telling one shows."""
_RANK = {kind: rank for rank, kind in enumerate(SIGNS)}


def scrubber(scene: ScreenState, columns: int, now: Millis) -> Rows:
    """`▶ ━━━━━◆━━━━◇━━●────✓  00:24.1 / 00:27.6  line 41 of 63`."""
    cursor = scene.show.cursor
    if cursor is None:
        return ()
    sign = row((" ▶ ", "run b")) if cursor.playing else row((" ║ ", "dim"))
    whole = at_text(cursor.until - cursor.start)
    right = row("  ", (at_text(now - cursor.start), "fg b"), (f" / {whole}", "dim"))
    right = row(right, (f"  line {cursor.line} of {cursor.lines}", "dim"), (f"  {cursor.state}", "bad b"), " ")
    cells = max(8, columns - width(sign) - width(right) - 1)
    line = ends(row(hot(sign, "space"), track(cursor, cells, now)), right, columns)
    return (backed(cut(line, columns), "@surface"),)


def track(cursor: PlaybackCursor, cells: int, now: Millis) -> Row:
    """The line itself, a hot spot a cell."""
    here = _cell(cursor, cells, now)
    marks: dict[int, RecordingMark] = {}
    for notch in cursor.notches:
        at = _cell(cursor, cells, notch.at)
        if at not in marks or _RANK[notch.kind] >= _RANK[marks[at].kind]:
            marks[at] = notch
    spans: list[TextSpan] = []
    for cell in range(cells):
        if cell == here:
            face, role = "●", "accent b"
        elif cell in marks:
            face, role = SIGNS[marks[cell].kind]
        else:
            face, role = ("━", "run") if cell < here else ("─", "faint")
        at = marks[cell].at if cell in marks else _instant(cursor, cells, cell)
        spans += hot(row((face, role)), f"seek:{at}")
    return tuple(spans)


def _cell(cursor: PlaybackCursor, cells: int, at: Millis) -> int:
    length = max(1, cursor.until - cursor.start)
    return max(0, min(cells - 1, (at - cursor.start) * (cells - 1) // length))


def _instant(cursor: PlaybackCursor, cells: int, cell: int) -> Millis:
    return cursor.start + (cursor.until - cursor.start) * cell // max(1, cells - 1)
