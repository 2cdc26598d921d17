"""The header: brand, source, scenario and team, every setting that is off its default; at its end the clock."""

from lab.tui.panes.layout import NARROW, projector
from lab.tui.panes.pane import Bar, View
from lab.tui.rows.blocks import at_text, speed_text
from lab.tui.rows.spans import Row, Rows, backed, cut, ends, fill, row, width
from lab.tui.state.screen import ScreenState


def _draw(view: View) -> Rows:
    state, source, ui, columns = view.state, view.state.source, view.state.ui, view.columns
    pill = "@fill-bad" if source.pill.startswith("POD") else "@fill-run"
    left = row("   ", ("◆ ", "accent"), ("Invoke Async Lab", "fg b"), "  ", (f" {source.pill} ", f"fill b {pill}"))
    if ui.paused and source.cursor is None:
        left = row(left, " ", (" PAUSED ", "fill b @fill-wait"))
        if source.follows and columns >= NARROW:
            left = row(left, (" the client's waits go on", "wait"))
    if ui.stage:
        left = row(left, " ", (" STAGE ", "fill b @fill-accent"))
    if source.skipping:
        left = row(left, " ", (" SKIPPING » ", "fill b @fill-wait"))
    if state.phone is not None:
        left = row(left, " ", (" PHONE ", "fill b @fill-accent"))
    left = row(left, _armed(state))
    tail = () if source.seed is None or projector(state, columns) else row((f"seed {source.seed}  ", "dim"))
    right = row(tail, (speed_text(ui.factor), "dim" if ui.factor == "1" else "wait b"), _clock(view), " " * 3)
    room = columns - width(left) - width(right) - 2
    name = cut(row((source.title, "fg b")), room)
    if source.team and not projector(state, columns) and width(name) + len(source.team) + 3 <= room:
        name = row(name, (f" · {source.team}", "dim"))
    before = max(width(left) + 1, min((columns - width(name)) // 2, columns - width(right) - width(name) - 1))
    return (backed(ends(row(fill(left, before), name), right, columns), "@panel"),)


def _armed(state: ScreenState) -> Row:
    """The faults that are armed, in red: one by its name, several by their number."""
    if not state.armed:
        return ()
    text = state.armed[0].name if len(state.armed) == 1 else f"{len(state.armed)} faults"
    return row(" ", (f" ✗ {text} ", "fill b @fill-bad"))


def _clock(view: View) -> Row:
    """How long the run has taken; `● REC` beside it, and whether that recording is dead."""
    source, rec = view.state.source, row()
    if source.recording:
        rec = row("  ", (" ● REC DEAD ", "fill b @fill-bad")) if source.dead else row(("  ● ", "bad"), ("REC", "bad"))
    return row("  ", (at_text(view.run.reading(view.now)), "fg b"), rec)


HEADER = Bar("header", "top", lambda state, columns, rows: 1, _draw, timed=True)
