"""`follow(jobs, observation)`: the next state of a journal's jobs. Total and pure; panes are made by `reduce`."""

from dataclasses import dataclass, replace
from urllib.parse import unquote

from lab.app import Outcome
from lab.app.observe import Ended, Lost, Noted, Observation, Replied, Requested, Waiting
from lab.core.exchange import Json, Request
from lab.core.journal.fact import LedgerCleared
from lab.core.journal.shell import TapeNoted
from lab.dialects import fusion as wire
from lab.faults.facts import FaultStruck
from lab.identity.facts import TokenGranted
from lab.jobs.facts import JobAccepted
from lab.tui.state import clean
from lab.tui.state.acceptance import accepted, borne, granted
from lab.tui.state.faults import with_fact
from lab.tui.state.journal import ClientRun, IssuedToken, JournalState, PendingExchange
from lab.tui.state.reduce import reduce
from lab.tui.state.screen import RunState
from lab.tui.state.values import JobState


@dataclass(frozen=True, slots=True)
class RunChange:
    """What an observation, or what follows from it, changed in one passage (None: in none): for line mode."""

    client_run: int | None
    told: Observation
    before: RunState
    after: RunState


RunChanges = tuple[RunChange, ...]


def follow(jobs: JournalState, told: Observation) -> JournalState:
    """The state after one more observation."""
    return steps(jobs, told)[0]


def steps(jobs: JournalState, told: Observation) -> tuple[JournalState, RunChanges]:
    """The state after one more observation, and the way there."""
    match told:
        case Requested():
            return _requested(jobs, told)
        case Replied():
            return _replied(jobs, told)
        case Noted():
            return _noted(jobs, told)
        case _:
            return jobs, ()


def _fold(jobs: JournalState, key: int | None, told: Observation) -> tuple[JournalState, RunChanges]:
    """An observation folded into a passage, or into what belongs to none; the wire takes the exchange over."""
    client_run = None if key is None else jobs.client_runs.get(key)
    before = jobs.unassigned if client_run is None else client_run.stage
    after = kept = _reduced(before, told)
    if isinstance(told, Replied | Lost):
        # Of its exchanges a passage keeps those under way; the wire has them all.
        kept = replace(after, calls=tuple(call for call in after.calls if call.until is None))
    if client_run is None or key is None:
        # No clock runs for calls that are nobody's.
        jobs = replace(jobs, unassigned=replace(kept, ended=kept.seen))
    else:
        jobs = jobs.with_client_run(key, replace(client_run, stage=kept))
    if isinstance(told, Requested | Replied | Lost):
        call = next((call for call in reversed(after.calls) if call.x == told.x), None)
        jobs = jobs if call is None else jobs.wire(call)
    return jobs, (RunChange(key, told, before, after),)


def _reduced(stage: RunState, told: Observation) -> RunState:
    """A client may go on calling about a job that has ended: it is seen, and the job stays ended."""
    if stage.ended is None:
        return reduce(stage, told)
    if isinstance(told, Noted):
        return reduce(stage, told) if isinstance(told.fact, TapeNoted) else stage
    after = reduce(replace(stage, ended=None), told)
    return replace(after, ended=stage.ended, outcome=stage.outcome, gate=None, patience=None, pending=None)


# What is sent


def _requested(jobs: JournalState, told: Requested) -> tuple[JournalState, RunChanges]:
    if jobs.missed is None:
        jobs = replace(jobs, missed=max(0, told.x - 1))
    resumes = False
    key: int | None = None
    if told.route == "token":
        key = told.x
        jobs = jobs.begin(key, ClientRun())
    elif told.route == "invoke":
        document = clean.parsed(told.request.body)
        resumes, key = _resumed(jobs, document if isinstance(document, dict) else {})
        if not resumes:
            key = told.x
            jobs = jobs.begin(key, ClientRun())
    elif told.route == "status":
        jobs, key = _polled(jobs, told)
    if key is not None and told.route != "token":
        jobs = borne(jobs, key, _bearer(told.request))
    return _fold(jobs.fly(told.x, PendingExchange(key, told.route, resumes, bearer=_bearer(told.request))), key, told)


def _resumed(jobs: JournalState, members: dict[str, Json]) -> tuple[bool, int | None]:
    """Whether invokeAsync answers a gate, and whose: by its job, else by its conversation (contract.md §4.4)."""
    if not isinstance(members.get("resumeInput") or members.get("resumeNodeInput"), dict):
        return False, None
    job, conversation = members.get("jobId"), members.get("conversationId")
    if isinstance(job, str) and job in jobs.of:
        return True, jobs.of[job]
    for key in reversed(jobs.keys()):
        client_run = jobs.client_runs[key]
        if conversation is not None and client_run.conversation == conversation and client_run.stage.ended is None:
            return True, key
    return True, None


def _polled(jobs: JournalState, told: Requested) -> tuple[JournalState, int]:
    """The passage of the job in the path; one that nobody saw begin has nothing but its name."""
    parts = told.request.path.split("/")
    job = unquote(parts[-1])
    if job in jobs.of and jobs.of[job] in jobs.client_runs:
        return jobs, jobs.of[job]
    team = clean.line(unquote(parts[-3]), 200) if len(parts) > 2 else ""
    view = JobState(told.at, clean.line(told.request.path, 2_048), team, job=clean.line(job, 200))
    return jobs.begin(told.x, ClientRun(RunState(job=view))).named(job, told.x), told.x


def _bearer(request: Request) -> str:
    scheme, _, token = (request.header("authorization") or "").partition(" ")
    return token if scheme.lower() == "bearer" else ""


# What comes back


def _replied(jobs: JournalState, told: Replied) -> tuple[JournalState, RunChanges]:
    pending = jobs.in_flight.get(told.x)
    if pending is None:
        return jobs, ()
    jobs = jobs.landed(told.x)
    if told.cut is not None or told.response.status == 0:
        why = pending.struck or told.cut or "reset"
        return _fold(jobs, pending.client_run, Lost(told.at, told.x, why))
    jobs, way = _fold(jobs, pending.client_run, told)
    if pending.client_run is None or pending.client_run not in jobs.client_runs:
        return jobs, way
    jobs, rest = _followed(jobs, pending, pending.client_run, told)
    return jobs, (*way, *rest)


def _followed(jobs: JournalState, pending: PendingExchange, key: int, told: Replied) -> tuple[JournalState, RunChanges]:
    """What a run would have told after this reply: that it waits, or that it is over."""
    if pending.route == "token":
        return _granted(jobs, pending, key, told)
    response = told.response
    body = wire.parse_job(response.body) if response.status in (200, 202) else None
    client_run = jobs.client_runs[key]
    if body is None:
        if pending.route == "invoke" and not pending.resumes:
            return _ended(jobs, key, told, why=clean.line(wire.refusal_of(response), 512))
        return _waits(jobs, key, pending, told)
    jobs = jobs.named(body.job, key)
    if client_run.conversation != body.conversation:
        jobs = jobs.with_client_run(key, replace(client_run, conversation=body.conversation))
    if wire.final(body.status):
        return _ended(jobs, key, told, body=body)
    return _waits(jobs, key, pending, told)


def _granted(jobs: JournalState, pending: PendingExchange, key: int, told: Replied) -> tuple[JournalState, RunChanges]:
    granted = wire.parse_grant(told.response.body) if told.response.status == 200 else None
    client_run = jobs.client_runs[key]
    if granted is None or client_run.stage.token is None:
        return _ended(jobs, key, told, why=clean.line(wire.refusal_of(told.response), 512))
    token = replace(client_run.stage.token, claims=client_run.stage.token.claims or pending.claims)
    stage = replace(client_run.stage, token=token)
    jobs = jobs.with_client_run(key, replace(client_run, stage=stage))
    return jobs.granted(granted[0], IssuedToken(stage, key)), ()


def _ended(
    jobs: JournalState, key: int, told: Replied, *, body: wire.JobBody | None = None, why: str | None = None
) -> tuple[JournalState, RunChanges]:
    stage = jobs.client_runs[key].stage
    if stage.ended is not None:
        return jobs, ()
    took = stage.since_start(told.at)
    if body is None:
        outcome = Outcome(None, None, None, None, None, stage.polls, took, why)
    else:
        outcome = Outcome(
            body.status, body.output, body.error, body.job, body.conversation, stage.polls, took, None, body.follow_up
        )
    return _fold(jobs, key, Ended(told.at, outcome))


def _waits(jobs: JournalState, key: int, pending: PendingExchange, told: Replied) -> tuple[JournalState, RunChanges]:
    """The wait until the next call: as Retry-After says, else the pause between the last two polls."""
    client_run = jobs.client_runs[key]
    call = next((call for call in reversed(jobs.calls) if call.x == told.x), None)
    rested, polled = client_run.rested, pending.route == "status"
    if polled:
        jobs = jobs.with_client_run(key, replace(client_run, rested=told.at))
    asked_to = wire.retry_after(told.response, told.at) if told.response.status in (429, 503) else None
    if asked_to is not None:
        return _fold(jobs, key, Waiting(told.at, told.at + asked_to, "retry-after"))
    if not polled or rested is None or call is None or client_run.stage.ended is not None:
        return jobs, ()
    return _fold(jobs, key, Waiting(told.at, told.at + max(0, call.at - rested), "poll"))


# Facts


def _noted(jobs: JournalState, told: Noted) -> tuple[JournalState, RunChanges]:
    fact = told.fact
    armed = with_fact(jobs.armed, fact)
    if armed is not jobs.armed:
        jobs = replace(jobs, armed=armed)
    match fact:
        case LedgerCleared():
            return JournalState(jobs.epoch, unassigned=RunState(seen=told.at), missed=jobs.missed or 0), ()
        case TokenGranted():
            return granted(jobs, fact, told.x), ()
        case JobAccepted():
            return accepted(jobs, fact, told.x), ()
        case TapeNoted():
            return _fold(jobs, None, told)
        case FaultStruck():
            return _struck(jobs, told, clean.line(fact.fault, 64))
    key = jobs.of.get(getattr(fact, "job", ""))
    return (jobs, ()) if key not in jobs.client_runs else _fold(jobs, key, told)


def _struck(jobs: JournalState, told: Noted, fault: str) -> tuple[JournalState, RunChanges]:
    """A fault is told just before the reply that it spoils."""
    pending = jobs.in_flight.get(told.x or 0)
    if pending is None:
        return jobs, ()
    jobs = jobs.fly(told.x or 0, replace(pending, struck=fault))
    return (jobs, ()) if pending.client_run is None else _fold(jobs, pending.client_run, told)
