"""How long bytes may wait for a peer that takes none (limits.md §2); asyncio itself would keep them for ever."""

import asyncio
from collections.abc import Callable

from lab.clocks import real_millis
from lab.server.library_internals import unsent

_LOOKS = 4
"""Times that a peer is looked at before it is late; it is cut at most a quarter of the deadline after it."""


class WriteDeadline:
    """Watches one transport while bytes wait in it, and calls `late` once the peer has taken none for so long.

    A reply of which nothing waits, because a fault or a stream has nothing to send yet, isn't late. `seconds` are real.
    """

    __slots__ = ("_late", "_millis", "_since", "_taken", "_timer", "_transport", "_written")

    def __init__(self, transport: asyncio.WriteTransport, seconds: float, late: Callable[[], None]) -> None:
        self._transport = transport
        self._millis = seconds * 1_000
        self._late = late
        self._written = 0
        self._taken = 0
        self._since = 0
        """When the peer was seen to have taken something last."""
        self._timer: asyncio.TimerHandle | None = None

    def wrote(self, size: int) -> None:
        """So many bytes were given to the transport."""
        self._written += size
        if self._timer is None and (waiting := unsent(self._transport)):
            self._taken, self._since = self._written - waiting, real_millis()
            self._look_later()

    def close(self) -> None:
        """Watch no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._millis / 1_000 / _LOOKS, self._look)

    def _look(self) -> None:
        self._timer = None
        waiting, now = unsent(self._transport), real_millis()
        if not waiting:
            return
        if (taken := self._written - waiting) != self._taken:
            self._taken, self._since = taken, now
        if now - self._since >= self._millis:
            self._late()
        else:
            self._look_later()
