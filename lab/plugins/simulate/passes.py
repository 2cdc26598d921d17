"""The pass in the order of time: which job is the k-th that a server takes, who decides on it, and how it is polled.

A client is the app's own run, the one that `lab run` drives, answered without a wire; so tokens, pauses and patience stand
nowhere else. Clients come one after the other (`SCENARIO/arrivals/N`, exponential), get a token and ask. A server with
room takes the job; else the client comes again when it was told to. What a server would say later follows from the job's
plan: no body is written and no text rendered. Gates that open stand in one queue, first opened, first served. A reviewer
takes the first gate that lacks a vote and isn't theirs already, stays with it for a drawn time, and gives the vote that the
scenario's reviewer would give, else approves:

    opened          the gate stands in the queue; its patience runs
    escalates       one more may take it if nobody else could; who takes it from then on answers as who is asked then
    taken           by a free reviewer, at work; one who is at a gate finishes it, whatever the hour
    vote            at the end of that time, if the gate is still open; else it comes too late, and counts for nothing
    timed out       at its deadline, in the queue or on a reviewer's desk

At the same instant clients begin first, then come deadlines and ends, escalations, reviewers who are done, gates that open,
and clients that ask. So a place that becomes free at an instant is taken at it, and a vote at the deadline is late, as
`lab/jobs/gates.py` has it.
"""

from bisect import insort
from collections import deque
from collections.abc import Callable, Iterable
from functools import cache, partial
from heapq import heappop, heappush
from operator import add

from msgspec import Struct
from msgspec.structs import astuple, replace

from lab.app.effects import App, EffectResult, Outcome, Received, Send, Silence, Woke
from lab.app.run import run
from lab.core.clock import Epoch, Millis, unix_millis
from lab.core.exchange import Request, Response, json_bytes
from lab.core.refusal import Refusal
from lab.core.seeds import Seed, draw_exponential
from lab.dialects.base import Look
from lab.dialects.client import Seen, Sendable, Understood
from lab.dialects.fusion.client import FusionClient
from lab.jobs.compiled import CompiledScenario
from lab.jobs.gates import Decision, Opening, Origin, scripted_vote
from lab.jobs.plan import Drawn, Invocation, Plan
from lab.jobs.span import Span
from lab.jobs.texts import shown_status
from lab.jobs.timeline import spans
from lab.language.values import restore
from lab.mock.conversations import new_conversation
from lab.mock.invoke import RETRY_AFTER, new_job_id
from lab.mock.latencies import planned_latency
from lab.plugins.simulate.schedule import JobAnswers, PollSchedule
from lab.program.draws import Latency, draw_latency
from lab.program.steps import Delegate, Pause, Vote, Work
from lab.program.switches import Switches
from lab.program.words import Status, Verdict

DAY: Millis = 86_400_000
SAMPLE = 5_000
"""On at most so many jobs schedules are tried that nobody gave."""


class ReviewTeam(Struct, frozen=True):
    """The people who answer gates, each one gate at a time, for `takes`; they begin with one from `begins` to `ends` (UTC)."""

    people: int
    takes: Latency
    begins: Millis = 0
    ends: Millis = DAY
    """Before `begins`: on the next day."""

    @property
    def length(self) -> Millis:
        """How long a day of work is."""
        return (self.ends - self.begins) % DAY or DAY

    def until_work(self, unix: Millis) -> Millis:
        """How long after an instant, in milliseconds since 1970, somebody would begin with a gate; 0: at once."""
        gone = (unix - self.begins) % DAY
        return 0 if gone < self.length else DAY - gone

    def within(self, unix: Millis, lasting: Millis) -> Millis:
        """How much of a stretch that begins at `unix` is within the hours of work."""
        begin, end = (divmod(at - self.begins, DAY) for at in (unix, unix + lasting))
        return (end[0] - begin[0]) * self.length + min(end[1], self.length) - min(begin[1], self.length)


class Workload(Struct, frozen=True):
    """How many jobs there are for each seed, how they come, and what is asked of them."""

    jobs: int = 1_000
    seeds: int = 1
    gap: int = 1_000_000
    """The mean of the time between two arrivals, in microseconds."""
    reviewers: ReviewTeam | None = None
    """None: the scenario's own reviewers answer."""
    schedules: tuple[PollSchedule, ...] = ()
    """Those that were given, to be compared with that of the lab's own app."""
    limit: int | None = None
    """How many jobs may be alive; None: as many as come."""
    delay: Millis = 5_000
    """How much later than its end a job may be seen to have ended, at the 95th percentile."""


class Simulation(Struct, frozen=True, eq=False):
    """A workload, and what it is put on: the same for all jobs."""

    compiled: CompiledScenario
    """What a server plays for each job."""
    invocation: Invocation
    """That of one of them: the others differ in id, ordinal, instant and conversation."""
    app: App
    switches: Switches
    epoch: Epoch
    seed: Seed
    """The first one."""
    lifetime: Millis
    """That of a token."""
    token_scenario: CompiledScenario | None
    """Whose latency a token request has."""
    workload: Workload = Workload()

    @property
    def seeds(self) -> range:
        """All of them."""
        return range(self.seed, self.seed + self.workload.seeds)

    def latency(self, seed: Seed, route: str, stream: str, now: Millis) -> Millis:
        """How long an answer is withheld; `stream` names the job, or the client that asks for a token."""
        scenario = self.token_scenario if route == "token" else self.compiled
        return planned_latency(seed, scenario, (route,), stream, now) if scenario is not None else 0

    def plan(self, seed: Seed, ordinal: int, at: Millis) -> Plan:
        """The plan of the k-th job that a server with this seed takes, accepted at `at`."""
        stream = f"{self.invocation.client}/{self.invocation.scenario}/{ordinal}"
        job, conversation = new_job_id(self.switches, seed, f"job/{stream}"), new_conversation(seed, stream)
        invocation = replace(self.invocation, job=job, ordinal=ordinal, at=at, conversation=conversation)
        data = restore(self.compiled.scenario.data, _NOTHING, seed, f"{self.compiled.name}/{ordinal}")
        return Plan(self.compiled, invocation, seed, data, _NOTHING, self.workload.reviewers is None)


_NOTHING: Drawn = {}


# Clients

_REQUEST, _OK = Request("GET", "/"), Response(200)
_BUSY = Response(429, (("retry-after", str(RETRY_AFTER)),))
_REFUSED = Refusal(429, "There are too many jobs that have not ended.")
_SEEN: dict[str, Seen] = {status: Seen(job="job", word=str(status), status=status) for status in Status}
"""What the app learns of a job: of what it reads, the status alone decides what it does."""


class _Wordless(FusionClient):
    """A dialect without words: whoever answers a call leaves here what the answer means."""

    answer: Understood = _REFUSED

    def ask(self, command: Sendable, nonce: str = "") -> tuple[str, Request]:
        return ("status" if isinstance(command, Look) else "invoke"), _REQUEST

    def understand(self, route: str, response: Response) -> Understood:
        return self.answer


class SimulatedClient:
    """The app, from its start until it is done with its job, or gives up."""

    def __init__(self, simulation: Simulation, seed: Seed, start: Millis) -> None:
        self.start = self.now = start
        """`now`: as far as it has come; once it has seen its job end, when it had that answer."""
        self.calls: list[Millis] = []
        """When it called with a token."""
        self.tokens = self.wasted = 0
        """`wasted`: polls whose answer was that of the one before."""
        self.outcome: Outcome | None = None
        self._simulation, self._seed = simulation, seed
        self._wire = _Wordless()
        self._run = run(replace(simulation.app, dialect=self._wire), start)
        self.call = self._next_call(None)
        """The call that it makes now, and that is still to be answered; None: it is done."""

    def _next_call(self, got: EffectResult | None) -> Send | None:
        simulation = self._simulation
        while True:
            try:
                effect = self._run.send(got) if got is not None else next(self._run)
            except StopIteration as end:
                self.outcome = end.value
                return None
            if not isinstance(effect, Send):
                self.now = max(self.now, effect.until)
                got = Woke(self.now)
            elif effect.route == "token":
                self.tokens += 1
                latency = simulation.latency(self._seed, "token", simulation.app.client_id, self.now)
                got = self._arrive(effect, latency, _grant(simulation.lifetime))
            else:
                self.calls.append(self.now)
                return effect

    def _arrive(self, call: Send, latency: Millis, response: Response) -> Received | Silence:
        at, until = self.now + latency, call.until
        got = Received(at, response) if until is None or at <= until else Silence(until, "timeout")
        self.now = got.at
        return got

    def answer(self, means: Understood, latency: Millis = 0, response: Response = _OK) -> Millis:
        """Answer its call, and let it come to the next one; when it had the answer."""
        assert self.call is not None
        self._wire.answer = means
        got = self._arrive(self.call, latency, response)
        self.call = self._next_call(got)
        return got.at

    def rest(self) -> None:
        """Let go of its run, which takes kilobytes, while it is not known what becomes of its job."""
        self._run.close()

    def again(self) -> "SimulatedClient":
        """One that has come as far: its run has no other way to go."""
        found = SimulatedClient(self._simulation, self._seed, self.start)
        for _ in self.calls[1:]:
            found.answer(_REFUSED, response=_BUSY)
        return found

    def follow(self, job: str, answers: JobAnswers) -> Millis:
        """Take the job that it asks for, and let it poll to the end; when it had the Job ID."""
        latency, seed = self._simulation.latency, self._seed
        replied = self.answer(_SEEN[answers[0][1][0]], latency(seed, "invoke", job, self.now))
        place, final, last = 0, len(answers) - 1, None
        while self.call is not None:
            while place < final and answers[place + 1][0] <= self.now:
                place += 1
            answer = answers[place][1]
            self.wasted += answer == last
            last = answer
            self.answer(_SEEN[answer[0]], latency(seed, "status", job, self.now))
        return replied


@cache
def _grant(lifetime: Millis) -> Response:
    """A token, as far as the app reads it."""
    return Response(200, body=json_bytes({"access_token": "token", "expires_in": lifetime // 1000}))


# Jobs


class Job(Struct, eq=False):
    """An accepted job."""

    seed: Seed
    ordinal: int
    at: Millis
    """When it was accepted."""
    client: SimulatedClient
    id: str = ""
    decisions: tuple[Decision, ...] = ()
    spans: list[Span] = []
    """All, once nobody can decide on it any more."""
    answers: JobAnswers = ()
    """What polls say of it, and since when, counted from the answer that brought the Job ID."""


def _poll_answers(walked: Iterable[Span], switches: Switches, *, said: bool) -> list[tuple[Millis, tuple[str, object]]]:
    """What polls say of a job, and since when."""
    found: list[tuple[Millis, tuple[str, object]]] = []
    for span in walked:
        if span.until is None or span.until > span.since:
            answer = _poll_answer(span, switches, said=said)
            if not found or found[-1][1] != answer:
                found.append((span.since, answer))
    return found


def _poll_answer(span: Span, switches: Switches, *, said: bool) -> tuple[Status, object]:
    """What tells the answer to a poll in a span from others of its job, without a text being rendered."""
    status, first = shown_status(span, switches), span.at_work[0]
    if isinstance(first, Work | Delegate):
        text = first.says if said else None
        return status, (text, (first.id, span.entered) if text and "{" in text else None)
    if status is Status.RUNNING:
        return status, (None, None if isinstance(span.step, Pause) else span.index)
    return status, (span.id, span.visit)


# The queue


class _OpenGate:
    """A gate in the queue, or with reviewers."""

    def __init__(self, job: Job, opening: Opening) -> None:
        self.job: Job | None = job
        """None: it is closed."""
        self.opening = opening
        self.takers: dict[int, bool] = {}
        """Who began with it, and whether that was after it escalated."""
        self.places = opening.gate.approvals
        """How many may begin."""
        self.escalated = False
        self.votes = 0

    def vote_of(self, person: int) -> Vote | None:
        """What the scenario's reviewer says in whose place somebody began; None: nothing."""
        escalate = self.opening.gate.escalate
        if self.takers[person] and escalate is not None and isinstance(escalate.reviewer, Vote):
            return escalate.reviewer
        return scripted_vote(self.opening.gate, self.opening.earlier_votes + self.votes)


class QueueTally(Struct):
    """Who was refused, and how gates stood in the queue of reviewers; lists hold a member for each job, or gate."""

    refused: int = 0
    """Calls that were told to come again."""
    first_refused: list[Millis] = []
    """When the first of them was, of each pass that has one."""
    turned_away: list[Millis] = []
    """Of the jobs that were refused before they were accepted: for how long."""
    gave_up: int = 0
    """Clients that came again and again, and then no more."""
    begun: list[Millis] = []
    """How long gates stood in the queue until a reviewer began: those with which one did."""
    unseen: int = 0
    """Gates that timed out before one began."""
    outside: int = 0
    """Those of them that were never open while people were at work."""
    late: int = 0
    """Votes that came too late."""
    busy: Millis = 0
    """How long reviewers were at gates within their hours, all together."""
    overtime: Millis = 0
    """How long they were beyond their hours, for what was begun is finished."""
    open: Millis = 0
    """How long they could have been within them."""

    def __add__(self, other: "QueueTally") -> "QueueTally":
        return QueueTally(*map(add, astuple(self), astuple(other)))  # numbers are added, lists joined

    @property
    def jobs_refused(self) -> int:
        """Jobs of which a call was told to come again."""
        return len(self.turned_away) + self.gave_up


_BEGIN, _OVER, _ESCALATE, _FREE, _OPEN, _WORK, _ASK = range(7)
"""What happens, in the order in which it does at one instant."""


class Pass:
    """One seed's: hands each job on, with its spans and answers, as soon as nobody can decide on it any more."""

    def __init__(self, simulation: Simulation, seed: Seed, done: Callable[[Job], None]) -> None:
        self.tally = QueueTally()
        self._simulation, self._seed, self._done = simulation, seed, done
        self._team = simulation.workload.reviewers
        self._free = list(range(1, self._team.people + 1)) if self._team is not None else []
        self._queue: deque[_OpenGate] = deque()
        self._events: list[tuple[Millis, int, int, Callable[[Millis], None]]] = []
        self._count = self._alive = self._ordinal = 0
        self._last_end: Millis = 0
        """Of a job, or of a reviewer's time at a gate."""
        self._woken: Millis = -1
        """When work begins for which an event stands already."""

    def play(self) -> QueueTally:
        """Let all clients come and all jobs end."""
        self._at(0, _BEGIN, partial(self._arrive, 1, 0))
        while self._events:
            now, _, _, happen = heappop(self._events)
            happen(now)
            if self._queue and self._free:
                self._assign(now)
        if (team := self._team) is not None:
            self.tally.open = team.people * team.within(unix_millis(self._simulation.epoch, 0), self._last_end)
        return self.tally

    def _at(self, at: Millis, rank: int, happen: Callable[[Millis], None]) -> None:
        self._count += 1
        heappush(self._events, (at, rank, self._count, happen))

    # Clients

    def _arrive(self, number: int, micros: int, now: Millis) -> None:
        simulation = self._simulation
        self._come(SimulatedClient(simulation, self._seed, now))
        if number < simulation.workload.jobs:
            stream = f"{simulation.compiled.name}/arrivals/{number + 1}"
            micros += draw_exponential(self._seed, stream, simulation.workload.gap)
            self._at(micros // 1_000, _BEGIN, partial(self._arrive, number + 1, micros))

    def _come(self, client: SimulatedClient) -> None:
        if client.call is None:
            self.tally.gave_up += 1
        else:
            self._at(client.now, _ASK, partial(self._ask, client))

    def _ask(self, client: SimulatedClient, now: Millis) -> None:
        limit, tally = self._simulation.workload.limit, self.tally
        if limit is not None and self._alive >= limit:
            tally.first_refused = tally.first_refused or [now]
            tally.refused += 1
            client.answer(_REFUSED, response=_BUSY)
            self._come(client)
            return
        if len(client.calls) > 1:
            tally.turned_away.append(now - client.calls[0])
        if self._team is not None:
            client.rest()
        self._alive += 1
        self._ordinal += 1
        self._go_on(Job(self._seed, self._ordinal, now, client), now)

    # Jobs

    def _go_on(self, job: Job, now: Millis) -> None:
        """Find where a job stops next if nobody decides: at a gate, or at its end."""
        simulation, walked = self._simulation, []
        plan = simulation.plan(self._seed, job.ordinal, job.at)  # it takes kilobytes, so it isn't kept
        for span in spans(plan, job.decisions):
            if self._team is not None and span.opening is not None and (span.until or now) > now:
                self._at(max(now, span.since), _OPEN, partial(self._open, _OpenGate(job, span.opening)))
                return
            walked.append(span)
        job.spans, self._last_end = walked, max(self._last_end, span.since)
        self._at(max(now, span.since), _OVER, self._leave)
        if self._team is not None:
            job.client = job.client.again()
        job.id = plan.invocation.job
        answers = _poll_answers(walked, simulation.switches, said=simulation.invocation.input.progress_message)
        replied = job.client.follow(job.id, answers)
        job.answers = [(since - replied, answer) for since, answer in answers]
        self._done(job)

    def _leave(self, now: Millis) -> None:
        self._alive -= 1

    # Reviewers

    def _open(self, gate: _OpenGate, now: Millis) -> None:
        self._queue.append(gate)
        self._at(gate.opening.deadline, _OVER, partial(self._time_out, gate))
        if (escalates := gate.opening.escalates) is not None:
            self._at(escalates, _ESCALATE, partial(self._escalate, gate))

    def _time_out(self, gate: _OpenGate, now: Millis) -> None:
        if (job := gate.job) is not None and self._team is not None:
            if not gate.takers:
                opened = gate.opening.opened
                self.tally.unseen += 1
                self.tally.outside += not self._team.within(unix_millis(self._simulation.epoch, opened), now - opened)
            gate.job = None
            self._go_on(job, now)

    def _escalate(self, gate: _OpenGate, now: Millis) -> None:
        """Ask somebody else too: who takes a gate that still stands in the queue, else one person more."""
        gate.escalated = True
        if gate.job is not None and len(gate.takers) == gate.places:
            gate.places += 1
            insort(self._queue, gate, key=lambda each: each.opening.opened)

    def _assign(self, now: Millis) -> None:
        """Let free reviewers take gates, the one that opened first before others."""
        assert self._team is not None
        if later := self._team.until_work(unix_millis(self._simulation.epoch, now)):
            if self._woken != now + later:
                self._woken = now + later
                self._at(self._woken, _WORK, lambda now: None)
            return
        waiting: list[_OpenGate] = []
        while self._queue and self._free:
            gate = self._queue.popleft()
            if gate.job is not None and self._take(gate, gate.job.ordinal, now):
                waiting.append(gate)
        self._queue.extendleft(reversed(waiting))

    def _take(self, gate: _OpenGate, ordinal: int, now: Millis) -> bool:
        """Give a gate to free reviewers, as many as it has places; whether it still has some."""
        team, opening, tally = self._team, gate.opening, self.tally
        assert team is not None
        for person in [each for each in self._free if each not in gate.takers][: gate.places - len(gate.takers)]:
            self._free.remove(person)
            if not gate.takers:
                tally.begun.append(now - opening.opened)
            gate.takers[person] = gate.escalated
            stream = f"{self._simulation.compiled.name}/{ordinal}/{opening.gate.id}/review#{opening.visit}"
            lasts = draw_latency(self._seed, f"{stream}.{len(gate.takers)}", team.takes)
            within = team.within(unix_millis(self._simulation.epoch, now), lasts)
            tally.busy += within
            tally.overtime += lasts - within
            self._last_end = max(self._last_end, now + lasts)
            self._at(now + lasts, _FREE, partial(self._vote, gate, person))
        return len(gate.takers) < gate.places

    def _vote(self, gate: _OpenGate, person: int, now: Millis) -> None:
        insort(self._free, person)
        job, opening = gate.job, gate.opening
        if job is None:
            self.tally.late += 1
            return
        script = gate.vote_of(person)
        verdict = Verdict(script.verdict) if script is not None else Verdict.APPROVED
        name = script.by if script is not None and opening.gate.approvals == 1 else f"reviewer {person}"
        comment = script.comment if script is not None else None
        job.decisions += (opening.vote(now, verdict, Origin.PERSON, name, comment),)
        gate.votes += 1
        if verdict is not Verdict.APPROVED or gate.votes == opening.gate.approvals:
            gate.job = None
            self._go_on(job, now)
