"""PLAYBACK: a recording, played at the cursor's own pace. Nobody is called, and nothing can be decided."""

import asyncio
from collections.abc import AsyncIterator, Mapping

from msgspec.structs import replace

from lab.clocks import ScaledClock, first_of
from lab.core.clock import Millis
from lab.program.scenario import Scenario
from lab.tui.sources.player import FASTEST, Goal, PlayedSource, Player, SettableClock
from lab.tui.sources.protocol import with_job
from lab.tui.state.cursor import LONGEST_STRETCH, PlaybackCursor
from lab.tui.state.journal import JournalState, SourceUpdate
from lab.tui.state.recording import RecordingTimeline
from lab.tui.state.screen import Ability, SourceState
from lab.tui.state.source import Refused

DULL: Millis = 2_000
"""How long, in real time, what is skipped or dull takes at most."""
SKIPPING = 20
"""How fast a skip goes at least."""
_FASTEST = 999_999


class Playback(PlayedSource):
    """Starts at the beginning, and stands until it is told to play. `damage`: what is wrong with the file, if anything."""

    follows = True
    refusal = "A recording can't be changed; it is only shown."

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
        self.timeline = timeline
        self.title, self.seed, self.damage = title, seed, damage
        self._known = known or {}
        self._paced: SettableClock = clock or ScaledClock()
        self.clock = self._paced
        self._changed = asyncio.Event()
        self.player = Player(self._paced, self._tell, lambda factor: self._changed.set())
        self.player.pause(True)
        self.place = 0
        remark = f"The recording is {damage}: it plays to its last whole line." if damage else ""
        self._news = SourceUpdate(remark=remark)
        """What the screen is to be told with the next state."""
        self._run_from(timeline.start)

    # What the screen asks

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
            timeline.marks,
            timeline.spread,
            timeline.decisions,
            self.damage,
        )

    def describe(self, journal: JournalState | None = None, chosen: int | None = None) -> SourceState:
        """The file, the cursor, and the job that shows."""
        only = next(iter(self._known.values())) if len(self._known) == 1 else None
        can = frozenset[Ability](("pause", "step", "speed", "skip", "seek", "reset"))
        skips = self.player.skipping
        source = SourceState("PLAYBACK", self.title, "", self.seed, only, can=can, cursor=self.cursor, skipping=skips)
        return with_job(source, journal, chosen, self._known.get)

    # What happens

    async def observations(self) -> AsyncIterator[SourceUpdate]:
        """The state at the cursor, whenever it moves."""
        while True:
            self._changed.clear()
            news, self._news = self._news, SourceUpdate()
            yield replace(news, journal=self.timeline.journal(self.place))
            await self._moved()

    def _tell(self, news: SourceUpdate) -> None:
        before = self._news
        self._news = SourceUpdate(
            remark=news.remark or before.remark,
            passed=news.passed or before.passed,
            stop=news.stop or before.stop,
            jump=news.jump or before.jump,
        )
        self._changed.set()

    async def _moved(self) -> None:
        """Return when the cursor has moved on by itself, or was moved."""
        due = self.timeline.due(self.place)
        if due is None:
            if not self.player.paused and not self.player.holds:  # at the end nothing plays on
                self._stand_at(self.timeline.until)
                return
            await self._changed.wait()
            return
        if self.player.rate == "0":  # what is told at this very instant isn't come to either
            await self._changed.wait()
            return
        await first_of(self._paced.sleep_until(due), self._changed.wait())
        if self._changed.is_set():
            return
        happens = self.timeline.happening(self.place)
        act = self.timeline.act(self.place) if self.player.at_acts else None
        self.place = min(happens, max(self.place + 1, self.timeline.place(self.clock.now())))
        if act is not None and self.place >= act:
            self.player.hold()
        if self.place == happens:
            self.player.come_to("skip")
            self._run_from(self.timeline.at(self.place))

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
        if self.player.paused:
            self._leave_end()
        self.player.pause()
        return None

    def _leave_end(self) -> None:
        if self.place >= self.timeline.count:
            self.place = 0
            self._run_from(self.timeline.start)
            self._changed.set()

    async def scale(self, factor: str) -> Refused:
        self.player.scale(factor)
        return None

    async def step(self) -> Refused:
        self._go(self.timeline.happening(self.place))
        return None

    async def skip(self, until: Millis | None = None, limit: str = "") -> Refused:
        """In two seconds, whatever lies between; of a recording all has happened, so nothing limits it."""
        if self.player.skipping:
            self.player.end_skip()
            return None
        self._leave_end()
        now = self.clock.now()
        length = self.timeline.at(self.timeline.happening(self.place)) - now
        pace = min(_FASTEST, max(SKIPPING, -(-length // DULL)))
        self.player.run_to(Goal("skip", str(pace), began=now))
        return None

    async def move(self, by: int, *, marks: bool = False) -> Refused:
        self._go(self.timeline.mark(self.place, by) if marks else self.timeline.stop(self.place, by))
        return None

    async def seek(self, at: Millis) -> Refused:
        """Who plays plays on from there."""
        at = max(self.timeline.start, min(at, self.timeline.until))
        self.place = 0 if at <= self.timeline.start else self.timeline.place(at)
        self._jump(at)
        return None

    async def go_to(self, stage: str) -> Refused:
        place = self.timeline.first(stage)
        if place is None:
            return f"The recording never comes to {stage}."
        self._go(place)
        return None

    async def reset(self) -> Refused:
        """At its own pace."""
        self._go(0)
        self.player.scale("1")
        return None

    def end_hold(self, stop: int) -> None:
        """At the end of the recording nothing plays on, then."""
        super().end_hold(stop)
        self._changed.set()

    async def next_act(self) -> Refused:
        self.player.run_to(Goal("act", FASTEST))
        self._changed.set()
        return None

    def _go(self, place: int) -> None:
        """Stand at a place, in the instant in which its last line was told."""
        self.place = place
        self._stand_at(self.timeline.until if place >= self.timeline.count else self.timeline.at(place))

    def _stand_at(self, at: Millis) -> None:
        self.player.goal = None
        self.player.pause(True)
        self._jump(at)

    def _jump(self, at: Millis) -> None:
        self.player.end_hold()
        self._run_from(at)
        self._tell(SourceUpdate(jump="seek"))
