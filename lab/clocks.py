"""The door to time: clocks that run as the wall does, faster, slower, or only when told.

All of them count from the monotonic clock or from nothing, so a step of the wall clock moves no job.
`hold` is for replies: a latency in whole milliseconds that is never cut short.
"""

import asyncio
import re
import time
from collections.abc import Coroutine
from fractions import Fraction
from heapq import heapify, heappop, heappush
from typing import Any

from lab.core.clock import Clock, Epoch, Millis
from lab.core.errors import UsageError

__all__ = [
    "AnyClock",
    "Clock",
    "ManualClock",
    "ScaledClock",
    "SystemClock",
    "WallWatch",
    "apart",
    "breathe",
    "first_of",
    "real_millis",
    "settle",
    "wall_second",
]

_MILLI = 1_000_000
"""Nanoseconds in a millisecond."""
_FACTOR = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")
_SETTLING = 32
"""Turns of the loop between two timers: a woken sleeper goes through a few futures before it sleeps again."""

_LEFT_AT_MOST = 64
"""Cancelled sleepers that a manual clock keeps without looking."""


def wall_second() -> Epoch:
    """The wall clock's present second: the epoch of whatever listens (recordings.md §2.1)."""
    return int(time.time())


def real_millis() -> int:
    """Real milliseconds from an arbitrary start; never decreases. For deadlines that guard the process."""
    return time.monotonic_ns() // _MILLI


JUMP = 1_000
"""Milliseconds by which the wall clock moves at once when it is set; less is its being kept right."""
_BREAK = 100
"""Milliseconds in which two clocks can be read together; the process was stopped meanwhile if it took longer."""


class WallWatch:
    """Notices that the wall clock was set: it moves otherwise than the monotonic one."""

    def __init__(self) -> None:
        self._apart = time.time_ns() // _MILLI - real_millis()

    def moved(self) -> Millis:
        """By how much it was set since the last call, 0 if it wasn't."""
        before = real_millis()
        wall = time.time_ns() // _MILLI
        if real_millis() - before > _BREAK:
            return 0
        moved, self._apart = wall - before - self._apart, wall - before
        return moved if abs(moved) >= JUMP else 0


class SystemClock:
    """Runs as the wall does, from `start` at the moment it is made."""

    mode = "real"
    factor = "1"

    def __init__(self, start: Millis = 0) -> None:
        self._origin = time.monotonic_ns() - start * _MILLI

    def now(self) -> Millis:
        """The current instant; never decreases."""
        return (time.monotonic_ns() - self._origin) // _MILLI

    async def sleep_until(self, instant: Millis) -> None:
        """Return once `now() >= instant`; a loop that wakes early sleeps again."""
        await self._sleep(self._origin + instant * _MILLI)

    async def hold(self, millis: Millis) -> None:
        """Withhold a reply: never shorter, also not by the fraction that `now()` leaves out."""
        await self._sleep(time.monotonic_ns() + millis * _MILLI)

    async def _sleep(self, due: int) -> None:
        while (left := due - time.monotonic_ns()) > 0:  # noqa: ASYNC110 - a timer, and the loop's may be early
            await asyncio.sleep(left / 1e9)


class ScaledClock:
    """Runs `factor` times as fast as the wall; `0` is paused. The factor is decimal text and may change."""

    mode = "scaled"

    def __init__(self, factor: str = "1", start: Millis = 0) -> None:
        self._base = start * _MILLI
        self._since = time.monotonic_ns()
        self._sleepers: set[asyncio.Future[None]] = set()
        self.factor = factor
        self._pace = _pace(factor)

    def now(self) -> Millis:
        """The current instant; never decreases, also not when the factor changes."""
        return self._nanos() // _MILLI

    def scale(self, factor: str) -> None:
        """Run at another pace from now on, sleepers too; UsageError if `factor` is no decimal text."""
        pace = _pace(factor)
        self._base, self._since = self._nanos(), time.monotonic_ns()
        self.factor, self._pace = factor, pace
        for sleeper in self._sleepers:
            _wake(sleeper)

    def rewind(self, instant: Millis) -> None:
        """Run on from an earlier instant; sleepers sleep for as much longer."""
        self._base, self._since = min(instant * _MILLI, self._nanos()), time.monotonic_ns()
        for sleeper in self._sleepers:
            _wake(sleeper)

    async def sleep_until(self, instant: Millis) -> None:
        """Return once `now() >= instant`; while paused, only after the pace has changed."""
        await self._sleep(instant * _MILLI)

    async def hold(self, millis: Millis) -> None:
        """Withhold a reply: never shorter, also not by the fraction that `now()` leaves out."""
        await self._sleep(self._nanos() + millis * _MILLI)

    async def _sleep(self, due: int) -> None:
        while (left := due - self._nanos()) > 0:
            await self._doze(left)

    def _nanos(self) -> int:
        passed = time.monotonic_ns() - self._since
        return self._base + passed * self._pace.numerator // self._pace.denominator

    async def _doze(self, left: int) -> None:
        """Sleep for `left` nanoseconds of this clock, or until the pace changes."""
        loop = asyncio.get_running_loop()
        sleeper = loop.create_future()
        timer = loop.call_later(float(left / self._pace) / 1e9, _wake, sleeper) if self._pace else None
        self._sleepers.add(sleeper)
        try:
            await sleeper
        finally:
            self._sleepers.discard(sleeper)
            if timer is not None:
                timer.cancel()


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

    def withhold(self) -> None:
        """A client moves the clock from now on."""
        self.withholds = self.shared = True

    def release(self) -> None:
        """The client has gone: let what was withheld leave, for nobody may ever move the clock to it."""
        self.withholds = False
        for sleeper in self._withheld:
            _wake(sleeper)

    def _sweep(self) -> None:
        """Forget the sleepers that were cancelled: a subscriber sleeps anew at each observation."""
        self._sleepers = [each for each in self._sleepers if not each[2].done()]
        heapify(self._sleepers)
        self._left = 0

    async def advance_by(self, millis: Millis) -> None:
        """Advance by a duration; UsageError if it is negative."""
        await self.advance_to(self._now + millis)

    async def advance_to(self, instant: Millis) -> None:
        """Advance to an instant, stopping at every due timer on the way; UsageError if it lies in the past."""
        if instant < self._now:
            raise UsageError(f"the clock can't go back from {self._now} to {instant} ms", hint="advance it forward")
        while (due := self.due) is not None and due <= instant:
            self._now = max(self._now, due)
            _wake(heappop(self._sleepers)[2])
            await settle()
        self._now = max(self._now, instant)
        await settle()

    def step_to(self, instant: Millis) -> bool:
        """Advance to an instant before which no sleeper is due, and wake those that are at it; whether there are any."""
        self._now = max(self._now, instant)
        before = len(self._sleepers)
        while (due := self.due) is not None and due <= self._now:
            _wake(heappop(self._sleepers)[2])
        return len(self._sleepers) != before


AnyClock = SystemClock | ScaledClock | ManualClock


def apart(clock: AnyClock) -> bool:
    """Whether the time of clients, who live by the wall, is another than the lab's."""
    return clock.mode != "real" and not (isinstance(clock, ManualClock) and clock.shared)


async def breathe() -> None:
    """Let others have their turn of the loop."""
    await asyncio.sleep(0)


async def settle() -> None:
    """Let everything that is ready run, and what that makes ready too."""
    for _ in range(_SETTLING):
        await asyncio.sleep(0)


async def first_of(*waits: Coroutine[Any, Any, object]) -> None:
    """Return when one of the waits is over; the others are cancelled, all of them if the caller is."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        # not awaited: a caller that is cancelled ends in the same turn of the loop
        for task in tasks:
            task.cancel()


def _wake(sleeper: "asyncio.Future[None]") -> None:
    if not sleeper.done():
        sleeper.set_result(None)


def _pace(factor: str) -> Fraction:
    if not _FACTOR.fullmatch(factor):
        raise UsageError(f"{factor!r} is no pace for a clock", hint="write a decimal such as 20 or 0.5; 0 pauses")
    return Fraction(factor)
