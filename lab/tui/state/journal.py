"""What a source has told, folded for the screen: whose call is whose, and what the panes show of each run. Total and pure.

LIVE, WATCH and PLAYBACK are folded alike. In a run of our own every call is its own as soon as it is sent, turn after turn.
A journal knows no run: it has the exchanges and facts of all clients. There a call is on the wire alone until its reply, or
a fact of it, tells whose it is: then it joins that run, or begins one. What a run of our own observes besides, its waits
and its end, follows from the replies: the next poll is due after the pause between the last two.
"""

from collections.abc import Mapping
from typing import TypeVar, assert_never

from msgspec import Struct
from msgspec.structs import replace

from lab.app.effects import Asking, Outcome, RunEnded, RunObservation
from lab.core.clock import Epoch
from lab.core.exchange import Request, retry_after, unprocessed
from lab.core.journal.fact import LedgerCleared
from lab.core.observe import Lost, Noted, Replied, Requested, Touched, Waiting
from lab.dialects.client import Seen
from lab.faults.facts import FaultStruck
from lab.identity.clients import Grant
from lab.identity.facts import TokenGranted
from lab.jobs.callbacks import CallbackAnswered, CallbackSent
from lab.jobs.facts import GateDecided, JobAccepted
from lab.tui.state import clean, reading
from lab.tui.state.hands import ArmedFaults, HeldExchange, holds_after, with_fact
from lab.tui.state.reduce import (
    answered,
    callback_answered,
    callback_call,
    callback_number,
    next_turn,
    reduce,
    sent,
    with_call,
    with_reply,
)
from lab.tui.state.run import (
    MOST_EXCHANGES,
    USUAL_LABELS,
    CallRequest,
    Exchange,
    JobState,
    RunState,
    TokenState,
)

MOST_CLIENT_RUNS = 1_000
"""How many jobs can be looked at, and calls be under way; the oldest are given up."""
MOST_TOKENS = 1_000
OWN = 0
"""The run of ours; those of a journal are numbered by their exchanges."""

_Kept = TypeVar("_Kept")
_Name = TypeVar("_Name")


# What is kept


class ClientRun(Struct, frozen=True):
    """One client's way from its token to an output, as far as the journal has it."""

    run: RunState = RunState()
    bearer: str = ""
    """The token that its last call bore, as the journal names it."""
    scenario: str | None = None
    conversation: str = ""

    @property
    def has_job(self) -> bool:
        """Whether it has come further than its token."""
        return self.run.job is not None


class PendingCall(Struct, frozen=True):
    """A call without its reply."""

    request: Requested
    call: Exchange
    run: int | None = None
    """Whose it is, if that is known."""
    struck: FaultStruck | None = None
    """Noted just before the reply that it spoils."""


class JournalState(Struct, frozen=True):
    """All that a source has told so far. Instants of the tokens' claims count from `epoch`."""

    epoch: Epoch = 0
    own: bool = False
    """Whether it tells of one run, which is ours; else of those of all clients."""
    client_runs: Mapping[int, ClientRun] = {}
    """By the exchange that began each, oldest first; below zero where no such exchange is in sight."""
    run_of_job: Mapping[str, int] = {}
    tokens: Mapping[str, RunState] = {}
    """Of each token the run as it was when it was given; once a call bore it, what it holds but the token is another's."""
    in_flight: Mapping[int, PendingCall] = {}
    unassigned: RunState = RunState()
    """What belongs to no job."""
    exchanges: tuple[Exchange, ...] = ()
    """The wire: the exchanges of all clients."""
    armed: ArmedFaults = ()
    """The faults that were armed from outside and haven't struck."""
    holds: tuple[HeldExchange, ...] = ()
    """The exchanges that are held at breakpoints, oldest first."""
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
        return replace(self.chosen(key).run, exchanges=self.exchanges)

    def place(self, key: int | None) -> tuple[int, int]:
        """Which of how many jobs shows, from 1."""
        keys = self.keys()
        return (keys.index(key) + 1 if key in keys else len(keys)), len(keys)

    def beside(self, key: int | None, by: int) -> int | None:
        """The job before (-1) or after (1) the one that shows; None after the newest: follow whatever comes."""
        keys = self.keys()
        at = (keys.index(key) if key in keys else len(keys) - 1) + by
        return keys[max(0, at)] if at < len(keys) and keys else None


def _keep(kept: dict[_Name, _Kept], name: _Name, value: _Kept, most: int) -> None:
    """Keep one more; the oldest give way."""
    kept[name] = value
    while len(kept) > most:
        del kept[next(iter(kept))]


# The fold


class RunChange(Struct, frozen=True):
    """What an observation, or what follows from it, changed in one run (None: in none)."""

    client_run: int | None
    observation: RunObservation
    before: RunState
    after: RunState
    done: Exchange | None = None
    """The call that it is the reply to."""


RunChanges = tuple[RunChange, ...]


def follow(journal: JournalState, event: "RunObservation | SourceUpdate") -> JournalState:
    """The state after one more thing that came from a source."""
    if isinstance(event, SourceUpdate):
        return event.journal or journal
    return changes(journal, event)[0]


def changes(journal: JournalState, observation: RunObservation) -> tuple[JournalState, RunChanges]:
    """The state after one more observation, and what it changed on the way there."""
    if isinstance(observation, Noted) and isinstance(observation.fact, LedgerCleared):
        cleared, missed = RunState(latest=observation.fact.at), journal.missed or 0
        return JournalState(journal.epoch, journal.own, unassigned=cleared, missed=missed), ()
    step = _Step(journal)
    return step.take(observation), tuple(step.changes)


class _Step:
    """One observation on its way into the state: what it changes, and what changed in runs so far."""

    def __init__(self, journal: JournalState) -> None:
        self._journal, self._own = journal, journal.own
        self._runs, self._in_flight = dict(journal.client_runs), dict(journal.in_flight)
        self._jobs, self._tokens = dict(journal.run_of_job), dict(journal.tokens)
        self._unassigned, self._wire = journal.unassigned, journal.exchanges
        self.changes: list[RunChange] = []
        if self._own:
            self._runs.setdefault(OWN, ClientRun(journal.unassigned))

    def take(self, observation: RunObservation) -> JournalState:
        """The state with it."""
        missed, armed, holds = self._journal.missed, self._journal.armed, self._journal.holds
        match observation:
            case Requested(x=x):
                missed = max(0, x - 1) if missed is None else missed
                self._request(observation)
            case Replied() | Lost() if observation.x in self._in_flight:
                self._reply(observation)
            case Noted():
                armed, holds = with_fact(armed, observation.fact), holds_after(holds, observation.fact)
                self._fact(observation)
            case Replied() | Lost() | Touched() | Waiting() | Asking() | RunEnded():
                if self._own:  # no journal holds them
                    self._fold(OWN, observation)
            case _:
                assert_never(observation)
        return JournalState(
            self._journal.epoch,
            self._own,
            self._runs,
            self._jobs,
            self._tokens,
            self._in_flight,
            self._unassigned,
            self._wire,
            armed,
            holds,
            missed,
        )

    def _show(self, call: Exchange) -> None:
        """A call that is on the wire is another now: mostly the last one."""
        wire = self._wire
        at = next((at for at in range(len(wire) - 1, -1, -1) if wire[at].x == call.x), None)
        self._wire = wire if at is None else (*wire[:at], call, *wire[at + 1 :])

    # Runs

    def _change(self, key: int, observation: RunObservation, after: RunState, done: Exchange | None = None) -> None:
        """A run is another now."""
        client_run = self._runs[key]
        before = client_run.run
        if before.ended is not None and not self._own:
            # a client may go on calling about a job that has ended: it is seen, and the job stays ended
            after = replace(after, ended=before.ended, outcome=before.outcome, gate=None, opening=None, next_call=None)
        self._runs[key] = replace(client_run, run=after)
        self.changes.append(RunChange(key, observation, before, after, done))

    def _fold(self, key: int, observation: RunObservation) -> None:
        run = self._runs[key].run
        if run.ended is None or self._own:
            self._change(key, observation, reduce(run, observation))

    def _begin(self, key: int, run: RunState) -> int:
        """A new run. Tokens that came to nothing yet give way, and the oldest where there are too many."""
        self._runs = {at: each for at, each in self._runs.items() if each.has_job}
        if len(self._runs) >= MOST_CLIENT_RUNS:
            del self._runs[next(iter(self._runs))]
            self._jobs = {job: at for job, at in self._jobs.items() if at in self._runs}
        self._runs[key] = ClientRun(run)
        return key

    def _run_of(self, job: str) -> int | None:
        key = self._jobs.get(job)
        return key if key in self._runs else None

    # Whose a call is

    def _join(self, key: int, pending: PendingCall, asks: CallRequest) -> PendingCall:
        """A call becomes part of a run: with the token that it bears."""
        bearer = _bearer(pending.request.request)
        issued = self._tokens.get(bearer)
        if asks.command != "token" and issued is not None and self._runs[key].bearer != bearer:
            # what was asked for by itself becomes part of the run that first bears it
            run = self._runs[key].run
            run = replace(issued, job=run.job) if run.start is None else replace(run, token=issued.token)
            self._tokens[bearer] = RunState(token=issued.token)
            self._runs = {at: each for at, each in self._runs.items() if each.has_job or at == key}
            self._runs[key] = replace(self._runs[key], run=run, bearer=bearer)
        call = replace(pending.call, asks=asks)
        self._change(key, pending.request, with_call(self._runs[key].run, call))
        pending = replace(pending, run=key, call=call)
        if call.x in self._in_flight:
            self._in_flight[call.x] = pending
        return pending

    def _placed(self, pending: PendingCall, seen: Seen | None) -> PendingCall:
        """The call of a reply as part of the run whose it is."""
        asks, call = pending.call.asks, pending.call
        known = None if seen is None else self._run_of(reading.name(seen.job))
        if pending.run is not None and pending.run not in self._runs:
            pending = replace(pending, run=None)
        if pending.run is not None or asks.command in ("", "message"):
            return pending
        if asks.command == "token":
            return self._join(self._begin(call.x, RunState()), pending, asks)
        if asks.command == "status":
            return self._join(self._polled(call), pending, asks)
        if asks.command == "cancel":
            run = self._run_of(asks.job)
            return pending if run is None else self._join(run, pending, asks)
        # one route takes answers and new jobs, and no request says which it is (contract.md §3)
        if asks.resumes:
            key = self._answered(asks)
            return pending if key is None else self._join(key, pending, asks)
        if known is not None:
            return self._join(known, pending, replace(asks, command="message"))
        if seen is None and (refused := self._refused_answer(asks)) is not None:
            return self._join(refused[0], pending, refused[1])
        return self._started(pending)

    def _polled(self, call: Exchange) -> int:
        """The run of the job that is looked at; one that nobody saw begin has nothing but its name."""
        asks, key = call.asks, self._run_of(call.asks.job)
        if key is not None:
            return key
        lines = reading.identity(asks.labels, None)
        job = JobState(call.at, call.path, asks.team, job=asks.job, lines=lines, labels=asks.labels)
        self._jobs[asks.job] = call.x
        return self._begin(call.x, RunState(job=job))

    def _started(self, pending: PendingCall) -> PendingCall:
        """A message that starts a job: it begins a run, or goes on with the one in which it was refused for now, if it is
        sent again with the same token."""
        asks, bearer = pending.call.asks, _bearer(pending.request.request)
        for key, each in reversed(self._runs.items()):
            job = each.run.job
            if job is not None and job.code in (429, 503) and each.run.ended is None:
                if (each.bearer, job.message, job.fields) == (bearer, asks.message, asks.fields):
                    return self._join(key, pending, asks)
        return self._join(self._begin(pending.call.x, RunState()), pending, asks)

    def _answered(self, asks: CallRequest) -> int | None:
        """Whose gate a call answers: by its job, else by its conversation (contract.md §4.4)."""
        if asks.job in self._jobs:
            return self._run_of(asks.job)
        open_runs = (key for key, each in reversed(self._runs.items()) if each.run.ended is None and each.has_job)
        same = (key for key in open_runs if self._runs[key].conversation == asks.conversation)
        return next(same, None) if asks.conversation else None

    def _refused_answer(self, asks: CallRequest) -> tuple[int, CallRequest] | None:
        """A message that was refused, or got no reply: the run that it was for, and what it asks; None if it was for none."""
        key, named = self._answered(asks), asks.job in self._jobs
        if key is None:
            return None
        gate = self._runs[key].run.gate
        if gate is not None and (named or gate.in_chat):
            said = asks.message[0][1] if asks.message else ""
            return key, replace(asks, resumes=True, verdict=clean.line(said, 64))
        return (key, replace(asks, command="message")) if named else None

    # What is sent, and what comes back

    def _request(self, observation: Requested) -> None:
        call = sent(observation)
        self._wire = (*self._wire, call)[-MOST_EXCHANGES:]
        _keep(self._in_flight, call.x, PendingCall(observation, call, OWN if self._own else None), MOST_CLIENT_RUNS)
        if self._own:
            run = self._runs[OWN].run
            self._change(OWN, observation, with_call(run if run.ended is None else next_turn(run), call))

    def _reply(self, came: Replied | Lost) -> None:
        """A reply, or what was left of one, and what follows from it."""
        pending = self._in_flight.pop(came.x)
        if isinstance(came, Replied) and (came.cut is not None or came.response.status == 0):
            came = Lost(came.at, came.x, pending.struck.fault if pending.struck else came.cut or "reset")
        seen = None
        if isinstance(came, Replied) and pending.call.command != "token":
            seen = reading.job_in(pending.call.route, came.response)
        pending = self._placed(pending, seen)
        done, key = with_reply(pending.call, came), pending.run
        self._show(done)
        if key is None:
            before, at = self._unassigned, done.at
            start = at if before.start is None else before.start
            # no clock runs for calls that are nobody's
            self._unassigned = replace(before, start=start, latest=came.at, ended=came.at)
            self.changes.append(RunChange(None, came, before, self._unassigned, done))
            return
        if pending.struck is not None:
            fact = Noted(pending.struck.at, pending.struck, came.x)
            self._change(key, fact, reduce(self._runs[key].run, fact))
        self._change(key, came, answered(self._runs[key].run, done, came), done)
        if isinstance(came, Replied) and not self._own:
            self._consequence(done, key, came)

    def _consequence(self, call: Exchange, key: int, reply: Replied) -> None:
        """What a run of our own would have observed after this reply: that it waits, or that it is over."""
        asks, run, seen = call.asks, self._runs[key].run, None
        goes_on = unprocessed(reply.response)
        if asks.command == "token":
            granted = reading.token_in(reply.response)
            if granted is not None and run.token is not None:
                noted = self._tokens.get(granted[0], run).token or run.token
                run = replace(run, token=replace(run.token, claims=run.token.claims or noted.claims))
                self._runs[key] = replace(self._runs[key], run=run)
                _keep(self._tokens, granted[0], run, MOST_TOKENS)
                return
        else:
            seen = reading.job_in(call.route, reply.response)
            goes_on = not (asks.command == "invoke" and not asks.resumes) or goes_on
        if seen is not None:
            self._jobs[reading.name(seen.job)] = key
            self._runs[key] = replace(self._runs[key], conversation=reading.name(seen.conversation))
            goes_on = not seen.final
        if goes_on:
            self._wait(call, key, reply)
        elif run.ended is None:
            took = run.since_start(reply.at)
            if seen is None:
                outcome = Outcome(polls=run.polls, elapsed=took, why=reading.refusal_in(call.route, reply.response))
            else:
                outcome = Outcome(
                    seen.status, seen.output, seen.error, seen.job, seen.conversation, run.polls, took,
                    follow_up=seen.follow_up,
                )  # fmt: skip
            self._fold(key, RunEnded(reply.at, outcome))

    def _wait(self, call: Exchange, key: int, reply: Replied) -> None:
        """The wait until the next call: as Retry-After says, else the pause between the last two polls."""
        at, rows = reply.at, self._runs[key].run.timeline
        if (pause := retry_after(reply.response)) is not None and reply.response.status in (429, 503):
            self._fold(key, Waiting(at, at + pause, "retry-after"))
        elif call.command == "status":
            before = next((row.at for row in reversed(rows) if row.x not in (None, call.x)), None)
            if before is not None:
                self._fold(key, Waiting(at, at + max(0, call.at - before), "poll"))

    # Facts

    def _fact(self, observation: Noted) -> None:
        """A fact of the journal; what is about no job, or about one that is not in sight, changes no run."""
        fact, x = observation.fact, observation.x or 0
        pending = self._in_flight.get(x)
        match fact:  # an open match: facts of other rooms are about a job, or change nothing
            case TokenGranted() if not self._own:
                self._granted(fact)
            case JobAccepted() if not self._own:
                self._accepted(fact, observation, pending)
            case FaultStruck():
                self._struck(fact, observation)
            case CallbackSent() | CallbackAnswered():
                self._called_back(fact, observation)
            case _ if self._own:
                self._fold(OWN, observation)
            case _:
                key = self._run_of(reading.name(getattr(fact, "job", "")))
                if key is None:
                    return
                if isinstance(fact, GateDecided) and pending is not None and pending.run is None:
                    self._join(key, pending, _admitted(pending.call.asks, fact, self._runs[key].run))
                self._fold(key, observation)

    def _called_back(self, fact: CallbackSent | CallbackAnswered, observation: Noted) -> None:
        """A try to tell of a job stands on the wire, and with the job's run, be that over."""
        if isinstance(fact, CallbackSent):
            self._wire = (*self._wire, callback_call(fact))[-MOST_EXCHANGES:]
        else:
            x = callback_number(fact)
            for call in (each for each in self._wire if each.x == x):
                self._show(callback_answered(call, fact))
        key = OWN if self._own else self._run_of(reading.name(fact.job))
        if key is not None:
            self._change(key, observation, reduce(self._runs[key].run, observation))

    def _struck(self, fact: FaultStruck, observation: Noted) -> None:
        """The exchange of that ordinal has a fault's name; without one (our own run counts by itself) the last one sent."""
        x = observation.x
        calls = (each for each in reversed(self._wire) if (each.at <= fact.at if x is None else each.x == x))
        if (call := next(calls, None)) is not None:
            call = replace(call, struck=clean.line(fact.fault, 64))
            self._show(call)
            if (pending := self._in_flight.get(call.x)) is not None:
                # what is known of a journal's call when its reply comes shows with that
                self._in_flight[call.x] = replace(pending, call=call, struck=None if self._own else fact)
        if self._own:
            self._fold(OWN, observation)

    def _granted(self, fact: TokenGranted) -> None:
        """A token by what the journal alone tells of it, its claims too, for a reply may bring but its alias; one that a
        restarted lab names again is issued anew."""
        epoch = self._journal.epoch
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
        form = (("grant_type", clean.line(fact.grant, 80)), ("scope", clean.line(fact.scope)))
        ends = clean.token_ends(fact.token)
        token = TokenState(fact.at, reading.TOKEN_PATH, form, 200, None, ends, claims, fact.at, fact.until)
        _keep(self._tokens, fact.token, RunState(token=token), MOST_TOKENS)

    def _accepted(self, fact: JobAccepted, observation: Noted, pending: PendingCall | None) -> None:
        """The run of a job that was accepted; one whose call isn't in sight begins here.

        One whose call is answered with events is known from now on: the answer is over when the job ends, or asks something.
        """
        if pending is not None and pending.run is None and pending.call.command == "invoke":
            pending = self._started(pending)
        job, conversation = reading.name(fact.job), reading.name(fact.conversation)
        key = self._run_of(job) if pending is None else pending.run
        if key is None:
            x = observation.x
            key = x if x is not None and x not in self._runs else min(0, *self._runs, 0) - 1
            self._begin(key, run := RunState(latest=fact.at, job=_job(fact)))
        run = replace(self._runs[key].run, part=fact.part, observed=self._runs[key].run.observed + 1)
        if pending is not None and pending.call.asks.follows and run.job is not None:
            word, lines = reading.first_word(pending.call.route), reading.identity(run.job.labels, fact.conversation)
            run = replace(run, job=replace(run.job, job=job, lines=lines, status=word))
            run = run if run.came_to("invoke") else run.reached(fact.at, "invoke", job)
            run = run.reached(fact.at, "status", word)
        elif pending is None and not run.came_to("invoke"):
            run = run.reached(fact.at, "invoke", job)
        self._change(key, observation, run)
        self._runs[key] = replace(self._runs[key], scenario=fact.scenario, conversation=conversation)
        self._jobs[job] = key


def _job(fact: JobAccepted) -> JobState:
    """A job whose call is not in sight, as its acceptance has it."""
    return JobState(
        fact.at,
        reading.invoke_path(fact.team),
        clean.line(fact.team, 200),
        *reading.accepted_fields(dict(fact.input)),
        job=reading.name(fact.job),
        lines=reading.identity(USUAL_LABELS, fact.conversation),
    )


def _admitted(asks: CallRequest, fact: GateDecided, run: RunState) -> CallRequest:
    """A message that was taken for a decision, as a call that answers the gate; one that no pane shows, it just passes."""
    gate = run.gate
    shows = gate is not None and (not gate.gate or (gate.gate, gate.round) == (clean.line(fact.gate, 80), fact.round))
    if asks.resumes:
        return asks
    if not shows:
        return replace(asks, command="message")
    return replace(asks, resumes=True, verdict=str(fact.verdict), comment=reading.comment_line(fact.comment))


def _bearer(request: Request) -> str:
    scheme, _, token = (request.header("authorization") or "").partition(" ")
    return token if scheme.lower() == "bearer" else ""


# What a screen folds


class SourceUpdate(Struct, frozen=True):
    """From a source beside its observations: the state to go on from, or (None) that something of itself changed."""

    journal: JournalState | None = None
    remark: str = ""
    """A remark, until the next key."""
    passed: str = ""
    """What a skip let pass: beside the narration until the next key, or until something happens."""
    another_journal: bool = False
    """Whether it is another journal than the one before."""
    stop: int = 0
    """Which stop this is, from 1, if the run stands where an act begins until it is let go on."""
    jump: str = ""
    """`on` or `back`, if the run has come here in another way than by what happened before."""


def begins_anew(event: RunObservation | SourceUpdate) -> bool:
    """Whether what was chosen of the jobs so far is no more: exchanges, and so jobs, are numbered anew."""
    if isinstance(event, SourceUpdate):
        return event.another_journal
    return isinstance(event, Noted) and isinstance(event.fact, LedgerCleared)
