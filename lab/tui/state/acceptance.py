"""How a client's run begins in a journal, or goes on: the token that its calls bear, the acceptance of its job, messages."""

from msgspec.structs import replace

from lab.identity.clients import Grant
from lab.identity.facts import TokenGranted
from lab.jobs.facts import GateDecided, JobAccepted
from lab.tui.state import clean, reading
from lab.tui.state.gate import GateState
from lab.tui.state.journal import ClientRun, IssuedToken, JournalState
from lab.tui.state.reading import CallRequest
from lab.tui.state.run import USUAL_LABELS, JobState, RunState, TokenState


def with_bearer(journal: JournalState, key: int, token: str) -> JournalState:
    """The run with the token that its call bears: what was asked for by itself becomes part of it."""
    client_run, issued = journal.client_runs.get(key), journal.tokens.get(token)
    if client_run is None or issued is None or client_run.bearer == token:
        return journal
    fresh = client_run.run.start is None and not issued.used
    run = issued.run if fresh else replace(client_run.run, token=issued.run.token)
    if fresh and client_run.run.job is not None:
        run = replace(run, job=client_run.run.job)
    journal = journal.with_token(token, replace(issued, used=True)).without(issued.x)
    return journal.change(key, run=run, bearer=token)


def token_granted(journal: JournalState, fact: TokenGranted, x: int | None) -> JournalState:
    """The claims of a token of which only the alias is known; one that a restarted lab names again is issued anew."""
    epoch, pending = journal.epoch, journal.in_flight.get(x or 0)
    user = None if fact.grant == Grant.CLIENT_CREDENTIALS else fact.user  # a client's own token names no user
    members = {
        "sub": user or fact.client,
        "sub_type": "user" if user else "client",
        "client_id": fact.client,
        "scope": fact.scope,
        "iat": str(epoch + fact.at // 1000),
        "exp": str(epoch + fact.until // 1000),
    }
    claims = tuple((name, clean.line(value, 512)) for name, value in members.items())
    if pending is not None:
        return journal.sent(x or 0, replace(pending, claims=claims))
    form = (("grant_type", clean.line(fact.grant, 80)), ("scope", clean.line(fact.scope)))
    ends = clean.token_ends(fact.token)
    token = TokenState(fact.at, reading.TOKEN_PATH, form, 200, None, ends, claims, fact.at, fact.until)
    return journal.with_token(fact.token, IssuedToken(RunState(token=token), 0, used=True))


def job_accepted(journal: JournalState, fact: JobAccepted, x: int | None) -> JournalState:
    """The run of a job that was accepted; one whose call isn't in sight begins here.

    One whose call is answered with events is known from now on: the answer is over when the job ends, or asks something.
    """
    pending = journal.in_flight.get(x) if x is not None else None
    key = pending.client_run if pending is not None else None
    if key is None or key not in journal.client_runs:
        key = x if x is not None and x not in journal.client_runs else min(0, *journal.client_runs, 0) - 1
        journal = journal.begin(key, ClientRun(_accepted(RunState(job=_job(fact)), fact)))
    elif pending is not None and pending.follows:
        word, run = reading.first_word(pending.route), journal.client_runs[key].run
        if run.job is not None:
            lines = reading.identity(run.job.labels, fact.conversation)
            job = replace(run.job, job=clean.line(fact.job, 200), lines=lines, status=word)
            journal = journal.change(key, run=_accepted(replace(run, job=job, statuses=((word, fact.at),)), fact))
    run = replace(journal.client_runs[key].run, part=fact.part)
    journal = journal.change(key, run=run, scenario=fact.scenario, conversation=fact.conversation)
    return journal.with_job(fact.job, key)


def _accepted(run: RunState, fact: JobAccepted) -> RunState:
    return run if run.came_to("invoke") else run.reached(fact.at, "invoke", clean.line(fact.job, 200))


def _job(fact: JobAccepted) -> JobState:
    """A job whose call is not in sight, as its acceptance has it."""
    return JobState(
        fact.at,
        reading.invoke_path(fact.team),
        clean.line(fact.team, 200),
        *reading.accepted_fields(dict(fact.input)),
        job=clean.line(fact.job, 200),
        lines=reading.identity(USUAL_LABELS, fact.conversation),
    )


# Whose a message is: one route takes answers and new jobs, and no request says which it is (contract.md §3)


def may_answer(journal: JournalState, call: CallRequest) -> bool:
    """Whether a message may be the answer to a gate: it names a job or a conversation that is known."""
    named = call.conversation is not None and any(
        each.conversation == call.conversation for each in journal.client_runs.values()
    )
    return named or call.job in journal.run_of_job


def answered_run(journal: JournalState, call: CallRequest) -> int | None:
    """Whose gate a call answers: by its job, else by its conversation (contract.md §4.4)."""
    if call.job in journal.run_of_job:
        return journal.run_of_job[call.job]
    for key in reversed(journal.keys()):
        client_run = journal.client_runs[key]
        same = call.conversation is not None and client_run.conversation == call.conversation
        if same and client_run.run.ended is None:
            return key
    return None


def admitted(call: CallRequest, fact: GateDecided, gate: GateState | None) -> CallRequest:
    """A message that was taken for a decision, as a call that answers the gate; one that no pane shows, it just passes."""
    shows = gate is not None and (not gate.gate or (gate.gate, gate.round) == (clean.line(fact.gate, 80), fact.round))
    if not shows:
        return replace(call, command="message")
    return replace(call, resumes=True, verdict=str(fact.verdict), comment=reading.comment_line(fact.comment))


def refused_answer(journal: JournalState, call: CallRequest) -> tuple[int, CallRequest] | None:
    """A message that was refused, or got no reply: the run that it was for, and the call; None if it was for none."""
    key, named = answered_run(journal, call), call.job in journal.run_of_job
    client_run = journal.client_runs.get(key) if key is not None else None
    if key is None or client_run is None:
        return None
    gate = client_run.run.gate
    if gate is not None and (named or gate.in_chat):
        said = call.message[0][1] if call.message else ""
        return key, replace(call, resumes=True, verdict=clean.line(said, 64))
    return (key, replace(call, command="message")) if named else None


def repeated_run(journal: JournalState, call: CallRequest, bearer: str) -> int | None:
    """The run whose message was refused for now, and now is sent again, with the same token."""
    for key in reversed(journal.keys()):
        client_run = journal.client_runs[key]
        job = client_run.run.job
        if job is None or job.code not in (429, 503) or client_run.run.ended is not None:
            continue
        if (client_run.bearer, job.message, job.fields) == (bearer, call.message, call.fields):
            return key
    return None
