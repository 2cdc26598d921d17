"""aiohttp's protocol, and whether its parser keeps the beginning of a further head, which it doesn't tell."""

from typing import Any

from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import RequestHandler, _ErrInfo


class WatchedParser(RequestHandler):
    """Feeds the parser; `_messages` and `_request_count` are aiohttp's own."""

    __slots__ = ("_incoming", "behind")

    def __init__(self, manager: Any, **settings: Any) -> None:
        super().__init__(manager, **settings)
        self.behind = False
        """Whether half a head has come behind the requests that the parser gave."""
        self._incoming: Any = EMPTY_PAYLOAD
        """The body of the last of them."""

    def feed(self, data: bytes) -> None:
        """Give it to the parser, the last byte by itself: if that ends no head and is of no body, it is of a further head.

        Most requests end with an empty line, and need no such look.
        """
        if not data or data.endswith(b"\r\n\r\n"):
            self.behind = self.behind and not data  # aiohttp gives nothing, to go on with what it has kept
            self._parse(data)
            return
        self._parse(data[:-1])
        if self._messages and isinstance(self._messages[-1][0], _ErrInfo):
            return
        count, open_body = self._request_count, not self._incoming.is_eof()
        self._parse(data[-1:])
        self.behind = self._request_count == count and not open_body

    def _parse(self, data: bytes) -> None:
        count = self._request_count
        super().data_received(data)
        if self._request_count != count:
            self._incoming = self._messages[-1][1]
