"""All jobs of a simulation: when each is taken, who decides on it, and how its client polls it.

A client is the app's own run, the one that `lab run` drives, answered without a wire; so tokens, pauses and patience stand
nowhere else. Clients come one after the other (`SCENARIO/arrivals/N`, exponential), get a token and ask. What a server
would say later follows from the job's plan: no body is written and no text rendered. So jobs know nothing of each other,
but where people answer gates: those stand in one queue, first opened, first served. A reviewer takes the first gate that
lacks a vote and isn't theirs already, stays with it for a drawn time, and gives the vote that the scenario's reviewer would
give, else approves:

    opened          the gate stands in the queue; its patience runs
    escalates       one more may take it if nobody else could; who takes it from then on answers as who is asked then
    taken           by a free reviewer, who stays with it to the end of that time
    vote            then, if the gate is still open; else it comes too late, and counts for nothing
    timed out       at its deadline, in the queue or on a reviewer's desk

At the same instant come deadlines, escalations, reviewers who are done, and gates that open. So a vote at the deadline is
late, as `lab/jobs/gates.py` has it.
"""

from bisect import insort
from collections import deque
from collections.abc import Callable, Generator
from contextlib import suppress
from functools import partial
from heapq import heappop, heappush
from typing import cast

from msgspec import Struct, field
from msgspec.structs import replace

from lab.app.effects import App, EffectResult, Outcome, Received, Send, Silence, Woke
from lab.app.run import run
from lab.core.clock import Millis
from lab.core.exchange import Request, Response, json_bytes
from lab.core.seeds import draw_exponential
from lab.dialects.base import Look
from lab.dialects.client import Seen, Sendable, Understood
from lab.dialects.fusion.client import FusionClient
from lab.jobs.gates import Decision, Opening, Origin, scripted_vote
from lab.jobs.plan import Plan
from lab.jobs.span import Span
from lab.jobs.texts import new_job_id, shown_status
from lab.jobs.timeline import spans
from lab.mock.config import Config
from lab.mock.latencies import planned_latency
from lab.mock.team_rules import new_conversation
from lab.plugins.simulate.figures import Figures
from lab.plugins.simulate.options import Workload
from lab.plugins.simulate.schedule import StatusPath
from lab.program.draws import draw_latency
from lab.program.steps import Vote
from lab.program.switches import Switches
from lab.program.words import Status, Verdict


class Simulation(Struct, frozen=True, eq=False):
    """A workload, and what it is put on: the same for all jobs."""

    first: Plan
    """Of one job; the others differ in id, ordinal, instant, conversation and draws."""
    app: App
    config: Config
    switches: Switches
    lifetime: Millis
    """That of a token."""
    workload: Workload

    def latency(self, route: str, stream: str, now: Millis) -> Millis:
        """How long an answer is withheld; `stream` names the job, or the client that asks for a token."""
        scenario = self.config.scenario_of_tokens if route == "token" else self.first.program
        return planned_latency(self.config.seed, scenario, (route,), stream, now) if scenario is not None else 0

    def plan(self, ordinal: int, at: Millis) -> Plan:
        """The plan of the k-th job that a server takes, accepted at `at`."""
        program, first, seed = self.first.program, self.first.invocation, self.config.seed
        stream = f"{first.client}/{first.scenario}/{ordinal}"
        job, conversation = new_job_id(self.switches, seed, f"job/{stream}"), new_conversation(seed, stream)
        invocation = replace(first, job=job, ordinal=ordinal, at=at, conversation=conversation)
        return Plan(program, invocation, seed, scripted=self.workload.people is None)


# Clients

_REQUEST = Request("GET", "/")
_SEEN = {status: Seen(job="job", word=str(status), status=status) for status in Status}
"""What the app learns of a job: of what it reads, the status alone decides what it does."""


class _Wordless(FusionClient):
    """A dialect without words: whoever answers a call leaves here what the answer means."""

    answer: Understood = _SEEN[Status.RUNNING]

    def ask(self, command: Sendable, nonce: str = "") -> tuple[str, Request]:
        return ("status" if isinstance(command, Look) else "invoke"), _REQUEST

    def understand(self, route: str, response: Response) -> Understood:
        return self.answer


class SimulatedClient:
    """The app, from its start until it is done with its job, or gives up."""

    def __init__(self, simulation: Simulation, start: Millis) -> None:
        self.now = start
        """As far as it has come: to its call for a job, then to the answer by which it is done."""
        self.calls: list[Millis] = []
        """When it called."""
        self.answered: Millis = 0
        """When it had the Job ID."""
        self.outcome: Outcome | None = None
        self._life = self._live(simulation)
        next(self._life, None)

    def follow(self, job: str, changes: StatusPath) -> None:
        """Take the job that it asks for, and poll it to the end."""
        with suppress(StopIteration):
            self._life.send((job, changes))

    def _live(self, simulation: Simulation) -> Generator[None, tuple[str, StatusPath], None]:
        """Yields once it asks for a job, and gets its id and what polls show of it."""
        wire, app = _Wordless(), simulation.app
        turn = run(replace(app, dialect=wire), self.now)
        grant = json_bytes({"access_token": "token", "expires_in": simulation.lifetime // 1000})
        job, changes, got = "", deque[tuple[Millis, Status]](), cast("EffectResult", None)  # which begins a run
        try:
            while True:
                effect = turn.send(got)
                if not isinstance(effect, Send):
                    self.now = max(self.now, effect.until)
                    got = Woke(self.now)
                    continue
                self.calls.append(self.now)
                if effect.route != "token":
                    if not job:
                        job, path = yield
                        changes.extend(path)
                    while len(changes) > 1 and changes[1][0] <= self.now:
                        changes.popleft()
                    wire.answer = _SEEN[changes[0][1]]
                stream, body = (app.client_id, grant) if effect.route == "token" else (job, b"")
                at, until = self.now + simulation.latency(effect.route, stream, self.now), effect.until
                in_time = until is None or at <= until
                got = Received(at, Response(200, body=body)) if in_time else Silence(until or 0, "timeout")
                self.now = got.at
                if effect.route == "invoke":
                    self.answered = self.now
        except StopIteration as end:
            self.outcome = end.value


# Jobs, and the gates at which they wait


class Job(Struct, eq=False):
    """An accepted job."""

    ordinal: int
    at: Millis
    client: SimulatedClient
    id: str = ""
    decisions: tuple[Decision, ...] = ()
    spans: list[Span] = []
    """All, once nobody can decide on it any more."""
    changes: StatusPath = ()
    """Counted from the answer that brought the Job ID."""

    @property
    def end(self) -> Span:
        return self.spans[-1]

    def walk(self, simulation: Simulation, now: Millis) -> Opening | None:
        """The gate at which it waits for people from `now` on; None: at none, so its spans are known, and its polls."""
        walked, changes = list[Span](), list[tuple[Millis, Status]]()
        plan = simulation.plan(self.ordinal, self.at)  # it takes kilobytes, so it isn't kept
        for span in spans(plan, self.decisions):
            if not plan.scripted and span.opening is not None and (span.until or now) > now:
                return span.opening
            walked.append(span)
            status = shown_status(span, simulation.switches)
            if (span.until is None or span.until > span.since) and (not changes or changes[-1][1] is not status):
                changes.append((span.since, status))
        self.id, self.spans = plan.invocation.job, walked
        self.client.follow(self.id, changes)
        self.changes = [(since - self.client.answered, status) for since, status in changes]
        return None


def play_jobs(simulation: Simulation) -> "tuple[list[Job], Reviewers | None]":
    """All jobs, in the order in which they are taken, and how it went with the people who answer their gates."""
    workload, clients, micros = simulation.workload, list[SimulatedClient](), 0
    for number in range(1, workload.jobs + 1):
        stream = f"{simulation.first.program.name}/arrivals/{number}"
        micros += draw_exponential(simulation.config.seed, stream, workload.every * 1_000) if number > 1 else 0
        clients.append(SimulatedClient(simulation, micros // 1_000))
    asking = sorted((each for each in clients if each.outcome is None), key=lambda each: each.now)
    jobs = [Job(ordinal, client.now, client) for ordinal, client in enumerate(asking, 1)]
    if workload.people is not None:
        return jobs, _Queue(simulation, Reviewers(workload.people)).play(jobs)
    for job in jobs:
        job.walk(simulation, job.at)
    return jobs, None


class Reviewers(Struct):
    """People who answer gates, and how those stood in their queue."""

    people: int
    queue: Figures = field(default_factory=Figures)
    """How long a gate stood in it until somebody began: those with which somebody did."""
    unseen: int = 0
    """Gates that timed out before."""
    late: int = 0
    """Votes that came too late."""
    busy: Millis = 0
    """How long people were at gates, all together."""
    lasted: Millis = 0
    """Until the last job ended, or the last of them was done with a gate."""


class _OpenGate(Struct, eq=False):
    """A gate in the queue, or with reviewers."""

    job: Job
    opening: Opening
    places: int
    """How many may begin."""
    takers: dict[int, bool] = {}
    """Who began with it, and whether that was after it escalated."""
    votes: int = 0
    closed: bool = False


_OVER, _ESCALATE, _FREE, _OPEN = range(4)
"""What happens, in the order in which it does at one instant."""


class _Queue:
    """Plays jobs whose gates people answer, in the order of time."""

    def __init__(self, simulation: Simulation, reviewers: Reviewers) -> None:
        self._simulation, self._reviewers = simulation, reviewers
        self._free = list(range(1, reviewers.people + 1))
        self._queue = deque[_OpenGate]()
        self._events: list[tuple[Millis, int, int, Callable[[Millis], None]]] = []
        self._count = 0

    def play(self, jobs: list[Job]) -> Reviewers:
        for job in jobs:
            self._go_on(job, job.at)
        while self._events:
            now, _, _, happen = heappop(self._events)
            happen(now)
            if self._queue and self._free:
                self._assign(now)
        # not until the last event: the patience of a gate that was decided may end long after
        self._reviewers.lasted = max(self._reviewers.lasted, *(job.end.since for job in jobs))
        return self._reviewers

    def _at(self, at: Millis, rank: int, happen: Callable[[Millis], None]) -> None:
        self._count += 1
        heappush(self._events, (at, rank, self._count, happen))

    def _go_on(self, job: Job, now: Millis) -> None:
        if (opening := job.walk(self._simulation, now)) is not None:
            gate = _OpenGate(job, opening, opening.gate.approvals)
            self._at(opening.opened, _OPEN, lambda now: self._queue.append(gate))
            self._at(opening.deadline, _OVER, partial(self._time_out, gate))
            if opening.escalates is not None:
                self._at(opening.escalates, _ESCALATE, partial(self._escalate, gate))

    def _time_out(self, gate: _OpenGate, now: Millis) -> None:
        if not gate.closed:
            self._reviewers.unseen += not gate.takers
            gate.closed = True
            self._go_on(gate.job, now)

    def _escalate(self, gate: _OpenGate, now: Millis) -> None:
        """Ask somebody else too: who takes a gate that still stands in the queue, else one person more."""
        if not gate.closed and len(gate.takers) == gate.places:
            gate.places += 1
            insort(self._queue, gate, key=lambda each: each.opening.opened)

    def _assign(self, now: Millis) -> None:
        """Let free reviewers take gates, the one that opened first before others."""
        waiting: list[_OpenGate] = []
        while self._queue and self._free:
            gate = self._queue.popleft()
            if gate.closed:
                continue
            for person in [each for each in self._free if each not in gate.takers][: gate.places - len(gate.takers)]:
                self._begin(gate, person, now)
            if len(gate.takers) < gate.places:
                waiting.append(gate)
        self._queue.extendleft(reversed(waiting))

    def _begin(self, gate: _OpenGate, person: int, now: Millis) -> None:
        opening, config = gate.opening, self._simulation.config
        self._free.remove(person)
        if not gate.takers:
            self._reviewers.queue.add(now - opening.opened)
        gate.takers[person] = opening.escalates is not None and now >= opening.escalates
        name = f"{self._simulation.first.program.name}/{gate.job.ordinal}/{opening.gate.id}/review#{opening.visit}"
        lasts = draw_latency(config.seed, f"{name}.{len(gate.takers)}", self._simulation.workload.takes)
        self._reviewers.busy += lasts
        self._at(now + lasts, _FREE, partial(self._vote, gate, person))

    def _vote(self, gate: _OpenGate, person: int, now: Millis) -> None:
        insort(self._free, person)
        self._reviewers.lasted = now
        if gate.closed:
            self._reviewers.late += 1
            return
        opening, escalate = gate.opening, gate.opening.gate.escalate
        script = scripted_vote(opening.gate, opening.earlier_votes + gate.votes)
        if gate.takers[person] and escalate is not None and isinstance(escalate.reviewer, Vote):
            script = escalate.reviewer
        verdict = Verdict(script.verdict) if script is not None else Verdict.APPROVED
        name = script.by if script is not None and opening.gate.approvals == 1 else f"reviewer {person}"
        comment = script.comment if script is not None else None
        gate.job.decisions += (opening.vote(now, verdict, Origin.PERSON, name, comment),)
        gate.votes += 1
        if verdict is not Verdict.APPROVED or gate.votes == opening.gate.approvals:
            gate.closed = True
            self._go_on(gate.job, now)
