"""A recording as a screen plays it: the state at any place, and the marks on the way.

A place is how many lines have been told, 0 being the start. A state is kept every `EVERY` lines, so that a seek folds
no more than that; `keep` makes them ahead of the first seek, a slice at a time.
"""

from bisect import bisect_right
from collections.abc import Iterator

from lab.core.clock import Epoch, Millis
from lab.core.exchange import Json
from lab.dialects import fusion as wire
from lab.dialects.router import ROUTER
from lab.recording.bodies import Blob
from lab.recording.facts import FACTS
from lab.recording.lines import Entry, Line, Recording, Req, Res
from lab.recording.observed import observation_of
from lab.tui.state import clean
from lab.tui.state.follow import RunChanges, steps
from lab.tui.state.journal import JournalState
from lab.tui.state.screen import RecordedDecisions, RecordingMark

EVERY = 256
"""Lines from one kept state to the next."""
SLICE = 32
"""Lines that one call of `keep` folds."""
QUIET = frozenset(
    ("connection.opened", "connection.closed", "call.counted", "job.status", "token.granted", "job.accepted")
)
"""Facts that nobody sees happen: a step goes past them."""
STAGES = ("token", "invoke", "poll", "gate", "output")
"""Where "Go to" goes."""


class RecordingTimeline:
    """One recording. `epoch` is the wall time of its instant 0."""

    def __init__(self, recording: Recording, epoch: Epoch, blob: Blob | None = None) -> None:
        self._lines = tuple(line for line in recording.lines if _tells(line))
        self._blob = blob
        self._times = tuple(line.t for line in self._lines)
        self._kept = [JournalState(epoch)]
        self._last = self._ahead = (0, self._kept[0])
        self.count = len(self._lines)
        self.lines = self._lines[-1].n + 1 if self._lines else 1
        """How many lines the file has, as people count them."""
        self.start: Millis = next((line.t for line in self._lines if isinstance(line, Req)), recording.header.t)
        self.until: Millis = max(self.start, recording.until)
        self.notches = tuple(_notches(self._lines))
        self.stops = tuple(place for place, line in enumerate(self._lines, 1) if not _quiet(line))
        self.decisions: RecordedDecisions = dict(_decisions(self._lines))

    def line(self, place: int) -> int:
        """The number of the line told last, as people count them; the header is 1."""
        return 1 if place == 0 else self._lines[place - 1].n + 1

    def at(self, place: int) -> Millis:
        """The instant of a place."""
        return self.start if place == 0 else max(self.start, self._times[place - 1])

    def due(self, place: int) -> Millis | None:
        """The instant at which the next line is told; None at the end."""
        return self._times[place] if place < self.count else None

    def place(self, at: Millis) -> int:
        """How many lines are told by an instant."""
        return bisect_right(self._times, at)

    def stop(self, place: int, by: int) -> int:
        """The place of the next thing that is seen to happen, or of the one before."""
        return _beside(self.stops, place, by, self.count)

    def mark(self, place: int, by: int) -> int:
        """The place of the next mark, or of the one before."""
        return _beside(tuple(notch.place for notch in self.notches), place, by, self.count)

    def stage(self, name: str) -> int | None:
        """The first place at which a stage shows: of `STAGES`."""
        return next((notch.place for notch in self.notches if notch.kind == name), None)

    def state(self, place: int) -> JournalState:
        """What the recording has told up to a place."""
        kept = min(place // EVERY, len(self._kept) - 1)
        at, jobs = kept * EVERY, self._kept[kept]
        if at <= self._last[0] <= place:
            at, jobs = self._last
        while at < place:
            jobs = self._told(jobs, at)[0]
            at += 1
            self._keep(at, jobs)
        self._last = (place, jobs)
        return jobs

    def keep(self) -> bool:
        """Fold a slice of what is still to be kept; False once there is nothing left."""
        at, jobs = (len(self._kept) - 1) * EVERY, self._kept[-1]
        ahead, there = self._ahead if self._ahead[0] >= at else (at, jobs)
        stop = min(ahead + SLICE, self.count)
        while ahead < stop:
            there = self._told(there, ahead)[0]
            ahead += 1
            self._keep(ahead, there)
        self._ahead = (ahead, there)
        return ahead < self.count

    def ways(self) -> Iterator[tuple[JournalState, RunChanges]]:
        """Line by line, what each changed: for line mode."""
        jobs = self._kept[0]
        for at in range(self.count):
            jobs, way = self._told(jobs, at)
            yield jobs, way

    def _told(self, jobs: JournalState, at: int) -> tuple[JournalState, RunChanges]:
        told = observation_of(self._lines[at], self._blob)
        return (jobs, ()) if told is None else steps(jobs, told)

    def _keep(self, at: int, jobs: JournalState) -> None:
        if at == len(self._kept) * EVERY:
            self._kept.append(jobs)


def _tells(line: Line) -> bool:
    return isinstance(line, Req | Res) or (isinstance(line, Entry) and line.type in FACTS)


def _quiet(line: Line) -> bool:
    return isinstance(line, Entry) and line.type in QUIET


def _beside(places: tuple[int, ...], place: int, by: int, last: int) -> int:
    at = bisect_right(places, place)
    if by > 0:
        return places[at] if at < len(places) else last
    while at > 0 and places[at - 1] >= place:
        at -= 1
    return places[at - 1] if at > 0 else 0


def _notches(lines: tuple[Line, ...]) -> list[RecordingMark]:
    """The marks in their order: of each job its stages, gates, decisions and end, and every fault."""
    marks = _Marks()
    for place, line in enumerate(lines, 1):
        match line:
            case Req():
                marks.routes[line.x] = ROUTER.name(line.method, line.path)
            case Res():
                marks.reply(line, place)
            case Entry():
                marks.fact(line, place)
            case _:
                continue
    return sorted([*marks.found, *marks.opened.values()], key=lambda notch: notch.place)


class _Marks:
    """Goes through the lines once. A gate is marked where a poll first shows it, for there the screen asks."""

    def __init__(self) -> None:
        self.found: list[RecordingMark] = []
        self.routes: dict[int, str] = {}
        self.opened: dict[str, RecordingMark] = {}
        self._waiting: set[str] = set()
        self._seen: set[tuple[str, str]] = set()

    def fact(self, line: Entry, place: int) -> None:
        job = line.text("job") or ""
        match line.type:
            case "gate.opened":
                self.opened[job] = RecordingMark(place, line.t, "gate")
            case "gate.decided" | "gate.expired":
                if (unseen := self.opened.pop(job, None)) is not None:
                    self.found.append(unseen)
                self.found.append(RecordingMark(place, line.t, "decided"))
            case "fault.struck":
                self.found.append(RecordingMark(place, line.t, "fault"))

    def reply(self, line: Res, place: int) -> None:
        route = self.routes.pop(line.x, "")
        if line.cut is not None or line.status == 0:
            self.found.append(RecordingMark(place, line.t, "fault"))
            return
        body = line.body.value if isinstance(line.body.value, dict) else {}
        job, status = body.get("jobId"), body.get("status")
        if route == "token" and line.status == 200:
            self._once("token", "", line, place)
        if not isinstance(job, str) or not isinstance(status, str):
            return
        self._once({"invoke": "invoke", "status": "poll"}.get(route, ""), job, line, place)
        self._waits(job, status, body, line, place)
        if wire.final(status):
            self._once("output" if status == "COMPLETE" else "error", job, line, place)

    def _waits(self, job: str, status: str, body: dict[str, Json], line: Res, place: int) -> None:
        if status != "WAITING" or not isinstance(body.get("waitingNodeDetails"), dict):
            self._waiting.discard(job)
        elif job not in self._waiting:
            self._waiting.add(job)
            self.opened.pop(job, None)
            self.found.append(RecordingMark(place, line.t, "gate"))

    def _once(self, kind: str, job: str, line: Res, place: int) -> None:
        if kind and (kind, job) not in self._seen:
            self._seen.add((kind, job))
            self.found.append(RecordingMark(place, line.t, kind))


def _decisions(lines: tuple[Line, ...]) -> Iterator[tuple[tuple[str, str, int], tuple[Millis, str]]]:
    """When each opening of a gate was decided, and how: by job, gate and round."""
    for line in lines:
        if not isinstance(line, Entry) or line.type not in ("gate.decided", "gate.expired"):
            continue
        turn = line.get("round")
        key = (line.text("job") or "", line.text("gate") or "", turn if isinstance(turn, int) else 0)
        yield key, (line.instant, clean.line(line.text("verdict") or "timed-out", 40))
