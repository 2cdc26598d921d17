"""What of a recording is sent to another server, in which order, and what that is to answer (recordings.md §6.3).

Two kinds of things are sent: *calls*, each once, and *polls*, as many as it takes. A call waits for all that had been
answered before it in the recording: replies to other calls, and what polls had shown by then. So causes stay before
their effects, whatever times the other server takes.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from operator import itemgetter
from typing import TypeAlias

from msgspec import Struct, field

from lab.core.clock import Millis
from lab.core.errors import RecordingError
from lab.core.exchange import Json, Request, is_target
from lab.identity.routes import IDENTITY_NAMES
from lab.program.words import Status
from lab.recording.exchange import CallKind, RecordedExchange, answered_calls, exchanges_of
from lab.recording.format.lines import Entry, Recording
from lab.recording.playback.matching import asked_key
from lab.recording.story import JobAnswer, JobHistory, job_histories, understood

BUSY = frozenset((408, 425, 429, 500, 502, 503, 504))
"""Statuses by which a server fails for the moment: of another day, or another server, they can't be demanded."""
UNHURRIED: Millis = 30_000
"""How long a status lasts that was the only one."""

PlannedEvent: TypeAlias = int | tuple[str, int]
"""What calls may wait for: the answer to a call, by its number, or that a job shows its n-th status."""


class Shown(Struct, frozen=True):
    """What the answers about a job say for a while: a status, or a refusal."""

    answer: JobAnswer
    at: Millis
    """When the first such answer came, and how late the last other one had come before."""
    after: Millis
    call: RecordedExchange | None = None
    """In a recording the call that brought it."""

    @property
    def word(self) -> str:
        """The status as the wire has it, or `HTTP 404`."""
        return self.answer.word

    @property
    def status(self) -> Status | None:
        return self.answer.status

    @property
    def line(self) -> int:
        """Of the recording, from 1."""
        return (self.call.reply_line if self.call is not None else None) or 0

    @property
    def final(self) -> bool:
        return self.status is not None and self.status.final


class PlannedJob(Struct, eq=False):
    """A recorded job, which is polled until it has ended."""

    id: str
    begun: RecordedExchange
    generated: bool = False
    """Whether texts in its answers may be made of generated data."""
    polls: list[RecordedExchange] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)
    unseen: Mapping[int, frozenset[Status]] | None = None
    """By places in `shown` what the job was before it, between two polls; None: nobody knows, it is another server's."""
    shortest: Millis = UNHURRIED
    """For how long it showed the same at least, before its end: polls that come less often would miss it."""

    @property
    def at(self) -> Millis:
        """When its beginning was answered."""
        return self.begun.answered_at

    @property
    def final(self) -> bool:
        """Whether the recording goes on until it has ended."""
        return bool(self.shown) and self.shown[-1].final

    @property
    def lasted(self) -> Millis:
        """From its beginning to the last thing that is known of it."""
        return self.shown[-1].at - self.at if self.shown else 0

    def sent(self, poll: RecordedExchange) -> Millis:
        """When one of its polls was sent, counted from its beginning."""
        return max(0, poll.at - self.at)


class PlannedCall(Struct, eq=False):
    """A recorded call that is sent once."""

    call: RecordedExchange
    compared: bool
    """Whether its answer can be demanded."""
    job: str | None = None
    """The recorded job that it begins or is about."""
    begins: bool = False
    after: int = 0
    """So many of the plan's events had come before it."""
    pause: Millis = 0
    """Since the last of them; since the beginning if there was none."""

    @property
    def line(self) -> int:
        """Of its answer."""
        return self.call.reply_line or 0

    @property
    def took(self) -> Millis:
        """From the request to the last byte of the answer."""
        return max(self.call.latency, self.call.answered_at - self.call.at)


class ClientPlan(Struct, frozen=True):
    """All of it."""

    recording: Recording
    exchanges: Sequence[RecordedExchange]
    """All that were recorded."""
    calls: Sequence[PlannedCall]
    jobs: Mapping[str, PlannedJob]
    events: Sequence[PlannedEvent]
    """In the order in which they came."""
    notes: Sequence[tuple[int, str]]
    """How many calls aren't sent, or aren't compared, and why."""

    @property
    def sent(self) -> Iterator[RecordedExchange]:
        """The recorded calls of which others are made."""
        yield from (each.call for each in self.calls)
        yield from (poll for job in self.jobs.values() for poll in job.polls)


def client_plan(recording: Recording) -> ClientPlan:
    """The plan of a recording that is whole; RecordingError if it has calls, and none of them can be sent."""
    planner = _Planner(recording)
    exchanges = exchanges_of(recording)
    planner.sort(exchanges)
    if exchanges and not planner.calls:
        raise RecordingError(f"{recording.name}: none of its calls can be sent: there is nothing to compare")
    events = planner.order()
    unheard = sum(not call.compared for call in planner.calls)
    notes = (
        (planner.repeated, "calls were not sent: they failed for the moment, and the recording makes them again"),
        (unheard, "answers were not compared: in the recording these calls failed for the moment"),
        (planner.unsent, "exchanges were not sent: only the socket knows what became of them"),
        (planner.astray, "calls were not sent: what they ask for is no path of a server, and could lead to another"),
    )
    return ClientPlan(recording, exchanges, planner.calls, planner.jobs, events, notes)


class _Planner:
    """Tells calls, polls and jobs of a recording apart."""

    def __init__(self, recording: Recording) -> None:
        self.jobs: dict[str, PlannedJob] = {}
        self.calls: list[PlannedCall] = []
        self.astray = self.unsent = self.repeated = 0
        self._facts = tuple(recording.facts())
        self._inside = any(fact.type == "job.accepted" for fact in self._facts)
        self._generated = set(_with_generated(self._facts))
        self._begun: dict[int, JobHistory] = {}
        """By the call that began it."""
        self._answers: defaultdict[str, list[tuple[RecordedExchange, JobAnswer]]] = defaultdict(list)
        self._good: set[str] = set()
        """Bearers that were taken."""

    def sort(self, exchanges: Iterable[RecordedExchange]) -> None:
        """Take each for what it is: not to be sent, a poll, or a call."""
        answered = {call.x: call for call in answered_calls(exchanges)}
        histories = job_histories(answered.values(), self._facts)
        self._begun = {history.accepted.x: history for history in histories}
        last = {_key(call): x for x, call in answered.items()}
        for exchange in exchanges:
            call = answered.get(exchange.x)
            if not is_target(exchange.request.target):
                self.astray += 1
            elif call is None:
                self.unsent += 1
            elif not self._take_poll(call):
                self._take(call, again=last[_key(call)] > call.x)
        for history in histories:
            job = self.jobs.get(history.job)
            if job is not None and job.begun is history.accepted:
                self._settle(job, history)

    def _take(self, call: RecordedExchange, *, again: bool) -> None:
        """A call that isn't a poll of a job that is followed."""
        failed = self._failed(call)
        if failed and again:
            self.repeated += 1
            return
        begun = self._begun.get(call.x)
        planned = PlannedCall(call, not failed, begun.job if begun is not None else call.job)
        self.calls.append(planned)
        if failed:
            return
        if call.tells:
            self._good.add(bearer_in(call.request))
        shown = understood(call.route, call.response).seen if call.response is not None else ()
        if begun is not None and shown and begun.job not in self.jobs:
            self.jobs[begun.job] = PlannedJob(begun.job, call)
            planned.begins = True
        for each in shown:
            if each.job in self.jobs:
                self._answers[each.job].append((call, JobAnswer((each,))))

    def _take_poll(self, call: RecordedExchange) -> bool:
        """Whether it is a poll of a job that is followed; others are sent one for one."""
        job = self.jobs.get(call.job or "")
        if job is None or call.kind is not CallKind.POLL:
            return False
        refused = not call.tells and not self._failed(call)
        if refused and bearer_in(call.request) not in self._good:
            return False  # somebody else's
        job.polls.append(call)
        if call.tells:
            self._good.add(bearer_in(call.request))
        if (call.tells or refused) and call.response is not None:
            self._answers[job.id].append((call, understood(call.route, call.response)))
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

    def _settle(self, job: PlannedJob, history: JobHistory) -> None:
        """What a job showed, one after the other, and how long that lasted."""
        before = job.at
        for call, answer in self._answers[job.id]:
            if not job.shown or job.shown[-1].word != answer.word:
                job.shown.append(Shown(answer, call.answered_at, before, call))
            before = call.at
        job.shortest = min((two.at - one.after for one, two in pairwise(job.shown)), default=UNHURRIED)
        job.generated = not self._inside or (history.conversation or job.id) in self._generated
        if self._inside:
            job.unseen, job.shortest = _unseen(job, [(Status.RUNNING, job.at), *history.statuses()])

    def order(self) -> Sequence[PlannedEvent]:
        """All events in the order in which they came; each call after those that had come before it."""
        came: list[tuple[int, Millis, PlannedEvent]] = []
        came += ((each.line, each.call.answered_at, each.call.x) for each in self.calls)
        for job in self.jobs.values():
            came += ((each.line, each.at, (job.id, place)) for place, each in enumerate(job.shown))
        came.sort(key=itemgetter(0))
        lines, start = [line for line, *_ in came], next((each.call.at for each in self.calls), 0)
        for each in self.calls:
            each.after = bisect_left(lines, each.call.line)
            each.pause = max(0, each.call.at - (came[each.after - 1][1] if each.after else start))
        return [event for *_, event in came]


def _with_generated(facts: Iterable[Entry]) -> Iterator[str]:
    """The conversations that drew data, of which later turns tell, too; of a job without one its id."""
    for fact in facts:
        drawn = fact.get("drawn") if fact.type == "job.accepted" else None
        if isinstance(drawn, dict) and any(name.startswith("data/") for name in drawn):
            yield fact.text("conversation") or fact.text("job") or ""


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


def bearer_in(request: Request) -> str:
    """What stands for its bearer, or for whatever it has in its place."""
    return request.header("authorization") or ""


def _key(call: RecordedExchange) -> tuple[Json, ...]:
    """What is the same in a call that is asked again."""
    asks = asked_key(call.route, call.asks, {}) if call.asks is not None else call.request.body.hex()
    secret = bearer_in(call.request) if call.route in IDENTITY_NAMES else ""
    return call.route, call.request.method, call.request.path, call.request.query, asks, secret
