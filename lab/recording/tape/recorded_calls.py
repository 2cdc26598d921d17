"""A recording's requests with their replies, and its facts between them, in the order in which they began."""

from collections import deque
from collections.abc import Iterator
from typing import TypeAlias

from msgspec import Struct

from lab.core.clock import Epoch, epoch_of
from lab.core.errors import RecordingError
from lab.core.exchange import Headers
from lab.recording.format.lines import Body, Enc, Entry, Pairs, Recording, Req, Res
from lab.recording.format.text import dumps
from lab.recording.redaction.bodies import bytes_of, content_type, loose_pairs


class RecordedCall(Struct):
    """A request and what it got."""

    req: Req
    res: Res | None = None
    """None: the recording ends before it."""
    closed: bool = False
    """Whether no reply can come any more."""


CallOrFact: TypeAlias = RecordedCall | Entry


def events_of(recording: Recording) -> Iterator[CallOrFact]:
    """Calls by their requests, facts where they stand; what is unknown, and a reply without a request, is left out."""
    waiting: dict[int, RecordedCall] = {}
    order: deque[CallOrFact] = deque()
    for line in recording.lines:
        match line:
            case Req():
                call = waiting[line.x] = RecordedCall(line)
                order.append(call)
            case Entry():
                order.append(line)
            case Res() if (answered := waiting.pop(line.x, None)) is not None:
                answered.res, answered.closed = line, True
            case _:
                continue
        while order and (isinstance(order[0], Entry) or order[0].closed):
            yield order.popleft()
    yield from order


def calls_in(recording: Recording) -> Iterator[RecordedCall]:
    """The calls alone."""
    return (event for event in events_of(recording) if isinstance(event, RecordedCall))


def epoch_in(recording: Recording) -> Epoch:
    """The wall time of instant 0; RecordingError if the header names none."""
    epoch = recording.header.clock.epoch
    try:
        return epoch_of(epoch)
    except ValueError:
        raise RecordingError(f"{recording.name}:1: the epoch {epoch!r} is no instant") from None


def fields_of(headers: Headers, body: Body) -> Pairs | None:
    """The fields of a form, decoded as well as they can be; None: the body is none."""
    if body.enc is not Enc.TEXT or "x-www-form-urlencoded" not in content_type(headers):
        return None
    return tuple(loose_pairs(str(body.value)))


def bytes_within(body: Body) -> bytes:
    """The bytes of a body; its text if no wire gave it, but a hand."""
    try:
        return bytes_of(body)
    except ValueError:
        return dumps(body.value).encode()
