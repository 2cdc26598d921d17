"""A clock that can be set: that of a recording's cursor, and that of a lab elsewhere."""

from collections.abc import Callable

from lab.core.clock import Clock, Millis

MakeClock = Callable[[str, Millis], Clock]
"""Makes a clock of a factor (`0` stands still) that is at an instant now."""


class SettableClock:
    """Runs on from where it was set, at the pace it was given."""

    def __init__(self, make: MakeClock) -> None:
        self._make = make
        self._clock: Clock = make("0", 0)
        self._last: Millis | None = None

    def set(self, at: Millis, factor: str, last: Millis | None = None) -> None:
        """Stand at an instant, and run on at a pace, to the last instant if there is one. Who sleeps on it asks again."""
        self._clock, self._last = self._make(factor, at), last

    def now(self) -> Millis:
        """The instant it has come to."""
        return self._clock.now() if self._last is None else min(self._clock.now(), self._last)

    async def sleep_until(self, instant: Millis) -> None:
        """Return once it has come there, unless it is set meanwhile."""
        await self._clock.sleep_until(instant)
