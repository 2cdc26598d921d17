"""A clock that runs faster or slower than the wall does, or stands."""

import asyncio
import re
import time
from fractions import Fraction

from lab.clocks.real import MILLI
from lab.clocks.waits import wake
from lab.core.clock import Millis
from lab.core.errors import UsageError

_FACTOR = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")


class ScaledClock:
    """Runs `factor` times as fast as the wall; `0` is paused. The factor is decimal text and may change."""

    mode = "scaled"

    def __init__(self, factor: str = "1", start: Millis = 0) -> None:
        self._base = start * MILLI
        self._since = time.monotonic_ns()
        self._sleepers: set[asyncio.Future[None]] = set()
        self.factor = factor
        self._pace = _pace(factor)

    def now(self) -> Millis:
        """The current instant; never decreases, also not when the factor changes."""
        return self._nanos() // MILLI

    def scale(self, factor: str) -> None:
        """Run at another pace from now on, sleepers too; UsageError if `factor` is no decimal text."""
        pace = _pace(factor)
        self._base, self._since = self._nanos(), time.monotonic_ns()
        self.factor, self._pace = factor, pace
        for sleeper in self._sleepers:
            wake(sleeper)

    def rewind(self, instant: Millis) -> None:
        """Run on from an earlier instant; sleepers sleep for as much longer."""
        self._base, self._since = min(instant * MILLI, self._nanos()), time.monotonic_ns()
        for sleeper in self._sleepers:
            wake(sleeper)

    async def sleep_until(self, instant: Millis) -> None:
        """Return once `now() >= instant`; while paused, only after the pace has changed."""
        await self._sleep(instant * MILLI)

    async def hold(self, millis: Millis) -> None:
        """Withhold a reply: never shorter, also not by the fraction that `now()` leaves out."""
        await self._sleep(self._nanos() + millis * MILLI)

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
        timer = loop.call_later(float(left / self._pace) / 1e9, wake, sleeper) if self._pace else None
        self._sleepers.add(sleeper)
        try:
            await sleeper
        finally:
            self._sleepers.discard(sleeper)
            if timer is not None:
                timer.cancel()


def _pace(factor: str) -> Fraction:
    if not _FACTOR.fullmatch(factor):
        raise UsageError(f"{factor!r} is no pace for a clock", hint="write a decimal such as 20 or 0.5; 0 pauses")
    return Fraction(factor)
