"""Makes the plan of a client replay: goes through a recording, and tells calls, polls and jobs apart (recordings.md §6.3)."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import groupby, pairwise
from operator import itemgetter

from msgspec import Struct

from lab.core.clock import Millis
from lab.core.errors import RecordingError
from lab.core.exchange import Json, is_target
from lab.dialects.base import Look
from lab.identity.routes import IDENTITY_NAMES
from lab.program.words import Status
from lab.recording.client_replay.plan import (
    BUSY,
    UNHURRIED,
    ClientPlan,
    JobAnswer,
    LeftOut,
    PlannedCall,
    PlannedEvent,
    PlannedJob,
    PlannedPoll,
    Shown,
    bearer_in,
    understood,
)
from lab.recording.format.lines import Recording, Req, Res
from lab.recording.playback.calls import PlaybackCall, asked_key, playback_calls
from lab.recording.tape.recorded_calls import calls_in


def client_plan(recording: Recording) -> ClientPlan:
    """The plan of a recording that is whole; RecordingError if it has calls, and none of them can be sent."""
    plan = _Planner(recording).plan()
    if not plan.calls and any(True for _ in recording.of(Req)):
        raise RecordingError(f"{recording.name}: none of its calls can be sent: there is nothing to compare")
    return plan


class _Job(Struct, eq=False):
    """A job while the recording is gone through."""

    planned: PlannedJob
    answers: list[tuple[PlaybackCall, Res, JobAnswer]]
    polls: list[tuple[PlaybackCall, Req]]


class _Planner:
    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._answered = {call.requested.x: call for call in playback_calls(recording)}
        self._struck = {fact.x for fact in recording.facts("fault.struck")}
        self._history: dict[str | None, list[tuple[Status, Millis]]] = defaultdict(list)
        """By job, as far as facts tell it: what it became, and when."""
        for fact in recording.facts("job.status"):
            if (word := fact.text("to")) in Status.__members__:
                self._history[fact.text("job")].append((Status[word or ""], fact.instant))
        self._inside = {fact.text("job"): fact.get("drawn") for fact in recording.facts("job.accepted")}
        self._jobs: dict[str, _Job] = {}
        self._sent: list[tuple[Req, Res, PlaybackCall, bool]] = []
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
            job = call.begun.job if call.begun is not None else call.operation[1]
            begins = job in jobs and jobs[job or ""].begun == req.x
            calls.append(PlannedCall(req, res, call, after, pause, compared, job, begins))
        unheard = sum(not call.compared for call in calls)
        left_out = LeftOut(self._repeated, self._unsent, self._astray)
        return ClientPlan(self._recording, tuple(calls), jobs, events, start, unheard, left_out)

    def _take(self, call: PlaybackCall, req: Req, res: Res, *, again: bool) -> None:
        """A call that isn't a poll of a job that is followed."""
        failed = self._failed(call)
        if failed and again:
            self._repeated += 1
            return
        self._sent.append((req, res, call, not failed))
        if failed:
            return
        if call.good:
            self._good.add(bearer_in(req))
        answer = understood(call.requested.route, call.replied.response)
        if call.begun is not None and answer.seen and call.begun.job not in self._jobs:
            drawn = self._inside.get(call.begun.job)
            generated = not self._inside or (
                isinstance(drawn, dict) and any(name.startswith("data/") for name in drawn)
            )
            planned = PlannedJob(call.begun.job, req.x, call.replied.at, res.n, generated)
            self._jobs[call.begun.job] = _Job(planned, [], [])
        for each in answer.seen:
            if each.job in self._jobs:
                self._jobs[each.job].answers.append((call, res, JobAnswer((each,))))

    def _take_poll(self, call: PlaybackCall, req: Req, res: Res) -> bool:
        """Whether it is a poll of a job that is followed; others are sent one for one."""
        job = self._jobs.get(call.operation[1] or "")
        if job is None or call.client_call is None or not isinstance(call.client_call.command, Look):
            return False
        refused = not call.good and not self._failed(call)
        if refused and bearer_in(req) not in self._good:
            return False  # somebody else's
        job.polls.append((call, req))
        if call.good:
            self._good.add(bearer_in(req))
        if (call.good and call.seen is not None) or refused:
            job.answers.append((call, res, understood(call.requested.route, call.replied.response)))
        return True

    def _failed(self, call: PlaybackCall) -> bool:
        """Whether it failed for the moment, and not for what it asked; the end of a token is of that moment, too."""
        replied, x = call.replied, call.requested.x
        if replied.cut is not None or replied.response.status in BUSY:
            return True
        if call.good:
            return False
        expired = replied.response.status == 401 and bearer_in(call.requested.request) in self._good
        unreadable = replied.response.status < 300 and not call.refused
        return expired or unreadable or x in self._struck

    def _settled(self, job: _Job) -> PlannedJob:
        planned, shown, polls = job.planned, list[Shown](), {req.x for _, req in job.polls}
        before = planned.at
        for call, res, answer in job.answers:
            if not shown or shown[-1].word != answer.word:
                replied, route, polled = call.replied, call.requested.route, call.requested.x in polls
                body = res.body
                shown.append(
                    Shown(answer.word, answer.status, replied.at, before, replied.response, body, res.n, route, polled)
                )
            before = call.at
        planned.shown = tuple(shown)
        planned.shortest = min((two.at - one.after for one, two in pairwise(shown)), default=UNHURRIED)
        if self._inside:
            planned.unseen, planned.shortest = self._unseen(planned)
        planned.polls = tuple(
            PlannedPoll(req, max(0, req.t - planned.at), call.requested.route) for call, req in job.polls
        )
        return planned

    def _unseen(self, planned: PlannedJob) -> tuple[Mapping[int, frozenset[Status]], Millis]:
        """By places what no recorded poll saw before them; and how long the shortest of what was seen lasted."""
        stretches = [next(group) for _, group in groupby(self._stretches(planned), itemgetter(0))]
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

    def _stretches(self, planned: PlannedJob) -> Iterator[tuple[Status, Millis]]:
        yield Status.RUNNING, planned.at
        yield from self._history[planned.id]

    def _events(self, jobs: Mapping[str, PlannedJob]) -> Iterator[PlannedEvent]:
        for _, res, call, _ in self._sent:
            yield PlannedEvent(res.n, call.replied.at, x=res.x)
        for job in jobs.values():
            for place, each in enumerate(job.shown):
                yield PlannedEvent(each.n, each.at, job=job.id, place=place)


def _key(call: PlaybackCall) -> tuple[Json, ...]:
    """What is the same in a call that is asked again."""
    requested = call.requested
    asks = (
        asked_key(requested.route, call.client_call, {})
        if call.client_call is not None
        else requested.request.body.hex()
    )
    secret = bearer_in(requested.request) if requested.route in IDENTITY_NAMES else ""
    return requested.route, requested.request.method, requested.request.path, requested.request.query, asks, secret
