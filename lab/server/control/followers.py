"""Those who follow a journal: what is told is encoded once, and each of them costs its writes.

The lines lie in pieces, from the past on, and a follower is a place in them. One that keeps up is given each piece as it
comes; one that lacks some, because it came later or its peer reads slowly, takes them as its peer does. No piece waits in
a transport but the one that is being read, so a peer that takes nothing costs a piece until it is cut (limits.md §2).
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence

from lab.clocks import breathe, first_of
from lab.server.backlog import Kept
from lab.server.connection import Connection
from lab.server.control.journal import HEAVIEST, Subscriber

_PIECE = 16_384
"""Bytes of a piece."""
_OVERHEAD = 128
"""Bytes that one takes beside them."""
_MOST_PIECES = 64
"""That one is given in a turn, so that who lacks many doesn't hold up the others."""
_ROUND = 16
"""JournalFollowers who are given a piece before others have their turn."""
_END = b"\n\n"
"""Of an event."""
_BEHIND = b": You were too far behind. Follow again: the journal begins with what is kept." + _END


def _pieces(lines: list[bytes]) -> Iterator[bytes]:
    """The lines as events, in pieces that end with one; a long one fills several."""
    data = b""
    for line in lines:
        event = b"data: %b%b" % (line.rstrip(b"\n"), _END)
        for start in range(0, len(event), _PIECE):
            part = event[start : start + _PIECE]
            if len(data) + len(part) > _PIECE:
                yield data
                data = b""
            data += part
    if data:
        yield data


class JournalFollower:
    """One who follows over a connection."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.place = 0
        """Of the piece that it is given next."""
        self.between = True
        """Whether what it was given ends with a line."""
        self.woken = asyncio.Event()
        """Set once it lacks a piece, or is at its end."""

    @property
    def gone(self) -> bool:
        """Whether its peer follows no more."""
        return self.connection.half_closed or self.connection.wire.is_closing()

    def write(self, piece: bytes) -> None:
        """Send a piece."""
        self.between = piece.endswith(_END)
        self.place += 1
        self.connection.write(piece)


class JournalFollowers:
    """All who follow one subscriber, with which they end."""

    def __init__(
        self, subscriber: Subscriber, turn: Callable[[], Awaitable[None]], known: "set[JournalFollowers]"
    ) -> None:
        """`turn` waits for a share of the loop's; among those that are `known` until nobody is left, or the journal ends."""
        self.subscriber = subscriber
        self.begins = True
        """Whether who joins is told all that is kept."""
        self._turn, self._known = turn, known
        known.add(self)
        self._pieces: dict[int, bytes] = {}
        self._first = self._end = self._bytes = 0
        self._most: int | None = None
        """Bytes of pieces that are kept; None: as long as the past is told all of them are."""
        self._all: set[JournalFollower] = set()
        self._abreast: dict[JournalFollower, None] = {}
        """Those who lack nothing."""
        self._news = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._task.add_done_callback(self._over)

    def close(self) -> None:
        """The journal is at its end for all of them."""
        self._known.discard(self)
        self._task.cancel()

    def _over(self, task: "asyncio.Task[None]") -> None:
        self._known.discard(self)
        for follower in self._all:
            follower.woken.set()

    async def _run(self) -> None:
        while True:
            await self._turn()
            self._news.clear()
            lines, more = await self.subscriber.work()
            await self._send(lines)
            if self._most is None and self.subscriber.past <= 0:
                self._most = self._bytes + HEAVIEST
            if more:
                await breathe()
            else:
                await first_of(self._news.wait(), self.subscriber.sleep())

    def __call__(self, batch: Sequence[Kept]) -> None:
        """Take what was observed."""
        self.subscriber.take(batch)
        self._news.set()
        if self.subscriber.overrun:
            self.close()

    async def _send(self, lines: list[bytes]) -> None:
        """Give each who lacks nothing the next lines."""
        for piece in _pieces(lines):
            self._pieces[self._end] = piece
            self._end += 1
            self._bytes += len(piece) + _OVERHEAD
        for number, follower in enumerate(tuple(self._abreast)):
            if not number % _ROUND:
                await self._turn()
            if follower in self._abreast:
                self._give(follower)
                if follower.place < self._end:
                    del self._abreast[follower]
                    follower.woken.set()
        while self._most is not None and self._bytes > self._most:
            self._bytes -= len(self._pieces.pop(self._first)) + _OVERHEAD
            self._first += 1
            self.begins = False

    def _give(self, follower: JournalFollower) -> None:
        """Write what it lacks, as much as its peer takes at once."""
        for place in range(follower.place, min(follower.place + _MOST_PIECES, self._end)):
            if follower.gone or follower.connection.writing_paused:
                return
            follower.write(self._pieces[place])

    async def tell(self, follower: JournalFollower) -> None:
        """Give a follower all, from the first line on, until it or the journal is at its end; ConnectionError if it is gone."""
        connection = follower.connection
        connection.wire.set_write_buffer_limits(0)
        connection.at_end = follower.woken.set  # nothing may be written for long that would show that the peer is gone
        self._all.add(follower)
        try:
            while not (follower.gone or self._task.done()):
                if follower.place == self._end:
                    follower.woken.clear()
                    self._abreast[follower] = None
                    await follower.woken.wait()
                    continue
                await connection.drain()
                await self._turn()
                if follower.place < self._first:
                    if follower.between:
                        follower.write(_BEHIND)
                    return
                self._give(follower)
            if self._task.done() and not self._task.cancelled():
                self._task.result()
        finally:
            connection.at_end = None
            self._abreast.pop(follower, None)
            self._all.discard(follower)
            connection.wire.set_write_buffer_limits()
            if not self._all:
                self.close()
