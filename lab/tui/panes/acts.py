"""The acts: each fact of a run as it has the screen to itself. Presenter mode is the act that the run is in, without a hold."""

from lab.program.words import Status, Verdict
from lab.tui.panes.approval import gate_head, gate_note, joined, patience_rows, verdict_buttons
from lab.tui.panes.decision import answer_sent, by_whom, decision_head, who
from lab.tui.panes.hero import beneath, hero_text, told_rows
from lab.tui.panes.pane import View
from lab.tui.panes.stage import Part, Room, act_foot, staged, way_out
from lab.tui.panes.token import claim_text
from lab.tui.rows.blocks import at_text, fields, latency, minutes, phrase, raised, request_head, seconds, tail_of
from lab.tui.rows.letters import lettered
from lab.tui.rows.spans import BLANK, Row, Rows, at_both_ends, cut, ends, fill, ink, row, widest, width, wrap
from lab.tui.state.acts import Act, current_act
from lab.tui.state.gate import GateDecision, verdict_face
from lab.tui.state.ink import Ink
from lab.tui.state.narrate import sentence
from lab.tui.state.run import JobState, TokenState
from lab.tui.state.status import meaning

_CLAIMS = {"sub": "the app itself", "scope": "what it may call", "iat": "from now", "exp": "until then"}
"""What each claim is for."""
_BESIDE_CLOCK = 58
"""Columns of the claims beside the clock."""


def act_rows(view: View) -> Rows:
    """The act that shows: in stage pace the one that is kept, in presenter mode the one that the run is in."""
    state = view.state
    kept = state.act.act if state.shows_act else None
    act = kept or current_act(view.run).act
    foot = way_out(state, view.columns) if act is None or kept is None else act_foot(state, act, view.columns)
    return staged(view, lambda room: [*([Part(_said(room))] if state.presents else []), *_parts(room, act)], foot)


def _parts(room: Room, act: Act | None) -> list[Part]:
    if act is None:
        return []
    if act.decision is not None:
        return _decided(room, act.decision)
    parts = {"token": _token, "job": _job, "running": _running, "panes": _running, "waiting": _waiting}
    return parts.get(act.kind, _refused)(room)


def _said(room: Room) -> list[Row]:
    """What just happened, or what the person must be told first; presenter mode has no other row for it."""
    ui = room.state.ui
    text = ui.broken or ui.remark or room.state.source.trouble or f"{ui.passed} {sentence(room.state)}".strip()
    return wrap(row(ink(text, bold=True)), room.columns, most=3)


# The calls


def _token(room: Room) -> list[Part]:
    """The grant, the token in its three parts, what it says, and how long it is good."""
    token = room.run.token
    if token is None or token.token is None:
        return []
    left = 0 if token.until is None else -(-max(0, token.until - room.now) // 1000)
    text = minutes(left * 1000) if left >= 6_000 else f"{left // 60:02}:{left % 60:02}"
    unit = "hours left" if text.count(":") > 1 else "minutes left"
    clock = room.big(text, "done", beside=_BESIDE_CLOCK if room.columns > 100 else 46)
    wide = widest(clock)
    clock = [*clock, ends(BLANK, row(ink(unit, "dim")), wide)]
    claims = _claims(token, room.columns - wide - 4)
    carried = row(ink("every later call carries it", "dim"))
    title = ends(row(ink("access_token", "done", bold=True)), carried, room.columns)
    return [
        Part(_grant(room, token), 1),
        Part([title, *_masked(token, room.columns)], 2),
        Part(at_both_ends(claims, clock, room.columns) if claims else clock),
    ]


def _grant(room: Room, token: TokenState) -> list[Row]:
    """Request and reply, side by side where there is room."""
    call = next((each for each in reversed(room.run.exchanges) if each.command == "token"), None)
    headers = {name.lower(): value for name, value in call.request_headers} if call is not None else {}
    basic = headers.get("authorization", "").lower().startswith("basic")
    sent = (("Basic", f"{dict(token.claims).get('client_id', '')} ••••••".strip()),) if basic else ()
    request = [request_head("POST", token.path), *fields((*sent, *token.form), 10, room.columns, most=2)]
    after = f"  after {latency(token.took)}" if token.took is not None else ""
    came = [row(ink("← ", "done", bold=True), _pill(token.code or 0, "done"), ink(after, "dim"))]
    good = str(((token.until or 0) - token.since) // 1000)
    came += fields((("token_type", "Bearer"), ("expires_in", good)), 10, room.columns)
    if widest(request) + widest(came) + 3 <= room.columns:
        return at_both_ends(request, [fill(line, widest(came)) for line in came], room.columns)
    return [ends(request[0], came[0], room.columns), *request[1:]]


def _pill(code: int, tone: Ink) -> Row:
    return row(ink(f" {code} {phrase(code)} ", "fill", bold=True, on="fill-done" if tone == "done" else "fill-bad"))


def _masked(token: TokenState, columns: int) -> list[Row]:
    """The token as three masked parts, the middle one its claims; one part, if it isn't known to have any."""
    begin, _, end = (token.token or "").partition("…")
    if not token.claims:
        return [row(ink(begin, bold=True), ink("░" * (columns - len(begin) - len(end)), "dim"), ink(end, bold=True))]
    rest = columns - 6
    first, last = rest * 16 // 94, rest * 28 // 94
    top, below = list[Row](), list[Row]()
    parts: tuple[tuple[int, str, str, str, Ink, Ink], ...] = (
        (first, " header ", begin, "", "dim", "faint"), (rest - first - last, " claims ", "", "", "done", "line"),
        (last, " signature ", "", end, "dim", "faint"),
    )  # fmt: skip
    for size, name, before, after, tone, line in parts:
        filled = ink("░" * (size - len(before) - len(after)), tone)
        top.append(row(ink(before, bold=True), filled, ink(after, bold=True)))
        side = (size - len(name) - 2) // 2
        brace = ink("─" * (size - len(name) - 2 - side) + "╯", line)
        below.append(row(ink("╰" + "─" * side, line), ink(name, tone), brace))
    dot = row(ink(" . ", bold=True))
    return [row(top[0], dot, top[1], dot, top[2]), row(below[0], "   ", below[1], "   ", below[2])]


def _claims(token: TokenState, columns: int) -> list[Row]:
    """What the token says, and what each of it is for."""
    known, lines = dict(token.claims), list[Row]()
    room = max(12, columns - 8 - (18 if columns >= 46 else 0))
    for name, why in _CLAIMS.items():
        values = wrap(row(ink(claim_text(known, name), bold=True)), min(40, room), most=5) if name in known else []
        for at, value in enumerate(values):
            head = row(ink(f"{name if not at else '':<8}", "done", bold=True), fill(value, min(40, room)))
            lines.append(row(head, ink(f"  {why}" if not at and columns >= 46 else "", "dim")))
    return lines


def _job(room: Room) -> list[Part]:
    """What was asked, the beginning of the Job ID, and that nothing is held open for it."""
    job, columns = room.run.job, room.columns
    if job is None or job.job is None:
        return []
    whole, label = row(ink(job.job[:8], "run", bold=True), job.job[8:]), row(ink(room.state.labels.job, "dim"))
    ident = ends(whole, label, columns) if width(whole) + width(label) < columns else whole
    said = "you may hang up: nothing is held open" if job.code == 202 else "the job goes on by itself"
    pill = row(_pill(job.code or 0, "done"), "  ", ink(said, bold=True))
    request = [cut(request_head("POST", tail_of(job.path, 2)), columns)]
    label_room = max([0, *(len(name) for name, _ in job.message)])
    return [
        Part([*request, *fields(job.message, label_room, columns, most=2)], 2),
        Part([*room.big(job.job[:8].upper(), "run"), BLANK, ident]),
        Part([cut(pill, columns)], 1),
        Part(_lanes(room, job), 3),
    ]


def _lanes(room: Room, job: JobState) -> list[Row]:
    """The connection that is closed, and the job that runs on."""
    status = row(ink(f"◐ {job.status or 'RUNNING'}", "run", bold=True), " on its own")
    closed = row(ink(f"connection    ▄▄▄▄ closed after {latency(job.took)}", "dim"))
    size = max(4, room.columns - 15 - width(status) - 2)
    return [closed, BLANK, row(ink("job            ", "dim"), ink("▄" * size, "run"), "  ", status)]


def _refused(room: Room) -> list[Part]:
    """The code in block digits, why, and what the server asks for instead."""
    run, columns, token = room.run, room.columns, room.run.job is None
    call = run.token if token else run.job
    if call is None or call.code is None:
        return []
    name = "token" if token else "invoke"
    exchange = next((each for each in reversed(run.exchanges) if each.command == name), None)
    error, _, text = (call.refusal or "").removeprefix(f"HTTP {call.code}: ").partition(" · ")
    why = [*wrap(row(ink(error, "bad", bold=True)), columns), *(wrap(row(text), columns) if text else [])]
    headers = exchange.reply_headers if exchange is not None else ()
    challenge = [value for header, value in headers if header.lower() == "www-authenticate"]
    asks = [line for value in challenge for line in wrap(row(ink("WWW-Authenticate  ", "dim"), value), columns, most=3)]
    request = request_head("POST", call.path if token else tail_of(call.path, 2))
    big = room.big(str(call.code), "bad")
    return [Part([cut(request, columns)], 2), Part(big), Part([_pill(call.code, "bad")], 1), Part(why), Part(asks, 3)]


# The job


def _running(room: Room) -> list[Part]:
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
    told = [*told_rows(room.state), row(counted, short, ink("the server pushes nothing", bold=True))]
    return [
        Part([cut(request, columns)], 3),
        Part(room.big(said.word, said.tone)),
        Part([cut(line, columns) for line in beneath(said, max(1, room.zoom - 2))]),
        Part([cut(line, columns) for line in told], 2),
    ]


def _waiting(room: Room) -> list[Part]:
    """The status, the question in the largest letters that have room, how long there is, who decides if nobody does, the keys."""
    gate, columns = room.run.gate, room.columns
    if gate is None:
        return _running(room)
    faces = verdict_buttons(room.state)
    keys = [cut(line, columns) for line in raised(faces)] if faces else []
    head, text = Part([cut(gate_head(room.state, gate), columns)], 1), " ".join(gate.question.split())

    def asking(question: list[Row], told: bool) -> list[Part]:
        texts = [*joined(patience_rows(room.state, gate, room.now, told=told), columns), gate_note(room.state, gate)]
        return [
            head,
            Part(question),
            Part([line for text in texts if text for line in wrap(text, columns)]),
            Part(keys),
        ]

    def fits(parts: list[Part]) -> bool:
        return sum(len(part.rows) + 1 for part in parts) <= room.rows

    for size in range(room.zoom - 1, 0, -1):
        clock, status = _patience(room, size), room.big("WAITING", "wait", less=room.zoom - size - 1)
        asks, left = lettered(text, columns, size, least=size), columns - widest(clock) - 3
        whole = [Part(at_both_ends(status, clock, columns)), *asking(asks or [], told=bool(clock))]
        if asks and widest(status) <= left and fits(whole):
            return whole
        if clock and (beside := lettered(text, left, size, least=size)):
            parts = asking(at_both_ends(beside, clock, columns), told=True)
            if fits(parts):
                return parts
        if asks and fits(asking(asks, told=False)):
            return asking(asks, told=False)
    return asking(wrap(row(ink(text, bold=True)), columns), told=False)


def _patience(room: Room, size: int) -> list[Row]:
    """How long there is, in block digits; nothing where nobody told it."""
    opening = room.run.matched_opening
    if opening is None:
        return []
    left = max(0, opening.until - room.now)
    tone: Ink = "wait" if left >= 60_000 or left * 4 > opening.until - opening.opened else "bad"
    clock = room.big(minutes(left), tone, less=room.zoom - size + 1, beside=room.columns // 2)
    wide = max(widest(clock), len("patience"))
    return [fill(row(ink("patience", "dim")), wide), BLANK, *[fill(line, wide) for line in clock]]


def _decided(room: Room, decision: GateDecision) -> list[Part]:
    """The verdict, who gave it and when, what was said, and how it went over the wire."""
    run, columns, gate = room.run, room.columns, decision.gate
    known = verdict_face(decision.verdict)
    name = f"by {who(room.state, decision)}" if by_whom(room.state, decision) else "nobody decided"
    times = (
        at for word, at in reversed(run.statuses) if meaning(word) is Status.WAITING and at <= decision.at
    )  # fmt: skip
    when = list[Row]()
    if (since := next(times, None)) is not None:
        how = "waited " if decision.verdict == Verdict.TIMED_OUT else "answered after "
        when = [
            row(ink("asked at ", "dim"), at_text(run.since_start(since))),
            row(ink(how, "dim"), seconds(max(0, decision.at - since))),
        ]
    signed = lettered(
        f"{name} · {at_text(run.since_start(decision.at))}", columns - widest(when) - 3, room.zoom - 1, lines=1
    )
    by = signed or [row(ink(decision_head(room.state, decision), known.role, bold=True))]
    if widest(by) + widest(when) + 3 <= columns:
        by = at_both_ends(by, [*[BLANK] * (len(by) - len(when)), *when], columns)
    question = wrap(row(ink(" ".join(gate.question.split()), "dim")), columns, most=2) if gate is not None else []
    said = wrap(row(ink(f"“{decision.comment}”", bold=True)), columns, most=3) if decision.comment else []
    return [
        Part(question, 2), Part(room.big(known.word.upper(), known.role)), Part(by, 1), Part(said),
        Part(_sent(room, decision), 3),
    ]  # fmt: skip


def _sent(room: Room, decision: GateDecision) -> list[Row]:
    """The answer that was sent, if a call carried it, and what came back."""
    call, label, answer = answer_sent(room.run, decision)
    if call is None or call.code is None:
        return []
    job = (room.run.job.job or "")[:8] if room.run.job is not None else ""
    came = row(ink(f"← {call.code}", "done", bold=True), ink(f"  {latency(call.took)}", "dim"))
    sent = row(ink(f"  {label} ", "dim"), ink(answer, bold=True), ink(f"  {room.state.labels.job} ", "dim"), f"{job}…")
    return [ends(row(request_head(call.method, tail_of(call.path, 1)), sent), came, room.columns)]
