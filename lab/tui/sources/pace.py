"""The pace of a run's time, as the person sets it: paused, faster, slower. Between two turns the lab's clock stands."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from lab.clocks import AnyClock, RunClock, ScaledClock, first_of
from lab.core.clock import Clock, Millis
from lab.tui.state.intents import SkipAhead

if TYPE_CHECKING:
    from lab.client.control import ControlClient

FAST = "400000"
"""The factor of a skip, and of the way on to a stage: three days in less than a second, beside the calls in them."""
FASTEST = "20"
"""How fast time goes on to the next act."""


class RunPace:
    """Sets the clock over the control plane, so that a tape has it."""

    def __init__(self, clock: AnyClock, control: Callable[[], Awaitable["ControlClient | None"]]) -> None:
        self._clock = clock
        self.factor = clock.factor
        """The pace at which it runs, or will run once it isn't paused."""
        self.paused = False
        self.skip: SkipAhead | None = None
        """The skip that makes it run fast."""
        self.at_limit: Callable[[], object] = lambda: None
        """Called at the latest instant of a skip."""
        self.changed = asyncio.Event()
        """Set when a skip begins."""
        self._control = control
        self._setting = asyncio.Lock()
        self._orders = 0
        """How often another pace was asked for: only the last one counts."""
        self._pausing: asyncio.Task[str | None] | None = None
        self._resting: asyncio.Task[str | None] | None = None
        """Has the clock stand where a turn has ended."""

    async def is_set(self) -> None:
        """Return once the pace is what it was last asked to be."""
        for task in (self._pausing, self._resting):
            if task is not None:
                await asyncio.wait((task,))

    async def scale(self, factor: str) -> str | None:
        """Run at this pace, `0`: stand; the reason if it was refused."""
        return await self._scale(factor, self._next())

    async def toggle(self, *, rests: bool = False) -> str | None:
        """Pause, or go on; to rest, if the clock rested before."""
        if self.paused and rests:
            return await self.stand()
        return await self.scale(self.factor if self.paused else "0")

    def pause(self) -> None:
        """Pause as soon as may be."""
        self._pausing = asyncio.create_task(self._scale("0", self._next()))

    async def choose(self, factor: str) -> str | None:
        """Another pace, from now on or from when the clock runs again."""
        self.factor = factor
        waits = self.paused or self._resting is not None or self.skip is not None
        return None if waits else await self.scale(factor)

    async def run_fast(self, skip: SkipAhead) -> str | None:
        """Run as fast as can be, at most to the skip's latest instant."""
        self.skip = skip
        self.changed.set()
        refused = await self._set(FAST, self._next())
        if refused is not None:
            self.skip = None
        return refused

    def end_fast(self) -> None:
        """Run on at the pace there was, or stand."""
        self.skip = None
        self._pausing = asyncio.create_task(self._set("0" if self.paused else self.factor, self._next()))

    def rest(self) -> None:
        """Have the clock stand, though nobody has paused it: between two turns, and for an act."""
        if not self.paused:
            if isinstance(self._clock, ScaledClock):
                self._clock.scale("0")  # at this very instant; the tape is told of it below
            self._resting = asyncio.create_task(self._set("0", self._next()))

    async def stand(self) -> str | None:
        """Rest where the clock was paused on the way here."""
        self.paused = False
        self.rest()
        return None

    async def wake(self, factor: str = "") -> str | None:
        """Let the clock run that rests; whether it does or not, for once at this pace, if one is given."""
        if self._resting is not None:
            await self._resting
            return await self.scale(factor or self.factor)
        return await self.scale(factor) if factor else None

    async def resume(self) -> str | None:
        """Let the clock run, whyever it stands."""
        await self.wake()
        return await self.scale(self.factor) if self.paused else None

    def _next(self) -> int:
        """The number of what is asked now: a task may begin only after what is asked later."""
        self._orders += 1
        return self._orders

    async def _scale(self, factor: str, number: int) -> str | None:
        refused = await self._set(factor, number)
        if refused is None and number == self._orders:
            self.paused, self._resting = factor == "0", None
        return refused

    async def _set(self, factor: str, number: int) -> str | None:
        control = await self._control()
        if control is None:
            return "The clock of this server can't be set."
        async with self._setting:
            return (await control.scale(factor)).refused if number == self._orders else None


class SteppedClock(RunClock):
    """The clock of a run: where the person has it stand from an observation on, it stands at that very instant."""

    def __init__(self, clock: Clock, pace: RunPace) -> None:
        super().__init__(clock)
        self._pace = pace

    async def sleep_until(self, instant: Millis) -> None:
        """Pause, at the pace that was last asked for; a skip that begins meanwhile, or ends, changes it."""
        pace = self._pace
        while True:
            await pace.is_set()
            pace.changed.clear()
            skip = pace.skip
            until = instant if skip is None or skip.until is None else min(instant, max(skip.until, self.now()))
            await first_of(super().sleep_until(until), pace.changed.wait())
            if self.now() >= instant:
                return
            if skip is not None and skip is pace.skip and self.now() >= until:
                pace.at_limit()
