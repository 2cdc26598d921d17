"""Playback: a recording's answers for somebody's client, without scenario and plan (recordings.md §15).

What a poll is answered with follows from *when* it comes, counted from the job's acceptance, and not from how many came
before: a client that polls 3 or 300 times meets the same history.

    recorded polls of the job      2 s RUNNING    5 s 503    7 s WAITING    9 s COMPLETE      (from its acceptance)
    a client polls at              1 s            6 s        6.5 s          60 s
    and is answered                as by invoke   503        RUNNING        COMPLETE

The latest good answer that was recorded by then; before the first, that of the call which began the job. What failed or
was refused strikes once, at the first call of its operation from its instant on. What nobody recorded has no answer.
"""

from bisect import bisect_right
from collections import Counter, defaultdict, deque
from collections.abc import Mapping
from enum import StrEnum
from operator import attrgetter

from msgspec import Struct, field
from msgspec.structs import replace

from lab.core.clock import Epoch, Millis
from lab.core.exchange import Request
from lab.core.reply import Reply
from lab.core.seeds import uuid4
from lab.dialects import CLIENT_OF
from lab.dialects.base import Invoke, Look
from lab.dialects.client import ClientCall
from lab.identity.routes import IDENTITY_NAMES
from lab.recording.alias import aliases, fill, made_text
from lab.recording.bodies import Blob
from lab.recording.instants import redated
from lab.recording.lines import Recording
from lab.recording.playback_calls import (
    JobStart,
    Operation,
    PlaybackCall,
    asked_key,
    asks_alike,
    message_of,
    playback_calls,
    renamed,
    strike_of,
)
from lab.recording.recorded_calls import epoch_in

_SHOWN = 3
"""Recorded messages that are named where another came."""


class PlaybackMode(StrEnum):
    """What decides which recorded answer a call gets."""

    ELASTIC = "elastic"
    """When it comes, in its job's time."""
    BY_COUNT = "by count"
    """How many of its kind came before."""
    STRICT = "strict"
    """The order of the recording: any other call has no answer."""


class Unanswered(Struct, frozen=True):
    """The recording has no answer for a call."""

    why: str
    """unmatched, or exhausted."""
    what: str
    """In one sentence."""
    near: tuple[str, ...] = ()


class PlaybackTerms(Struct, frozen=True):
    """How a recording is played back."""

    mode: PlaybackMode = PlaybackMode.ELASTIC
    repeat: bool = False
    """Whether jobs begin again, with other ids, once all were begun."""
    faults: bool = True
    """Whether what failed or was refused comes again."""
    latency: bool = True
    """Whether answers are withheld as long as they were."""


ELASTIC = PlaybackTerms()


class _Job(Struct, eq=False):
    """A recorded job: when it began, and what its polls were answered."""

    start: JobStart
    invoke: PlaybackCall
    polls: list[PlaybackCall] = field(default_factory=list)
    good: list[PlaybackCall] = field(default_factory=list)
    """Those that showed it."""


class _Playing(Struct, eq=False):
    """A recorded job that a client began."""

    job: _Job
    since: Millis
    """When, on the clock of the playback."""
    names: Mapping[str, str]
    """Recorded ids, and those that it has this time."""
    polls: int = 0
    """So many came."""


class RecordingPlayback:
    """Finds answers. It owns no transport, so nothing can fall through to a real service."""

    def __init__(
        self, recording: Recording, epoch: Epoch, how: PlaybackTerms = ELASTIC, blob: Blob | None = None
    ) -> None:
        """`epoch` is that of the lab that plays back; `blob` gives long bodies."""
        self._how = how
        self._shift = 1000 * (epoch - epoch_in(recording))
        self._until = recording.until
        self.values: dict[str, str] = {}
        """What aliases in answers stand for."""
        calls = [call for call in playback_calls(recording, blob) if how.faults or call.good]
        self._order = deque(call for call in calls if call.requested.route not in IDENTITY_NAMES)
        self._jobs: dict[str, list[_Job]] = defaultdict(list)
        """By what was asked."""
        self._begun = Counter[str]()
        """By what was asked, how many were begun here."""
        self._failures: dict[Operation, deque[PlaybackCall]] = defaultdict(deque)
        """What strikes once."""
        self._others: dict[Operation, list[PlaybackCall]] = defaultdict(list)
        self._playing: dict[str, _Playing] = {}
        self._first_recorded = calls[0].at if calls else 0
        self._first: Millis | None = None
        """When the first call came: clients don't start with the lab."""
        self._sort(calls)

    def _sort(self, calls: list[PlaybackCall]) -> None:
        by_id: dict[str, _Job] = {}
        for call in calls:
            if call.begun is not None and call.client_call is not None:
                job = by_id[call.begun.job] = _Job(call.begun, call)
                self._jobs[asked_key(call.client_call, {})].append(job)
                continue
            known = by_id.get(call.operation[1] or "")
            looks = known is not None and call.client_call is not None and isinstance(call.client_call.command, Look)
            if looks and known is not None:
                known.polls.append(call)
                if call.good:
                    known.good.append(call)
            if not call.good and not (looks and self._how.mode is PlaybackMode.BY_COUNT):
                self._failures[call.operation].append(call)
            elif call.good and not looks:
                self._others[call.operation].append(call)

    @property
    def left(self) -> tuple[str, ...]:
        """What was recorded and never came: of failures and refusals, in strict order of anything."""
        if self._how.mode is PlaybackMode.STRICT:
            return tuple(call.title for call in self._order)
        return tuple(
            f"{call.title}: {call.replied.response.status or call.replied.cut}"
            for calls in self._failures.values()
            for call in calls
        )

    def failure(self, route: str, now: Millis) -> Reply | None:
        """What strikes a call that has no other answer here, as those of the identity domain; None: nothing does."""
        return self._struck((route, None), now, None)

    def latency(self, route: str) -> Millis:
        """How long good answers on such a route were withheld."""
        calls = self._others[route, None]
        call = calls.pop(0) if len(calls) > 1 else calls[0] if calls else None
        return call.latency if call is not None and self._how.latency else 0

    def answer(self, route: str, request: Request, now: Millis) -> Reply | Unanswered:
        """What was recorded for such a call, as it goes out now."""
        client = CLIENT_OF.get(route)
        client_call = client.identify(request) if client is not None else None
        if self._how.mode is PlaybackMode.STRICT:
            return self._next(route, request, client_call, now)
        command = client_call.command if client_call is not None else None
        if isinstance(command, Invoke):
            assert client_call is not None
            return self._struck((route, None), now, None) or self._begin(client_call, now)
        named = getattr(command, "job", None) if command is not None else None
        playing = self._playing.get(str(named)) if named is not None else None
        if isinstance(command, Look):
            return self._poll(route, str(named), playing, now)
        operation = route, playing.job.start.job if playing is not None else None
        return self._struck(operation, now, playing) or self._other(operation, request, playing, now)

    # Each kind of call

    def _begin(self, client_call: ClientCall, now: Millis) -> Reply | Unanswered:
        key = asked_key(client_call, self._recorded_names())
        jobs = self._jobs.get(key)
        if jobs is None:
            messages = dict.fromkeys(message_of(job.invoke) for jobs in self._jobs.values() for job in jobs)
            return Unanswered("unmatched", "No recorded message is this one.", tuple(messages)[:_SHOWN])
        if self._begun[key] >= len(jobs) and not self._how.repeat:
            return Unanswered("exhausted", "Every recorded job of this message was begun; --repeat begins again.")
        job = jobs[self._begun[key] % len(jobs)]
        self._begun[key] += 1
        names = self._fresh(job) if job.start.job in self._playing else {}
        since = now + job.start.at - job.invoke.at
        playing = self._playing[names.get(job.start.job, job.start.job)] = _Playing(job, since, names)
        return self._reply(job.invoke, playing, now)

    def _fresh(self, job: _Job) -> dict[str, str]:
        """Other ids for a job that is played again, and for its conversation."""
        known = (job.start.job, job.start.conversation)
        return {each: uuid4(len(self._playing), f"playback/{each}") for each in known if each}

    def _poll(self, route: str, named: str, playing: _Playing | None, now: Millis) -> Reply | Unanswered:
        if playing is None:
            return self._struck((route, None), now, None) or Unanswered(
                "unmatched", "No job of that id was begun in this playback.", tuple(self._playing)[-_SHOWN:]
            )
        playing.polls += 1
        if self._how.mode is PlaybackMode.BY_COUNT:
            polls = playing.job.polls
            if playing.polls > len(polls):
                return Unanswered("exhausted", f"{len(polls)} polls of this job were recorded.")
            return self._reply(polls[playing.polls - 1], playing, now)
        if (struck := self._struck((route, playing.job.start.job), now, playing)) is not None:
            return struck
        at, good = playing.job.start.at + now - playing.since, playing.job.good
        place = bisect_right(good, at, key=attrgetter("at"))
        seen = good[place - 1].seen if place else None
        if at > self._until and not (seen is not None and seen.final):
            return Unanswered("exhausted", "The recording ends before this job does.")
        if place:
            return self._reply(good[place - 1], playing, now)
        first = self._reply(playing.job.invoke, playing, now)
        ok = good[0].replied.response if good else first.response
        # what was accepted is looked up now: the words of invoke, with a poll's status and latency
        latency = good[0].latency if good and self._how.latency else first.latency
        return replace(first, response=replace(first.response, status=ok.status), latency=latency)

    def _other(
        self, operation: Operation, request: Request, playing: _Playing | None, now: Millis
    ) -> Reply | Unanswered:
        back = {fresh: name for name, fresh in (playing.names if playing is not None else {}).items()}
        for call in (calls := self._others[operation]):
            if asks_alike(call, request, back):
                if self._how.mode is PlaybackMode.BY_COUNT or call.client_call is not None:
                    calls.remove(call)
                return self._reply(call, playing, now)
        near = tuple(dict.fromkeys(call.title for calls in self._others.values() for call in calls))[:_SHOWN]
        return Unanswered("unmatched", "No such call was recorded.", near)

    def _next(self, route: str, request: Request, client_call: ClientCall | None, now: Millis) -> Reply | Unanswered:
        """The next recorded exchange of the API, if this is its request."""
        if not self._order:
            return Unanswered("exhausted", "Every recorded call was made.")
        call = self._order[0]
        mine, yours = call.requested, call.client_call
        same = (mine.route, mine.request.path) == (route, request.path)
        if same and yours is not None:
            same = client_call is not None and asked_key(client_call, {}) == asked_key(yours, {})
        if not same:
            return Unanswered("unmatched", f"The recording goes on with {call.title}.", (call.title,))
        self._order.popleft()
        return self._reply(call, None, now)

    # What leaves

    def _struck(self, operation: Operation, now: Millis, playing: _Playing | None) -> Reply | None:
        self._first = now if self._first is None else self._first
        failures = self._failures.get(operation)
        if not failures:
            return None
        start = (self._first_recorded, self._first) if playing is None else (playing.job.start.at, playing.since)
        if now - start[1] < failures[0].at - start[0]:
            return None
        return self._reply(failures.popleft(), playing, now)

    def _reply(self, call: PlaybackCall, playing: _Playing | None, now: Millis) -> Reply:
        response = call.replied.response
        text = response.body.decode("utf-8", "surrogateescape")
        names = playing.names if playing is not None else {}
        text = renamed(self._filled(text), names)
        headers = tuple((name, renamed(self._filled(value), names)) for name, value in response.headers)
        body = text.encode("utf-8", "surrogateescape")
        since = playing.since - playing.job.start.at if playing is not None else now - call.at
        body = redated(body, self._shift + since)
        latency = call.latency if self._how.latency else 0
        return Reply(
            replace(response, headers=headers, body=body), latency, call.requested.route, strike=strike_of(call, body)
        )

    def _filled(self, text: str) -> str:
        for alias in aliases(text) if "«" in text else ():
            self.values.setdefault(alias, made_text(alias, 200))
        return fill(text, self.values)

    def _recorded_names(self) -> dict[str, str]:
        return {fresh: name for playing in self._playing.values() for name, fresh in playing.names.items()}
