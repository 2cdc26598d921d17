"""A clock that moves only when it is told to."""

import asyncio
from heapq import heapify, heappop, heappush

from lab.clocks.waits import settle, wake
from lab.core.clock import Millis
from lab.core.errors import UsageError

_LEFT_AT_MOST = 64
"""Cancelled sleepers that a manual clock keeps without looking."""


class ManualClock:
    """Stands still until it is advanced. Sleepers wake in order of (due, ordinal), and the loop settles in between."""

    mode = "manual"
    factor = "0"

    def __init__(self, start: Millis = 0) -> None:
        self._now = start
        self._ordinal = 0
        self._left = 0
        self._sleepers: list[tuple[Millis, int, asyncio.Future[None]]] = []
        self._withheld: set[asyncio.Future[None]] = set()
        self.withholds = False
        """Whether replies are withheld: a client moves the clock to the end of all waits, its own and the lab's."""
        self.shared = False
        """Whether a client has done so since the clock began: its time is the lab's."""
        self._works = 0
        self.begun_works = 0
        """How many have begun so far."""
        self._rest = asyncio.Event()
        self._rest.set()

    def now(self) -> Millis:
        """The current instant."""
        return self._now

    @property
    def due(self) -> Millis | None:
        """When the next sleeper wakes; None: none sleeps."""
        while self._sleepers and self._sleepers[0][2].done():
            heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    async def sleep_until(self, instant: Millis) -> None:
        """Return once somebody has advanced the clock to `instant`."""
        if instant > self._now:
            await self._sleep(instant, asyncio.get_running_loop().create_future())

    async def _sleep(self, instant: Millis, sleeper: "asyncio.Future[None]") -> None:
        self._ordinal += 1
        heappush(self._sleepers, (instant, self._ordinal, sleeper))
        try:
            await sleeper
        except asyncio.CancelledError:
            self._left += 1
            if self._left > _LEFT_AT_MOST and self._left * 2 > len(self._sleepers):
                self._sweep()
            raise

    def rewind(self, instant: Millis) -> None:
        """Stand at an earlier instant; sleepers sleep on."""
        self._now = min(instant, self._now)

    async def hold(self, millis: Millis) -> None:
        """Withhold a reply if a client moves the clock; nothing is on one that somebody else moves (design.md §3)."""
        if not self.withholds:
            return
        sleeper = asyncio.get_running_loop().create_future()
        self._withheld.add(sleeper)
        try:
            await self._sleep(self._now + millis, sleeper)
        finally:
            self._withheld.discard(sleeper)

    hold_until = sleep_until
    """Withhold what is left of a reply: until then nobody gets it, whoever moves the clock."""

    def withhold(self) -> None:
        """A client moves the clock from now on."""
        self.withholds = self.shared = True

    def release(self) -> None:
        """The client has gone: let what was withheld leave, for nobody may ever move the clock to it."""
        self.withholds = False
        for sleeper in self._withheld:
            wake(sleeper)

    # What takes real time, for it goes on outside of the lab: meanwhile this clock stands

    def begin_work(self) -> None:
        """Something is under way that others have to answer."""
        self._works += 1
        self.begun_works += 1
        self._rest.clear()

    def end_work(self) -> None:
        """It has been answered, or given up."""
        self._works -= 1
        if not self._works:
            self._rest.set()

    @property
    def works(self) -> bool:
        """Whether anything is under way."""
        return self._works > 0

    async def rest(self) -> None:
        """Return once nothing is under way, nor follows at once of what was."""
        while not self._rest.is_set():
            await self._rest.wait()
            await settle()

    def _sweep(self) -> None:
        """Forget the sleepers that were cancelled: a subscriber sleeps anew at each observation."""
        self._sleepers = [each for each in self._sleepers if not each[2].done()]
        heapify(self._sleepers)
        self._left = 0

    async def advance_to(self, instant: Millis) -> None:
        """Advance to an instant, stopping at every due timer on the way, and as long as anything is under way; UsageError if
        it lies in the past."""
        if instant < self._now:
            raise UsageError(f"the clock can't go back from {self._now} to {instant} ms", hint="advance it forward")
        await settle()  # what was just accepted may have something due on the way
        await self.rest()
        while (due := self.due) is not None and due <= instant:
            self._now = max(self._now, due)
            wake(heappop(self._sleepers)[2])
            await settle()
            await self.rest()
        self._now = max(self._now, instant)
        await settle()
        await self.rest()

    def step_to(self, instant: Millis) -> bool:
        """Advance to an instant before which no sleeper is due, and wake those that are at it; whether there are any."""
        self._now = max(self._now, instant)
        before = len(self._sleepers)
        while (due := self.due) is not None and due <= self._now:
            wake(heappop(self._sleepers)[2])
        return len(self._sleepers) != before

    keep_up = step_to
    """Be at that instant at least: another clock of the same lab was advanced."""
