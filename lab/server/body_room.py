"""How many bytes of requests a proxy has in memory at once, whoever sends them (limits.md §2)."""

from typing import Self

from aiohttp.streams import StreamReader

MOST_BODIES = 104_857_600
"""Bytes: three uploads of the largest size, or any number of small ones."""


class NoRoom(Exception):
    """More has come at once than may be kept."""


class BodyRoom:
    """The bytes that are taken, of those there are."""

    def __init__(self, most: int = MOST_BODIES) -> None:
        self.most = most
        self.taken = 0

    def place(self) -> "BodyPlace":
        """What one request takes of it, for as long as it is entered."""
        return BodyPlace(self)


class BodyPlace:
    """The bytes of one request; left, they are free again."""

    def __init__(self, room: BodyRoom) -> None:
        self._room = room
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._room.taken -= self._size

    def grow_to(self, size: int) -> None:
        """Take so many bytes in all; NoRoom if there are no more."""
        more = max(0, size - self._size)
        if self._room.taken + more > self._room.most:
            raise NoRoom
        self._room.taken += more
        self._size += more


class MeteredBody:
    """A body that is read, and takes its place as it comes."""

    def __init__(self, payload: StreamReader, place: BodyPlace) -> None:
        self._payload = payload
        self._place = place
        self._come = 0
        self.is_eof = payload.is_eof
        self.set_exception = payload.set_exception

    async def readany(self) -> bytes:
        """The next bytes; empty at the end. NoRoom if they aren't to be kept."""
        chunk = await self._payload.readany()
        self._come += len(chunk)
        self._place.grow_to(self._come)
        return chunk
