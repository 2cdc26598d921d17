"""Presenter mode: the status word and one fact, as large as the screen lets them be; no panes, no stepper, no keys."""

from lab.tui.panes.act_calls import left_text
from lab.tui.panes.act_job import comment_rows, countdown, gate_keys, patience_digits, question_rows, signature
from lab.tui.panes.act_parts import ActPart, ActRoom, at_both_ends, lettered, stacked, widest
from lab.tui.panes.acts import act_foot
from lab.tui.panes.approval import patience_row
from lab.tui.panes.decision import decision_head
from lab.tui.panes.narration import LEAVES
from lab.tui.panes.pane import View
from lab.tui.rows.spans import BLANK, Row, Rows, ends, hot, row, width, wrap
from lab.tui.state.gate import GateDecision, GateState, verdict_face
from lab.tui.state.narrate import sentence
from lab.tui.state.screen import ScreenState
from lab.tui.state.status import decision_shown, phase, role, word

PRESENTER = "presenter"
"""The form of the part that has the whole screen."""
_WIDE, _TALL = 120, 30
"""Columns and rows of the screen from which on the status word has the largest letters."""


def presenter_rows(view: View) -> Rows:
    """The word, the fact, what just happened, beside a bar in the colour of the state."""
    state, tone = view.state, role(view.run)
    margin = 4 if view.columns >= _WIDE else 3
    inner = view.columns - 2 * margin - 2
    largest = "large" if view.columns >= _WIDE and view.rows >= _TALL else "medium"
    room = ActRoom(state, view.now, inner, view.rows - 2, largest, "whole" if view.rows >= _TALL else "short")
    lines = stacked(_parts(room), view.rows - 2, 2)
    lines = [*lines, *[BLANK] * (view.rows - 2 - len(lines)), _foot(state, inner), BLANK]
    edge = row(("▌", tone if tone != "dim" else "faint"), " " * margin)
    return tuple(row(edge, line) for line in lines)


def _foot(state: ScreenState, columns: int) -> Row:
    """The act, if there is one; else the status in plain letters, and the way out."""
    if state.shows_act and state.act.act is not None:
        return act_foot(state, state.act.act, columns)
    leaves = hot(row((state.ui.faces.get("presenter", "p") + LEAVES, "dim")), "p")
    decision = decision_shown(state.run)
    text = word(state.run) if decision is None or not decision.ends else decision_head(state, decision)
    return ends(row((text, f"{role(state.run)} b")), leaves, columns)


def _parts(room: ActRoom) -> list[ActPart]:
    state, run = room.state, room.run
    here, decision = phase(run), decision_shown(run)
    if here == "idle":
        return _idle(room)
    if decision is not None and decision.ends:
        return _decided(room, decision)
    big = room.big(word(run), role(run))
    if here == "waiting" and run.gate is not None:
        return _asking(room, run.gate, big)
    fact = _fact(room, here)
    used = len(big) + len(fact) + 4
    return [ActPart(big), ActPart(fact), ActPart(_said(room, _text(state), room.rows - used))]


def _text(state: ScreenState) -> str:
    """What just happened, or what the person must be told first."""
    ui = state.ui
    return ui.broken or ui.remark or state.source.trouble or f"{ui.passed} {sentence(state)}".strip()


def _said(room: ActRoom, text: str, rows: int) -> list[Row]:
    """A sentence in block letters, if so many rows have room for it, else bold."""
    found = lettered(text, room.columns)
    return found if found is not None and len(found) <= rows else wrap(row((text, "fg b")), room.columns)


def _fact(room: ActRoom, here: str) -> list[Row]:
    """How long the token is good, the beginning of the Job ID, or how long until the next poll."""
    token, job = room.run.token, room.run.job
    if here == "token" and token is not None and token.until is not None:
        lines = room.big(left_text(token, room.now), "done", largest="medium")
        return [*lines[:-1], row(lines[-1], ("  left", "fg b"))]
    if here == "invoke" and job is not None and job.job is not None:
        return room.big(job.job[:8].upper(), "fg", largest="medium")
    return countdown(room) if here in ("polling", "waiting") else []


def _asking(room: ActRoom, gate: GateState, big: list[Row]) -> list[ActPart]:
    """The question has the room, patience stands beside the word."""
    state, columns = room.state, room.columns
    digits = patience_digits(room)
    fits = digits and widest(big) + widest(digits) + 3 <= columns
    top = at_both_ends(big, digits, columns) if fits else big
    keys = gate_keys(room, gate)
    narration = wrap(row((_text(state), "fg b")), columns)
    patience = wrap(patience_row(state, gate, room.now), columns, most=2)
    rows = room.rows - len(top) - len(keys) - len(narration) - len(patience) - 5
    asks = question_rows(room, gate, rows, beside=not fits)
    return [ActPart(top), ActPart(narration, 2), ActPart(asks), ActPart(patience, 1), ActPart(keys)]


def _decided(room: ActRoom, decision: GateDecision) -> list[ActPart]:
    """The verdict, and whose it is."""
    known = verdict_face(decision.verdict)
    big = room.big(known.word.upper(), known.role)
    fact, said = room.big(signature(room, decision), "fg", largest="small"), comment_rows(room, decision)
    used = len(big) + len(fact) + len(said) + 5
    return [ActPart(big), ActPart(fact), ActPart(said), ActPart(_said(room, _text(room.state), room.rows - used))]


def _idle(room: ActRoom) -> list[ActPart]:
    """The story's title and its first sentence, and the key that begins it."""
    source = room.state.source
    title = _said(room, source.title or "Invoke Async Lab", room.rows // 2)
    story = " ".join(source.scenario.story.replace("*", "").split()) if source.scenario is not None else ""
    first = story.partition(". ")[0].removesuffix(".") + "." if story else ""
    beginning = wrap(row((first, "fg")), room.columns) if first else []
    used = len(title) + len(beginning) + 6
    said = _said(room, _text(room.state), room.rows - used if width(row(_text(room.state))) < 40 else 0)
    return [ActPart(title), ActPart(beginning, 1), ActPart(said)]
