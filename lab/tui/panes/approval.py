"""Gates and decisions: what every part says of them, and the bar of an open gate, which becomes the receipt.

The bar has the question, its patience, who decides when nobody does, and the keys that answer.
"""

from collections.abc import Callable

from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.core.jsontext import members_of
from lab.jobs.gates import Origin
from lab.program.words import Verdict
from lab.tui.panes.keys import FormField, React, Reaction, TextForm
from lab.tui.panes.layout import AIRY, BROAD
from lab.tui.panes.pane import View
from lab.tui.rows.blocks import at_text, button, minutes, raised_buttons, seconds, tinted
from lab.tui.rows.spans import (
    BLANK,
    Row,
    Rows,
    at_both_ends,
    clip,
    cut,
    ends,
    flow,
    gauge,
    ink,
    row,
    widest,
    width,
    wrap,
)
from lab.tui.state.gate import GateAnswer, GateDecision, GateState, verdict_face
from lab.tui.state.ink import Ground, Ink
from lab.tui.state.reduce import NO_REPLY
from lab.tui.state.run import Exchange, RunState
from lab.tui.state.screen import ScreenState
from lab.tui.state.status import decision_shown, face, finished


def decision_now(state: ScreenState, now: Millis) -> GateDecision | None:
    """The decision that the approval bar tells of: one that is narrated, or one that is due and nobody has looked yet.

    What a script decides, and that patience is over, a mock tells when somebody calls; its journal said before when that
    would be.
    """
    gate, opening = state.run.gate, state.run.matched_opening
    if gate is None:
        return decision_shown(state.run)
    if opening is None or gate.sent is not None or now < opening.otherwise.at:
        return None
    if opening.otherwise.by is not None and opening.approvals > 1:
        return None  # one vote of several: which it is, and when the next is due, isn't told
    at, by = opening.otherwise.at, opening.otherwise.by or "script"
    return GateDecision(
        at, opening.otherwise.verdict, by, at, at, opening.gate, opening.round, gate=gate, approvals=1, approved=1
    )


MOST_NAME = 48
"""Cells of a name at most: what was said, and when, must have room beside it."""
LEAST_NAME = 8


def who(state: ScreenState, decision: GateDecision, cells: int = MOST_NAME) -> str:
    """Who decided, as this screen says it, in so many cells."""
    return clip(decision.who(state.source.own_decisions, follows=state.source.follows), cells)


def by_whom(state: ScreenState, decision: GateDecision | None, cells: int = MOST_NAME) -> str:
    """` by Ann`; nothing where nobody decided."""
    return "" if decision is None or decision.verdict == "timed-out" else f" by {who(state, decision, cells)}"


def waiting_since(run: RunState, decision: GateDecision) -> Millis | None:
    """When the job began to wait for a decision, as far as answers showed it."""
    times = (at for word, at in reversed(run.statuses) if face(word).phase == "waiting" and at <= decision.at)
    return next(times, None)


def answer_sent(run: RunState, decision: GateDecision) -> tuple[Exchange | None, str, str]:
    """The call that carried a decision, if one did; what that wire calls the answer, and the answer as it was sent."""
    word = verdict_face(decision.verdict).word
    if decision.by != Origin.API:
        return None, "", word
    calls = (each for each in reversed(run.exchanges) if each.command == "invoke" and each.at <= decision.at)
    call = next(calls, None)
    sent: Json = dict(members_of(call.request_body.encode())) if call is not None else None
    for name in run.labels.answer:
        sent = sent.get(name) if isinstance(sent, dict) else None
    return (call, run.labels.answer[-1], sent) if isinstance(sent, str) else (call, "decision", word)


def decision_head(state: ScreenState, decision: GateDecision, room: int | None = None) -> str:
    """`APPROVED by you · 00:40.9`; an approval of several is counted. What is too long for its room is the name."""
    word = verdict_face(decision.verdict).word.upper()
    several = decision.approvals > 1 and decision.verdict == "approved"
    count = f" {decision.approved} of {decision.approvals}" if several else ""
    at = at_text(state.run.since_start(decision.at))
    cells = MOST_NAME if room is None else room - len(f"{word}{count} by  · {at}")
    return f"{word}{count}{by_whom(state, decision, max(LEAST_NAME, min(cells, MOST_NAME)))} · {at}"


def gate_text(state: ScreenState, gate: GateState, *, short: bool = False) -> str:
    """`gate 1 of 2 · BUYER_APPROVAL · CHAT · change 1 of 3`; `short`: without what the gate is called."""
    total = state.gates
    number = f"gate {gate.number} of {max(total, gate.number)}" if total else f"gate {gate.number}"
    named = () if short else (gate.code, gate.channel)
    return " · ".join(part for part in (number, *named, gate.changes) if part)


def last_decision(state: ScreenState) -> GateDecision | None:
    """The decision that has a receipt: the last one of the turn, until it ends, or another gate opens."""
    run = state.run
    if run.gate is not None or finished(run):
        return None
    return next((each.decision for each in reversed(run.milestones) if each.decision is not None), None)


# The bar

_BUTTONS: dict[str, tuple[str, str, Ink, Ground]] = {
    "approved": ("a", "Approve", "fill", "fill-done"),
    "rejected": ("r", "Reject", "fill", "fill-bad"),
    "changes-requested": ("c", "Changes", "wait", "panel"),
}
"""By verdict: its key, its face where the gate has none, its colours."""
MOST_TEXT = 4
"""Rows that each text of the bar takes at most."""


def approval_height(state: ScreenState, columns: int, rows: int) -> int:
    if state.shows_act or state.presents:
        return 0  # the act says it all
    gate, opening = state.run.gate, state.run.matched_opening
    if state.run.ended is not None or gate is None:
        return int(last_decision(state) is not None)
    # at the opening most time is left and the texts are longest; the bar stays as high while an answer is on its way
    lines = _lines(state, replace(gate, sent=None), columns, 0 if opening is None else opening.at)
    return max(5 if rows >= AIRY else 4, len(lines) + (columns < BROAD))


def approval_rows(view: View) -> Rows:
    state, gate, columns, rows = view.state, view.run.gate, view.columns, view.rows
    if (decision := decision_now(state, view.now) or last_decision(state)) is not None:
        return _receipt(view, decision)
    if gate is None:
        return tinted([BLANK] * rows, "wait", columns)
    lines, whole = (_lines(state, each, columns, view.now) for each in (gate, replace(gate, sent=None)))
    spare = max(0, rows - len(whole))  # an answer that is on its way moves nothing
    above = spare // 2 if columns >= BROAD else max(0, spare - 1)
    return tinted([*[BLANK] * above, *lines, *[BLANK] * rows][:rows], "wait", columns)


def _lines(state: ScreenState, gate: GateState, columns: int, now: Millis) -> list[Row]:
    """Every text broken at words; the buttons beside them, three rows high, from 120 columns on, else in a row below."""
    inner = columns - 6
    question, note = row(ink(" ".join(gate.question.split()), bold=True)), gate_note(state, gate)
    patience = patience_rows(state, gate, now)
    faces = verdict_buttons(state)
    keys = raised_buttons(faces) if faces and columns >= BROAD else []
    side = inner - widest(keys) - 2 if columns >= BROAD else inner
    texts = (question, *(patience if columns >= BROAD else flow(patience, inner, row("  "))), note)
    lines = [line for text in texts if text for line in wrap(text, side, most=MOST_TEXT)]
    if columns >= BROAD:
        return at_both_ends(lines, keys, inner)
    *rows, last = flow(faces, inner, row(" ")) or [BLANK]
    places = (gate_text(state, gate, short=short) for short in (False, True))
    place = next((each for each in places if len(each) <= inner - width(last) - 2), "")
    return [*lines, *rows, ends(last, row(ink(place, "dim")), inner)]


def gate_note(state: ScreenState, gate: GateState) -> Row:
    """What was asked for at the opening before; else who may decide besides, where a stranger's client polls."""
    decisions = (each.decision for each in reversed(state.run.timeline) if each.decision is not None)
    last = next(decisions, None) if gate.round else None
    if last is not None and last.comment and last.verdict == Verdict.CHANGES:
        return row(ink("asked for: ", "dim"), f"“{last.comment}”", ink(f"  by {who(state, last)}", "dim"))
    watched = state.source.follows and state.source.cursor is None and gate.in_chat
    return row(ink("the client may answer too", "dim")) if watched else BLANK


def gate_head(state: ScreenState, gate: GateState) -> Row:
    """That a decision is needed, and at which of the gates."""
    return row(ink("◆ ", "wait"), ink("APPROVAL NEEDED", "wait", bold=True), ink(f"  {gate_text(state, gate)}", "dim"))


def patience_rows(state: ScreenState, gate: GateState, now: Millis, *, elsewhere: bool = False) -> list[Row]:
    """How long there is, if it isn't `elsewhere`, and what happens if nobody decides; of an answer that was sent, or
    refused, that."""
    opening, cursor = state.run.matched_opening, state.source.cursor
    lead, happens = BLANK, BLANK
    if gate.refusal:
        label = "" if gate.refusal.startswith(NO_REPLY) else "refused: "
        return [row(ink(label, "bad", bold=True), ink(gate.refusal, "fg" if label else "bad"))]
    known = cursor.decisions if cursor is not None else {}
    if opening is not None and (decided := known.get((opening.job, opening.gate, opening.round))) is not None:
        at, verdict = decided
        word = ink(verdict_face(verdict).word, bold=True)
        happens = row(ink("recorded: ", "dim"), word, f" at {at_text(state.run.since_start(at))}")
    if gate.sent is not None:
        label = _BUTTONS[gate.sent][1] if gate.sent in _BUTTONS else gate.sent
        stands = ink(" · the clock stands: space lets its reply come", "wait") if state.ui.paused else row()
        happens = row(ink(f"◇ {label} sent", "wait", bold=True), stands)
    elif opening is not None and opening.approvals > 1:
        lead = row(ink(f"approvals {state.run.approved} of {opening.approvals}  ", "wait", bold=True))
    if opening is None:
        return [happens or row(lead, ink("" if gate.in_chat else "decided outside the API: the app only polls", "dim"))]
    left, whole = max(0, opening.until - now), max(1, opening.until - opening.at)
    tone: Ink = "wait" if left >= 60_000 or left * 4 > whole else "bad"
    named = row() if elsewhere else row(ink("patience ", "dim"), ink(minutes(left), tone, bold=True), " ")
    then = verdict_face(opening.otherwise.verdict).word
    if not happens and opening.otherwise.by is not None:
        happens = row(f"script: {then} in {minutes(opening.otherwise.at - now)}, then {opening.otherwise.to}")
    return [
        row(named, gauge(left / whole, 8, tone)),
        row(lead, happens or row(ink("if nobody decides: ", "dim"), f"{then}, then {opening.otherwise.to}")),
    ]


def verdict_buttons(state: ScreenState) -> list[Row]:
    """The buttons of the verdicts that are offered: Approve, Reject, Changes."""
    found = []
    for verdict, label in offered_answers(state):
        key, _, tone, ground = _BUTTONS[verdict]
        label = "Changes" if label == "Request changes" else label[:20]
        found.append(button(key, label, tone, ground))
    return found


def _receipt(view: View, decision: GateDecision) -> Rows:
    """What becomes of the bar once its gate is decided: who decided, what was said, after how long, at which gate."""
    state, gate, tone, inner = view.state, decision.gate, verdict_face(decision.verdict).role, view.columns - 6
    since = waiting_since(state.run, decision)
    said = row(f"  “{decision.comment}”") if decision.comment else row()
    room = inner - 2 - min(width(said), inner // 3)
    head = row(ink("◇ ", tone), ink(decision_head(state, decision, room), tone, bold=True))
    took = row() if since is None else row(ink("   after ", "dim"), seconds(decision.at - since))
    if took and decision.patience and decision.verdict != Verdict.TIMED_OUT:
        took = row(took, ink(f" of {minutes(decision.patience)}", "dim"))
    place = row(ink(" · ".join(filter(None, (gate.code, gate.channel))), "dim")) if gate is not None else row()
    forms = (row(head, said, took), row(head, said))
    left = next((each for each in forms if width(each) + width(place) + 2 <= inner), cut(row(head, said), inner))
    line = ends(left, place if width(left) + width(place) + 2 <= inner else row(), inner)
    question = cut(row(gate.question.replace("\n", " ")), inner) if gate is not None else BLANK
    whom = "the client" if state.source.follows else "the app"
    learns = row(ink(f"{whom} learns of it with its next poll", "dim"))
    # one that is due closes the bar as it stands; the next answer has it shrink to the receipt
    lines = [line] if view.rows < 3 else [BLANK, line, question, learns, BLANK][5 - view.rows if view.rows < 5 else 0 :]
    return tinted(lines[: view.rows], tone, view.columns)


# Answering


def offered_answers(state: ScreenState) -> tuple[tuple[str, str], ...]:
    """The verdicts that can be given now, each with its label."""
    labels = dict(state.newest.gate.answers) if state.newest.gate is not None else {}
    faces = {verdict: labels.get(verdict, plain) for verdict, (_, plain, _, _) in _BUTTONS.items()}
    return tuple((verdict, label) for verdict, label in faces.items() if answerable(verdict, state))


def answerable(verdict: str, state: ScreenState) -> bool:
    gate = state.newest.gate
    if gate is None or gate.sent is not None or "decide" not in state.source.can:
        return False
    return verdict in dict(gate.answers) or (not gate.answers and verdict != "changes-requested")


def gate_answer(state: ScreenState, verdict: str, content: str = "", name: str = "") -> GateAnswer:
    """The answer to the gate that shows: whose it is, which opening, and who gives it."""
    gate, opening = state.run.gate, state.run.opening
    if gate is None:
        return GateAnswer(verdict)
    known = opening is not None and opening.job == gate.job and opening.round == gate.round
    step = opening.gate if opening is not None and known else gate.gate
    return GateAnswer(verdict, content or None, gate.job, step, gate.key, name or None)


def _given(answer: GateAnswer) -> Reaction:
    """A decision at the keys is never held back by an act."""
    return Reaction(ask=lambda source: source.answer(answer), command="end hold")


def answering(verdict: str) -> React:
    return lambda state: _given(gate_answer(state, verdict))


def _at_opening(state: ScreenState) -> Callable[[ScreenState], bool]:
    """Whether the opening at which a form was begun still waits: what is typed for it decides no other, nor another job's."""
    key = state.newest.gate and state.newest.gate.key
    return lambda now: now.newest.gate is not None and now.newest.gate.key == key


def asking_for_changes(state: ScreenState) -> Reaction:
    hint = state.run.gate.prompt if state.run.gate is not None else ""

    def send(now: ScreenState, texts: tuple[str, ...]) -> Reaction:
        return _given(gate_answer(now, "changes-requested", *texts))

    return Reaction(form=TextForm("CHANGES", (FormField("changes › ", hint),), send, _at_opening(state)))


def answering_by_name(verdict: str, title: str) -> React:
    """A verdict with a name and a comment, either of which may be empty; where no name can go along, a comment alone."""

    def send(state: ScreenState, texts: tuple[str, ...]) -> Reaction:
        *names, content = texts
        given = _given(gate_answer(state, verdict, content, *names))
        return replace(given, ui=state.choose(output="rendered", name=names[0] if names else state.ui.name))

    def react(state: ScreenState) -> Reaction:
        names = (FormField("by › ", "name", state.ui.name),) if "name" in state.source.can else ()
        fields = (*names, FormField("saying › ", "comment"))
        return Reaction(form=TextForm(title, fields, send, _at_opening(state), optional=True))

    return react


def why_no_answer(state: ScreenState) -> str:
    gate = state.newest.gate
    if gate is None:
        return "No gate is open."
    if gate.sent is None:
        return "The gate doesn't offer this."
    if state.ui.paused:
        return "The answer was sent; the clock stands: space lets its reply come."
    return "The answer is on its way."
