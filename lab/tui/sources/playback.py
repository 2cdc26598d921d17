"""PLAYBACK: a recording, played at the cursor's own pace. Nobody is called, and nothing can be decided."""

import asyncio
from collections.abc import AsyncIterator, Mapping

from msgspec.structs import replace

from lab.clocks import ScaledClock, breathe, first_of
from lab.core.clock import Millis
from lab.program.scenario import Scenario
from lab.tui.sources.player import FASTEST, Goal, HeldSource, PlayedSource, Player, SettableClock
from lab.tui.sources.protocol import with_job
from lab.tui.state.cursor import DULL, LONGEST_STRETCH, PlaybackCursor
from lab.tui.state.journal import JournalState, SourceUpdate
from lab.tui.state.recording import RecordingTimeline
from lab.tui.state.screen import Ability, SourceState
from lab.tui.state.source import Refused

SKIPPING = 20
"""How fast a skip goes at least."""
_FASTEST = 999_999
FOLDED_FIRST = 512
"""Lines that are folded before the first frame: of all recordings but long ones, the whole."""
SLICE = 32
"""Lines of a long one that are folded between two looks at the keys."""


class Playback(PlayedSource, HeldSource):
    """Starts at the beginning, and stands until it is told to play. `damage`: what is wrong with the file, if anything."""

    follows = True
    refusal = "A recording can't be changed; it is only shown."
    can = frozenset[Ability](("pause", "step", "speed", "skip", "seek", "reset"))

    def __init__(
        self,
        timeline: RecordingTimeline,
        *,
        title: str,
        seed: int | None = None,
        known: Mapping[str, Scenario] | None = None,
        damage: str = "",
        clock: SettableClock | None = None,
    ) -> None:
        self.timeline, self.title, self.seed, self.damage = timeline, title, seed, damage
        self.timeline.fold_on(FOLDED_FIRST)
        self._known = known or {}
        self._paced: SettableClock = clock or ScaledClock("1" if self.runs else "0")
        self.clock = self._paced
        self._changed = asyncio.Event()
        self._news: list[SourceUpdate] = []
        """What the screen is to be told with the next state."""
        self.player = Player(self._paced if self.runs else None, self._tell, lambda factor: self._changed.set())
        self.player.pause(True)
        self.place = 0
        if damage:
            self._tell(SourceUpdate(remark=f"The recording is {damage}: it plays to its last whole line."))
        self._run_from(timeline.start)

    @property
    def cursor(self) -> PlaybackCursor:
        """Where the cursor stands, and between what."""
        timeline = self.timeline
        return PlaybackCursor(
            timeline.start,
            timeline.until,
            timeline.line(self.place),
            timeline.lines,
            not self.player.paused,
            not self.player.paused and not self.player.holds and float(self.player.least) > float(self.player.factor),
            timeline.marks,
            timeline.spread,
            timeline.decisions,
            self.damage,
        )

    def describe(self, journal: JournalState | None = None, chosen: int | None = None) -> SourceState:
        """The file, the cursor, and the job that shows."""
        only, skips = next(iter(self._known.values())) if len(self._known) == 1 else None, self.player.skipping
        known = SourceState(
            "PLAYBACK", self.title, "", self.seed, only, can=self.can, cursor=self.cursor, skipping=skips
        )
        return with_job(known, journal, chosen, self._known.get)

    # What happens

    async def observations(self) -> AsyncIterator[SourceUpdate]:
        """The state at the cursor, whenever it moves."""
        folding = asyncio.create_task(self._fold_rest())
        try:
            while True:
                self._changed.clear()
                batch, self._news = self._news or [SourceUpdate()], []
                for news in batch:
                    yield replace(news, journal=self.timeline.journal(self.place))
                await self._moved()
        finally:
            folding.cancel()

    async def _fold_rest(self) -> None:
        """A long recording is shown at once; its marks come while it is looked at."""
        before = self.timeline.marks
        while self.timeline.fold_on(SLICE):
            await breathe()
        if self.timeline.marks is not before:
            self._changed.set()

    def _tell(self, news: SourceUpdate) -> None:
        self._news.append(news)
        self._changed.set()

    async def _moved(self) -> None:
        """Return when the cursor has moved on by itself, or was moved."""
        timeline, due = self.timeline, self.timeline.due(self.place)
        if due is None and not self.paused and not self.player.holds:  # at the end nothing plays on
            self._stand_at(timeline.until)
            return
        if due is None or self.player.rate == "0":  # what is told at this very instant isn't come to either
            await self._changed.wait()
            return
        await first_of(self._paced.sleep_until(due), self._changed.wait())
        if self._changed.is_set():
            return
        happens = timeline.happening(self.place)
        act = timeline.act(self.place) if self.player.at_acts else None
        self.place = min(happens, max(self.place + 1, timeline.place(self.clock.now())))
        self.player.saw(happens=self.place == happens, act=act is not None and self.place >= act)
        if self.place == happens:
            self._run_from(timeline.at(self.place))

    def _run_from(self, at: Millis) -> None:
        """Go on from an instant, no further than to the next happening before the cursor is there: the next stretch may have
        another pace. What is dull takes two seconds, whatever the speed."""
        timeline = self.timeline
        until = timeline.at(timeline.happening(self.place))
        length = until - timeline.at(timeline.happening(self.place + 1, -1))
        self.player.least = str(min(_FASTEST, -(-length // DULL))) if length > LONGEST_STRETCH else "0"
        self._paced.set(at, timeline.until if self.place >= timeline.count else max(at, until))
        self.player.apply()

    # What is asked of it

    async def begin(self) -> Refused:
        return await self.pause()

    async def pause(self) -> Refused:
        """From the end it plays from the start."""
        if self.paused:
            self._leave_end()
        return await super().pause()

    def _leave_end(self) -> None:
        if self.place >= self.timeline.count:
            self._go(0)

    async def step(self) -> Refused:
        return self._go(self.timeline.happening(self.place))

    async def skip(self, until: Millis | None = None, limit: str = "") -> Refused:
        """In two seconds, whatever lies between; of a recording all has happened, so nothing limits it."""
        if self.player.skipping:
            self.player.end_skip()
            return None
        self._leave_end()
        length = self.timeline.at(self.timeline.happening(self.place)) - self.clock.now()
        self.player.run_to(Goal("skip", str(min(_FASTEST, max(SKIPPING, -(-length // DULL))))))
        return None

    async def move(self, by: int, *, marks: bool = False) -> Refused:
        return self._go(self.timeline.mark(self.place, by) if marks else self.timeline.stop(self.place, by))

    async def seek(self, at: Millis) -> Refused:
        """Who plays plays on from there."""
        at = max(self.timeline.start, min(at, self.timeline.until))
        self.place = 0 if at <= self.timeline.start else self.timeline.place(at)
        self._jump(at)
        return None

    async def go_to(self, stage: str) -> Refused:
        place = self.timeline.first(stage)
        return f"The recording never comes to {stage}." if place is None else self._go(place)

    async def reset(self) -> Refused:
        """At its own pace."""
        self.player.scale("1")
        return self._go(0)

    def end_hold(self, stop: int) -> None:
        """At the end of the recording nothing plays on, then."""
        super().end_hold(stop)
        self._changed.set()

    async def next_act(self) -> Refused:
        self.player.run_to(Goal("act", FASTEST))
        self._changed.set()
        return None

    def _go(self, place: int) -> Refused:
        """Stand at a place, in the instant in which its last line was told."""
        self.place = place
        self._stand_at(self.timeline.until if place >= self.timeline.count else self.timeline.at(place))
        return None

    def _stand_at(self, at: Millis) -> None:
        self.player.goal = None
        self.player.pause(True)
        self._jump(at)

    def _jump(self, at: Millis) -> None:
        self.player.end_hold()
        self._run_from(at)
        self._tell(SourceUpdate(jump="seek"))
