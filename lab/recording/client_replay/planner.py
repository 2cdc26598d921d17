"""Makes the plan of a client replay: tells calls, polls and jobs of a recording apart (recordings.md §6.3)."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import groupby, pairwise
from operator import itemgetter

from msgspec import Struct

from lab.core.clock import Millis
from lab.core.errors import RecordingError
from lab.core.exchange import Json, Response, is_target
from lab.identity.routes import IDENTITY_NAMES
from lab.program.words import Status
from lab.recording.client_replay.plan import (
    BUSY,
    UNHURRIED,
    ClientPlan,
    LeftOut,
    PlannedCall,
    PlannedEvent,
    PlannedJob,
    PlannedPoll,
    Shown,
    bearer_in,
)
from lab.recording.exchange import CallKind, RecordedExchange, answered_calls, exchanges_of
from lab.recording.format.lines import Recording, Req, Res
from lab.recording.playback.matching import asked_key, operation_of
from lab.recording.story import JobAnswer, JobHistory, job_histories, understood
from lab.recording.tape.recorded_calls import calls_in


def client_plan(recording: Recording) -> ClientPlan:
    """The plan of a recording that is whole; RecordingError if it has calls, and none of them can be sent."""
    plan = _Planner(recording).plan()
    if not plan.calls and any(True for _ in recording.of(Req)):
        raise RecordingError(f"{recording.name}: none of its calls can be sent: there is nothing to compare")
    return plan


class _Followed(Struct, eq=False):
    """A job that is polled, while the recording is gone through."""

    history: JobHistory
    planned: PlannedJob
    answers: list[tuple[RecordedExchange, Res, JobAnswer]]
    polls: list[tuple[RecordedExchange, Req]]


class _Planner:
    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._answered = {call.x: call for call in answered_calls(exchanges_of(recording))}
        facts = tuple(recording.facts())
        self._inside = any(fact.type == "job.accepted" for fact in facts)
        jobs = job_histories(self._answered.values(), facts)
        self._begun = {job.accepted.x: job for job in jobs}
        self._jobs: dict[str, _Followed] = {}
        self._sent: list[tuple[Req, Res, RecordedExchange, bool]] = []
        self._good: set[str] = set()
        """Bearers that were taken."""
        self._astray = self._unsent = self._repeated = 0

    def plan(self) -> ClientPlan:
        later = {_key(call): x for x, call in self._answered.items()}
        for recorded in calls_in(self._recording):
            call = self._answered.get(recorded.req.x)
            if not is_target(recorded.req.url):
                self._astray += 1
            elif call is None or recorded.res is None:
                self._unsent += 1
            elif not self._take_poll(call, recorded.req, recorded.res):
                self._take(call, recorded.req, recorded.res, again=later[_key(call)] > recorded.req.x)
        jobs = {name: self._settled(job) for name, job in self._jobs.items()}
        events = tuple(sorted(self._events(jobs), key=lambda event: event.n))
        places, start = [event.n for event in events], next((req.t for req, *_ in self._sent), 0)
        calls = []
        for req, res, call, compared in self._sent:
            after = bisect_left(places, req.n)
            pause = max(0, req.t - (events[after - 1].at if after else start))
            job = self._begun[req.x].job if req.x in self._begun else operation_of(call)[1]
            begins = job in jobs and jobs[job or ""].begun == req.x
            calls.append(PlannedCall(req, res, call, after, pause, compared, job, begins))
        unheard = sum(not call.compared for call in calls)
        left_out = LeftOut(self._repeated, self._unsent, self._astray)
        return ClientPlan(self._recording, tuple(calls), jobs, events, start, unheard, left_out)

    def _take(self, call: RecordedExchange, req: Req, res: Res, *, again: bool) -> None:
        """A call that isn't a poll of a job that is followed."""
        failed = self._failed(call)
        if failed and again:
            self._repeated += 1
            return
        self._sent.append((req, res, call, not failed))
        if failed:
            return
        if call.tells:
            self._good.add(bearer_in(req))
        answer = understood(call.route, _response(call))
        begun = self._begun.get(call.x)
        if begun is not None and answer.seen and begun.job not in self._jobs:
            drawn = next((fact.get("drawn") for fact in begun.facts_of("job.accepted")), None)
            generated = not self._inside or (
                isinstance(drawn, dict) and any(name.startswith("data/") for name in drawn)
            )
            planned = PlannedJob(begun.job, req.x, call.answered_at, res.n, generated)
            self._jobs[begun.job] = _Followed(begun, planned, [], [])
        for each in answer.seen:
            if each.job in self._jobs:
                self._jobs[each.job].answers.append((call, res, JobAnswer((each,))))

    def _take_poll(self, call: RecordedExchange, req: Req, res: Res) -> bool:
        """Whether it is a poll of a job that is followed; others are sent one for one."""
        job = self._jobs.get(call.job or "")
        if job is None or call.kind is not CallKind.POLL:
            return False
        refused = not call.tells and not self._failed(call)
        if refused and bearer_in(req) not in self._good:
            return False  # somebody else's
        job.polls.append((call, req))
        if call.tells:
            self._good.add(bearer_in(req))
        if call.tells or refused:
            job.answers.append((call, res, understood(call.route, _response(call))))
        return True

    def _failed(self, call: RecordedExchange) -> bool:
        """Whether it failed for the moment, and not for what it asked; the end of a token is of that moment, too."""
        if call.cut is not None or call.status in BUSY:
            return True
        if call.tells:
            return False
        expired = call.status == 401 and bearer_in(call.request) in self._good
        unreadable = call.status < 300 and not call.refused
        return expired or unreadable or call.struck is not None

    def _settled(self, job: _Followed) -> PlannedJob:
        planned, shown, polls = job.planned, list[Shown](), {req.x for _, req in job.polls}
        before = planned.at
        for call, res, answer in job.answers:
            if not shown or shown[-1].word != answer.word:
                at, polled = call.answered_at, call.x in polls
                response = _response(call)
                shown.append(
                    Shown(answer.word, answer.status, at, before, response, res.body, res.n, call.route, polled)
                )
            before = call.at
        planned.shown = tuple(shown)
        planned.shortest = min((two.at - one.after for one, two in pairwise(shown)), default=UNHURRIED)
        if self._inside:
            stretches = [(Status.RUNNING, planned.at), *job.history.statuses()]
            planned.unseen, planned.shortest = _unseen(planned, stretches)
        planned.polls = tuple(PlannedPoll(req, max(0, req.t - planned.at), call.route) for call, req in job.polls)
        return planned

    def _events(self, jobs: Mapping[str, PlannedJob]) -> Iterator[PlannedEvent]:
        for _, res, call, _ in self._sent:
            yield PlannedEvent(res.n, call.answered_at, x=res.x)
        for job in jobs.values():
            for place, each in enumerate(job.shown):
                yield PlannedEvent(each.n, each.at, job=job.id, place=place)


def _unseen(
    planned: PlannedJob, history: list[tuple[Status, Millis]]
) -> tuple[Mapping[int, frozenset[Status]], Millis]:
    """By places what no recorded poll saw before them; and how long the shortest of what was seen lasted."""
    stretches = [next(group) for _, group in groupby(history, itemgetter(0))]
    found, lengths, place = defaultdict[int, set[Status]](set), list[Millis](), 0
    for number, (status, since) in enumerate(stretches):
        while place < len(planned.shown) and planned.shown[place].status is None:
            place += 1  # a refusal, or a word of the wire alone
        if place < len(planned.shown) and planned.shown[place].status is status:
            place += 1
            lengths += [until - since for _, until in stretches[number + 1 : number + 2]]
        else:
            found[place].add(status)
    return {place: frozenset(statuses) for place, statuses in found.items()}, min(lengths, default=UNHURRIED)


def _response(call: RecordedExchange) -> Response:
    return call.response or Response(0)


def _key(call: RecordedExchange) -> tuple[Json, ...]:
    """What is the same in a call that is asked again."""
    asks = asked_key(call.route, call.asks, {}) if call.asks is not None else call.request.body.hex()
    secret = bearer_in(call.request) if call.route in IDENTITY_NAMES else ""
    return call.route, call.request.method, call.request.path, call.request.query, asks, secret
