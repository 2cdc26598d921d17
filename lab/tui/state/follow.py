"""`follow(journal, observation)`: the next state of a journal's jobs. Total and pure; runs are made by `reduce`."""

from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from lab.app.effects import Asking, Outcome, RunEnded, RunObservation
from lab.core.exchange import Request
from lab.core.journal.fact import LedgerCleared
from lab.core.journal.shell import TapeNoted
from lab.core.observe import Lost, Noted, Replied, Requested, Touched, Waiting
from lab.dialects.client import Seen
from lab.faults.facts import FaultStruck
from lab.identity.facts import TokenGranted
from lab.jobs.facts import JobAccepted
from lab.tui.state import clean, reading
from lab.tui.state.acceptance import job_accepted, token_granted, with_bearer
from lab.tui.state.faults import with_fact
from lab.tui.state.journal import ClientRun, IssuedToken, JournalState, PendingExchange
from lab.tui.state.reading import CallRequest
from lab.tui.state.reduce import reduce
from lab.tui.state.run import JobState, RunState


class RunChange(Struct, frozen=True):
    """What an observation, or what follows from it, changed in one run (None: in none): for line mode."""

    client_run: int | None
    observation: RunObservation
    before: RunState
    after: RunState


RunChanges = tuple[RunChange, ...]


def follow(journal: JournalState, observation: RunObservation) -> JournalState:
    """The state after one more observation."""
    return changes(journal, observation)[0]


def changes(journal: JournalState, observation: RunObservation) -> tuple[JournalState, RunChanges]:
    """The state after one more observation, and what it changed on the way there."""
    match observation:
        case Requested():
            return _request(journal, observation)
        case Replied():
            return _reply(journal, observation)
        case Noted():
            return _fact(journal, observation)
        case Lost() | Touched() | Waiting() | Asking() | RunEnded():
            return journal, ()  # what only a run of our own observes: no journal holds it
        case _:
            assert_never(observation)


def _fold(journal: JournalState, key: int | None, observation: RunObservation) -> tuple[JournalState, RunChanges]:
    """An observation folded into a run, or into what belongs to none; the wire takes the exchange over."""
    client_run = None if key is None else journal.client_runs.get(key)
    before = journal.unassigned if client_run is None else client_run.run
    after = kept = _reduced(before, observation)
    if isinstance(observation, Replied | Lost):
        # Of its exchanges a run keeps those under way; the wire has them all.
        kept = replace(after, exchanges=tuple(each for each in after.exchanges if each.until is None))
    if client_run is None or key is None:
        # No clock runs for calls that are nobody's.
        journal = replace(journal, unassigned=replace(kept, ended=kept.latest))
    else:
        journal = journal.with_run(key, replace(client_run, run=kept))
    if isinstance(observation, Requested | Replied | Lost):
        exchange = after.exchange(observation.x)
        journal = journal if exchange is None else journal.on_wire(exchange)
    return journal, (RunChange(key, observation, before, after),)


def _reduced(run: RunState, observation: RunObservation) -> RunState:
    """A client may go on calling about a job that has ended: it is seen, and the job stays ended."""
    if run.ended is None:
        return reduce(run, observation)
    if isinstance(observation, Noted):
        return reduce(run, observation) if isinstance(observation.fact, TapeNoted) else run
    after = reduce(replace(run, ended=None), observation)
    return replace(after, ended=run.ended, outcome=run.outcome, gate=None, opening=None, next_call=None)


# What is sent


def _request(journal: JournalState, observation: Requested) -> tuple[JournalState, RunChanges]:
    x, route, request = observation.x, observation.route, observation.request
    if journal.missed is None:
        journal = replace(journal, missed=max(0, x - 1))
    call, key = reading.call_request(route, request), None
    match call.command:
        case "invoke" if call.resumes:
            key = _resumed(journal, call)
        case "token" | "invoke":
            journal, key = journal.begin(x, ClientRun()), x
        case "status":
            journal, key = _polled(journal, observation, call)
    bearer = _bearer(request)
    if key is not None and call.command != "token":
        journal = with_bearer(journal, key, bearer)
    pending = PendingExchange(key, route, call.command, call.resumes, bearer=bearer)
    return _fold(journal.sent(x, pending), key, observation)


def _resumed(journal: JournalState, call: CallRequest) -> int | None:
    """Whose gate a call answers: by its job, else by its conversation (contract.md §4.4)."""
    if call.job in journal.run_of_job:
        return journal.run_of_job[call.job]
    for key in reversed(journal.keys()):
        client_run = journal.client_runs[key]
        same = call.conversation is not None and client_run.conversation == call.conversation
        if same and client_run.run.ended is None:
            return key
    return None


def _polled(journal: JournalState, observation: Requested, call: CallRequest) -> tuple[JournalState, int]:
    """The run of the job that is looked at; one that nobody saw begin has nothing but its name."""
    x, job = observation.x, call.job
    if journal.run_of_job.get(job) in journal.client_runs:
        return journal, journal.run_of_job[job]
    path = clean.line(observation.request.path, 2_048)
    state = JobState(
        observation.at, path, call.team, job=clean.line(job, 200), lines=reading.identity(call.labels, None),
        labels=call.labels,
    )  # fmt: skip
    return journal.begin(x, ClientRun(RunState(job=state))).with_job(job, x), x


def _bearer(request: Request) -> str:
    scheme, _, token = (request.header("authorization") or "").partition(" ")
    return token if scheme.lower() == "bearer" else ""


# What comes back


def _reply(journal: JournalState, reply: Replied) -> tuple[JournalState, RunChanges]:
    pending = journal.in_flight.get(reply.x)
    if pending is None:
        return journal, ()
    journal = journal.landed(reply.x)
    if reply.cut is not None or reply.response.status == 0:
        why = pending.struck or reply.cut or "reset"
        return _fold(journal, pending.client_run, Lost(reply.at, reply.x, why))
    journal, first = _fold(journal, pending.client_run, reply)
    if pending.client_run is None or pending.client_run not in journal.client_runs:
        return journal, first
    journal, rest = _consequence(journal, pending, pending.client_run, reply)
    return journal, (*first, *rest)


def _consequence(
    journal: JournalState, pending: PendingExchange, key: int, reply: Replied
) -> tuple[JournalState, RunChanges]:
    """What a run of our own would have observed after this reply: that it waits, or that it is over."""
    if pending.command == "token":
        return _token(journal, pending, key, reply)
    seen = reading.job_in(pending.route, reply.response)
    client_run = journal.client_runs[key]
    if seen is None:
        if pending.command == "invoke" and not pending.resumes:
            return _ended(journal, key, pending, reply)
        return _waits(journal, key, pending, reply)
    journal = journal.with_job(seen.job, key)
    if client_run.conversation != seen.conversation:
        journal = journal.with_run(key, replace(client_run, conversation=seen.conversation))
    if seen.final:
        return _ended(journal, key, pending, reply, seen)
    return _waits(journal, key, pending, reply)


def _token(
    journal: JournalState, pending: PendingExchange, key: int, reply: Replied
) -> tuple[JournalState, RunChanges]:
    granted, client_run = reading.token_in(reply.response), journal.client_runs[key]
    if granted is None or client_run.run.token is None:
        return _ended(journal, key, pending, reply)
    token = replace(client_run.run.token, claims=client_run.run.token.claims or pending.claims)
    run = replace(client_run.run, token=token)
    return journal.with_run(key, replace(client_run, run=run)).with_token(granted[0], IssuedToken(run, key)), ()


def _ended(
    journal: JournalState, key: int, pending: PendingExchange, reply: Replied, seen: Seen | None = None
) -> tuple[JournalState, RunChanges]:
    """The end of a run: with a job that has ended, or with a refusal of what would have begun it."""
    run = journal.client_runs[key].run
    if run.ended is not None:
        return journal, ()
    took = run.since_start(reply.at)
    if seen is None:
        why = reading.refusal_in(pending.route, reply.response)
        outcome = Outcome(None, None, None, None, None, run.polls, took, why)
    else:
        outcome = Outcome(
            seen.status, seen.output, seen.error, seen.job, seen.conversation, run.polls, took, None, seen.follow_up
        )
    return _fold(journal, key, RunEnded(reply.at, outcome))


def _waits(
    journal: JournalState, key: int, pending: PendingExchange, reply: Replied
) -> tuple[JournalState, RunChanges]:
    """The wait until the next call: as Retry-After says, else the pause between the last two polls."""
    client_run, polled, at = journal.client_runs[key], pending.command == "status", reply.at
    before = client_run.polled_at
    if polled:
        journal = journal.with_run(key, replace(client_run, polled_at=at))
    if (pause := reading.wanted_pause(reply.response)) is not None:
        return _fold(journal, key, Waiting(at, at + pause, "retry-after"))
    exchange = next((each for each in reversed(journal.exchanges) if each.x == reply.x), None)
    if not polled or before is None or exchange is None or client_run.run.ended is not None:
        return journal, ()
    return _fold(journal, key, Waiting(at, at + max(0, exchange.at - before), "poll"))


# Facts


def _fact(journal: JournalState, observation: Noted) -> tuple[JournalState, RunChanges]:
    # an open match: facts that are about no job, or about one that is not in sight, change nothing here
    fact = observation.fact
    armed = with_fact(journal.armed, fact)
    if armed is not journal.armed:
        journal = replace(journal, armed=armed)
    match fact:
        case LedgerCleared():
            return JournalState(
                journal.epoch, unassigned=RunState(latest=observation.at), missed=journal.missed or 0
            ), ()
        case TokenGranted():
            return token_granted(journal, fact, observation.x), ()
        case JobAccepted():
            return job_accepted(journal, fact, observation.x), ()
        case TapeNoted():
            return _fold(journal, None, observation)
        case FaultStruck():
            return _struck(journal, observation, clean.line(fact.fault, 64))
        case _:
            key = journal.run_of_job.get(getattr(fact, "job", ""))
            return (journal, ()) if key not in journal.client_runs else _fold(journal, key, observation)


def _struck(journal: JournalState, observation: Noted, fault: str) -> tuple[JournalState, RunChanges]:
    """A fault is noted just before the reply that it spoils."""
    x = observation.x or 0
    pending = journal.in_flight.get(x)
    if pending is None:
        return journal, ()
    journal = journal.sent(x, replace(pending, struck=fault))
    return (journal, ()) if pending.client_run is None else _fold(journal, pending.client_run, observation)
