"""`reduce(run, observation)`: the run after one more observation. Total and pure; every text is cleaned on its way in."""

from functools import lru_cache
from typing import Any, assert_never

from msgspec.structs import replace

from lab.app.effects import Asking, RunEnded, RunObservation
from lab.core.clock import Millis
from lab.core.exchange import Response
from lab.core.journal.fact import Fact, LedgerCleared
from lab.core.journal.shell import TapeNoted
from lab.core.observe import Lost, Noted, Replied, Requested, Touched, Waiting
from lab.dialects.client import Question, Seen
from lab.faults.facts import FaultStruck
from lab.jobs.facts import GateDecided, GateExpired, GateOpened, JobStatus
from lab.jobs.gates import Origin
from lab.program.words import Status, Verdict
from lab.tui.state import clean, reading
from lab.tui.state.gate import GateDecision, GateOpening, verdict_face
from lab.tui.state.reading import CallRequest, call_request, comment_line, word_of
from lab.tui.state.run import (
    MOST_EXCHANGES,
    MOST_STATUSES,
    MOST_TURNS,
    Exchange,
    JobState,
    NextCall,
    RunState,
    TimelineRow,
    TokenState,
    put,
)
from lab.tui.state.status import face, meaning
from lab.tui.state.timeline import noted, with_row


def reduce(run: RunState, observation: RunObservation, call: CallRequest | None = None) -> RunState:
    """The state after one more observation; `call`: what a request asks, where more is known than it says itself."""
    run = replace(run, latest=max(run.latest, observation.at), observed=run.observed + 1)
    match observation:
        case Requested():
            return _request(run, observation, call or call_request(observation.route, observation.request))
        case Replied():
            return read_reply(run, observation)
        case Lost():
            return read_loss(run, observation)
        case Waiting(at, until, why):
            return replace(run, next_call=NextCall(at, until, clean.line(why, 32)))
        case Asking(at, until, question):
            return gated(replace(run, next_call=NextCall(at, until, "poll")), question)
        case Noted(fact=FaultStruck() as fact, x=x):
            return _struck(run, fact, x)
        case Noted(at=at, fact=fact):
            return _fact(run, fact, at)
        case RunEnded():
            return _ended(run, observation)
        case Touched():
            return run
        case _:
            assert_never(observation)


def _ended(run: RunState, observation: RunEnded) -> RunState:
    outcome = observation.outcome
    cleaned = replace(
        outcome,
        token=None,
        output=outcome.output and clean.lines(outcome.output),
        error=outcome.error and clean.lines(outcome.error),
        why=outcome.why and clean.lines(outcome.why),
        job=outcome.job and clean.line(outcome.job, 200),
        conversation=outcome.conversation and clean.line(outcome.conversation, 200),
        follow_up=tuple(clean.line(question, 500) for question in outcome.follow_up),
    )
    run = replace(run, ended=observation.at, outcome=cleaned, next_call=None, gate=None, opening=None)
    return run if run.came_to("output", "error") else run.reached(observation.at, "error", outcome.status or "")


# What is sent


def exchange_sent(observation: Requested, call: CallRequest) -> Exchange:
    """An exchange of which there is only the request."""
    request = observation.request
    return Exchange(
        observation.x,
        observation.at,
        observation.route,
        clean.line(request.method, 16),
        clean.target(request),
        clean.headers(request.headers),
        clean.body(request.body, request.header("content-type")),
        command=call.command,
    )


def _request(run: RunState, observation: Requested, call: CallRequest) -> RunState:
    if call.resumes and run.gate is None:
        call = replace(call, command="message")  # somebody else was faster: the journal tells what was decided
    at, exchange = observation.at, exchange_sent(observation, call)
    if run.ended is not None:
        run = _next_turn(run)
    run = replace(
        run,
        start=at if run.start is None else run.start,
        began=at if run.began is None else run.began,
        next_call=None,
        exchanges=(*run.exchanges, exchange)[-MOST_EXCHANGES:],
    )
    if call.command == "token":
        return replace(run, token=TokenState(at, exchange.path, clean.form(observation.request.body)))
    if call.command != "invoke":
        return run
    if call.resumes and run.gate is not None:
        last = None if run.opening is None else (run.opening.gate, run.opening.round)
        gate = replace(run.gate, sent=call.verdict, comment=call.comment, opened=last, refusal=None)
        return replace(run, gate=gate)
    return replace(run, job=JobState(at, exchange.path, call.team, call.message, call.fields, labels=call.labels))


def _next_turn(run: RunState) -> RunState:
    """The next turn: the one before is kept to be looked at; a run that came to no job was none."""
    past = run.past
    if run.job is not None:
        past = (*past, replace(run, past=(), exchanges=()))[-MOST_TURNS:]
    token = replace(run.token, reused=True) if run.token is not None and run.token.token else None
    return RunState(
        start=run.start,
        latest=run.latest,
        token=token,
        exchanges=run.exchanges,
        notes=run.notes,
        past=past,
        observed=run.observed,
    )


# What the mock's journal tells


def _fact(run: RunState, fact: Fact, noticed: Millis) -> RunState:
    # an open match: facts of other rooms, and those that no pane shows, change nothing
    if isinstance(fact, JobStatus) and _open_job(run, fact.job):
        run = run.reached(fact.at, "step", clean.line(fact.step, 80), word_of(run.labels, fact.to))
    match fact:
        case LedgerCleared():
            return RunState(latest=fact.at)
        case GateOpened() if _open_job(run, fact.job):
            return replace(run, opening=_opening(fact))
        case GateDecided() if _open_job(run, fact.job) and not (fact.by is Origin.API and _answers(run, fact)):
            return _decided(run, fact, noticed)
        case GateExpired() if _open_job(run, fact.job):
            return _expired(run, fact, noticed)
        case JobStatus() if run.job is not None and run.job.job == fact.job and run.job.code is None:
            return _told_by_fact(run, run.job, fact)
        case JobStatus(to=to) if face(to).final and run.job is not None and run.job.job in (None, fact.job):
            return replace(run, ending=clean.line(fact.step, 80))
        case TapeNoted():
            return replace(run, notes=(*run.notes, clean.line(fact.text, 300))[-20:])
        case _:
            return run


def _decided(run: RunState, fact: GateDecided, noticed: Millis) -> RunState:
    """A decision that the journal tells: who decided, by name, and what was said. It closes the gate at once."""
    step, opening, verdict = clean.line(fact.gate, 80), run.opening, clean.line(str(fact.verdict), 40)
    if opening is not None and (opening.gate, opening.round) == (step, fact.round):
        opening = approved_at(opening, verdict)
        approved, approvals = opening.approved, opening.approvals
    else:
        approved, approvals = 1, 1
    gate = run.gate if run.gate is not None and run.gate.gate in ("", step) else None
    decision = GateDecision(
        fact.at,
        verdict,
        str(fact.by),
        noticed,
        fact.at,
        step,
        fact.round,
        fact.name and clean.line(fact.name, 200),
        comment_line(fact.comment),
        gate,
        approved,
        approvals,
        0 if opening is None else opening.until - opening.opened,
    )
    return _closed(decided(_unseen(run, decision, opening), decision), decision)


def _unseen(run: RunState, decision: GateDecision, opening: GateOpening | None) -> RunState:
    """The run with the opening that the journal tells; of a gate that no poll has shown it is the milestone."""
    run = replace(run, opening=opening)
    return run if decision.gate is not None or opening is None else run.reached(opening.opened, "gate", opening.gate)


def _expired(run: RunState, fact: GateExpired, noticed: Millis) -> RunState:
    step = clean.line(fact.gate, 80)
    gate, opening = run.gate if run.gate is not None and run.gate.gate in ("", step) else None, run.opening
    decision = GateDecision(fact.at, "timed-out", str(Origin.SCRIPT), noticed, fact.at, step, fact.round, gate=gate)
    if opening is not None and (opening.gate, opening.round) == (step, fact.round):
        decision = replace(decision, approved=opening.approved, approvals=opening.approvals)
    return _closed(decided(_unseen(run, decision, opening), decision), decision)


def _closed(run: RunState, decision: GateDecision) -> RunState:
    """Without the gate that is decided; while our own answer to it is under way, its reply tells."""
    answered = run.gate is not None and run.gate.sent is None and decision.gate is run.gate
    return replace(run, gate=None) if answered and decision.ends else run


def _told_by_fact(run: RunState, job: JobState, fact: JobStatus) -> RunState:
    """A job that no whole answer has shown yet: it is answered with events, or its call isn't in sight."""
    word = word_of(job.labels, fact.to)
    statuses = (*run.statuses, (word, fact.at))[-MOST_STATUSES:]
    ending = clean.line(fact.step, 80) if face(fact.to).final else run.ending
    return replace(run, job=replace(job, status=word), statuses=statuses, ending=ending)


def _opening(fact: GateOpened) -> GateOpening:
    then = fact.otherwise
    return GateOpening(
        clean.line(fact.job, 200),
        clean.line(fact.gate, 80),
        fact.round,
        fact.at,
        fact.until,
        then.at,
        clean.line(then.verdict, 40),
        then.by and clean.line(then.by, 200),
        clean.line(then.to, 40),
        fact.approvals,
    )


def _struck(run: RunState, fact: FaultStruck, x: int | None) -> RunState:
    """The exchange of that ordinal has a fault's name; without one (our own run counts by itself) the last one sent."""
    name = clean.line(fact.fault, 80)
    exchanges = reversed(run.exchanges)
    exchange = next((each for each in exchanges if (each.at <= fact.at if x is None else each.x == x)), None)
    if exchange is not None:
        run = replace(run, exchanges=put(run.exchanges, replace(exchange, struck=name)))
    run = run.reached(fact.at, "fault", name)
    if run.ended is not None or run.job is None:
        return run
    return noted(run, TimelineRow(fact.at, "struck", name, bad=True))


def _answers(run: RunState, fact: GateDecided) -> bool:
    """Whether a call carried this decision: it shows as the reply to it, be that under way or here."""
    last, step = run.decision, clean.line(fact.gate, 80)
    if last is not None and last.by == Origin.API and last.since <= fact.at <= last.at:
        carried = last.step in ("", step) and (last.round, last.verdict) == (fact.round, str(fact.verdict))
        if carried and last.gate is not None:
            return True
    return run.gate is not None and run.gate.sent is not None


def _open_job(run: RunState, job: str) -> bool:
    """Whether a fact is about this run's job, which goes on."""
    return run.ended is None and run.job is not None and run.job.job in (None, job)


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


# What happens


def happens(observation: RunObservation, before: RunState, after: RunState) -> bool:
    """Whether something happens to a run: a token, an acceptance, a change, a decision, a failure, the end. There a skip
    ends (screen.md §8); a poll that shows what the one before did is nothing."""
    match observation:
        case Replied():
            if after.polls == before.polls or after.timeline[-1].bad or before.last is None or after.last is None:
                return True
            return _shown(before) != _shown(after)
        case Lost() | RunEnded():
            return True
        case Noted():
            return after.decision is not None and after.decision is not before.decision
        case _:
            return False


def _shown(run: RunState) -> tuple[object, ...]:
    """What an answer to a poll has shown."""
    return run.last and (run.last.status, run.last.progress), run.gate and run.gate.key
