"""Calls in short: how many of a route or about a job, with which pauses between them, what they got, and the last one."""

from collections.abc import Callable, Iterable

from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.recording.exchange import ASKED_OVER_ANY_WIRE, RecordedExchange, exchanges_of
from lab.recording.format.lines import Recording


def _job_of(call: RecordedExchange) -> str | None:
    """The job that a call is about: the one that it names, else the one that its answer shows."""
    return call.job or (call.seen.job if call.seen is not None else None)


def call_summary(
    recording: Recording, route: str | None, job: str | None, own: Callable[[str], str] = lambda job: job
) -> dict[str, Json]:
    """The calls of a route (None: of all) about a job (None: about any or none); `own` gives the id that a job had first.

    A pause is the client's time from the last byte of an answer to the next call of the same kind about the same job.
    """

    def about(call: RecordedExchange) -> str | None:
        named = _job_of(call)
        return None if named is None else own(named)

    wanted = None if job is None else own(job)
    calls = [
        call
        for call in exchanges_of(recording)
        if route in (None, call.route, ASKED_OVER_ANY_WIRE.get(call.kind)) and wanted in (None, about(call))
    ]
    return {
        "count": len(calls),
        "statuses": [call.status for call in calls],
        "gaps": list(_gaps((call, (call.kind, call.route, about(call))) for call in calls)),
        "near": [near for call in calls for near in _near(call)],
        "last": _call_document(calls[-1]) if calls else None,
    }


def _gaps(calls: Iterable[tuple[RecordedExchange, object]]) -> Iterable[Millis]:
    left: dict[object, Millis] = {}
    for call, group in calls:
        if group in left:
            yield max(0, call.sent - left[group])
        left[group] = call.left


def _near(call: RecordedExchange) -> Iterable[Json]:
    """What was nearest to what matched nothing."""
    for fact in call.facts:
        if fact.type in ("request.missed", "scenario.missed"):
            near = fact.get("near")
            yield from near if isinstance(near, list) else ()


def _call_document(call: RecordedExchange) -> Json:
    return {
        "x": call.x,
        "at": call.at,
        "route": call.route,
        "job": _job_of(call),
        "client": call.client,
        "method": call.request.method,
        "path": call.request.path,
        "status": call.status,
    }
