"""The clock of a run that shares its process with the mock that it calls."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import TracebackType
from typing import Self

from lab.clocks.scaled import ScaledClock
from lab.core.clock import Clock, Millis


class RunClock:
    """While it is entered, a scaled clock stands but for the run's pauses and the latencies of replies.

    Any other clock goes on as ever: a real one passes meanwhile, a manual one is moved by somebody.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._scaled = clock if isinstance(clock, ScaledClock) else None

    def __enter__(self) -> Self:
        if self._scaled is not None:
            self._scaled.stand()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._scaled is not None:
            self._scaled.go_on()

    def begin(self) -> None:
        """Stand at instant 0, as a run does that costs no time; only before anything has happened."""
        if self._scaled is not None:
            self._scaled.rewind(0)

    def now(self) -> Millis:
        """The current instant."""
        return self._clock.now()

    async def sleep_until(self, instant: Millis) -> None:
        """Pause: return at that instant."""
        await (self._clock.sleep_until(instant) if self._scaled is None else self._scaled.hold_until(instant))

    @contextmanager
    def call(self, until: Millis) -> Iterator[Clock]:
        """A call that is given up at that instant: the clock on which to wait for it, which lets no time pass."""
        with nullcontext() if self._scaled is None else self._scaled.not_beyond(until):
            yield self._clock
