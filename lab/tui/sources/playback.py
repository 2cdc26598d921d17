"""PLAYBACK: a recording, played at the cursor's own pace. Nobody is called, and nothing can be decided."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import assert_never

from lab.app.effects import Outcome
from lab.clocks import ScaledClock, first_of
from lab.core.clock import Millis, passed_text
from lab.program.scenario import Scenario
from lab.tui.sources.clock import MakeClock, SettableClock
from lab.tui.sources.pace import FASTEST
from lab.tui.sources.protocol import with_job
from lab.tui.state import intents
from lab.tui.state.cursor import PlaybackCursor
from lab.tui.state.happenings import LONGEST_STRETCH
from lab.tui.state.journal import JournalState, SourceUpdate
from lab.tui.state.recording import RecordingTimeline
from lab.tui.state.screen import SourceState

DULL: Millis = 2_000
"""How long, in real time, what is skipped or dull takes at most."""
SKIPPING = 20
"""How fast a skip goes at least."""
_FASTEST = 999_999
ONLY_SHOWN = "A recording can't be changed; it is only shown."


class Playback:
    """Starts at the beginning, and stands until it is told to play. `damage`: what is wrong with the file, if anything."""

    follows = True
    outcome: Outcome | None = None

    def __init__(
        self,
        timeline: RecordingTimeline,
        *,
        title: str,
        seed: int | None = None,
        known: Mapping[str, Scenario] | None = None,
        damage: str = "",
        make: MakeClock = ScaledClock,
    ) -> None:
        self.timeline = timeline
        self.title, self.seed, self.damage = title, seed, damage
        self._known = known or {}
        self.clock = SettableClock(make)
        self.factor = "1"
        self.place = 0
        self.playing = False
        self._skip: tuple[Millis, bool] | None = None
        """Where a skip began, and whether it was playing then."""
        self._passed = ""
        """What a skip has come to, for the screen."""
        self._at_acts = False
        """Whether it stands where an act begins, though it plays, until `EndHold`."""
        self._stop, self._stands, self._jump, self._hurry = 0, False, "", "0"
        self._changed = asyncio.Event()
        self.clock.set(timeline.start, "0")

    # What the screen asks

    @property
    def paused(self) -> bool:
        """Whether the cursor stands."""
        return not self.playing

    @property
    def cursor(self) -> PlaybackCursor:
        """Where the cursor stands, and between what."""
        timeline = self.timeline
        return PlaybackCursor(
            timeline.start,
            timeline.until,
            timeline.line(self.place),
            timeline.lines,
            self.playing,
            timeline.marks,
            timeline.spread,
            timeline.decisions,
            self.damage,
        )

    def describe(self, journal: JournalState | None = None, chosen: int | None = None) -> SourceState:
        """The file, the cursor, and the job that shows."""
        only = next(iter(self._known.values())) if len(self._known) == 1 else None
        can = frozenset(("pause", "step", "speed", "skip", "seek", "reset"))
        skips = self._skip is not None
        source = SourceState("PLAYBACK", self.title, "", self.seed, only, can=can, cursor=self.cursor, skipping=skips)
        return with_job(source, journal, chosen, self._known.get)

    # What happens

    async def observations(self) -> AsyncIterator[SourceUpdate]:
        """The state at the cursor, whenever it moves."""
        remark = f"The recording is {self.damage}: it plays to its last whole line." if self.damage else ""
        while True:
            self._changed.clear()
            passed, self._passed = self._passed, ""
            stop = self._stop if self._stands else 0
            yield SourceUpdate(self.timeline.journal(self.place), remark, passed, stop=stop, jump=self._jump)
            remark = self._jump = ""
            await self._moved()

    async def _moved(self) -> None:
        """Return when the cursor has moved on by itself, or was moved."""
        due = self.timeline.due(self.place)
        if not self.playing or due is None or self._stands:
            if not self._stands:
                self._stand()
            await self._changed.wait()
            return
        await first_of(self.clock.sleep_until(due), self._changed.wait())
        if not self._changed.is_set():
            happens = self.timeline.happening(self.place)
            act = self.timeline.act(self.place) if self._at_acts else None
            stop = happens if act is None else min(happens, act)
            self.place = min(stop, max(self.place + 1, self.timeline.place(self.clock.now())))
            if self.place == act:
                self._stop, self._stands, self._hurry = self._stop + 1, True, "0"
            if self.place == stop:
                self._happened()

    def _happened(self) -> None:
        """The next stretch may have another pace, and a skip is over."""
        at = self.timeline.at(self.place)
        self._end_skip(at)
        self._run_from(at)

    def _end_skip(self, at: Millis) -> None:
        """Go on, or stand, as before the skip."""
        if self._skip is not None:
            (began, self.playing), self._skip = self._skip, None
            self._passed = passed_text(at - began)

    def _pace(self) -> str:
        """How fast the cursor goes: what is dull takes two seconds, whatever the speed."""
        if not self.playing or self._stands:
            return "0"
        until = self._next_happening()
        if self._skip is not None:
            length, least = until - self._skip[0], SKIPPING
        else:
            length, least = until - self.timeline.at(self.timeline.happening(self.place + 1, -1)), 0
        fast = min(_FASTEST, max(least, -(-length // DULL))) if least or length > LONGEST_STRETCH else 0
        return max(self.factor, self._hurry, str(fast), key=float)

    def _next_happening(self) -> Millis:
        return self.timeline.at(self.timeline.happening(self.place))

    def _run_from(self, at: Millis) -> None:
        """Have the clock run from an instant to the next happening, and no further before the cursor is there."""
        last = self.place >= self.timeline.count
        self.clock.set(at, self._pace(), self.timeline.until if last else max(at, self._next_happening()))

    def _stand(self) -> None:
        """At the end nothing plays on."""
        if self.playing and self.place >= self.timeline.count:
            self.playing = False
            self._set(self.timeline.until)
            self._changed.set()

    # What is asked of it

    async def perform(self, intent: intents.Intent) -> str | None:
        """Do what was asked; the reason if it was refused."""
        timeline = self.timeline
        match intent:
            case intents.StartRun() | intents.TogglePause() | intents.SkipAhead():
                self._toggle(skips=isinstance(intent, intents.SkipAhead))
            case intents.SetSpeed(factor):
                self.factor = factor
                self._run_from(self.clock.now())
                self._changed.set()
            case intents.StepForward():
                self._go(timeline.happening(self.place))
            case intents.MoveCursor(by, marks):
                self._go(timeline.mark(self.place, by) if marks else timeline.stop(self.place, by))
            case intents.SeekInstant(at):
                self._seek(at)
            case intents.ResetRun():
                self._go(0)
            case intents.StandAtActs() | intents.EndHold() | intents.NextAct():
                self._perform_act(intent)
            case intents.SeekStage(stage):
                place = timeline.first(stage)
                if place is None:
                    return f"The recording never comes to {stage}."
                self._go(place)
            case intents.AnswerGate() | intents.SendTurn() | intents.ChooseScenario() | intents.ToggleRecording():
                return ONLY_SHOWN
            case intents.ArmFault() | intents.DisarmFault() | intents.SeekAct():
                return ONLY_SHOWN
            case _:
                assert_never(intent)
        return None

    def _toggle(self, *, skips: bool) -> None:
        if self._skip is not None:
            self._end_skip(self.clock.now())
            self._set(self.clock.now())
        elif skips:
            self._skip = self.clock.now(), self.playing
            self._play(True)
        else:
            self._play(not self.playing)

    def _perform_act(self, intent: intents.StandAtActs | intents.EndHold | intents.NextAct) -> None:
        if isinstance(intent, intents.StandAtActs):
            self._at_acts = intent.on
        elif isinstance(intent, intents.NextAct):
            self.playing, self._hurry = True, FASTEST
            self._set(self.clock.now())
        elif self._stands and intent.stop == self._stop:
            self._set(self.clock.now())

    def _play(self, playing: bool) -> None:
        if playing and self.place >= self.timeline.count:
            self.place = 0
            self.clock.set(self.timeline.start, "0")
        self.playing = playing
        self._set(self.clock.now())

    def _go(self, place: int) -> None:
        """Stand at a place, in the instant in which its last line was told."""
        self.place, self.playing, self._skip, self._jump = place, False, None, "seek"
        self._set(self.timeline.until if place >= self.timeline.count else self.timeline.at(place))

    def _seek(self, at: Millis) -> None:
        """Go to an instant; who plays plays on from there."""
        at = max(self.timeline.start, min(at, self.timeline.until))
        self.place, self._jump = 0 if at <= self.timeline.start else self.timeline.place(at), "seek"
        self._set(at)

    def _set(self, at: Millis) -> None:
        self._stands = False
        self._run_from(at)
        self._changed.set()
