"""The pass in the order of time: which job is the k-th that a server takes, and when which reviewer decides on it.

Clients come one after the other, each when its gap is over (`SCENARIO/arrivals/N`, exponential), get a token and ask. A
server with room takes the job; else the client comes again when it was told to, by the app's own rules. Gates that open
stand in one queue, first opened, first served. A reviewer takes the first gate that lacks a vote and isn't theirs
already, stays with it for a drawn time, and gives the vote that the scenario's reviewer would give, else approves:

    opened          the gate stands in the queue; its patience runs
    escalates       one more may take it if nobody else could; who takes it from then on answers as who is asked then
    taken           by a free reviewer, at work; one who is at a gate finishes it, whatever the hour
    vote            at the end of that time, if the gate is still open; else it comes too late, and counts for nothing
    timed out       at its deadline, in the queue or on a reviewer's desk

At the same instant deadlines and ends come first, then escalations, reviewers who are done, gates that open, and
clients. So a place that becomes free at an instant is taken at it, and a vote at the deadline is late, as `gates` has it.
"""

from bisect import insort
from collections import deque
from collections.abc import Iterator
from heapq import heapify, heappop, heappush

from lab.core.clock import Millis, unix_millis
from lab.core.seeds import Seed, draw_exponential
from lab.jobs.gates import Decision, Opening, Origin, scripted_vote
from lab.jobs.plan import Plan
from lab.jobs.span import Span
from lab.jobs.timeline import spans
from lab.language.document import Verdict, Vote, draw_latency
from lab.plugins.simulate.calls import AcceptedRun, ClientStart, WirelessClient, plan_of
from lab.plugins.simulate.queue_tally import QueueTally
from lab.plugins.simulate.workload import ReviewTeam, Simulation

_OVER, _ESCALATE, _FREE, _OPEN, _WORK, _ASK = range(6)
"""What happens, in the order in which it does at one instant."""


class _Job:
    """An accepted job while the pass needs it."""

    def __init__(self, plan: Plan, start: ClientStart) -> None:
        self.plan = plan
        self.start = start
        self.decisions: tuple[Decision, ...] = ()
        self.gate: _OpenGate | None = None

    @property
    def accepted(self) -> AcceptedRun:
        start = self.start
        return AcceptedRun(self.plan.invocation.ordinal, start.start, len(start.refused), self.decisions)


class _OpenGate:
    """A gate in the queue, or with reviewers."""

    def __init__(self, job: _Job, opening: Opening) -> None:
        self.job = job
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


class Pass:
    """One seed's; `runs` gives the accepted jobs in their order."""

    def __init__(self, simulation: Simulation, seed: Seed) -> None:
        self.tally = QueueTally()
        self._simulation = simulation
        self._seed = seed
        self._client = WirelessClient()
        self._events: list[tuple[Millis, int, int, object]] = []
        self._count = 0
        self._alive = self._ordinal = 0
        self._queue: deque[_OpenGate] = deque()
        team = simulation.workload.reviewers
        self._team = team
        self._free: list[int] = list(range(1, team.people + 1)) if team is not None else []
        self._passed = 0
        """Deadlines still to come of gates that are closed."""
        self._last_end: Millis = 0
        """Of a job, or of a reviewer's time at a gate."""
        self._woken: Millis = -1
        """When work begins for which an event stands already."""
        self._done: dict[int, AcceptedRun] = {}

    def runs(self) -> Iterator[AcceptedRun]:
        """The jobs in the order in which they are accepted, as soon as their decisions are known."""
        handed = 0
        arrivals = self._arrivals()
        upcoming: Millis | None = next(arrivals)
        while upcoming is not None or self._events:
            if upcoming is not None and (not self._events or upcoming <= self._events[0][0]):
                start = ClientStart(self._simulation, self._seed, self._client, upcoming)
                upcoming = next(arrivals, None)
                self._come_again(start)
                continue
            now, kind, _, subject = heappop(self._events)
            self._happen(now, kind, subject)
            while (run := self._done.pop(handed + 1, None)) is not None:
                handed += 1
                yield run
        if self._team is not None:
            self.tally.open = self._team.people * self._team.within(
                unix_millis(self._simulation.epoch, 0), self._last_end
            )

    def _arrivals(self) -> Iterator[Millis]:
        workload, name = self._simulation.workload, self._simulation.compiled.name
        micros = 0
        for number in range(1, workload.jobs + 1):
            if number > 1:
                micros += draw_exponential(self._seed, f"{name}/arrivals/{number}", workload.gap)
            yield micros // 1_000

    def _push(self, at: Millis, kind: int, subject: object) -> None:
        self._count += 1
        heappush(self._events, (at, kind, self._count, subject))

    def _happen(self, now: Millis, kind: int, subject: object) -> None:
        if isinstance(subject, ClientStart):
            self._ask(now, subject)
        elif isinstance(subject, _OpenGate):
            if kind == _OPEN:
                self._open(subject)
            elif subject.job.gate is not subject:
                pass  # it was decided before
            elif kind == _ESCALATE:
                self._escalate(subject)
            else:  # it timed out
                if self._team is not None and not subject.takers:
                    self.tally.time_out(self._team, self._simulation.epoch, subject.opening.opened, now)
                subject.job.gate = None
                self._go_on(now, subject.job)
        elif isinstance(subject, tuple):
            self._voted(now, *subject)
        elif kind == _OVER:
            self._alive -= 1
        if self._queue and kind != _ASK:
            self._assign(now)

    # Clients

    def _come_again(self, start: ClientStart) -> None:
        if start.asks is None:
            self.tally.gave_up += 1
        else:
            self._push(start.asks, _ASK, start)

    def _ask(self, now: Millis, start: ClientStart) -> None:
        limit = self._simulation.workload.limit
        if limit is not None and self._alive >= limit:
            self.tally.refused += 1
            if self.tally.first_refused is None:
                self.tally.first_refused = now
            start.refuse()
            self._come_again(start)
            return
        if start.refused:
            self.tally.turned_away.add(now - start.refused[0])
        self._ordinal += 1
        if limit is None and self._team is None:
            self._done[self._ordinal] = AcceptedRun(self._ordinal, start.start)
            return
        self._alive += 1
        self._go_on(now, _Job(plan_of(self._simulation, self._seed, self._ordinal, now), start))

    # Jobs

    def _go_on(self, now: Millis, job: _Job) -> None:
        """Find where a job stops next if nobody decides: at a gate, or at its end."""
        span = self._next_stop(now, job)
        if self._team is not None and span.opening is not None:
            self._push(max(now, span.since), _OPEN, _OpenGate(job, span.opening))
        else:
            self._push(max(now, span.since), _OVER, None)
            self._last_end = max(self._last_end, span.since)
            self._done[job.plan.invocation.ordinal] = job.accepted

    def _next_stop(self, now: Millis, job: _Job) -> Span:
        for span in spans(job.plan, job.decisions):
            if span.until is None or (self._team is not None and span.opening is not None and span.until > now):
                return span
        raise AssertionError("the last span never ends")

    # Reviewers

    def _open(self, gate: _OpenGate) -> None:
        gate.job.gate = gate
        self._queue.append(gate)
        self._push(gate.opening.deadline, _OVER, gate)
        if (escalates := gate.opening.escalates) is not None:
            self._push(escalates, _ESCALATE, gate)

    def _escalate(self, gate: _OpenGate) -> None:
        """Ask somebody else too: who takes a gate that still stands in the queue, else one person more."""
        gate.escalated = True
        if len(gate.takers) == gate.places:
            gate.places += 1
            insort(self._queue, gate, key=_opened)

    def _assign(self, now: Millis) -> None:
        """Let free reviewers take gates, the one that opened first before others."""
        team = self._team
        assert team is not None
        unix = unix_millis(self._simulation.epoch, now)
        if not team.at_work(unix):
            begins = now + team.next_begin(unix) - unix
            if begins != self._woken:
                self._woken = begins
                self._push(begins, _WORK, None)
            return
        waiting: list[_OpenGate] = []
        while self._queue and self._free:
            gate = self._queue.popleft()
            if gate.job.gate is gate and self._take(now, gate, team):
                waiting.append(gate)
        self._queue.extendleft(reversed(waiting))

    def _take(self, now: Millis, gate: _OpenGate, team: ReviewTeam) -> bool:
        """Give a gate to free reviewers, as many as it has places; whether it still has some."""
        opening = gate.opening
        for person in [each for each in self._free if each not in gate.takers]:
            if len(gate.takers) == gate.places:
                break
            self._free.remove(person)
            if not gate.takers:
                self.tally.begun.add(now - opening.opened)
            gate.takers[person] = gate.escalated
            plan = gate.job.plan
            stream = f"{plan.compiled.name}/{plan.invocation.ordinal}/{opening.gate.gate}/review#{opening.visit}"
            lasts = draw_latency(self._seed, f"{stream}.{len(gate.takers)}", team.takes)
            self.tally.begin(team, self._simulation.epoch, now, lasts)
            self._last_end = max(self._last_end, now + lasts)
            self._push(now + lasts, _FREE, (person, gate))
        return len(gate.takers) < gate.places

    def _voted(self, now: Millis, person: int, gate: _OpenGate) -> None:
        insort(self._free, person)
        job, opening = gate.job, gate.opening
        if job.gate is not gate:
            self.tally.late += 1
            return
        script = gate.vote_of(person)
        verdict = Verdict(script.verdict) if script is not None else Verdict.APPROVED
        name = script.by if script is not None and opening.gate.approvals == 1 else f"reviewer {person}"
        comment = script.comment if script is not None else None
        job.decisions += (opening.vote(now, verdict, Origin.PERSON, name, comment),)
        gate.votes += 1
        if verdict is not Verdict.APPROVED or gate.votes == opening.gate.approvals:
            job.gate = None
            self._forget_deadlines()
            self._go_on(now, job)

    def _forget_deadlines(self) -> None:
        """Drop what is to come of closed gates once it is most of it: patience may last for years."""
        self._passed += 1
        if self._passed > 1_000 and 2 * self._passed > len(self._events):
            self._events = [each for each in self._events if not _past(*each)]
            heapify(self._events)
            self._passed = 0


def _opened(gate: _OpenGate) -> Millis:
    return gate.opening.opened


def _past(at: Millis, kind: int, number: int, subject: object) -> bool:
    return kind in (_OVER, _ESCALATE) and isinstance(subject, _OpenGate) and subject.job.gate is not subject
