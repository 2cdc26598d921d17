"""What one more observation makes of one run: `with_call` and `answered` its calls, `reduce` all else. Total and pure.

Every text is cleaned on its way in, and whatever is
new is a milestone.
"""

from functools import lru_cache
from typing import assert_never
from zlib import crc32

from msgspec.structs import replace

from lab.app.effects import Asking, RunEnded, RunObservation
from lab.core.clock import Millis
from lab.core.exchange import Headers, Response
from lab.core.journal.fact import LedgerCleared
from lab.core.observe import Lost, Noted, Replied, Requested, Touched, Waiting
from lab.dialects.client import Question, Seen
from lab.faults.facts import FaultStruck
from lab.jobs.callbacks import CallbackAnswered, CallbackSent
from lab.jobs.facts import GateDecided, GateExpired, GateOpened, JobStatus
from lab.jobs.gates import Origin
from lab.program.words import Status, Verdict
from lab.tui.state import clean, reading
from lab.tui.state.gate import GateDecision, verdict_face
from lab.tui.state.run import (
    MOST_CALLBACKS,
    MOST_TURNS,
    CallbackShown,
    Exchange,
    JobState,
    LastStatus,
    MilestoneKind,
    RunState,
    TimelineRow,
    TokenState,
)
from lab.tui.state.status import face, meaning
from lab.tui.state.timeline import with_row


def reduce(run: RunState, observation: RunObservation) -> RunState:
    """The run after one more observation, all but its calls."""
    run = replace(run, latest=max(run.latest, observation.at), observed=run.observed + 1)
    match observation:
        case Waiting():
            return replace(run, next_call=observation)
        case Asking(at, until, question):
            return gated(replace(run, next_call=Waiting(at, until, "poll")), question)
        case Noted():
            return _fact(run, observation)
        case RunEnded():
            return _ended(run, observation)
        case Requested() | Replied() | Lost() | Touched():
            return run
        case _:
            assert_never(observation)


_NEWS: tuple[MilestoneKind, ...] = (
    "token", "invoke", "status", "gate", "decided", "refused", "lost", "output", "error",
)  # fmt: skip


def happens(observation: RunObservation, before: RunState, after: RunState) -> bool:
    """Whether something happens to a run: a token, an acceptance, a change, a decision, a failure, the end. There a skip
    ends (screen.md §8); a poll that shows what the one before did is nothing, nor is a step that the journal alone tells."""
    if isinstance(observation, RunEnded) or after.since(before, *_NEWS):
        return True
    if isinstance(observation, Replied | Lost) and after.timeline is before.timeline:
        return True  # of any call but a poll
    return after.last is not None and before.last is not None and after.last.progress != before.last.progress


# Calls


def sent(observation: Requested) -> Exchange:
    """A call of which there is only the request."""
    request = observation.request
    return Exchange(
        observation.x,
        observation.at,
        observation.route,
        clean.line(request.method, 16),
        clean.target(request),
        clean.headers(request.headers),
        clean.body(request.body, request.header("content-type")),
        reading.call_request(observation.route, request),
    )


def with_reply(call: Exchange, observation: Replied | Lost) -> Exchange:
    """A call with what came of it."""
    if isinstance(observation, Lost):
        return replace(call, lost=clean.line(observation.why, 64), until=observation.at)
    response, texts = observation.response, _poll_texts if call.command == "status" else _texts
    body, head = texts(call.route, response.body, response.header("content-type"))
    return replace(
        call,
        code=response.status,
        until=observation.at,
        reply_headers=clean.headers(response.headers),
        reply_body=body,
        head=head,
    )


def _texts(route: str, body: bytes, kind: str | None) -> tuple[str, str]:
    return clean.body(body, kind), reading.compact(route, body, kind)


_poll_texts = lru_cache(maxsize=4)(_texts)
"""A status body is the same for as long as its span lasts."""


def with_call(run: RunState, call: Exchange) -> RunState:
    """The run with a call that is its own."""
    at, asks = call.at, call.asks
    run = replace(
        run,
        latest=max(run.latest, at),
        observed=run.observed + 1,
        start=at if run.start is None else run.start,
        began=at if run.began is None else run.began,
        next_call=None,
    )
    if asks.command == "token":
        return replace(run, token=_token_of(call))
    if asks.command != "invoke":
        return run
    if not asks.resumes:
        return replace(run, job=_job_of(call))
    if run.gate is None:
        return run  # somebody else was faster: the journal tells what was decided
    last = None if run.opening is None else (run.opening.gate, run.opening.round)
    return replace(run, gate=replace(run.gate, sent=asks.verdict, comment=asks.comment, opened=last, refusal=None))


def _token_of(call: Exchange) -> TokenState:
    return TokenState(call.at, call.path, clean.pairs(call.request_body))


def _job_of(call: Exchange) -> JobState:
    asks = call.asks
    return JobState(call.at, call.path, asks.team, asks.message, asks.fields, labels=asks.labels)


def next_turn(run: RunState) -> RunState:
    """The next turn: the one before is kept to be looked at; a run that came to no job was none."""
    past = run.past if run.job is None else (*run.past, replace(run, past=()))[-MOST_TURNS:]
    token = replace(run.token, reused=True) if run.token is not None and run.token.token else None
    return RunState(run.start, latest=run.latest, observed=run.observed, token=token, past=past)


# What came of them


def answered(run: RunState, call: Exchange, observation: Replied | Lost) -> RunState:
    """The run with what came of a call of its own, which has its reply by now."""
    run = replace(run, latest=max(run.latest, observation.at), observed=run.observed + 1)
    if isinstance(observation, Lost):
        return _lost(run, call, call.lost or "")
    response = observation.response
    match call.command:
        case "token":
            return _token(run, call, response)
        case "invoke" if not call.asks.resumes:
            return _invoked(run, call, response)
        case "invoke" if run.gate is not None and run.gate.sent is not None:
            return _resumed(run, call, response)
        case "invoke" | "message" | "cancel":
            seen = reading.job_in(call.route, response)
            return run if seen is None else _status(run, seen, call)
        case "status":
            return _polled(run, call, response)
        case "":
            return run
        case _:
            assert_never(call.command)


NO_REPLY = "no answer: "
"""Before why a call brought none."""


def _lost(run: RunState, call: Exchange, why: str) -> RunState:
    """A call that brought no answer."""
    at, refusal = call.until or call.at, NO_REPLY + why
    if call.command == "token" and run.token is not None:
        run = replace(run, token=replace(run.token, refusal=refusal, took=call.took))
    elif call.command == "invoke" and not call.asks.resumes and run.job is not None and run.job.job is None:
        run = replace(run, job=replace(run.job, refusal=refusal, took=call.took))
    elif call.command in ("invoke", "status"):
        # a poll, an answer to a gate, or a stream that had told of its job
        if call.command == "invoke" and run.gate is not None and run.gate.sent is not None:
            run = replace(run, gate=replace(run.gate, sent=None, refusal=refusal))
        run = _noted(run, TimelineRow(at, "lost", why, None, call.took, bad=True, x=call.x))
        run = replace(run, polls=run.polls + (call.command == "status"))
    return run.reached(at, "lost", why) if call.command in ("token", "invoke", "status") else run


def _token(run: RunState, call: Exchange, response: Response) -> RunState:
    at, token = call.until or call.at, run.token or _token_of(call)
    token = replace(token, code=response.status, took=call.took, refusal=None)
    granted = reading.token_in(response)
    if granted is None:
        run = replace(run, token=replace(token, refusal=reading.refusal_in(call.route, response)))
        return run.reached(at, "refused", "token", str(response.status))
    secret, lifetime = granted
    ends, claims = clean.token_ends(secret), tuple(clean.claims(secret).items())
    token = replace(token, token=ends, claims=claims, since=call.at, until=call.at + lifetime)
    return replace(run, token=token).reached(at, "token", ends)


def _invoked(run: RunState, call: Exchange, response: Response) -> RunState:
    at, job = call.until or call.at, run.job or _job_of(call)
    job = replace(job, code=response.status, took=call.took)
    seen = reading.job_in(call.route, response)
    if seen is None:
        run = replace(run, job=replace(job, refusal=reading.refusal_in(call.route, response)))
        return run.reached(at, "refused", "invoke", str(response.status))
    lines = reading.identity(job.labels, seen.conversation, seen.trace)
    job = replace(job, job=clean.line(seen.job, 200), lines=lines, refusal=None)
    if run.job is None or run.job.job is None:
        run = replace(run, timeline=(), polls=0).reached(at, "invoke", job.job or "")
    return _status(_streamed(replace(run, job=job), call, response), seen, call)


def _resumed(run: RunState, call: Exchange, response: Response) -> RunState:
    assert run.gate is not None
    at, gate, seen = call.until or call.at, run.gate, reading.job_in(call.route, response)
    if seen is None and not reading.is_acknowledged(call.route, response):
        gate = replace(gate, sent=None, refusal=reading.refusal_in(call.route, response))
        refused = TimelineRow(at, "decided", "refused", response.status, call.took, bad=True)
        return _noted(replace(run, gate=gate), refused)
    verdict, by = str(Verdict.APPROVED) if gate.collects else gate.sent or "", str(Origin.API)
    decision = GateDecision(at, verdict, by, at, call.at, gate.gate, gate.round, None, gate.comment, gate)
    # the opening that the journal told of when it was sent; by now it may have told of the next one
    run = _decided(run, decision, gate.opened or (gate.gate, gate.round), response.status, call.took)
    run = replace(run, gate=None)
    if seen is None:  # what becomes of the job the next poll tells
        return run
    if face(status := reading.status_of(seen)).final:
        run = _noted(run, TimelineRow(at, "answer", status, response.status, first=True))
    return _status(_streamed(run, call, response), seen, call)


def _streamed(run: RunState, call: Exchange, response: Response) -> RunState:
    """With the stretches of which a stream told, from when on each was."""
    for time, word in reading.words_of_stream(call.route, response):
        before = run.milestone("status")
        if before is None or (before.value != word and before.at <= call.at + time):
            run = run.reached(call.at + time, "status", word)
    return run


def _polled(run: RunState, call: Exchange, response: Response) -> RunState:
    at, seen = call.until or call.at, reading.job_in(call.route, response)
    if seen is None:
        word = "garbled" if reading.is_garbled(call.route, response) else "refused"
        row = TimelineRow(at, "lost", word, response.status, call.took, bad=True, x=call.x)
        run = _noted(replace(run, polls=run.polls + 1), row)
        return (
            run.reached(at, "refused", "status", str(response.status)) if row.refused else run.reached(at, "lost", word)
        )
    status, decision = reading.status_of(seen), run.decision
    before = next((row.word for row in reversed(run.timeline) if row.kind in ("poll", "decided")), None)
    row = TimelineRow(at, "poll", status, response.status, call.took, first=status != before, x=call.x)
    if not run.came_to("poll"):
        run = run.reached(at, "poll", status)
    run = _status(replace(run, polls=run.polls + 1, timeline=with_row(run.timeline, row)), seen, call)
    return replace(run, decision=None) if decision is not None and call.at > decision.noticed else run


def _status(run: RunState, seen: Seen, call: Exchange) -> RunState:
    """The run with what a job body says, whichever call brought it."""
    at, last, job = call.until or call.at, _last(run, seen, call), run.job
    known, news = face(last.status), run.milestone("status")
    # an answer that was on its way when the gate was decided is no news
    late = run.decision is not None and call.at <= run.decision.at and meaning(last.status) is Status.WAITING
    if not late and (news is None or news.value != last.status):
        run = run.reached(at, "status", last.status)
    if known.final and not run.came_to("output", "error"):
        run = run.reached(at, "output" if known.role == "done" else "error", last.status)
    if job is not None and job.status != last.status:
        job = replace(job, status=last.status)
    run = replace(run, last=last, job=job)
    if not last.asks_person or seen.question is None:
        # a gate that opened while the answer was on its way stays open
        return replace(run, gate=None, opening=run.opening if run.opening and run.opening.at > call.at else None)
    return run if late and run.decision is not None and run.decision.ends else gated(run, seen.question)


def _last(run: RunState, seen: Seen, call: Exchange) -> LastStatus:
    """The status body; one that says what the one before did is read once."""
    last, code = run.last, call.code or 0
    if last is not None and last.body is call.reply_body:
        return replace(last, code=code, took=call.took)
    return reading.last_status(seen, run.labels, code, call.took, call.reply_body)


def gated(run: RunState, question: Question) -> RunState:
    """With the gate that a status body or a question shows; one that showed already stays as it is, but for the question."""
    since = run.milestone("status")
    gate = reading.gate_of(question, run.labels, run.gates, 0 if since is None else since.at)
    if run.gate is not None and run.gate.key == gate.key:
        # a gate that escalates asks something else, and is the same one
        same = run.gate.question == gate.question
        return run if same else replace(run, gate=replace(run.gate, question=gate.question))
    if run.decision is not None and run.decision.ends and run.decision.answers(gate):
        return run  # an answer that was on its way when the gate was decided
    gates = run.gates if gate.identity in run.gates else (*run.gates, gate.identity)
    return replace(run.reached(run.latest, "gate", gate.code), gate=gate, gates=gates)


def _ended(run: RunState, observation: RunEnded) -> RunState:
    outcome = clean.whole(replace(observation.outcome, token=None))
    run = replace(run, ended=observation.at, outcome=outcome, next_call=None, gate=None, opening=None)
    return run if run.came_to("output", "error") else run.reached(observation.at, "error", outcome.status or "")


def _noted(run: RunState, row: TimelineRow) -> RunState:
    return replace(run, timeline=with_row(run.timeline, row))


# What the mock's journal tells


def _fact(run: RunState, observation: Noted) -> RunState:
    """An open match: facts of other rooms, and those that no pane shows, change nothing."""
    match observation.fact:
        case LedgerCleared(at=at):
            return RunState(latest=at)
        case FaultStruck() as fact:
            name, goes_on = clean.line(fact.fault, 80), run.ended is None and run.job is not None
            run = run.reached(fact.at, "fault", name)
            return _noted(run, TimelineRow(fact.at, "struck", name, bad=True)) if goes_on else run
        case CallbackSent() | CallbackAnswered() as fact if run.job is not None and run.job.job == fact.job:
            return replace(run, callbacks=_called_back(run, run.job, fact)[-MOST_CALLBACKS:])
        case JobStatus() | GateOpened() | GateDecided() | GateExpired() as fact if run.job is not None:
            return _of_job(run, run.job, clean.whole(fact), observation.at) if run.job.job in (None, fact.job) else run
        case _:
            return run


def callback_number(fact: CallbackSent | CallbackAnswered) -> int:
    """By which the wire knows a try: below zero, for it is no exchange of a client's."""
    return -1 - crc32(f"{fact.callback}/{fact.number}".encode())


def callback_call(sent: CallbackSent) -> Exchange:
    """A try as the wire shows it: a call of the lab's own."""
    headers: Headers = ()
    if sent.timestamp is not None:  # the others bear credentials, which nobody shows
        signature = {"good": "v1,…", "bad": "v1,… of another key", "none": ""}[sent.signature]
        headers = (("webhook-id", clean.line(sent.callback, 64)), ("webhook-timestamp", str(sent.timestamp)))
        headers = (*headers, ("webhook-signature", signature)) if signature else headers
    body = clean.body(sent.body, "application/json")
    path = f"▲ {clean.line(sent.receiver, 64)}"
    call = Exchange(callback_number(sent), sent.at, "callback", "POST", path, headers, body, struck=sent.fault or "")
    return replace(call, lost="lost", until=sent.at) if sent.fault == "lost" else call


def callback_answered(call: Exchange, answer: CallbackAnswered) -> Exchange:
    """The same once an answer came, or none comes."""
    lost = None if answer.status is not None else clean.line(answer.why or "lost", 64)
    return replace(call, code=answer.status, lost=lost, until=answer.at)


def _called_back(run: RunState, job: JobState, fact: CallbackSent | CallbackAnswered) -> tuple[CallbackShown, ...]:
    x = callback_number(fact)
    if isinstance(fact, CallbackSent):
        came, word = "lost" if fact.fault == "lost" else "", reading.word_of(job.labels, fact.status)
        return (*run.callbacks, CallbackShown(x, fact.at, clean.line(fact.receiver, 64), fact.number, word, came))
    came = str(fact.status) if fact.status is not None else clean.line(fact.why or "lost", 64)
    taken = fact.status is not None and 200 <= fact.status < 300
    return tuple(replace(each, came=came, taken=taken) if each.x == x else each for each in run.callbacks)


def _of_job(
    run: RunState, job: JobState, fact: JobStatus | GateOpened | GateDecided | GateExpired, noticed: Millis
) -> RunState:
    """What happened to this run's job; at its gates only while it goes on."""
    match fact:
        case JobStatus():
            word = reading.word_of(job.labels, fact.to)
            run = run.reached(fact.at, "step", fact.step, word)
            if job.job is None or job.code is not None:
                return run
            # no whole answer has shown it yet: it is answered with events, or its call isn't in sight
            return replace(run, job=replace(job, status=word)).reached(fact.at, "status", word)
        case _ if run.ended is not None:
            return run
        case GateOpened():
            return replace(run, opening=fact, approved=0)
        case GateDecided() | GateExpired():
            return _closed(run, fact, noticed)
        case _:
            assert_never(fact)


def _closed(run: RunState, fact: GateDecided | GateExpired, noticed: Millis) -> RunState:
    """What the journal tells of a decision: who decided, by name, and what was said. It closes the gate at once."""
    shown, opening = run.gate, run.opening
    gate = shown if shown is not None and shown.gate in ("", fact.gate) else None
    verdict, by, name, comment = str(Verdict.TIMED_OUT), str(Origin.SCRIPT), None, None
    if isinstance(fact, GateDecided):
        if fact.by is Origin.API and _carried(run, fact):
            return run
        verdict, by, name, comment = str(fact.verdict), str(fact.by), fact.name, fact.comment
    decision = GateDecision(fact.at, verdict, by, noticed, fact.at, fact.gate, fact.round, name, comment, gate)
    if gate is None and opening is not None:  # no poll has shown it
        run = run.reached(opening.at, "gate", opening.gate)
    run = _decided(run, decision, (fact.gate, fact.round))
    ends = run.decision is not None and run.decision.ends
    # while our own answer to it is under way, its reply tells
    return replace(run, gate=None) if ends and gate is not None and gate.sent is None else run


def _decided(
    run: RunState, decision: GateDecision, answers: tuple[str, int], code: int | None = None, took: Millis | None = None
) -> RunState:
    """With a decision, and the approvals counted of the opening that it answers: a row, and what is narrated until the next
    status."""
    opening, approved = run.opening, run.approved
    if opening is not None:
        decision = replace(decision, patience=opening.until - opening.at)
    if opening is not None and (opening.gate, opening.round) == answers:
        approved += decision.verdict == Verdict.APPROVED
        decision = replace(decision, approved=approved, approvals=opening.approvals)
    else:
        decision = replace(decision, approved=1)
    bad, word = decision.verdict == Verdict.TIMED_OUT, verdict_face(decision.verdict).word
    row = TimelineRow(decision.at, "decided", word, code, took, bad=bad, decision=decision)
    run = _noted(replace(run, approved=approved, decision=decision), row)
    return run.reached(decision.at, "decided", decision.verdict, decision=decision)


def _carried(run: RunState, fact: GateDecided) -> bool:
    """Whether a call carried this decision: it shows as the reply to it, be that under way or here."""
    last = run.decision
    if last is not None and last.by == Origin.API and last.since <= fact.at <= last.at and last.gate is not None:
        if last.step in ("", fact.gate) and (last.round, last.verdict) == (fact.round, str(fact.verdict)):
            return True
    return run.gate is not None and run.gate.sent is not None
