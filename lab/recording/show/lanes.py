"""What a timeline draws of a recording: for the calls and for each job a lane, and in it stretches of time."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from lab.core.clock import Millis
from lab.recording.format.lines import Entry, Res
from lab.recording.show.readable import readable
from lab.recording.show.transcript import clock
from lab.recording.tape.recorded_calls import RecordedCall

_MOST_JOBS = 40
"""Jobs that have a lane: the first."""
_MOST_EVENTS = 200
"""Events of a stream that are marked: the first."""
_MOST_TICKS = 8
_SECOND, _MINUTE, _HOUR, _DAY = 1000, 60_000, 3_600_000, 86_400_000
_STEPS = (
    *(unit * many for unit in (1, 10, 100, _SECOND) for many in (1, 2, 5)),
    *(unit * many for unit in (10 * _SECOND, _MINUTE, 10 * _MINUTE) for many in (1, 3)),
    *(_HOUR * many for many in (1, 3, 6, 12)),
)
"""How far ticks may be from one another; whole days where that isn't enough."""
_KINDS = {"RUNNING": "run", "WAITING": "wait", "COMPLETE": "pass"}
"""How a status of a job looks; all others are failures."""


class Stretch(NamedTuple):
    """A stretch of a lane, or with no width an instant, in percent of all the time."""

    left: str
    width: str
    kind: str
    title: str
    label: str = ""
    x: int = 0
    """The call that it is."""


class Lane(NamedTuple):
    """What happened to one thing."""

    title: str
    spans: list[Stretch]


class TimeScale(NamedTuple):
    """How instants lie on a page."""

    until: Millis
    """The last one; more than 0."""

    def place(self, at: Millis) -> str:
        """How far from the left an instant is, in percent."""
        return f"{100 * min(max(at, 0), self.until) / self.until:.3f}"

    def span(self, at: Millis, until: Millis, kind: str, title: str, label: str = "", x: int = 0) -> Stretch:
        """A stretch; its title begins with its instant."""
        return Stretch(
            self.place(at), self.place(until - at), kind, f"{clock(at)} {readable(title)}", readable(label), x
        )

    def call(self, call: RecordedCall) -> Iterator[Stretch]:
        """A call from its request to its answer, and the events of which that is made."""
        req, res = call.req, call.res
        title = f"{req.method} {req.path[:200]} {res.status if res is not None else 'no answer'}"
        yield self.span(req.t, res.t if res is not None else self.until, kind_of_status(res), title, x=req.x)
        for time in islice(dict.fromkeys(res.times if res is not None else ()), _MOST_EVENTS):
            yield self.span(req.t + time, req.t + time, "event", f"an event of {title}", x=req.x)

    def ticks(self) -> Iterator[tuple[str, str]]:
        """Where the axis has a mark, and the instant there."""
        step = next((step for step in _STEPS if self.until <= step * _MOST_TICKS), 0)
        step = step or _DAY * -(-self.until // (_DAY * _MOST_TICKS))
        for at in range(0, self.until - self.until // 20, step):  # the last mark has room for its text
            yield self.place(at), _in_units(at)


def _in_units(at: Millis) -> str:
    parts = (
        (at // _DAY, "d"),
        (at // _HOUR % 24, "h"),
        (at // _MINUTE % 60, "m"),
        (at // _SECOND % 60, "s"),
        (at % _SECOND, "ms"),
    )
    return " ".join(f"{number}{unit}" for number, unit in parts if number) or "0"


def kind_of_status(res: Res | None) -> str:
    """How an answer looks: that there was none, or a refusal, is a failure; a redirect is neither."""
    status = 0 if res is None else res.status
    return "pass" if 200 <= status < 300 else "skip" if 300 <= status < 400 else "fail"


class _Job:
    """A job's lane while the facts go by."""

    def __init__(self, name: str, at: Millis) -> None:
        self.name = name
        self.spans: list[Stretch] = []
        self.marks: list[Stretch] = []
        self.at = at
        self.status, self.step = "RUNNING", ""

    def close(self, scale: TimeScale, until: Millis) -> None:
        """The stretch that went on has ended."""
        kind, title = _KINDS.get(self.status, "fail"), f"{self.status} {self.step}".rstrip()
        self.spans.append(scale.span(self.at, until, kind, title, self.step or self.status))


def lanes_of(facts: Iterable[Entry], scale: TimeScale) -> list[Lane]:
    """A lane for each job whose acceptance is there."""
    jobs: dict[str, _Job] = {}
    for fact in facts:
        name = fact.text("job") or ""
        if fact.type == "job.accepted" and len(jobs) < _MOST_JOBS:
            jobs[name] = _Job(f"{fact.text('team') or 'job'} #{fact.get('ordinal')}", fact.instant)
        job = jobs.get(name)
        if job is None:
            continue
        if fact.type == "job.status":
            job.close(scale, fact.instant)
            job.at, job.status, job.step = fact.instant, fact.text("to") or "?", fact.text("step") or ""
        elif fact.type in ("gate.decided", "gate.expired"):
            title = f"{fact.text('gate')}: {fact.text('verdict') or 'timed out'} by {fact.text('by') or 'time'}"
            job.marks.append(scale.span(fact.instant, fact.instant, "mark", title, "◆"))
    for job in jobs.values():
        job.close(scale, scale.until)
    return [Lane(readable(job.name), [*job.spans, *job.marks]) for job in jobs.values()]
