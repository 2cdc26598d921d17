"""`follow(journal, observation)`: the next state of a journal's jobs. Total and pure; runs are made by `reduce`."""

from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from lab.app.effects import Asking, Outcome, RunEnded, RunObservation
from lab.core.exchange import Request, retry_after, unprocessed
from lab.core.journal.fact import LedgerCleared
from lab.core.journal.shell import TapeNoted
from lab.core.observe import Lost, Noted, Replied, Requested, Touched, Waiting
from lab.dialects.client import Seen
from lab.faults.facts import FaultStruck
from lab.identity.facts import TokenGranted
from lab.jobs.facts import GateDecided, JobAccepted
from lab.tui.state import clean, reading
from lab.tui.state.acceptance import (
    admitted,
    answered_run,
    job_accepted,
    may_answer,
    refused_answer,
    repeated_run,
    token_granted,
    with_bearer,
)
from lab.tui.state.journal import ClientRun, IssuedToken, JournalState, PendingExchange, with_fact
from lab.tui.state.reading import CallRequest
from lab.tui.state.reduce import exchange_sent, reduce
from lab.tui.state.run import JobState, RunState, exchange_of


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
    step = _Step(journal)
    match observation:
        case Requested():
            step.request(observation)
        case Replied():
            step.reply(observation)
        case Noted():
            step.fact(observation)
        case Lost() | Touched() | Waiting() | Asking() | RunEnded():
            pass  # what only a run of our own observes: no journal holds it
        case _:
            assert_never(observation)
    return step.journal, tuple(step.changes)


class _Step:
    """One observation on its way into the journal: the journal as it is by then, and what changed in runs so far."""

    def __init__(self, journal: JournalState) -> None:
        self.journal = journal
        self.changes: list[RunChange] = []

    def _fold(self, key: int | None, observation: RunObservation, call: CallRequest | None = None) -> None:
        """An observation folded into a run, or into what belongs to none; the wire takes the exchange over."""
        client_run = None if key is None else self.journal.client_runs.get(key)
        before = self.journal.unassigned if client_run is None else client_run.run
        after = kept = _reduced(before, observation, call)
        if isinstance(observation, Replied | Lost):
            # Of its exchanges a run keeps those under way; the wire has them all.
            kept = replace(after, exchanges=tuple(each for each in after.exchanges if each.until is None))
        if client_run is None or key is None:
            # No clock runs for calls that are nobody's.
            self.journal = replace(self.journal, unassigned=replace(kept, ended=kept.latest))
        else:
            self.journal = self.journal.change(key, run=kept)
        if isinstance(observation, Requested | Replied | Lost):
            exchange = after.exchange(observation.x)
            self.journal = self.journal if exchange is None else self.journal.on_wire(exchange)
        self.changes.append(RunChange(key, observation, before, after))

    # What is sent

    def request(self, observation: Requested) -> None:
        """A call begins a run, or belongs to one, or to none."""
        x, route, request = observation.x, observation.route, observation.request
        if self.journal.missed is None:
            self.journal = replace(self.journal, missed=max(0, x - 1))
        call, key = reading.call_request(route, request), None
        match call.command:
            case "invoke" if call.resumes:
                key = answered_run(self.journal, call)
                answering = self.journal.client_runs.get(key) if key is not None else None
                if answering is not None and answering.run.gate is None:
                    call = replace(call, command="message")  # no gate shows: the journal's fact tells the decision
            case "invoke" if may_answer(self.journal, call):
                self._assign(None, observation, call)
                return
            case "invoke" if (refused := repeated_run(self.journal, call, _bearer(request))) is not None:
                key = refused
            case "token" | "invoke":
                self._begin(observation, call)
                return
            case "status":
                key = self._polled(observation, call)
        self._assign(key, observation, call)

    def _assign(self, key: int | None, observation: Requested, call: CallRequest) -> None:
        """A call becomes part of a run, or of none; a message that is nobody's so far is on the wire alone."""
        x, bearer = observation.x, _bearer(observation.request)
        if key is not None and call.command != "token":
            self.journal = with_bearer(self.journal, key, bearer)
        message = observation if call.command == "invoke" and not call.resumes else None
        pending = PendingExchange(
            key, observation.route, call.command, call.resumes, call.follows, bearer=bearer, message=message
        )  # fmt: skip
        self.journal = self.journal.sent(x, pending)
        if message is not None and key is None:
            self.journal = self.journal.on_wire(exchange_sent(observation, call))
        else:
            self._fold(key, observation, call)

    def _begin(self, observation: Requested, call: CallRequest) -> None:
        """A call begins a run."""
        self.journal = self.journal.begin(observation.x, ClientRun())
        self._assign(observation.x, observation, call)

    def _polled(self, observation: Requested, call: CallRequest) -> int:
        """The run of the job that is looked at; one that nobody saw begin has nothing but its name."""
        x, job = observation.x, call.job
        if self.journal.run_of_job.get(job) in self.journal.client_runs:
            return self.journal.run_of_job[job]
        path, lines = clean.line(observation.request.path, 2_048), reading.identity(call.labels, None)
        state = JobState(observation.at, path, call.team, job=clean.line(job, 200), lines=lines, labels=call.labels)
        self.journal = self.journal.begin(x, ClientRun(RunState(job=state))).with_job(job, x)
        return x

    # What comes back

    def reply(self, reply: Replied) -> None:
        """A reply, or what was left of one, and what follows from it."""
        pending = self.journal.in_flight.get(reply.x)
        if pending is None:
            return
        pending = self._placed(pending, None if reply.cut else reading.job_in(pending.route, reply.response))
        self.journal, key = self.journal.landed(reply.x), pending.client_run
        if reply.cut is not None or reply.response.status == 0:
            self._fold(key, Lost(reply.at, reply.x, pending.struck or reply.cut or "reset"))
            return
        self._fold(key, reply)
        if key in self.journal.client_runs and key is not None:
            self._consequence(pending, key, reply)

    def _placed(self, pending: PendingExchange, seen: Seen | None) -> PendingExchange:
        """The exchange of a reply, or of a fault, and whose it is: a job that is known has not begun by it."""
        own, message = pending.client_run, pending.message
        known = self.journal.run_of_job.get(seen.job) if seen is not None else None
        if message is None or (own is not None and known in (None, own)):
            return pending
        call = reading.call_request(message.route, message.request)
        if own is not None:
            self.journal = self.journal.without(own)
        if known is not None:
            self._assign(known, message, replace(call, command="message"))
        elif (refused := refused_answer(self.journal, call) if seen is None else None) is not None:
            self._assign(refused[0], message, refused[1])
        else:
            self._begin(message, call)
        return replace(self.journal.in_flight[message.x], struck=pending.struck)

    def _consequence(self, pending: PendingExchange, key: int, reply: Replied) -> None:
        """What a run of our own would have observed after this reply: that it waits, or that it is over."""
        if pending.command == "token":
            self._token(pending, key, reply)
            return
        seen = reading.job_in(pending.route, reply.response)
        if seen is not None:
            self.journal = self.journal.with_job(seen.job, key).change(key, conversation=seen.conversation)
        message = pending.command == "invoke" and not pending.resumes
        ends = seen.final if seen is not None else message and not unprocessed(reply.response)
        if ends:
            self._end(pending, key, reply, seen)
        else:
            self._wait(pending, key, reply)

    def _token(self, pending: PendingExchange, key: int, reply: Replied) -> None:
        granted, run = reading.token_in(reply.response), self.journal.client_runs[key].run
        if granted is None or run.token is None:
            (self._wait if unprocessed(reply.response) else self._end)(pending, key, reply)
            return
        run = replace(run, token=replace(run.token, claims=run.token.claims or pending.claims))
        self.journal = self.journal.change(key, run=run).with_token(granted[0], IssuedToken(run, key))

    def _end(self, pending: PendingExchange, key: int, reply: Replied, seen: Seen | None = None) -> None:
        """The end of a run: with a job that has ended, or with a refusal of what would have begun it."""
        run = self.journal.client_runs[key].run
        if run.ended is not None:
            return
        polls, took = run.polls, run.since_start(reply.at)
        if seen is None:
            why = reading.refusal_in(pending.route, reply.response)
            outcome = Outcome(None, None, None, None, None, polls, took, why)
        else:
            outcome = Outcome(
                seen.status, seen.output, seen.error, seen.job, seen.conversation, polls, took, None, seen.follow_up
            )
        self._fold(key, RunEnded(reply.at, outcome))

    def _wait(self, pending: PendingExchange, key: int, reply: Replied) -> None:
        """The wait until the next call: as Retry-After says, else the pause between the last two polls."""
        client_run, polled, at = self.journal.client_runs[key], pending.command == "status", reply.at
        if polled:
            self.journal = self.journal.change(key, polled_at=at)
        exchange = exchange_of(self.journal.exchanges, reply.x)
        if (pause := retry_after(reply.response)) is not None and reply.response.status in (429, 503):
            self._fold(key, Waiting(at, at + pause, "retry-after"))
        elif polled and client_run.polled_at is not None and exchange is not None and client_run.run.ended is None:
            self._fold(key, Waiting(at, at + max(0, exchange.at - client_run.polled_at), "poll"))

    # Facts

    def _undecided(self, x: int | None) -> Requested | None:
        """The message of an exchange of which it is not known yet whether it starts a job."""
        pending = self.journal.in_flight.get(x or 0)
        return pending.message if pending is not None and pending.client_run is None else None

    def _decided(self, fact: GateDecided, message: Requested) -> None:
        key = self.journal.run_of_job.get(fact.job)
        if key in self.journal.client_runs and key is not None:
            call = reading.call_request(message.route, message.request)
            self._assign(key, message, admitted(call, fact, self.journal.client_runs[key].run.gate))

    def _accepted(self, fact: JobAccepted, observation: Noted) -> None:
        """A job was accepted; of a run that goes on, onlookers are notified."""
        pending = self.journal.in_flight.get(observation.x or 0)
        key = pending.client_run if pending is not None else None
        before = self.journal.client_runs.get(key) if key is not None else None
        self.journal = job_accepted(self.journal, fact, observation.x)
        after = self.journal.client_runs.get(key) if key is not None else None
        if before is not None and after is not None and before.run is not after.run:
            self.changes.append(RunChange(key, observation, before.run, after.run))

    def fact(self, observation: Noted) -> None:
        """A fact of the journal; what is about no job, or about one that is not in sight, changes no run."""
        fact, x = observation.fact, observation.x
        armed = with_fact(self.journal.armed, fact)
        if armed is not self.journal.armed:
            self.journal = replace(self.journal, armed=armed)
        match fact:  # an open match: facts of other rooms are about a job, or change nothing
            case LedgerCleared():
                unassigned, missed = RunState(latest=observation.at), self.journal.missed or 0
                self.journal = JournalState(self.journal.epoch, unassigned=unassigned, missed=missed)
            case TokenGranted():
                self.journal = token_granted(self.journal, fact, x)
            case JobAccepted():
                if (message := self._undecided(x)) is not None:
                    self._begin(message, reading.call_request(message.route, message.request))
                self._accepted(fact, observation)
            case TapeNoted():
                self._fold(None, observation)
            case FaultStruck() if (pending := self.journal.in_flight.get(x or 0)) is not None:
                # noted just before the reply that it spoils
                pending = self._placed(pending, None)
                self.journal = self.journal.sent(x or 0, replace(pending, struck=clean.line(fact.fault, 64)))
                if pending.client_run is not None:
                    self._fold(pending.client_run, observation)
            case FaultStruck():
                pass
            case _:
                if isinstance(fact, GateDecided) and (message := self._undecided(x)) is not None:
                    self._decided(fact, message)
                key = self.journal.run_of_job.get(getattr(fact, "job", ""))
                if key in self.journal.client_runs:
                    self._fold(key, observation)


def _reduced(run: RunState, observation: RunObservation, call: CallRequest | None) -> RunState:
    """A client may go on calling about a job that has ended: it is seen, and the job stays ended."""
    if run.ended is None:
        return reduce(run, observation, call)
    if isinstance(observation, Noted):
        return reduce(run, observation) if isinstance(observation.fact, TapeNoted) else run
    after = reduce(replace(run, ended=None), observation, call)
    return replace(after, ended=run.ended, outcome=run.outcome, gate=None, opening=None, next_call=None)


def _bearer(request: Request) -> str:
    scheme, _, token = (request.header("authorization") or "").partition(" ")
    return token if scheme.lower() == "bearer" else ""
