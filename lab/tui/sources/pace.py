"""The pace of a run's time, as the person sets it: paused, faster, slower. Between two turns the lab's clock stands."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from lab.clocks import RunClock
from lab.core.clock import Clock, Millis

if TYPE_CHECKING:
    from lab.client.control import ControlClient


class RunPace:
    """Sets the clock over the control plane, so that a tape has it."""

    def __init__(self, factor: str, control: Callable[[], Awaitable["ControlClient | None"]]) -> None:
        self.factor = factor
        """The pace at which it runs, or will run once it isn't paused."""
        self.paused = False
        self._control = control
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
        refused = await self._set(factor)
        if refused is None:
            self.paused, self._resting = factor == "0", None
        return refused

    async def toggle(self) -> str | None:
        """Pause, or go on."""
        return await self.scale(self.factor if self.paused else "0")

    def pause(self) -> None:
        """Pause as soon as may be."""
        self._pausing = asyncio.create_task(self.scale("0"))

    async def choose(self, factor: str) -> str | None:
        """Another pace, from now on or from when the clock runs again."""
        self.factor = factor
        return None if self.paused or self._resting is not None else await self.scale(factor)

    def rest(self) -> None:
        """A turn has ended: let the next one, whenever it comes, follow it on the clock."""
        if not self.paused:
            self._resting = asyncio.create_task(self._set("0"))

    async def wake(self) -> None:
        """Let the clock run that stands because a turn has ended."""
        if self._resting is not None:
            await self._resting
            await self.scale(self.factor)

    async def resume(self) -> str | None:
        """Let the clock run, whyever it stands."""
        await self.wake()
        return await self.scale(self.factor) if self.paused else None

    async def _set(self, factor: str) -> str | None:
        control = await self._control()
        if control is None:
            return "The clock of this server can't be set."
        return (await control.scale(factor)).refused


class SteppedClock(RunClock):
    """The clock of a run: where the person has it stand from an observation on, it stands at that very instant."""

    def __init__(self, clock: Clock, pace: RunPace) -> None:
        super().__init__(clock)
        self._pace = pace

    async def sleep_until(self, instant: Millis) -> None:
        """Pause, at the pace that was last asked for."""
        await self._pace.is_set()
        await super().sleep_until(instant)
