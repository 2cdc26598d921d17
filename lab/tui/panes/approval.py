"""The approval bar: the question, its patience, who decides when nobody does, and the keys."""

from lab.core.clock import Millis
from lab.tui.panes import keys, message
from lab.tui.rows.blocks import at_text, minutes
from lab.tui.rows.spans import BLANK, Row, Rows, backed, cut, fill, gauge, hot, row, width, wrap
from lab.tui.state.screen import ScreenState
from lab.tui.state.values import GateOpening, GateState

GROUND = "@tint-wait"
_FACES = {"a": ("fill", "@fill-done"), "r": ("fill", "@fill-bad"), "c": ("wait", "@panel")}
_PLAIN = {"APPROVE_ACTION": "Approve", "REJECT_ACTION": "Reject", "RFI_ACTION": "Changes"}
_ACTIONS = {"a": "APPROVE_ACTION", "r": "REJECT_ACTION", "c": "RFI_ACTION"}
PROMPTS = {"changes": "changes › ", "approve": "approve, saying › ", "reject": "reject, saying › "}
"""What stands before the input row, by what it is for."""


def bar(scene: ScreenState, columns: int, rows: int, now: Millis) -> Rows:
    """The bar in 5 rows, in the projector layout 4."""
    if scene.look.typing == "message":
        return message.bar(scene, columns, rows, now)
    gate = scene.stage.gate
    if gate is None:
        return tuple(backed(fill(BLANK, columns), GROUND) for _ in range(rows))
    tight = rows <= 4
    faces = [] if scene.look.typing else buttons(scene, gate)
    right = sum(width(face) for face in faces) + len(faces) + 1 if not tight else 0
    inner = columns - (2 if tight else 3) - right
    lines = _lines(scene, gate, inner, now, tight=tight)
    edge = row(("▌", "wait"), " " if tight else "  ")
    drawn = []
    for index, line in enumerate(lines[:rows]):
        spans = row(edge, fill(line, inner))
        if tight and index == rows - 1 and faces:
            spans = row(edge, _side_by_side(faces), "  ", _note(scene, gate))
        elif not tight and faces and 1 <= index <= 3:
            spans = row(spans, _side_by_side(faces, blank=index != 2))
        drawn.append(backed(fill(spans, columns), GROUND))
    return tuple(drawn)


def _lines(scene: ScreenState, gate: GateState, inner: int, now: Millis, *, tight: bool) -> list[Row]:
    head = _head(scene, gate)
    question = wrap(row((gate.question.replace("\n", " "), "fg b")), inner, most=1 if tight else 2)
    last = _typing(scene, inner) if scene.look.typing else _patience(scene, gate, now)
    if tight:
        # the fourth row is that of the buttons
        return [head, *question, _patience(scene, gate, now), last if scene.look.typing else BLANK]
    note = _note(scene, gate)
    if len(question) == 2:
        return [head, *question, last, note]
    return [BLANK, head, *question, last, note]


def _note(scene: ScreenState, gate: GateState) -> Row:
    """Who else may decide, where a stranger's client polls."""
    watched = scene.show.follows and scene.show.cursor is None and gate.channel in ("CHAT", "")
    return row(("the client may answer too", "dim")) if watched else BLANK


def _head(scene: ScreenState, gate: GateState) -> Row:
    total = scene.gates
    number = f"gate {gate.number} of {max(total, gate.number)}" if total else f"gate {gate.number}"
    told = " · ".join(part for part in (number, gate.code, gate.channel, _quorum(scene, gate)) if part)
    if gate.sent is not None:
        return row(("◇ ", "wait"), (f"{_PLAIN.get(gate.sent, gate.sent)} sent", "wait b"), (f"  {told}", "dim"))
    return row(("◆ ", "wait"), ("APPROVAL NEEDED", "wait b"), (f"  {told}", "dim"))


def _opened(scene: ScreenState, gate: GateState) -> GateOpening | None:
    """What the journal tells of this opening."""
    told = scene.stage.patience
    return told if told is not None and told.gate.upper().replace("-", "_") == gate.code else None


def _quorum(scene: ScreenState, gate: GateState) -> str:
    told = _opened(scene, gate)
    return f"approvals {told.approved} of {told.approvals}" if told is not None and told.approvals > 1 else ""


def _patience(scene: ScreenState, gate: GateState, now: Millis) -> Row:
    if gate.refusal:
        return row(("refused: ", "bad b"), (gate.refusal, "fg"))
    told = _opened(scene, gate)
    if told is None:
        where = "outside the API: the app only polls" if gate.channel not in ("CHAT", "") else "nobody knows how long"
        return row(("patience ", "dim"), ("unknown", "fg"), (f"   {where}", "dim"))
    left = max(0, told.until - now)
    whole = max(1, told.until - told.opened)
    if told.by is not None:
        then = f"script: {told.verdict} in {minutes(told.then_at - now)}, then {told.to}"
    else:
        then = f"{'timed out' if told.verdict == 'timed-out' else told.verdict}, then {told.to}"
    tone = "wait" if left >= 60_000 or left * 4 > whole else "bad"
    head = row(("patience ", "dim"), (minutes(left), "fg b"), " ", gauge(left / whole, 13, tone))
    recorded = _recorded(scene, told)
    if recorded is not None:
        return row(head, "  ", recorded)
    return row(head, ("  if nobody decides: " if told.by is None else "  ", "dim"), then)


def _recorded(scene: ScreenState, told: GateOpening) -> Row | None:
    """What a recording knows of the opening that shows."""
    cursor = scene.show.cursor
    found = None if cursor is None else cursor.decisions.get((told.job, told.gate, told.round))
    if found is None:
        return None
    at, verdict = found
    word = {"timed-out": "timed out", "changes-requested": "changes asked for"}.get(verdict, verdict)
    return row(("recorded: ", "dim"), (word, "fg b"), (f" at {at_text(scene.stage.since_start(at))}", "fg"))


def _typing(scene: ScreenState, inner: int) -> Row:
    return cut(row((PROMPTS.get(scene.look.typing, ""), "wait b")), inner)


def buttons(scene: ScreenState, gate: GateState) -> list[Row]:
    """The faces of the keys that are offered: Approve, Reject, Changes."""
    faces = []
    labels = dict(gate.actions)
    for shown, action in _ACTIONS.items():
        if not keys.by_shown(shown).offered(scene):
            continue
        label = labels.get(action, _PLAIN[action])
        label = "Changes" if label == "Request changes" else label[:20]
        tone, ground = _FACES[shown]
        faces.append(hot(row((f"  {shown} ", f"{tone} b {ground}"), (f"{label}  ", f"{tone} {ground}")), shown))
    return faces


def _side_by_side(faces: list[Row], *, blank: bool = False) -> Row:
    parts: list[Row] = []
    for face in faces:
        parts.append(row((" " * width(face), face[0].role)) if blank else face)
        parts.append(row(" "))
    return row(*parts)
