"""A recording as one page for browsers: when what happened, and all that was sent (recordings.md §9).

Nothing of it lies elsewhere, and no script is in it.
"""

from importlib.resources import files
from itertools import islice
from typing import NamedTuple

from lab.core.exchange import Headers
from lab.recording.format.lines import Body, Entry, Recording
from lab.recording.show.lanes import Lane, TimeScale, kind_of_status, lanes_of
from lab.recording.show.news import news_of, readable_answer
from lab.recording.show.page import page_of
from lab.recording.show.readable import made_with, readable, readable_body, title_of
from lab.recording.show.transcript import Openings, clock, decision_lines, fact_text
from lab.recording.tape.observed import local_paths
from lab.recording.tape.recorded_calls import RecordedCall, events_of, fields_of

MOST_EVENTS = 5_000
"""Calls and facts of a page: a browser shows no more with ease."""

_LONGEST_PATH = 60
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
    type: str
    text: str
    line: int
    """Its number in the file, from 1."""
    x: int = 0


def anchors(recording: Recording) -> dict[int, str]:
    """By numbers of lines, from 1, where the page has what they say; for who cites them."""
    found: dict[int, str] = {}
    for event in islice(events_of(recording), MOST_EVENTS):
        if isinstance(event, Entry):
            found[event.n + 1] = f"n{event.n + 1}"
        else:
            found |= {line.n + 1: f"x{event.req.x}" for line in (event.req, event.res) if line is not None}
    return found


def timeline_page(recording: Recording, report: str = "") -> str:
    """The page; `report` is the part of it that says what the client did well and badly, if anybody can say."""
    events = list(islice(events_of(recording), MOST_EVENTS + 1))
    more = len(events) > MOST_EVENTS
    del events[MOST_EVENTS:]
    scale = TimeScale(max(1, recording.until))
    calls = [event for event in events if isinstance(event, RecordedCall)]
    facts = [event for event in events if isinstance(event, Entry)]
    openings: Openings = {}
    local = local_paths(recording)
    return page_of(
        files("lab.recording.show").joinpath("timeline.html").read_text("utf-8"),
        title=title_of(recording.header),
        about=made_with(recording.header),
        state=recording.state.value,
        lanes=[Lane("calls", [each for call in calls for each in scale.call(call)]), *lanes_of(facts, scale)],
        ticks=list(scale.ticks()),
        report=report,
        events=[_fact(each, openings) if isinstance(each, Entry) else _call(each, local) for each in events],
        more=more,
    )


def _fact(entry: Entry, openings: Openings) -> ShownFact:
    decision = "".join(f" · {line.strip()}" for line in decision_lines(entry, openings))
    type_of, _, members = fact_text(entry).partition(" ")
    return ShownFact(clock(entry.instant), readable(type_of), readable(members + decision), entry.n + 1)


def _call(call: RecordedCall, local: bool) -> ShownCall:
    req, res = call.req, call.res
    answer = res.body if res is not None else Body()
    path = readable(req.url)
    parts = [
        ("sent", f"{readable(req.method)} {path}\n{_fields(req.headers)}"),
        ("body", readable_body(req.body, fields_of(req.headers, req.body))),
    ]
    if res is not None:
        parts += [("answered", _fields(res.headers)), ("body", readable_answer(call, answer))]
    cut = res.cut if res is not None else None
    noted = [("noted", " ".join(req.flags)), ("cut", readable(cut or ""))]
    return ShownCall(
        req.x,
        clock(req.t),
        kind_of_status(res),
        str(res.status or "–") if res is not None else "–",
        readable(req.method),
        _short(path),
        f"{res.t - req.t} ms" if res is not None else "no answer",
        news_of(call, local=local),
        [(name, text) for name, text in (*parts, *noted) if text],
    )


def _short(path: str) -> str:
    """The end of a path, from a segment on."""
    if len(path) <= _LONGEST_PATH:
        return path
    cut = path[1 - _LONGEST_PATH :]
    return "…" + (cut[cut.index("/") :] if "/" in cut else cut)


def _fields(headers: Headers) -> str:
    return "\n".join(readable(f"{name}: {value}").replace("\n", " ") for name, value in headers)
