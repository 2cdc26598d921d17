"""What comes back to the app: replies, and calls that brought none."""

from functools import lru_cache
from typing import Any

from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Response
from lab.core.observe import Lost, Replied
from lab.dialects.client import Question, Seen
from lab.jobs.gates import Origin
from lab.program.words import Status, Verdict
from lab.tui.state import clean, reading
from lab.tui.state.gate import GateDecision, GateOpening, verdict_face
from lab.tui.state.run import MOST_STATUSES, Exchange, JobState, RunState, TimelineRow, TokenState, put
from lab.tui.state.status import face, meaning
from lab.tui.state.timeline import noted, with_row


def read_reply(run: RunState, observation: Replied) -> RunState:
    """The state after a reply."""
    exchange, response = run.exchange(observation.x), observation.response
    if exchange is None:
        return run
    texts = _poll_texts if exchange.command == "status" else _texts
    body, head = texts(exchange.route, response.body, response.header("content-type"))
    done = replace(
        exchange,
        code=response.status,
        until=observation.at,
        reply_headers=clean.headers(response.headers),
        reply_body=body,
        head=head,
    )
    run = replace(run, exchanges=put(run.exchanges, done))
    match done.command:
        case "token":
            return _token(run, done, response)
        case "invoke":
            resumes = run.gate is not None and run.gate.sent is not None
            return _resumed(run, done, response) if resumes else _invoked(run, done, response)
        case "message":
            seen = reading.job_in(done.route, response)
            return run if seen is None else _status(run, seen, done)
        case "status":
            return _polled(run, done, response)
        case _:
            return run


def _texts(route: str, body: bytes, kind: str | None) -> tuple[str, str]:
    return clean.body(body, kind), reading.compact(route, body, kind)


_poll_texts = lru_cache(maxsize=4)(_texts)
"""A status body is the same for as long as its span lasts."""


def _token(run: RunState, exchange: Exchange, response: Response) -> RunState:
    token = run.token or TokenState(exchange.at, exchange.path)
    token = replace(token, code=response.status, took=exchange.took, refusal=None)
    granted = reading.token_in(response)
    if granted is None:
        run = replace(run, token=replace(token, refusal=reading.refusal_in(exchange.route, response)))
        return run.reached(exchange.until or exchange.at, "refused", "token", str(response.status))
    secret, lifetime = granted
    good = replace(
        token,
        token=clean.token_ends(secret),
        claims=tuple(clean.claims(secret).items()),
        since=exchange.at,
        until=exchange.at + lifetime,
    )
    return replace(run, token=good).reached(exchange.until or exchange.at, "token", good.token or "")


def _invoked(run: RunState, exchange: Exchange, response: Response) -> RunState:
    job = run.job or JobState(exchange.at, exchange.path, reading.team_of(exchange.path))
    job = replace(job, code=response.status, took=exchange.took)
    seen = reading.job_in(exchange.route, response)
    if seen is None:
        run = replace(run, job=replace(job, refusal=reading.refusal_in(exchange.route, response)))
        return run.reached(exchange.until or exchange.at, "refused", "invoke", str(response.status))
    lines = reading.identity(job.labels, seen.conversation, seen.trace)
    job = replace(job, job=clean.line(seen.job, 200), lines=lines, refusal=None)
    if run.job is None or run.job.job is None:
        run = replace(run, timeline=(), statuses=(), polls=0, slowest=0)
        run = run.reached(exchange.until or exchange.at, "invoke", job.job or "")
    return _status(_streamed(replace(run, job=job), exchange, response), seen, exchange)


def _resumed(run: RunState, exchange: Exchange, response: Response) -> RunState:
    assert run.gate is not None
    at, gate = exchange.until or exchange.at, run.gate
    seen = reading.job_in(exchange.route, response)
    if seen is None:
        refused = TimelineRow(at, "decided", "refused", response.status, exchange.took, bad=True)
        gate = replace(gate, sent=None, refusal=reading.refusal_in(exchange.route, response))
        return noted(replace(run, gate=gate), refused)
    verdict = str(Verdict.APPROVED) if gate.collects else gate.sent or ""
    opening = run.matched_opening
    # else the journal told of the next one before this reply
    if opening is not None and (opening.gate, opening.round) == (gate.opened or (opening.gate, gate.round)):
        opening = approved_at(opening, verdict)
        run, approved, approvals = replace(run, opening=opening), opening.approved, opening.approvals
    else:
        approved, approvals = 1, 1
    decision = GateDecision(
        at,
        verdict,
        str(Origin.API),
        at,
        exchange.at,
        gate.gate,
        gate.round,
        comment=gate.comment,
        gate=gate,
        approved=approved,
        approvals=approvals,
        patience=0 if opening is None else opening.until - opening.opened,
    )
    run = replace(decided(run, decision, response.status, exchange.took), gate=None)
    if face(status := reading.status_of(seen)).final:
        run = noted(run, TimelineRow(at, "answer", status, response.status, first=True))
    return _status(_streamed(run, exchange, response), seen, exchange)


def approved_at(opening: GateOpening, verdict: str) -> GateOpening:
    """An opening after one more verdict: the approvals of a quorum are counted."""
    return replace(opening, approved=opening.approved + (verdict == Verdict.APPROVED))


def decided(run: RunState, decision: GateDecision, code: int | None = None, took: Millis | None = None) -> RunState:
    """With a decision: its row in the timeline, and what is narrated until the next status."""
    bad, word = decision.verdict == Verdict.TIMED_OUT, verdict_face(decision.verdict).word
    row = TimelineRow(decision.at, "decided", word, code, took, bad=bad, decision=decision)
    run = noted(replace(run, decision=decision, decisions=run.decisions + (not bad)), row)
    return run.reached(decision.at, "decided", decision.verdict, decision=decision)


def _streamed(run: RunState, exchange: Exchange, response: Response) -> RunState:
    """With the stretches of which a stream told, from when on each was."""
    statuses = run.statuses
    for time, word in reading.words_of_stream(exchange.route, response):
        if not statuses or (statuses[-1][0] != word and statuses[-1][1] <= exchange.at + time):
            statuses = (*statuses, (word, exchange.at + time))[-MOST_STATUSES:]
    return replace(run, statuses=statuses)


def _polled(run: RunState, exchange: Exchange, response: Response) -> RunState:
    at, seen = exchange.until or exchange.at, reading.job_in(exchange.route, response)
    if seen is None:
        word = "garbled" if reading.is_garbled(exchange.route, response) else "refused"
        row = TimelineRow(at, "lost", word, response.status, exchange.took, bad=True, x=exchange.x)
        return noted(replace(run, polls=run.polls + 1), row).reached(at, "refused", "status", str(response.status))
    status = reading.status_of(seen)
    before = next((row.word for row in reversed(run.timeline) if row.kind in ("poll", "decided")), None)
    row = TimelineRow(at, "poll", status, response.status, exchange.took, first=status != before, x=exchange.x)
    counted: dict[str, Any] = {
        "polls": run.polls + 1,
        "timeline": with_row(run.timeline, row),
        "slowest": max(run.slowest, exchange.took or 0),
    }
    # an answer that was on its way when the gate was decided is no news
    late = run.decision is not None and exchange.at <= run.decision.at and meaning(status) is Status.WAITING
    if row.first and not late:
        run = run.reached(at, "status" if run.came_to("poll") else "poll", status)
    if run.decision is not None and exchange.at > run.decision.noticed:
        counted["decision"] = None
    return _status(run, seen, exchange, **counted)


def _status(run: RunState, seen: Seen, exchange: Exchange, **counted: Any) -> RunState:
    """The state with what a job body says, whichever call brought it, and what the call counts: in one change."""
    last = reading.last_status(seen, run.labels, exchange.code or 0, exchange.took, exchange.reply_body)
    statuses, job = run.statuses, run.job
    if not statuses or statuses[-1][0] != last.status:
        statuses = (*statuses, (last.status, exchange.until or exchange.at))[-MOST_STATUSES:]
    if job is not None and job.status != last.status:
        job = replace(job, status=last.status)
    known = face(last.status)
    if known.final and not run.came_to("output", "error"):
        run = run.reached(exchange.until or exchange.at, "output" if known.role == "done" else "error", last.status)
    if not last.asks_person or seen.question is None:
        return replace(run, last=last, statuses=statuses, job=job, gate=None, opening=None, **counted)
    return gated(replace(run, last=last, statuses=statuses, job=job, **counted), seen.question)


def gated(run: RunState, question: Question) -> RunState:
    """With the gate that a status body or a question shows; one that showed already stays as it is, but for the question."""
    gate = reading.gate_of(question, run.labels, run.gates, len(run.statuses))
    if run.gate is not None and run.gate.key == gate.key:
        # a gate that escalates asks something else, and is the same one
        return (
            run if run.gate.question == gate.question else replace(run, gate=replace(run.gate, question=gate.question))
        )
    if run.decision is not None and run.decision.ends and run.decision.answers(gate):
        return run  # an answer that was on its way when the gate was decided
    run = run.reached(run.latest, "gate", gate.code)
    return replace(run, gate=gate, gates=run.gates if gate.identity in run.gates else (*run.gates, gate.identity))


def read_loss(run: RunState, observation: Lost) -> RunState:
    """The state after a call that brought no answer."""
    exchange = run.exchange(observation.x)
    if exchange is None:
        return run
    why = clean.line(observation.why, 64)
    refusal = f"no answer: {why}"
    done = replace(exchange, lost=why, until=observation.at)
    row = TimelineRow(observation.at, "lost", why, None, done.took, bad=True, x=exchange.x)
    run = replace(run, exchanges=put(run.exchanges, done))
    match done.command:
        case "token" if run.token:
            run = replace(run, token=replace(run.token, refusal=refusal, took=done.took))
            return run.reached(observation.at, "fault", why)
        case "invoke" if run.gate is not None and run.gate.sent:
            return noted(replace(run, gate=replace(run.gate, sent=None, refusal=refusal)), row)
        case "invoke" if run.job is not None and run.job.job is not None:
            return noted(run, row)  # a stream that had told of its job
        case "invoke" if run.job:
            run = replace(run, job=replace(run.job, refusal=refusal, took=done.took))
            return run.reached(observation.at, "fault", why)
        case "status":
            return noted(replace(run, polls=run.polls + 1), row).reached(observation.at, "fault", why)
        case _:
            return run
