"""The one machine of time: it moves the clock of a lab in this process, and that of a recording's cursor.

How fast time passes follows from the pace that the person chose and from the limits that were given: a pause, a goal at
which it stands (a step, a skip, an act, a stage), an act that must be seen first, the end of a turn. A limit takes effect
in the very turn of the loop in which it is given, so time stands at the instant of whatever led to it.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from msgspec import Struct

from lab.core.clock import Clock, Millis, passed_text
from lab.tui.state.journal import SourceUpdate
from lab.tui.state.source import Refused, ScreenSource

FASTEST = "20"
"""How fast time goes on to the next act, at least."""


@runtime_checkable
class SettableClock(Clock, Protocol):
    """A clock that can be set and paced; it never moves beyond the instant at which it is to stop."""

    factor: str

    def scale(self, factor: str) -> None:
        """Run at another pace from now on; `0`: stand."""

    def set(self, instant: Millis, last: Millis | None = None) -> None:
        """Run on from an instant, not beyond the last one."""


GoalKind: TypeAlias = Literal["step", "skip", "act", "stage"]


class Goal(Struct, frozen=True):
    """What time runs to, though it may have stood before: how fast at least, and to which stage."""

    kind: GoalKind
    pace: str = "0"
    stage: str = ""
    until: Millis | None = None
    """Of a skip, when it ends at the latest."""
    limit: str = ""
    """What is said there."""


class Player:
    """Paces a clock, within limits. `tell` is handed what the screen must know, `paced` each pace that the clock takes."""

    def __init__(
        self,
        clock: SettableClock | None,
        tell: Callable[[SourceUpdate], object],
        paced: Callable[[str], object] = lambda factor: None,
    ) -> None:
        """`clock` None: another server's, which can't be set; there only the next call can be held back."""
        self._clock, self._tell, self._paced = clock, tell, paced
        self.factor = self._first = "1" if clock is None else clock.factor
        """The pace at which it runs, or will run once nothing stops it; the one that it had at first."""
        self.least = "0"
        """How fast it goes at least, while it goes."""
        self.at_acts = False
        """Whether it stands where an act begins."""
        self.goal: Goal | None = None
        self._pauses = self._rests = self._withholds = False
        self.holds = False
        """Whether it stands for an act."""
        self._stop = 0
        """Which stop at an act was the last, from 1."""
        self._free = asyncio.Event()
        """Whether requests may go out."""
        self._free.set()
        self._began: Millis = 0
        self._limit: asyncio.Task[None] | None = None

    @property
    def paused(self) -> bool:
        """Whether the person has it stand."""
        return self._pauses and self.goal is None

    @property
    def skipping(self) -> bool:
        """Whether it runs fast until something happens."""
        return self.goal is not None and self.goal.kind == "skip"

    @property
    def rate(self) -> str:
        """How fast time passes now."""
        if self.holds or self._withholds or self._rests or self.paused:
            return "0"
        return max(self.factor, self.least, "0" if self.goal is None else self.goal.pace, key=float)

    def apply(self) -> None:
        """Have the clock run as it must now, and requests go out if they may."""
        (self._free.clear if self.holds or self._withholds else self._free.set)()
        if self._clock is not None and self._clock.factor != (rate := self.rate):
            self._clock.scale(rate)
            self._paced(rate)

    def adopt(self) -> None:
        """Take up the pace that somebody else gave the clock."""
        if self._clock is not None and (factor := self._clock.factor) != self.rate:
            self._pauses = factor == "0"
            self.factor = self.factor if self._pauses else factor
            self.apply()

    # What the person wants

    def pause(self, on: bool | None = None) -> None:
        """Stand, or go on; without saying which: the other. It ends what it was running to; of a skip no more than that."""
        only_skips = on is None and self.skipping
        self.end_skip()
        if not only_skips:
            self.goal, self._pauses = None, not self.paused if on is None else on
            self.apply()

    def scale(self, factor: str) -> None:
        """Another pace, from now on or from when it runs again."""
        self.factor = factor
        self.apply()

    def run_to(self, goal: Goal) -> None:
        """Run until something; where it stood for an act, that was seen. A skip goes on, or stands, as before it."""
        self.end_skip()
        self.goal = goal
        if goal.kind != "skip":
            self._pauses = self.holds = False
        elif self._clock is not None:
            self._began = self._clock.now()
            if goal.until is not None:
                self._clock.set(self._began, goal.until)
                self._limit = asyncio.create_task(self._end_at(self._clock, goal.until))
        self.apply()

    async def _end_at(self, clock: SettableClock, instant: Millis) -> None:
        await clock.sleep_until(instant)
        self.end_skip()

    def end_skip(self) -> None:
        """If it skips, go on, or stand, as before, and say what passed."""
        goal, clock = self.goal, self._clock
        if goal is None or goal.kind != "skip" or clock is None:
            return
        now, self.goal = clock.now(), None
        self.apply()  # before the limit goes: at this pace a moment is a minute
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
            clock.set(now)
        passed = passed_text(now - self._began)
        ended = goal.until is not None and now >= goal.until and goal.limit
        self._tell(SourceUpdate(remark=f"{passed} {goal.limit}") if ended else SourceUpdate(passed=passed))

    def pass_moment(self) -> None:
        """A millisecond passes, also where the clock stands; a skip ends where it was to."""
        if self._clock is not None:
            self._clock.set(self._clock.now() + 1, None if self.goal is None else self.goal.until)

    def go_back(self) -> None:
        """Stand where things were put back to: for the act that began there, else as if it was paused."""
        self._rests = self.holds = False
        self._pauses, self.goal = not self.at_acts, None
        if self.at_acts:
            self._hold("back")
        self.apply()

    def restart(self) -> None:
        """Run as at first, whatever it was to do."""
        self.end_skip()
        self.factor, self.goal = self._first, None
        self._pauses = self._rests = self.holds = False
        self.apply()

    # What happens

    def saw(self, *, step: bool = False, happens: bool = False, arrives: bool = False, act: bool = False) -> None:
        """What was observed ends a step; it is something that happens; the stage has come; an act begins with it."""
        goal = self.goal
        if goal is not None and goal.kind == "skip" and happens:
            self.end_skip()
        elif goal is not None and ((goal.kind == "step" and step) or (goal.kind == "stage" and arrives)):
            if self.at_acts:
                self._hold("on")
            else:
                self.pause(True)
        if act and self.at_acts and not self.holds and not (goal is not None and goal.kind == "stage"):
            self._hold()

    def _hold(self, jump: str = "") -> None:
        """Stand for an act, until the screen says that it was seen."""
        self.goal = None
        self.holds = True
        self._stop += 1
        self.apply()
        self._tell(SourceUpdate(stop=self._stop, jump=jump))

    def end_hold(self, stop: int | None = None) -> None:
        """The act of that stop, or whichever it is, was seen."""
        if stop in (None, self._stop):
            self.holds = False
            self.apply()

    async def may_go(self) -> None:
        """Return once it stands for no act: no request goes out before."""
        await self._free.wait()

    @contextmanager
    def withholding(self) -> Iterator[None]:
        """Meanwhile time stands, and no request goes out; afterwards all is as it was, or as it was told to be."""
        self._withholds = True
        self.apply()
        try:
            yield
        finally:
            self._withholds = False
            self.apply()

    def rest(self, on: bool = True) -> None:
        """Stand between two turns, though nobody has paused it; or no more."""
        self._rests = on
        self.goal = self.goal if on else None
        self.apply()


class HeldSource(ScreenSource):
    """A source whose run, or cursor, stands at acts."""

    player: Player

    async def stand_at_acts(self, on: bool) -> Refused:
        self.player.at_acts = on
        return None

    def end_hold(self, stop: int) -> None:
        self.player.end_hold(stop)


class PlayedSource(ScreenSource):
    """A source whose time the player moves."""

    player: Player

    @property
    def paused(self) -> bool:  # type: ignore[override]  # nobody sets it but the player
        """Whether the person has it stand."""
        return self.player.paused

    @property
    def factor(self) -> str:  # type: ignore[override]
        """The pace at which it passes, where nothing makes it faster."""
        return self.player.factor

    async def pause(self) -> Refused:
        """A skip ends; else time stands, or goes on."""
        self.player.pause()
        return None

    async def scale(self, factor: str) -> Refused:
        self.player.scale(factor)
        return None
