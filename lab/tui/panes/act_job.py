"""The acts of a job: the wait for the agents, the question to a person, the decision."""

from lab.core.clock import Millis
from lab.program.words import Status, Verdict
from lab.tui.panes.act_parts import ActPart, ActRoom, at_both_ends, lettered, request_head, tail_of, widest
from lab.tui.panes.approval import gate_head, gate_note, patience_row, side_by_side, verdict_buttons
from lab.tui.panes.decision import by_whom, decision_head, who
from lab.tui.rows.blocks import at_text, bars, latency, minutes, seconds
from lab.tui.rows.letters import block, zoom_of
from lab.tui.rows.spans import BLANK, Row, clip, cut, ends, fill, row, width, wrap
from lab.tui.state.gate import GateDecision, GateState, verdict_face
from lab.tui.state.ink import Ink
from lab.tui.state.run import RunState
from lab.tui.state.status import face, meaning
from lab.tui.state.summary import lengths_of

_PATIENCE_CELLS = 24
"""Columns kept for the patience beside the question."""


# RUNNING


def running_parts(room: ActRoom) -> list[ActPart]:
    """How long until the next poll, what the agent says, and a lane with an arrow a poll."""
    run, columns = room.run, room.columns
    job, last = run.job, run.last
    if job is None or last is None:
        return []
    method, path, _ = room.state.labels.poll
    first, rest = (job.job or "")[:8], (job.job or "")[8:]
    request = request_head(method, path, (first, "run b"), rest)
    counted = row((f"{run.polls} poll{'' if run.polls == 1 else 's'}", "fg b"), (" · ", "dim"))
    short = "" if room.form == "least" else "every one a short question and a short answer; "
    summary = wrap(row(counted, short, ("the server pushes nothing", "fg b")), columns)
    word = room.big(last.status, face(last.status).role)
    fact = _unknown(room, last.status) if meaning(last.status) is None else [*word, BLANK, *countdown(room)]
    parts = [ActPart([cut(request, columns)], 3), ActPart(fact), ActPart(_struck(run), 1)]
    if room.form == "least":
        return [ActPart(fact), ActPart(_struck(run), 1), ActPart(summary, 2)]
    lane = _arrows(room) if room.form == "whole" else []
    return [*parts, ActPart(lane, 4), ActPart(summary, 2)]


def countdown(room: ActRoom) -> list[Row]:
    """How long until the next poll, and beside it, or below, what the agent says."""
    call, columns = room.run.next_call, room.columns
    left = max(0, call.until - room.now) if call is not None else 0
    text = minutes(left) if left >= 100_000 else f"{left // 1000}.{left % 1000 // 100}"
    clock = room.big(text, "fg", 1)
    unit = "to the next poll" if left >= 100_000 else "s to the next poll" if left else "asking now"
    clock = [*clock[:-1], row(clock[-1], (f"  {unit}", "fg b"))]
    said = room.run.last.progress if room.run.last is not None else None
    right: list[Row] = []
    space = columns - widest(clock) - 3
    if said and space >= 16:
        lines = wrap(row((said, "fg")), space, most=2)
        right = [row(("the agent says", "dim")), *lines]
    elif said:
        clock = [*clock, BLANK, cut(row(("the agent says  ", "dim"), said), columns)]
    if call is not None and call.until > call.since and space >= 34:
        pause = row(("each pause longer; this one ", "dim"), seconds(call.until - call.since))
        right = [*right, *([BLANK] if right else []), pause]
    return at_both_ends(clock, right, columns, bottom=True) if right else clock


def _unknown(room: ActRoom, word: str) -> list[Row]:
    """A word that nobody documented, and that it isn't the end."""
    lines = room.big(word, "unknown")
    call = room.run.next_call
    left = f" · next poll in {seconds(max(0, call.until - room.now))}" if call is not None else ""
    return [*lines, BLANK, row((f"? {word}", "unknown b"), ("  unknown, not final", "fg b"), (left, "dim"))]


def _struck(run: RunState) -> list[Row]:
    """What went wrong with the last poll, in red."""
    last = run.timeline[-1] if run.timeline else None
    if last is None or not last.bad or last.kind not in ("lost", "struck"):
        return []
    code = f"  {last.code}" if last.code is not None else ""
    return [
        row(
            (f"✗ {last.word}{code}", "bad b"),
            (f"  {at_text(run.since_start(last.shown_at))}", "bad"),
            ("  the app asks again", "fg"),
        )
    ]


def _arrows(room: ActRoom) -> list[Row]:
    """The time since the job was accepted up to the next poll, an arrow a poll."""
    run, columns = room.run, room.columns
    begun = run.statuses[0][1] if run.statuses else run.latest
    due = run.next_call.until if run.next_call is not None else max(run.latest, room.now)
    length = max(1, due - begun)

    def cell(at: Millis) -> int:
        return max(0, min(columns - 1, (at - begun) * (columns - 1) // length))

    here = cell(min(due, room.now)) + 1
    role = face(run.last.status).role if run.last is not None else "run"
    lane = row(("▄" * here, role), ("▄" * (columns - here), "faint"))
    marks: list[list[tuple[int, str, str]]] = [
        [(0, "↑", "done b")],
        [(0, str(run.job.code or ""), "dim")] if run.job else [],
        [],
    ]
    for each in run.timeline:
        if each.kind != "poll" or each.at < begun:
            continue
        at = cell(each.shown_at)
        marks[0].append((at, "↑", "run b"))
        marks[1].append((at - 1, str(each.code or ""), "dim"))
        marks[2].append((at - 3, at_text(run.since_start(each.shown_at)), "dim"))
    if run.next_call is not None:
        marks[0].append((columns - 1, "↑", "dim"))
        marks[1].append((columns - 4, "next", "dim"))
    return [lane, *(_placed(line, columns) for line in marks)]


def _placed(texts: list[tuple[int, str, str]], columns: int) -> Row:
    """Texts where they belong, the latest first: one that would lie on another is left out."""
    found: list[tuple[int, str, str]] = []
    edge = columns + 1
    for at, text, role in reversed(texts):
        at = max(0, at)
        if at + len(text) < edge:
            found.append((at, text, role))
            edge = at
    spans = row()
    for at, text, role in reversed(found):
        spans = row(fill(spans, at), (text, role))
    return spans


# WAITING


def waiting_parts(room: ActRoom) -> list[ActPart]:
    """The question, how long there is, who decides if nobody does, and the keys."""
    run, columns = room.run, room.columns
    gate = run.gate
    if gate is None:
        return _alone(room)
    head = cut(gate_head(room.state, gate), columns)
    patience = wrap(patience_row(room.state, gate, room.now), columns, most=2)
    if note := gate_note(room.state, gate):
        patience += wrap(note, columns, most=2)
    keys = gate_keys(room, gate)
    lane = _lane(run, room.now, columns) if room.form != "least" else []
    asks = question_rows(room, gate, room.rows - len(patience) - len(keys) - 4)
    return [ActPart([head], 3), ActPart(asks), ActPart(patience), ActPart(keys), ActPart(lane, 4)]


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


def _alone(room: ActRoom) -> list[ActPart]:
    """A wait that nobody ends."""
    last, call = room.run.last, room.run.next_call
    big = room.big("WAITING", "wait")
    waits = [
        cut(row((f"{label}  ", "dim"), text), room.columns) for label, text in (last.waits if last is not None else ())
    ]
    ends_in = f"next poll in {seconds(max(0, call.until - room.now))}" if call is not None else ""
    note = row(("the job waits by itself: nobody decides", "fg b"), (f"  {ends_in}", "dim"))
    return [
        ActPart(waits, 2),
        ActPart(big),
        ActPart([cut(note, room.columns)]),
        ActPart(_lane(room.run, room.now, room.columns), 3),
    ]


def _lane(run: RunState, now: Millis, columns: int) -> list[Row]:
    lengths = [each for each in lengths_of(run, max(now, run.latest)) if each[1] or len(run.statuses) == 1]
    return bars(lengths[-max(1, columns // 2) :], columns)


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
    lane = _decision_lane(room, decision) if room.form == "whole" else []
    return [
        ActPart(question, 2),
        ActPart(big),
        ActPart(by),
        ActPart(said),
        ActPart(_wire(room, decision), 3),
        ActPart(lane, 4),
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
    text = clip(" ".join(call.request_body.split()), room.columns - width(head) - width(came) - 2)
    return [ends(row(head, (text, "dim")), came, room.columns)]


def _decision_lane(room: ActRoom, decision: GateDecision) -> list[Row]:
    """The lane up to the decision, and what the job does now."""
    run = room.run
    lengths = [each for each in lengths_of(run, decision.at) if each[1]]
    if not lengths:
        return []
    lane = bars(lengths[-max(1, room.columns // 3) :], room.columns - 3)
    return [lane[0], row(fill(lane[1], room.columns - 1), ("◇", f"{verdict_face(decision.verdict).role} b"))]
