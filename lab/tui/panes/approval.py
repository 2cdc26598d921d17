"""The approval bar: the question, its patience, who decides when nobody does, and the keys that answer."""

from collections.abc import Callable

from lab.core.clock import Millis
from lab.tui.panes.decision import decision_bar, decision_now, gate_text, who
from lab.tui.panes.keys import Fields, InputRow, React, Reaction, ScreenKey, choosing
from lab.tui.panes.layout import projector
from lab.tui.panes.message import MESSAGE_ROW, message_bar
from lab.tui.panes.pane import Bar, View
from lab.tui.panes.search import SEARCH_ROW
from lab.tui.rows.blocks import at_text, minutes
from lab.tui.rows.spans import BLANK, Row, Rows, backed, cut, fill, gauge, hot, row, width, wrap
from lab.tui.state.gate import GateAnswer, GateDecision, GateOpening, GateState
from lab.tui.state.screen import SEARCH, ScreenState
from lab.tui.state.status import decision_shown

_BUTTONS = {
    "approved": ("approve", "a", "Approve", "fill", "@fill-done"),
    "rejected": ("reject", "r", "Reject", "fill", "@fill-bad"),
    "changes-requested": ("changes", "c", "Changes", "wait", "@panel"),
}
"""By verdict: its action and the usual key, its face where the gate has none, its colours."""
_RECORDED = {"timed-out": "timed out", "changes-requested": "changes asked for"}

MOST_TEXT = 4
"""Rows that each text of the bar takes at most."""


def _size(state: ScreenState, columns: int) -> int:
    tight = projector(state, columns)
    if state.ui.typing == "message":
        return 3 if tight else 5
    if (state.shows_act or state.presents) and not state.ui.answering:
        return 0  # the act says it all
    if state.run.ended is not None or (state.run.gate is None and decision_shown(state.run) is None):
        return 0
    least, gate = 4 if tight else 5, state.run.gate
    if gate is None or state.ui.answering:
        return least
    texts, buttons = _wrapped(state, gate, columns if tight else columns - 2, None, tight=tight)
    return max(least, len(texts) + len(buttons))


def _draw(view: View) -> Rows:
    state, gate, columns, rows = view.state, view.run.gate, view.columns, view.rows
    if state.ui.typing == "message":
        return message_bar(view)
    decision = decision_now(state, view.now)
    if decision is not None:
        return decision_bar(view, decision)
    if gate is None:
        return tuple(backed(fill(BLANK, columns), "@tint-wait") for _ in range(rows))
    tight = rows <= 4 or projector(state, columns + 2)
    faces = [] if state.ui.answering else verdict_buttons(state)
    right = sum(width(face) for face in faces) + len(faces) + 1 if not tight else 0
    inner = columns - (2 if tight else 3) - right
    edge = row(("▌", "wait"), " " if tight else "  ")
    texts, below = ([], []) if state.ui.answering else _wrapped(state, gate, columns, view.now, tight=tight)
    if texts:
        texts = texts[: rows - len(below)]
        shown = [*[BLANK] * (rows - len(texts) - len(below)), *texts, *below]
        return tuple(backed(fill(row(edge, line), columns), "@tint-wait") for line in shown)
    drawn = []
    for index, line in enumerate(_lines(state, gate, inner, view.now, tight=tight)[:rows]):
        spans = row(edge, fill(line, inner))
        if tight and index == rows - 1 and faces:
            spans = row(edge, side_by_side(faces), "  ", gate_note(state, gate))
        elif not tight and faces and 1 <= index <= 3:
            spans = row(spans, side_by_side(faces, blank=index != 2))
        drawn.append(backed(fill(spans, columns), "@tint-wait"))
    return tuple(drawn)


def _wrapped(
    state: ScreenState, gate: GateState, columns: int, now: Millis | None, *, tight: bool
) -> tuple[list[Row], list[Row]]:
    """Every text broken at words, and the buttons that go under them; nothing where the usual bar has room for all.

    `now` None: at the opening, when most time is left and the texts are longest; that decides which it is.
    """
    opening, faces = state.run.matched_opening, verdict_buttons(state)
    opened = 0 if opening is None else opening.opened
    side = 0 if tight else sum(width(face) + 1 for face in faces) + 1
    inner = columns - (2 if tight else 3)
    head, note = gate_head(state, gate), gate_note(state, gate)
    question = row((gate.question.replace("\n", " "), "fg b"))
    beside = width(side_by_side(faces)) + 2 + width(note) <= inner if tight else width(note) <= inner - side
    usual = beside and all(width(text) <= inner - side for text in (head, patience_row(state, gate, opened)))
    if usual and len(wrap(question, inner - side)) <= (1 if tight else 2):
        return [], []
    patience = patience_row(state, gate, opened if now is None else now)
    lines = [line for text in (head, question, patience, note) if text for line in wrap(text, inner, most=MOST_TEXT)]
    return lines, _rows_of(faces, inner)


def _rows_of(faces: list[Row], inner: int) -> list[Row]:
    """The buttons in as many rows as they need."""
    rows: list[list[Row]] = []
    for face in faces:
        if rows and sum(width(each) + 1 for each in (*rows[-1], face)) <= inner:
            rows[-1].append(face)
        else:
            rows.append([face])
    return [side_by_side(each) for each in rows]


def _lines(state: ScreenState, gate: GateState, inner: int, now: Millis, *, tight: bool) -> list[Row]:
    head, typing = gate_head(state, gate), state.ui.answering
    question = wrap(row((gate.question.replace("\n", " "), "fg b")), inner, most=1 if tight else 2)
    prompt = cut(_prompts(state, INPUT_ROWS[typing]), inner) if typing else BLANK
    if tight:
        # the fourth row is that of the buttons
        return [head, *question, patience_row(state, gate, now), prompt]
    last = prompt if typing else patience_row(state, gate, now)
    return [*([] if len(question) == 2 else [BLANK]), head, *question, last, gate_note(state, gate)]


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


def patience_row(state: ScreenState, gate: GateState, now: Millis) -> Row:
    """How long there is, and what happens if nobody decides; of an answer that was refused why."""
    if gate.refusal:
        return row(("refused: ", "bad b"), (gate.refusal, "fg"))
    opening = state.run.matched_opening
    if opening is None:
        return BLANK if gate.in_chat else row(("decided outside the API: the app only polls", "dim"))
    left = max(0, opening.until - now)
    whole = max(1, opening.until - opening.opened)
    tone = "wait" if left >= 60_000 or left * 4 > whole else "bad"
    head = row(("patience ", "dim"), (minutes(left), "fg b"), " ", gauge(left / whole, 13, tone))
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

APPROVAL_BAR = Bar("approval", "bottom", _size, _draw, timed=True, inset=True, keys=KEYS)
