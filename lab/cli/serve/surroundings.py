"""What changes around a lab that runs: looked at twice a second, for nobody tells of it."""

import asyncio
import os
import select
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Thread

from lab.clocks import SystemClock, first_of
from lab.core.errors import UsageError
from lab.server.bugs import Bugs

LOOK_EVERY = 500
"""Real milliseconds between two looks."""
_READ_WITHIN = 0.05
"""Seconds in which the end of stdin, once it is there, is read."""


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


class Parent:
    """Whoever started this process, and holds the other end of stdin: gone once that ends, by whatever signal.

    Where a process that it forked holds that end too, what tells is that it isn't our parent any more.
    """

    def __init__(self) -> None:
        self._pid = os.getppid()
        self._notify: Callable[[], object] = lambda: None
        self.closed = False
        """Whether stdin is at its end."""
        # a thread, for a loop can't watch every kind of stdin, and on Windows none
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with suppress(OSError):
            while os.read(0, 4096):
                pass
        self.closed = True
        with suppress(RuntimeError):  # the loop has ended first
            self._notify()

    def check(self) -> None:
        """UsageError if nobody holds stdin."""
        try:
            while not self.closed and select.select([0], [], [], 0)[0]:  # its end, or what was written to it
                self._reader.join(_READ_WITHIN)
        except OSError:  # there is no stdin, or the system tells of sockets alone, as Windows does
            self._reader.join(_READ_WITHIN)
        if self.closed:
            raise UsageError(
                "--with-parent: stdin is closed, so nobody holds its other end.",
                hint="Start the lab with a pipe as stdin, and keep the other end open.",
            )

    async def gone(self) -> None:
        """Return once it is gone."""
        ended, loop, wall = asyncio.Event(), asyncio.get_running_loop(), SystemClock()
        self._notify = lambda: loop.call_soon_threadsafe(ended.set)
        while not self.closed and os.getppid() == self._pid:
            await first_of(ended.wait(), wall.sleep_until(wall.now() + LOOK_EVERY))


async def parent_gone(parent: Parent | None) -> None:
    """Return once it is gone; never without one."""
    await (parent.gone() if parent is not None else asyncio.Event().wait())
