"""A job on another server, polled until it has shown what was recorded of it (recordings.md §6.3)."""

from bisect import bisect_right
from collections.abc import Callable
from itertools import pairwise
from statistics import median

from msgspec import Struct

from lab.app.effects import Backoff
from lab.core.clock import Millis
from lab.program.words import duration_text
from lab.recording.client_replay.plan import PlannedJob, Shown
from lab.recording.exchange import RecordedExchange
from lab.recording.story import JobAnswer

ANSWER_SPARE: Millis = 60_000
"""Real milliseconds that an answer or a job may take beyond twice the recorded time."""
_MOST_REFUSALS = 5
_MOST_FAILURES = 13
"""Polls in a row that are refused alike, or have no readable answer: nobody asks for ever."""
_SOON_AGAIN = 3
"""After so many failures in a row polls come sooner than otherwise: what was recorded may show for a moment only."""
_FEW = 6
TRY_PAUSE: Millis = 1_000
"""Real milliseconds before the next try, unless the server names them."""
_UNHURRIED = Backoff()
_FAST = Backoff(first=50, longest=1_000)
_LEAST: Millis = 25
"""Real milliseconds between two polls."""


class ClientTerms(Struct, frozen=True):
    """How a recording is replayed to another server."""

    fast: bool = False
    """Whether nothing is waited for but what the server asks."""
    factor: float = 1
    """How many times as fast as the wall the driver's clock runs: what a server asks for isn't shortened."""
    patience: Millis | None = None
    """How long a job may take; None: twice as long as it was recorded, and a minute."""
    tolerance: Millis | None = None
    """By how much times may differ; None: they aren't compared."""
    nonce: str = ""
    """Makes the idempotency keys this replay's own."""

    def real(self, millis: Millis) -> Millis:
        """So many real milliseconds, on the driver's clock."""
        return round(millis * self.factor)

    def within_patience(self, millis: Millis) -> Millis:
        """So many real milliseconds, or the patience where that is shorter."""
        return min(self.real(millis), self.real(millis) if self.patience is None else self.patience)


class FollowedJob:
    """One job: what was recorded of it, and what it shows."""

    def __init__(self, planned: PlannedJob, terms: ClientTerms) -> None:
        self.planned = planned
        self.shown: list[Shown] = []
        self.since: Millis = 0
        """When its beginning was answered."""
        self.begun = self.over = self.concluded = False
        self.why = ""
        """Why it is over without having shown all."""
        self._terms = terms
        usual = 2 * planned.lasted + terms.real(ANSWER_SPARE)
        self._patience = usual if terms.patience is None else terms.patience
        """From its beginning to the last poll."""
        gaps = [two.at - one.at for one, two in pairwise(planned.polls)]
        self._usual_gap = round(median(gaps)) if gaps else planned.shortest
        """Between two recorded polls."""
        self._backoff = _FAST if terms.fast else _UNHURRIED
        self._reached = 0
        """So much of what was recorded has been shown, in its order; what came between doesn't count."""
        self._pairs: list[tuple[Shown, Shown]] = []
        """Recorded, and here."""
        self._last: Millis = 0
        """When the last poll was answered, or failed."""
        self._read: Millis = 0
        """When the last answer came that could be read."""
        self._earliest: Millis = 0
        """When the server bears the next poll."""
        self._pause: Millis = 0
        self._waiting = False
        """Whether a poll is under way."""
        self._refusals = self._failures = 0

    def begin(self, at: Millis) -> None:
        """It was accepted."""
        self.begun, self.since, self._last, self._read = True, at, at, at
        self._pause = self._backoff.first

    def end(self, why: str) -> None:
        """Nothing more is asked about it."""
        self.over, self.why = True, why

    def due(self) -> Millis | None:
        """When the next poll is to be sent; None: not until something else happens.

        Polls come rarer while a job shows the same, but so often that they would see whatever was recorded.
        """
        if not self.begun or self.over or self._waiting or not self.planned.polls:
            return None
        lasted = self._last - (self.shown[-1].at if self.shown else self.since)
        due = max(self._earliest, self._last + min(self._often, max(self._pause, lasted // 20)))
        return min(due, self.since + self._patience)  # once more then, however long the server asks to wait

    @property
    def _often(self) -> Millis:
        """The longest pause with which polls still see whatever was recorded.

        What only a few recorded polls can have seen needs more here: it may have lasted hardly as long as their pause.
        """
        shortest, usual = self.planned.shortest, self._usual_gap
        often = min(shortest // 3, 2 * usual // 3 if shortest <= _FEW * usual else shortest)
        return max(self._terms.real(_LEAST), often // 2 if 0 < self._failures <= _SOON_AGAIN else often)

    def poll(self, now: Millis, usable: Callable[[RecordedExchange], bool]) -> RecordedExchange | None:
        """The recorded poll that is sent now; None: for none is all known that it needs."""
        polls = self.planned.polls
        # a token of later is as good, and in a hurry it is there sooner
        place = len(polls) if self._terms.fast else bisect_right(polls, now - self.since, key=self.planned.sent)
        found = next((each for each in (*reversed(polls[:place]), *polls[place:]) if usable(each)), None)
        self._waiting = found is not None
        return found

    def delay(self, until: Millis) -> None:
        """Send the next poll then, or later."""
        self._earliest, self._waiting = until, False

    def failed(self, at: Millis, pause: Millis | None) -> None:
        """A poll had no readable answer; the next one may come after the pause; None: the server names none."""
        self._failures += 1
        self._settle(at)
        if pause is None:
            pause = self._terms.real(TRY_PAUSE)
            pause = min(pause, self._often) if self._failures <= _SOON_AGAIN else pause
        self.delay(at + pause)
        if self._failures >= _MOST_FAILURES:
            self.end(f"{self._failures} polls in a row had no readable answer")

    def take(self, at: Millis, answer: JobAnswer) -> int | None:
        """An answer about it; the place of what it shows among all that was recorded, if it is the next of that."""
        word = answer.word
        before, self._read, self._failures = self._read, at, 0
        self._settle(at)
        if self.shown and self.shown[-1].word == word:
            self._refusals += not answer.seen
            if self._refusals >= _MOST_REFUSALS:
                self.end("it is refused again and again")
            return None
        self.shown.append(Shown(answer, at, before))
        self._refusals, self._pause = int(not answer.seen), self._backoff.first
        enough = not self.planned.final or not self.planned.polls
        if self.shown[-1].final or (enough and len(self.shown) >= len(self.planned.shown)):
            self.end("")
        recorded, place = self.planned.shown, self._reached
        if place == len(recorded) or recorded[place].word != word:
            return None
        self._reached += 1
        self._pairs.append((recorded[place], self.shown[-1]))
        return place

    def _settle(self, at: Millis) -> None:
        self._last, self._waiting = at, False
        self._pause = self._backoff.after(self._pause)
        if at - self.since >= self._patience:
            word = self.shown[-1].word if self.shown else "not seen"
            self.end(f"still {word} after {duration_text(at - self.since)}")

    def history(self) -> list[str]:
        """What it showed, in order, without what lay between two recorded polls."""
        words, place, recorded = list[str](), 0, self.planned.shown
        for number, one in enumerate(self.shown):
            if place < len(recorded) and one.word == recorded[place].word:
                place += 1
            elif one.word in words[-1:] or self._unseen(number, place):
                continue
            words.append(one.word)
        return words if self.planned.final else words[: len(recorded)]

    def _unseen(self, number: int, place: int) -> bool:
        """Whether the recorded polls can have missed what was shown, before what they saw at this place."""
        if self.planned.unseen is not None:
            return self.shown[number].status in self.planned.unseen.get(place, ())
        if not 0 < place < len(self.planned.shown) or number + 1 == len(self.shown):
            return False
        one, there = self.shown[number], self.planned.shown[place]
        return self.shown[number + 1].after - one.at <= there.at - there.after

    def late(self) -> list[tuple[Shown, str]]:
        """What came earlier or later than it may, with a sentence."""
        tolerance, found = self._terms.tolerance, list[tuple[Shown, str]]()
        for one, other in self._pairs if tolerance is not None else ():
            recorded = one.after - self.planned.at, one.at - self.planned.at
            here = other.after - self.since, other.at - self.since
            if max(here[0] - recorded[1], recorded[0] - here[1]) > (tolerance or 0):
                found.append((one, f"{one.word} came {_between(*here)}, recorded {_between(*recorded)}"))
        return found


def _between(after: Millis, at: Millis) -> str:
    return f"between {max(0, after)} and {max(0, at)} ms after the beginning"
