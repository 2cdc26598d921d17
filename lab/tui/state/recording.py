"""A recording as a screen plays it: the state at any place, and the marks on the way.

A place is how many lines have been played, 0 being the start. A state is kept every `EVERY` lines, so that a seek folds
no more than that.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from lab.core.clock import Epoch, Millis
from lab.core.observe import Lost, Replied
from lab.recording.format.facts import FACTS
from lab.recording.format.lines import Entry, Recording, Req, Res
from lab.recording.redaction.bodies import Blob
from lab.recording.tape.observed import local_paths, observation_of
from lab.tui.state import clean
from lab.tui.state.cursor import RecordedDecisions, Spread
from lab.tui.state.journal import JournalState, RunChange, RunChanges, changes
from lab.tui.state.run import Milestone, MilestoneKind

EVERY = 256
"""Lines from one kept state to the next."""
MARKED: tuple[MilestoneKind, ...] = ("token", "invoke", "poll", "gate", "decided", "fault", "output", "error")
"""The milestones that are marked on the way through a recording."""
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
        self.count = len(self._lines)
        self.lines = self._lines[-1].n + 1 if self._lines else 1
        """How many lines the file has, as people count them."""
        self.start: Millis = next((line.t for line in self._lines if isinstance(line, Req)), recording.header.t)
        self.until: Millis = max(self.start, recording.until)
        self.marks, happens = self._marked()
        self._happenings = tuple(sorted({*happens, *(mark.place for mark in self.marks), self.count}))
        self.spread = Spread.of(self.start, [self.at(place) for place in self._happenings], self.until)
        """Along which the scrubber draws the marks."""
        self._stops = tuple(
            at for at, line in enumerate(self._lines, 1) if not isinstance(line, Entry) or line.type not in QUIET
        )
        self.decisions: RecordedDecisions = {
            (
                line.text("job") or "",
                line.text("gate") or "",
                turn if isinstance(turn := line.get("round"), int) else 0,
            ): (
                line.instant,
                clean.line(line.text("verdict") or "timed-out", 40),
            )
            for line in self._lines
            if isinstance(line, Entry) and line.type in ("gate.decided", "gate.expired")
        }
        self._last = (0, self._kept[0])

    def _marked(self) -> tuple[tuple[Milestone, ...], list[int]]:
        """Every milestone at which the scrubber has a sign, by its place, and the places of all that happens.

        The whole recording is folded for it, once; the states to be kept are kept on the way.
        """
        marks: list[Milestone] = []
        happens: list[int] = []
        journal = self._kept[0]
        for place in range(1, self.count + 1):
            journal, changed = self._next(journal, place - 1)
            if place == len(self._kept) * EVERY:
                self._kept.append(journal)
            for each in changed:
                if each.after.milestones is each.before.milestones:
                    continue
                known = set(each.before.milestones)
                news = [one for one in each.after.milestones if one not in known and one.kind in MARKED]
                marks += [replace(one, place=place, at=self._lines[place - 1].t) for one in news]
            if any(map(_happens, changed)):
                happens.append(place)
        return tuple(marks), happens

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

    def _fold(self, at: int, journal: JournalState, place: int) -> tuple[int, JournalState]:
        """The state at a place, from one before it."""
        for each in range(at, place):
            journal = self._next(journal, each)[0]
        return max(at, place), journal

    def changes(self) -> Iterator[tuple[JournalState, RunChanges]]:
        """Line by line, what each changed: for line mode."""
        journal = self._kept[0]
        for at in range(self.count):
            journal, changed = self._next(journal, at)
            yield journal, changed

    def _next(self, journal: JournalState, at: int) -> tuple[JournalState, RunChanges]:
        observation = observation_of(self._lines[at], self._blob, local=self._local)
        return (journal, ()) if observation is None else changes(journal, observation)


def _happens(change: RunChange) -> bool:
    """Whether something is seen to happen: a call has come back, and it isn't a poll that shows what the one before did."""
    before, after = change.before, change.after
    if not isinstance(change.observation, Replied | Lost):
        return False
    if after.polls == before.polls or after.timeline[-1].bad or before.last is None or after.last is None:
        return True
    shown = [
        (each.last and (each.last.status, each.last.progress), each.gate and each.gate.key) for each in (before, after)
    ]
    return shown[0] != shown[1]
