"""A recording's calls, sorted by how a playback looks for them: jobs with their polls, what strikes once, all else."""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from lab.core.clock import Millis
from lab.dialects.base import Look
from lab.identity.clients import Grant
from lab.recording.exchange import RecordedExchange
from lab.recording.format.lines import Entry, Recording
from lab.recording.playback.matching import Operation, asked_key, operation_of
from lab.recording.story import JobHistory, job_histories


class RecordedJob(Struct, eq=False):
    """A recorded job, and what showed it, in order."""

    history: JobHistory
    looks: list[RecordedExchange]

    def shown(self, mode: str | None) -> list[RecordedExchange]:
        """What showed it to polls that ask for answers in this mode; to all, where none asked so."""
        alike = [call for call in self.looks if (call.command.mode if isinstance(call.command, Look) else None) == mode]
        return alike or self.looks


class PlayingJob(Struct, eq=False):
    """A recorded job that a client began."""

    job: RecordedJob
    since: Millis
    """When, on the clock of the playback."""
    names: Mapping[str, str]
    """Recorded ids, and those that it has this time."""
    polls: int = 0
    """So many came."""


class SortedCalls(Struct, eq=False):
    """All calls."""

    jobs: dict[str, list[RecordedJob]] = field(default_factory=lambda: defaultdict(list))
    """By what was asked."""
    failures: dict[Operation, deque[RecordedExchange]] = field(default_factory=lambda: defaultdict(deque))
    """What strikes once."""
    others: dict[Operation, list[RecordedExchange]] = field(default_factory=lambda: defaultdict(list))

    def refused(self, route: str) -> deque[RecordedExchange]:
        """Of what strikes on a route the first whose next was refused for its bearer; none: empty."""
        waiting = (calls for (name, _), calls in self.failures.items() if name == route and calls)
        return next((calls for calls in waiting if calls[0].status == 401), deque())


def sort_calls(calls: Iterable[RecordedExchange], facts: Iterable[Entry], *, by_count: bool) -> SortedCalls:
    """The calls by kind; `by_count`: a poll that was refused is one of the polls, and doesn't strike."""
    found, calls = SortedCalls(), tuple(calls)
    jobs = job_histories(calls, facts)
    begun, polls = set[int](), {poll.x for job in jobs for poll in job.polls}
    for job in jobs:
        if job.accepted.asks is not None:
            begun.add(job.accepted.x)
            found.jobs[asked_key(job.accepted.route, job.accepted.asks, {})].append(RecordedJob(job, job.looks()))
    for call in calls:
        if call.x in begun:
            continue
        operation = operation_of(call)
        # whether a device was let in yet, the OAuth server knows
        waits = operation[1] == Grant.DEVICE and call.status == 400
        if not call.tells and not (call.x in polls and by_count) and not waits:
            found.failures[operation].append(call)
        elif call.tells and call.x not in polls:
            found.others[operation].append(call)
    return found


def device_answers(recording: Recording) -> list[tuple[Millis, str] | None]:
    """Of each device code, in order: how long after it a person answered over the control plane, and what; None: nobody."""
    begun, answers = dict[str, tuple[int, Millis]](), list[tuple[Millis, str] | None]()
    for fact in recording.facts("device.granted", "device.approved"):
        code = fact.text("code") or ""
        if fact.type == "device.granted":
            begun[code] = len(answers), fact.instant
            answers.append(None)
        elif fact.x is None and code in begun:
            place, at = begun[code]
            answers[place] = fact.instant - at, fact.text("verdict") or ""
    return answers
