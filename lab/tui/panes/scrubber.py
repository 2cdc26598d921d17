"""The scrubber of PLAYBACK: where the cursor stands, the marks, a place to click on, and the keys that move it."""

from lab.core.clock import Millis
from lab.tui.panes.keys import React, Reaction
from lab.tui.panes.pane import View
from lab.tui.rows.blocks import at_text
from lab.tui.rows.spans import Row, Rows, TextSpan, backed, cut, ends, hot, ink, row, width
from lab.tui.state.acts import act_before
from lab.tui.state.cursor import PlaybackCursor
from lab.tui.state.ink import Ink
from lab.tui.state.run import Milestone, MilestoneKind
from lab.tui.state.screen import ScreenState

SEEK = "seek:"
"""Begins a hot spot of the scrubber; the instant follows."""
SIGNS: dict[MilestoneKind, tuple[str, Ink]] = {
    "token": ("╋", "dim"),
    "invoke": ("╋", "dim"),
    "poll": ("╋", "dim"),
    "gate": ("◆", "wait"),
    "decided": ("◇", "done"),
    "output": ("✓", "done"),
    "error": ("✗", "bad"),
    "fault": ("✗", "bad"),
    "lost": ("✗", "bad"),
}
"""By kind of mark, the least telling first: where two fall into one cell the more telling one shows."""
LAST_INSTANT: Millis = 10**15
"""An instant after the end of any recording: seeking goes as far as there is one."""
_RANK = {kind: rank for rank, kind in enumerate(SIGNS)}


def scrubber_rows(view: View) -> Rows:
    """`▶ ━━━━━◆━━━━◇━━●────✓  00:24.1 / 00:27.6  line 41 of 63`."""
    cursor, columns = view.state.source.cursor, view.columns
    if cursor is None:
        return ()
    sign = row((" ▶ ", "run b")) if cursor.playing else row((" ║ ", "dim"))
    whole = f" / {at_text(cursor.until - cursor.start)}  line {cursor.line} of {cursor.lines}"
    right = row("  ", (at_text(view.now - cursor.start), "fg b"), (whole, "dim"), (f"  {cursor.damage}", "bad b"), " ")
    cells = max(8, columns - width(sign) - width(right) - 1)
    line = ends(row(hot(sign, "space"), track(cursor, cells, view.now)), right, columns)
    return (backed(cut(line, columns), "surface"),)


def track(cursor: PlaybackCursor, cells: int, now: Millis) -> Row:
    """The line itself, a hot spot a cell."""

    def cell_of(at: Millis) -> int:
        return int(cursor.spread.share(at) * (cells - 1) + 1e-9)

    here, marks, spans = cell_of(now), dict[int, Milestone](), list[TextSpan]()
    for mark in sorted(cursor.marks, key=lambda each: _RANK[each.kind]):
        marks[cell_of(mark.at)] = mark
    for cell in range(cells):
        found = marks.get(cell)
        if cell == here:
            face = ink("●", "accent", bold=True)
        elif found is not None:
            face = ink(*SIGNS[found.kind])
        else:
            face = ink("━", "run") if cell < here else ink("─", "faint")
        at = found.at if found is not None else cursor.spread.instant(cell / max(1, cells - 1))
        spans += hot((face,), f"{SEEK}{at}")
    return tuple(spans)


def has_marks(state: ScreenState) -> bool:
    """A recording has marks; a run of ours that the lab can set back has acts."""
    return "seek" in state.source.can or (state.ui.stage and "rewind" in state.source.can)


def why_no_marks(state: ScreenState) -> str:
    """Why nothing is gone back to in free pace, and what to do; nothing where no run can be set back."""
    if "rewind" not in state.source.can:
        return ""
    return "There are acts to go to only act by act: P. At any pace: ctrl+p, “Go to …”."


def to_mark(by: int, state: ScreenState) -> Reaction:
    """To the mark before or after; of a run of ours to the act, ahead only where no person is needed first."""
    run, act = state.run, act_before(state.act, state.run)
    if state.source.cursor is not None:
        return Reaction(ask=lambda source: source.move(by, marks=True))
    if by < 0 and act is not None:
        return Reaction(state.choose(panes=False), lambda source: source.go_to_act(act.key))
    if by > 0 and run.gate is None and (run.start is None or run.running):
        return Reaction(state.choose(panes=False), lambda source: source.next_act(), "next act")
    return Reaction()


EARLIER_TURN = "This turn is over: only the newest can be gone back through. 0 begins all anew."


def going_to(stage: str) -> React:
    """A recording is one line of time; of a run of ours only the newest turn can be set back."""

    def react(state: ScreenState) -> Reaction:
        if state.source.cursor is None and state.in_sight.newest_turn is not None:
            return Reaction(state.choose(remark=EARLIER_TURN))
        return Reaction(ask=lambda source: source.go_to(stage))

    return react
