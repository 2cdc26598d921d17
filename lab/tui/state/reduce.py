"""`reduce(run, observation)`: the run after one more observation. Total and pure; every text is cleaned on its way in."""

from typing import assert_never

from msgspec.structs import replace

from lab.app.effects import Asking, RunEnded, RunObservation
from lab.core.clock import Millis
from lab.core.journal.fact import Fact, LedgerCleared
from lab.core.journal.shell import TapeNoted
from lab.core.observe import Lost, Noted, Replied, Requested, Touched, Waiting
from lab.faults.facts import FaultStruck
from lab.jobs.facts import GateDecided, GateExpired, GateOpened, JobStatus
from lab.jobs.gates import Origin
from lab.tui.state import clean
from lab.tui.state.gate import GateDecision, GateOpening
from lab.tui.state.reading import CallRequest, call_request, comment_line, word_of
from lab.tui.state.replies import approved_at, decided, gated, read_loss, read_reply
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
from lab.tui.state.status import face
from lab.tui.state.timeline import noted


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
    gate = run.gate if run.gate is not None and run.gate.gate in ("", step) else None
    decision = GateDecision(fact.at, "timed-out", str(Origin.SCRIPT), noticed, fact.at, step, fact.round, gate=gate)
    return _closed(decided(_unseen(run, decision, run.opening), decision), decision)


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
