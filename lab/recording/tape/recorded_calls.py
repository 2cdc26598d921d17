"""A recording's requests with their replies, as its lines have them; all that a client replay still asks for."""

from collections.abc import Iterator

from msgspec import Struct

from lab.core.exchange import Headers
from lab.recording.format.lines import Body, Pairs, Recording, Req, Res
from lab.recording.redaction.bodies import form_fields


class RecordedCall(Struct):
    """A request and what it got."""

    req: Req
    res: Res | None = None
    """None: the recording ends before it."""


def calls_in(recording: Recording) -> Iterator[RecordedCall]:
    """By their requests."""
    replies = {res.x: res for res in recording.of(Res)}
    return (RecordedCall(req, replies.get(req.x)) for req in recording.of(Req))


def fields_of(headers: Headers, body: Body) -> Pairs | None:
    """The fields of a form; None: the body is none."""
    return form_fields(headers, body)
