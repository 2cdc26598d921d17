"""Entries that a thread of its own writes, in batches, so that no call waits for what becomes of them."""

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Generic, TypeVar

_Entry = TypeVar("_Entry")
MOST_WAITING = 20_000
"""Entries that wait where they are written slowly; of what comes beyond only the number is told."""
_PATIENCE = 1.0
"""Seconds for which the end of the lab waits for the last ones."""


class BackgroundWriter(Generic[_Entry]):
    """Hands entries over to its thread whenever somebody looks."""

    def __init__(
        self, name: str, write: Callable[[list[_Entry]], object], tell_left_out: Callable[[int], object]
    ) -> None:
        """`write` is given each batch, in the thread; `tell_left_out` how many entries there was no room for."""
        self._write, self._tell_left_out = write, tell_left_out
        self._ended: list[_Entry] = []
        # each counter has one thread that adds to it: of two that do, one addition may be lost
        self._handed = self._written = 0
        """Entries that the thread has been given, and has written."""
        self._left_out = self._reported = 0
        """Entries that there was no room for, and how many of these were told of."""
        self._batches: SimpleQueue[list[_Entry] | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def add(self, entry: _Entry) -> None:
        """Have it written, if there is room."""
        if self._handed - self._written + len(self._ended) >= MOST_WAITING:
            self._left_out += 1
        else:
            self._ended.append(entry)

    def look(self) -> None:
        """Hand over what was added since the last time."""
        if self._ended:
            self._handed += len(self._ended)
            self._batches.put(self._ended)
            self._ended = []

    def close(self) -> None:
        """Write what is left, as long as that goes on."""
        self.look()
        self._batches.put(None)
        self._thread.join(_PATIENCE)
        self._report()

    def _work(self) -> None:
        while (batch := self._batches.get()) is not None:
            self._write(batch)
            self._written += len(batch)
            self._report()

    def _report(self) -> None:
        left_out = self._left_out - self._reported
        if left_out and self._handed == self._written:
            self._tell_left_out(left_out)
            self._reported += left_out
