"""A recording as a screen plays it: the state at any place, and the marks on the way.

A place is how many lines have been played, 0 being the start. A state is kept every `EVERY` lines, so that a seek folds
no more than that; `keep` makes them ahead of the first seek, a slice at a time.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from lab.core.clock import Epoch, Millis
from lab.core.observe import Requested
from lab.program.words import Status
from lab.recording.format.facts import FACTS
from lab.recording.format.lines import Entry, Line, Recording, Req, Res
from lab.recording.redaction.bodies import Blob
from lab.recording.tape.observed import local_paths, observation_of
from lab.tui.state import clean
from lab.tui.state.cursor import RecordedDecisions, RecordingMark
from lab.tui.state.follow import RunChanges, changes
from lab.tui.state.happenings import ShownAnswers, Spread
from lab.tui.state.journal import JournalState
from lab.tui.state.reading import call_request, recorded_status

EVERY = 256
"""Lines from one kept state to the next."""
SLICE = 32
"""Lines that one call of `keep` folds."""
QUIET = frozenset(
    ("connection.opened", "connection.closed", "call.counted", "job.status", "token.granted", "job.accepted")
)
"""Facts that nobody sees happen: a step goes past them."""


class RecordingTimeline:
    """One recording. `epoch` is the wall time of its instant 0."""

    def __init__(self, recording: Recording, epoch: Epoch, blob: Blob | None = None) -> None:
        self._lines = tuple(
            line
            for line in recording.lines
            if isinstance(line, Req | Res) or (isinstance(line, Entry) and line.type in FACTS)
        )
        self._blob, self._local = blob, local_paths(recording)
        self._times = tuple(line.t for line in self._lines)
        self._kept = [JournalState(epoch)]
        self._last = self._ahead = (0, self._kept[0])
        self.count = len(self._lines)
        self.lines = self._lines[-1].n + 1 if self._lines else 1
        """How many lines the file has, as people count them."""
        self.start: Millis = next((line.t for line in self._lines if isinstance(line, Req)), recording.header.t)
        self.until: Millis = max(self.start, recording.until)
        marks = _Marks(self._lines, self._local)
        self.marks = marks.in_order()
        self._happenings = tuple(sorted({*marks.happenings, *(mark.place for mark in self.marks), self.count}))
        self.spread = Spread.of(self.start, [self.at(place) for place in self._happenings], self.until)
        """Along which the scrubber draws the marks."""
        self._stops = tuple(
            at for at, line in enumerate(self._lines, 1) if not isinstance(line, Entry) or line.type not in QUIET
        )
        self.decisions: RecordedDecisions = marks.decisions

    def line(self, place: int) -> int:
        """The number of the line played last, as people count them; the header is 1."""
        return 1 if place == 0 else self._lines[place - 1].n + 1

    def at(self, place: int) -> Millis:
        """The instant of a place."""
        return self.start if place == 0 else max(self.start, self._times[place - 1])

    def due(self, place: int) -> Millis | None:
        """The instant of the next line; None at the end."""
        return self._times[place] if place < self.count else None

    def place(self, at: Millis) -> int:
        """How many lines are played by an instant."""
        return bisect_right(self._times, at)

    def stop(self, place: int, by: int) -> int:
        """The place of the next thing that is seen to happen, or of the one before."""
        return self._beside(self._stops, place, by)

    def happening(self, place: int, by: int = 1) -> int:
        """The place of the next thing that happens, or of the one before: where all polls between are equal."""
        return self._beside(self._happenings, place, by)

    def act(self, place: int) -> int | None:
        """The place at which the next act begins, if one does."""
        return next((mark.place for mark in self.marks if mark.place > place and mark.kind != "fault"), None)

    def mark(self, place: int, by: int) -> int:
        """The place of the next mark, or of the one before."""
        return self._beside([mark.place for mark in self.marks], place, by)

    def _beside(self, places: Sequence[int], place: int, by: int) -> int:
        if by > 0:
            after = bisect_right(places, place)
            return places[after] if after < len(places) else self.count
        before = bisect_left(places, place)
        return places[before - 1] if before > 0 else 0

    def first(self, kind: str) -> int | None:
        """The place of the first mark of a kind; None if there is none."""
        return next((mark.place for mark in self.marks if mark.kind == kind), None)

    def journal(self, place: int) -> JournalState:
        """What the recording has shown up to a place."""
        kept = min(place // EVERY, len(self._kept) - 1)
        at, journal = kept * EVERY, self._kept[kept]
        if at <= self._last[0] <= place:
            at, journal = self._last
        self._last = self._fold(at, journal, place)
        return self._last[1]

    def keep(self) -> bool:
        """Fold a slice of what is still to be kept; False once there is nothing left."""
        at, journal = (len(self._kept) - 1) * EVERY, self._kept[-1]
        if self._ahead[0] >= at:
            at, journal = self._ahead
        self._ahead = self._fold(at, journal, min(at + SLICE, self.count))
        return self._ahead[0] < self.count

    def _fold(self, at: int, journal: JournalState, place: int) -> tuple[int, JournalState]:
        """The state at a place, from one before it; those to be kept on the way are."""
        while at < place:
            journal = self._next(journal, at)[0]
            at += 1
            if at == len(self._kept) * EVERY:
                self._kept.append(journal)
        return at, journal

    def changes(self) -> Iterator[tuple[JournalState, RunChanges]]:
        """Line by line, what each changed: for line mode."""
        journal = self._kept[0]
        for at in range(self.count):
            journal, changed = self._next(journal, at)
            yield journal, changed

    def _next(self, journal: JournalState, at: int) -> tuple[JournalState, RunChanges]:
        observation = observation_of(self._lines[at], self._blob, local=self._local)
        return (journal, ()) if observation is None else changes(journal, observation)


class _Marks:
    """The marks of lines: of each job its stages, gates, decisions and end, and every fault.

    A gate is marked where a poll first shows it, for there the screen asks.
    """

    def __init__(self, lines: tuple[Line, ...], local: bool) -> None:
        self._local = local
        self.decisions: dict[tuple[str, str, int], tuple[Millis, str]] = {}
        self._found: list[RecordingMark] = []
        self._calls: dict[int, tuple[str, str]] = {}
        """Route and command of each request."""
        self._opened: dict[str, RecordingMark] = {}
        """By job, the openings that no poll has shown yet."""
        self._waiting: dict[str, Millis] = {}
        """By job, when it was first shown that it waits."""
        self._met: set[tuple[str, str]] = set()
        self.happenings: list[int] = []
        """The places of what happens, beside the marks."""
        self._shown = ShownAnswers()
        for place, line in enumerate(lines, 1):
            match line:
                case Req():
                    self._request(line)
                case Res():
                    self._reply(line, place)
                case Entry():
                    self._fact(line, place)

    def in_order(self) -> tuple[RecordingMark, ...]:
        """The marks from the first to the last, those of gates that no poll has shown among them."""
        return tuple(sorted([*self._found, *self._opened.values()], key=lambda mark: mark.place))

    def _request(self, line: Req) -> None:
        observation = observation_of(line, local=self._local)
        if isinstance(observation, Requested):
            route = observation.route
            self._calls[line.x] = route, call_request(route, observation.request).command

    def _fact(self, line: Entry, place: int) -> None:
        job = line.text("job") or ""
        match line.type:
            case "gate.opened" if line.instant > self._waiting.get(job, -1):  # else a stream showed it
                self._opened[job] = RecordingMark(place, line.t, "gate")
            case "gate.decided" | "gate.expired":
                if (unseen := self._opened.pop(job, None)) is not None:
                    self._found.append(unseen)
                self._found.append(RecordingMark(place, line.t, "decided"))
                turn = line.get("round")
                key = (job, line.text("gate") or "", turn if isinstance(turn, int) else 0)
                self.decisions[key] = (line.instant, clean.line(line.text("verdict") or "timed-out", 40))
            case "fault.struck":
                self._found.append(RecordingMark(place, line.t, "fault"))

    def _reply(self, line: Res, place: int) -> None:
        route, command = self._calls.pop(line.x, ("", ""))
        seen = None if line.cut is not None else recorded_status(route, line.body.value)
        if self._shown.happens(seen, command):
            self.happenings.append(place)
        if line.cut is not None or line.status == 0:
            self._found.append(RecordingMark(place, line.t, "fault"))
            return
        if command == "token" and line.status == 200:
            self._once("token", "", line, place)
        if seen is None:
            return
        self._once({"invoke": "invoke", "status": "poll"}.get(command, ""), seen.job, line, place)
        if seen.status is not Status.WAITING or seen.question is None:
            self._waiting.pop(seen.job, None)
        elif seen.job not in self._waiting:
            self._waiting[seen.job] = line.t
            self._opened.pop(seen.job, None)
            self._found.append(RecordingMark(place, line.t, "gate"))
        if seen.final:
            self._once("output" if seen.status is Status.COMPLETE else "error", seen.job, line, place)

    def _once(self, kind: str, job: str, line: Res, place: int) -> None:
        if kind and (kind, job) not in self._met:
            self._met.add((kind, job))
            self._found.append(RecordingMark(place, line.t, kind))
