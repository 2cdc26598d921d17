"""What changes around a lab that runs: looked at twice a second, for nobody tells of it."""

from collections.abc import Callable, Iterable

from lab.clocks import AnyClock, SystemClock, WallWatch
from lab.core.journal.shell import ClockJumped
from lab.mock.service import Service
from lab.server.bugs import Bugs

LOOK_EVERY = 500
"""Real milliseconds between two looks."""


class WallClockLook:
    """Notes when the wall clock is set; it moves nothing of the lab's."""

    def __init__(self, service: Service, clock: AnyClock) -> None:
        self._service = service
        self._clock = clock
        self._watch = WallWatch()

    def __call__(self) -> None:
        """Look once."""
        if moved := self._watch.moved():
            self._service.note(ClockJumped(at=self._clock.now(), wall=moved))


async def look_around(looks: Iterable[Callable[[], None]], bugs: Bugs) -> None:
    """Take each look again and again, until cancelled; one that ends in a bug of ours isn't taken any more."""
    wall, looks = SystemClock(), list(looks)
    while True:
        await wall.sleep_until(wall.now() + LOOK_EVERY)
        for look in tuple(looks):
            try:
                look()
            except Exception as fault:  # noqa: BLE001 - the lab goes on
                bugs.found(fault)
                looks.remove(look)
