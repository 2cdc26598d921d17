"""Lines of a recording, or of a journal that is followed -> observations, in the shape that an observer is told."""

from functools import cache
from typing import assert_never

from lab.core.exchange import Request, Response
from lab.core.observe import Noted, Observation, Replied, Requested
from lab.dialects.router import ROUTER, UNKNOWN_ROUTE
from lab.recording.format.codec import fact_of
from lab.recording.format.lines import Body, Entry, Line, Recording, Req, Res
from lab.recording.redaction.bodies import bytes_of


def local_paths(recording: Recording) -> bool:
    """Whether a local orchestrator's paths were there: by the header, or a scenario's own setting, which answers show."""
    if recording.header.settings.get("local_orchestrator"):
        return True

    @cache  # a job is polled at one path
    def is_local(method: str, path: str) -> bool:
        return ROUTER.at(path) is not None and ROUTER.name(method, path) == UNKNOWN_ROUTE

    local = {req.x for req in recording.of(Req) if is_local(req.method, req.path)}
    return bool(local) and any(res.x in local and res.status not in (0, 404, 405) for res in recording.of(Res))


def observation_of(line: Line, *, local: bool = False) -> Observation | None:
    """What a line tells; None for fact types that this lab doesn't know. Aliases stay aliases.

    `local`: a local orchestrator's paths are there.
    """
    match line:
        case Req():
            request = Request(line.method, line.path, line.query, line.headers, _bytes(line.body))
            # what is sent to another origin asks nothing of this API, whatever its path
            route = ROUTER.name(line.method, line.path, local=local) if line.listener is None else UNKNOWN_ROUTE
            return Requested(
                line.t, line.x, route, request, line.c, line.flags, line.took, line.listener, judged=line.judged
            )
        case Res():
            response = Response(line.status, line.headers, _bytes(line.body), line.times)
            return Replied(line.t, line.x, response, line.latency, line.first, line.by, line.cut, line.sent)
        case Entry():
            fact = fact_of(line)
            return None if fact is None else Noted(line.t, fact, line.x)
        case _:
            assert_never(line)


def _bytes(body: Body) -> bytes:
    try:
        return bytes_of(body)
    except ValueError:  # a body that no wire gave, but a hand, must not hide the exchange
        return b""
