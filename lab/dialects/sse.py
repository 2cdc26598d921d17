"""Server-Sent Events (contract.md §8): as answers, events with their instants in, the parts of a body out; and read."""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from lab.core.clock import Millis
from lab.core.exchange import Headers, Json, Response, json_bytes
from lab.core.jsontext import members_of
from lab.core.reply import Parts
from lab.program.switches import Switches

SSE_HEADERS: Headers = (("content-type", "text/event-stream"), ("cache-control", "no-store"))
DONE = b"data: [DONE]\n\n"
KEEP_ALIVE = b": keep-alive\n\n"

Event: TypeAlias = tuple[Millis, Mapping[str, Json]]
"""One event, and the instant at which it is due."""


def framed(
    events: Iterator[Event],
    switches: Switches,
    now: Millis,
    *,
    done: bool = True,
    typed: bool = False,
    beat: Millis = 0,
) -> Parts:
    """Events as they leave: `data: ` and one line of JSON each, heartbeats in between.

    `done`: the wire is one whose streams end with `[DONE]`, unless the switch says otherwise. `typed`: each event has its
    member `type` as its name before it. `beat`: after how long a silence a comment comes, where the switch doesn't say.
    """
    last, beat = now, switches.sse_heartbeat or beat
    for when, value in events:
        # one is due at the very instant of an event, too: that the event comes then may not have been known
        while beat and when - last >= beat:
            last += beat
            yield last, KEEP_ALIVE
        last = when
        name = f"event: {value['type']}\n".encode() if typed else b""
        yield when, b"%bdata: %b\n\n" % (name, json_bytes(dict(value)))
    if done and switches.sse_done:
        yield last, DONE


def streamed(parts: Parts) -> tuple[Response, Parts]:
    """An answer with events: its head, and its body, as `framed` has it."""
    return Response(200, SSE_HEADERS), parts


def has_events(response: Response) -> bool:
    """Whether an answer is a stream of events."""
    return (response.header("content-type") or "").startswith("text/event-stream")


def events_in(body: bytes) -> list[dict[str, Json]]:
    """The objects that a stream's events hold, in order; comments, `[DONE]` and whatever else came are left out."""
    found: list[dict[str, Json]] = []
    for line in body.splitlines():
        if line.startswith(b"data:"):
            found += filter(None, [members_of(line[5:])])
    return found
