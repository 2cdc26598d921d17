"""Acts on the screen: one fact fills the room of the panes; its last row says which act it is, and what comes then.

Presenter mode is the act that the run is in, without a hold.
"""

from lab.tui.panes.act_calls import job_parts, refused_parts, token_parts
from lab.tui.panes.act_job import decided_parts, running_parts, waiting_parts
from lab.tui.panes.act_parts import ActForm, ActPart, ActRoom, lettered, room_of, stacked
from lab.tui.panes.layout import Rect, Rects, zoom_of_hero
from lab.tui.panes.pane import View
from lab.tui.rows.blocks import seconds
from lab.tui.rows.spans import BLANK, Row, Rows, ends, gauge, hot, ink, row, width, wrap
from lab.tui.state.acts import ACTS, Act, ActState, current_act
from lab.tui.state.narrate import sentence
from lab.tui.state.screen import ScreenState
from lab.tui.state.status import role, word

ACT = "act"
"""The part that an act fills."""
LEAVES = ": back to the stage"
"""Behind its key, the way out of presenter mode, which has no key bar."""
_GAUGE = 24
_SHORT, _LEAST = 30, 24
"""Rows of the screen under which an act has medium letters and no lane; and nothing but its fact."""


def act_form(rows: int) -> ActForm:
    """Which form acts have on a screen of so many rows."""
    return "whole" if rows >= _SHORT else "short" if rows >= _LEAST else "least"


def act_placed(found: Rects, bars_shown: frozenset[str], columns: int, rows: int) -> Rects:
    """The places of the bars, and of the one fact in the room that the layout gave the panes."""
    body = [place for name, place in found.items() if name not in bars_shown]
    top, end = min(place.y for place in body), max(place.y + place.height for place in body)
    kept = {name: place for name, place in found.items() if name in bars_shown}
    return {**kept, ACT: Rect(0, top, columns, end - top, act_form(rows), zoom_of_hero(columns, rows))}


def act_rows(view: View, form: ActForm) -> Rows:
    """The act that shows: in stage pace the one that is kept, in presenter mode the one that the run is in."""
    state = view.state
    kept = state.act.act if state.shows_act else None
    act = kept or current_act(view.run).act
    room, margin = room_of(view, form, wide=act is not None and act.kind == "token")
    below = 2 if form == "whole" else 0
    height = view.rows - 1 - below
    parts = _idle(room) if act is None else _parts(room, act)
    if state.presents:
        parts = [ActPart(_said(room)), *parts]
    lines = stacked(parts, height - 1, 2 if form == "whole" else 1)
    foot = _way_out(state, room.columns) if act is None or kept is None else act_foot(state, act, room.columns)
    lines = [*lines, *[BLANK] * (height - len(lines)), foot]
    return tuple(row(" " * margin, line) if line else BLANK for line in lines)


def _parts(room: ActRoom, act: Act) -> list[ActPart]:
    if act.decision is not None:
        return decided_parts(room, act.decision)
    parts = {
        "token": token_parts,
        "job": job_parts,
        "running": running_parts,
        "panes": running_parts,
        "waiting": waiting_parts,
    }
    return parts.get(act.kind, refused_parts)(room)


def _said(room: ActRoom) -> list[Row]:
    """What just happened, or what the person must be told first; presenter mode has no other row for it."""
    ui = room.state.ui
    text = ui.broken or ui.remark or room.state.source.trouble or f"{ui.passed} {sentence(room.state)}".strip()
    return wrap(row(ink(text, bold=True)), room.columns, most=3)


def _way_out(state: ScreenState, columns: int) -> Row:
    """The way out of presenter mode, which has no key bar."""
    leaves = row((state.ui.faces.get("presenter", "p") + LEAVES, "dim"))
    return ends(row(ink(word(state.run), role(state.run), bold=True)), hot(leaves, "p"), columns)


def _idle(room: ActRoom) -> list[ActPart]:
    """The story's title and its first sentence."""
    source = room.state.source
    title = lettered(source.title, room.columns) or [row(ink(source.title, bold=True))]
    story = " ".join(source.scenario.story.replace("*", "").split()) if source.scenario is not None else ""
    first = story.partition(". ")[0].removesuffix(".") + "." if story else ""
    return [ActPart(title), ActPart(wrap(row(first), room.columns) if first else [], 1)]


# Which act it is


def act_foot(state: ScreenState, act: Act, columns: int) -> Row:
    """Which act it is, what comes then, and a gauge of how long it still stays."""
    shown = state.act
    number = row((act_count(state, act), "dim"))
    if shown.left is None:
        return ends(number, row(("space", "wait b"), " goes on"), columns)
    part = 1 - shown.left / shown.whole if shown.whole and (shown.left or shown.waits) else 1.0
    if not (ACTS[act.kind].stands or shown.waits):
        part = 1.0
    before, what = _then(state, act, shown)
    then = row((before, "dim"), what, "  ")
    if width(number) + width(then) + _GAUGE + 2 > columns:
        number = row((act_count(state, act).partition(" · ")[0], "dim"))
    cells = max(4, min(_GAUGE, columns - width(number) - width(then) - 2))
    return ends(number, row(then, gauge(part, cells, "run")), columns)


def act_count(state: ScreenState, act: Act) -> str:
    """`act 4 of 6 · gate 2 of 3 · round 1 of 3`; without a plan at hand nobody knows of how many."""
    run, gates = state.run, state.gates
    several = max(gates or 0, len(run.gates))
    asks = several > 0 or act.kind in ("waiting", "decided")
    number = ACTS[act.kind].number
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
    call = state.run.next_call
    match act.kind:
        case "token":
            return "then ", "the question goes out"
        case "job":
            pause = f", {seconds(call.until - call.since)} later" if call is not None else ""
            return "then ", f"first poll{pause}"
        case "decided":
            following = {"running": "the agents work again", "output": "the output", "waiting": "the next question"}
            return "then ", following.get(shown.followed, "the four panes")
        case "waiting" if state.run.gate is None:
            return "until ", "the wait is over"
        case "waiting":
            opening = state.run.matched_opening
            scripted = opening is not None and opening.by is not None
            return "until ", "the script decides" if scripted else "a person decides"
        case _:
            return "until ", "the status changes"
