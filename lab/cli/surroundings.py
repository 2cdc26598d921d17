"""What changes around a lab that runs: looked at twice a second, for nobody tells of it."""

import asyncio
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Thread

from lab.clocks import AnyClock, SystemClock, WallWatch, first_of
from lab.core.journal.fact import Fact
from lab.core.journal.shell import ClockJumped
from lab.server.bugs import Bugs

LOOK_EVERY = 500
"""Real milliseconds between two looks."""


class WallClockLook:
    """Notes when the wall clock is set; it moves nothing of the lab's."""

    def __init__(self, note: Callable[[Fact], None], clock: AnyClock) -> None:
        self._note = note
        self._clock = clock
        self._watch = WallWatch()

    def __call__(self) -> None:
        """Look once."""
        if moved := self._watch.moved():
            self._note(ClockJumped(at=self._clock.now(), wall=moved))


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


async def parent_gone(parent: int) -> None:
    """Return once whoever started this process has ended, by whatever signal: it held the other end of stdin.

    Where a process that it forked holds that end too, what tells is that `parent` isn't our parent any more.
    """
    gone, loop, wall = asyncio.Event(), asyncio.get_running_loop(), SystemClock()

    def read_to_the_end() -> None:
        with suppress(OSError):
            while os.read(0, 4096):
                pass
        with suppress(RuntimeError):  # the loop has ended first
            loop.call_soon_threadsafe(gone.set)

    # a thread, for a loop can't watch every kind of stdin
    Thread(target=read_to_the_end, daemon=True).start()
    while not gone.is_set() and os.getppid() == parent:
        await first_of(gone.wait(), wall.sleep_until(wall.now() + LOOK_EVERY))
