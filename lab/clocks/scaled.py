"""A clock that runs faster or slower than the wall does, or stands.

A run that shares its process with the mock has it stand while it is at work (`stand`), so that what this machine takes
for a call or a redraw is no time of the lab's: 5 ms would be 1.5 s at 300 times the wall's pace. Time then passes only
while the run pauses or a reply of the mock is withheld (`hold`, `hold_until`), and not a nanosecond beyond the first
instant at which one of them, or a call's deadline (`not_beyond`), is due: it waits for a sleeper that wakes late. So a
latency of 120 ms is one at any pace, and a run has the instants it has without waiting.
"""

import asyncio
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Self

from lab.clocks.real import MILLI
from lab.clocks.waits import wake
from lab.core.clock import Clock, Millis
from lab.core.errors import UsageError

if TYPE_CHECKING:
    from fractions import Fraction

_FACTOR = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")


class ScaledClock:
    """Runs `factor` times as fast as the wall; `0` is paused. The factor is decimal text and may change."""

    mode = "scaled"

    def __init__(self, factor: str = "1", start: Millis = 0) -> None:
        self._base = start * MILLI
        self._since = time.monotonic_ns()
        self._sleepers: set[asyncio.Future[None]] = set()
        self._working = 0
        """How many runs are at work."""
        self._passing = 0
        """How many pauses and withheld replies let time pass all the same."""
        self._dues: list[int] = []
        """The instants that it doesn't pass then, in nanoseconds."""
        self._last: int | None = None
        """The instant that it doesn't pass, whoever is at work."""
        self.factor = factor
        self._pace = _pace(factor)

    def now(self) -> Millis:
        """The current instant; never decreases, also not when the factor changes."""
        return self._nanos() // MILLI

    def scale(self, factor: str) -> None:
        """Run at another pace from now on, sleepers too; UsageError if `factor` is no decimal text."""
        pace = _pace(factor)
        self._count_from(self._nanos())
        self.factor, self._pace = factor, pace

    def rewind(self, instant: Millis) -> None:
        """Run on from an earlier instant; sleepers sleep for as much longer."""
        self._count_from(min(instant * MILLI, self._nanos()))

    def set(self, instant: Millis, last: Millis | None = None) -> None:
        """Run on from an instant, earlier or later, and not beyond the last one; sleepers sleep until theirs."""
        self._last = None if last is None else last * MILLI
        self._count_from(instant * MILLI)

    def keep_up(self, instant: Millis) -> None:
        """Be at that instant at least: another clock that runs as this one does has come so far."""
        if instant * MILLI > self._nanos():
            self._count_from(instant * MILLI)

    def stand(self) -> None:
        """A run is at work: no time passes, but what `hold` and `hold_until` let by."""
        self._count_from(self._nanos())
        self._working += 1

    def go_on(self) -> None:
        """Undo one `stand`."""
        self._count_from(self._nanos())
        self._working -= 1

    def _count_from(self, nanos: int) -> None:
        """Count from an instant, and have sleepers look anew how long they sleep."""
        self._base, self._since = nanos, time.monotonic_ns()
        for sleeper in self._sleepers:
            wake(sleeper)

    async def sleep_until(self, instant: Millis) -> None:
        """Return once `now() >= instant`; while paused, only after the pace has changed."""
        await self._sleep(instant * MILLI)

    async def hold(self, millis: Millis) -> None:
        """Withhold a reply: never shorter, also not by the fraction that `now()` leaves out."""
        await self._pass(self._nanos() + millis * MILLI)

    async def hold_while_it_runs(self, millis: Millis) -> None:
        """Withhold a reply for as long, or until the clock is paused: to a client that can't know why nothing comes."""
        due = self._nanos() + millis * MILLI
        while self._pace and (left := due - self._nanos()) > 0:
            await self._doze(left)

    async def hold_until(self, instant: Millis) -> None:
        """Withhold what is left of a reply, or pause; with a run at work it is that very instant at which this returns."""
        await self._pass(instant * MILLI)

    @contextmanager
    def not_beyond(self, instant: Millis) -> Iterator[None]:
        """Have time not pass that instant, while a run is at work; it may have come to it."""
        self._dues.append(instant * MILLI)
        try:
            yield
        finally:
            self._count_from(self._nanos())
            self._dues.remove(instant * MILLI)

    async def _pass(self, due: int) -> None:
        if not self._working or due <= self._nanos():
            return await self._sleep(due)
        self._count_from(self._nanos())
        self._dues.append(due)
        self._passing += 1
        try:
            await self._sleep(due)
        finally:
            self._count_from(self._nanos())
            self._dues.remove(due)
            self._passing -= 1

    async def _sleep(self, due: int) -> None:
        while (left := due - self._nanos()) > 0:
            await self._doze(left)

    @property
    def _stands(self) -> bool:
        return not self._pace or (self._working > 0 and not self._passing)

    def _nanos(self) -> int:
        if self._stands:
            return self._base
        passed = time.monotonic_ns() - self._since
        running = self._base + passed * self._pace.numerator // self._pace.denominator
        bounds = [*(self._dues if self._working else ()), *(() if self._last is None else (self._last,))]
        return max(self._base, min(running, *bounds)) if bounds else running

    async def _doze(self, left: int) -> None:
        """Sleep for `left` nanoseconds of this clock, or until the pace changes."""
        loop = asyncio.get_running_loop()
        sleeper = loop.create_future()
        timer = loop.call_later(float(left / self._pace) / 1e9, wake, sleeper) if not self._stands else None
        self._sleepers.add(sleeper)
        try:
            await sleeper
        finally:
            self._sleepers.discard(sleeper)
            if timer is not None:
                timer.cancel()


class RunClock:
    """The clock of a run that shares its process with the mock that it calls, for as long as it is entered.

    A scaled one stands but for the run's pauses and the latencies of replies. Any other goes on as ever: a real one passes
    meanwhile, a manual one is moved by somebody.
    """

    def __init__(self, clock: Clock) -> None:
        self.now = clock.now
        self._clock = clock
        self._scaled = clock if isinstance(clock, ScaledClock) else None
        self.sleep_until = clock.sleep_until if self._scaled is None else self._scaled.hold_until

    def __enter__(self) -> Self:
        if self._scaled is not None:
            self._scaled.stand()
        return self

    def __exit__(self, *ended: object) -> None:
        if self._scaled is not None:
            self._scaled.go_on()

    def begin(self) -> None:
        """Stand at instant 0, as a run does that costs no time; only before anything has happened."""
        if self._scaled is not None:
            self._scaled.rewind(0)

    @contextmanager
    def call(self, until: Millis) -> Iterator[Clock]:
        """A call that is given up at that instant: the clock on which to wait for it, which lets no time pass."""
        with nullcontext() if self._scaled is None else self._scaled.not_beyond(until):
            yield self._clock


def _pace(factor: str) -> "Fraction":
    if not _FACTOR.fullmatch(factor):
        raise UsageError(f"{factor!r} is no pace for a clock", hint="write a decimal such as 20 or 0.5; 0 pauses")
    from fractions import Fraction  # no other clock needs it

    return Fraction(factor)
