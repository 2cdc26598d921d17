"""Lines of a recording, or of a journal that is followed -> observations, in the shape that an observer is told."""

from typing import assert_never
from urllib.parse import urlencode

from lab.core.errors import RecordingError
from lab.core.exchange import Request, Response
from lab.core.observe import Noted, Observation, Replied, Requested
from lab.dialects.router import ROUTER, UNKNOWN_ROUTE
from lab.recording.bodies import Blob, bytes_of
from lab.recording.codec import fact_of
from lab.recording.lines import Body, Entry, Line, Other, Req, Res


def observation_of(line: Line, blob: Blob | None = None) -> Observation | None:
    """What a line tells; None for kinds and fact types that this lab doesn't know. Aliases stay aliases."""
    match line:
        case Req():
            request = Request(line.method, line.path, urlencode(line.query), line.headers, _bytes(line.body, blob))
            # what is sent to another origin asks nothing of this API, whatever its path
            route = ROUTER.name(line.method, line.path) if line.listener is None else UNKNOWN_ROUTE
            return Requested(line.t, line.x, route, request, line.c, line.flags, line.took, line.listener)
        case Res():
            response = Response(line.status, line.headers, _bytes(line.body, blob))
            return Replied(line.t, line.x, response, line.latency, line.first, line.by, line.cut, line.sent)
        case Entry():
            fact = fact_of(line)
            return None if fact is None else Noted(line.t, fact, line.x)
        case Other():
            return None
        case _:
            assert_never(line)


def _bytes(body: Body, blob: Blob | None) -> bytes:
    try:
        return bytes_of(body, {}, blob)
    except (ValueError, RecordingError):
        # A blob lies in the lab's folder, not in a stream; and a body that can't be had must not hide the exchange.
        return b""
