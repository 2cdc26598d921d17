"""The acts of a job: the wait for the agents, the question to a person, the decision."""

from lab.core.clock import Millis
from lab.program.words import Status, Verdict
from lab.tui.panes.act_parts import ActPart, ActRoom, at_both_ends, lettered, request_head, tail_of, widest
from lab.tui.panes.approval import gate_head, gate_note, patience_row, side_by_side, verdict_buttons
from lab.tui.panes.decision import by_whom, decision_head, who
from lab.tui.panes.hero import beneath, hero_text, told_rows
from lab.tui.rows.blocks import at_text, latency, minutes, seconds
from lab.tui.rows.letters import block, zoom_of
from lab.tui.rows.spans import BLANK, Row, cut, ends, fill, ink, row, wrap
from lab.tui.state.gate import GateDecision, GateState, verdict_face
from lab.tui.state.ink import Ink
from lab.tui.state.run import RunState
from lab.tui.state.status import meaning

_PATIENCE_CELLS = 24
"""Columns kept for the patience beside the question."""


# RUNNING


def running_parts(room: ActRoom) -> list[ActPart]:
    """The status, how long the job has been in it and what that means, what the agent says, and how many polls there were."""
    run, columns = room.run, room.columns
    if run.job is None or run.last is None:
        return []
    said = hero_text(room.state, room.now)
    method, path, _ = room.state.labels.poll
    request = request_head(method, path, ((run.job.job or "")[:8], "run b"), (run.job.job or "")[8:])
    counted = row(ink(f"{run.polls} poll{'' if run.polls == 1 else 's'}", bold=True), ink(" · ", "dim"))
    short = "" if room.form == "least" else "every one a short question and a short answer; "
    summary = wrap(row(counted, short, ink("the server pushes nothing", bold=True)), columns)
    return [
        ActPart([cut(request, columns)], 3),
        ActPart(room.big(said.word, said.tone)),
        ActPart([cut(line, columns) for line in beneath(said)]),
        ActPart([cut(line, columns) for line in told_rows(room.state)], 2),
        ActPart(summary, 1),
    ]


# WAITING


def waiting_parts(room: ActRoom) -> list[ActPart]:
    """The question, how long there is, who decides if nobody does, and the keys."""
    run, columns = room.run, room.columns
    gate = run.gate
    if gate is None:
        return running_parts(room)
    head = cut(gate_head(room.state, gate), columns)
    patience = wrap(patience_row(room.state, gate, room.now), columns, most=2)
    if note := gate_note(room.state, gate):
        patience += wrap(note, columns, most=2)
    keys = gate_keys(room, gate)
    asks = question_rows(room, gate, room.rows - len(patience) - len(keys) - 4)
    return [ActPart([head], 3), ActPart(asks), ActPart(patience), ActPart(keys)]


def question_rows(room: ActRoom, gate: GateState, rows: int, *, beside: bool = True) -> list[Row]:
    """The question as large as so many rows let it be, and `beside` it, if there is room, how long there is."""
    columns, patience = room.columns, patience_digits(room) if beside else []
    text = " ".join(gate.question.split())
    side = columns - max(widest(patience), _PATIENCE_CELLS) - 3
    if patience and (found := lettered(text, side)) is not None and len(found) <= rows:
        return at_both_ends(found, patience, columns)
    if (found := lettered(text, columns)) is not None and len(found) <= rows:
        return found
    if patience and len(lines := wrap(row((text, "fg b")), side)) <= rows and len(patience) <= rows:
        return at_both_ends(lines, patience, columns)
    return wrap(row((text, "fg b")), columns)


def patience_digits(room: ActRoom) -> list[Row]:
    """How long there is, in block digits."""
    opening = room.run.matched_opening
    if opening is None or room.form == "least":
        return []
    left = max(0, opening.until - room.now)
    tone: Ink = "wait" if left >= 60_000 or left * 4 > opening.until - opening.opened else "bad"
    clock = room.big(minutes(left), tone, 1)
    wide = max(widest(clock), len("patience"))
    return [fill(row(("patience", "dim")), wide), BLANK, *[fill(line, wide) for line in clock]]


def gate_keys(room: ActRoom, gate: GateState) -> list[Row]:
    """The buttons, three rows high where there is room."""
    faces = [] if room.state.ui.answering else verdict_buttons(room.state)
    if not faces:
        return []
    lines = [side_by_side(faces)]
    if room.form == "whole":
        blank = side_by_side(faces, blank=True)
        lines = [blank, *lines, blank]
    return [cut(line, room.columns) for line in lines]


# The decision


def decided_parts(room: ActRoom, decision: GateDecision) -> list[ActPart]:
    """The verdict, who gave it and when, what was said, and how it went over the wire."""
    run, columns, gate = room.run, room.columns, decision.gate
    known = verdict_face(decision.verdict)
    big = room.big(known.word.upper(), known.role)
    signed = signature(room, decision)
    since = next(
        (since for word, since in reversed(run.statuses) if meaning(word) is Status.WAITING and since <= decision.at),
        None,
    )
    when = [] if since is None else _when(run, since, decision)
    room_left = columns - widest(when) - 3 if when else columns
    size = zoom_of(signed, room_left, 4, 1) if room.form != "least" else 0
    who_rows = (
        [row((decision_head(room.state, decision), f"{known.role} b"))] if not size else block(signed, size, "fg")
    )
    by = at_both_ends(who_rows, when, columns, bottom=True) if when and widest(who_rows) <= room_left else who_rows
    question = wrap(row((" ".join(gate.question.split()), "dim")), columns, most=2) if gate is not None else []
    said = comment_rows(room, decision)
    if room.form == "least":
        return [ActPart(big), ActPart(said, 1), ActPart(by)]
    return [
        ActPart(question, 2),
        ActPart(big),
        ActPart(by),
        ActPart(said),
        ActPart(_wire(room, decision), 3),
    ]


def signature(room: ActRoom, decision: GateDecision) -> str:
    """`by Ann · 00:40.9`."""
    name = f"by {who(room.state, decision)}" if by_whom(room.state, decision) else "nobody decided"
    return f"{name} · {at_text(room.run.since_start(decision.at))}"


def comment_rows(room: ActRoom, decision: GateDecision) -> list[Row]:
    """What was said with the decision, in quotes."""
    return wrap(row((f"“{decision.comment}”", "fg b")), room.columns, most=3) if decision.comment else []


def _when(run: RunState, since: Millis, decision: GateDecision) -> list[Row]:
    how = "waited " if decision.verdict == Verdict.TIMED_OUT else "answered after "
    took = row((how, "dim"), seconds(max(0, decision.at - since)))
    return [row(("asked at ", "dim"), at_text(run.since_start(since))), took]


def _wire(room: ActRoom, decision: GateDecision) -> list[Row]:
    """The call that carried the decision, if one did."""
    if decision.by != "api":
        return []
    calls = (each for each in reversed(room.run.exchanges) if each.command == "invoke" and each.at <= decision.at)
    call = next(calls, None)
    if call is None or call.code is None:
        return []
    came = row(("← ", "done b"), (str(call.code), "done b"), (f"  {latency(call.took)}", "dim"))
    head = request_head(call.method, tail_of(call.path, 1), "  ")
    job = (room.run.job.job or "")[:8] if room.run.job is not None else ""
    sent = row(
        ink(verdict_face(decision.verdict).word, bold=True), ink(f"  {room.state.labels.job} ", "dim"), f"{job}…"
    )
    return [ends(row(head, sent), came, room.columns)]
