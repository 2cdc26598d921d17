"""A recording as a screen plays it: the state at any place, and the marks on the way.

A place is how many lines have been played, 0 being the start. What is asked for is folded, and no more: marks and
happenings are known as far as that goes, and `fold_on` takes it further while there is time. A state is kept every `EVERY`
lines, so that a seek folds no more than that again.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence

from msgspec.structs import replace

from lab.core.clock import Epoch, Millis
from lab.jobs.facts import GateDecided, GateExpired
from lab.program.words import Verdict
from lab.recording.format.codec import fact_of
from lab.recording.format.facts import FACTS
from lab.recording.format.lines import Entry, Recording, Req, Res
from lab.recording.tape.observed import local_paths, observation_of
from lab.tui.state.cursor import RecordedDecisions, Spread
from lab.tui.state.journal import JournalState, RunChanges, changes
from lab.tui.state.reduce import happens
from lab.tui.state.run import MARKED, Milestone

EVERY = 256
"""Lines from one kept state to the next."""
QUIET = frozenset(
    ("connection.opened", "connection.closed", "call.counted", "job.status", "token.granted", "job.accepted")
)
"""Facts that nobody sees happen: a step goes past them."""
_ENDS = (GateDecided.type, GateExpired.type)


class RecordingTimeline:
    """One recording. `epoch` is the wall time of its instant 0."""

    def __init__(self, recording: Recording, epoch: Epoch) -> None:
        self._lines = tuple(
            line
            for line in recording.lines
            if isinstance(line, Req | Res) or (isinstance(line, Entry) and line.type in FACTS)
        )
        self._local = local_paths(recording)
        self._times = tuple(line.t for line in self._lines)
        self._kept = [JournalState(epoch)]
        self.count = len(self._lines)
        self.lines = self._lines[-1].n + 1 if self._lines else 1
        """How many lines the file has, as people count them."""
        self.start: Millis = next((line.t for line in self._lines if isinstance(line, Req)), recording.header.t)
        self.until: Millis = max(self.start, recording.until)
        self.marks: tuple[Milestone, ...] = ()
        """Every milestone at which the scrubber has a sign, by its place: those that were folded so far."""
        self._happenings: list[int] = []
        """The places of all that happens, of marks too; so far."""
        self._stops = tuple(
            at for at, line in enumerate(self._lines, 1) if not isinstance(line, Entry) or line.type not in QUIET
        )
        ends = (line for line in self._lines if isinstance(line, Entry) and line.type in _ENDS)
        self.decisions: RecordedDecisions = {
            (fact.job, fact.gate, fact.round): (
                fact.at,
                fact.verdict if isinstance(fact, GateDecided) else Verdict.TIMED_OUT,
            )
            for fact in map(fact_of, ends)
            if isinstance(fact, GateDecided | GateExpired)
        }
        self._last = (0, self._kept[0])
        self._spread: tuple[int, Spread] = (-1, Spread())
        self._front = (0, self._kept[0])
        """How far it was folded at all."""

    @property
    def folded(self) -> bool:
        """Whether all of it was folded, so that all marks are known."""
        return self._front[0] == self.count

    def fold_on(self, lines: int = EVERY) -> bool:
        """Fold so many lines more; whether any was left."""
        before = self._front[0]
        for place in range(before + 1, min(before + lines, self.count) + 1):
            self._fold_line(place)
        return self._front[0] > before

    def _fold_line(self, place: int) -> None:
        journal, changed = self._next(self._front[1], place - 1)
        self._front = place, journal
        if place == len(self._kept) * EVERY:
            self._kept.append(journal)
        came = [
            replace(one, place=place, at=self._lines[place - 1].t)
            for each in changed
            for one in each.after.since(each.before, *MARKED)
        ]
        self.marks += tuple(came)
        if came or place == self.count or any(happens(each.observation, each.before, each.after) for each in changed):
            self._happenings.append(place)

    @property
    def spread(self) -> Spread:
        """Along which the scrubber draws the marks."""
        if self._spread[0] != (known := len(self._happenings)):
            ends = (self.at(place) for place in (*self._happenings, self.count))
            self._spread = known, Spread.of(self.start, sorted({*ends}), self.until)
        return self._spread[1]

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
        self._fold_until(lambda: self._beside(self._happenings, place, by) != self.count, at_least=place)
        return self._beside(self._happenings, place, by)

    def act(self, place: int) -> int | None:
        """The place at which the next act begins, if one does."""
        return self._mark(lambda mark: mark.place > place and mark.kind not in ("fault", "lost"))

    def mark(self, place: int, by: int) -> int:
        """The place of the next mark, or of the one before."""
        self._mark(lambda mark: mark.place > place)
        return self._beside([mark.place for mark in self.marks], place, by)

    def first(self, kind: str) -> int | None:
        """The place of the first mark of a kind; None if there is none."""
        return self._mark(lambda mark: mark.kind == kind)

    def _mark(self, wanted: Callable[[Milestone], bool]) -> int | None:
        """The place of the first mark that is wanted; as much is folded as that takes."""
        self._fold_until(lambda: any(map(wanted, self.marks)))
        return next((mark.place for mark in self.marks if wanted(mark)), None)

    def _fold_until(self, known: Callable[[], bool], at_least: int = 0) -> None:
        while (self._front[0] < at_least or not known()) and self.fold_on():
            pass

    def _beside(self, places: Sequence[int], place: int, by: int) -> int:
        if by > 0:
            after = bisect_right(places, place)
            return places[after] if after < len(places) else self.count
        before = bisect_left(places, place)
        return places[before - 1] if before > 0 else 0

    def journal(self, place: int) -> JournalState:
        """What the recording has shown up to a place."""
        self._fold_until(lambda: True, at_least=place)
        kept = min(place // EVERY, len(self._kept) - 1)
        starts = ((kept * EVERY, self._kept[kept]), self._last, self._front)
        at, journal = max((each for each in starts if each[0] <= place), key=lambda each: each[0])
        for each in range(at, place):
            journal = self._next(journal, each)[0]
        self._last = place, journal
        return journal

    def changes(self) -> Iterator[tuple[JournalState, RunChanges]]:
        """Line by line, what each changed: for line mode."""
        journal = self._kept[0]
        for at in range(self.count):
            journal, changed = self._next(journal, at)
            yield journal, changed

    def _next(self, journal: JournalState, at: int) -> tuple[JournalState, RunChanges]:
        observation = observation_of(self._lines[at], local=self._local)
        return (journal, ()) if observation is None else changes(journal, observation)
