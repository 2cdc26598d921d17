"""Calls in short: how many of a route or about a job, with which pauses between them, what they got, and the last one."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.recording.exchange import ASKED_OVER_ANY_WIRE, CallKind, RecordedExchange, exchanges_of
from lab.recording.format.lines import Recording

_About: TypeAlias = tuple[str | None, RecordedExchange]
"""A call, and the job that it is about, by the id which that had first."""


def call_summary(
    recording: Recording, route: str | None, job: str | None, own: Callable[[str], str] = lambda job: job
) -> dict[str, Json]:
    """The calls of a route, and about a job, of which `own` gives the first id (None: of any); and by job the same."""
    wanted, calls, by_job = None if job is None else own(job), list[_About](), dict[str, list[_About]]()
    for call in exchanges_of(recording):
        about = None if (named := _job_of(call)) is None else own(named)
        if route in (None, call.route, ASKED_OVER_ANY_WIRE.get(call.kind)) and wanted in (None, about):
            calls.append((about, call))
            if about is not None:
                by_job.setdefault(about, []).append((about, call))
    return {**_in_short(calls), "jobs": {job: _in_short(its) for job, its in by_job.items()}}


def _job_of(call: RecordedExchange) -> str | None:
    """The job that it names, else that its answer shows, else that came of it though no answer arrived."""
    return (
        call.job
        or (call.seen.job if call.seen is not None else None)
        or next((fact.text("job") for fact in call.facts if fact.type == "job.accepted"), None)
    )


def _in_short(calls: Sequence[_About]) -> dict[str, Json]:
    """A pause is the client's time from the last byte of an answer to the next call of the same kind about the same job."""
    return {
        "count": len(calls),
        "kinds": {**Counter(call.route if call.kind is CallKind.OTHER else call.kind.value for _, call in calls)},
        "statuses": [call.status for _, call in calls],
        "shown": {**Counter(call.seen.word for _, call in calls if call.seen is not None)},
        "gaps": list(_gaps((call, (call.kind, call.route, about)) for about, call in calls)),
        "near": [near for _, call in calls for near in _near(call)],
        "last": _call_document(*calls[-1]) if calls else None,
    }


def _gaps(calls: Iterable[tuple[RecordedExchange, object]]) -> Iterable[Millis]:
    left: dict[object, Millis] = {}
    for call, group in calls:
        if group in left:
            yield max(0, call.sent - left[group])
        left[group] = call.left


def _near(call: RecordedExchange) -> Iterable[Json]:
    """What was nearest to what matched nothing."""
    lists = (fact.get("near") for fact in call.facts if fact.type in ("request.missed", "scenario.missed"))
    return (each for near in lists if isinstance(near, list) for each in near)


def _call_document(about: str | None, call: RecordedExchange) -> Json:
    return {
        "x": call.x,
        "at": call.at,
        "route": call.route,
        "job": about,
        "client": call.client,
        "method": call.request.method,
        "path": call.request.path,
        "status": call.status,
    }
