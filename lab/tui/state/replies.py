"""What comes back to the app, as `reduce` folds it: replies, and calls that brought none."""

from dataclasses import replace
from functools import lru_cache

from lab.app.observe import Lost, Replied
from lab.core.exchange import Response
from lab.dialects import fusion as wire
from lab.tui.state import clean
from lab.tui.state.screen import MOST_SPANS, RunState
from lab.tui.state.timeline import with_mark
from lab.tui.state.values import Exchange, GateState, JobState, LastStatus, TimelineRow, TokenState

VERDICT_OF = {
    "APPROVE_ACTION": "approved", "REJECT_ACTION": "rejected", "RFI_ACTION": "changes", "ORA_TIMEOUT": "skipped",
}  # fmt: skip
"""The verdict that an action asks for, as the timeline words it."""


def replied(stage: RunState, told: Replied) -> RunState:
    """The state after a reply."""
    call = next((call for call in reversed(stage.calls) if call.x == told.x), None)
    if call is None:
        return stage
    response = told.response
    read = _read_poll if call.route == "status" else _read
    body, head = read(response.body, response.header("content-type"))
    done = replace(
        call, code=response.status, until=told.at, reply_headers=clean.headers(response.headers), reply_body=body,
        head=head,
    )  # fmt: skip
    stage = put(stage, done)
    match call.route:
        case "token":
            return _granted(stage, done, response)
        case "invoke":
            return _invoked(stage, done, response)
        case "status":
            return _polled(stage, done, response)
        case "stream" | "chat" | "debug" if stage.job is not None and stage.job.code is None:
            return replace(stage, job=replace(stage.job, code=response.status, took=done.took))
        case _:
            return stage


def _read(body: bytes, kind: str | None) -> tuple[str, str]:
    return clean.body(body, kind), clean.compact(body, kind)


# A status body is the same for as long as its span lasts.
_read_poll = lru_cache(maxsize=4)(_read)
_job_of = lru_cache(maxsize=4)(wire.parse_job)


def put(stage: RunState, done: Exchange) -> RunState:
    """With an exchange in the place of what it was before."""
    at = next((at for at in range(len(stage.calls) - 1, -1, -1) if stage.calls[at].x == done.x), None)
    return stage if at is None else replace(stage, calls=(*stage.calls[:at], done, *stage.calls[at + 1 :]))


def _granted(stage: RunState, call: Exchange, response: Response) -> RunState:
    token = stage.token or TokenState(call.at, call.path)
    token = replace(token, code=response.status, took=call.took, refusal=None)
    granted = wire.parse_grant(response.body) if response.status == 200 else None
    if granted is None:
        return replace(stage, token=replace(token, refusal=clean.line(wire.refusal_of(response), 512)))
    secret, lifetime = granted
    claims = tuple(clean.claims(secret).items())
    good = replace(token, token=clean.shown(secret), claims=claims, since=call.at, until=call.at + lifetime)
    return replace(stage, token=good)


def _invoked(stage: RunState, call: Exchange, response: Response) -> RunState:
    if stage.gate is not None and stage.gate.sent is not None:
        return _resumed(stage, call, response)
    job = stage.job or JobState(call.at, call.path, team_of(call.path))
    job = replace(job, code=response.status, took=call.took)
    body = wire.parse_job(response.body) if response.status in (200, 202) else None
    if body is None:
        return replace(stage, job=replace(job, refusal=clean.line(wire.refusal_of(response), 512)))
    job = replace(
        job, job=clean.line(body.job, 200), conversation=line_or_none(body.conversation), trace=line_or_none(body.trace),
        refusal=None,
    )  # fmt: skip
    return _status(replace(stage, job=job, marks=(), spans=(), polls=0, slowest=0), body, call, response)


def text_or_none(text: str | None) -> str | None:
    """A text of several rows, cleaned."""
    return None if text is None else clean.lines(text)


def line_or_none(text: str | None) -> str | None:
    """A text of one row, cleaned."""
    return None if text is None else clean.line(text, 200)


def _resumed(stage: RunState, call: Exchange, response: Response) -> RunState:
    assert stage.gate is not None
    action = stage.gate.sent or ""
    body = wire.parse_job(response.body) if response.status in (200, 202) else None
    if body is None:
        why = clean.line(wire.refusal_of(response), 512)
        refused = TimelineRow(call.until or call.at, "decided", "refused", response.status, call.took, bad=True)
        return marked(replace(stage, gate=replace(stage.gate, sent=None, refusal=why)), refused)
    mark = TimelineRow(
        call.until or call.at, "decided", VERDICT_OF.get(action, action.lower()), response.status, call.took
    )
    stage = marked(replace(stage, decisions=stage.decisions + 1, gate=None, patience=None), mark)
    return _status(stage, body, call, response)


def _polled(stage: RunState, call: Exchange, response: Response) -> RunState:
    body = _job_of(response.body) if response.status == 200 else None
    at = call.until or call.at
    if body is None:
        word = "garbled" if response.status == 200 else "refused"
        mark = TimelineRow(at, "lost", word, response.status, call.took, bad=True)
        return replace(stage, polls=stage.polls + 1, marks=with_mark(stage.marks, mark))
    status = clean.line(body.status, 40)
    before = next((mark.word for mark in reversed(stage.marks) if mark.kind in ("poll", "decided")), None)
    mark = TimelineRow(at, "poll", status, response.status, call.took, first=status != before)
    return _status(stage, body, call, response, mark)


def _status(
    stage: RunState, body: wire.JobBody, call: Exchange, response: Response, poll: TimelineRow | None = None
) -> RunState:
    status = clean.line(body.status, 40)
    at = call.until or call.at
    output = None if body.output is None else clean.lines(body.output)
    last = LastStatus(
        status, output, None if body.error is None else clean.lines(body.error), line_or_none(body.waiting_code),
        tuple(clean.line(question, 500) for question in body.follow_up[:20]), _progress(body),
        clean.line(body.node.type, 40) if body.node else None, response.status, call.took, call.reply_body,
        len((body.output or "").encode("utf-8", "replace")),
    )  # fmt: skip
    spans = stage.spans
    if not spans or spans[-1][0] != status:
        spans = (*spans, (status, at))[-MOST_SPANS:]
    job = replace(stage.job, status=status) if stage.job and stage.job.status != status else stage.job
    waits = body.node is not None and body.node.type == "HUMAN"
    stage = replace(
        stage, last=last, spans=spans, job=job, polls=stage.polls + (poll is not None),
        marks=stage.marks if poll is None else with_mark(stage.marks, poll),
        slowest=stage.slowest if poll is None else max(stage.slowest, poll.took or 0),
        gate=stage.gate if waits else None, patience=stage.patience if waits else None,
    )  # fmt: skip
    return gated(stage, body.job, body.node, at) if waits and body.node is not None else stage


def _progress(body: wire.JobBody) -> str | None:
    return clean.line(body.progress, 500) if body.progress else None


def marked(stage: RunState, mark: TimelineRow) -> RunState:
    """With one row more in the timeline."""
    return replace(stage, marks=with_mark(stage.marks, mark))


def gated(stage: RunState, job: str, node: wire.WaitingNode, at: int) -> RunState:
    """With the gate that a status body or a question shows."""
    code = clean.line(node.code, 80)
    key = f"{clean.line(job, 200)}/{code}/{node.round}/{len(stage.spans)}"
    if stage.gate is not None and stage.gate.key == key:
        return stage
    gates = stage.gates if code in stage.gates else (*stage.gates, code)
    actions = tuple((clean.line(action, 40), clean.line(label, 40)) for action, label in node.actions)
    gate = GateState(
        clean.line(job, 200), code, clean.line(node.channel or "", 40), clean.lines(node.message, 2_000), node.round,
        node.rounds, actions, gates.index(code) + 1, any(action == "RFI_ACTION" for action, _ in actions),
        clean.line(node.change_message or "", 200), key, at,
    )  # fmt: skip
    return replace(stage, gate=gate, gates=gates)


def lost(stage: RunState, told: Lost) -> RunState:
    """The state after a call that brought no answer."""
    call = next((call for call in reversed(stage.calls) if call.x == told.x), None)
    if call is None:
        return stage
    why = clean.line(told.why, 64)
    done = replace(call, lost=why, until=told.at)
    stage = put(stage, done)
    match call.route:
        case "token" if stage.token:
            return replace(stage, token=replace(stage.token, refusal=f"no answer: {why}", took=done.took))
        case "invoke" if stage.gate is not None and stage.gate.sent:
            gate = replace(stage.gate, sent=None, refusal=f"no answer: {why}")
            return marked(replace(stage, gate=gate), TimelineRow(told.at, "lost", why, None, done.took, bad=True))
        case "invoke" if stage.job:
            return replace(stage, job=replace(stage.job, refusal=f"no answer: {why}", took=done.took))
        case "status":
            counted = replace(stage, polls=stage.polls + 1)
            return marked(counted, TimelineRow(told.at, "lost", why, None, done.took, bad=True))
        case _:
            return stage


def team_of(path: str) -> str:
    """The agent team's code in a path of the API."""
    parts = path.split("/")
    return parts[-2] if len(parts) > 2 else path
