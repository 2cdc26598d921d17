"""A recording as one page for browsers: when what happened, and all that was sent (recordings.md §9).

Nothing of it lies elsewhere, and no script is in it.
"""

from importlib.resources import files
from itertools import islice
from typing import NamedTuple

from lab.core.exchange import Headers
from lab.recording.bodies import Blob
from lab.recording.lanes import Lane, TimeScale, kind_of_status, lanes_of
from lab.recording.lines import Body, Entry, Recording
from lab.recording.page import page_of
from lab.recording.readable import made_with, news_of, readable, readable_body, title_of
from lab.recording.recorded_calls import RecordedCall, body_within, events_of, query_text
from lab.recording.transcript import Openings, clock, decision_lines, fact_text

MOST_EVENTS = 5_000
"""Calls and facts of a page: a browser shows no more with ease."""

_LONGEST_PATH = 48
"""Characters of a path of which all shows before its call is opened: room for a job's id."""


class ShownCall(NamedTuple):
    """A call as the page lists it."""

    x: int
    at: str
    kind: str
    status: str
    method: str
    path: str
    took: str
    says: str
    parts: list[tuple[str, str]]


class ShownFact(NamedTuple):
    """A fact as the page lists it, who decided in words with it."""

    at: str
    text: str
    x: int = 0


def timeline_page(recording: Recording, blob: Blob) -> str:
    """The page."""
    events = list(islice(events_of(recording), MOST_EVENTS + 1))
    more = len(events) > MOST_EVENTS
    del events[MOST_EVENTS:]
    scale = TimeScale(max(1, recording.until))
    calls = [event for event in events if isinstance(event, RecordedCall)]
    facts = [event for event in events if isinstance(event, Entry)]
    openings: Openings = {}
    return page_of(
        files("lab.recording").joinpath("timeline.html").read_text("utf-8"),
        title=title_of(recording.header),
        about=made_with(recording.header),
        state=recording.state.value,
        lanes=[Lane("calls", [scale.call(call) for call in calls]), *lanes_of(facts, scale)],
        ticks=list(scale.ticks()),
        events=[_fact(each, openings) if isinstance(each, Entry) else _call(each, blob) for each in events],
        more=more,
    )


def _fact(entry: Entry, openings: Openings) -> ShownFact:
    decision = "".join(f" · {line.strip()}" for line in decision_lines(entry, openings))
    return ShownFact(clock(entry.instant), readable(fact_text(entry) + decision))


def _call(call: RecordedCall, blob: Blob) -> ShownCall:
    req, res = call.req, call.res
    answer = body_within(res.body if res is not None else Body(), blob)
    path = readable(req.path + query_text(req))
    parts = [
        ("sent", f"{readable(req.method)} {path}\n{_fields(req.headers)}"),
        ("body", readable_body(body_within(req.body, blob))),
    ]
    if res is not None:
        parts += [("answered", _fields(res.headers)), ("body", readable_body(answer))]
    cut = next((each.cut for each in (res, req) if each is not None and each.cut), None)
    noted = [("noted", " ".join(req.flags)), ("cut", readable(cut or ""))]
    return ShownCall(
        req.x,
        clock(req.t),
        kind_of_status(res),
        str(res.status or "–") if res is not None else "–",
        readable(req.method),
        path if len(path) <= _LONGEST_PATH else "…" + path[1 - _LONGEST_PATH :],
        f"{res.t - req.t} ms" if res is not None else "no answer",
        news_of(answer),
        [(name, text) for name, text in (*parts, *noted) if text],
    )


def _fields(headers: Headers) -> str:
    return "\n".join(readable(f"{name}: {value}").replace("\n", " ") for name, value in headers)
