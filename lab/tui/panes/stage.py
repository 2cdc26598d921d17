"""What has the screen to itself: the poster before a run, an act, and in presenter mode the act that the run is in.

It is made of parts, one below the other, in the largest letters in which all of them have room; where there is too little
for all, parts fold. The last row says which act it is, and what comes then.
"""

from collections.abc import Callable

from lab.tui.panes.layout import HERO
from lab.tui.panes.pane import Room, View, ViewPart
from lab.tui.rows.blocks import seconds
from lab.tui.rows.letters import MOST_ROWS, MOST_ZOOM, zoom_of
from lab.tui.rows.spans import BLANK, Row, ends, gauge, hot, ink, row, width
from lab.tui.state.acts import COUNTED, STANDING, Act, ActState
from lab.tui.state.screen import ScreenState
from lab.tui.state.status import role, word

ACT = "act"
"""The part that it fills."""
LEAVES = ": back to the stage"
"""Behind its key, the way out of presenter mode, which has no key bar."""
_GAUGE = 24


def staged(
    view: View, rows: int, parts: Callable[[Room], list[ViewPart]], foot: Row = BLANK, least: int = 2
) -> list[Row]:
    """The parts in the largest letters in which all have room; in those of zoom `least` and smaller what folds may go."""
    inner, height = view.inner, rows - 2 * bool(foot) - (rows >= 20)
    shown: list[ViewPart] = []
    for zoom in range(max(1, zoom_of(HERO, inner, MOST_ROWS, MOST_ZOOM)), 0, -1):
        shown = [part for part in parts(Room(view.state, view.now, inner, height, zoom)) if part.rows]
        while zoom <= least and _height(shown) > height and any(part.folds for part in shown):
            shown.remove(max(shown, key=lambda part: part.folds))
        if _height(shown) <= height:
            break
    spare, between = max(0, height - sum(len(part.rows) for part in shown)), max(0, len(shown) - 1)
    gap = min(2, spare // (between + 2)) or int(spare >= between)
    lines: list[Row] = [BLANK] * ((spare - gap * between + 2) // 3)
    for number, part in enumerate(shown):
        lines += [*[BLANK] * (gap if number else 0), *part.rows]
    return [*lines[:height], *[BLANK] * (height - len(lines)), *([BLANK, foot] if foot else [])]


def _height(parts: list[ViewPart]) -> int:
    return sum(len(part.rows) for part in parts) + len(parts) - 1


def way_out(state: ScreenState, columns: int) -> Row:
    """The way out of presenter mode, which has no key bar."""
    leaves = row(("p" + LEAVES, "dim"))
    return ends(row(ink(word(state.run), role(state.run), bold=True)), hot(leaves, "p"), columns)


# Which act it is


def act_foot(state: ScreenState, act: Act, columns: int) -> Row:
    """Which act it is, what comes then, and a gauge of how long it still stays."""
    shown = state.act
    number = row(ink(act_count(state, act), "dim"))
    if shown.left is None:
        return ends(number, row(ink("space", "wait", bold=True), " goes on"), columns)
    part = 1.0
    if (act.kind in STANDING or shown.waits) and shown.whole and (shown.left or shown.waits):
        part = 1 - shown.left / shown.whole
    before, what = _then(state, act, shown)
    then = row(ink(before, "dim"), what, "  ")
    if width(number) + width(then) + _GAUGE + 2 > columns:
        number = row(ink(act_count(state, act).partition(" · ")[0], "dim"))
    cells = max(4, min(_GAUGE, columns - width(number) - width(then) - 2))
    return ends(number, row(then, gauge(part, cells, "run")), columns)


def act_count(state: ScreenState, act: Act) -> str:
    """`act 4 of 6 · gate 2 of 3 · round 1 of 3`; without a plan at hand nobody knows of how many."""
    run, gates = state.run, state.gates
    several = max(gates or 0, len(run.gates))
    asks = several > 0 or act.kind in ("waiting", "decided")
    number = COUNTED.index(act.kind) + 1 if act.kind in COUNTED else 0
    total = 0 if gates is None and not run.gates else 6 if asks else 4
    parts = [f"turn {run.turn}"] if run.turn > 1 else []
    if number:
        parts.append(f"act {number} of {total}" if total else f"act {number}")
    gate = run.gate if act.decision is None else act.decision.gate
    if gate is not None and act.kind in ("waiting", "decided"):
        parts += [f"gate {gate.number} of {several}"] if several > 1 else []
        parts += [f"round {gate.round} of {gate.rounds}"] if gate.round and gate.rounds is not None else []
    return " · ".join(parts)


def _then(state: ScreenState, act: Act, shown: ActState) -> tuple[str, str]:
    """What comes after the act, and the word before it."""
    call, opening = state.run.next_call, state.run.matched_opening
    match act.kind:
        case "token":
            return "then ", "the question goes out"
        case "job":
            return "then ", "first poll" + (f", {seconds(call.until - call.since)} later" if call is not None else "")
        case "decided":
            following = {"running": "the agents work again", "output": "the output", "waiting": "the next question"}
            return "then ", following.get(shown.followed, "the panes")
        case "waiting" if state.run.gate is None:
            return "until ", "the wait is over"
        case "waiting":
            scripted = opening is not None and opening.by is not None
            return "until ", "the script decides" if scripted else "a person decides"
        case _:
            return "until ", "the status changes"
