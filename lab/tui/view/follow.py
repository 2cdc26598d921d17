"""`follow(jobs, observation)`: the next state of a journal's jobs. Total and pure; panes are made by `reduce`."""

from dataclasses import dataclass, replace
from urllib.parse import unquote

from lab.app import Outcome
from lab.app.observe import Ended, Lost, Noted, Observation, Replied, Requested, Waiting
from lab.core.exchange import Json, Request
from lab.dialects import fusion as wire
from lab.jobs import journal
from lab.tui.view import clean
from lab.tui.view.armed import with_fact
from lab.tui.view.begun import accepted, borne, granted
from lab.tui.view.jobs import Flight, Grant, Jobs, Passage
from lab.tui.view.reduce import reduce
from lab.tui.view.seen import JobView
from lab.tui.view.state import Stage


@dataclass(frozen=True, slots=True)
class Step:
    """What an observation, or what follows from it, changed in one passage (None: in none): for line mode."""

    passage: int | None
    told: Observation
    before: Stage
    after: Stage


Steps = tuple[Step, ...]


def follow(jobs: Jobs, told: Observation) -> Jobs:
    """The state after one more observation."""
    return steps(jobs, told)[0]


def steps(jobs: Jobs, told: Observation) -> tuple[Jobs, Steps]:
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


def _fold(jobs: Jobs, key: int | None, told: Observation) -> tuple[Jobs, Steps]:
    """An observation folded into a passage, or into what belongs to none; the wire takes the exchange over."""
    passage = None if key is None else jobs.passages.get(key)
    before = jobs.loose if passage is None else passage.stage
    after = kept = _reduced(before, told)
    if isinstance(told, Replied | Lost):
        # Of its exchanges a passage keeps those under way; the wire has them all.
        kept = replace(after, calls=tuple(call for call in after.calls if call.until is None))
    if passage is None or key is None:
        # No clock runs for calls that are nobody's.
        jobs = replace(jobs, loose=replace(kept, ended=kept.seen))
    else:
        jobs = jobs.with_passage(key, replace(passage, stage=kept))
    if isinstance(told, Requested | Replied | Lost):
        call = next((call for call in reversed(after.calls) if call.x == told.x), None)
        jobs = jobs if call is None else jobs.wire(call)
    return jobs, (Step(key, told, before, after),)


def _reduced(stage: Stage, told: Observation) -> Stage:
    """A client may go on calling about a job that has ended: it is seen, and the job stays ended."""
    if stage.ended is None:
        return reduce(stage, told)
    if isinstance(told, Noted):
        return reduce(stage, told) if isinstance(told.fact, journal.TapeNoted) else stage
    after = reduce(replace(stage, ended=None), told)
    return replace(after, ended=stage.ended, outcome=stage.outcome, gate=None, patience=None, pending=None)


# What is sent


def _requested(jobs: Jobs, told: Requested) -> tuple[Jobs, Steps]:
    if jobs.missed is None:
        jobs = replace(jobs, missed=max(0, told.x - 1))
    resumes = False
    key: int | None = None
    if told.route == "token":
        key = told.x
        jobs = jobs.begin(key, Passage())
    elif told.route == "invoke":
        document = clean.parsed(told.request.body)
        resumes, key = _resumed(jobs, document if isinstance(document, dict) else {})
        if not resumes:
            key = told.x
            jobs = jobs.begin(key, Passage())
    elif told.route == "status":
        jobs, key = _polled(jobs, told)
    if key is not None and told.route != "token":
        jobs = borne(jobs, key, _bearer(told.request))
    return _fold(jobs.fly(told.x, Flight(key, told.route, resumes, bearer=_bearer(told.request))), key, told)


def _resumed(jobs: Jobs, members: dict[str, Json]) -> tuple[bool, int | None]:
    """Whether invokeAsync answers a gate, and whose: by its job, else by its conversation (contract.md §4.4)."""
    if not isinstance(members.get("resumeInput") or members.get("resumeNodeInput"), dict):
        return False, None
    job, conversation = members.get("jobId"), members.get("conversationId")
    if isinstance(job, str) and job in jobs.of:
        return True, jobs.of[job]
    for key in reversed(jobs.keys()):
        passage = jobs.passages[key]
        if conversation is not None and passage.conversation == conversation and passage.stage.ended is None:
            return True, key
    return True, None


def _polled(jobs: Jobs, told: Requested) -> tuple[Jobs, int]:
    """The passage of the job in the path; one that nobody saw begin has nothing but its name."""
    parts = told.request.path.split("/")
    job = unquote(parts[-1])
    if job in jobs.of and jobs.of[job] in jobs.passages:
        return jobs, jobs.of[job]
    team = clean.line(unquote(parts[-3]), 200) if len(parts) > 2 else ""
    view = JobView(told.at, clean.line(told.request.path, 2_048), team, job=clean.line(job, 200))
    return jobs.begin(told.x, Passage(Stage(job=view))).named(job, told.x), told.x


def _bearer(request: Request) -> str:
    scheme, _, token = (request.header("authorization") or "").partition(" ")
    return token if scheme.lower() == "bearer" else ""


# What comes back


def _replied(jobs: Jobs, told: Replied) -> tuple[Jobs, Steps]:
    flight = jobs.flying.get(told.x)
    if flight is None:
        return jobs, ()
    jobs = jobs.landed(told.x)
    if told.cut is not None or told.response.status == 0:
        why = flight.struck or told.cut or "reset"
        return _fold(jobs, flight.passage, Lost(told.at, told.x, why))
    jobs, way = _fold(jobs, flight.passage, told)
    if flight.passage is None or flight.passage not in jobs.passages:
        return jobs, way
    jobs, rest = _followed(jobs, flight, flight.passage, told)
    return jobs, (*way, *rest)


def _followed(jobs: Jobs, flight: Flight, key: int, told: Replied) -> tuple[Jobs, Steps]:
    """What a run would have told after this reply: that it waits, or that it is over."""
    if flight.route == "token":
        return _granted(jobs, flight, key, told)
    response = told.response
    body = wire.parse_job(response.body) if response.status in (200, 202) else None
    passage = jobs.passages[key]
    if body is None:
        if flight.route == "invoke" and not flight.resumes:
            return _ended(jobs, key, told, why=clean.line(wire.refusal_of(response), 512))
        return _waits(jobs, key, flight, told)
    jobs = jobs.named(body.job, key)
    if passage.conversation != body.conversation:
        jobs = jobs.with_passage(key, replace(passage, conversation=body.conversation))
    if wire.final(body.status):
        return _ended(jobs, key, told, body=body)
    return _waits(jobs, key, flight, told)


def _granted(jobs: Jobs, flight: Flight, key: int, told: Replied) -> tuple[Jobs, Steps]:
    granted = wire.parse_grant(told.response.body) if told.response.status == 200 else None
    passage = jobs.passages[key]
    if granted is None or passage.stage.token is None:
        return _ended(jobs, key, told, why=clean.line(wire.refusal_of(told.response), 512))
    token = replace(passage.stage.token, claims=passage.stage.token.claims or flight.claims)
    stage = replace(passage.stage, token=token)
    jobs = jobs.with_passage(key, replace(passage, stage=stage))
    return jobs.granted(granted[0], Grant(stage, key)), ()


def _ended(
    jobs: Jobs, key: int, told: Replied, *, body: wire.JobBody | None = None, why: str | None = None
) -> tuple[Jobs, Steps]:
    stage = jobs.passages[key].stage
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


def _waits(jobs: Jobs, key: int, flight: Flight, told: Replied) -> tuple[Jobs, Steps]:
    """The wait until the next call: as Retry-After says, else the pause between the last two polls."""
    passage = jobs.passages[key]
    call = next((call for call in reversed(jobs.calls) if call.x == told.x), None)
    rested, polled = passage.rested, flight.route == "status"
    if polled:
        jobs = jobs.with_passage(key, replace(passage, rested=told.at))
    asked_to = wire.retry_after(told.response, told.at) if told.response.status in (429, 503) else None
    if asked_to is not None:
        return _fold(jobs, key, Waiting(told.at, told.at + asked_to, "retry-after"))
    if not polled or rested is None or call is None or passage.stage.ended is not None:
        return jobs, ()
    return _fold(jobs, key, Waiting(told.at, told.at + max(0, call.at - rested), "poll"))


# Facts


def _noted(jobs: Jobs, told: Noted) -> tuple[Jobs, Steps]:
    fact = told.fact
    armed = with_fact(jobs.armed, fact)
    if armed is not jobs.armed:
        jobs = replace(jobs, armed=armed)
    match fact:
        case journal.LedgerCleared():
            return Jobs(jobs.epoch, loose=Stage(seen=told.at), missed=jobs.missed or 0), ()
        case journal.TokenGranted():
            return granted(jobs, fact, told.x), ()
        case journal.JobAccepted():
            return accepted(jobs, fact, told.x), ()
        case journal.TapeNoted():
            return _fold(jobs, None, told)
        case journal.FaultStruck():
            return _struck(jobs, told, clean.line(fact.fault, 64))
    key = jobs.of.get(getattr(fact, "job", ""))
    return (jobs, ()) if key not in jobs.passages else _fold(jobs, key, told)


def _struck(jobs: Jobs, told: Noted, fault: str) -> tuple[Jobs, Steps]:
    """A fault is told just before the reply that it spoils."""
    flight = jobs.flying.get(told.x or 0)
    if flight is None:
        return jobs, ()
    jobs = jobs.fly(told.x or 0, replace(flight, struck=fault))
    return (jobs, ()) if flight.passage is None else _fold(jobs, flight.passage, told)
