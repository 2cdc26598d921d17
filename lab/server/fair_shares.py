"""What many peers at once leave to everybody else: room for their bodies, a share of each turn of the loop, the interpreter."""

import asyncio
from sys import getswitchinterval, setswitchinterval
from typing import Any

from lab.clocks import breathe

SHARE = 0.01
"""Real seconds of a turn that those have together who have much to send."""
_KEPT = 0.0005
"""Real seconds for which a thread keeps the interpreter at most, a call of C apart, while others need it."""
_USUAL = getswitchinterval()


class BodyQueue:
    """The bytes of long bodies that may be here at once: each takes what it may need, in the order of asking, before it is read.

    So many peers who send at once cost no more memory than some, and whoever asks for little waits for few of their bytes.
    """

    def __init__(self, most: int) -> None:
        self._most = self._left = most
        self._first = asyncio.Lock()
        self._returned = asyncio.Event()

    async def take(self, size: int) -> int:
        """Return how many bytes were taken, once there are so many: of a body that is larger than the room all of it."""
        size = min(size, self._most)
        async with self._first:
            while self._left < size:
                self._returned.clear()
                await self._returned.wait()
            self._left -= size
        return size

    def give_back(self, size: int) -> None:
        """They are free again."""
        self._left += size
        self._returned.set()


class TurnShare:
    """Streams go on for a share of each turn, together: a thousand that have something to say at once make nobody late."""

    def __init__(self) -> None:
        self._until: float | None = None
        """When the share of this turn is spent; None: nobody has begun."""
        self._first = asyncio.Lock()

    async def begin(self) -> None:
        """Return in a turn of which some of the share is left, in the order of asking."""
        loop = asyncio.get_running_loop()
        async with self._first:
            while self._until is not None and loop.time() >= self._until:
                await breathe()
            if self._until is None:
                self._until = loop.time() + SHARE
                loop.call_soon(self._next)

    def _next(self) -> None:
        self._until = None


class LongWork(asyncio.Lock):
    """Held while another thread does what takes long: one at a time, for each more would keep the interpreter from replies.

    Meanwhile it is handed over sooner: a reply needs it often.
    """

    under_way = 0

    async def __aenter__(self) -> None:
        await super().__aenter__()
        LongWork.under_way += 1
        setswitchinterval(min(_USUAL, _KEPT))

    async def __aexit__(self, *raised: Any) -> None:
        LongWork.under_way -= 1
        if not LongWork.under_way:
            setswitchinterval(_USUAL)
        await super().__aexit__(*raised)
