"""A recording as one page for browsers: when what happened, and all that was sent (recordings.md §9).

Nothing of it lies elsewhere, and no script is in it.
"""

from collections.abc import Iterable, Iterator
from functools import partial
from importlib.resources import files
from itertools import islice
from typing import NamedTuple

from lab.core.clock import Millis
from lab.core.exchange import Headers
from lab.program.words import duration, duration_text
from lab.recording.exchange import RecordedExchange, events_of
from lab.recording.format.lines import Entry, Recording
from lab.recording.show.page import page_of
from lab.recording.show.readable import (
    made_with,
    news_of,
    on_one_line,
    readable,
    readable_answer,
    readable_request,
    title_of,
)
from lab.recording.show.transcript import Openings, clock, decision_lines, fact_text

MOST_EVENTS = 5_000
"""Calls and facts of a page: a browser shows no more with ease."""
_MOST_JOBS = 40
"""Jobs that have a lane: the first."""
_MOST_MARKED = 200
"""Events of a stream that are marked: the first."""
_MOST_TICKS = 8
_STEPS = tuple(
    map(duration, "1ms 2ms 5ms 10ms 20ms 50ms 100ms 200ms 500ms 1s 2s 5s 10s 30s 1m 3m 10m 30m 1h 3h 6h 12h".split())
)
_DAY = duration("1d")
"""How far ticks may be from one another; whole days where no step is enough."""
_KINDS = {"RUNNING": "run", "WAITING": "wait", "COMPLETE": "pass", "CANCELLED": "wait"}
"""How a status of a job looks; all others are failures."""
_LONGEST_PATH = 60
"""Characters of a path of which all shows before its call is opened: room for a job's id."""
_SHORT = 80
"""Characters of what is shown again where it was said again."""


def as_page(recording: Recording, numbered: bool = False) -> Iterator[str]:
    """The page as a form of `lab show`."""
    yield timeline_page(recording).rstrip("\n")


def timeline_page(recording: Recording, report: str = "") -> str:
    """The page; `report` is the part of it that says what the client did well and badly, if anybody can say."""
    events = list(islice(events_of(recording), MOST_EVENTS + 1))
    shown = events[:MOST_EVENTS]
    until = max(1, recording.until)
    calls = [span for each in shown if isinstance(each, RecordedExchange) for span in _spans(each, until)]
    return page_of(
        files("lab.recording.show").joinpath("timeline.html").read_text("utf-8"),
        title=title_of(recording.header),
        about=made_with(recording.header),
        state=recording.state.value,
        lanes=[("calls", calls), *lanes_of((each for each in shown if isinstance(each, Entry)), until)],
        place=lambda at: f"{100 * min(max(at, 0), until) / until:.3f}",
        ticks=[(at, duration_text(at) if at else "0") for at in ticks(until)],
        report=report,
        events=shown,
        more=len(events) > MOST_EVENTS,
        clock=clock,
        readable=readable,
        kind=_kind_of,
        short=_short,
        news=news_of,
        parts=partial(_parts, seen={}),
        fact=partial(_fact, openings={}),
    )


def anchors(recording: Recording) -> dict[int, str]:
    """By numbers of lines, from 1, where the page has what they say; for who cites them."""
    found: dict[int, str] = {}
    for event in islice(events_of(recording), MOST_EVENTS):
        if isinstance(event, Entry):
            found.setdefault(event.n + 1, f"n{event.n + 1}")  # a request's facts stand in its line
        else:
            found |= dict.fromkeys(event.lines, f"x{event.x}")
    return found


# The list of calls and facts


def _fact(entry: Entry, openings: Openings) -> tuple[str, str]:
    """Its type, and the rest, who decided in words with it."""
    decision = "".join(f" · {line.strip()}" for line in decision_lines(entry, openings))
    type_of, _, members = fact_text(entry).partition(" ")
    return readable(type_of), readable(members + decision)


def _parts(call: RecordedExchange, seen: dict[str, int]) -> Iterator[tuple[str, str, int]]:
    """What was sent and answered: a title, the text, and the call that showed the same, which then need not again."""
    request = call.request
    parts = [
        ("sent", f"{readable(request.method)} {readable(request.target)}\n{_fields(request.headers)}"),
        ("body", readable_request(call)),
        ("answered", _fields(call.headers)),
        ("body", readable_answer(call)[1]),
        ("noted", " ".join(call.flags)),
        ("cut", readable(call.cut or "")),
    ]
    for name, text in parts:
        x = seen.setdefault(text, call.x) if len(text) > _SHORT else call.x
        if text:
            yield name, text, x


def _short(path: str) -> str:
    """The end of a path, from a segment on."""
    if len(path) <= _LONGEST_PATH:
        return path
    cut = path[1 - _LONGEST_PATH :]
    return "…" + (cut[cut.index("/") :] if "/" in cut else cut)


def _fields(headers: Headers) -> str:
    return "\n".join(on_one_line(f"{name}: {value}") for name, value in headers)


# The lanes: one for the calls and one for each job, and in it stretches of time


class LaneSpan(NamedTuple):
    """A stretch of a lane, or where it ends as it begins an instant."""

    at: Millis
    until: Millis
    kind: str
    title: str
    label: str = ""
    x: int = 0
    """The call that it is."""


def ticks(until: Millis) -> range:
    """Where the axis has a mark."""
    step = next((step for step in _STEPS if until <= step * _MOST_TICKS), 0)
    step = step or _DAY * -(-until // (_DAY * _MOST_TICKS))
    return range(0, until - until // 20, step)  # the last mark has room for its text


def _kind_of(call: RecordedExchange) -> str:
    """How an answer looks: that there was none, or a refusal, is a failure; a redirect is neither."""
    return {2: "pass", 3: "skip"}.get(call.status // 100, "fail")


def _spans(call: RecordedExchange, until: Millis) -> Iterator[LaneSpan]:
    """A call from its request to its answer, and the events of which that is made."""
    answered = call.replied is not None
    title = f"{call.request.method} {call.request.path[:200]} {call.status if answered else 'no answer'}"
    yield LaneSpan(call.at, call.answered_at if answered else until, _kind_of(call), title, x=call.x)
    for time in islice(dict.fromkeys(call.response.times if call.response is not None else ()), _MOST_MARKED):
        yield LaneSpan(call.at + time, call.at + time, "event", f"an event of {title}", x=call.x)


def lanes_of(facts: Iterable[Entry], until: Millis) -> list[tuple[str, list[LaneSpan]]]:
    """A lane, with its title, for each job whose acceptance is there: what it was when, then the decisions."""
    jobs: dict[str, tuple[str, list[LaneSpan], list[LaneSpan]]] = {}
    for fact in facts:
        name, at = fact.text("job") or "", fact.instant
        if fact.type == "job.accepted" and len(jobs) < _MOST_JOBS:
            title = f"{fact.text('team') or 'job'} #{fact.get('ordinal')}"
            jobs[name] = title, [LaneSpan(at, until, "run", "RUNNING", "RUNNING")], []
        elif name not in jobs:
            continue
        elif fact.type == "job.status":
            status, step, spans = fact.text("to") or "?", fact.text("step") or "", jobs[name][1]
            spans[-1] = spans[-1]._replace(until=at)
            spans.append(LaneSpan(at, until, _KINDS.get(status, "fail"), f"{status} {step}".rstrip(), step or status))
        elif fact.type in ("gate.decided", "gate.expired"):
            title = f"{fact.text('gate')}: {fact.text('verdict') or 'timed out'} by {fact.text('by') or 'time'}"
            jobs[name][2].append(LaneSpan(at, at, "mark", title, "◆"))
    return [(title, [*spans, *marks]) for title, spans, marks in jobs.values()]
