"""The approval bar: the question, its patience, who decides when nobody does, and the keys that answer."""

from collections.abc import Callable

from lab.core.clock import Millis
from lab.tui.panes.decision import decision_now, gate_text, last_decision, receipt, who
from lab.tui.panes.keys import Fields, InputRow, React, Reaction, ScreenKey, choosing
from lab.tui.panes.layout import AIRY, BROAD, projector
from lab.tui.panes.message import MESSAGE_ROW, message_bar
from lab.tui.panes.pane import Bar, View
from lab.tui.panes.search import SEARCH_ROW
from lab.tui.rows.blocks import at_text, minutes
from lab.tui.rows.spans import BLANK, Row, Rows, backed, cut, fill, gauge, hot, ink, row, width, wrap
from lab.tui.state.gate import GateAnswer, GateDecision, GateOpening, GateState
from lab.tui.state.ink import Ink
from lab.tui.state.screen import SEARCH, ScreenState

_BUTTONS = {
    "approved": ("approve", "a", "Approve", "fill", "@fill-done"),
    "rejected": ("reject", "r", "Reject", "fill", "@fill-bad"),
    "changes-requested": ("changes", "c", "Changes", "wait", "@panel"),
}
"""By verdict: its action and the usual key, its face where the gate has none, its colours."""
_RECORDED = {"timed-out": "timed out", "changes-requested": "changes asked for"}

MOST_TEXT = 4
"""Rows that each text of the bar takes at most."""


def _size(state: ScreenState, columns: int, rows: int) -> int:
    if state.ui.typing == "message":
        return 3 if projector(state, columns) else 5
    if (state.shows_act or state.presents) and not state.ui.answering:
        return 0  # the act says it all
    if state.run.ended is not None or state.run.gate is None:
        return int(last_decision(state) is not None)
    least = 5 if rows >= AIRY else 4
    # at the opening most time is left and the texts are longest
    opening = state.run.matched_opening
    return max(least, len(_lines(state, state.run.gate, columns, 0 if opening is None else opening.opened)))


def _draw(view: View) -> Rows:
    state, gate, columns, rows = view.state, view.run.gate, view.columns, view.rows
    if state.ui.typing == "message":
        return message_bar(view)
    decision = decision_now(state, view.now) or last_decision(state)
    if decision is not None:
        return receipt(view, decision)
    lines = [] if gate is None else _lines(state, gate, columns, view.now)
    above = max(0, rows - len(lines)) if not state.ui.answering and columns < BROAD else max(0, rows - len(lines)) // 2
    drawn = [*[BLANK] * above, *lines, *[BLANK] * rows][:rows]
    return tuple(backed(fill(row(ink("▌", "wait"), "  ", line), columns), "@tint-wait") for line in drawn)


def _lines(state: ScreenState, gate: GateState, columns: int, now: Millis) -> list[Row]:
    """Every text broken at words, and the buttons: beside them, three rows high, where all have room, else below."""
    inner, typing = columns - 6, state.ui.answering
    texts = [
        gate_head(state, gate),
        row(ink(" ".join(gate.question.split()), bold=True)),
        patience_row(state, gate, now),
    ]
    if typing:  # what is typed stands in the fourth row
        return [*[cut(text, inner) for text in texts], cut(_prompts(state, INPUT_ROWS[typing]), inner)]
    faces, texts = verdict_buttons(state), [*texts, gate_note(state, gate)]
    side = inner - width(side_by_side(faces)) - 2
    beside = [line for text in texts if text for line in wrap(text, side, most=MOST_TEXT)]
    whole = width(texts[0]) <= side and width(texts[2]) <= side
    if columns >= BROAD and faces and whole and len(beside) <= MOST_TEXT:
        beside += [BLANK] * (3 - len(beside))
        buttons = [side_by_side(faces, blank=at != 1) for at in range(3)] + [BLANK] * (len(beside) - 3)
        return [row(fill(text, side + 2), button) for text, button in zip(beside, buttons, strict=True)]
    lines = [line for text in texts if text for line in wrap(text, inner, most=MOST_TEXT)]
    rows: list[list[Row]] = []
    for face in faces:
        if rows and sum(width(each) + 1 for each in (*rows[-1], face)) <= inner:
            rows[-1].append(face)
        else:
            rows.append([face])
    return [*lines, *map(side_by_side, rows)]


def _prompts(state: ScreenState, typed: InputRow) -> Row:
    """What stands before the row's fields, and in those that aren't typed in; the field itself lies over the row."""
    ui, parts = state.ui, list[Row]()
    for at, ((prompt, cells), hint) in enumerate(zip(typed.fields(state), typed.placeholders(state), strict=True)):
        text = "" if at == ui.field or at >= len(ui.typed) else ui.typed[at]
        shown = row((hint, "dim")) if at != ui.field and not text else row((text, "fg"))
        parts.append(row((prompt, "wait b"), fill(shown, cells) if cells else shown))
    return row(*parts)


def gate_note(state: ScreenState, gate: GateState) -> Row:
    """What was asked for at the opening before; else who may decide besides, where a stranger's client polls."""
    asked_for = _changes_before(state, gate)
    if asked_for is not None:
        return row(("asked for: ", "dim"), (f"“{asked_for.comment}”", "fg"), (f"  by {who(state, asked_for)}", "dim"))
    watched = state.source.follows and state.source.cursor is None and gate.in_chat
    return row(("the client may answer too", "dim")) if watched else BLANK


def _changes_before(state: ScreenState, gate: GateState) -> GateDecision | None:
    """The request for changes that led to this opening, if it said what they are."""
    decisions = (each.decision for each in reversed(state.run.timeline) if each.decision is not None)
    last = next(decisions, None) if gate.round else None
    return last if last is not None and last.comment and last.verdict == "changes-requested" else None


def gate_head(state: ScreenState, gate: GateState) -> Row:
    """That a decision is needed, at which of the gates, or that it was sent."""
    opening = state.run.matched_opening
    several = opening is not None and opening.approvals > 1
    quorum = f" · approvals {opening.approved} of {opening.approvals}" if opening is not None and several else ""
    text = f"  {gate_text(state, gate)}{quorum}"
    if gate.sent is None:
        return row(("◆ ", "wait"), ("APPROVAL NEEDED", "wait b"), (text, "dim"))
    sent = _BUTTONS[gate.sent][2] if gate.sent in _BUTTONS else gate.sent
    return row(("◇ ", "wait"), (f"{sent} sent", "wait b"), (text, "dim"))


def patience_row(state: ScreenState, gate: GateState, now: Millis, *, told: bool = False) -> Row:
    """How long there is, if it isn't `told` elsewhere, and what happens if nobody decides; of an answer that was refused why."""
    if gate.refusal:
        return row(("refused: ", "bad b"), (gate.refusal, "fg"))
    opening = state.run.matched_opening
    if opening is None:
        return BLANK if gate.in_chat else row(("decided outside the API: the app only polls", "dim"))
    left = max(0, opening.until - now)
    whole = max(1, opening.until - opening.opened)
    tone: Ink = "wait" if left >= 60_000 or left * 4 > whole else "bad"
    named = row() if told else row(ink("patience ", "dim"), ink(minutes(left), tone, bold=True), " ")
    head = row(named, gauge(left / whole, 13, tone))
    recorded = _recorded(state, opening)
    if recorded is not None:
        return row(head, "  ", recorded)
    if opening.by is not None:
        return row(head, f"  script: {opening.verdict} in {minutes(opening.then_at - now)}, then {opening.to}")
    verdict = "timed out" if opening.verdict == "timed-out" else opening.verdict
    return row(head, ("  if nobody decides: ", "dim"), f"{verdict}, then {opening.to}")


def _recorded(state: ScreenState, opening: GateOpening) -> Row | None:
    """What a recording knows of the opening that shows."""
    cursor = state.source.cursor
    found = None if cursor is None else cursor.decisions.get((opening.job, opening.gate, opening.round))
    if found is None:
        return None
    at, verdict = found
    word = _RECORDED.get(verdict, verdict)
    return row(("recorded: ", "dim"), (word, "fg b"), (f" at {at_text(state.run.since_start(at))}", "fg"))


def verdict_buttons(state: ScreenState) -> list[Row]:
    """The faces of the keys that are offered: Approve, Reject, Changes."""
    faces = []
    for verdict, label in offered_answers(state):
        action, key, _, tone, ground = _BUTTONS[verdict]
        label = "Changes" if label == "Request changes" else label[:20]
        shown = state.ui.faces.get(action, key)
        faces.append(hot(row((f"  {shown} ", f"{tone} b {ground}"), (f"{label}  ", f"{tone} {ground}")), key))
    return faces


def side_by_side(faces: list[Row], *, blank: bool = False) -> Row:
    """Buttons in one row; `blank`: the row above or below it, of their ground alone."""
    parts: list[Row] = []
    for face in faces:
        parts += [row((" " * width(face), face[0].role)) if blank else face, row(" ")]
    return row(*parts)


# Answering


def offered_answers(state: ScreenState) -> tuple[tuple[str, str], ...]:
    """The verdicts that can be given now, each with its label."""
    labels = dict(state.newest.gate.answers) if state.newest.gate is not None else {}
    faces = {verdict: labels.get(verdict, plain) for verdict, (_, _, plain, _, _) in _BUTTONS.items()}
    return tuple((verdict, label) for verdict, label in faces.items() if _answerable(verdict)(state))


def _answerable(verdict: str) -> Callable[[ScreenState], bool]:
    def offered(state: ScreenState) -> bool:
        gate = state.newest.gate
        if gate is None or gate.sent is not None or "decide" not in state.source.can:
            return False
        return verdict in dict(gate.answers) or (not gate.answers and verdict != "changes-requested")

    return offered


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


def _answering(verdict: str) -> React:
    return lambda state: _given(gate_answer(state, verdict))


_NAME_CELLS = 18


def _signed(prompt: str, verdict: str) -> InputRow:
    """A verdict with a name and a comment, either of which may be empty; where no name can go along, a comment alone."""

    def fields(state: ScreenState) -> Fields:
        if "name" not in state.source.can:
            return ((f"{prompt}, saying › ", 0),)
        return ((f"{prompt} as › ", _NAME_CELLS), ("  saying › ", 0))

    def send(state: ScreenState, texts: tuple[str, ...]) -> Reaction:
        *names, content = texts
        return _given(gate_answer(state, verdict, content, *names))

    return InputRow(
        fields, 3, 3, send, placeholders=lambda state: ("name", "comment")[-len(fields(state)) :], optional=True
    )


def _changes(state: ScreenState) -> tuple[str, ...]:
    return (state.run.gate.prompt if state.run.gate else "",)


INPUT_ROWS = {
    "changes": InputRow(
        lambda state: (("changes › ", 0),),
        3,
        3,
        lambda state, texts: _given(gate_answer(state, "changes-requested", *texts)),
        placeholders=_changes,
    ),
    "approve": _signed("approve", "approved"),
    "reject": _signed("reject", "rejected"),
    "message": MESSAGE_ROW,
    SEARCH: SEARCH_ROW,
}
"""By what the person types: `UiState.typing`."""

_APPROVE, _REJECT = (_answerable(verdict) for verdict in ("approved", "rejected"))
KEYS = (
    ScreenKey("approve", "a", "a", "Approve", "approve at the open gate", _answering("approved"), _APPROVE, group="gate", needs="decide"),
    ScreenKey("reject", "r", "r", "Reject", "reject at the open gate", _answering("rejected"), _REJECT, group="gate", needs="decide"),
    ScreenKey(
        "changes", "c", "c", "Changes", "ask for changes: type what they are",
        choosing(typing="changes", field=0), _answerable("changes-requested"), group="gate", needs="decide",
    ),
    ScreenKey(
        "approve-saying", "A", "A", "Approve by name", "approve with a name and a comment",
        choosing(typing="approve", field=0, typed=()), _APPROVE, group="gate", needs="decide",
    ),
    ScreenKey(
        "reject-saying", "R", "R", "Reject by name", "reject with a name and a comment",
        choosing(typing="reject", field=0, typed=()), _REJECT, group="gate", needs="decide",
    ),
)  # fmt: skip

APPROVAL_BAR = Bar("approval", "bottom", _size, _draw, timed=True, keys=KEYS)
