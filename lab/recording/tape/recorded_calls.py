"""A recording's requests with their replies, and its facts between them, in the order in which they began."""

import re
from collections import deque
from collections.abc import Iterator, Mapping
from typing import TypeAlias
from urllib.parse import quote_plus

from msgspec import Struct

from lab.core.clock import Epoch, epoch_of
from lab.core.errors import RecordingError
from lab.recording.format.lines import Body, Entry, Recording, Req, Res
from lab.recording.format.text import dumps
from lab.recording.redaction.alias import GRAMMAR
from lab.recording.redaction.bodies import bytes_of

_AROUND_ALIASES = re.compile(f"({GRAMMAR})")


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


def query_text(req: Req) -> str:
    """The query with its `?` as it goes into a URL, aliases left as they are; empty if there is none."""
    if req.written is not None:
        return f"?{req.written}"
    return "?" + "&".join(map(encoded_pair, req.query)) if req.query else ""


def encoded_pair(pair: tuple[str, str]) -> str:
    """A pair of a query or a form, percent-encoded but for its aliases."""
    return "=".join(map(_encoded, pair))


def _encoded(text: str) -> str:
    parts = _AROUND_ALIASES.split(text)
    parts[::2] = (quote_plus(part, errors="surrogatepass") for part in parts[::2])
    return "".join(parts)


def bytes_within(body: Body, values: Mapping[str, str]) -> bytes:
    """The bytes of a body, aliases replaced by `values`; its text if no wire gave it, but a hand."""
    try:
        return bytes_of(body, values)
    except ValueError:
        return dumps(body.value).encode()
