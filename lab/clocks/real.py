"""The wall's time: a clock that runs as the wall does, and whether the wall clock was set.

The clock counts from the monotonic one, so a step of the wall clock moves no job.
"""

import asyncio
import time

from lab.core.clock import Epoch, Millis

MILLI = 1_000_000
"""Nanoseconds in a millisecond."""


def wall_second() -> Epoch:
    """The wall clock's present second: the epoch of whatever listens (recordings.md §2.1)."""
    return int(time.time())


def wall_nanos() -> int:
    """The wall's time in nanoseconds since 1970, for what is shown beside others' of real time."""
    return time.time_ns()


def real_millis() -> int:
    """Real milliseconds from an arbitrary start; never decreases. For deadlines that guard the process."""
    return time.monotonic_ns() // MILLI


def real_micros() -> int:
    """The same in microseconds, for what is measured of the process."""
    return time.monotonic_ns() // 1_000


class SystemClock:
    """Runs as the wall does, from `start` at the moment it is made."""

    mode = "real"
    factor = "1"

    def __init__(self, start: Millis = 0) -> None:
        self._origin = time.monotonic_ns() - start * MILLI

    def now(self) -> Millis:
        """The current instant; never decreases."""
        return (time.monotonic_ns() - self._origin) // MILLI

    def keep_up(self, instant: Millis) -> None:
        """Be at that instant at least: another clock that runs as this one does has come so far."""
        self._origin = min(self._origin, time.monotonic_ns() - instant * MILLI)

    async def sleep_until(self, instant: Millis) -> None:
        """Return once `now() >= instant`; a loop that wakes early sleeps again."""
        await self._sleep(self._origin + instant * MILLI)

    async def hold(self, millis: Millis) -> None:
        """Withhold a reply: never shorter, also not by the fraction that `now()` leaves out."""
        await self._sleep(time.monotonic_ns() + millis * MILLI)

    hold_until = sleep_until
    """Withhold what is left of a reply."""

    async def _sleep(self, due: int) -> None:
        while (left := due - time.monotonic_ns()) > 0:  # noqa: ASYNC110 - a timer, and the loop's may be early
            await asyncio.sleep(left / 1e9)
