"""aiohttp's protocol, and whether its parser keeps the beginning of a further head, which it doesn't tell."""

from typing import Any

from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web import RequestPayloadError

from lab.server.library_internals import HttpProtocol

_END = b"\r\n\r\n"
_MOST_PIECES = 1024
"""Pieces in which one segment is given to the parser: a body may hold nothing but empty lines."""


class WatchedParser(HttpProtocol):
    """Feeds the parser."""

    __slots__ = ("_incoming", "behind")

    def __init__(self, manager: Any, **settings: Any) -> None:
        super().__init__(manager, **settings)
        self.behind = False
        """Whether half a head has come behind the requests that the parser gave."""
        self._incoming: Any = EMPTY_PAYLOAD
        """The body of the last of them."""

    def feed(self, data: bytes) -> None:
        """Give it to the parser, each head by itself: what it refuses takes along all that it was given with it."""
        begin = 0
        for _ in range(_MOST_PIECES):
            end = data.find(_END, begin) + len(_END)
            if end < len(_END) or end == len(data):
                break
            self._parse(data[begin:end])
            begin = end
            if self.latest_refused:
                return
        self._feed_last(data[begin:] if begin else data)

    def _feed_last(self, data: bytes) -> None:
        """The last byte by itself: if that ends no head and is of no body, it is of a further head.

        Most requests end with an empty line, and need no such look.
        """
        if not data or data.endswith(_END):
            self.behind = self.behind and not data  # aiohttp gives nothing, to go on with what it has kept
            self._parse(data)
            return
        self._parse(data[:-1])
        if self.latest_refused:
            return
        count, open_body = self.parsed, not self._incoming.is_eof()
        self._parse(data[-1:])
        self.behind = self.parsed == count and not open_body

    def _parse(self, data: bytes) -> None:
        count, incoming = self.parsed, self._incoming
        super().data_received(data)
        if self.parsed != count:
            self._incoming = self.waiting[-1][1]
            if self.latest_refused and not incoming.is_eof():
                # aiohttp would wait for the rest
                incoming.set_exception(RequestPayloadError("the parser refused it"))
