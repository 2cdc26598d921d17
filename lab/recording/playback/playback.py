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
from collections import Counter, deque
from collections.abc import Mapping
from enum import StrEnum
from itertools import islice
from operator import attrgetter

from msgspec import Struct
from msgspec.structs import replace

from lab.core.clock import Epoch, Millis
from lab.core.exchange import Request, json_bytes
from lab.core.jsontext import members_of
from lab.core.reply import Reply
from lab.core.seeds import uuid4
from lab.dialects import client_of, wires
from lab.dialects.base import Invoke, Look
from lab.dialects.client import ClientCall
from lab.identity.routes import IDENTITY_NAMES, IDENTITY_ROUTES
from lab.program.words import Status
from lab.recording.comparison import excused_request
from lab.recording.exchange import CallKind, RecordedExchange, answered_calls, call_kind, client_call_of, exchanges_of
from lab.recording.format.lines import Recording
from lab.recording.matchers import Matcher
from lab.recording.playback.answers import AnswerWriter
from lab.recording.playback.matching import (
    Operation,
    PlayingJob,
    RecordedJob,
    asked_key,
    asks_alike,
    device_answers,
    grant_of,
    message_unlike,
    nearest_titles,
    sort_calls,
    title_unlike,
)
from lab.recording.tape.body_shapes import shape_of
from lab.recording.tape.header import epoch_in

_ROUTE_WORDS = frozenset(
    "/".join(row.path for rows in (IDENTITY_ROUTES, *(each.routes for each in wires())) for row in rows).split("/")
)
GRANTING = IDENTITY_NAMES.union(*(wire.granting for wire in wires()))
"""The routes whose answers hold tokens: what was recorded is none here."""
_SHOWN = 3
"""Recorded messages or calls that are named where another came."""
_MOST_TITLES = 1_000
"""Recorded calls of which those are the nearest."""


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
    shapes: bool = False
    """Whether of bodies only the shape was kept: then calls are known by it."""
    matchers: tuple[Matcher, ...] = ()
    """What in a request may be another than was recorded."""


ELASTIC = PlaybackTerms()


class RecordingPlayback:
    """Finds answers. It owns no transport, so nothing can fall through to a real service."""

    def __init__(self, recording: Recording, epoch: Epoch, how: PlaybackTerms = ELASTIC) -> None:
        """`epoch` is that of the lab that plays back."""
        self._how = how
        self._until = recording.until
        self.writer = AnswerWriter(1000 * (epoch - epoch_in(recording)), latency=how.latency)
        calls = [call for call in answered_calls(exchanges_of(recording)) if how.faults or call.tells]
        self._calls = [call for call in calls if any(each.concerns("req", call.route) for each in how.matchers)]
        self._titles = tuple(islice(dict.fromkeys(call.title for call in calls), _MOST_TITLES))
        self._words = _ROUTE_WORDS.union(*(call.request.path.split("/") for call in calls))
        self._order = deque(call for call in calls if call.route not in GRANTING)
        self._sorted = sort_calls(calls, recording.facts(), by_count=how.mode is PlaybackMode.BY_COUNT)
        self.devices = device_answers(recording)
        """What became of each device code by somebody outside of the API."""
        self._begun = Counter[str]()
        """By what was asked, how many were begun here."""
        self._playing: dict[str, PlayingJob] = {}
        self._first_recorded = calls[0].at if calls else 0
        self._first: Millis | None = None
        """When the first call came: clients don't start with the lab."""

    @property
    def left(self) -> tuple[str, ...]:
        """What was recorded and never came: of failures and refusals, in strict order of anything."""
        if self._how.mode is PlaybackMode.STRICT:
            return tuple(call.title for call in self._order)
        return tuple(
            f"{call.title}: {call.status or call.cut}" for calls in self._sorted.failures.values() for call in calls
        )

    def shown(self, path: str) -> str:
        """A path as people are told of it: a word that neither recording nor routes have may be anything, a password too."""
        return "/".join(part if part in self._words or part in self._playing else "…" for part in path.split("/"))

    def failure(self, route: str, request: Request, now: Millis) -> Reply | None:
        """What strikes a call that has no other answer here, as those of the identity domain; None: nothing does."""
        return self._struck((route, call_kind(route, None), grant_of(route, request)), request, now, None)

    def refusal(self, route: str, request: Request, now: Millis) -> Reply | None:
        """The recorded 401 for a call whose bearer is no good here either; None: there is none left."""
        waiting = self._order if self._how.mode is PlaybackMode.STRICT else self._sorted.refused(route)
        if not waiting or waiting[0].route != route or waiting[0].status != 401:
            return None
        return self._reply(waiting.popleft(), request, None, now)

    def latency(self, route: str, request: Request) -> Millis:
        """How long good answers to such a call were withheld."""
        calls = self._sorted.others[route, call_kind(route, None), grant_of(route, request)]
        call = calls.pop(0) if len(calls) > 1 else calls[0] if calls else None
        return 0 if call is None else self.writer.latency(call)

    def answer(self, route: str, request: Request, now: Millis) -> Reply | Unanswered:
        """What was recorded for such a call, as it goes out now."""
        if self._how.shapes and request.body:
            request = replace(request, body=shape_of(request.headers, request.body))
        if any(matcher.concerns("req", route) for matcher in self._how.matchers):
            request = self._as_recorded(route, request)
        client_call = client_call_of(route, request)
        if self._how.mode is PlaybackMode.STRICT:
            return self._next(route, request, client_call, now)
        command = client_call.command if client_call is not None else None
        if client_call is not None and isinstance(command, Invoke):
            struck = self._struck((route, CallKind.INVOKE, None), request, now, None)
            return struck or self._begin(route, request, client_call, now)
        named = getattr(command, "job", None)
        playing = self._playing.get(str(named)) if named is not None else None
        if client_call is not None and isinstance(command, Look) and not client_call.follows:
            return self._poll(route, request, command, playing, now)
        job = playing.job.history.job if playing is not None else named
        operation = route, call_kind(route, command), job or grant_of(route, request)
        return self._struck(operation, request, now, playing) or self._other(operation, request, playing, now)

    def _as_recorded(self, route: str, request: Request) -> Request:
        """The request as the first recorded one from which it differs only where a matcher lets it."""
        back = self._recorded_names()
        for call in [*self._order][:1] if self._how.mode is PlaybackMode.STRICT else self._calls:
            if call.route == route:
                recorded = self.writer.filled(call.request)
                changed = excused_request(self._how.matchers, route, recorded, request)
                if self._asks_alike(call, route, changed, client_call_of(route, changed), back):
                    return changed
        return request

    # Each kind of call

    def _begin(self, route: str, request: Request, client_call: ClientCall, now: Millis) -> Reply | Unanswered:
        key = asked_key(route, client_call, self._recorded_names())
        jobs = self._sorted.jobs.get(key)
        if jobs is None:
            other = self._other((route, CallKind.INVOKE, None), request, None, now)
            if isinstance(other, Reply):  # a message that began no job: it answered a gate
                return other
            begun = (
                message_unlike(job.history.accepted, client_call) for each in self._sorted.jobs.values() for job in each
            )
            return Unanswered("unmatched", "No recorded message is this one.", tuple(dict.fromkeys(begun))[:_SHOWN])
        if self._begun[key] >= len(jobs) and not self._how.repeat:
            return Unanswered("exhausted", "Every recorded job of this message was begun; --repeat begins again.")
        job = jobs[self._begun[key] % len(jobs)]
        self._begun[key] += 1
        names = self._fresh(job) if job.history.job in self._playing else {}
        if (own := getattr(client_call.command, "new_id", None)) is not None:
            names = {**names, job.history.job: own}
        since = now + job.history.at - job.history.accepted.at
        playing = self._playing[names.get(job.history.job, job.history.job)] = PlayingJob(job, since, names)
        return self._reply(job.history.accepted, request, playing, now)

    def _fresh(self, job: RecordedJob) -> dict[str, str]:
        """Other ids for a job that is played again, and for its conversation."""
        return {each: uuid4(len(self._playing), f"playback/{each}") for each in job.ids}

    def _poll(
        self, route: str, request: Request, look: Look, playing: PlayingJob | None, now: Millis
    ) -> Reply | Unanswered:
        if playing is None:
            return self._struck((route, CallKind.POLL, look.job), request, now, None) or Unanswered(
                "unmatched", "No job of that id was begun in this playback.", tuple(self._playing)[-_SHOWN:]
            )
        job = playing.job
        playing.polls += 1
        if self._how.mode is PlaybackMode.BY_COUNT:
            if playing.polls > len(job.polls):
                return Unanswered("exhausted", f"{len(job.polls)} polls of this job were recorded.")
            return self._reply(job.polls[playing.polls - 1], request, playing, now)
        if (struck := self._struck((route, CallKind.POLL, job.history.job), request, now, playing)) is not None:
            return struck
        at, good = job.history.at + now - playing.since, job.shown(look.mode)
        place = bisect_right(good, at, key=attrgetter("at"))
        seen = good[place - 1].seen if place else None
        if at > self._until and not (seen is not None and seen.final):
            return Unanswered("exhausted", "The recording ends before this job does.")
        if place:
            return self._reply(good[place - 1], request, playing, now)
        if not job.history.accepted.streamed:
            # what was accepted is looked up now: as a look would have shown it, with a poll's status and latency
            first = self._reply(_looked_at(job.history.accepted), request, playing, now)
            latency = self.writer.latency(good[0]) if good else first.latency
            return replace(first, response=replace(first.response, status=200), latency=latency)
        # deltas show no job; one that is RUNNING at its first poll was so from its beginning
        if good and good[0].seen is not None and good[0].seen.status is Status.RUNNING:
            return self._reply(good[0], request, playing, now)
        return Unanswered("unmatched", "Nothing that was recorded shows this job so early.")

    def _other(
        self, operation: Operation, request: Request, playing: PlayingJob | None, now: Millis
    ) -> Reply | Unanswered:
        route, back = operation[0], self._recorded_names()
        client_call = client_call_of(route, request)
        alike = [
            call for call in self._sorted.others[operation] if self._asks_alike(call, route, request, client_call, back)
        ]
        for call in alike:
            # what began, decided or stored something did so once; what only tells goes on telling
            if call.asks is not None or len(alike) > 1 or self._how.mode is PlaybackMode.BY_COUNT:
                self._sorted.others[operation].remove(call)
            if playing is not None and (later := playing.job.after(call)) is not None:
                name = later.history.job
                self._playing[playing.names.get(name, name)] = PlayingJob(later, now, playing.names)
            return self._reply(call, request, playing or self._playing_of(call), now)
        return Unanswered("unmatched", "No such call was recorded.", nearest_titles(self._titles, request, _SHOWN))

    def _asks_alike(
        self,
        call: RecordedExchange,
        route: str,
        request: Request,
        client_call: ClientCall | None,
        back: Mapping[str, str],
    ) -> bool:
        mine = self.writer.filled(call.request)
        if client_call is not None and (recorded := client_call_of(route, mine)) is not None:
            return asked_key(route, client_call, back) == asked_key(route, recorded, {})
        return asks_alike(route, mine, request, back)

    def _playing_of(self, call: RecordedExchange) -> PlayingJob | None:
        """The job that a recorded answer shows, as it was begun here last."""
        name = call.seen.job if call.seen is not None else None
        return next((each for each in reversed(self._playing.values()) if each.job.history.job == name), None)

    def _next(self, route: str, request: Request, client_call: ClientCall | None, now: Millis) -> Reply | Unanswered:
        """The next recorded exchange of the API, if this is its request."""
        if not self._order:
            return Unanswered("exhausted", "Every recorded call was made.")
        call = self._order[0]
        if call.route != route or not self._asks_alike(call, route, request, client_call, {}):
            near = title_unlike(call, self.writer.filled(call.request), request)
            return Unanswered("unmatched", "The recording goes on otherwise.", (near,))
        self._order.popleft()
        return self._reply(call, request, None, now)

    # What leaves

    def _struck(self, operation: Operation, request: Request, now: Millis, playing: PlayingJob | None) -> Reply | None:
        self._first = now if self._first is None else self._first
        failures = self._sorted.failures.get(operation)
        if not failures:
            return None
        start = (self._first_recorded, self._first) if playing is None else (playing.job.history.at, playing.since)
        if now - start[1] < failures[0].at - start[0]:
            return None
        return self._reply(failures.popleft(), request, playing, now)

    def _reply(self, call: RecordedExchange, request: Request, playing: PlayingJob | None, now: Millis) -> Reply:
        if playing is None:
            return self.writer.reply(call, request, now, now - call.at, {})
        return self.writer.reply(call, request, now, playing.since - playing.job.history.at, playing.names)

    def _recorded_names(self) -> dict[str, str]:
        return {fresh: name for playing in self._playing.values() for name, fresh in playing.names.items()}


def _looked_at(accepted: RecordedExchange) -> RecordedExchange:
    """The call that began a job, answered as a look at it would be."""
    client, body = client_of(accepted.route), members_of(accepted.body)
    shown = next(client.bodies_in([body]), body) if client is not None else body
    if shown == body or accepted.response is None:
        return accepted
    return replace(accepted, response=replace(accepted.response, body=json_bytes(shown)))
