"""A journal folded for the screen: whose exchange is whose, and what the panes would show of each job.

A journal knows no run: it has the exchanges and facts of all clients. Every call that starts a job begins a `ClientRun`,
and the calls that belong to it are known by the job in their path, their reply or their fact. What a run of our own
would have observed besides, its waits and its end, follows from the replies: the next poll is due after the pause
between the last two.
"""

from collections.abc import Mapping
from typing import TypeVar, assert_never

from msgspec import Struct
from msgspec.structs import replace

from lab.app.effects import Asking, Outcome, RunEnded, RunObservation
from lab.core.clock import Epoch, Millis
from lab.core.exchange import Request, retry_after, unprocessed
from lab.core.journal.fact import Fact, LedgerCleared
from lab.core.journal.shell import TapeNoted
from lab.core.observe import Lost, Noted, Replied, Requested, Touched, Waiting
from lab.dialects.client import Seen
from lab.faults.facts import FaultArmed, FaultDisarmed, FaultStruck
from lab.identity.clients import Grant
from lab.identity.facts import TokenGranted
from lab.jobs.facts import GateDecided, JobAccepted
from lab.tui.state import clean, reading
from lab.tui.state.gate import GateState
from lab.tui.state.reading import CallRequest
from lab.tui.state.reduce import exchange_sent, reduce
from lab.tui.state.run import (
    MOST_EXCHANGES,
    USUAL_LABELS,
    Exchange,
    JobState,
    Pairs,
    RunState,
    TokenState,
    exchange_of,
    put,
)

MOST_CLIENT_RUNS = 1_000
"""How many jobs can be looked at; the oldest are given up."""
MOST_TOKENS = 1_000
MOST_ARMED = 32
"""How many armed faults the screen keeps."""

_Kept = TypeVar("_Kept")
_Name = TypeVar("_Name")


class ArmedFault(Struct, frozen=True):
    """An armed fault: it stands in the header until it strikes, or for as long as it goes on striking."""

    name: str
    route: str
    once: bool


ArmedFaults = tuple[ArmedFault, ...]


def with_fact(armed: ArmedFaults, fact: Fact) -> ArmedFaults:
    """What is armed after one more fact."""
    match fact:
        case FaultArmed(fault=name, where=where):
            route = clean.line(str(where.get("route", "")), 40)
            once = str(where.get("calls", 1)).isdigit() and "chance" not in where
            return (*armed, ArmedFault(clean.line(name, 80), route, once))[-MOST_ARMED:]
        case FaultDisarmed(fault=name):
            return tuple(each for each in armed if each.name != name)
        case FaultStruck(fault=name):
            return tuple(each for each in armed if each.name != name or not each.once)
        case LedgerCleared():
            return ()
        case _:
            return armed


class ClientRun(Struct, frozen=True):
    """One client's way from its token to an output, as far as the journal has it."""

    run: RunState = RunState()
    bearer: str | None = None
    """The token that its last call bore, as the journal names it."""
    polled_at: Millis | None = None
    """When the reply to its last poll left."""
    scenario: str | None = None
    conversation: str | None = None

    @property
    def has_job(self) -> bool:
        """Whether it has come further than its token."""
        return self.run.job is not None


class IssuedToken(Struct, frozen=True):
    """A token that somebody was given: the run as it was then, and the exchange that brought it."""

    run: RunState
    x: int
    used: bool = False


class PendingExchange(Struct, frozen=True):
    """An exchange that waits for its reply, and whose it is; `client_run` None: nobody's."""

    client_run: int | None
    route: str
    command: str
    resumes: bool = False
    follows: bool = False
    """Whether the answer is to be a stream of events."""
    struck: str | None = None
    claims: Pairs = ()
    bearer: str = ""
    """The token that it bears, as the journal names it."""
    message: Requested | None = None
    """A message, which starts a job or goes to one that is known; while nothing told which, it is nobody's."""


class JournalState(Struct, frozen=True):
    """All that a journal has held so far. Instants of the tokens' claims count from `epoch`."""

    epoch: Epoch = 0
    client_runs: Mapping[int, ClientRun] = {}
    """By the exchange that began each, oldest first; below zero where no such exchange is in sight."""
    run_of_job: Mapping[str, int] = {}
    tokens: Mapping[str, IssuedToken] = {}
    in_flight: Mapping[int, PendingExchange] = {}
    unassigned: RunState = RunState()
    """Exchanges that belong to no job."""
    exchanges: tuple[Exchange, ...] = ()
    """The wire: the exchanges of all clients."""
    armed: ArmedFaults = ()
    """The faults that were armed from outside and haven't struck."""
    missed: int | None = None
    """How many exchanges came before the first one that is known; None: none is known yet."""

    def keys(self) -> tuple[int, ...]:
        """The runs that a person can choose, oldest first."""
        return tuple(key for key, client_run in self.client_runs.items() if client_run.has_job)

    def chosen(self, key: int | None) -> ClientRun:
        """The run that shows: the one chosen, else the newest. A mere token comes first once no job is at work."""
        if key is not None and key in self.client_runs:
            return self.client_runs[key]
        newest = list(self.client_runs.values())[::-1]
        last = newest[0] if newest else ClientRun(self.unassigned)
        job = next((each for each in newest if each.has_job), None)
        return last if job is None or job.run.ended is not None else job

    def run(self, key: int | None = None) -> RunState:
        """What the panes draw: one run, and the wire of all."""
        return replace(self.chosen(key).run, exchanges=self.exchanges, notes=self.unassigned.notes)

    def place(self, key: int | None) -> tuple[int, int]:
        """Which of how many jobs shows, from 1."""
        keys = self.keys()
        return (keys.index(key) + 1 if key in keys else len(keys)), len(keys)

    def beside(self, key: int | None, by: int) -> int | None:
        """The job before (-1) or after (1) the one that shows; None after the newest: follow whatever comes."""
        keys = self.keys()
        if not keys:
            return None
        at = (keys.index(key) if key in keys else len(keys) - 1) + by
        return None if at >= len(keys) else keys[max(0, at)]

    # What the fold changes

    def change(self, key: int, **changes: object) -> "JournalState":
        """With these changes of a run that is there."""
        return replace(self, client_runs={**self.client_runs, key: replace(self.client_runs[key], **changes)})

    def begin(self, key: int, client_run: ClientRun) -> "JournalState":
        """A new run. Tokens that came to nothing yet give way, and the oldest where there are too many."""
        busy = {pending.client_run for pending in self.in_flight.values()}
        kept = {at: each for at, each in self.client_runs.items() if each.has_job or at in busy}
        jobs = self.run_of_job
        if len(kept) >= MOST_CLIENT_RUNS:
            del kept[next(iter(kept))]
            jobs = {job: at for job, at in jobs.items() if at in kept}
        return replace(self, client_runs={**kept, key: client_run}, run_of_job=jobs)

    def without(self, key: int) -> "JournalState":
        """A run that another one has taken up."""
        if key not in self.client_runs:
            return self
        return replace(self, client_runs={at: each for at, each in self.client_runs.items() if at != key})

    def with_job(self, job: str, key: int) -> "JournalState":
        """The run has this job."""
        return self if self.run_of_job.get(job) == key else replace(self, run_of_job={**self.run_of_job, job: key})

    def with_token(self, token: str, issued: IssuedToken) -> "JournalState":
        """A token that calls may bear from now on."""
        return replace(self, tokens={**_newest(self.tokens, MOST_TOKENS - 1), token: issued})

    def sent(self, x: int, pending: PendingExchange) -> "JournalState":
        """An exchange has begun, or is known better."""
        return replace(self, in_flight={**_newest(self.in_flight, MOST_CLIENT_RUNS), x: pending})

    def landed(self, x: int) -> "JournalState":
        """An exchange is over."""
        return replace(self, in_flight={at: pending for at, pending in self.in_flight.items() if at != x})

    def on_wire(self, exchange: Exchange) -> "JournalState":
        """The wire with an exchange as it is now."""
        exchanges = put(self.exchanges, exchange)
        if exchanges is self.exchanges:
            exchanges = (*exchanges, exchange)[-MOST_EXCHANGES:]
        return replace(self, exchanges=exchanges)


def _newest(kept: Mapping[_Name, _Kept], most: int) -> Mapping[_Name, _Kept]:
    return kept if len(kept) <= most else dict(list(kept.items())[-most:])


class SourceUpdate(Struct, frozen=True):
    """From a source beside its observations: the state to go on from, or (None) that something of itself changed."""

    journal: JournalState | None = None
    remark: str = ""
    """A remark, until the next key."""
    passed: str = ""
    """What a skip let pass: beside the narration until the next key, or until something happens."""
    another_journal: bool = False
    """Whether it is another journal: what was chosen in the one before is no more."""
    stop: int = 0
    """Which stop this is, from 1, if the run stands where an act begins until it is let go on."""
    jump: str = ""
    """`on` or `back`, if the run has come here in another way than by what happened before."""


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


class ObservedState(Struct, frozen=True):
    """All that was observed so far."""

    run: RunState = RunState()
    journal: JournalState | None = None
    """None where the run is ours."""
    armed: ArmedFaults = ()

    def run_of(self, key: int | None) -> RunState:
        """What the panes draw: of a journal the run that was chosen, else the newest."""
        return self.run if self.journal is None else self.journal.run(key)


def fold(state: ObservedState, event: RunObservation | SourceUpdate) -> ObservedState:
    """The state after one more thing that came from a source."""
    if isinstance(event, SourceUpdate):
        journal = event.journal or state.journal
    elif state.journal is not None:
        journal = follow(state.journal, event)
    else:
        armed = with_fact(state.armed, event.fact) if isinstance(event, Noted) else state.armed
        return replace(state, run=reduce(state.run, event), armed=armed)
    return replace(state, journal=journal, armed=state.armed if journal is None else journal.armed)
