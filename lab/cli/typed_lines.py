"""Lines that a person types, read while a loop runs."""

import sys
from asyncio import AbstractEventLoop, Event, get_running_loop
from contextlib import suppress
from threading import Thread


class TypedLines:
    """Reads them from stdin one at a time, whenever one is wanted; none is lost if nobody waits for it any more."""

    def __init__(self) -> None:
        self._typed: list[str] = []
        """The one that was read and not taken yet."""
        self._come = Event()
        self._thread: Thread | None = None
        """Only where the loop watches no terminal."""

    async def next(self) -> str:
        """The next line, with its end; empty at the end of input."""
        loop, self._come = get_running_loop(), Event()
        try:
            loop.add_reader(sys.stdin.fileno(), self._read)
        except NotImplementedError:  # Windows' own loop
            self._read_apart(loop)
            await self._wait()
        else:
            try:
                await self._wait()
            finally:
                loop.remove_reader(sys.stdin.fileno())
        return self._typed.pop()

    async def _wait(self) -> None:
        while not self._typed:
            await self._come.wait()

    def _read(self) -> None:
        if not self._typed:
            self._typed.append(sys.stdin.readline())
        self._come.set()

    def _read_apart(self, loop: AbstractEventLoop) -> None:
        """Read one in a thread, unless one that was begun before still does, or has."""

        def read() -> None:
            # a buffered stdin would be locked meanwhile, and Python couldn't end
            with open(sys.stdin.fileno(), "rb", 0, closefd=False) as stdin:
                line = stdin.readline()
            self._typed.append(line.decode(sys.stdin.encoding, "replace"))
            self._thread = None
            with suppress(RuntimeError):  # the loop has ended first
                loop.call_soon_threadsafe(lambda: self._come.set())

        if self._thread is None and not self._typed:
            self._thread = Thread(target=read, daemon=True)
            self._thread.start()
