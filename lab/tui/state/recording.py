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
from lab.tui.state.cursor import RecordedDecisions, Spread
from lab.tui.state.journal import JournalState, RunChange, RunChanges, changes
from lab.tui.state.reduce import happened
from lab.tui.state.run import Milestone, MilestoneKind

EVERY = 256
"""Lines from one kept state to the next."""
UNMARKED: tuple[MilestoneKind, ...] = ("status", "step", "refused")
"""The milestones that have no mark on the way through a recording."""
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
        self.count = len(self._lines)
        self.lines = self._lines[-1].n + 1 if self._lines else 1
        """How many lines the file has, as people count them."""
        self.start: Millis = next((line.t for line in self._lines if isinstance(line, Req)), recording.header.t)
        self.until: Millis = max(self.start, recording.until)
        self._kept = [JournalState(epoch)]
        self.decisions: RecordedDecisions = {}
        marks, happens = list[Milestone](), [self.count]
        # all of it is folded for the marks, once; the states to be kept are kept on the way
        for place, (journal, changed) in enumerate(self.changes(), 1):
            if place % EVERY == 0:
                self._kept.append(journal)
            news = [(each, change.after.job) for change in changed for each in change.after.news(change.before)]
            marks += [
                replace(each, place=place, at=self._times[place - 1]) for each, _ in news if each.kind not in UNMARKED
            ]
            for decision, job in ((each.decision, job) for each, job in news if each.decision is not None and job):
                opening = (job.job or "", decision.step, decision.round)
                self.decisions = {**self.decisions, opening: (decision.at, decision.verdict)}
            if any(map(_happens, changed)):
                happens.append(place)
        self.marks = tuple(marks)
        """What the scrubber has a sign for."""
        self._happenings = sorted({*happens, *(mark.place for mark in self.marks)})
        self.spread = Spread.of(self.start, [self.at(place) for place in self._happenings], self.until)
        """Along which the scrubber draws the marks."""
        self._stops = tuple(
            at for at, line in enumerate(self._lines, 1) if not isinstance(line, Entry) or line.type not in QUIET
        )
        self._last = (0, self._kept[0])

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

    def mark(self, place: int, by: int) -> int:
        """The place of the next mark, or of the one before."""
        return self._beside([mark.place for mark in self.marks], place, by)

    def act(self, place: int) -> int | None:
        """The place at which the next act begins, if one does."""
        return next(
            (mark.place for mark in self.marks if mark.place > place and mark.kind not in ("fault", "lost")), None
        )

    def first(self, kind: str) -> int | None:
        """The place of the first mark of a kind; None if there is none."""
        return next((mark.place for mark in self.marks if mark.kind == kind), None)

    def _beside(self, places: Sequence[int], place: int, by: int) -> int:
        if by > 0:
            after = bisect_right(places, place)
            return places[after] if after < len(places) else self.count
        before = bisect_left(places, place)
        return places[before - 1] if before > 0 else 0

    def journal(self, place: int) -> JournalState:
        """What the recording has shown up to a place."""
        kept = min(place // EVERY, len(self._kept) - 1)
        at, journal = kept * EVERY, self._kept[kept]
        if at <= self._last[0] <= place:
            at, journal = self._last
        for later, _ in self.changes(at, place, journal):
            journal = later
        self._last = (max(at, place), journal)
        return journal

    def changes(
        self, since: int = 0, until: int | None = None, journal: JournalState | None = None
    ) -> Iterator[tuple[JournalState, RunChanges]]:
        """Line by line the state, and what it changed; from a place on, whose state is given."""
        journal = journal or self._kept[0]
        for line in self._lines[since:until]:
            observation = observation_of(line, self._blob, local=self._local)
            journal, changed = (journal, ()) if observation is None else changes(journal, observation)
            yield journal, changed


def _happens(change: RunChange) -> bool:
    """Whether something is seen to happen; of a call that is nobody's, nobody knows what its answer tells."""
    unknown = change.client_run is None and isinstance(change.observation, Replied | Lost)
    return unknown or happened(change.before, change.after)
