"""The jobs of a recording: which exchange began each, how it was polled and decided, and what it was shown when."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from operator import attrgetter

from msgspec import Struct, field
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Response, json_response
from lab.core.refusal import Refusal
from lab.dialects import client_of
from lab.dialects.client import Seen
from lab.dialects.sse import events_in, has_events
from lab.program.words import Status
from lab.recording.exchange import CallKind, RecordedExchange
from lab.recording.format.lines import Entry


class JobHistory(Struct, kw_only=True, eq=False):
    """A job as its client went through it."""

    job: str
    accepted: RecordedExchange
    """The call that started it."""
    at: Millis = 0
    """When it was accepted, on the lab's clock."""
    conversation: str | None = None
    turn: int = 1
    polls: list[RecordedExchange] = field(default_factory=list)
    decisions: list[RecordedExchange] = field(default_factory=list)
    facts: list[Entry] = field(default_factory=list)
    """All that are told of it; none where nobody knows the inside."""

    @property
    def calls(self) -> tuple[RecordedExchange, ...]:
        """The call that started it, and its polls."""
        return (self.accepted, *self.polls)

    @property
    def end(self) -> RecordedExchange | None:
        """The first answer that showed its end whole."""
        return next((call for call in self.calls if call.seen is not None and call.seen.final), None)

    @property
    def started(self) -> Millis:
        """When its client had the job's id, in the client's time."""
        return self.accepted.left

    def facts_of(self, *types: str) -> Iterator[Entry]:
        """Its facts of these types."""
        return (fact for fact in self.facts if fact.type in types)

    def statuses(self) -> Iterator[tuple[Status, Millis]]:
        """What it became and when, as far as facts tell it."""
        for fact in self.facts_of("job.status"):
            if (word := fact.text("to")) in Status.__members__:
                yield Status[word or ""], fact.instant

    def shows(self) -> Iterator[tuple[RecordedExchange, Seen]]:
        """The answers that show the job, in order."""
        return ((call, call.seen) for call in self.calls if call.seen is not None)

    def looks(self) -> list[RecordedExchange]:
        """What was shown of it and when, as if to polls: what those were told, and each event of its streams."""
        shown = [poll for poll in self.polls if poll.tells and not poll.streamed]
        streams = (self.accepted, *(poll for poll in self.polls if poll.streamed), *self.decisions)
        shown += (each for call in streams for each in events_as_polls(call))
        return sorted(shown, key=attrgetter("at"))

    def waits(self) -> Iterator[tuple[RecordedExchange, RecordedExchange]]:
        """For each stretch of WAITING that the client saw the end of: its first answer, and the first one after it."""
        first: RecordedExchange | None = None
        for call, seen in self.shows():
            if seen.status is Status.WAITING:
                first = first or call
            elif first is not None:
                yield first, call
                first = None


def job_histories(calls: Iterable[RecordedExchange], facts: Iterable[Entry]) -> list[JobHistory]:
    """The jobs that these calls began, in order.

    Of a mock `facts` tell which call began a job. Of a server that is known from outside, or was played back, the
    answers do.
    """
    by_job: defaultdict[str, list[Entry]] = defaultdict(list)
    for fact in facts:
        if (name := fact.text("job")) is not None:
            by_job[name].append(fact)
    inside = any(fact.type == "job.accepted" for listed in by_job.values() for fact in listed)
    found, by_id, turns = list[JobHistory](), dict[str, JobHistory](), Counter[str | None]()
    for call in calls:
        known = by_id.get(call.job or "")
        if known is not None and call.kind is CallKind.DECIDE and call.seen is not None:
            by_id.setdefault(call.seen.job, known)  # it goes on under another id
        if known is not None and call.kind in (CallKind.POLL, CallKind.DECIDE):
            (known.polls if call.kind is CallKind.POLL else known.decisions).append(call)
        for job in _accepted(call) if inside else _answered(call, turns):
            before = by_id.get(job.job)
            if before is not None:  # told again
                job.polls, job.decisions = before.polls, before.decisions
            job.facts = by_job.get(job.job, [])
            by_id[job.job] = job
            found.append(job)
    return found


def _accepted(call: RecordedExchange) -> Iterator[JobHistory]:
    for fact in call.facts:
        job, turn = fact.text("job"), fact.get("turn")
        if fact.type == "job.accepted" and job is not None:
            number = turn if isinstance(turn, int) else 1
            yield JobHistory(
                job=job, accepted=call, at=fact.instant, conversation=fact.text("conversation"), turn=number
            )


def _answered(call: RecordedExchange, turns: Counter[str | None]) -> Iterator[JobHistory]:
    if call.kind is CallKind.INVOKE and (seen := call.seen) is not None:
        turns[seen.conversation] += 1
        times = call.response.times if call.response is not None else ()
        at = call.at + times[0] if times else call.answered_at
        turn = turns[seen.conversation]
        yield JobHistory(job=seen.job, accepted=call, at=at, conversation=seen.conversation, turn=turn)


def events_as_polls(call: RecordedExchange) -> Iterator[RecordedExchange]:
    """Of a stream what its events show of the job, each as if a poll had been answered with it when it was due."""
    client = client_of(call.route)
    if client is None or call.response is None or not call.streamed:
        return
    for time, body in zip(call.response.times, client.bodies_in(events_in(call.response.body)), strict=False):
        if (seen := client.job_in(body)) is not None:
            at = call.at + time
            yield replace(
                call, at=at, replied=at, planned_latency=0, cut=None, response=json_response(body), answer=seen
            )


class JobAnswer(Struct, frozen=True):
    """What an answer says of a job."""

    seen: tuple[Seen, ...] = ()
    """The job: a stream shows it several times."""
    refusal: int | None = None
    """The HTTP status that a refusal has, or would have on a wire that refuses with 200."""

    @property
    def readable(self) -> bool:
        """Whether it is one of both."""
        return bool(self.seen) or self.refusal is not None

    @property
    def word(self) -> str:
        """The status as the wire has it, or `HTTP 404`."""
        return self.seen[-1].word if self.seen else f"HTTP {self.refusal}"

    @property
    def status(self) -> Status | None:
        return self.seen[-1].status if self.seen else None


def understood(route: str, response: Response) -> JobAnswer:
    """An answer to a call of that route, as its wire has it."""
    client = client_of(route)
    if client is None:
        return JobAnswer()
    if has_events(response):
        found = map(client.job_in, client.bodies_in(events_in(response.body)))
        return JobAnswer(tuple(each for each in found if each is not None))
    match client.understand(route, response):
        case Seen() as seen:
            return JobAnswer((seen,))
        case Refusal(status=status):
            return JobAnswer(refusal=status)
        case _:
            return JobAnswer()
