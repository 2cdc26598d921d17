"""A recording's calls, sorted by how a playback looks for them: jobs with their polls, what strikes once, all else."""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from operator import attrgetter

from msgspec import Struct, field

from lab.core.clock import Millis
from lab.dialects.base import Look
from lab.identity.clients import Grant
from lab.recording.format.lines import Recording
from lab.recording.playback.calls import JobStart, Operation, PlaybackCall, asked_key


class RecordedJob(Struct, eq=False):
    """A recorded job: when it began, and what its polls were answered."""

    start: JobStart
    invoke: PlaybackCall
    polls: list[PlaybackCall] = field(default_factory=list)
    good: list[PlaybackCall] = field(default_factory=list)
    """Those that showed it, and the events of streams that did."""

    def shown(self, mode: str | None) -> list[PlaybackCall]:
        """What showed it, in order, to polls that ask for answers in this mode; to all, where none asked so."""
        alike = [call for call in self.good if _mode(call) == mode]
        return alike or self.good


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
    failures: dict[Operation, deque[PlaybackCall]] = field(default_factory=lambda: defaultdict(deque))
    """What strikes once."""
    others: dict[Operation, list[PlaybackCall]] = field(default_factory=lambda: defaultdict(list))

    def refused(self, route: str) -> deque[PlaybackCall]:
        """Of what strikes on a route the first whose next was refused for its bearer; none: empty."""
        waiting = (calls for (name, _), calls in self.failures.items() if name == route and calls)
        return next((calls for calls in waiting if calls[0].replied.response.status == 401), deque())


def sort_calls(calls: Iterable[PlaybackCall], *, by_count: bool) -> SortedCalls:
    """The calls by kind; `by_count`: a poll that was refused is one of the polls, and doesn't strike."""
    found, by_id = SortedCalls(), dict[str, RecordedJob]()
    for call in calls:
        client_call, command = call.client_call, call.client_call.command if call.client_call is not None else None
        if call.begun is not None and client_call is not None:
            job = by_id[call.begun.job] = RecordedJob(call.begun, call)
            job.good += call.shown_later()
            found.jobs[asked_key(call.requested.route, client_call, {})].append(job)
            continue
        known = by_id.get(call.operation[1] or "")
        looks = known is not None and isinstance(command, Look)
        if known is not None:
            known.polls += [call] * looks
            known.good += [call] if looks and call.good else call.shown_later()
        # whether a device was let in yet, the OAuth server knows
        waits = call.operation[1] == Grant.DEVICE and call.replied.response.status == 400
        if not call.good and not (looks and by_count) and not waits:
            found.failures[call.operation].append(call)
        elif call.good and not looks:
            found.others[call.operation].append(call)
    for job in by_id.values():
        job.good.sort(key=attrgetter("at"))
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


def _mode(call: PlaybackCall) -> str | None:
    command = call.client_call.command if call.client_call is not None else None
    return command.mode if isinstance(command, Look) else None
