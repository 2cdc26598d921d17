"""`reduce(stage, observation)`: the next state. Total and pure; every text passes `clean` on its way in."""

from dataclasses import replace
from functools import lru_cache

from lab.core import journal, wire
from lab.core.exchange import Json, Response
from lab.core.gates import Origin
from lab.core.observe import Asked, Ended, Lost, Noted, Observation, Replied, Requested, Touched, Waiting
from lab.core.scenario import Verdict
from lab.tui.view import clean
from lab.tui.view.marks import with_mark
from lab.tui.view.state import (
    MOST_CALLS,
    MOST_SPANS,
    MOST_TURNS,
    Call,
    GateView,
    JobView,
    Last,
    Mark,
    Pairs,
    Patience,
    Pending,
    Stage,
    TokenView,
)

VERDICT_OF = {
    "APPROVE_ACTION": "approved", "REJECT_ACTION": "rejected", "RFI_ACTION": "changes", "ORA_TIMEOUT": "skipped",
}  # fmt: skip
"""The verdict that an action asks for, as the timeline words it."""

_VERDICT_WORDS = {"changes-requested": "changes", "timed-out": "timed out"}


def reduce(stage: Stage, observation: Observation) -> Stage:
    """The state after one more observation."""
    seen = stage if observation.at <= stage.seen else replace(stage, seen=observation.at)
    match observation:
        case Requested():
            return _requested(seen, observation)
        case Replied():
            return _replied(seen, observation)
        case Lost():
            return _lost(seen, observation)
        case Waiting(at, until, why):
            return replace(seen, pending=Pending(at, until, clean.line(why, 32)))
        case Asked(at, until, question):
            waiting = replace(seen, pending=Pending(at, until, "poll"))
            return _gate(waiting, question.job, question.node, at)
        case Noted(fact=fact):
            return _noted(seen, fact)
        case Ended(at, outcome):
            told = replace(
                outcome, badge=None, output=_text(outcome.output), error=_text(outcome.error),
                why=_text(outcome.why), job=_or_none(outcome.job), conversation=_or_none(outcome.conversation),
                follow_up=tuple(clean.line(question, 500) for question in outcome.follow_up),
            )  # fmt: skip
            return replace(seen, ended=at, outcome=told, pending=None, gate=None, patience=None)
        case Touched():
            return seen
        case _:
            return seen


# What is sent


def _requested(stage: Stage, told: Requested) -> Stage:
    request = told.request
    kind = request.header("content-type")
    call = Call(
        told.x, told.at, told.route, clean.line(request.method, 16), clean.target(request),
        clean.headers(request.headers), clean.body(request.body, kind),
    )  # fmt: skip
    if stage.ended is not None:
        stage = _turned(stage)
    stage = replace(
        stage, start=told.at if stage.start is None else stage.start, pending=None,
        began=told.at if stage.began is None else stage.began, calls=(*stage.calls, call)[-MOST_CALLS:],
    )  # fmt: skip
    match told.route:
        case "token":
            return replace(stage, token=TokenView(told.at, call.path, clean.form(request.body)))
        case "invoke":
            return _invoking(stage, told, call)
        case _:
            return stage


def _turned(stage: Stage) -> Stage:
    """The next turn: the one before is kept to be looked at; a run that came to no job was none."""
    past = stage.past
    if stage.job is not None:
        past = (*past, replace(stage, past=(), calls=()))[-MOST_TURNS:]
    token = stage.token
    if token is not None:
        token = replace(token, reused=True) if token.token else None
    return Stage(
        start=stage.start, seen=stage.seen, token=token, calls=stage.calls, notes=stage.notes, past=past,
    )  # fmt: skip


def _invoking(stage: Stage, told: Requested, call: Call) -> Stage:
    document = clean.parsed(told.request.body)
    members = document if isinstance(document, dict) else {}
    resume = members.get("resumeInput") or members.get("resumeNodeInput")
    if isinstance(resume, dict):
        action = clean.line(str(resume.get("userResponse", "")), 64)
        gate = replace(stage.gate, sent=action, refusal=None) if stage.gate else None
        return replace(stage, gate=gate)
    job = JobView(told.at, call.path, clean.line(_team(told.request.path), 200), _fields(members))
    return replace(stage, job=job)


def _team(path: str) -> str:
    parts = path.split("/")
    return parts[-2] if len(parts) > 2 else path


def _fields(members: dict[str, Json]) -> Pairs:
    shown: list[tuple[str, str]] = []
    for name in ("message", "conversational", "conversationId", "progressMessage", "parameters"):
        if name in members:
            shown.append((name, _value(members[name])))
    return tuple(shown)


def _value(value: Json) -> str:
    if isinstance(value, str):
        return clean.line(value)
    return clean.compact(clean.json_bytes(value), None)


# What comes back


def _replied(stage: Stage, told: Replied) -> Stage:
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
    stage = _put(stage, done)
    match call.route:
        case "token":
            return _granted(stage, done, response)
        case "invoke":
            return _invoked(stage, done, response)
        case "status":
            return _polled(stage, done, response)
        case _:
            return stage


def _read(body: bytes, kind: str | None) -> tuple[str, str]:
    return clean.body(body, kind), clean.compact(body, kind)


# A status body is the same for as long as its span lasts.
_read_poll = lru_cache(maxsize=4)(_read)
_job_of = lru_cache(maxsize=4)(wire.parse_job)


def _put(stage: Stage, done: Call) -> Stage:
    at = next((at for at in range(len(stage.calls) - 1, -1, -1) if stage.calls[at].x == done.x), None)
    return stage if at is None else replace(stage, calls=(*stage.calls[:at], done, *stage.calls[at + 1 :]))


def _granted(stage: Stage, call: Call, response: Response) -> Stage:
    token = stage.token or TokenView(call.at, call.path)
    token = replace(token, code=response.status, took=call.took, refusal=None)
    granted = wire.parse_grant(response.body) if response.status == 200 else None
    if granted is None:
        return replace(stage, token=replace(token, refusal=clean.line(wire.refusal_of(response), 512)))
    secret, lifetime = granted
    claims = tuple(clean.claims(secret).items())
    good = replace(token, token=clean.shown(secret), claims=claims, since=call.at, until=call.at + lifetime)
    return replace(stage, token=good)


def _invoked(stage: Stage, call: Call, response: Response) -> Stage:
    if stage.gate is not None and stage.gate.sent is not None:
        return _resumed(stage, call, response)
    job = stage.job or JobView(call.at, call.path, _team(call.path))
    job = replace(job, code=response.status, took=call.took)
    body = wire.parse_job(response.body) if response.status in (200, 202) else None
    if body is None:
        return replace(stage, job=replace(job, refusal=clean.line(wire.refusal_of(response), 512)))
    job = replace(
        job, job=clean.line(body.job, 200), conversation=_or_none(body.conversation), trace=_or_none(body.trace),
        refusal=None,
    )  # fmt: skip
    return _status(replace(stage, job=job, marks=(), spans=(), polls=0, slowest=0), body, call, response)


def _text(text: str | None) -> str | None:
    return None if text is None else clean.lines(text)


def _or_none(text: str | None) -> str | None:
    return None if text is None else clean.line(text, 200)


def _resumed(stage: Stage, call: Call, response: Response) -> Stage:
    assert stage.gate is not None
    action = stage.gate.sent or ""
    body = wire.parse_job(response.body) if response.status in (200, 202) else None
    if body is None:
        why = clean.line(wire.refusal_of(response), 512)
        refused = Mark(call.until or call.at, "decided", "refused", response.status, call.took, bad=True)
        return _mark(replace(stage, gate=replace(stage.gate, sent=None, refusal=why)), refused)
    mark = Mark(call.until or call.at, "decided", VERDICT_OF.get(action, action.lower()), response.status, call.took)
    stage = _mark(replace(stage, decisions=stage.decisions + 1, gate=None, patience=None), mark)
    return _status(stage, body, call, response)


def _polled(stage: Stage, call: Call, response: Response) -> Stage:
    body = _job_of(response.body) if response.status == 200 else None
    at = call.until or call.at
    if body is None:
        word = "garbled" if response.status == 200 else "refused"
        mark = Mark(at, "lost", word, response.status, call.took, bad=True)
        return replace(stage, polls=stage.polls + 1, marks=with_mark(stage.marks, mark))
    status = clean.line(body.status, 40)
    before = next((mark.word for mark in reversed(stage.marks) if mark.kind in ("poll", "decided")), None)
    mark = Mark(at, "poll", status, response.status, call.took, first=status != before)
    return _status(stage, body, call, response, mark)


def _status(stage: Stage, body: wire.JobBody, call: Call, response: Response, poll: Mark | None = None) -> Stage:
    status = clean.line(body.status, 40)
    at = call.until or call.at
    output = None if body.output is None else clean.lines(body.output)
    last = Last(
        status, output, None if body.error is None else clean.lines(body.error), _or_none(body.waiting_code),
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
    return _gate(stage, body.job, body.node, at) if waits and body.node is not None else stage


def _progress(body: wire.JobBody) -> str | None:
    return clean.line(body.progress, 500) if body.progress else None


def _mark(stage: Stage, mark: Mark) -> Stage:
    return replace(stage, marks=with_mark(stage.marks, mark))


def _gate(stage: Stage, job: str, node: wire.WaitingNode, at: int) -> Stage:
    code = clean.line(node.code, 80)
    key = f"{clean.line(job, 200)}/{code}/{node.round}/{len(stage.spans)}"
    if stage.gate is not None and stage.gate.key == key:
        return stage
    gates = stage.gates if code in stage.gates else (*stage.gates, code)
    actions = tuple((clean.line(action, 40), clean.line(label, 40)) for action, label in node.actions)
    gate = GateView(
        clean.line(job, 200), code, clean.line(node.channel or "", 40), clean.lines(node.message, 2_000), node.round,
        node.rounds, actions, gates.index(code) + 1, any(action == "RFI_ACTION" for action, _ in actions),
        clean.line(node.change_message or "", 200), key, at,
    )  # fmt: skip
    return replace(stage, gate=gate, gates=gates)


def _lost(stage: Stage, told: Lost) -> Stage:
    call = next((call for call in reversed(stage.calls) if call.x == told.x), None)
    if call is None:
        return stage
    why = clean.line(told.why, 64)
    done = replace(call, lost=why, until=told.at)
    stage = _put(stage, done)
    match call.route:
        case "token" if stage.token:
            return replace(stage, token=replace(stage.token, refusal=f"no answer: {why}", took=done.took))
        case "invoke" if stage.gate is not None and stage.gate.sent:
            gate = replace(stage.gate, sent=None, refusal=f"no answer: {why}")
            return _mark(replace(stage, gate=gate), Mark(told.at, "lost", why, None, done.took, bad=True))
        case "invoke" if stage.job:
            return replace(stage, job=replace(stage.job, refusal=f"no answer: {why}", took=done.took))
        case "status":
            counted = replace(stage, polls=stage.polls + 1)
            return _mark(counted, Mark(told.at, "lost", why, None, done.took, bad=True))
        case _:
            return stage


# What the mock's journal tells


def _noted(stage: Stage, fact: journal.Fact) -> Stage:
    match fact:
        case journal.LedgerCleared():
            return Stage(seen=fact.at)
        case journal.GateOpened() if _ours(stage, fact.job):
            then = fact.otherwise
            told = Patience(
                clean.line(fact.job, 200), clean.line(fact.gate, 80), fact.round, fact.at, fact.until, then.at,
                clean.line(then.verdict, 40), _or_none(then.by), clean.line(then.to, 40),
                fact.approvals,
            )  # fmt: skip
            return replace(stage, patience=told)
        case journal.GateDecided() if _ours(stage, fact.job) and fact.by is not Origin.API:
            word = _VERDICT_WORDS.get(fact.verdict, str(fact.verdict))
            patience = _voted(stage.patience, fact)
            decided = replace(stage, decisions=stage.decisions + 1, patience=patience)
            return _mark(decided, Mark(fact.at, "decided", word))
        case journal.GateExpired() if _ours(stage, fact.job):
            return _mark(stage, Mark(fact.at, "decided", "timed out", bad=True))
        case journal.FaultStruck() if stage.ended is None and stage.job is not None:
            return _mark(stage, Mark(fact.at, "struck", clean.line(fact.fault, 80), bad=True))
        case journal.TapeNoted():
            return replace(stage, notes=(*stage.notes, clean.line(fact.text, 300))[-20:])
        case _:
            return stage


def _voted(patience: Patience | None, fact: journal.GateDecided) -> Patience | None:
    """The opening with one approval more."""
    if patience is None or patience.gate != fact.gate or fact.verdict is not Verdict.APPROVED:
        return patience
    return replace(patience, approved=patience.approved + 1)


def _ours(stage: Stage, job: str) -> bool:
    return stage.ended is None and stage.job is not None and stage.job.job in (None, job)
