"""The acts: each fact of a run as it has the screen to itself. Presenter mode is the act that the run is in, without a hold."""

from collections.abc import Callable, Iterator

from lab.program.words import Verdict
from lab.tui.panes.approval import (
    answer_sent,
    by_whom,
    decision_head,
    gate_head,
    gate_note,
    patience_rows,
    verdict_buttons,
    waiting_since,
    who,
)
from lab.tui.panes.job import job_parts
from lab.tui.panes.output import beneath, hero_text, told_rows
from lab.tui.panes.pane import View, ViewPart, last_of
from lab.tui.panes.stage import staged, way_out
from lab.tui.panes.token import token_parts
from lab.tui.rows.blocks import LEFT, at_text, latency, minutes, pill, raised_buttons, request_head, seconds, tail_of
from lab.tui.rows.letters import lettered
from lab.tui.rows.spans import (
    BLANK,
    Row,
    Rows,
    at_both_ends,
    cut,
    ends,
    fill,
    flow,
    gauge,
    ink,
    row,
    widest,
    width,
    wrap,
)
from lab.tui.state.acts import ACTS, Act, ActKind, counted_kinds, current_act
from lab.tui.state.gate import GateDecision, verdict_face
from lab.tui.state.ink import FILLS, Ink
from lab.tui.state.narrate import sentence
from lab.tui.state.screen import ScreenState
from lab.tui.state.status import face

_GAUGE = 24
"""Columns of the gauge of a hold, at most."""


def act_rows(view: View) -> Rows:
    """The act that shows: in stage pace the one that is kept, in presenter mode the one that the run is in."""
    state = view.state
    kept = state.act.act if state.shows_act else None
    act = kept or current_act(view.run).act
    foot = way_out(state, view.inner) if act is None or kept is None else act_foot(state, act, view.inner)
    lines = staged(
        view,
        view.rows,
        lambda room: [
            *([ViewPart(_said(room))] if state.presents else []),
            *(ACT_FACES[act.kind](room, act) if act else []),
        ],
        foot,
    )
    return tuple(row(" " * LEFT, line) if line else BLANK for line in lines)


def _said(room: View) -> list[Row]:
    """What just happened, or what the person must be told first; presenter mode has no other row for it."""
    ui = room.state.ui
    text = ui.broken or ui.remark or room.state.source.trouble or f"{ui.passed} {sentence(room.state)}".strip()
    return wrap(row(ink(text, bold=True)), room.columns, most=3)


def _refused(room: View) -> list[ViewPart]:
    """The code in block digits, why, and what the server asks for instead."""
    run, columns, token = room.run, room.columns, room.run.job is None
    call = run.token if token else run.job
    if call is None or call.code is None:
        return []
    exchange = last_of("token" if token else "invoke", room.state)
    error, _, text = (call.refusal or "").removeprefix(f"HTTP {call.code}: ").partition(" · ")
    why = [*wrap(row(ink(error, "bad", bold=True)), columns), *(wrap(row(text), columns) if text else [])]
    headers = exchange.reply_headers if exchange is not None else ()
    challenge = [value for header, value in headers if header.lower() == "www-authenticate"]
    asks = [line for value in challenge for line in wrap(row(ink("WWW-Authenticate  ", "dim"), value), columns, most=3)]
    request = request_head("POST", call.path if token else tail_of(call.path, 2))
    big = room.big(str(call.code), "bad")
    return [
        ViewPart([cut(request, columns)], 2),
        ViewPart(big),
        ViewPart([pill(call.code, "bad")], 1),
        ViewPart(why),
        ViewPart(asks, 3),
    ]


# The job


def _running(room: View) -> list[ViewPart]:
    """The status, how long the job has been in it and what that means, what the agent says, and how many polls there were."""
    run, columns = room.run, room.columns
    if run.job is None or run.last is None:
        return []
    said = hero_text(room.state, room.now)
    method, path, _ = room.state.labels.poll
    job = run.job.job or ""
    request = request_head(method, path, ink(job[:8], "run", bold=True), job[8:])
    counted = row(ink(f"{run.polls} poll{'' if run.polls == 1 else 's'}", bold=True), ink(" · ", "dim"))
    short = "" if columns < 90 else "every one a short question and a short answer; "
    lines = [*told_rows(room.state), row(counted, short, ink("the server pushes nothing", bold=True))]
    return [
        ViewPart([cut(request, columns)], 3),
        ViewPart(room.big(said.word, said.tone)),
        ViewPart([cut(line, columns) for line in beneath(said, max(1, room.zoom - 2))]),
        ViewPart([cut(line, columns) for line in lines], 2),
    ]


def _waiting(room: View) -> list[ViewPart]:
    """The status, the question in the largest letters that have room, how long there is, who decides if nobody does, the keys."""
    state, gate, columns = room.state, room.run.gate, room.columns
    if gate is None:
        return _running(room)
    text, faces = " ".join(gate.question.split()), verdict_buttons(state)
    plain_text = wrap(row(ink(text, bold=True)), columns)
    keys = ViewPart([cut(line, columns) for line in raised_buttons(faces)] if faces else [])

    def asking(question: list[Row], status: int, digits: int) -> list[ViewPart]:
        """The status and the patience in letters of these sizes; without any in words, before and below the question."""
        clock = _patience(room, digits) if status else []
        word = room.big("WAITING", "wait", less=room.zoom - status, beside=widest(clock) + 3) if status else []
        head = gate_head(state, gate) if status else row(_status_pill(room), gate_head(state, gate))
        patience = flow(patience_rows(state, gate, room.now, elsewhere=bool(clock)), columns, row("  "))
        texts = [line for each in (*patience, gate_note(state, gate)) if each for line in wrap(each, columns)]
        lead = ViewPart([cut(head, columns)], int(status > 0))
        return [ViewPart(at_both_ends(word, clock, columns)), lead, ViewPart(question), ViewPart(texts), keys]

    def forms() -> Iterator[list[ViewPart]]:
        for size in range(room.zoom - 1, 0, -1):
            if asks := lettered(text, columns, size, least=size):
                yield from (asking(asks, status, size * bool(status)) for status in (size + 1, size, 0))
        for size in range(room.zoom, 0, -1):
            yield asking(plain_text, size, size)

    def height(parts: list[ViewPart]) -> int:
        return sum(len(part.rows) + 1 for part in parts if part.rows and not part.folds) - 1

    fitting = (each for each in forms() if height(each) <= room.rows)
    return next(fitting, asking(plain_text, 0, 0))


def _status_pill(room: View) -> Row:
    """The status on its ground, before what has the act."""
    last = room.run.last
    if last is None:
        return BLANK
    return row(ink(f" {last.status} ", "fill", bold=True, on=FILLS[face(last.status).role]), "  ")


def _patience(room: View, size: int) -> list[Row]:
    """How long there is, in block digits; nothing where nobody told it."""
    opening = room.run.matched_opening
    if opening is None:
        return []
    left = max(0, opening.until - room.now)
    tone: Ink = "wait" if left >= 60_000 or left * 4 > opening.until - opening.at else "bad"
    clock = room.big(minutes(left), tone, less=room.zoom - size + 1, beside=room.columns // 2)
    wide = max(widest(clock), len("patience"))
    return [fill(row(ink("patience", "dim")), wide), BLANK, *[fill(line, wide) for line in clock]]


def _decided(room: View, decision: GateDecision) -> list[ViewPart]:
    """The verdict, who gave it and when, what was said, and how it went over the wire."""
    run, columns, gate = room.run, room.columns, decision.gate
    known = verdict_face(decision.verdict)
    name = f"by {who(room.state, decision)}" if by_whom(room.state, decision) else "nobody decided"
    when = list[Row]()
    if (since := waiting_since(run, decision)) is not None:
        how = "waited " if decision.verdict == Verdict.TIMED_OUT else "answered after "
        when = [
            row(ink("asked at ", "dim"), at_text(run.since_start(since))),
            row(ink(how, "dim"), seconds(max(0, decision.at - since))),
        ]
    signed = lettered(
        f"{name} · {at_text(run.since_start(decision.at))}", columns - widest(when) - 3, room.zoom - 1, lines=1
    )
    head = decision_head(room.state, decision, columns - widest(when) - 3)
    by = signed or [row(ink(head, known.role, bold=True))]
    if widest(by) + widest(when) + 3 <= columns:
        by = at_both_ends(by, [*[BLANK] * (len(by) - len(when)), *when], columns)
    text = ink(" ".join(gate.question.split()), "dim") if gate is not None else ""
    question = wrap(row(_status_pill(room), text), columns, most=2)
    said = wrap(row(ink(f"“{decision.comment}”", bold=True)), columns, most=3) if decision.comment else []
    return [
        ViewPart(question),
        ViewPart(room.big(known.word.upper(), known.role)),
        ViewPart(by, 1),
        ViewPart(said),
        ViewPart(_sent(room, decision), 3),
    ]


def _sent(room: View, decision: GateDecision) -> list[Row]:
    """The answer that was sent, if a call carried it, and what came back."""
    call, label, answer = answer_sent(room.run, decision)
    if call is None or call.code is None:
        return []
    job = (room.run.job.job or "")[:8] if room.run.job is not None else ""
    came = row(ink(f"← {call.code}", "done", bold=True), ink(f"  {latency(call.took)}", "dim"))
    sent = row(ink(f"  {label} ", "dim"), ink(answer, bold=True), ink(f"  {room.state.labels.job} ", "dim"), f"{job}…")
    return [ends(row(request_head(call.method, tail_of(call.path, 1)), sent), came, room.columns)]


# Which act it is


def act_foot(state: ScreenState, act: Act, columns: int) -> Row:
    """Which act it is, what comes then, and a gauge of how long it still stays."""
    shown = state.act
    number = row(ink(act_count(state, act), "dim"))
    if shown.left is None:
        return ends(number, row(ink("space", "wait", bold=True), " goes on"), columns)
    part = 1.0
    if (ACTS[act.kind].stands or shown.waits) and shown.whole and (shown.left or shown.waits):
        part = 1 - shown.left / shown.whole
    before, what = _then(state, act)
    then = row(ink(before, "dim"), what, "  ")
    if width(number) + width(then) + _GAUGE + 2 > columns:
        number = row(ink(act_count(state, act).partition(" · ")[0], "dim"))
    cells = max(4, min(_GAUGE, columns - width(number) - width(then) - 2))
    return ends(number, row(then, gauge(part, cells, "run")), columns)


def act_count(state: ScreenState, act: Act) -> str:
    """`act 4 of 6 · gate 2 of 3 · change 1 of 3`; without a plan at hand nobody knows of how many."""
    run, several = state.run, max(state.gates or 0, len(state.run.gates))
    parts = [f"turn {run.turn}"] if run.turn > 1 else []
    parts += [number] if (number := act_number(state, act)) else []
    gate = run.gate if act.decision is None else act.decision.gate
    if gate is not None and act.kind in ("waiting", "decided"):
        parts += [f"gate {gate.number} of {several}"] if several > 1 else []
        parts += [gate.changes] if gate.changes else []
    return " · ".join(parts)


def act_number(state: ScreenState, act: Act) -> str:
    run, gates = state.run, state.gates
    kinds = counted_kinds(gate=bool(gates or run.gates) or act.kind in ("waiting", "decided"))
    if act.kind not in kinds:
        return ""
    number = f"act {kinds.index(act.kind) + 1}"
    return number if gates is None and not run.gates else f"{number} of {len(kinds)}"


def _then(state: ScreenState, act: Act) -> tuple[str, str]:
    """What comes after an act, and the word before it."""
    run, call, opening = state.run, state.run.next_call, state.run.matched_opening
    match act.kind:
        case "token":
            return "then ", "the question goes out"
        case "job":
            return "then ", "first poll" + (f", {seconds(call.until - call.at)} later" if call is not None else "")
        case "waiting" if run.gate is None:
            return "until ", "the wait is over"
        case "waiting":
            return (
                "until ",
                "the script decides"
                if opening is not None and opening.otherwise.by is not None
                else "a person decides",
            )
        case "decided":
            comes = {"running": "the agents work again", "output": "the output", "waiting": "the next question"}
            return "then ", comes.get(state.act.followed, "the panes")
        case _:
            return "until ", "the status changes"


ACT_FACES: dict[ActKind, Callable[[View, Act], list[ViewPart]]] = {
    "token": lambda room, _: token_parts(room),
    "job": lambda room, _: job_parts(room),
    "running": lambda room, _: _running(room),
    "waiting": lambda room, _: _waiting(room),
    "decided": lambda room, act: _decided(room, act.decision) if act.decision else [],
    "output": lambda room, _: _refused(room),
    "refused": lambda room, _: _refused(room),
    "panes": lambda room, _: _running(room),
}
"""What each kind of act shows (`ACTS`). In presenter mode a run that ended without a job has its refusal as the output."""
